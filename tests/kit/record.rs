//! `stixmap record`: the responses of a provider become a case that yields the same result without private data.

use super::passes;
use super::serve::MockProvider;
use crate::fault::{reply, server};
use crate::support::{Ended, ended, root, stixmap};
use std::fs;
use std::path::{Path, PathBuf};

const KEY: &str = "k3y+of/somebody==";

/// Copies a profile without its cases.
fn bare(profile: &str, folder: &Path) -> PathBuf {
    let bare = folder.join(Path::new(profile).file_name().expect("a name"));
    fs::create_dir(&bare).expect("a folder");
    fs::copy(root().join(profile).join("profile.yaml"), bare.join("profile.yaml")).expect("a profile");
    bare
}

fn record(profile: &Path, value: &str, url: &str, more: &[&str]) -> Ended {
    let (path, base) = (profile.to_str().expect("text"), format!("api_base_url={url}"));
    ended(stixmap(&[&["record", value, "--profile", path, "--set", &base], more].concat()))
}

/// Returns the content of all files of a folder.
fn texts(folder: &Path) -> String {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    files.map(|file| fs::read_to_string(file.path()).expect("text")).collect()
}

#[test]
fn record_writes_each_page_with_its_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = bare("tests/providers/by-cursor", folder.path());
    let provider = MockProvider::start(&["tests/providers/by-cursor"]);
    let key = format!("key={KEY}");
    let recorded = record(&profile, "cursor.example.com", &provider.url, &["--set", &key]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    let written: Vec<&str> = recorded.out.lines().collect();
    assert!(written[0].ends_with("cases/cursor-example-com.yaml"), "{}", recorded.out);
    passes(&profile);
    let case = texts(&profile.join("cases"));
    assert!(case.contains("GET /names/cursor.example.com?cursor=a%2Bb%2Fc%3D%3D"), "{case}");
    assert!(!case.contains(KEY) && !case.contains(&provider.url), "{case}");
    let again = record(&profile, "cursor.example.com", &provider.url, &["--set", &key]);
    assert!(again.code == 2 && again.err.contains("exists already"), "{}", again.err);
}

#[test]
fn record_writes_login_and_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = bare("tests/providers/orders", folder.path());
    let provider = MockProvider::start(&["tests/providers/orders", "--case", "found"]);
    let recorded =
        record(&profile, "example.com", &provider.url, &["--set", "user=somebody", "--set", "password=pa55w0rd"]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    passes(&profile);
    let case = texts(&profile.join("cases"));
    assert!(case.contains("POST /login") && case.contains("GET /orders/17/result"), "{case}");
    assert!(!case.contains("somebody") && !case.contains("pa55w0rd"), "{case}");
}

#[test]
fn record_replaces_private_values_in_responses() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = bare("tests/providers/by-cursor", folder.path());
    let body = format!(
        r#"{{"account":{{"mail":"jane@customer.example","key":"{KEY}"}},"meta":{{}},
            "rows":[{{"name":"example.com","type":"A","data":"192.0.2.7","first":1700000000,"tag":"case 4711"}},
                    {{"name":"example.com","type":"TXT","data":"a secret of ours"}}]}}"#
    );
    let (url, _) =
        server(move |_, stream| reply(stream, "200 OK", "X-Customer: jane\r\nX-Request-Id: 9876\r\n", &body));
    let key = format!("key={KEY}");
    let recorded = record(&profile, "example.com", &url, &["--set", &key, "--case", "found"]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    passes(&profile);
    let case = texts(&profile.join("cases"));
    assert!(case.contains("192.0.2.7") && case.contains("1700000000"), "{case}");
    for private in [KEY, "jane", "4711", "9876"] {
        assert!(!case.contains(private), "{private}: {case}");
    }
    let whole = record(&profile, "example.com", &url, &["--set", &key, "--case", "whole", "--whole"]);
    assert_eq!(whole.code, 0, "{}", whole.err);
    let case = fs::read_to_string(profile.join("cases/whole.yaml")).expect("a case");
    assert!(case.contains("jane@customer.example") && !case.contains(KEY), "{case}");
}

#[test]
fn record_replaces_credentials_by_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = bare("tests/providers/by-cursor", folder.path());
    let body = r#"{"meta":{},"refresh_token":"0f-jane-1","session":{"id":"0f-jane-2"},"text":"id_token=0f-jane-3&x=1",
        "rows":[{"name":"example.com","type":"A","data":"192.0.2.7","first":1700000000,"idToken":"0f-jane-4"}]}"#;
    let headers =
        "Set-Cookie: id=0f-jane-5; Path=/\r\nX-Auth-Token: 0f-jane-6\r\nX-Next: /a?access_token=0f-jane-7\r\n";
    let (url, _) = server(move |_, stream| reply(stream, "200 OK", headers, body));
    for (name, more) in [("whole", &["--whole"][..]), ("found", &[])] {
        let more = [&["--set", "key=long-enough", "--case", name], more].concat();
        let recorded = record(&profile, "example.com", &url, &more);
        assert_eq!(recorded.code, 0, "{}", recorded.err);
    }
    passes(&profile);
    let cases = texts(&profile.join("cases"));
    assert!(cases.contains("192.0.2.7") && cases.contains("X-Next") | cases.contains("x-next"), "{cases}");
    assert!(!cases.contains("0f-jane"), "{cases}");
}

#[test]
fn record_overwrites_no_file_and_follows_no_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = bare("tests/providers/by-cursor", folder.path());
    let row = r#"{"name":"example.com","type":"A","data":"192.0.2.7","first":1700000000}"#;
    let body = format!(r#"{{"meta":{{}},"rows":[{}]}}"#, [row; 20].join(","));
    let (url, _) = server(move |_, stream| reply(stream, "200 OK", "", &body));
    let (cases, victim) = (profile.join("cases"), folder.path().join("victim"));
    fs::create_dir(&cases).expect("a folder");
    fs::write(cases.join("found-1.json"), "of another case").expect("it can be written");
    std::os::unix::fs::symlink(&victim, cases.join("found-1-2.json")).expect("a link");
    let recorded = record(&profile, "example.com", &url, &["--set", "key=long-enough", "--case", "found"]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    assert!(recorded.out.contains("found-1-3.json"), "{}", recorded.out);
    assert_eq!(fs::read_to_string(cases.join("found-1.json")).expect("it is there"), "of another case");
    assert!(!victim.exists());
    passes(&profile);
    // A link counts as an existing case.
    std::os::unix::fs::symlink(&victim, cases.join("other.expected")).expect("a link");
    let refused = record(&profile, "example.com", &url, &["--set", "key=long-enough", "--case", "other"]);
    assert!(refused.code == 2 && refused.err.contains("exists already"), "{}", refused.err);
    fs::rename(&cases, folder.path().join("elsewhere")).expect("it can be moved");
    std::os::unix::fs::symlink("../elsewhere", &cases).expect("a link");
    let refused = record(&profile, "example.com", &url, &["--set", "key=long-enough", "--case", "third"]);
    assert!(refused.code == 2 && refused.err.contains("`cases` is a symbolic link"), "{}", refused.err);
    assert!(!victim.exists() && !folder.path().join("elsewhere/third.yaml").exists());
}

#[test]
fn record_writes_a_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = bare("tests/providers/by-cursor", folder.path());
    let (url, _) = server(|_, stream| reply(stream, "403 Forbidden", "", r#"{"error":{"message":"not for you"}}"#));
    let recorded = record(&profile, "example.com", &url, &["--set", "key=long-enough", "--case", "forbidden"]);
    assert_eq!(recorded.code, 1, "{}", recorded.err);
    passes(&profile);
    assert!(texts(&profile.join("cases")).contains("403"));
}

#[test]
fn record_refuses_before_it_writes_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = bare("tests/providers/by-cursor", folder.path());
    let (url, _) = server(|_, stream| reply(stream, "200 OK", "", r#"{"rows":[]}"#));
    for (more, message) in [
        (&["--set", "key=abc"][..], "secrets shorter than 4 characters cannot be redacted"),
        (&["--set", "key=long-enough", "--tlp", "TLP:RED"], "nothing written: no request was sent"),
        (&["--set", "key=long-enough", "--case", "../up"], "invalid case name `../up`"),
    ] {
        let refused = record(&profile, "example.com", &url, more);
        assert!(refused.code != 0 && refused.err.contains(message), "{}", refused.err);
    }
    assert!(!profile.join("cases").exists());
    let built_in =
        record(Path::new("riskiq"), "example.com", &url, &["--set", "username=u", "--set", "api_key=kkkkkkkk"]);
    assert!(
        built_in.code == 2 && built_in.err.contains("riskiq is built in: specify a folder with --out"),
        "{}",
        built_in.err
    );
}
