//! Reports differences as text (`+` added, `-` removed, `~` changed) or JSON.

use super::graph::{CaseDifference, Change, Changed, Sets};
use serde_json::{Value, json};
use std::fmt::Write;
use stixmap_engine::plan::Plan;
use stixmap_engine::printable;

pub(super) fn text(old: &Plan, new: &Plan, played: usize, differences: &[CaseDifference]) -> String {
    let mut text = String::new();
    for CaseDifference { case, difference } in differences {
        push(&mut text, case);
        let changes = [("outcome", &difference.outcome), ("records", &difference.records)];
        for (name, change) in changes.into_iter().filter_map(|(name, change)| Some((name, change.as_ref()?))) {
            push(&mut text, &format!("  ~ {name}: {} → {}", change.old, change.new));
        }
        sets(&mut text, &difference.observables);
        sets(&mut text, &difference.relationships);
        difference.changed.iter().for_each(|changed| self::changed(&mut text, changed));
    }
    push(&mut text, &summary(old, new, played, differences));
    text
}

fn push(text: &mut String, line: &str) {
    let _ = writeln!(text, "{}", printable::line(line));
}

fn sets(text: &mut String, sets: &Sets) {
    sets.gone.iter().for_each(|gone| push(text, &format!("  - {gone}")));
    sets.added.iter().for_each(|added| push(text, &format!("  + {added}")));
}

fn changed(text: &mut String, Changed { relationship, changes }: &Changed) {
    let parts = changes.iter().map(|(name, Change { old, new })| format!("{name} {old} → {new}"));
    push(text, &format!("  ~ {relationship}: {}", parts.collect::<Vec<_>>().join(", ")));
}

fn summary(old: &Plan, new: &Plan, played: usize, differences: &[CaseDifference]) -> String {
    let version = |plan: &Plan| format!("{} {}", plan.id, plan.version);
    let head = format!("{} → {}", version(old), version(new));
    if differences.is_empty() {
        return format!("{head}: {played} cases are equal");
    }
    let sum = |count: fn(&CaseDifference) -> usize| differences.iter().map(count).sum::<usize>();
    format!(
        "{head}: {} of {played} cases differ: relationships: {} added, {} removed, {} changed; observables: {} added, \
         {} removed; \
         outcomes: {} changed",
        differences.len(),
        sum(|of| of.difference.relationships.added.len()),
        sum(|of| of.difference.relationships.gone.len()),
        sum(|of| of.difference.changed.len()),
        sum(|of| of.difference.observables.added.len()),
        sum(|of| of.difference.observables.gone.len()),
        sum(|of| usize::from(of.difference.outcome.is_some())),
    )
}

pub(super) fn json(old: &Plan, new: &Plan, played: usize, differences: &[CaseDifference]) -> Value {
    let profile = |plan: &Plan| json!({ "profile": plan.id, "version": plan.version, "file": plan.source.name });
    let cases = differences.iter().map(|CaseDifference { case, difference }| {
        let mut entry = json!(difference);
        entry["case"] = case.as_str().into();
        entry
    });
    json!({ "old": profile(old), "new": profile(new), "cases": played, "different": cases.collect::<Vec<_>>() })
}
