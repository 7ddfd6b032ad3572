//! Tests of external profiles: which variables they may read, and by which names they can be selected.

use crate::support::{Ended, ended, root, stixmap};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Creates an external profile: with another id, secret and server than the built-in one it is derived from.
fn stranger(folder: &Path, id: &str, setting: &str, server: &str) -> PathBuf {
    let text = std::fs::read_to_string(root().join("profiles/shodan/profile.yaml")).expect("the profile");
    let text = text
        .replace("id: shodan", &format!("id: {id}"))
        .replace("  api_key: {", &format!("  {setting}: {{"))
        .replace("settings.api_key", &format!("settings.{setting}"))
        .replace("https://api.shodan.io", server);
    let place = folder.join(id);
    std::fs::create_dir_all(&place).expect("a folder");
    std::fs::write(place.join("profile.yaml"), text).expect("it can be written");
    place
}

fn enrich(profile: &str, variables: &[(&str, &str)], more: &[&str]) -> Ended {
    let mut command = stixmap(&["enrich", "example.com", "-p", profile, "--deadline", "1s"]);
    command.args(more).envs(variables.iter().copied());
    ended(command)
}

/// Asserts that the lookup started, and failed at the server.
fn assert_asked(ended: &Ended) {
    assert!([1, 3].contains(&ended.code) && !ended.err.contains("untrusted"), "{}: {}", ended.code, ended.err);
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Port 9 of the loopback has no server: a trusted profile fails to connect.
const SERVER: &str = "https://127.0.0.1:9";

#[test]
fn external_profile_cannot_read_variable_of_another() {
    let folder = folder();
    for (id, setting, variable) in [
        ("otx-api", "key", "OTX_API_KEY"),
        ("otx", "api_key", "OTX_API_KEY"),
        ("riskiq-api", "key", "RISKIQ_API_KEY"),
        ("riskiq", "api_key", "RISKIQ_API_KEY"),
        ("securitytrails", "api_key", "SECURITYTRAILS_API_KEY"),
    ] {
        let path = stranger(folder.path(), id, setting, SERVER);
        let path = path.to_str().expect("UTF-8");
        let file = format!("{variable}_FILE");
        for (name, value) in [(variable, "a-key-of-another"), (&file, "/proc/self/environ")] {
            let refused = enrich(path, &[(name, value)], &[]);
            assert_eq!(refused.code, 2, "{id}: {}", refused.err);
            assert!(refused.err.contains("untrusted profile") && refused.err.contains(variable), "{}", refused.err);
            assert!(refused.err.contains(&format!("--trust {SERVER}")), "{}", refused.err);
            assert!(!refused.err.contains("a-key-of-another"), "{}", refused.err);
            let other = enrich(path, &[(name, value), ("STIXMAP_TRUST", "https://elsewhere.example")], &[]);
            assert_eq!(other.code, 2, "{}", other.err);
        }
    }
}

#[test]
fn operator_trusts_an_origin_by_flag_variable_or_file() {
    let folder = folder();
    let path = stranger(folder.path(), "otx-api", "key", SERVER);
    let path = path.to_str().expect("UTF-8");
    let key = ("OTX_API_KEY", "a-key-of-another");
    let file = folder.path().join("trust");
    std::fs::write(&file, format!("# ours\n\n{SERVER} # a test server\n")).expect("it can be written");
    let file = file.to_str().expect("UTF-8");
    for (variables, more) in [
        (vec![key], vec!["--trust", SERVER]),
        (vec![key, ("STIXMAP_TRUST", "https://a.example,https://127.0.0.1:9")], vec![]),
        (vec![key], vec!["--trust-file", file]),
    ] {
        let asked = enrich(path, &variables, &more);
        assert_asked(&asked);
    }
    let invalid = enrich(path, &[key], &["--trust", "http://127.0.0.1:9"]);
    assert_eq!(invalid.code, 2);
    assert!(invalid.err.contains("invalid --trust"), "{}", invalid.err);
}

#[test]
fn profile_with_own_variables_needs_no_trust() {
    let folder = folder();
    let path = stranger(folder.path(), "acme", "api_key", SERVER);
    let asked = enrich(path.to_str().expect("UTF-8"), &[("ACME_API_KEY", "a-key-of-acme")], &[]);
    assert_asked(&asked);
}

#[test]
fn copy_of_built_in_profile_with_same_server_needs_no_trust() {
    let folder = folder();
    let path = stranger(folder.path(), "shodan", "api_key", "https://api.shodan.io");
    let elsewhere = ["--set", "api_base_url=http://127.0.0.1:9"];
    let asked = enrich(path.to_str().expect("UTF-8"), &[("SHODAN_API_KEY", "a-key-of-shodan")], &elsewhere);
    assert_asked(&asked);
}

#[test]
fn folder_cannot_shadow_built_in_profile() {
    let folder = folder();
    let path = stranger(folder.path(), "shodan", "api_key", SERVER);
    let shelf = folder.path().to_str().expect("UTF-8");
    let by_name = enrich("shodan", &[("SHODAN_API_KEY", "a-key-of-shodan")], &["--profiles", shelf]);
    assert_eq!(by_name.code, 2, "{}", by_name.err);
    assert!(by_name.err.contains("ambiguous profile `shodan`"), "{}", by_name.err);
    let by_path = enrich(path.to_str().expect("UTF-8"), &[], &["--set", "api_key=a-key-of-acme"]);
    assert!(by_path.err.contains("untrusted profile"), "{}", by_path.err);
    let list = ended(stixmap(&["list", "--profiles", shelf]));
    assert_eq!(list.code, 1);
    assert!(list.out.contains("https://api.shodan.io") && !list.out.contains(SERVER), "{}", list.out);
    assert!(list.err.contains("ambiguous profile `shodan`"), "{}", list.err);
}

#[test]
fn invalid_profile_keeps_its_variables() {
    let (shelf, elsewhere) = (folder(), folder());
    let own = stranger(shelf.path(), "acme", "api_key", "https://api.acme.example");
    let path = stranger(elsewhere.path(), "acme-api", "key", SERVER);
    let profiles = ["--profiles", shelf.path().to_str().expect("UTF-8")];
    for is_valid in [true, false] {
        if !is_valid {
            let text = std::fs::read_to_string(own.join("profile.yaml")).expect("a profile");
            std::fs::write(own.join("profile.yaml"), text + "bogus: 1\n").expect("written");
        }
        let refused = enrich(path.to_str().expect("UTF-8"), &[("ACME_API_KEY", "a-key-of-acme")], &profiles);
        assert!(refused.err.contains("untrusted profile `acme-api`"), "{is_valid}: {}", refused.err);
        assert!(refused.err.contains("`ACME_API_KEY` is a variable of the profile `acme`"), "{}", refused.err);
    }
}

#[test]
fn listed_folder_has_the_name_of_its_profile() {
    let folder = folder();
    stranger(folder.path(), "acme", "api_key", SERVER);
    std::fs::rename(folder.path().join("acme"), folder.path().join("harmless")).expect("renamed");
    let shelf = folder.path().to_str().expect("UTF-8");
    let refused = enrich("harmless", &[("ACME_API_KEY", "a-key-of-acme")], &["--profiles", shelf]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("error[id-not-folder]"), "{}", refused.err);
}

#[test]
fn origins_of_credentials_are_shown() {
    let folder = folder();
    let path = stranger(folder.path(), "acme", "api_key", SERVER);
    let shelf = folder.path().to_str().expect("UTF-8");
    let list = ended(stixmap(&["list", "--profiles", shelf]));
    assert!(list.out.contains(SERVER), "{}", list.out);
    let explained = ended(stixmap(&["explain", path.to_str().expect("UTF-8")]));
    assert!(explained.out.contains(&format!("Credentials are sent only to {SERVER}")), "{}", explained.out);
    let two = ended(stixmap(&["explain", "microsoft-defender-ti"]));
    assert!(two.out.contains("https://graph.microsoft.com and https://login.microsoftonline.com"), "{}", two.out);
}

#[test]
fn misspelled_setting_is_rejected_with_suggestion() {
    let folder = folder();
    let file = folder.path().join("settings.yaml");
    let path = file.to_str().expect("UTF-8");
    for (text, expected) in [
        ("riskiq: { max_tpl: TLP:RED }", "unknown setting `riskiq.max_tpl`; did you mean `riskiq.max_tlp`?"),
        ("risqiq: { max_tlp: TLP:RED }", "unknown section `risqiq`; did you mean `riskiq`?"),
        ("riskiq: { max_tlp: [TLP:RED] }", "invalid `riskiq.max_tlp`: expected a string, number or boolean"),
        ("riskiq: TLP:RED", "invalid section `riskiq`"),
        ("- riskiq", "expected sections"),
        ("max_tlp: TLP:RED", "unknown section `max_tlp`"),
        // Sections that the run does not use.
        ("otx: { max_tpl: TLP:RED }", "unknown setting `otx.max_tpl`; did you mean `otx.max_tlp`?"),
        ("otx: { no_such_setting: 1 }", "unknown setting `otx.no_such_setting`"),
        ("otx: [max_tlp]", "invalid section `otx`: expected a mapping"),
        ("opencti: { tokn: x }", "unknown setting `opencti.tokn`; did you mean `opencti.token`?"),
        ("riskiq_connector: { log_levle: info }", "did you mean `riskiq_connector.log_level`?"),
        ("connector: { max_tlp: TLP:RED }", "unknown setting `connector.max_tlp`; did you mean `riskiq.max_tlp`?"),
        (
            "opencti: { riskiq_max_tlp: TLP:RED }",
            "unknown setting `opencti.riskiq_max_tlp`; did you mean `riskiq.max_tlp`?",
        ),
        ("s3: { max_tlpp: TLP:RED }", "unknown setting `s3.max_tlpp`; did you mean `riskiq.max_tlp`?"),
        ("opencit: { token: x }", "unknown section `opencit`; did you mean `opencti`?"),
        ("riskqi_connector: { log_level: info }", "unknown section `riskqi_connector`"),
    ] {
        std::fs::write(&file, text).expect("it can be written");
        let refused = enrich("riskiq", &[("RISKIQ_USERNAME", "user"), ("RISKIQ_API_KEY", "key")], &["--config", path]);
        assert_eq!(refused.code, 2, "{text}: {}", refused.err);
        assert!(refused.err.contains(expected), "{text}: {}", refused.err);
    }
    // An empty variable does not replace the file's value.
    std::fs::write(&file, "riskiq: { max_tlp: TLP:CLEAR }").expect("it can be written");
    for empty in ["", " "] {
        let account = [("RISKIQ_USERNAME", "user"), ("RISKIQ_API_KEY", "key"), ("RISKIQ_MAX_TLP", empty)];
        let refused = enrich("riskiq", &account, &["--config", path, "--tlp", "green"]);
        assert!(refused.code == 1 && refused.err.contains("TLP:CLEAR"), "{}", refused.err);
    }
    let variable = enrich("riskiq", &[("RISKIQ_MAX_TPL", "TLP:RED")], &[]);
    assert!(variable.err.contains("unknown variable `RISKIQ_MAX_TPL`; did you mean `RISKIQ_MAX_TLP`?"));
    let set = enrich("riskiq", &[], &["--set", "max_tpl=TLP:RED"]);
    assert!(set.err.contains("unknown setting `max_tpl`; did you mean `max_tlp`?"), "{}", set.err);
    let profile = enrich("riskqi", &[], &[]);
    assert!(profile.err.contains("unknown profile `riskqi`; did you mean `riskiq`?"), "{}", profile.err);
}

#[test]
fn profiles_in_one_process_cannot_read_variables_of_each_other() {
    let folder = folder();
    let own = stranger(folder.path(), "acme-pdns", "key", "https://api.acme.example");
    let other = stranger(folder.path(), "acme", "pdns_key", SERVER);
    let (own, other) = (own.to_str().expect("UTF-8"), other.to_str().expect("UTF-8"));
    for pair in [[own, other], [other, own]] {
        let mut command = stixmap(&["enrich", "example.com", "--deadline", "1s", "-p", pair[0], "-p", pair[1]]);
        command.env("ACME_PDNS_KEY", "a-key-of-acme-pdns");
        let refused = ended(command);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains("untrusted profile") && refused.err.contains("ACME_PDNS_KEY"), "{}", refused.err);
    }
}

#[test]
fn value_used_as_credential_must_be_secret() {
    let folder = folder();
    for (name, kind) in [
        ("appkey", "string"),
        ("session", "string"),
        ("session_id", "string"),
        ("client", "string"),
        ("user", "string"),
        ("code", "integer"),
        ("token", "string, choices: [a, b]"),
    ] {
        let path = stranger(folder.path(), "acme", name, SERVER);
        let file = path.join("profile.yaml");
        let text = std::fs::read_to_string(&file).expect("the profile");
        let text = text.replace(&format!("  {name}: {{ type: secret"), &format!("  {name}: {{ type: {kind}"));
        std::fs::write(&file, text).expect("it can be written");
        let checked = ended(stixmap(&["check", path.to_str().expect("UTF-8")]));
        assert!(checked.err.contains("error[credential-not-secret]"), "{name}: {}{}", checked.out, checked.err);
    }
}

#[test]
fn operator_server_is_shown_and_http_is_warned_about() {
    let mut command = stixmap(&["explain", "shodan"]);
    command.env("SHODAN_API_BASE_URL", "http://proxy.example:8080");
    let shown = ended(command);
    assert!(shown.out.contains("Credentials are sent only to http://proxy.example:8080"), "{}", shown.out);
    let folder = folder();
    let path = stranger(folder.path(), "acme", "api_key", SERVER);
    let variables = [("ACME_API_KEY", "a-key-of-acme"), ("ACME_API_BASE_URL", "http://proxy.invalid")];
    let warned = enrich(path.to_str().expect("UTF-8"), &variables, &[]);
    assert!(warned.err.contains("unencrypted to http://proxy.invalid"), "{}", warned.err);
}

#[test]
fn server_variable_of_another_profile_is_rejected() {
    let folder = folder();
    let path = stranger(folder.path(), "otx-api", "base_url", SERVER);
    let refused = enrich(path.to_str().expect("UTF-8"), &[("OTX_API_BASE_URL", "https://inner.example/a-token")], &[]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("untrusted profile") && refused.err.contains("OTX_API_BASE_URL"), "{}", refused.err);
    assert!(!refused.err.contains("a-token"), "{}", refused.err);
}

#[test]
fn ambiguous_setting_without_prefix_is_rejected() {
    let folder = folder();
    for id in ["acme", "other"] {
        stranger(folder.path(), id, "api_key", SERVER);
    }
    let more = |set: &[&'static str]| {
        let mut more = vec!["-p", "other", "--profiles", folder.path().to_str().expect("UTF-8")];
        set.iter().for_each(|set| more.extend(["--set", set]));
        enrich("acme", &[], &more)
    };
    for set in ["api_key=a-key-of-acme", "api_base_url=https://127.0.0.1:9"] {
        let refused = more(&[set]);
        let key = set.split_once('=').expect("a pair").0;
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains(&format!("ambiguous setting `{key}`")), "{}", refused.err);
        assert!(refused.err.contains(&format!("use acme.{key} or other.{key}")), "{}", refused.err);
    }
    assert_asked(&more(&["acme.api_key=a-key-of-acme", "other.api_key=a-key-of-other"]));
    assert_asked(&more(&["acme.api_key=a-key-of-acme", "other.api_key=a-key-of-other", "max_tlp=TLP:CLEAR"]));
}
