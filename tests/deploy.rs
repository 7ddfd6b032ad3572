//! Tests of `stixmap deploy`: committed deployments are current, and each generated file is valid for the tool that
//! reads it.

use crate::support::{Ended, ended, profiles, root, stixmap};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables that are not settings in the schema.
const OTHERS: [&str; 5] = ["CONNECTOR_ID", "CONNECTOR_JOURNAL_PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

fn deploy(profile: &str, out: &Path, more: &[&str]) -> Ended {
    let mut arguments = vec!["deploy", profile, "--out", out.to_str().expect("UTF-8")];
    arguments.extend(more);
    ended(stixmap(&arguments))
}

/// Returns all profiles of the repository, and one with special characters in its texts.
fn all() -> Vec<PathBuf> {
    let mut all = profiles();
    all.push(root().join("tests/deploy/every-setting"));
    all
}

fn name(profile: &Path) -> &str {
    profile.file_name().and_then(|name| name.to_str()).expect("a name")
}

/// Generates the deployments of all profiles, each in a directory with the name of the profile.
fn deployed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for profile in all() {
        let ended = deploy(profile.to_str().expect("UTF-8"), &folder.path().join(name(&profile)), &[]);
        assert_eq!(ended.code, 0, "{}: {}", profile.display(), ended.err);
    }
    folder
}

fn read(folder: &Path, file: &str) -> String {
    let path = folder.join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    let documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
    documents.map(|document| document.unwrap_or_else(|error| panic!("{error}\n{text}"))).collect()
}

fn document(text: &str) -> Value {
    documents(text).remove(0)
}

fn schema(folder: &Path) -> Value {
    serde_json::from_str(&read(folder, "connector_config_schema.json")).expect("JSON")
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().expect("a mapping").keys().cloned().collect()
}

/// Uncomments defaults in samples (`#KEY…`); prose has a space after `#`.
fn uncommented(text: &str) -> String {
    let line = |line: &str| match line.trim_start().strip_prefix('#') {
        Some(rest) if rest.starts_with(|character: char| character.is_ascii_alphabetic()) => line.replacen('#', "", 1),
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn committed_deployments_are_current() {
    for profile in profiles().iter().filter(|profile| profile.starts_with(root().join("profiles"))) {
        let kept = profile.join("deploy");
        if std::env::var_os("UPDATE").is_some() {
            assert_eq!(deploy(name(profile), &kept, &["--force"]).code, 0);
        }
        let checked = deploy(name(profile), &kept, &["--check"]);
        assert_eq!(checked.code, 0, "run the tests with UPDATE=1\n{}{}", checked.out, checked.err);
        let files = std::fs::read_dir(&kept).expect("a folder").count();
        assert_eq!(files, checked.out.lines().count(), "{} contains a file that is not generated", kept.display());
    }
}

#[test]
fn every_file_has_the_variables_of_the_schema() {
    let folder = deployed();
    for profile in all() {
        let folder = folder.path().join(name(&profile));
        let mut known = names(&schema(&folder)["properties"]);
        known.remove("CONNECTOR_TYPE");
        let others = OTHERS.map(str::to_owned);
        let check = |file: &str, found: BTreeSet<String>| {
            let missing: Vec<_> = known.difference(&found).filter(|name| *name != "STIXMAP_PROFILE").collect();
            assert!(missing.is_empty(), "{}: {file} lacks {missing:?}", profile.display());
            let more: Vec<_> = found.difference(&known).filter(|name| !others.contains(name)).collect();
            assert!(more.is_empty(), "{}: {file} has unknown variables {more:?}", profile.display());
        };
        check("docker-compose.yml", in_compose(&document(&read(&folder, "docker-compose.yml"))));
        check("kubernetes.yaml", in_kubernetes(&documents(&uncommented(&read(&folder, "kubernetes.yaml")))));
        let env = uncommented(&read(&folder, ".env.sample"));
        let variables = env.lines().filter(|line| !line.starts_with('#'));
        check(".env.sample", variables.filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect());
        check("config.yml.sample", in_settings(&document(&uncommented(&read(&folder, "config.yml.sample")))));
    }
}

fn in_compose(compose: &Value) -> BTreeSet<String> {
    let services = compose["services"].as_object().expect("services");
    let environment = services.values().next().expect("a service")["environment"].as_array().expect("a list");
    let name = |entry: &Value| {
        let entry = entry.as_str().expect("a text");
        entry.split_once('=').map_or(entry, |(name, _)| name).to_owned()
    };
    environment.iter().map(name).collect()
}

fn in_kubernetes(documents: &[Value]) -> BTreeSet<String> {
    let of = |document: &Value| {
        let values = if document["kind"] == "Secret" { &document["stringData"] } else { &document["data"] };
        for (name, value) in values.as_object().into_iter().flatten() {
            assert!(value.is_string(), "{name}: Kubernetes requires a string, found {value}");
        }
        if values.is_object() && values.get("profile.yaml").is_none() { names(values) } else { BTreeSet::new() }
    };
    documents.iter().flat_map(of).collect()
}

fn in_settings(settings: &Value) -> BTreeSet<String> {
    let sections = settings.as_object().expect("sections").iter();
    let names = sections.flat_map(|(section, keys)| {
        let variable = move |key: String| format!("{section}_{key}").replace('-', "_").to_uppercase();
        names(keys).into_iter().map(variable)
    });
    names.collect()
}

#[test]
fn schema_is_valid_for_the_platform_and_validates_environments() {
    assert!(
        root().join("tests/editor/node_modules").is_dir(),
        "Ajv is not installed: run `tests/run` or `npm ci --prefix tests/editor`"
    );
    let folder = deployed();
    let tests = root().join("tests/deploy");
    let check = Command::new("node")
        .arg(tests.join("check.mjs"))
        .arg(folder.path())
        .arg(tests.join("environments.yaml"))
        .output()
        .expect("Node.js 18 or newer");
    let output = String::from_utf8_lossy(&check.stdout);
    let failed: Vec<&str> = output.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(check.status.success(), "{}\n{}", failed.join("\n"), String::from_utf8_lossy(&check.stderr));
}

#[test]
fn secrets_are_in_the_kubernetes_secret_only() {
    let folder = deployed();
    for profile in all() {
        let folder = folder.path().join(name(&profile));
        let schema = schema(&folder);
        let properties = schema["properties"].as_object().expect("properties").iter();
        let secrets: BTreeSet<String> =
            properties.filter(|(_, property)| property["writeOnly"] == true).map(|(name, _)| name.clone()).collect();
        let kubernetes = documents(&uncommented(&read(&folder, "kubernetes.yaml")));
        let secret = kubernetes.iter().find(|document| document["kind"] == "Secret").expect("a secret");
        assert_eq!(names(&secret["stringData"]), secrets, "{}", profile.display());
    }
}

#[test]
fn pods_run_unprivileged_as_the_image() {
    let out = tempfile::tempdir().expect("a folder");
    let flags = ["--replicas", "3", "--image", "registry.example:5000/stixmap:1.2.3"];
    assert_eq!(deploy("riskiq", out.path(), &flags).code, 0);
    let kubernetes = documents(&read(out.path(), "kubernetes.yaml"));
    let deployment = kubernetes.iter().find(|document| document["kind"] == "Deployment").expect("a deployment");
    assert_eq!(deployment["spec"]["replicas"], 3);
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "registry.example:5000/stixmap:1.2.3");
    assert!(container.get("command").is_none() && container.get("args").is_none(), "only variables configure it");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/ready");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/health");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let user = &pod["securityContext"]["runAsUser"];
    assert!(read(&root(), "Dockerfile").contains(&format!("\nUSER {user}:{user}\n")), "{user}");
    let manifest: Value = serde_json::from_str(&read(out.path(), "connector_manifest.json")).expect("JSON");
    assert_eq!(manifest["container_image"], "registry.example:5000/stixmap");
    assert_eq!(manifest["container_version"], "1.2.3");
    assert_eq!(manifest["manager_supported"], true);
    assert!(
        read(out.path(), "README.md").contains("`stixmap deploy riskiq --image registry.example:5000/stixmap:1.2.3")
    );
}

#[test]
fn journal_is_on_a_volume() {
    let folder = deployed();
    for profile in all() {
        let folder = folder.path().join(name(&profile));
        let compose = document(&read(&folder, "docker-compose.yml"));
        let services = compose["services"].as_object().expect("services");
        let service = services.values().next().expect("a service");
        let volumes = service["volumes"].as_array().expect("volumes");
        assert!(service["read_only"] == true && volumes.contains(&"journal:/var/lib/stixmap".into()), "{service:#}");
        let environment = service["environment"].as_array().expect("variables");
        assert!(environment.contains(&"CONNECTOR_JOURNAL_PATH=/var/lib/stixmap".into()), "{service:#}");
        assert!(compose["volumes"].get("journal").is_some(), "{compose:#}");
        let kubernetes = documents(&read(&folder, "kubernetes.yaml"));
        let deployment = kubernetes.iter().find(|document| document["kind"] == "Deployment").expect("a deployment");
        let pod = &deployment["spec"]["template"]["spec"];
        let named = |list: &Value, key: &str, value: &str| {
            let mut items = list.as_array().expect("a list").iter();
            items.any(|item| item["name"] == "journal" && item[key].to_string().contains(value))
        };
        assert!(named(&pod["containers"][0]["volumeMounts"], "mountPath", "/var/lib/stixmap"), "{pod:#}");
        let values = kubernetes.iter().find(|document| document["kind"] == "ConfigMap").expect("a map of values");
        assert_eq!(values["data"]["CONNECTOR_JOURNAL_PATH"], "/var/lib/stixmap");
        assert!(named(&pod["volumes"], "emptyDir", "sizeLimit"), "{pod:#}");
    }
}

#[test]
fn texts_of_a_profile_are_quoted() {
    let folder = deployed();
    let folder = folder.path().join("every-setting");
    let name = "Acme \"DNS\" #1: ${HOME} | {x} <b>";
    let settings = document(&uncommented(&read(&folder, "config.yml.sample")));
    assert_eq!(settings["connector"]["name"], name);
    assert_eq!(settings["every-setting"]["label"], "${X:-a} #1: 'b' }");
    assert_eq!(settings["every-setting"]["size"], 100);
    assert_eq!(settings["every-setting"]["passive"], true);
    assert_eq!(settings["every-setting"]["region"], "eu");
    assert_eq!(settings["every-setting"]["max_tlp"], "TLP:AMBER+STRICT");
    let kubernetes = documents(&uncommented(&read(&folder, "kubernetes.yaml")));
    assert!(kubernetes.iter().any(|document| document["data"]["CONNECTOR_NAME"] == name));
    let compose = document(&read(&folder, "docker-compose.yml"));
    let environment = compose["services"]["connector-every-setting"]["environment"].to_string();
    assert!(environment.contains("\"CONNECTOR_NAME\""), "Compose would interpolate the value: {environment}");
    let env = read(&folder, ".env.sample");
    assert!(env.contains(&format!("\n#CONNECTOR_NAME='{name}'\n")), "{env}");
    let readme = read(&folder, "README.md");
    let rows = readme.lines().filter(|line| line.starts_with('|'));
    let wide = rows.filter(|row| row.contains("EVERY_SETTING_") && row.replace("\\|", "").matches('|').count() != 6);
    assert_eq!(wide.count(), 0, "a text of the profile created a column:\n{readme}");
    assert!(readme.contains("| A | Domain-Name | IPv4-Addr | resolves-to | `note == \"a\\|b\"` |\n"), "{readme}");
    assert!(readme.contains("| data | IPv4-Addr | note | Text | related-to |\n"), "{readme}");
    assert!(readme.contains("- TXT, SPF: texts: \\| of no use\n- any other: of no interest\n"), "{readme}");
}

#[test]
fn profile_outside_the_image_is_mounted() {
    let folder = deployed();
    let folder = folder.path().join("every-setting");
    let profile = read(&root().join("tests/deploy/every-setting"), "profile.yaml");
    assert_eq!(read(&folder, "profiles/every-setting/profile.yaml"), profile);
    let kubernetes = documents(&read(&folder, "kubernetes.yaml"));
    assert!(kubernetes.iter().any(|document| document["data"]["profile.yaml"] == profile.as_str()));
    let compose = document(&read(&folder, "docker-compose.yml"));
    assert_eq!(compose["services"]["connector-every-setting"]["volumes"][0], "./profiles:/profiles:ro");
    // In the directory of a ConfigMap each file is a symbolic link, which is not followed for profiles.
    let deployment = kubernetes.iter().find(|document| document["kind"] == "Deployment").expect("a deployment");
    let mount = &deployment["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["mountPath"], "/profiles/every-setting/profile.yaml");
    assert_eq!(mount["subPath"], "profile.yaml");
    let listed = ended(stixmap(&["list", "--profiles", folder.join("profiles").to_str().expect("UTF-8")]));
    assert!(listed.out.contains("every-setting"), "{}", listed.out);
    let manifest: Value = serde_json::from_str(&read(&folder, "connector_manifest.json")).expect("JSON");
    assert_eq!(manifest["manager_supported"], false, "XTM Composer mounts no files");
}

#[test]
fn readme_contains_the_mapping_of_the_replaced_connector() {
    let out = tempfile::tempdir().expect("a folder");
    assert_eq!(deploy("riskiq", out.path(), &[]).code, 0);
    let readme = read(out.path(), "README.md");
    for row in [
        "| A | Domain-Name | IPv4-Addr | resolves-to |",
        "| AAAA | Domain-Name | IPv6-Addr | resolves-to |",
        "| SOA | Domain-Name | Email-Addr | related-to |",
        "| MX | Domain-Name | Domain-Name | related-to |",
        "| CNAME | Domain-Name | Domain-Name | related-to |",
        "| NS | Domain-Name | Domain-Name | related-to |",
    ] {
        assert!(readme.contains(row), "{row} is missing in\n{readme}");
    }
}

#[test]
fn different_files_are_not_overwritten() {
    let out = tempfile::tempdir().expect("a folder");
    let missing = deploy("riskiq", out.path(), &["--check"]);
    assert_eq!((missing.code, missing.out.matches("missing").count()), (1, 7), "{}", missing.out);
    assert_eq!(deploy("riskiq", out.path(), &[]).out.lines().count(), 7);
    assert_eq!(deploy("riskiq", out.path(), &[]).out, "", "all files are current");
    assert_eq!(deploy("riskiq", out.path(), &["--check"]).code, 0);

    let path = out.path().join("kubernetes.yaml");
    std::fs::write(&path, "mine").expect("it can be written");
    std::fs::remove_file(out.path().join("README.md")).expect("it can be removed");
    let refused = deploy("riskiq", out.path(), &[]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("refused to overwrite kubernetes.yaml"), "{}", refused.err);
    assert!(!out.path().join("README.md").exists(), "no file is written");
    assert!(deploy("riskiq", out.path(), &["--check"]).out.contains("differs    kubernetes.yaml"));
    assert_eq!(deploy("riskiq", out.path(), &["--force"]).out.lines().count(), 2);
    assert_eq!(deploy("riskiq", out.path(), &["--check"]).code, 0);
}

#[test]
fn without_out_the_files_are_listed() {
    let listed = ended(stixmap(&["deploy", "riskiq"]));
    assert_eq!((listed.code, listed.out.lines().count()), (0, 7), "{}", listed.err);
    assert!(listed.out.contains("docker-compose.yml"));
    assert_eq!(ended(stixmap(&["deploy", "unknown"])).code, 2);
    assert_eq!(ended(stixmap(&["deploy", "riskiq", "--check"])).code, 2, "--check requires --out");
    assert_eq!(ended(stixmap(&["deploy", "riskiq", "--image", "a@sha256:0"])).code, 2);
}

#[test]
fn base_images_and_actions_are_pinned() {
    let dockerfile = read(&root(), "Dockerfile");
    // A Dockerfile frontend is an image too, and so is a stage that does not exist.
    let is_fetched = |line: &&str| line.starts_with("# syntax") || line.starts_with("ADD ");
    assert_eq!(dockerfile.lines().find(is_fetched), None);
    let stages =
        dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")?.split_once(" AS ").map(|(_, name)| name));
    let stages: Vec<&str> = stages.collect();
    for from in dockerfile.split_whitespace().filter_map(|word| word.strip_prefix("--from=")) {
        assert!(stages.contains(&from), "{from} is not a stage");
    }
    let images: Vec<&str> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    let is_hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for image in &images {
        let name = image.split_whitespace().next().expect("an image");
        assert!(name.split_once("@sha256:").is_some_and(|(_, digest)| is_hex(digest, 64)), "{image} is a tag");
    }
    assert_eq!(images.len(), 2);
    let workflow = read(&root(), ".github/workflows/check.yml");
    let all: String = std::fs::read_dir(root().join(".github/workflows"))
        .expect("a folder")
        .flatten()
        .map(|entry| std::fs::read_to_string(entry.path()).expect("a workflow"))
        .collect();
    // Workflows for external changes must not have access to secrets; a service would be an unpinned image.
    for word in ["pull_request_target", "workflow_run", "secrets.", "container:", "services:", "docker://", "write"] {
        assert!(!all.contains(word), "{word}");
    }
    for action in all.lines().filter_map(|line| line.split_once("uses:").map(|(_, action)| action.trim())) {
        let (_, commit) = action.split_once('@').expect("an action of a version");
        assert!(is_hex(commit.split(' ').next().unwrap_or_default(), 40), "{action} is a tag");
    }
    assert!(workflow.contains("cargo deny --workspace --locked check advisories bans licenses sources"));
}

#[test]
fn dockerfile_copies_all_files_of_the_build() {
    let dockerfile = read(&root(), "Dockerfile");
    let ignored = read(&root(), ".dockerignore");
    for folder in embedded(&root().join("src")) {
        assert!(dockerfile.contains(&format!("\nCOPY {folder} {folder}\n")), "{folder} is embedded in the program");
    }
    let copies =
        dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|copy| !copy.starts_with("--"));
    for copy in copies {
        let words: Vec<&str> = copy.split_whitespace().collect();
        let (_, sources) = words.split_last().expect("a COPY has a target");
        for source in sources {
            assert!(root().join(source).exists(), "{source} does not exist");
            assert!(ignored.lines().any(|line| line == format!("!{source}")), "{source} is excluded by .dockerignore");
        }
    }
    for path in [root().join("src"), root().join("engine/src")].iter().flat_map(|folder| included(folder)) {
        let path = path.strip_prefix(root()).expect("it is ours");
        let is_there = dockerfile
            .lines()
            .filter_map(|line| line.strip_prefix("COPY "))
            .flat_map(str::split_whitespace)
            .any(|source| path.starts_with(source));
        assert!(is_there, "{} is included in the program, but not copied by the Dockerfile", path.display());
    }
    let manifest = read(&root(), "Cargo.toml");
    let targets = manifest.split("\n\n").filter(|part| part.contains("\n[[") || part.starts_with("[["));
    for target in targets {
        assert!(
            target.contains("\npath = "),
            "Cargo requires the file in the build of the image, which lacks it: {target}"
        );
    }
    assert!(dockerfile.ends_with("\nENTRYPOINT [\"stixmap\", \"connector\"]\n"));
    let toolchain = format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(dockerfile.contains(&toolchain), "the Rust version of the Dockerfile differs from Cargo.toml");
}

/// Returns the text files that the program includes, except those of its unit tests.
fn included(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(included(&path));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let program = text.split("#[cfg(test)]").next().expect("a split has a first part");
            let names = program.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
            let near = path.parent().expect("a file is in a folder");
            found.extend(names.map(|name| near.join(name).canonicalize().expect("it is there")));
        }
    }
    found
}

/// Returns the directories that are embedded in the program.
fn embedded(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(embedded(&path));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let folders = text.lines().filter_map(|line| line.strip_prefix("#[folder = \"")?.strip_suffix("\"]"));
            found.extend(folders.map(str::to_owned));
        }
    }
    found
}
