//! The checks of the properties, one function for each row of the table.

use super::bundle_view::{by_id, objects, references};
use super::ensure::ensure;
use super::play::Played;
use super::pool::encoded;
use super::take::Take;
use super::{derive, valid};
use crate::explain::most_requests;
use serde_json::Value;
use std::collections::BTreeSet;
use stixmap_engine::case::{self, Case};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{SettingValue, Settings, ValueOrSetting};
use stixmap_engine::profile::{OtherNames, Unmarked};
use stixmap_engine::run::{OutcomeKind, RecordResult, Report, Traced};
use stixmap_engine::stix::{Marking, ObservableType, Tlp, is_permitted};

pub(super) fn no_panic(take: &Take) -> Result<(), String> {
    take.played.as_ref().map(|_| ()).map_err(|panicked| format!("it panics: {}", panicked.reason))
}

/// Returns the result, or `None` after a panic, which has a property of its own.
fn played<'t>(take: &'t Take) -> Option<&'t Played> {
    take.played.as_ref().ok()
}

/// Formats a report without its bundle and trace.
fn rest(report: &Report) -> String {
    let Report { outcome, counts, requests, diagnostics, .. } = report;
    format!("{outcome:?} {counts:?} {requests} {diagnostics:?}")
}

pub(super) fn deterministic(take: &Take) -> Result<(), String> {
    let (Some(one), Ok(other)) = (played(take), take.stage.play(take.scene)) else { return Ok(()) };
    let same = one.written == other.written
        && one.exchanges == other.exchanges
        && one.shown == other.shown
        && one.report.trace == other.report.trace
        && rest(&one.report) == rest(&other.report);
    ensure(same, || "a second run yields another result".to_owned())
}

pub(super) fn closed(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let by_id = by_id(&played.bundle);
    ensure(by_id.len() == objects(&played.bundle).count(), || "duplicate object in the bundle".to_owned())?;
    let asked = played.setting.observable.id().to_string();
    ensure(by_id.contains_key(asked.as_str()), || format!("the observable {asked} is missing from the bundle"))?;
    for object in objects(&played.bundle) {
        if let Some(missing) = references(object).into_iter().find(|id| !by_id.contains_key(id)) {
            return Err(format!("missing object {missing}, referenced by {object}"));
        }
    }
    Ok(())
}

/// With `other_names: keep`, records about other names may be unconnected.
pub(super) fn connected(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    if take.stage.plan.record.other_names == OtherNames::Keep {
        return Ok(());
    }
    let mut reached = BTreeSet::from([played.setting.observable.id().to_string()]);
    let ends =
        |object: &Value| Some([object["source_ref"].as_str()?.to_owned(), object["target_ref"].as_str()?.to_owned()]);
    let mut open: Vec<[String; 2]> = objects(&played.bundle).filter_map(ends).collect();
    while let Some(place) = open.iter().position(|ends| ends.iter().any(|end| reached.contains(end))) {
        reached.extend(open.swap_remove(place));
    }
    let apart = objects(&played.bundle).find(|object| {
        let is_observable = object["type"].as_str().is_some_and(|kind| ObservableType::parse(kind).is_some());
        is_observable && !object["id"].as_str().is_some_and(|id| reached.contains(id))
    });
    ensure(apart.is_none(), || format!("not connected with the observable: {apart:?}"))
}

pub(super) fn valid_stix(take: &Take) -> Result<(), String> {
    played(take).map_or(Ok(()), |played| valid::bundle(&played.bundle))
}

pub(super) fn permitted(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let by_id = by_id(&played.bundle);
    for object in objects(&played.bundle).filter(|object| object["type"] == "relationship") {
        let end = |key: &str| ObservableType::parse(by_id.get(object[key].as_str()?)?["type"].as_str()?);
        let relationship_type = serde_json::from_value(object["relationship_type"].clone()).ok();
        let ends = (end("source_ref"), relationship_type, end("target_ref"));
        let (Some(source), Some(relationship_type), Some(target)) = ends else {
            return Err(format!("no ends: {object}"));
        };
        ensure(is_permitted(source, relationship_type, target), || {
            format!("OpenCTI does not permit the relationship {object}")
        })?;
        ensure(object["source_ref"] != object["target_ref"], || format!("source and target are equal: {object}"))?;
    }
    Ok(())
}

pub(super) fn accounted(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let (counts, trace) = (&played.report.counts, &played.report.trace);
    ensure(counts.add_up(), || format!("counts do not add up: {counts}"))?;
    ensure(trace.len() as u64 == counts.read, || format!("{} records traced, counted: {counts}", trace.len()))?;
    let count = |is: fn(&RecordResult) -> bool| trace.iter().filter(|traced| is(&traced.result)).count() as u64;
    let traced = [
        count(|result| matches!(result, RecordResult::Mapped)),
        count(|result| matches!(result, RecordResult::Dropped(..))),
        count(|result| matches!(result, RecordResult::Bad(_))),
        count(|result| matches!(result, RecordResult::Outside)),
    ];
    let counted = [counts.mapped, counts.dropped(), counts.bad(), counts.outside_window];
    ensure(traced == counted, || format!("counted {counted:?}, traced {traced:?}"))?;
    let is_linked = trace.iter().all(|traced| matches!(traced.result, RecordResult::Mapped) != traced.links.is_empty());
    ensure(is_linked, || "a mapped record without objects, or objects of another record".to_owned())
}

pub(super) fn marked(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let asked = asked_level(played);
    let least = asked.unwrap_or(Tlp::Clear).max(level(&take.stage.plan.tlp.at_least, &played.settings));
    for object in objects(&played.bundle) {
        let tlp = object["object_marking_refs"][0].as_str().and_then(level_of);
        let has_author = object.get("created_by_ref").or(object.get("x_opencti_created_by_ref")).is_some();
        match object["type"].as_str() {
            Some("identity" | "marking-definition") => {}
            _ if has_author => ensure(tlp >= Some(least), || format!("marked {tlp:?}, below {least}: {object}"))?,
            _ => ensure(tlp == asked, || format!("the marking of the observable changed to {tlp:?}"))?,
        }
    }
    played.report.trace.iter().try_for_each(|traced| own_level(played, traced))
}

/// A relationship is marked at least as high as the provider marked its records.
fn own_level(played: &Played, traced: &Traced) -> Result<(), String> {
    let Some(own) = traced.record.as_ref().and_then(|record| record.tlp) else { return Ok(()) };
    for link in &traced.links {
        let ends = [link.source.id().to_string(), link.target.id().to_string()];
        let is_it = |object: &&Value| {
            object["source_ref"] == ends[0]
                && object["target_ref"] == ends[1]
                && object["relationship_type"] == link.relationship.as_str()
        };
        let tlp = |object: &Value| object["object_marking_refs"][0].as_str().and_then(level_of);
        let highest = objects(&played.bundle).filter(is_it).map(tlp).max().flatten();
        ensure(highest >= Some(own), || format!("a record of {own} yields a relationship of {highest:?}: {link:?}"))?;
    }
    Ok(())
}

/// Returns the level of a marking id.
fn level_of(id: &str) -> Option<Tlp> {
    Tlp::ALL.into_iter().find(|tlp| tlp.marking_id().to_string() == id)
}

pub(super) fn gate(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let (plan, sent) = (take.stage.plan, played.exchanges.len());
    let is_unknown = played.setting.tlp.iter().any(|text| matches!(Marking::tlp(text), Marking::Unreadable(_)));
    let may = match asked_level(played) {
        _ if is_unknown => false,
        None => plan.tlp.unmarked != Unmarked::Refuse,
        Some(asked) => asked <= level(&plan.tlp.max, &played.settings),
    };
    let kind = played.report.outcome.kind;
    ensure(may == (kind != OutcomeKind::Refused), || format!("permitted: {may}, outcome: {}", kind.as_str()))?;
    ensure(may == (sent > 0), || format!("permitted: {may}, requests sent: {sent}"))
}

pub(super) fn no_secret(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let report = &played.report;
    let places = [
        ("the bundle", played.written.clone()),
        ("the trace", format!("{:?}", report.trace)),
        ("the outcome", format!("{} {:?}", report.outcome, report.counts)),
        ("a diagnostic", format!("{:?}", report.diagnostics)),
        ("a request that is shown", played.shown.clone()),
    ];
    // A token is a secret once the provider has issued it, and it was sent.
    let is_known = |name: &str| name != "token" || played.shown.contains("{token}");
    for (name, secret) in take.stage.secrets.iter().filter(|(name, _)| is_known(name)) {
        for (place, text) in &places {
            let is_in = text.contains(secret.as_str()) || text.contains(&encoded(secret));
            ensure(!is_in, || format!("{place} contains the value of `{name}`"))?;
        }
    }
    Ok(())
}

pub(super) fn bounded(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let (sent, most) =
        (played.exchanges.len() as u64, most_requests(take.stage.plan, played.setting.observable.kind()));
    ensure(sent <= most, || format!("{sent} requests, but `stixmap explain` states a maximum of {most}"))?;
    ensure(sent == played.report.requests, || format!("{sent} requests sent, {} counted", played.report.requests))
}

pub(super) fn ids(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let has_start = take.stage.plan.relationship.policy.start_in_id;
    for object in objects(&played.bundle) {
        let Some(derived) = derive::id(object, has_start) else { continue };
        let is_of_type = || {
            let has_another = objects(&played.bundle).any(|other| other["id"] == derived.as_str());
            has_another && derive::typed_ids(object, has_start).any(|id| object["id"] == id.as_str())
        };
        let is_derived = object["id"] == derived.as_str() || is_of_type();
        ensure(is_derived, || format!("expected the id {derived}: {object}"))?;
    }
    Ok(())
}

pub(super) fn times(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    for object in objects(&played.bundle) {
        let time = |key: &str| object[key].as_str().map(str::parse::<jiff::Timestamp>);
        match (time("start_time"), time("stop_time")) {
            (Some(Ok(start)), Some(Ok(stop))) => {
                ensure(stop > start, || format!("stop_time before start_time: {object}"))?
            }
            (Some(Err(_)), _) | (_, Some(Err(_))) => return Err(format!("invalid timestamp: {object}")),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn believed(take: &Take) -> Result<(), String> {
    let Some(played) = played(take) else { return Ok(()) };
    let report = &played.report;
    let kind = report.outcome.kind;
    let has_reason = !report.outcome.reasons.is_empty();
    let needs_reason = !matches!(kind, OutcomeKind::Ok | OutcomeKind::Empty);
    ensure(has_reason || !needs_reason, || format!("outcome `{}` without a reason", kind.as_str()))?;
    let relationships = report.bundle.relationships().count();
    let is_silent = matches!(kind, OutcomeKind::Empty | OutcomeKind::Refused);
    ensure(!is_silent || relationships == 0, || {
        format!("outcome `{}` with {relationships} relationships", kind.as_str())
    })
}

pub(super) fn replayed(take: &Take) -> Result<(), String> {
    let Some(one) = played(take) else { return Ok(()) };
    // A redirect may lead to the base URL itself, which a case cannot express.
    let can_be_named = |target: &str| target.starts_with('/') || target.starts_with("https://");
    let mut targets = one.exchanges.iter().filter_map(|exchange| exchange.request.split_once(' '));
    if !targets.all(|(_, target)| can_be_named(target)) {
        return Ok(());
    }
    let text = one.case("a run").text().map_err(|error| error.to_string())?;
    let source = Source::new("case.yaml", text.as_str());
    let case = Case::read(&source, |_| Err(String::new())).map_err(|mistakes| {
        format!("invalid case: {}", mistakes.iter().map(ToString::to_string).collect::<String>())
    })?;
    let Ok(other) = case::play(take.stage.plan, &case) else { return Err("missing settings in the case".to_owned()) };
    let is_same = serde_json::to_string(&other.report.bundle).is_ok_and(|bundle| bundle == one.written);
    ensure(is_same && other.report.outcome == one.report.outcome, || {
        format!("outcome {}, but {} as a case", one.report.outcome, other.report.outcome)
    })
}

fn asked_level(played: &Played) -> Option<Tlp> {
    played.setting.tlp.iter().filter_map(|text| Tlp::parse(text)).max()
}

fn level(value: &ValueOrSetting<Tlp>, settings: &Settings) -> Tlp {
    match value {
        ValueOrSetting::Value(tlp) => *tlp,
        ValueOrSetting::Setting(name) => match settings.value(name) {
            Some(SettingValue::Tlp(tlp)) => *tlp,
            _ => Tlp::Red,
        },
    }
}
