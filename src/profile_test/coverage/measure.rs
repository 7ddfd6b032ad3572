//! Which cases exercise what. Rules, pages and diagnostics are told by the report of a run. Of the rest a run tells nothing:
//! a part is exercised where the case comes out otherwise as soon as this part, and nothing else, says something else.

use super::items::{End, Item, Sort};
use crate::profile_test::edit::{Edit, source};
use crate::profile_test::parallel;
use crate::profile_test::recorded::{Recorded, RecordedCase};
use serde_json::Value;
use stixmap_engine::diagnostic::Code;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::OutcomeKind;

/// For each item the cases that exercise it, by name.
pub(super) fn measure(recorded: &Recorded, items: &[Item]) -> Vec<Vec<String>> {
    parallel::map(items, |item| {
        let other = other_plan(recorded, item);
        let by_case = recorded.cases.iter().filter(|case| is_exercised(recorded, item, case, other.as_ref()));
        let mut cases: Vec<String> = by_case.map(|case| case.name.clone()).collect();
        cases.sort();
        cases
    })
}

fn is_exercised(recorded: &Recorded, item: &Item, case: &RecordedCase, other: Option<&Plan>) -> bool {
    match item.sort {
        // A row may stand for the rules of a pack: they have its place.
        Sort::Rule => case.played.rules.iter().any(|&rule| recorded.plan.rules.rules[rule].at == item.pointer),
        Sort::Diagnostic(code) => tells(recorded, item, case, code),
        Sort::PageEnd(End::Last) => is_at_its_end(case, lookup_of(&item.pointer)),
        Sort::PageEnd(End::Repeated) => goes_round(recorded, case, lookup_of(&item.pointer)),
        Sort::Besides | Sort::Orientation | Sort::Answer | Sort::Lookup | Sort::PageEnd(End::Cap | End::Truncated) => {
            other.is_some_and(|other| case.notices(other))
        }
    }
}

/// The profile in which this one part says something that is always noticed.
fn other_plan(recorded: &Recorded, item: &Item) -> Option<Plan> {
    let profile = recorded.tree.value();
    let at = &item.pointer;
    let value = profile.pointer(at)?;
    let edit = match item.sort {
        Sort::Orientation if !value["rdata_as"].is_null() => Edit::Remove(format!("{at}/rdata_as")),
        // The two sides of the record are exchanged.
        Sort::Orientation => Edit::Swap(format!("{at}/rrname"), format!("{at}/rdata")),
        // Two meanings that end the run, each with its words.
        Sort::Answer => {
            let mut row = value.clone();
            row["means"] = if value["means"] == "unauthorized" { "forbidden" } else { "unauthorized" }.into();
            // After neither of them a run waits.
            row.as_object_mut()?.remove("retry_after");
            Edit::Replace(at.clone(), row)
        }
        // A path that no exchange of a case has.
        Sort::Lookup => {
            let (path, text) = first_path(at, value)?;
            Edit::Replace(path, format!("/elsewhere{text}").into())
        }
        Sort::PageEnd(End::Cap) => {
            let bound = value["at_most"].as_u64()?;
            let with = |bound: u64| Edit::Replace(format!("{at}/at_most"), bound.into());
            // No more than the language permits.
            if Plan::read(&source(&with(bound + 1).applied(profile))).is_ok() {
                with(bound + 1)
            } else {
                with(bound - 1)
            }
        }
        Sort::Besides | Sort::PageEnd(End::Truncated) => Edit::Remove(at.clone()),
        Sort::Rule | Sort::PageEnd(End::Last | End::Repeated) | Sort::Diagnostic(_) => return None,
    };
    Plan::read(&source(&edit.applied(profile))).ok()
}

/// The first key `path` in a block or in a block of it.
fn first_path<'v>(at: &str, value: &'v Value) -> Option<(String, &'v str)> {
    let block = value.as_object()?;
    if let Some(text) = block.get("path").and_then(Value::as_str) {
        return Some((format!("{at}/path"), text));
    }
    block.iter().find_map(|(key, value)| first_path(&format!("{at}/{key}"), value))
}

/// Whether a run told of the code, at a place in this part of the profile.
fn tells(recorded: &Recorded, item: &Item, case: &RecordedCase, code: Code) -> bool {
    let part = recorded.expanded.span(&item.pointer);
    let is_here = |start: usize| code == Code::BadRecord || part.contains(&start);
    case.played.report.diagnostics.iter().any(|told| told.code == code && is_here(told.labels[0].span.start))
}

/// The lookup that a part belongs to, by its name.
fn lookup_of(pointer: &str) -> &str {
    pointer.split('/').nth(2).unwrap_or_default()
}

/// Whether the lookup went from page to page until there was no more.
fn is_at_its_end(case: &RecordedCase, lookup: &str) -> bool {
    let report = &case.played.report;
    let has_pages = report.trace.iter().any(|traced| traced.lookup == lookup && traced.page > 1);
    report.outcome.kind == OutcomeKind::Ok && has_pages
}

/// The words in which a run tells that a page or cursor comes again.
const ROUND: &str = "goes round and round";

/// Where there are several lookups, a reason starts with the name of its own.
fn goes_round(recorded: &Recorded, case: &RecordedCase, lookup: &str) -> bool {
    let is_its = |reason: &str| recorded.plan.lookups.len() == 1 || reason.starts_with(lookup);
    case.played.report.outcome.reasons.iter().any(|reason| reason.contains(ROUND) && is_its(reason))
}
