//! `stixmap test --coverage`: reports which rules, rows, lookups, page ends and diagnostics of a profile its cases
//! exercise.

mod cobertura;
mod items;
mod lcov;
mod measure;

use super::phrasing::{percent, plural};
use super::recorded::Recorded;
use crate::cli::TestFormat;
use crate::standard_streams::{print, print_json};
use items::{Item, ItemKind};
use serde_json::{Value, json};
use std::fmt::Write;

/// The items of a profile and the cases that exercise them.
pub(super) struct Coverage<'r> {
    recorded: &'r Recorded,
    items: Vec<Covered>,
}

/// An item and the cases that exercise it.
struct Covered {
    item: Item,
    cases: Vec<String>,
}

/// A line of the profile: the number of cases that exercise it and each of its branches.
struct Line {
    number: usize,
    hits: usize,
    branches: Vec<usize>,
}

impl Coverage<'_> {
    pub(super) fn of(recorded: &Recorded) -> Coverage<'_> {
        let items = items::items(recorded);
        let cases = measure::measure(recorded, &items);
        let items = items.into_iter().zip(cases).map(|(item, cases)| Covered { item, cases }).collect();
        Coverage { recorded, items }
    }

    pub(super) fn percent(&self) -> f64 {
        percent(self.count(|_| true).0, self.items.len())
    }

    /// Counts the exercised items and all items of the kinds selected.
    fn count(&self, of: impl Fn(ItemKind) -> bool) -> (usize, usize) {
        let of_kind = || self.items.iter().filter(|covered| of(covered.item.kind));
        (of_kind().filter(|covered| !covered.cases.is_empty()).count(), of_kind().count())
    }

    fn text(&self) -> String {
        let (covered, all) = self.count(|_| true);
        let kinds = ItemKind::ALL.iter().map(|&kind| (kind, self.count(|other| other.label() == kind.label())));
        let kinds = kinds.filter(|(_, (_, all))| *all > 0);
        let kinds: Vec<String> =
            kinds.map(|(kind, (covered, all))| format!("{} {covered}/{all}", kind.label())).collect();
        let (id, percent) = (&self.recorded.plan.id, self.percent());
        let cases = plural(self.recorded.cases.len(), "case");
        let mut text = format!("{id}: {cases} exercise {covered} of {all}: {percent} % · {}\n", kinds.join(", "));
        for Covered { item, .. } in self.items.iter().filter(|covered| covered.cases.is_empty()) {
            let _ = writeln!(text, "  uncovered: {}, line {}: {}", item.name, item.line, item.hint);
        }
        text
    }

    fn json(&self) -> Value {
        let items = self.items.iter().map(|Covered { item, cases }| {
            json!({ "sort": item.kind.label(), "line": item.line, "pointer": item.pointer, "name": item.name, "cases": cases })
        });
        let (covered, all) = self.count(|_| true);
        json!({
            "profile": self.recorded.plan.id,
            "file": self.recorded.file,
            "cases": self.recorded.cases.len(),
            "covered": covered,
            "all": all,
            "percent": self.percent(),
            "items": items.collect::<Vec<_>>(),
        })
    }

    /// Returns the lines with items, in ascending order.
    fn lines(&self) -> Vec<Line> {
        let mut numbers: Vec<usize> = self.items.iter().map(|covered| covered.item.line).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| self.line(number)).collect()
    }

    fn line(&self, number: usize) -> Line {
        let here = || self.items.iter().filter(|covered| covered.item.line == number);
        let hits = |covered: &Covered| covered.cases.len();
        let branches = here().filter(|covered| covered.item.kind.is_branch()).map(hits).collect();
        Line { number, hits: here().map(hits).max().unwrap_or(0), branches }
    }
}

/// Prints the coverage of the profiles and returns the lowest, in percent.
pub(super) fn run(profiles: &[Recorded], format: TestFormat) -> anyhow::Result<f64> {
    let coverages: Vec<Coverage> = profiles.iter().map(Coverage::of).collect();
    match format {
        TestFormat::Text => print(&coverages.iter().map(Coverage::text).collect::<String>())?,
        TestFormat::Json => print_json(&Value::from_iter(coverages.iter().map(Coverage::json)))?,
        TestFormat::Lcov => print(&coverages.iter().map(lcov::record).collect::<String>())?,
        TestFormat::Cobertura => print(&cobertura::report(&coverages))?,
    }
    Ok(coverages.iter().map(Coverage::percent).fold(100.0, f64::min))
}
