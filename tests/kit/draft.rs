//! `stixmap draft`: compares the profile drafted from each sample with the one next to it. `UPDATE=1` rewrites the
//! profiles.

use super::passes;
use crate::support::{Ended, ended, root, stixmap};
use std::fs;
use std::path::Path;

fn draft(sample: &Path, name: &str, out: &Path, more: &[&str]) -> Ended {
    let (sample, out) = (sample.to_str().expect("text"), out.to_str().expect("text"));
    ended(stixmap(&[&["draft", name, "--sample", sample, "--out", out, "--observable"], more].concat()))
}

#[test]
fn samples_become_profiles_that_pass() {
    let out = tempfile::tempdir().expect("a folder");
    let mut wrong = vec![];
    let samples = root().join("tests/kit/samples");
    for folder in fs::read_dir(samples).expect("samples").flatten().map(|entry| entry.path()) {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let arguments = fs::read_to_string(folder.join("arguments")).expect("arguments");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let drafted = draft(&folder.join("sample"), &name, out.path(), &arguments);
        assert_eq!(drafted.code, 0, "{name}: {}", drafted.err);
        let made = out.path().join(&name);
        passes(&made);
        let profile = fs::read_to_string(made.join("profile.yaml")).expect("a profile");
        let case = fs::read_dir(made.join("cases")).expect("cases").flatten();
        for file in case {
            assert!(!fs::read_to_string(file.path()).expect("text").contains("s3cr3t"), "{:?}", file.path());
        }
        if std::env::var_os("UPDATE").is_some() {
            fs::write(folder.join("profile.yaml"), &profile).expect("it can be written");
        }
        if fs::read_to_string(folder.join("profile.yaml")).ok().as_ref() != Some(&profile) {
            wrong.push(format!("{name}:\n{profile}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn draft_without_records_reports_the_reason_for_each_candidate() {
    let folder = tempfile::tempdir().expect("a folder");
    let failure = |text: &str, more: &[&str]| {
        let sample = folder.path().join("sample");
        fs::write(&sample, text).expect("it can be written");
        let refused = draft(&sample, "acme", folder.path(), more);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(!folder.path().join("acme").exists());
        refused.err
    };
    let error = failure(r#"{"users": [{"name": "jane"}, {"name": "joe"}]}"#, &["example.com"]);
    assert!(error.contains("2 rows at `$.users`: no record type in the rows"), "{error}");
    let error = failure("no such name", &["example.com"]);
    assert!(error.contains("expected JSON, JSON lines, delimited text"), "{error}");
    let error = failure("{}", &["example.com", "--url", "https://example.net/?q=other"]);
    assert!(error.contains("`example.com` does not occur in the URL"), "{error}");
}

#[test]
fn draft_from_hostile_response_contains_no_injected_yaml() {
    let hostile = "x\nhttp: { base_url: http://attacker }\r\u{2028}id: forged\u{85}# '\"] } \u{202e}\u{1b}[2K";
    let row = |name: &str| serde_json::json!({ "rrname": name, "rrtype": "A", "rdata": "192.0.2.34", hostile: hostile, "page": hostile });
    let answer =
        serde_json::json!({ hostile: { "rows": [row("example.com"), row("www.example.com")], "next": hostile } });
    let folder = tempfile::tempdir().expect("a folder");
    let sample = folder.path().join("sample");
    fs::write(&sample, answer.to_string()).expect("it can be written");
    let drafted = draft(&sample, "acme", folder.path(), &["example.com"]);
    assert_eq!(drafted.code, 0, "{}", drafted.err);
    let made = folder.path().join("acme");
    passes(&made);
    for file in ["profile.yaml", "cases/first.yaml"] {
        let text = fs::read_to_string(made.join(file)).expect("it can be written");
        let found = stixmap_engine::printable::first_unprintable(&text.replace('\n', ""));
        assert_eq!(found, None, "{text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("http: {")), "{text}");
        let read: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        assert!(file != "profile.yaml" || read["id"] == "acme", "{text}");
    }
}

#[test]
fn row_of_many_columns_is_drafted_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = folder.path().join("sample");
    let keys: String = (0..3_000).map(|number| format!(r#","k{number}":"v{number}.example.com""#)).collect();
    let row = |number: u8| format!(r#"{{"name":"example.com","type":"A","data":"192.0.2.{number}"{keys}}}"#);
    fs::write(&sample, format!(r#"{{"rows":[{},{}]}}"#, row(1), row(2))).expect("it can be written");
    let start = std::time::Instant::now();
    let drafted = draft(&sample, "acme", folder.path(), &["example.com"]);
    // Comparing all columns with each other takes minutes in unoptimized code.
    assert!(start.elapsed().as_secs() < 40, "{:?}", start.elapsed());
    assert!(drafted.code == 0 && drafted.err.contains("2 mapped"), "{}", drafted.err);
    let profile = fs::read_to_string(folder.path().join("acme/profile.yaml")).expect("a profile");
    assert!(profile.contains("rrname: { at: $.name,") && profile.contains("rdata: { at: $.data,"), "{profile:.4000}");
    assert!(profile.contains("2970 that may be the owner name or the data were not compared"), "{profile:.900}");
}

fn drafted_profile(sample: &serde_json::Value) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sample");
    fs::write(&path, sample.to_string()).expect("it can be written");
    let drafted = draft(&path, "acme", folder.path(), &["example.com"]);
    assert_eq!(drafted.code, 0, "{}", drafted.err);
    passes(&folder.path().join("acme"));
    fs::read_to_string(folder.path().join("acme/profile.yaml")).expect("a profile")
}

#[test]
fn draft_reports_what_indicates_further_pages() {
    let row = serde_json::json!({ "rrname": "example.com", "rrtype": "A", "rdata": "192.0.2.34" });
    let paging = |more: serde_json::Value| {
        let mut sample = serde_json::json!({ "rows": [row, row] });
        let members = more.as_object().expect("members").clone();
        sample.as_object_mut().expect("an object").extend(members);
        let profile = drafted_profile(&sample);
        profile.lines().find(|line| line.contains("paging: {")).expect("a line").to_owned()
    };
    for (more, place) in [
        (serde_json::json!({ "total": 50 }), "`$.total`, 50"),
        (serde_json::json!({ "meta": { "total_count": 3 } }), "`$.meta.total_count`, 3"),
        (serde_json::json!({ "next": "/page/2" }), "`$.next`, \"/page/2\""),
        (serde_json::json!({ "links": { "next": "x" } }), "`$.links.next`, \"x\""),
        (serde_json::json!({ "has_more": true }), "`$.has_more`, true"),
        (serde_json::json!({ "cursor": "abc" }), "`$.cursor`, \"abc\""),
        (serde_json::json!({ "nextPageToken": "abc" }), "`$.nextPageToken`, \"abc\""),
        (serde_json::json!({ "total_pages": 2 }), "`$.total_pages`, 2"),
    ] {
        let line = paging(more);
        assert!(line.contains("incomplete") && line.contains(place) && !line.contains("a single response"), "{line}");
    }
    for more in [
        serde_json::json!({ "total": 2, "next": null, "has_more": false, "cursor": "", "total_pages": 1 }),
        serde_json::json!({ "query": "example.com" }),
    ] {
        let line = paging(more);
        assert!(line.contains("a single response"), "{line}");
    }
}

#[test]
fn draft_mentions_other_lists_with_records() {
    let row = |data: &str| serde_json::json!({ "rrname": "example.com", "rrtype": "A", "rdata": data });
    let profile = drafted_profile(
        &serde_json::json!({ "a": [row("192.0.2.1"), row("192.0.2.2")], "b": [row("192.0.2.3")], "c": [{ "user": "jane" }] }),
    );
    assert!(profile.contains("# Other records that this draft does not read: 1 row at `$.b`. "), "{profile}");
}

#[test]
fn draft_asks_about_names_that_may_be_relative() {
    let row =
        |host: &str, data: &str| serde_json::json!({ "host": host, "domain": "example.com", "type": "A", "ip": data });
    let profile = drafted_profile(&serde_json::json!({ "rows": [row("www", "192.0.2.1"), row("mail", "192.0.2.2")] }));
    assert!(profile.contains("# Question: are the names at `$.host` relative to `$.domain`?"), "{profile}");
    let profile = drafted_profile(
        &serde_json::json!({ "rows": [row("www.example.com", "192.0.2.1"), row("example.com", "192.0.2.2")] }),
    );
    assert!(!profile.contains("Question"), "{profile}");
}
