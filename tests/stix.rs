//! What we write is STIX to others too: OASIS's validator and its Python library read the bundles of all cases.

use crate::profiles::all_played;
use crate::support::root;
use std::process::Command;

#[test]
fn the_bundles_of_all_cases_are_valid_stix() {
    let python = root().join("target/venv/bin/python");
    assert!(python.is_file(), "{} is missing: `tests/run` installs it", python.display());
    let folder = tempfile::tempdir().expect("a folder");
    let played = all_played();
    for (name, played) in &played {
        let bundle = serde_json::to_vec(&played.report.bundle).expect("JSON");
        std::fs::write(folder.path().join(format!("{name}.json")), bundle).expect("a bundle can be written");
    }
    let output =
        Command::new(python).arg(root().join("tests/stix.py")).arg(folder.path()).output().expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("{} bundles", played.len())), "{text}");
}
