//! Scores of profiles: `docs/assurance.md` is up to date, built-in profiles reach the minimum, and all formats agree.

use crate::support::{ended, root, stixmap};
use serde_json::Value;

/// Minimum mutation score of a built-in profile, in percent.
const LEAST_SCORE: f64 = 90.0;

fn json(arguments: &[&str]) -> Vec<Value> {
    let result = ended(stixmap(arguments));
    serde_json::from_str(&result.out).unwrap_or_else(|error| panic!("{error}: {}{}", result.out, result.err))
}

#[test]
fn assurance_page_is_up_to_date_and_built_in_profiles_reach_the_minimum() {
    let printed = ended(stixmap(&["test", "profiles", "--assurance"]));
    assert_eq!(printed.code, 0, "{}", printed.err);
    let path = root().join("docs/assurance.md");
    let page = std::fs::read_to_string(&path).expect("the page is kept");
    // What follows is not about profiles, and not printed.
    let (kept, more) = page.split_once("\n## ").expect("a part about the program");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{}\n## {more}", printed.out)).expect("the page can be written");
    }
    assert!(
        kept == printed.out || std::env::var_os("UPDATE").is_some(),
        "{} is out of date: run the tests with UPDATE=1",
        path.display()
    );
    for row in printed.out.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| profile ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let percent = |cell: &str| cell.trim_end_matches(" %").parse::<f64>().expect("a share");
        assert_eq!(cells[4], "100 %", "`stixmap test --coverage` lists the rest: {row}");
        assert!(percent(cells[8]) >= LEAST_SCORE, "`stixmap test --mutate` lists the missing cases: {row}");
    }
}

#[test]
fn uncovered_item_is_listed_with_its_line_and_a_hint() {
    let result = ended(stixmap(&["test", "tests/providers/by-cursor", "--coverage"]));
    assert_eq!(result.code, 0, "{}", result.err);
    let missing = "  uncovered: more pages than requested of `lookups.names.paging`, line 25: \
                   add a case with more pages than the lookup requests\n";
    assert!(result.out.contains(missing), "{}", result.out);
    let least =
        |percent| ended(stixmap(&["test", "tests/providers/by-cursor", "--coverage", "--at-least", percent])).code;
    assert_eq!((least("50"), least("100")), (0, 1));
}

#[test]
fn coverage_formats_agree() {
    let formats = |format| ended(stixmap(&["test", "tests/providers/by-page", "--coverage", "--format", format])).out;
    let result = json(&["test", "tests/providers/by-page", "--coverage", "--json"]);
    let items = result[0]["items"].as_array().expect("items");
    let name = |item: &Value| item["name"].as_str().expect("a name").to_owned();
    let cap = items.iter().find(|item| name(item).starts_with("more pages")).expect("a bound on pages");
    assert_eq!(cap["cases"], serde_json::json!(["too-many-pages"]));
    let again = items.iter().find(|item| name(item).starts_with("a repeated page")).expect("an end");
    assert_eq!(again["cases"], serde_json::json!(["page-repeats"]));
    let line = cap["line"].as_u64().expect("a line");
    assert!(formats("lcov").contains(&format!("BRDA:{line},0,1,1\n")), "{}", formats("lcov"));
    assert!(formats("lcov").ends_with("end_of_record\n"));
    let branches = format!("<line number=\"{line}\" hits=\"1\" branch=\"true\" condition-coverage=\"100% (3/3)\"/>");
    assert!(formats("cobertura").contains(&branches), "{}", formats("cobertura"));
}

#[test]
fn mutants_are_rejected_detected_or_survive_with_a_hint() {
    let result = json(&["test", "tests/providers/lines", "--mutate", "--json"]);
    let mutants = result[0]["mutants"].as_array().expect("mutants");
    let result_of = |change: &str| {
        let found = mutants.iter().find(|mutant| mutant["change"] == change);
        found.unwrap_or_else(|| panic!("no mutant `{change}`: {mutants:#?}"))["result"]
            .as_str()
            .expect("a word")
            .to_owned()
    };
    let results = [
        ("`source: domain-name` replaced by `email-addr`", "rejected"),
        ("`source` and `target` swapped", "rejected"),
        ("`relationship: resolves-to` replaced by `related-to`", "detected"),
        ("`rules[0]` removed", "detected"),
        ("`when: count is not none and count > 100` replaced by `not (count is not none and count > 100)`", "detected"),
        ("`when: count is not none and count > 100` replaced by `count is not none and count >= 100`", "undetected"),
        ("`filter: time_last` replaced by `time_first`", "detected"),
        ("`limit: 100` removed", "detected"),
        ("`as: epoch-seconds` replaced by `seconds`", "detected"),
    ];
    let wrong: Vec<_> = results.iter().filter(|(change, expected)| result_of(change) != *expected).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let text = ended(stixmap(&["test", "tests/providers/lines", "--mutate", "--at-least", "100"]));
    assert_eq!(text.code, 1);
    let sentence = "add a case with a TXT record that meets `count is not none and count > 100`, and one that does not";
    assert!(text.out.contains(sentence), "{}", text.out);
}

#[test]
fn mutants_are_listed_in_a_stable_order() {
    let result = || ended(stixmap(&["test", "tests/providers/by-page", "--mutate"])).out;
    assert_eq!(result(), result());
}

#[test]
fn mutation_refuses_cases_that_differ() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = folder.path().join("cases");
    std::fs::create_dir(&cases).expect("a folder");
    let from = root().join("tests/providers/by-page");
    std::fs::copy(from.join("profile.yaml"), folder.path().join("profile.yaml")).expect("a copy");
    std::fs::copy(from.join("cases/three-pages.yaml"), cases.join("three-pages.yaml")).expect("a copy");
    let result = ended(stixmap(&["test", folder.path().to_str().expect("UTF-8"), "--mutate"]));
    assert_eq!((result.code, result.out.as_str()), (1, ""));
    assert!(result.err.contains("three-pages differs from its expected result"), "{}", result.err);
}

/// Copies a profile with its cases, and changes the profile's text.
fn copied(from: &str, change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let from = root().join("tests/providers").join(from);
    let cases = folder.path().join("cases");
    std::fs::create_dir(&cases).expect("a folder");
    for file in std::fs::read_dir(from.join("cases")).expect("cases").map(|file| file.expect("a file")) {
        std::fs::copy(file.path(), cases.join(file.file_name())).expect("a copy");
    }
    let text = std::fs::read_to_string(from.join("profile.yaml")).expect("a profile");
    let changed = change(text.clone());
    assert_ne!(changed, text, "the profile is another");
    std::fs::write(folder.path().join("profile.yaml"), changed).expect("a profile");
    folder
}

/// Returns the items or mutants without their lines.
fn entries(folder: &std::path::Path, how: &str, list: &str) -> Vec<Value> {
    let mut result = json(&["test", folder.to_str().expect("UTF-8"), how, "--json"]);
    let parts = result[0][list].as_array_mut().expect("a list");
    parts.iter_mut().for_each(|part| drop(part.as_object_mut().expect("a part").remove("line")));
    let mut parts = std::mem::take(parts);
    parts.sort_by_key(|part| (part["pointer"].to_string(), part["change"].to_string(), part["name"].to_string()));
    parts
}

#[test]
fn aliases_are_reported_like_expanded_text() {
    let reverse = "    accepts: [ipv4-addr]\n";
    let aliased = copied("lines", |text| {
        text.replace(reverse, &format!("{reverse}    query: *query\n"))
            .replace("    query:\n", "    query: &query\n")
            .replacen("none_when: [0]", "none_when: [&zero 0]", 1)
            .replace("none_when: [0]", "none_when: [*zero]")
    });
    let plain = copied("lines", |text| {
        let query = "    query:\n      after: { from: window.start, format: epoch-seconds }\n      limit: 100\n";
        text.replace(reverse, &format!("{reverse}{query}"))
    });
    for folder in [&aliased, &plain] {
        ended(stixmap(&["test", folder.path().to_str().expect("UTF-8"), "--accept"]));
    }
    let differing = |how, list| {
        let (one, other) = (entries(aliased.path(), how, list), entries(plain.path(), how, list));
        one.iter()
            .zip(&other)
            .find(|(one, other)| one != other)
            .map(|pair| format!("{pair:#?}"))
            .or_else(|| (one.len() != other.len()).then(|| format!("{} and {}", one.len(), other.len())))
    };
    assert_eq!(differing("--coverage", "items"), None);
    assert_eq!(differing("--mutate", "mutants"), None);
    // Lines are those of the use.
    let result = json(&["test", aliased.path().to_str().expect("UTF-8"), "--mutate", "--json"]);
    let text = std::fs::read_to_string(aliased.path().join("profile.yaml")).expect("a profile");
    let line = 1 + text.lines().position(|line| line.contains("*query")).expect("a use");
    let mutants = result[0]["mutants"].as_array().expect("mutants");
    let of_use = mutants.iter().filter(|mutant| mutant["pointer"] == "/lookups/reverse/query/limit");
    let lines: Vec<_> = of_use.map(|mutant| mutant["line"].clone()).collect();
    assert!(!lines.is_empty() && lines.iter().all(|result| *result == line), "{lines:?}, not {line}");
}

#[test]
fn each_mutant_of_a_signature_is_detected() {
    for provider in ["tests/providers/signed", "tests/providers/countersigned", "profiles/domaintools"] {
        let result = json(&["test", provider, "--mutate", "--json"]);
        let mutants = result[0]["mutants"].as_array().expect("mutants");
        let parts = ["/algorithm", "/key", "/text", "/encoding"];
        let of_signature = mutants.iter().filter(|mutant| {
            let pointer = mutant["pointer"].as_str().expect("a pointer");
            pointer.starts_with("/http/auth") && parts.iter().any(|part| pointer.ends_with(part))
        });
        let of_signature: Vec<_> = of_signature.collect();
        assert!(of_signature.len() > 2, "{provider}: {mutants:#?}");
        assert!(of_signature.iter().all(|mutant| mutant["result"] != "undetected"), "{provider}: {of_signature:#?}");
    }
}

#[test]
fn unexpected_request_ends_the_case_with_its_differences() {
    let changes: [(&str, &str, &str); 3] = [
        ("limit: 100\n", "limit: 50\n", "parameter `limit`: expected `100`, found `50`"),
        ("limit: 100\n", "most: 100\n", "parameter `limit`: expected `100`, found none"),
        ("path: /rrset/{observable.value}", "path: /rrsets/{observable.value}", "path: expected `/rrset/"),
    ];
    for (from, to, wanted) in changes {
        let folder = copied("lines", |text| text.replace(from, to));
        let case = folder.path().join("cases/by-type.yaml");
        let text = std::fs::read_to_string(&case).expect("a case");
        let named = text.replace("/A\n", "/A?limit=100\n").replace("/A\"\n", "/A?limit=100\"\n");
        std::fs::write(&case, named).expect("a case");
        let result = ended(stixmap(&["test", case.to_str().expect("UTF-8")]));
        assert_eq!(result.code, 1, "{}", result.out);
        assert!(result.out.contains(wanted), "{wanted}: {}", result.out);
        assert_eq!(result.out.matches("not expected").count(), 1, "no consequential errors: {}", result.out);
        assert!(!result.out.contains("not asked"), "no consequential errors: {}", result.out);
    }
}

#[test]
fn hostile_path_cannot_inject_into_coverage_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = folder.path().join("a\nSF:forged\r\u{2028}\u{1b}\"><forged hits='1'&");
    std::fs::create_dir_all(hostile.join("cases")).expect("a folder");
    for file in ["profile.yaml", "cases/page-repeats.yaml", "cases/page-repeats.expected"] {
        let from = root().join("tests/providers/by-page").join(file);
        std::fs::copy(from, hostile.join(file)).expect("it can be copied");
    }
    let path = hostile.to_str().expect("UTF-8");
    let result = |format| ended(stixmap(&["test", path, "--coverage", "--format", format])).out;
    let (lcov, cobertura) = (result("lcov"), result("cobertura"));
    assert!(lcov.contains("TN:by_page"), "{lcov}");
    assert_eq!(lcov.lines().filter(|line| line.starts_with("SF:")).count(), 1, "{lcov}");
    assert!(!lcov.contains(['\r', '\u{2028}', '\u{1b}']), "{lcov}");
    assert!(cobertura.contains("<class name=\"by-page\""), "{cobertura}");
    let class = cobertura.lines().find(|line| line.contains("<class ")).expect("a class");
    assert!(class.ends_with("complexity=\"0\">") && class.matches('<').count() == 1, "{class}");
    assert!(!cobertura.contains("<forged") && !cobertura.contains(['\r', '\u{2028}', '\u{1b}']), "{cobertura}");
}

#[test]
fn coverage_excludes_unreachable_items() {
    let result = |from: &str, change: &dyn Fn(String) -> String| {
        let folder = copied(from, change);
        let path = folder.path().to_str().expect("UTF-8").to_owned();
        ended(stixmap(&["test", &path, "--accept"]));
        // Removes cases whose requests the changed profile does not send.
        for case in
            std::fs::read_dir(folder.path().join("cases")).expect("cases").map(|case| case.expect("a case").path())
        {
            let is_case = case.extension().is_some_and(|extension| extension == "yaml");
            if is_case && ended(stixmap(&["test", case.to_str().expect("UTF-8")])).code != 0 {
                std::fs::remove_file(case).expect("it is there");
            }
        }
        let result = ended(stixmap(&["test", &path, "--coverage"]));
        assert_eq!(result.code, 0, "{}", result.err);
        result.out
    };
    // The type is constant, and the first rule matches it.
    let constant = result("lines", &|text| {
        let rules = text.find("rules:\n").expect("rules");
        let end = text.find("\nrelationship:").expect("what follows");
        let two = "rules:\n  - { rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }\n  \
                   - { rrtype: \"*\", drop: of no interest }\n";
        format!("{}{two}{}", &text[..rules], &text[end..])
            .replace("rrtype: { at: $.rrtype, as: rrtype }", "rrtype: { from: constant, value: A, as: rrtype }")
    });
    assert!(constant.contains("rules 1/1"), "{constant}");
    // Whatever the status, responses without `rows` are not parsed.
    let caught = |text: String| {
        format!(
            "{text}\nanswers:\n  - {{ body: {{ contains: rows }}, means: ok }}\n  - {{ status: 200, means: rejected }}\n"
        )
    };
    let caught = result("by-offset", &caught);
    assert!(!caught.contains("response-shape") && !caught.contains("response-syntax"), "{caught}");
    // A single page has no second.
    let single = result("by-offset", &|text| text.replace("at_most: 10", "at_most: 1"));
    assert!(!single.contains("the last page") && !single.contains("a repeated page"), "{single}");
    assert!(single.contains("page ends"), "{single}");
}

#[test]
fn hints_name_the_missing_case() {
    let hints = [
        ("tests/providers/tidewater", "a wait longer than the token's lifetime"),
        ("tests/providers/by-offset", "add a case with 10 pages, and one with 11 pages"),
        ("tests/providers/signed", "add a case with 101 requests within P1D"),
        ("tests/providers/lines", "requested 2 times: the transcript contains each wait"),
        ("tests/providers/lines", "a record in which `time_last` is `0`"),
        ("tests/providers/tidewater", "an observable of type `ipv6-addr`"),
    ];
    for (provider, hint) in hints {
        let result = ended(stixmap(&["test", provider, "--mutate"])).out;
        assert!(result.contains(hint), "{hint}: {result}");
    }
}
