//! Every input that is kept for fuzzing what reaches a connector, without a fuzzer.

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
fn any_bytes_as_a_message() {
    check("delivery", stixmap::connector::fuzz_targets::delivery);
}

#[test]
fn any_text_as_configuration() {
    let profile = include_str!("providers/lines/profile.yaml");
    check("configuration", |bytes| stixmap::connector::fuzz_targets::configuration(profile, bytes));
}
