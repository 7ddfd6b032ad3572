//! Tests of `explain`: profiles, values, codes and manuals. Expected texts are in `explain/` and `docs/`; `UPDATE=1` rewrites
//! them.

use crate::support::{ended, root, stixmap};
use serde_json::Value;
use stixmap_engine::diagnostic::Code;

fn is_kept(path: &str, arguments: &[&str]) {
    let output = ended(stixmap(arguments));
    assert_eq!(output.code, 0, "{}", output.err);
    let path = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &output.out).expect("the text can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == output.out,
        "{} differs from the output: run the tests with UPDATE=1\n{}",
        path.display(),
        output.out
    );
}

#[test]
fn manuals_match_the_declarations() {
    is_kept("docs/profile.md", &["explain", "profile"]);
    is_kept("docs/case.md", &["explain", "case"]);
    is_kept("docs/properties.md", &["explain", "properties"]);
}

#[test]
fn explain_profile_matches_its_file() {
    is_kept("tests/explain/riskiq.txt", &["explain", "riskiq"]);
    for shape in ["by-page", "by-offset", "by-url", "by-cursor", "by-window", "lines"] {
        is_kept(&format!("tests/explain/{shape}.txt"), &["explain", &format!("tests/providers/{shape}")]);
    }
}

#[test]
fn explain_value_shows_requests_with_redacted_secrets() {
    let value = ["explain", "riskiq", "192.0.2.34", "--now", "2024-03-01T00:00:00Z", "--set", "api_key=hunter2"];
    is_kept("tests/explain/value.txt", &value);
    let output = ended(stixmap(&[&value[..], &["--json"]].concat()));
    assert!(!output.out.contains("hunter2"), "{}", output.out);
    let facts: Value = serde_json::from_str(&output.out).expect("JSON");
    assert_eq!(facts["requests_at_most"][0]["requests"], 88);
    assert_eq!(facts["asked"]["may_be_sent"], true);
}

#[test]
fn explain_value_above_the_maximum_is_refused() {
    let output = ended(stixmap(&["explain", "riskiq", "example.com", "--tlp", "TLP:RED", "--json"]));
    let facts: Value = serde_json::from_str(&output.out).expect("JSON");
    assert_eq!(facts["asked"]["may_be_sent"], false, "{}", output.out);
    assert_eq!(facts["asked"]["results_tlp"], "TLP:RED");
}

#[test]
fn every_code_has_a_page_with_an_example() {
    let all = ended(stixmap(&["explain", "codes"])).out;
    for &code in Code::ALL {
        assert!(all.lines().any(|line| line.split(' ').next() == Some(code.slug())), "{code}");
        let page = ended(stixmap(&["explain", code.slug()]));
        assert_eq!(page.code, 0, "{code}: {}", page.err);
        assert!(page.out.contains(&format!("[{code}]: ")), "`{code}` has no example:\n{}", page.out);
    }
}

#[test]
fn explain_unknown_topic_is_rejected() {
    let output = ended(stixmap(&["explain", "nonsense"]));
    assert_eq!(output.code, 2);
    assert!(output.err.contains("unknown profile `nonsense`"), "{}", output.err);
    assert!(output.err.contains("the code of a diagnostic"), "{}", output.err);
}

#[test]
fn special_use_value_is_refused_without_ask_reserved() {
    for value in ["10.0.0.1", "fe80::1", "printer.local", "1.0.0.10.in-addr.arpa"] {
        let sent = |more: &[&str]| {
            let explained = ended(stixmap(&[&["explain", "riskiq", value, "--json"], more].concat()));
            let facts: Value = serde_json::from_str(&explained.out).expect("JSON");
            facts["asked"]["may_be_sent"].clone()
        };
        assert_eq!(sent(&[]), false, "{value}");
        assert_eq!(sent(&["--ask-reserved"]), true, "{value}");
        assert_eq!(sent(&["--set", "ask_reserved=true"]), true, "{value}");
    }
}

/// Returns the sorted names of parameters.
fn parameters(url: &str) -> Vec<String> {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    let mut names: Vec<String> = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())).collect();
    names.sort();
    names
}

/// Returns the JSON pointers of a body, or the fields of a form.
fn places(body: &Value) -> Vec<String> {
    fn collect(at: &str, value: &Value, places: &mut Vec<String>) {
        match value {
            Value::Object(entries) => {
                entries.iter().for_each(|(key, value)| collect(&format!("{at}.{key}"), value, places));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(&format!("{at}[]"), item, places)),
            _ => places.push(at.to_owned()),
        }
    }
    let Some(text) = body.as_str() else { return vec![] };
    let mut found = vec![];
    match serde_json::from_str(text) {
        Ok(json) => collect("$", &json, &mut found),
        Err(_) => found = parameters(&format!("?{text}")),
    }
    found
}

#[test]
fn explained_request_has_the_parts_of_the_sent_one() {
    let folders =
        ["profiles", "tests/providers"].map(|folder| std::fs::read_dir(root().join(folder)).expect("a folder"));
    let mut seen = 0;
    for profile in folders.into_iter().flatten().flatten().map(|entry| entry.path()) {
        if !profile.join("profile.yaml").exists() {
            continue;
        }
        let path = profile.to_str().expect("text");
        let facts = |more: &[&str]| -> Value {
            let output = ended(stixmap(&[&["explain", path, "--json"], more].concat()));
            assert_eq!(output.code, 0, "{path}: {}", output.err);
            serde_json::from_str(&output.out).expect("JSON")
        };
        let of_any = facts(&[]);
        for value in ["example.com", "192.0.2.34", "2001:db8::34"] {
            let kind = if value.contains(':') {
                "ipv6-addr"
            } else if value.ends_with("34") {
                "ipv4-addr"
            } else {
                "domain-name"
            };
            let accepts =
                |lookup: &&Value| lookup["accepts"].as_array().expect("types").iter().any(|known| known == kind);
            let any: Vec<&Value> = of_any["lookups"].as_array().expect("lookups").iter().filter(accepts).collect();
            if any.is_empty() {
                continue;
            }
            // Optional credentials are sent if they are set.
            let settings = of_any["settings"].as_array().expect("settings").iter();
            let settings = settings.filter(|setting| setting["default"].is_null());
            let given: Vec<String> = settings
                .filter_map(|setting| {
                    let value = match setting["type"].as_str()? {
                        "secret" | "string" => "made-up",
                        "tlp" => "TLP:GREEN",
                        "url" if setting["required"] == true => "https://made-up.example.net",
                        _ => return None,
                    };
                    Some(format!("--set={}={value}", setting["name"].as_str()?))
                })
                .collect();
            let more: Vec<&str> = std::iter::once(value).chain(given.iter().map(String::as_str)).collect();
            let sent = facts(&more);
            let sent = sent["lookups"].as_array().expect("lookups");
            assert_eq!(any.len(), sent.len(), "{path} {value}");
            for (any, sent) in any.into_iter().zip(sent) {
                let (any, sent) = (&any["requests"][0], &sent["requests"][0]);
                // A token is obtained first, and not known in advance.
                let is_token = |header: &&Value| header["value"].as_str().expect("text").contains("{token}");
                let headers = |request: &Value| -> Vec<String> {
                    let headers =
                        request["headers"].as_array().expect("headers").iter().filter(|header| !is_token(header));
                    let mut names: Vec<String> = headers.map(|header| header["name"].to_string()).collect();
                    names.sort();
                    names
                };
                let parts = |request: &Value| {
                    let url = request["url"].as_str().expect("a URL");
                    (request["method"].clone(), parameters(url), headers(request), places(&request["body"]))
                };
                assert_eq!(parts(any), parts(sent), "{path} {value}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}
