//! Tests that output for people contains no control characters that a terminal, a log or a spreadsheet would interpret.

use crate::support::{Ended, ended, root, stixmap};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use stixmap_engine::diagnostic::{Code, Source};
use stixmap_engine::plan::Plan;
use stixmap_engine::printable;
use tempfile::TempDir;

/// Control, line-ending, bidirectional and invisible characters, in C0, C1 and beyond.
const HOSTILE: &str =
    "a\u{1b}[2K\u{7}b\r\nerror: forged\tc\u{7f}\u{85}\u{9b}2J\u{2028}\u{202e}d\u{2066}\u{200b}\u{feff}\u{e0041}e";

/// The same text, escaped on one line.
const SHOWN: &str =
    r"a\027[2K\007b\013\010error: forged\009c\127\u{85}\u{9b}2J\u{2028}\u{202e}d\u{2066}\u{200b}\u{feff}\u{e0041}e";

fn assert_printable(ended: &Ended, what: &str) {
    for text in [&ended.out, &ended.err] {
        let found = printable::first_unprintable(&text.replace('\n', ""));
        assert_eq!(found, None, "{what}: {text}");
        assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{what}: {text}");
    }
}

/// Returns mapped, dropped and bad rows that contain the text.
fn answer(folder: &TempDir) -> String {
    let row = |rrtype: &str, rdata: String| json!({ "rrname": "example.com.", "rrtype": rrtype, "rdata": rdata, "time_last": 1_790_000_000 });
    let text = HOSTILE.replace('\n', "\\010").replace('\r', "\\013");
    let rows = [
        row("TXT", format!("\"{HOSTILE}\"")),
        row("TXT", format!("\"{text}\"")),
        row("A", HOSTILE.to_owned()),
        row("MX", format!("10 {HOSTILE}.example.net.")),
        row("NS", "ns.example.net.".to_owned()),
        row(HOSTILE, "192.0.2.1".to_owned()),
        json!({ "rrname": HOSTILE, "rrtype": "A", "rdata": "192.0.2.1", "time_last": HOSTILE, HOSTILE: HOSTILE }),
    ];
    let path = folder.path().join("answer.ndjson");
    fs::write(&path, rows.map(|row| format!("{row}\n")).concat()).expect("a file");
    path.to_string_lossy().into_owned()
}

fn mapped(answer: &str, more: &[&str]) -> Ended {
    let set = ["--set", "base_url=https://pdns.example.org", "--set", "min_tlp=TLP:CLEAR"];
    ended(stixmap(&[&["map", "-v", "-p", "cof", "--observable", "example.com", answer], &set[..], more].concat()))
}

#[test]
fn hostile_response_is_printable_in_every_format() {
    let folder = TempDir::new().expect("a folder");
    let answer = answer(&folder);
    for format in ["table", "csv", "cof", "stix"] {
        let mapped = mapped(&answer, &["--format", format]);
        assert!(mapped.out.contains("example.com"), "{format}: {}{}", mapped.out, mapped.err);
        assert_printable(&mapped, format);
    }
    let traced = mapped(&answer, &["--trace", "--format", "cof"]);
    assert!(traced.err.contains(SHOWN), "{}", traced.err);
    assert_printable(&traced, "--trace");
}

#[test]
fn escaped_json_has_the_same_values() {
    let folder = TempDir::new().expect("a folder");
    let records = mapped(&answer(&folder), &["--format", "cof"]).out;
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(records.iter().any(|record| record["rdata"].as_str().is_some_and(|data| data.contains("\u{202e}d"))));
}

#[test]
fn hostile_argument_is_printable_in_errors() {
    let folder = TempDir::new().expect("a folder");
    let answer = answer(&folder);
    let setting = format!("{HOSTILE}=1");
    let commands: [&[&str]; 10] = [
        &["enrich", HOSTILE, "-p", "cof"],
        &["enrich", "example.com", "-p", HOSTILE],
        &["enrich", "example.com", "-p", "cof", "--tlp", HOSTILE],
        &["enrich", "example.com", "-p", "cof", "--format", HOSTILE],
        &["enrich", "example.com", "-p", "cof", "--set", &setting],
        &["explain", HOSTILE],
        &["check", HOSTILE],
        &["diff", HOSTILE, HOSTILE],
        &[HOSTILE],
        &["map", "-p", "cof", "--observable", "example.com", "--set", "min_tlp=TLP:CLEAR", "--why", HOSTILE, &answer],
    ];
    for command in commands {
        let ended = ended(stixmap(command));
        assert_ne!(ended.code, 0, "{command:?}");
        assert!(ended.err.contains(r"\027[2K"), "{command:?}: {}", ended.err);
        assert_printable(&ended, &format!("{command:?}"));
    }
}

#[test]
fn hostile_profile_is_printable_in_diagnostics() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("profile.yaml");
    let hostile = HOSTILE.replace(['\r', '\n', '\u{1b}', '\u{7}', '\u{7f}'], "");
    let quoted = Value::from(HOSTILE).to_string();
    fs::write(&path, format!("stixmap: v1\nid: {quoted}\nname: {quoted}\n{quoted}: {hostile}\n\t{hostile}: [\r\n"))
        .expect("a file");
    let path = path.to_string_lossy();
    for format in ["text", "json", "github"] {
        let checked = ended(stixmap(&["check", &path, "--format", format]));
        assert_eq!(checked.code, 1, "{}{}", checked.out, checked.err);
        assert_printable(&checked, format);
    }
    assert_printable(&ended(stixmap(&["explain", &path])), "explain");
    assert_printable(&ended(stixmap(&["test", &path])), "test");
}

/// Only the modules that escape text write to the standard streams.
#[test]
fn standard_streams_have_one_writer_each() {
    let writers = ["src/standard_streams.rs", "src/render.rs", "src/progress.rs", "src/connector/log.rs"];
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root()).expect("below the repository").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a source file");
            // Testing for a terminal writes nothing.
            let text = text.replace("stderr().is_terminal()", "");
            for word in ["print!(", "println!(", "stdout()", "stderr()"] {
                assert!(writers.contains(&name.as_str()) || !text.contains(word), "{name} has `{word}`");
            }
        }
    }
}

/// Returns all strings with their JSON pointers.
fn texts(value: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((pointer.to_owned(), text.clone())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| texts(item, &format!("{pointer}/{i}"), found))
        }
        Value::Object(map) => {
            let inner = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            map.iter().for_each(|(key, item)| texts(item, &inner(key), found));
        }
        _ => {}
    }
}

/// Tests every field, including those that are added to the language later.
#[test]
fn profile_with_unprintable_text_is_refused() {
    for folder in ["tests/deploy/every-setting", "profiles/riskiq", "profiles/microsoft-defender-ti"] {
        let text = fs::read_to_string(root().join(folder).join("profile.yaml")).expect("a profile");
        let profile: Value = serde_yaml::from_str(&text).expect("YAML");
        assert!(Plan::check(&Source::new("profile.yaml", profile.to_string())).0.is_some(), "{folder}");
        let mut all = vec![];
        texts(&profile, "", &mut all);
        assert!(all.len() > 50, "{folder} has {} texts", all.len());
        for (pointer, text) in all {
            for sign in
                ["\u{1b}", "\u{7f}", "\u{85}", "\u{9b}", "\u{2028}", "\u{202e}", "\u{200b}", "\u{feff}", "\u{ffff}"]
            {
                let mut changed = profile.clone();
                *changed.pointer_mut(&pointer).expect("it is there") = Value::from(format!("{text}{sign}"));
                let (plan, found) = Plan::check(&Source::new("profile.yaml", changed.to_string()));
                assert!(plan.is_none() && !found.is_empty(), "{folder} {pointer} takes {sign:?}");
            }
        }
    }
}

#[test]
fn text_for_people_is_one_line() {
    let text = fs::read_to_string(root().join("tests/deploy/every-setting/profile.yaml")).expect("a profile");
    let profile: Value = serde_yaml::from_str(&text).expect("YAML");
    let check = |pointer: &str, is_refused: bool| {
        let mut changed = profile.clone();
        let place = changed.pointer_mut(pointer).expect("it is there");
        *place = Value::from(format!("{}\n ", place.as_str().expect("a text")));
        let found = Plan::check(&Source::new(Path::new(pointer).to_string_lossy(), changed.to_string())).1;
        let is_reported = found.iter().any(|found| found.code == Code::UnprintableCharacter);
        assert_eq!(is_reported, is_refused, "{pointer}: {found:?}");
    };
    for pointer in
        ["/name", "/summary", "/terms", "/settings/label/description", "/settings/label/default", "/rules/2/drop"]
    {
        check(pointer, true);
    }
    check("/rules/0/when", false);
}
