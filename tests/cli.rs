//! Tests of the commands as a user runs them.

use crate::support::{Ended, ended, root, stixmap};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn bundle(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}{}", ended.out, ended.err))
}

fn types(bundle: &Value) -> Vec<&str> {
    bundle["objects"]
        .as_array()
        .expect("objects")
        .iter()
        .map(|object| object["type"].as_str().expect("a type"))
        .collect()
}

#[test]
fn enrich_replayed_case_makes_bundle_over_http() {
    let enriched = ended(stixmap(&["enrich", "example.com", "--profile", "riskiq", "--replay"]));
    assert_eq!(enriched.code, 0, "{}", enriched.err);
    let bundle = bundle(&enriched);
    assert_eq!(types(&bundle).iter().filter(|kind| **kind == "relationship").count(), 9);
    assert!(
        enriched.err.contains("example.com: ok · 10 records: 9 mapped, 1 dropped · 9 relationships"),
        "{}",
        enriched.err
    );
}

#[test]
fn enrich_several_values_makes_one_bundle() {
    let values = ["example.com", "192.0.2.80", "2001:db8::80", "empty.example.com"];
    let mut arguments = vec!["enrich", "-p", "riskiq", "--replay", "--format", "csv"];
    arguments.extend(values);
    let enriched = ended(stixmap(&arguments));
    assert_eq!(enriched.code, 0, "{}", enriched.err);
    assert!(enriched.out.starts_with("source_type,source,relationship,"), "{}", enriched.out);
    assert_eq!(enriched.out.lines().count(), 1 + 9 + 2 + 2, "{}", enriched.out);
    let output: Vec<&str> = enriched.err.lines().collect();
    assert!(values.iter().zip(&output).all(|(value, line)| line.contains(value)), "in the order given: {output:?}");
}

#[test]
fn enrich_formats_contain_the_same_records() {
    let format = |format: &str| ended(stixmap(&["enrich", "ns1.test", "-q", "-p", "riskiq", "--format", format]));
    assert_eq!(format("table").code, 2, "settings are missing");
    let replay = |format: &str| {
        ended(stixmap(&["enrich", "repeats.example.com", "-q", "-p", "riskiq", "--replay", "--format", format]))
    };
    let cof: Vec<Value> = replay("cof").out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(cof.len(), 3);
    assert_eq!(cof[0]["rrname"], "repeats.example.com");
    assert_eq!(
        (&cof[0]["rrtype"], &cof[0]["rdata"], &cof[0]["time_first"]),
        (&"A".into(), &"192.0.2.34".into(), &1_577_836_800.into())
    );
    assert_eq!(
        replay("table").out,
        "repeats.example.com  resolves-to  192.0.2.34                        2024-02-20T07:12:00Z  A record\n\
         repeats.example.com  resolves-to  192.0.2.34  2018-01-01T00:00:00Z  2018-06-01T00:00:00Z  A record\n\
         repeats.example.com  resolves-to  192.0.2.34  2020-01-01T00:00:00Z  2021-01-01T00:00:00Z  A record\n"
    );
    assert_eq!(types(&bundle(&replay("stix"))).len(), 7);
}

#[test]
fn outcome_determines_exit_code() {
    let code = |value: &str, more: &[&str]| {
        let mut arguments = vec!["enrich", value, "-p", "riskiq", "--replay"];
        arguments.extend(more);
        ended(stixmap(&arguments)).code
    };
    assert_eq!(code("empty.example.com", &[]), 0, "nothing found is no failure");
    assert_eq!(code("truncated.example.com", &[]), 3, "partial");
    assert_eq!(code("quota.example.com", &[]), 3, "deferred");
    assert_eq!(code("unauthorized.example.com", &[]), 1, "failed");
    assert_eq!(code("example.com", &["--tlp", "TLP:RED"]), 1, "refused");
    assert_eq!(code("not recorded", &[]), 2, "no such observable");
    assert_eq!(code("unrecorded.example.com", &[]), 2, "nothing to replay");
    assert_eq!(code("example.com", &["--tlp", "TLP:ORANGE"]), 2, "no such level");
    assert_eq!(code("example.com", &["--deadline", "soon"]), 2, "no duration");
}

#[test]
fn invalid_value_is_skipped_and_others_are_looked_up() {
    let enrich = |more: &[&str]| ended(stixmap(&[&["enrich", "-p", "riskiq", "--replay"], more].concat()));
    let mixed = enrich(&["example.com", "not a name", "-q"]);
    assert_eq!(mixed.code, 3, "{}", mixed.err);
    assert!(mixed.out.contains("\"example.com\"") && mixed.err.starts_with("skipped: "), "{}", mixed.err);
    let strict = enrich(&["example.com", "not a name", "--strict"]);
    assert_eq!((strict.code, strict.out.as_str()), (2, ""), "{}", strict.err);
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("values");
    std::fs::write(&input, "# pasted\nexample.com\n\nnot a name\n").expect("it can be written");
    let listed = enrich(&["-i", input.to_str().expect("UTF-8")]);
    assert!(listed.code == 3 && listed.err.contains("skipped: line 4: "), "{}", listed.err);
}

#[test]
fn list_without_values_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("values");
    let input = input.to_str().expect("UTF-8");
    for text in ["", "\n \n", "# only a comment\n"] {
        std::fs::write(input, text).expect("it can be written");
        let listed = ended(stixmap(&["enrich", "-q", "-p", "riskiq", "--replay", "-i", input]));
        assert_eq!((listed.code, listed.out.as_str()), (2, ""), "{text:?}");
        assert!(listed.err.contains("nothing to look up: no values in"), "{}", listed.err);
    }
}

#[test]
fn profile_given_twice_is_queried_once() {
    let enrich = |profiles: &[&str]| {
        ended(stixmap(&[&["enrich", "example.com", "--replay", "--format", "csv"], profiles].concat()))
    };
    let (once, twice) = (enrich(&["-p", "riskiq"]), enrich(&["-p", "riskiq", "-p", "riskiq"]));
    assert_eq!((twice.code, &twice.out, &twice.err), (once.code, &once.out, &once.err));
}

#[test]
fn unwritable_output_is_rejected_before_a_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("UTF-8");
    for output in [format!("{folder}/missing/bundle.json"), folder.to_owned()] {
        let enriched = ended(stixmap(&["enrich", "example.com", "-v", "-p", "riskiq", "--replay", "-o", &output]));
        assert_eq!(enriched.code, 2, "{}", enriched.err);
        assert!(enriched.err.contains(&format!("failed to write {output}")), "{}", enriched.err);
        assert!(!enriched.err.contains("GET "), "{}", enriched.err);
    }
}

#[test]
fn map_stored_response_needs_no_settings_or_network() {
    let answer = r#"{"totalRecords":1,"results":[{"recordType":"A","resolve":"192.0.2.1","resolveType":"ip","firstSeen":"2010-01-01 00:00:00","lastSeen":"2010-02-01 00:00:00"}]}"#;
    let mut command = stixmap(&["map", "--profile", "riskiq", "--observable", "Example.COM.", "-", "--trace"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(answer.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    assert!(out.contains(r#""value": "example.com""#) && out.contains(r#""value": "192.0.2.1""#), "{out}");
    assert!(err.contains("→ domain-name example.com resolves-to ipv4-addr 192.0.2.1  by the rule on line"), "{err}");
}

#[test]
fn missing_settings_are_all_reported_with_their_sources() {
    let enriched = ended(stixmap(&["enrich", "example.com", "-p", "riskiq"]));
    assert_eq!((enriched.code, enriched.out.as_str()), (2, ""));
    for text in [
        "RISKIQ_USERNAME",
        "RISKIQ_API_KEY",
        "riskiq.username",
        "RISKIQ_API_KEY_FILE",
        "--set username=",
        "RiskIQ API key",
    ] {
        assert!(enriched.err.contains(text), "{text}: {}", enriched.err);
    }
    let mut command =
        stixmap(&["enrich", "example.com", "-p", "riskiq", "--set", "max_tlp=sk-secret-in-the-wrong-place"]);
    command.env("RISKIQ_USERNAME", "u").env("RISKIQ_API_KEY", "k");
    let enriched = ended(command);
    assert_eq!(enriched.code, 2);
    assert!(enriched.err.contains("`max_tlp` is not a TLP level"), "{}", enriched.err);
    assert!(!enriched.err.contains("sk-secret"), "{}", enriched.err);
}

#[test]
fn unreadable_secret_file_is_reported_by_variable_only() {
    let variable = "RISKIQ_API_KEY_FILE";
    for value in ["sk-secret-in-the-wrong-variable", "/"] {
        let mut command = stixmap(&["enrich", "example.com", "-p", "riskiq", "--set", "username=u"]);
        command.env(variable, value);
        let enriched = ended(command);
        assert_eq!(enriched.code, 2);
        assert!(enriched.err.contains(&format!("failed to read the file named by `{variable}`")), "{}", enriched.err);
        assert!(!enriched.err.contains("sk-secret"), "{}", enriched.err);
    }
}

#[test]
fn secret_invalid_in_request_is_rejected_before_a_request() {
    use std::os::unix::ffi::OsStringExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    let asked = |variable: &str, value: std::ffi::OsString| {
        let mut command = stixmap(&["enrich", "example.com", "-p", "otx", "--set", "api_base_url=http://127.0.0.1:1"]);
        command.env(variable, value);
        ended(command)
    };
    let bytes = [
        "ab\ncdefgh".into(),
        "\u{feff}abcdefgh".into(),
        " abcdefgh".into(),
        "abcdefgh ".into(),
        "abcde\u{7f}fgh".into(),
        "abcdefgh-schl\u{fc}ssel".into(),
        b"abcdefgh\xff".to_vec(),
    ];
    for value in bytes {
        std::fs::write(&file, [&value[..], b"\n"].concat()).expect("it can be written");
        let given =
            [("OTX_API_KEY", std::ffi::OsString::from_vec(value.clone())), ("OTX_API_KEY_FILE", file.clone().into())];
        for (variable, value) in given {
            let refused = asked(variable, value);
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{}", refused.err);
            assert!(refused.err.contains("OTX_API_KEY"), "{}", refused.err);
            assert!(!refused.err.contains("cdefgh") && !refused.err.contains("reached"), "{}", refused.err);
        }
    }
    let warned = ended(stixmap(&[
        "enrich",
        "-p",
        "otx",
        "example.com",
        "--set",
        "api_base_url=http://127.0.0.1:1",
        "--set",
        "api_key=short",
        "--deadline",
        "1s",
    ]));
    assert!(warned.err.contains("on the command line") && warned.err.contains("too short"), "{}", warned.err);
    assert!(!warned.err.contains("short\n") && !warned.err.contains("=short"), "{}", warned.err);
}

#[test]
fn replay_of_unrecorded_value_suggests_similar_cases() {
    let missed = ended(stixmap(&["enrich", "exampel.com", "-p", "riskiq", "--replay"]));
    assert_eq!(missed.code, 2);
    let named = missed.err.split("closest: ").nth(1).expect("cases are named");
    assert_eq!(named.split(", ").count(), 3, "{named}");
    assert!(named.starts_with("example.com,"), "{named}");
}

#[test]
fn undeclared_setting_is_rejected() {
    let enriched = ended(stixmap(&["enrich", "example.com", "-p", "riskiq", "--set", "api_kye=x"]));
    assert_eq!(enriched.code, 2);
    assert!(enriched.err.contains("unknown setting `api_kye`; did you mean `api_key`?"), "{}", enriched.err);
}

#[test]
fn profiles_are_listed_and_found() {
    let list = ended(stixmap(&["list", "--json"]));
    let rows: Value = serde_json::from_str(&list.out).expect("JSON");
    let riskiq = rows.as_array().and_then(|rows| rows.iter().find(|row| row["profile"] == "riskiq")).expect("a row");
    assert_eq!(riskiq["accepts"], serde_json::json!(["domain-name", "ipv4-addr", "ipv6-addr"]));
    let list = ended(stixmap(&["list", "--profiles", "tests/providers"]));
    assert!(list.out.contains("by-cursor") && list.out.contains("riskiq"), "{}", list.out);
    let unknown = ended(stixmap(&["enrich", "example.com", "-p", "riskqi"]));
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("unknown profile `riskqi`; did you mean `riskiq`?"), "{}", unknown.err);
    let by_path = ended(stixmap(&[
        "enrich",
        "six.example.com",
        "-q",
        "-p",
        "tests/providers/by-offset",
        "--replay",
        "--format",
        "table",
    ]));
    assert_eq!((by_path.code, by_path.out.lines().count()), (0, 5), "{}", by_path.err);
}

#[test]
fn invalid_profile_is_reported_at_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(root().join("profiles/riskiq/profile.yaml")).expect("the profile");
    let wrong = text.replace("timeout: PT30S", "timeotu: PT30S").replace("target: email-addr", "target: ipv4-addr");
    std::fs::write(folder.path().join("profile.yaml"), wrong).expect("it can be written");
    let path = folder.path().to_str().expect("UTF-8");
    let shape = ended(stixmap(&["enrich", "example.com", "-p", path, "--replay"]));
    assert_eq!((shape.code, shape.out.as_str()), (1, ""));
    assert!(shape.err.contains("unknown-field") && shape.err.contains("timeotu: PT30S"), "{}", shape.err);
    std::fs::write(folder.path().join("profile.yaml"), text.replace("target: email-addr", "target: ipv4-addr"))
        .expect("it can be written");
    let meaning = ended(stixmap(&["enrich", "example.com", "-p", path, "--replay"]));
    assert_eq!(meaning.code, 1);
    assert!(
        meaning.err.contains("error[rule-never-matches]: the data of SOA records is never ipv4-addr"),
        "{}",
        meaning.err
    );
    let line = 1 + text.lines().position(|line| line.contains("target: email-addr")).expect("the rule");
    assert!(meaning.err.contains(&format!("profile.yaml:{line}:")), "{}", meaning.err);
}

#[test]
fn values_are_read_from_a_file_and_output_is_written_to_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, output) = (folder.path().join("values"), folder.path().join("bundle.json"));
    std::fs::write(&input, "# what came in today\nexample.com\n\n192.0.2.80  # twice\n192.0.2.80\n")
        .expect("it can be written");
    let paths = (input.to_str().expect("UTF-8"), output.to_str().expect("UTF-8"));
    let enriched = ended(stixmap(&["enrich", "-i", paths.0, "-o", paths.1, "-p", "riskiq", "--replay"]));
    assert_eq!((enriched.code, enriched.out.as_str()), (0, ""), "{}", enriched.err);
    assert_eq!(enriched.err.lines().count(), 2, "{}", enriched.err);
    let bundle: Value = serde_json::from_slice(&std::fs::read(&output).expect("the file is there")).expect("JSON");
    assert_eq!(types(&bundle).iter().filter(|kind| **kind == "relationship").count(), 11);
}

#[test]
fn why_shows_records_and_rules_of_every_object() {
    let enrich =
        |more: &[&str]| ended(stixmap(&[&["enrich", "both.example.com", "-p", "riskiq", "--replay"], more].concat()));
    let traced = enrich(&["--trace"]);
    for text in [
        "passive-dns page 1 $.results[1]  both.example.com MX host.example.net",
        "    resolve_type: domain",
        "by the rule on line ",
    ] {
        assert!(traced.err.contains(text), "{text}: {}", traced.err);
    }
    let bundle = bundle(&traced);
    let id = |key: &str, value: &str| {
        let objects = bundle["objects"].as_array().expect("objects");
        objects.iter().find(|object| object[key] == value).expect("one of it")["id"].as_str().expect("an id").to_owned()
    };
    for (said, record, other) in
        [("NS record", "$.results[0]", "$.results[1]"), ("MX record", "$.results[1]", "$.results[0]")]
    {
        let why = enrich(&["--why", &id("description", said)]).err;
        assert!(why.contains(&format!("{record}  both.example.com {}", &said[..2])) && !why.contains(other), "{why}");
    }
    assert!(enrich(&["--why", &id("type", "identity")]).err.contains("not from a record"));
    let missing = enrich(&["--why", "ipv4-addr--none"]);
    assert!(missing.err.contains("unknown object `ipv4-addr--none`: it is not in the bundle"), "{}", missing.err);
    assert_eq!(missing.code, 1);
}

#[test]
fn response_contrary_to_profile_is_shown_in_both_sources() {
    let enriched = ended(stixmap(&["enrich", "shape.example.com", "-p", "riskiq", "--replay"]));
    assert_eq!(enriched.code, 1);
    let output = enriched.err.lines().take(10).collect::<Vec<_>>().join("\n");
    assert!(
        output.starts_with(
            "error[response-shape]: missing `$.results` in the response\n  --> profiles/riskiq/profile.yaml:"
        ),
        "{output}"
    );
    assert!(output.contains("records are expected here") && output.contains("an object without `results`"), "{output}");
    assert!(output.contains("::: GET http://127.0.0.1:"), "{output}");
}

#[test]
fn quiet_prints_failed_lookups_only() {
    let quiet = |value| ended(stixmap(&["enrich", value, "-q", "-p", "riskiq", "--replay"]));
    let failed = quiet("shape.example.com");
    assert!(failed.code == 1 && failed.err.lines().count() == 1, "{}", failed.err);
    assert!(failed.err.contains("shape.example.com: failed"), "{}", failed.err);
    let fine = quiet("example.com");
    assert!(fine.code == 0 && fine.err.is_empty(), "{}", fine.err);
}

#[test]
fn output_to_pipe_keeps_the_pipe() {
    use std::os::unix::fs::FileTypeExt;
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
    let path = pipe.to_str().expect("UTF-8").to_owned();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).expect("what was written")
    });
    let enriched = ended(stixmap(&["enrich", "example.com", "-q", "-p", "riskiq", "--replay", "-o", &path]));
    assert_eq!(enriched.code, 0, "{}", enriched.err);
    assert!(reader.join().expect("it reads").contains("\"bundle\""));
    assert!(std::fs::metadata(&pipe).expect("it is there").file_type().is_fifo());
}

#[test]
fn closed_standard_output_is_no_error() {
    let shipped = root().join("profiles/riskiq");
    let riskiq = shipped.to_str().expect("a path");
    for arguments in [&["test", "--verbose", riskiq][..], &["completions", "zsh"], &["list"], &["explain", "codes"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let child = stixmap(arguments).stdout(writer).stderr(Stdio::piped()).spawn().expect("it starts");
        let ended = child.wait_with_output().expect("it ends");
        assert!(ended.status.success() && ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn help_and_completions_are_printed() {
    let help = ended(stixmap(&["--help"]));
    assert!(help.code == 0 && help.out.contains("Exit codes:"), "{}", help.out);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = ended(stixmap(&["completions", shell]));
        assert!(completions.code == 0 && completions.out.contains("STIXMAP_COMPLETE"), "{shell}");
    }
}

/// Returns what bash offers for the last of these words, after it has read the script.
fn offered(words: &[&str]) -> Vec<String> {
    let script = r#"source <("$0" completions bash)
        COMP_WORDS=(stixmap "$@") COMP_CWORD=$# COMP_TYPE=9
        _clap_complete_stixmap stixmap "${@: -1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let program = env!("CARGO_BIN_EXE_stixmap");
    let folder = std::path::Path::new(program).parent().expect("its folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a path"));
    let bash =
        Command::new("bash").args(["-c", script, program]).args(words).env("PATH", path).current_dir(root()).output();
    let bash = bash.expect("bash starts");
    assert!(bash.status.success() && bash.stderr.is_empty(), "{}", String::from_utf8_lossy(&bash.stderr));
    String::from_utf8_lossy(&bash.stdout).lines().map(|word| word.trim_end().to_owned()).collect()
}

#[test]
fn shell_completes_commands_values_profiles_and_paths() {
    assert_eq!(offered(&["enr"]), ["enrich"]);
    assert_eq!(offered(&["enrich", "example.com", "--format", "ta"]), ["table"]);
    assert_eq!(offered(&["enrich", "example.com", "-p", "risk"]), ["riskiq"]);
    assert_eq!(offered(&["serve", "dns"]), ["dnsdb"]);
    assert_eq!(offered(&["enrich", "example.com", "-p", "profiles/risk"]), ["profiles/riskiq/"]);
}

#[test]
fn manual_pages_describe_every_command_and_option() {
    let page = |arguments: &[&str]| ended(stixmap(&[&["man"], arguments].concat()));
    let whole = page(&[]).out;
    let help = ended(stixmap(&["--help"])).out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"enrich") && whole.starts_with(".ie"), "{whole}");
    for command in commands {
        assert!(whole.contains(&format!("stixmap\\-{command}(1)")), "{command}: {whole}");
        if command == "help" {
            continue;
        }
        let page = page(&[command]).out.replace('\\', "");
        let help = ended(stixmap(&[command, "--help"])).out;
        let options =
            help.lines().filter_map(|line| line.trim_start().split([' ', ',']).find(|word| word.starts_with("--")));
        for option in options {
            assert!(page.contains(option), "{command} {option}: {page}");
        }
    }
    let unknown = page(&["enrihc"]);
    assert!(unknown.code == 2 && unknown.err.contains("did you mean `enrich`?"), "{}", unknown.err);
}

#[test]
fn pap_level_restricts_requests_and_marks_results() {
    let enrich = |pap: &str| ended(stixmap(&["enrich", "example.com", "-q", "-p", "riskiq", "--replay", "--pap", pap]));
    let enriched = enrich("amber");
    assert_eq!(enriched.code, 0, "{}", enriched.err);
    let bundle = bundle(&enriched);
    let objects = bundle["objects"].as_array().expect("objects");
    let definition = objects.iter().find(|object| object["name"] == "PAP:AMBER").expect("its definition");
    for object in objects.iter().filter(|object| object["type"] == "relationship") {
        assert!(
            object["object_marking_refs"].as_array().expect("it is marked").contains(&definition["id"]),
            "{object}"
        );
    }
    let refused = enrich("PAP:RED");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("accepts PAP:AMBER at most"), "{}", refused.err);
    assert_eq!(enrich("PAP:PURPLE").code, 2);
}

/// The variables of the program's own options are like those of a profile: a misspelled one is not ignored.
#[test]
fn misspelled_own_variable_is_refused() {
    for (variable, near) in [
        ("STIXMAP_CONFG", "STIXMAP_CONFIG"),
        ("STIXMAP_PROFLE", "STIXMAP_PROFILE"),
        ("STIXMAP_TRUSTED", "STIXMAP_TRUST"),
        ("STIXMAP_TRUST_FIEL", "STIXMAP_TRUST_FILE"),
    ] {
        for arguments in
            [&["enrich", "example.com", "-p", "cof", "--replay"][..], &["list"], &["connector", "-p", "cof"]]
        {
            let mut command = stixmap(arguments);
            command.env(variable, "x");
            let refused = ended(command);
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{variable}: {}", refused.err);
            assert!(
                refused.err.contains(&format!("unknown variable `{variable}`; did you mean `{near}`?")),
                "{}",
                refused.err
            );
        }
    }
    // Kubernetes sets such a variable for a service.
    let mut command = stixmap(&["list"]);
    command.env("STIXMAP_PORT", "tcp://10.0.0.1:80").env("STIXMAP_SERVICE_HOST", "10.0.0.1");
    assert_eq!(ended(command).code, 0);
}

/// What decides whether an observable is sent is never replaced by a default because it cannot be read.
#[test]
fn unreadable_setting_is_refused_by_enrich_and_explain_alike() {
    for (path, expected) in [
        ("", "the variable `COF_MAX_TLP_FILE` is empty"),
        ("/nonexistent/level", "failed to read the file named by `COF_MAX_TLP_FILE`"),
    ] {
        for arguments in [
            &["enrich", "example.com", "-p", "cof", "--set", "base_url=http://127.0.0.1:1"][..],
            &["explain", "cof", "example.com", "--tlp", "TLP:RED"],
            &["explain", "cof"],
        ] {
            let mut command = stixmap(arguments);
            command.env("COF_MAX_TLP_FILE", path);
            let refused = ended(command);
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{arguments:?}: {}", refused.err);
            assert!(refused.err.contains(expected), "{arguments:?}: {}", refused.err);
        }
    }
}

#[test]
fn value_without_recorded_case_costs_only_itself_in_replay() {
    let replay = |more: &[&str]| ended(stixmap(&[&["enrich", "-p", "riskiq", "--replay"], more].concat()));
    let mixed = replay(&["example.com", "a@b.com"]);
    assert_eq!(mixed.code, 3, "{}", mixed.err);
    assert!(mixed.out.contains("\"example.com\""), "{}", mixed.err);
    assert!(mixed.err.contains("skipped: no recorded case of `riskiq` about `a@b.com`"), "{}", mixed.err);
    for refused in [replay(&["example.com", "a@b.com", "--strict"]), replay(&["a@b.com"])] {
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{}", refused.err);
        assert!(refused.err.contains("no recorded case of `riskiq` about `a@b.com`"), "{}", refused.err);
    }
}

#[test]
fn deadline_of_varying_length_is_refused_with_what_is_expected() {
    for text in ["P1M", "P1Y", "1mo", "0s", "-5s", "soon", ""] {
        let refused =
            ended(stixmap(&["enrich", "example.com", "-p", "riskiq", "--replay", &format!("--deadline={text}")]));
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{text}: {}", refused.err);
        let invalid = format!("invalid --deadline `{text}`: expected");
        assert!(refused.err.contains(&invalid) && !refused.err.contains("caused"), "{text}: {}", refused.err);
        assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    }
}

/// Copies a folder with its files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for path in std::fs::read_dir(from).expect("a folder").flatten().map(|entry| entry.path()) {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy(&path, &target) } else { std::fs::copy(&path, &target).map(drop).expect("copied") }
    }
}

/// Every example but those that need a server or an account.
#[test]
fn examples_of_the_help_succeed() {
    const NEED_A_SERVER: [&str; 4] = ["stixmap serve", "stixmap record", "stixmap connector", "--set base_url"];
    let folder = tempfile::tempdir().expect("a folder");
    copy(&root().join("profiles/cof"), &folder.path().join("profiles/cof"));
    let row = r#"{"rows":[{"rrname":"example.com","rrtype":"A","rdata":"192.0.2.1","time_first":1700000000}]}"#;
    std::fs::write(folder.path().join("response.json"), row).expect("written");
    let help = ended(stixmap(&["--help"])).out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut tried = 0;
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        let help = ended(stixmap(&[command, "--help"])).out;
        let examples = help.lines().filter_map(|line| line.trim().strip_prefix("Example: ").or(Some(line.trim())));
        let examples = examples.filter(|line| line.starts_with("stixmap ") && !line.contains('`'));
        for example in examples.map(|line| line.split("  ").next().unwrap_or(line)) {
            if NEED_A_SERVER.iter().any(|part| example.contains(part)) || example.contains('>') {
                continue;
            }
            let mut command = stixmap(&example.split_whitespace().skip(1).collect::<Vec<_>>());
            command.current_dir(folder.path());
            let ended = ended(command);
            assert_eq!(ended.code, 0, "{example}: {}{}", ended.out, ended.err);
            let _ = std::fs::remove_dir_all(folder.path().join("profiles/acme"));
            tried += 1;
        }
    }
    assert!(tried >= 16, "{tried} examples were found");
}
