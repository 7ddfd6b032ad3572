//! Compares the results of two runs of a case: relationships by type and ends, observables by type and value.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use stixmap_engine::case::Played;
use stixmap_engine::stix::{Bundle, Object, Relationship, stix_time};

/// A case with its differences.
pub(super) struct CaseDifference {
    pub(super) case: String,
    pub(super) difference: Difference,
}

/// The differences of one case.
#[derive(Debug, Default, Serialize)]
pub(super) struct Difference {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<Change>,
    pub(super) observables: Sets,
    pub(super) relationships: Sets,
    pub(super) changed: Vec<Changed>,
}

/// The old and the new text.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) old: String,
    pub(super) new: String,
}

/// Lines that only one side has.
#[derive(Debug, Default, Serialize)]
pub(super) struct Sets {
    pub(super) added: Vec<String>,
    pub(super) gone: Vec<String>,
}

/// A relationship that both sides have, with its differences.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    pub(super) relationship: String,
    pub(super) changes: BTreeMap<&'static str, Change>,
}

impl Difference {
    pub(super) fn is_none(&self) -> bool {
        let has_sets = |sets: &Sets| !sets.added.is_empty() || !sets.gone.is_empty();
        let has_graph = has_sets(&self.observables) || has_sets(&self.relationships) || !self.changed.is_empty();
        !has_graph && self.outcome.is_none() && self.records.is_none()
    }
}

/// The compared properties of a relationship.
type Facts = [(&'static str, String); 5];

pub(super) fn difference(old: Option<&Played>, new: Option<&Played>) -> Difference {
    let counts = |played: Option<&Played>| played.map(|played| played.report.counts.to_string()).unwrap_or_default();
    let nothing = Bundle::default();
    let bundle = |played: Option<&Played>| played.map_or(nothing.clone(), |played| played.report.bundle.clone());
    let (old_bundle, new_bundle) = (bundle(old), bundle(new));
    let (relationships, changed) = relationships(&old_bundle, &new_bundle);
    Difference {
        outcome: change(outcome(old), outcome(new)),
        records: change(counts(old), counts(new)),
        observables: sets(&observables(&old_bundle), &observables(&new_bundle)),
        relationships,
        changed,
    }
}

/// Formats the outcome of a case.
fn outcome(played: Option<&Played>) -> String {
    played.map_or_else(|| "not played: missing setting".to_owned(), |played| played.report.outcome.to_string())
}

fn change(old: String, new: String) -> Option<Change> {
    (old != new).then_some(Change { old, new })
}

fn sets(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Sets {
    let only = |of: &BTreeSet<String>, than: &BTreeSet<String>| of.difference(than).cloned().collect();
    Sets { added: only(new, old), gone: only(old, new) }
}

fn observables(bundle: &Bundle) -> BTreeSet<String> {
    let observables = bundle.objects().filter_map(|object| match object {
        Object::Observable { observable, tlp, .. } => {
            Some(format!("{observable} {}", tlp.map_or("unmarked", |tlp| tlp.as_str())))
        }
        Object::Marking(_) | Object::PapMarking(_) | Object::Identity(_) | Object::Relationship(_) => None,
    });
    observables.collect()
}

/// Relationships with equal type and ends are paired in the order of their times.
fn relationships(old: &Bundle, new: &Bundle) -> (Sets, Vec<Changed>) {
    let (old, new) = (by_type_and_ends(old), by_type_and_ends(new));
    let (mut sets, mut all_changed) = (Sets::default(), vec![]);
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let of = |side: &BTreeMap<String, Vec<Facts>>| side.get(key).cloned().unwrap_or_default();
        let (old, new) = (of(&old), of(&new));
        let both = old.len().min(new.len());
        all_changed.extend(old.iter().zip(&new).filter_map(|(old, new)| changed(key, old, new)));
        sets.gone.extend(old[both..].iter().map(|facts| line(key, facts)));
        sets.added.extend(new[both..].iter().map(|facts| line(key, facts)));
    }
    (sets, all_changed)
}

fn by_type_and_ends(bundle: &Bundle) -> BTreeMap<String, Vec<Facts>> {
    let mut all: BTreeMap<String, Vec<Facts>> = BTreeMap::new();
    for relationship in bundle.relationships() {
        let end = |id| bundle.observable(id).map_or_else(|| format!("{id}"), |observable| observable.to_string());
        let Relationship { source, target, relationship_type, .. } = &relationship;
        let key = format!("{}  {relationship_type}  {}", end(*source), end(*target));
        all.entry(key).or_default().push(facts(&relationship));
    }
    all.values_mut().for_each(|facts| facts.sort());
    all
}

fn facts(relationship: &Relationship) -> Facts {
    let time = |time: Option<_>| time.map_or_else(|| "?".to_owned(), stix_time);
    let descriptions: Vec<&str> = relationship.descriptions.iter().map(AsRef::as_ref).collect();
    [
        ("start", time(relationship.start_time)),
        ("stop", time(relationship.stop_time)),
        ("description", format!("“{}”", descriptions.join(", "))),
        ("marking", relationship.tlp.as_str().to_owned()),
        ("id", relationship.id.to_string()),
    ]
}

fn changed(key: &str, old: &Facts, new: &Facts) -> Option<Changed> {
    let changes =
        old.iter().zip(new).filter_map(|((name, old), (_, new))| Some((*name, change(old.clone(), new.clone())?)));
    let changes: BTreeMap<&'static str, Change> = changes.collect();
    (!changes.is_empty()).then(|| Changed { relationship: key.to_owned(), changes })
}

fn line(key: &str, facts: &Facts) -> String {
    let [(_, start), (_, stop), (_, description), (_, marking), _] = facts;
    format!("{key}  {start} … {stop}  {description}  {marking}")
}
