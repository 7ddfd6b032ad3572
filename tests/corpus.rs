//! Runs the corpus of the connector's fuzz targets without a fuzzer.

use crate::support::root;

fn check(target: &str, holds: impl Fn(&[u8])) {
    let inputs = std::fs::read_dir(root().join("fuzz/corpus").join(target)).expect("inputs").flatten();
    let paths: Vec<_> = inputs.map(|input| input.path()).collect();
    assert!(paths.len() > 10, "the inputs of `{target}` were found");
    for path in paths {
        println!("{}", path.display());
        holds(&std::fs::read(&path).expect("an input"));
    }
}

#[test]
fn message_of_any_bytes_does_not_panic() {
    check("delivery", stixmap::connector::fuzz_targets::delivery);
}

#[test]
fn configuration_of_any_text_does_not_panic() {
    let profile = include_str!("providers/lines/profile.yaml");
    check("configuration", |bytes| stixmap::connector::fuzz_targets::configuration(profile, bytes));
}
