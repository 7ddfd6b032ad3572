//! Generated runs of every built-in profile, shared by all tests that validate them.

use crate::support::{ended, root, stixmap};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Minimum number of runs of all profiles together: some 800 of each, of which many are errors or of another shape.
pub(crate) const LEAST: usize = 14_500;

/// By profile: the exchanges of each run as a case, and its bundle.
pub(crate) static RUNS: LazyLock<BTreeMap<String, Vec<Value>>> = LazyLock::new(|| {
    let profiles = std::fs::read_dir(root().join("profiles")).expect("profiles").flatten();
    let names: Vec<String> = profiles.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let (each, path) = (LEAST.div_ceil(names.len()).to_string(), folder.path().to_str().expect("UTF-8"));
    let result = ended(stixmap(&["test", "profiles", "--properties", "--cases", &each, "--seed", "7", "--runs", path]));
    assert_eq!(result.code, 0, "{}{}", result.out, result.err);
    let runs = |name: &String| {
        let text = std::fs::read_to_string(folder.path().join(name).with_extension("ndjson")).expect("runs");
        text.lines().map(|line| serde_json::from_str(line).expect("a run is JSON")).collect()
    };
    names.iter().map(|name| (name.clone(), runs(name))).collect()
});
