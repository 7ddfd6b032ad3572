//! Coverage as an LCOV tracefile, which editors and code forges display. Page ends and diagnostics are the branches of
//! a line.

use super::profile_coverage::{Coverage, Line};
use std::fmt::Write;
use stixmap_engine::printable;

/// Returns the tracefile record of one profile.
pub(super) fn record(coverage: &Coverage) -> String {
    let lines = coverage.lines();
    // The format has no escapes: characters that would end the line are made visible.
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
