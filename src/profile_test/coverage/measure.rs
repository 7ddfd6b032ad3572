//! Measures which cases exercise which items. Reports contain the rules, pages and diagnostics of a run. For other
//! items one part of the profile is changed: a case whose result then differs exercises it.

use super::items::{End, Item, ItemKind};
use crate::profile_test::edit::{Edit, source};
use crate::profile_test::parallel;
use crate::profile_test::recorded::{Recorded, RecordedCase};
use serde_json::Value;
use stixmap_engine::diagnostic::Code;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::OutcomeKind;

/// Returns for each item the names of the cases that exercise it, sorted.
pub(super) fn measure(recorded: &Recorded, items: &[Item]) -> Vec<Vec<String>> {
    parallel::map(items, |item| {
        let other = changed_plan(recorded, item);
        let by_case = recorded.cases.iter().filter(|case| is_exercised(recorded, item, case, other.as_ref()));
        let mut cases: Vec<String> = by_case.map(|case| case.name.clone()).collect();
        cases.sort();
        cases
    })
}

fn is_exercised(recorded: &Recorded, item: &Item, case: &RecordedCase, other: Option<&Plan>) -> bool {
    match item.kind {
        // A `use` row is the location of all rules of its pack.
        ItemKind::Rule => case.played.rules.iter().any(|&rule| recorded.plan.rules.rules[rule].at == item.pointer),
        ItemKind::Diagnostic(code) => is_reported(recorded, item, case, code),
        ItemKind::PageEnd(End::Last) => is_last_page(case, lookup_of(&item.pointer)),
        ItemKind::PageEnd(End::Repeated) => is_repeated(recorded, case, lookup_of(&item.pointer)),
        ItemKind::AlsoRelate
        | ItemKind::Orientation
        | ItemKind::Answer
        | ItemKind::Lookup
        | ItemKind::PageEnd(End::Cap | End::Truncated) => other.is_some_and(|other| case.detects(other)),
    }
}

/// Compiles the profile with this one item changed so that every use of it is visible.
fn changed_plan(recorded: &Recorded, item: &Item) -> Option<Plan> {
    let profile = recorded.tree.value();
    let at = &item.pointer;
    let value = profile.pointer(at)?;
    let edit = match item.kind {
        ItemKind::Orientation if !value["rdata_as"].is_null() => Edit::Remove(format!("{at}/rdata_as")),
        // Exchanges both sides of the record.
        ItemKind::Orientation => Edit::Swap(format!("{at}/rrname"), format!("{at}/rdata")),
        // Both meanings end the run, each with its own message.
        ItemKind::Answer => {
            let mut row = value.clone();
            row["means"] = if value["means"] == "unauthorized" { "forbidden" } else { "unauthorized" }.into();
            // Neither meaning waits.
            row.as_object_mut()?.remove("retry_after");
            Edit::Replace(at.clone(), row)
        }
        // A path that no case contains.
        ItemKind::Lookup => {
            let (path, text) = first_path(at, value)?;
            Edit::Replace(path, format!("/elsewhere{text}").into())
        }
        ItemKind::PageEnd(End::Cap) => {
            let bound = value["at_most"].as_u64()?;
            let with = |bound: u64| Edit::Replace(format!("{at}/at_most"), bound.into());
            // The bound may be the maximum that the language permits.
            if Plan::read(&source(&with(bound + 1).applied(profile))).is_ok() {
                with(bound + 1)
            } else {
                with(bound - 1)
            }
        }
        ItemKind::AlsoRelate | ItemKind::PageEnd(End::Truncated) => Edit::Remove(at.clone()),
        ItemKind::Rule | ItemKind::PageEnd(End::Last | End::Repeated) | ItemKind::Diagnostic(_) => return None,
    };
    Plan::read(&source(&edit.applied(profile))).ok()
}

/// Returns the first `path` key in a block or its nested blocks.
fn first_path<'v>(at: &str, value: &'v Value) -> Option<(String, &'v str)> {
    let block = value.as_object()?;
    if let Some(text) = block.get("path").and_then(Value::as_str) {
        return Some((format!("{at}/path"), text));
    }
    block.iter().find_map(|(key, value)| first_path(&format!("{at}/{key}"), value))
}

/// Tests whether the run reported the code within this part of the profile.
fn is_reported(recorded: &Recorded, item: &Item, case: &RecordedCase, code: Code) -> bool {
    let part = recorded.expanded.span(&item.pointer);
    let is_here = |start: usize| code == Code::BadRecord || part.contains(&start);
    case.played
        .report
        .diagnostics
        .iter()
        .any(|diagnostic| diagnostic.code == code && is_here(diagnostic.labels[0].span.start))
}

/// Returns the name of the lookup that contains a part.
fn lookup_of(pointer: &str) -> &str {
    pointer.split('/').nth(2).unwrap_or_default()
}

/// Tests whether the lookup read several pages up to the last.
fn is_last_page(case: &RecordedCase, lookup: &str) -> bool {
    let report = &case.played.report;
    let has_pages = report.trace.iter().any(|traced| traced.lookup == lookup && traced.page > 1);
    report.outcome.kind == OutcomeKind::Ok && has_pages
}

/// Parts of the engine's messages for a repeated page or cursor.
const REPEATED: [&str; 3] =
    ["repeats the rows of an earlier page", "leads to a page that was already read", "goes round and round"];

/// With several lookups, each reason starts with the lookup's name.
fn is_repeated(recorded: &Recorded, case: &RecordedCase, lookup: &str) -> bool {
    let is_its = |reason: &str| recorded.plan.lookups.len() == 1 || reason.starts_with(lookup);
    case.played
        .report
        .outcome
        .reasons
        .iter()
        .any(|reason| REPEATED.iter().any(|part| reason.contains(part)) && is_its(reason))
}
