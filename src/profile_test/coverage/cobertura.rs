//! Coverage as Cobertura XML, which code forges display: a profile is a class, its page ends and diagnostics are
//! branches.

use super::profile_coverage::{Coverage, Line};
use crate::quote;
use std::fmt::Write;

/// A count of parts and how many of them are exercised.
#[derive(Clone, Copy, Default)]
struct Rate {
    hit: usize,
    all: usize,
}

impl Rate {
    fn of<'h>(hits: impl Iterator<Item = &'h usize>) -> Rate {
        hits.fold(Rate::default(), |rate, hits| Rate { hit: rate.hit + usize::from(*hits > 0), all: rate.all + 1 })
    }

    fn share(self) -> f64 {
        if self.all == 0 { 1.0 } else { self.hit as f64 / self.all as f64 }
    }
}

/// Returns the Cobertura report for all profiles.
pub(super) fn report(coverages: &[Coverage]) -> String {
    let lines: Vec<Line> = coverages.iter().flat_map(Coverage::lines).collect();
    let (of_lines, of_branches) = rates(&lines);
    let mut xml = format!(
        "<?xml version=\"1.0\"?>\n\
         <!DOCTYPE coverage SYSTEM \"http://cobertura.sourceforge.net/xml/coverage-04.dtd\">\n\
         <coverage line-rate=\"{:.4}\" branch-rate=\"{:.4}\" lines-covered=\"{}\" lines-valid=\"{}\" \
         branches-covered=\"{}\" branches-valid=\"{}\" complexity=\"0\" version=\"{}\" timestamp=\"0\">\n\
         \x20 <sources><source>.</source></sources>\n  <packages>\n",
        of_lines.share(),
        of_branches.share(),
        of_lines.hit,
        of_lines.all,
        of_branches.hit,
        of_branches.all,
        env!("CARGO_PKG_VERSION"),
    );
    coverages.iter().for_each(|coverage| package(&mut xml, coverage));
    xml.push_str("  </packages>\n</coverage>\n");
    xml
}

fn rates(lines: &[Line]) -> (Rate, Rate) {
    (Rate::of(lines.iter().map(|line| &line.hits)), Rate::of(lines.iter().flat_map(|line| &line.branches)))
}

fn package(xml: &mut String, coverage: &Coverage) {
    let lines = coverage.lines();
    let (of_lines, of_branches) = rates(&lines);
    let name = quote::xml(&coverage.recorded.plan.id);
    let file = quote::xml(&coverage.recorded.file.display().to_string());
    let share =
        format!("line-rate=\"{:.4}\" branch-rate=\"{:.4}\" complexity=\"0\"", of_lines.share(), of_branches.share());
    let _ = writeln!(xml, "    <package name=\"{name}\" {share}>\n      <classes>");
    let _ = writeln!(
        xml,
        "        <class name=\"{name}\" filename=\"{file}\" {share}>\n          <methods/>\n          <lines>"
    );
    lines.iter().for_each(|line| self::line(xml, line));
    xml.push_str("          </lines>\n        </class>\n      </classes>\n    </package>\n");
}

fn line(xml: &mut String, Line { number, hits, branches }: &Line) {
    let rate = Rate::of(branches.iter());
    let condition = match rate.all {
        0 => "branch=\"false\"".to_owned(),
        all => {
            let percent = rate.hit * 100 / all;
            format!("branch=\"true\" condition-coverage=\"{percent}% ({}/{all})\"", rate.hit)
        }
    };
    let _ = writeln!(xml, "            <line number=\"{number}\" hits=\"{hits}\" {condition}/>");
}
