//! Every input that is kept for fuzzing, without a fuzzer: what holds for any bytes holds for these, and in time.

#[allow(unreachable_pub, reason = "a library of its own to those who fuzz")]
#[path = "../../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long one input may take, on a slow machine and without optimisation.
const LONGEST: Duration = Duration::from_secs(10);

fn check(target: &str, holds: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let paths: Vec<_> = fs::read_dir(folder).expect("inputs").flatten().map(|entry| entry.path()).collect();
    assert!(paths.len() > 10, "the inputs of `{target}` were found");
    for path in paths {
        let bytes = fs::read(&path).expect("an input");
        let started = Instant::now();
        println!("{}", path.display());
        holds(&bytes);
        assert!(started.elapsed() < LONGEST, "{} takes {:?}", path.display(), started.elapsed());
    }
}

#[test]
fn any_bytes_as_a_profile() {
    check("profile", checks::profile);
}

#[test]
fn any_text_repeated_as_a_profile() {
    check("complexity", checks::complexity);
}

#[test]
fn any_text_as_a_path_or_a_template() {
    check("path_and_template", checks::path_and_template);
}

#[test]
fn any_bytes_as_an_answer() {
    check("answer", checks::answer);
}

#[test]
fn any_text_as_dns() {
    check("dns", checks::dns);
}
