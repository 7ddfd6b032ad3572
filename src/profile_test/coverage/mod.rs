//! `stixmap test --coverage`: which rules, rows, lookups, ends of paging and diagnostics of a profile its cases exercise.

mod cobertura;
mod items;
mod lcov;
mod measure;

use super::phrasing::{percent, plural};
use super::recorded::Recorded;
use crate::cli::TestFormat;
use crate::output::{print, print_json};
use items::{Item, Sort};
use serde_json::{Value, json};
use std::fmt::Write;

/// What of a profile is exercised, and by which cases.
pub(super) struct Coverage<'r> {
    recorded: &'r Recorded,
    items: Vec<Covered>,
}

/// Something that can be exercised, and the cases that do.
struct Covered {
    item: Item,
    cases: Vec<String>,
}

/// A line of the profile: how many cases exercise it, and each of its branches.
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

    /// Of the items of a sort, how many are exercised, and how many there are.
    fn count(&self, of: impl Fn(Sort) -> bool) -> (usize, usize) {
        let of_sort = || self.items.iter().filter(|covered| of(covered.item.sort));
        (of_sort().filter(|covered| !covered.cases.is_empty()).count(), of_sort().count())
    }

    fn text(&self) -> String {
        let (covered, all) = self.count(|_| true);
        let sorts = Sort::ALL.iter().map(|&sort| (sort, self.count(|other| other.word() == sort.word())));
        let sorts = sorts.filter(|(_, (_, all))| *all > 0);
        let sorts: Vec<String> =
            sorts.map(|(sort, (covered, all))| format!("{} {covered}/{all}", sort.word())).collect();
        let (id, percent) = (&self.recorded.plan.id, self.percent());
        let cases = plural(self.recorded.cases.len(), "case");
        let mut text = format!("{id}: {cases} exercise {covered} of {all}: {percent} % · {}\n", sorts.join(", "));
        for Covered { item, .. } in self.items.iter().filter(|covered| covered.cases.is_empty()) {
            let _ = writeln!(text, "  no case exercises {}, line {}: {}", item.name, item.line, item.hint);
        }
        text
    }

    fn json(&self) -> Value {
        let items = self.items.iter().map(|Covered { item, cases }| {
            json!({ "sort": item.sort.word(), "line": item.line, "pointer": item.pointer, "name": item.name, "cases": cases })
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

    /// The lines that hold something to exercise, in order.
    fn lines(&self) -> Vec<Line> {
        let mut numbers: Vec<usize> = self.items.iter().map(|covered| covered.item.line).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| self.line(number)).collect()
    }

    fn line(&self, number: usize) -> Line {
        let here = || self.items.iter().filter(|covered| covered.item.line == number);
        let hits = |covered: &Covered| covered.cases.len();
        let branches = here().filter(|covered| covered.item.sort.is_branch()).map(hits).collect();
        Line { number, hits: here().map(hits).max().unwrap_or(0), branches }
    }
}

/// Tells what the cases of profiles exercise, and the lowest share.
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
