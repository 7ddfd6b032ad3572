//! Generated runs of every shipped profile, made once for all tests that judge them.

use crate::support::{ended, root, stixmap};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// So many runs of all profiles together are at least made.
pub(crate) const LEAST: usize = 10_000;

/// By profile: what was asked and answered as a case has it, and the bundle that came of it.
pub(crate) static RUNS: LazyLock<BTreeMap<String, Vec<Value>>> = LazyLock::new(|| {
    let profiles = std::fs::read_dir(root().join("profiles")).expect("profiles").flatten();
    let names: Vec<String> = profiles.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let (each, path) = (LEAST.div_ceil(names.len()).to_string(), folder.path().to_str().expect("UTF-8"));
    let told = ended(stixmap(&["test", "profiles", "--properties", "--cases", &each, "--seed", "7", "--runs", path]));
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let runs = |name: &String| {
        let text = std::fs::read_to_string(folder.path().join(name).with_extension("ndjson")).expect("runs");
        text.lines().map(|line| serde_json::from_str(line).expect("a run is JSON")).collect()
    };
    names.iter().map(|name| (name.clone(), runs(name))).collect()
});
