//! The coverage of one profile: its items with the cases that exercise them, as text, as JSON and by line.

use super::items::{Item, ItemKind, items};
use super::measure::measure;
use crate::profile_test::phrasing::{percent, plural};
use crate::profile_test::recorded::Recorded;
use serde_json::{Value, json};
use std::fmt::Write;

/// The items of a profile and the cases that exercise them.
pub(super) struct Coverage<'r> {
    pub(super) recorded: &'r Recorded,
    items: Vec<Covered>,
}

/// An item and the cases that exercise it.
struct Covered {
    item: Item,
    cases: Vec<String>,
}

/// A line of the profile: the number of cases that exercise it and each of its branches.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) hits: usize,
    pub(super) branches: Vec<usize>,
}

impl Coverage<'_> {
    pub(super) fn of(recorded: &Recorded) -> Coverage<'_> {
        let items = items(recorded);
        let cases = measure(recorded, &items);
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

    pub(super) fn text(&self) -> String {
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

    pub(super) fn json(&self) -> Value {
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
    pub(super) fn lines(&self) -> Vec<Line> {
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
