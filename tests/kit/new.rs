//! `stixmap new`: every combination of choices yields a valid profile.

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
fn every_authentication_method_yields_a_valid_profile() {
    let folder = tempfile::tempdir().expect("a folder");
    for auth in ["none", "basic", "header", "bearer", "query", "oauth2", "login", "signature"] {
        new(folder.path(), &format!("by-{auth}"), &["--auth", auth, "--accepts", "ipv6-addr"]);
    }
}

#[test]
fn every_framing_and_paging_yields_a_valid_profile() {
    let folder = tempfile::tempdir().expect("a folder");
    for framing in ["json", "ndjson", "saf", "delimited"] {
        for paging in ["none", "page", "offset", "cursor", "next-url"] {
            let name = format!("{framing}-{paging}");
            new(folder.path(), &name, &["--framing", framing, "--paging", paging]);
        }
    }
}

#[test]
fn new_rejects_existing_folders_and_invalid_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("text");
    new(folder.path(), "acme", &[]);
    for (name, more, message) in [
        ("acme", &[][..], "exists already; choose another name"),
        ("Acme DNS", &[], "invalid profile name `Acme DNS`"),
        ("other", &["--base-url", "api.example.net"], "invalid base URL `api.example.net`"),
    ] {
        let refused = ended(stixmap(&[&["new", name, "--out", out], more].concat()));
        assert!(refused.code == 2 && refused.err.contains(message), "{}: {}", refused.code, refused.err);
    }
    assert_eq!(std::fs::read_dir(out).expect("a folder").count(), 1);
}
