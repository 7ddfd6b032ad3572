//! Tests that bundles are valid STIX 2.1: the validator and the Python library of OASIS read the bundles of all cases and of
//! generated runs.

use crate::profiles::all_played;
use crate::runs::{LEAST, RUNS};
use crate::support::root;
use serde_json::Value;
use std::io::Write;
use std::process::Command;

/// Validates all bundles in one process, because starting Python is slow.
pub(crate) fn judged(bundles: impl Iterator<Item = Value>) -> usize {
    let python = root().join("target/venv/bin/python");
    assert!(python.is_file(), "{} is missing: `tests/run` installs it", python.display());
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let mut count = 0;
    for bundle in bundles {
        writeln!(file, "{bundle}").expect("a bundle can be written");
        count += 1;
    }
    let output =
        Command::new(python).arg(root().join("tests/stix.py")).arg(file.path()).output().expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("{count} bundles")), "{text}");
    println!("{text}");
    count
}

#[test]
fn bundles_of_all_cases_are_valid_stix() {
    judged(all_played().iter().map(|(_, played)| serde_json::to_value(&played.report.bundle).expect("JSON")));
}

#[test]
fn bundles_of_ten_thousand_generated_runs_are_valid_stix() {
    assert!(judged(RUNS.values().flatten().map(|run| run["bundle"].clone())) >= LEAST);
}
