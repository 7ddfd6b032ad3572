//! `stixmap serve`: a mock provider answers recorded requests over HTTP.

use crate::support::{Ended, ended, stixmap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running mock provider; killed when dropped.
pub(super) struct MockProvider {
    child: Child,
    pub(super) url: String,
}

impl MockProvider {
    pub(super) fn start(arguments: &[&str]) -> MockProvider {
        let mut command = stixmap(&[&["serve"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut url = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut url).expect("it prints its URL");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        MockProvider { child, url: url.trim_end().to_owned() }
    }

    /// Sends it a signal, and returns its exit code and standard error.
    pub(super) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill is there");
        assert!(sent.success());
        let mut stderr = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        (self.child.wait().expect("it ends").code(), stderr)
    }

    fn enrich(&self, value: &str, profile: &str, more: &[&str]) -> Ended {
        let base = format!("api_base_url={}", self.url);
        let arguments = ["enrich", value, "--profile", profile, "--format", "table", "--set", &base];
        ended(stixmap(&[&arguments[..], more].concat()))
    }
}

impl Drop for MockProvider {
    fn drop(&mut self) {
        // It may have terminated already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serve_answers_a_recorded_observable_repeatedly() {
    let provider = MockProvider::start(&["tests/providers/by-cursor"]);
    for _ in 0..2 {
        let enriched = provider.enrich("cursor.example.com", "tests/providers/by-cursor", &["--set", "key=any"]);
        assert_eq!((enriched.code, enriched.out.lines().count()), (0, 2), "{}{}", enriched.out, enriched.err);
    }
    let (code, stderr) = provider.stop("-TERM");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("stixmap enrich cursor.example.com") && stderr.contains("--set key=any"), "{stderr}");
    assert!(stderr.contains("GET /names/cursor.example.com?cursor=a%2Bb%2Fc%3D%3D → 200"), "{stderr}");
}

#[test]
fn serve_ignores_the_time_of_a_window() {
    let provider = MockProvider::start(&["riskiq", "--quiet"]);
    let enriched = provider.enrich("example.com", "riskiq", &["--set", "username=u", "--set", "api_key=k"]);
    assert_eq!((enriched.code, enriched.out.lines().count()), (0, 9), "{}{}", enriched.out, enriched.err);
    assert_eq!(provider.stop("-INT"), (Some(0), String::new()));
}

#[test]
fn serve_follows_the_best_case_through_login_and_job() {
    let provider = MockProvider::start(&["tests/providers/orders"]);
    let more = ["--set", "user=somebody", "--set", "password=pa55w0rd"];
    let enriched = provider.enrich("example.com", "tests/providers/orders", &more);
    assert_eq!(enriched.code, 0, "{}", enriched.err);
    assert!(enriched.out.contains("192.0.2.1"), "{}", enriched.out);
}

#[test]
fn serve_can_be_restricted_to_one_case() {
    let provider = MockProvider::start(&["tests/providers/orders", "--case", "broken"]);
    let more = ["--set", "user=somebody", "--set", "password=pa55w0rd"];
    assert_eq!(provider.enrich("example.com", "tests/providers/orders", &more).code, 1);
    let unknown = ended(stixmap(&["serve", "tests/providers/orders", "--case", "brokn"]));
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("unknown case `brokn`"), "{}", unknown.err);
}

#[test]
fn serve_replaces_urls_of_the_provider_by_its_own() {
    let provider = MockProvider::start(&["tests/providers/by-url", "--case", "two-pages"]);
    let case = std::fs::read_to_string("tests/providers/by-url/cases/two-pages.yaml").expect("a case");
    let value = case.lines().find_map(|line| line.split("value: ").nth(1)).expect("an observable");
    let value = value.trim_end_matches(" }").trim_matches('"');
    let enriched = provider.enrich(value, "tests/providers/by-url", &["--set", "key=any", "--set", "user=any"]);
    assert_eq!(enriched.code, 0, "{}", enriched.err);
    assert!(enriched.out.lines().count() > 1, "{}", enriched.out);
}

/// Sends a request, and returns the whole response.
fn asked(provider: &MockProvider, head: &str, body: &str) -> String {
    let address = provider.url.strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    write!(stream, "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn request_that_is_not_recorded_lists_the_closest() {
    let provider = MockProvider::start(&["tests/providers/by-cursor"]);
    let answer = asked(&provider, "GET /names/other.example.com", "");
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert!(answer.contains("request not recorded: GET /names/other.example.com"), "{answer}");
    assert!(answer.contains("  GET /names/cursor.example.com"), "{answer}");
}

#[test]
fn target_that_is_not_recorded_shows_no_secret_and_no_control_character() {
    let provider = MockProvider::start(&["tests/providers/keyed-path"]);
    for target in ["/users/u/s3cr3t/nowhere", "/s3cr3t", "/users/u?key=s3cr3t&api_key=s3cr3t", "/x\u{9b}31m\u{202e}"] {
        let answer = asked(&provider, &format!("GET {target}"), "");
        assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
        assert!(!answer.contains("s3cr3t") && !answer.contains(['\u{9b}', '\u{202e}']), "{answer:?}");
    }
    let (_, stderr) = provider.stop("-TERM");
    assert!(!stderr.contains("s3cr3t") && !stderr.contains(['\u{9b}', '\u{202e}']), "{stderr:?}");
}

#[test]
fn posts_to_one_path_are_distinguished_by_their_bodies() {
    let provider = MockProvider::start(&["tests/providers/posted"]);
    let body = |name: &str, kind: &str, from: u32| {
        format!(r#"{{"query":{{"type":"{kind}","name":"{name}","exact":true,"limit":2,"from":{from}}}}}"#)
    };
    // In another order than recorded, and each repeatedly.
    for _ in 0..2 {
        for (kind, from, found) in [("mx", 0, "mail.example.com"), ("a", 2, "192.0.2.3"), ("a", 0, "192.0.2.1")] {
            let answer = asked(&provider, "POST /search", &body("example.com", kind, from));
            assert!(answer.contains(found), "{kind} {from}: {answer}");
            assert!(answer.contains("stixmap-case: pages; about example.com\r\n"), "{answer}");
            assert!(!answer.contains("stixmap-differs"), "{answer}");
        }
    }
    let answer = asked(&provider, "POST /search", &body("other.example.com", "mx", 0));
    assert!(answer.contains("mail.example.com"), "{answer}");
    assert!(answer.contains("stixmap-differs: body $.query.name\r\n"), "{answer}");
    for other in ["", "no JSON", "[]"] {
        let answer = asked(&provider, "POST /search", other);
        assert!(answer.contains("stixmap-differs: body $.query.exact, body $.query.from"), "{other}: {answer}");
    }
    let (_, stderr) = provider.stop("-TERM");
    let note = "from case `pages` about example.com: the request differs in body $.query.name";
    assert_eq!(stderr.lines().filter(|line| line.ends_with(note)).count(), 1, "{stderr}");
}

#[test]
fn relationship_reported_by_two_providers_names_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = std::fs::read_to_string("tests/providers/by-cursor/profile.yaml").expect("a profile");
    let other = folder.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    let renamed = profile.replace("id: by-cursor", "id: other").replace("Cursor Provider", "Another Provider");
    std::fs::write(other.join("profile.yaml"), renamed).expect("it is written");
    let provider = MockProvider::start(&["tests/providers/by-cursor", "--quiet"]);
    let settings: Vec<String> = ["by-cursor", "other"]
        .iter()
        .flat_map(|id| [format!("--set={id}.api_base_url={}", provider.url), format!("--set={id}.key=any")])
        .collect();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let value = "cursor.example.com";
    let profiles = ["--profile", "tests/providers/by-cursor", "--profile", other.to_str().expect("text")];
    let enriched = ended(stixmap(&[&["enrich", value], &settings[..], &profiles[..]].concat()));
    assert_eq!(enriched.code, 0, "{}", enriched.err);
    let bundle: serde_json::Value = serde_json::from_str(&enriched.out).expect("a bundle");
    let objects = bundle["objects"].as_array().expect("objects");
    let of = |kind: &str| objects.iter().filter(|object| object["type"] == kind).collect::<Vec<_>>();
    assert_eq!((of("identity").len(), of("relationship").len()), (2, 2), "{}", enriched.out);
    for relationship in of("relationship") {
        let description = relationship["description"].as_str().expect("text");
        assert_eq!(description, "A, reported by Another Provider and Cursor Provider");
    }
}
