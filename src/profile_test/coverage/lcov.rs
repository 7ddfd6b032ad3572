//! Coverage as LCOV's tracefile, which editors and forges read. A line's branches are the ends of its pages, and what can be
//! told of its answers.

use super::{Coverage, Line};
use std::fmt::Write;
use stixmap_engine::printable;

/// The record of one profile.
pub(super) fn record(coverage: &Coverage) -> String {
    let lines = coverage.lines();
    // No escape is known to readers of the format: what would end the line is made visible.
    let file = coverage.recorded.file.display().to_string();
    let mut text = format!("TN:{}\nSF:{}\n", coverage.recorded.plan.id.replace('-', "_"), printable::line(&file));
    for Line { number, branches, .. } in &lines {
        for (branch, hits) in branches.iter().enumerate() {
            let _ = writeln!(text, "BRDA:{number},0,{branch},{hits}");
        }
    }
    let branches = || lines.iter().flat_map(|line| &line.branches);
    let _ = writeln!(text, "BRF:{}\nBRH:{}", branches().count(), branches().filter(|hits| **hits > 0).count());
    for Line { number, hits, .. } in &lines {
        let _ = writeln!(text, "DA:{number},{hits}");
    }
    let _ = writeln!(text, "LF:{}\nLH:{}", lines.len(), lines.iter().filter(|line| line.hits > 0).count());
    text.push_str("end_of_record\n");
    text
}
