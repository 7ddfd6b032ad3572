//! Runs the fuzz targets on their corpus, without a fuzzer and within a time limit.

#[allow(unreachable_pub, reason = "a separate library for the fuzz targets")]
#[path = "../../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time limit per input, for slow machines and unoptimized code.
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
fn profile_corpus_passes() {
    check("profile", checks::profile);
}

#[test]
fn complexity_corpus_passes() {
    check("complexity", checks::complexity);
}

#[test]
fn path_and_template_corpus_passes() {
    check("path_and_template", checks::path_and_template);
}

#[test]
fn answer_corpus_passes() {
    check("answer", checks::answer);
}

#[test]
fn dns_corpus_passes() {
    check("dns", checks::dns);
}
