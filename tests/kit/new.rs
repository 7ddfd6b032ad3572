//! `stixmap new`: whatever is chosen, what is written passes.

use super::passes;
use crate::support::{ended, stixmap};

fn new(folder: &std::path::Path, name: &str, more: &[&str]) {
    let out = folder.to_str().expect("text");
    let made = ended(stixmap(&[&["new", name, "--out", out], more].concat()));
    assert_eq!(made.code, 0, "{name}: {}", made.err);
    assert!(made.out.contains("profile.yaml") && made.err.contains("next: "), "{}{}", made.out, made.err);
    passes(&folder.join(name));
}

#[test]
fn every_way_to_say_who_we_are_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    for auth in ["none", "basic", "header", "bearer", "query", "oauth2", "login", "signature"] {
        new(folder.path(), &format!("by-{auth}"), &["--auth", auth, "--accepts", "ipv6-addr"]);
    }
}

#[test]
fn every_framing_and_paging_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    for framing in ["json", "ndjson", "saf", "delimited"] {
        for paging in ["none", "page", "offset", "cursor", "next-url"] {
            let name = format!("{framing}-{paging}");
            new(folder.path(), &name, &["--framing", framing, "--paging", paging]);
        }
    }
}

#[test]
fn nothing_is_written_over_and_names_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("text");
    new(folder.path(), "acme", &[]);
    for (name, more, told) in [
        ("acme", &[][..], "is there already, and nothing is written over"),
        ("Acme DNS", &[], "a profile cannot be called `Acme DNS`"),
        ("other", &["--base-url", "api.example.net"], "not like `api.example.net`"),
    ] {
        let refused = ended(stixmap(&[&["new", name, "--out", out], more].concat()));
        assert!(refused.code == 2 && refused.err.contains(told), "{}: {}", refused.code, refused.err);
    }
    assert_eq!(std::fs::read_dir(out).expect("a folder").count(), 1);
}
