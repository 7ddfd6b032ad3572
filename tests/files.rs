//! Tests with hostile files of users and profiles: links, pipes, devices, infinite files, files of other users. The program
//! exits immediately, names the file, and neither shows nor changes the target.

use crate::support::{Ended, root, stixmap};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Content of a file that must not be read or changed.
const CANARY: &str = "canary-9f1d3c: the content of another file\n";

/// Another user.
const STRANGER: Option<u32> = Some(65_534);

/// Runs the program with a timeout that none of these commands needs.
fn ended(arguments: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Ended {
    let program = stixmap(arguments);
    let mut command = Command::new("timeout");
    command.arg("20").arg(program.get_program()).args(program.get_args());
    command.env_clear().env("CANARY", CANARY.trim()).envs(variables.iter().copied()).current_dir(folder);
    let ended = crate::support::ended(command);
    assert_ne!(ended.code, 124, "{arguments:?} hangs: {}", ended.err);
    ended
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

fn special(path: &Path, arguments: &[&str]) {
    let made = Command::new(arguments[0]).arg(path).args(&arguments[1..]).status().expect("it starts");
    assert!(made.success(), "{arguments:?}");
}

/// Creates a hostile entry at a path. A link refers to `victim`.
type Put = fn(&Path, victim: &Path);

const HOSTILE: [(&str, Put); 8] = [
    ("a link", |path, victim| symlink(victim, path).expect("a link")),
    ("a link to nothing", |path, victim| symlink(victim.with_extension("nothing"), path).expect("a link")),
    ("a link to the environment", |path, _| symlink("/proc/self/environ", path).expect("a link")),
    ("a link to a device", |path, _| symlink("/dev/zero", path).expect("a link")),
    ("a pipe", |path, _| special(path, &["mkfifo"])),
    ("a device", |path, _| special(path, &["mknod", "c", "1", "5"])),
    ("a socket", |path, _| drop(UnixListener::bind(path).expect("a socket"))),
    ("a folder", |path, _| fs::create_dir(path).expect("a folder")),
];

/// A folder with a profile, and an unrelated file elsewhere.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let copied = Command::new("cp").arg("-r").arg(root().join("tests/providers/lines")).arg(folder.path()).status();
        assert!(copied.expect("cp starts").success());
        let cases = fs::read_dir(folder.path().join("lines/cases")).expect("a folder").flatten();
        let is_needed = |name: &str| name.starts_with("by-type") || name.starts_with("ptr");
        let others = cases.filter(|case| !case.file_name().to_str().is_some_and(is_needed));
        others.for_each(|case| fs::remove_file(case.path()).expect("it was there"));
        fs::create_dir(folder.path().join("elsewhere")).expect("a folder");
        fs::write(folder.path().join("elsewhere/file"), CANARY).expect("it can be written");
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the entry at this path.
    fn put(&self, name: &str, put: Put) {
        let path = self.path(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.expect("it was there");
        put(&path, &self.path("elsewhere/file"));
    }

    /// Runs a command in it, and asserts that nothing leaks and nothing elsewhere changes.
    fn run(&self, arguments: &[&str], why: &str) -> Ended {
        let ended = ended(arguments, self.folder.path(), &[]);
        assert!(!(ended.out.clone() + &ended.err).contains("canary-9f1d3c"), "{why}: {}{}", ended.out, ended.err);
        assert_eq!(fs::read_to_string(self.path("elsewhere/file")).expect("it is there"), CANARY, "{why}");
        let others = fs::read_dir(self.path("elsewhere")).expect("a folder").count();
        assert_eq!(others, 1, "{why}: nothing is made elsewhere");
        ended
    }
}

#[test]
fn profile_that_is_no_regular_file_is_rejected_by_every_command() {
    let commands: [&[&str]; 9] = [
        &["check", "lines"],
        &["check", "--fix", "."],
        &["check", "lines/profile.yaml"],
        &["test", "lines"],
        &["test", "--accept", "lines"],
        &["explain", "lines", "--profiles", "."],
        &["explain", "lines/profile.yaml"],
        &["enrich", "192.0.2.7", "--profile", "lines", "--profiles", ".", "--replay"],
        &["diff", "lines", "lines"],
    ];
    for (kind, put) in HOSTILE {
        let place = Place::new();
        place.put("lines/profile.yaml", put);
        for command in commands {
            let why = format!("{kind}: {command:?}");
            let ended = place.run(command, &why);
            // In a folder of profiles, the others are not affected.
            let expected = if command == ["check", "--fix", "."] && kind != "a folder" { 1 } else { 2 };
            assert!(ended.code == expected, "{why} ends with {}: {}{}", ended.code, ended.out, ended.err);
            assert!(kind == "a folder" || ended.err.contains("profile.yaml"), "{why}: {}", ended.err);
        }
    }
}

#[test]
fn hostile_profile_does_not_affect_others() {
    let profile = fs::read_to_string(root().join("tests/providers/lines/profile.yaml")).expect("a profile");
    let templates = ["not ".repeat(100_000), "(".repeat(100_000), "- ".repeat(100_000), "true and ".repeat(50_000)];
    let mut texts = templates.map(|start| format!("{profile}terms: \"{{{{ {start}true }}}}\"\nrelationship: {{ description: \"{{{{ {start}true }}}}\" }}\n")).to_vec();
    texts.extend(["[", "{", "{{", "- ", "? ", "!", "&a *a "].map(|unit| unit.repeat(200_000)));
    texts.extend(["$[?(", "$.a", "!"].map(|unit| profile.replace("$.", &unit.repeat(10_000))));
    let special = HOSTILE[..7].iter().map(|(_, put)| (Some(*put), ""));
    for (put, text) in special.chain(texts.iter().map(|text| (None, text.as_str()))) {
        let why = text.get(..40).unwrap_or("a special file");
        let place = Place::new();
        fs::create_dir_all(place.path("another")).expect("a folder");
        let other = profile.replace("id: lines\n", "id: another\n");
        fs::write(place.path("another/profile.yaml"), format!("{other}mistaken: 1\n")).expect("a file");
        match put {
            Some(put) => place.put("lines/profile.yaml", put),
            None => fs::write(place.path("lines/profile.yaml"), text).expect("a file"),
        }
        let checked = place.run(&["check", "."], "a folder of profiles");
        assert!(checked.code == 1 && checked.err.contains("mistaken"), "{why}: {}", checked.err);
        assert!(checked.err.contains("lines/profile.yaml"), "{why}: {}", checked.err);
        fs::write(place.path("another/profile.yaml"), other).expect("a file");
        let listed = place.run(&["list", "--profiles", "."], "a folder of profiles");
        assert!(
            listed.code == 1 && listed.out.contains("another") && listed.out.contains("dnsdb"),
            "{why}: {}",
            listed.err
        );
        let explained = place.run(&["explain", "another", "--profiles", "."], "another profile");
        assert_eq!(explained.code, 0, "{why}: {}", explained.err);
    }
}

#[test]
fn case_file_that_is_no_regular_file_is_rejected() {
    for (kind, put) in HOSTILE {
        for (file, codes) in [("by-type.yaml", [2, 2]), ("by-type-a.ndjson", [1, 1]), ("by-type.expected", [0, 2])] {
            let place = Place::new();
            place.put(&format!("lines/cases/{file}"), put);
            for (command, code) in [(&["check", "lines"][..], codes[0]), (&["test", "lines"], codes[1])] {
                let why = format!("{kind} at {file}: {command:?}");
                let ended = place.run(command, &why);
                // `check` only tests whether this file exists.
                assert_eq!(ended.code.max(1), code.max(1), "{why}: {}{}", ended.out, ended.err);
                assert!(code == 0 || (ended.out + &ended.err).contains(file), "{why}");
            }
            let why = format!("{kind} at {file}: accepted");
            assert_ne!(place.run(&["test", "--accept", "lines"], &why).code, 0, "{why}");
            let played = place.run(&["enrich", "192.0.2.7", "-p", "lines/profile.yaml", "--replay"], &why);
            assert!(file.ends_with("expected") || played.code > 0, "{why}: {}", played.err);
        }
    }
}

#[test]
fn linked_folder_below_the_named_one_is_rejected() {
    let place = Place::new();
    fs::rename(place.path("lines"), place.path("moved")).expect("it can be moved");
    fs::create_dir(place.path("shelf")).expect("a folder");
    symlink("../moved", place.path("shelf/lines")).expect("a link");
    let commands: [(&[&str], i32); 4] = [
        (&["check", "shelf"], 1),
        (&["test", "--accept", "shelf"], 2),
        (&["explain", "lines", "--profiles", "shelf"], 2),
        (&["list", "--profiles", "shelf"], 1),
    ];
    for (command, code) in commands {
        let ended = place.run(command, "a folder of a shelf");
        assert!(ended.code == code && ended.err.contains("`lines` is a symbolic link"), "{command:?}: {}", ended.err);
    }
    // A folder named by the operator can be a link.
    assert_eq!(place.run(&["test", "shelf/lines"], "named").code, 0);

    fs::rename(place.path("moved/cases"), place.path("cases")).expect("it can be moved");
    symlink("../cases", place.path("moved/cases")).expect("a link");
    for command in [&["check", "moved"][..], &["test", "moved"], &["test", "--accept", "moved/cases/by-type.yaml"]] {
        let ended = place.run(command, "the folder of cases");
        assert!(ended.code == 2 && ended.err.contains("`cases` is a symbolic link"), "{command:?}: {}", ended.err);
    }
}

#[test]
fn default_folder_of_profiles_is_not_followed_as_link() {
    let place = Place::new();
    symlink("elsewhere", place.path("profiles")).expect("a link");
    fs::create_dir(place.path("moved")).expect("a folder");
    fs::rename(place.path("lines"), place.path("moved/lines")).expect("it can be moved");
    for target in ["elsewhere", "moved"] {
        fs::remove_file(place.path("profiles")).expect("it was there");
        symlink(target, place.path("profiles")).expect("a link");
        for command in [&["check"][..], &["check", "--fix"], &["test"], &["test", "--accept"], &["new", "acme"]] {
            let ended = place.run(command, target);
            assert!(
                ended.code == 2 && ended.err.contains("`profiles` is a symbolic link"),
                "{command:?}: {}",
                ended.err
            );
        }
    }
    assert!(!place.path("moved/acme").exists());
    assert_eq!(place.run(&["test", "./moved"], "named").code, 0);
}

#[test]
fn bodies_of_a_case_are_bounded_each_and_in_total() {
    let place = Place::new();
    let body = File::create(place.path("lines/cases/by-type-a.ndjson")).expect("a file");
    body.set_len(1 << 40).expect("a long file");
    let ended = place.run(&["test", "lines/cases/by-type.yaml"], "a file without end");
    assert!(ended.code == 1 && ended.err.contains("larger than 64 MiB"), "{}", ended.err);
    for name in ["a", "mx", "soa"] {
        let body = File::create(place.path(&format!("lines/cases/by-type-{name}.ndjson"))).expect("a file");
        body.set_len(40 << 20).expect("a long file");
    }
    let ended = place.run(&["test", "lines/cases/by-type.yaml"], "files that are long together");
    assert!(ended.code == 1 && ended.err.contains("exceed 64 MiB in total"), "{}", ended.err);
    let profile = File::options().write(true).open(place.path("lines/profile.yaml")).expect("a file");
    profile.set_len(1 << 40).expect("a long file");
    let ended = place.run(&["check", "lines/profile.yaml"], "a profile without end");
    assert!(ended.code == 1 && ended.err.contains("larger than 1 MiB"), "{}", ended.err);
}

#[test]
fn new_file_overwrites_nothing_and_follows_no_link() {
    for (kind, put) in HOSTILE {
        let place = Place::new();
        put(&place.path("acme"), &place.path("elsewhere/file"));
        let ended = place.run(&["new", "acme", "--out", "."], kind);
        assert!(ended.code == 2 && ended.err.contains("exists already"), "{kind}: {}", ended.err);

        let out = place.path("deployed");
        fs::create_dir(&out).expect("a folder");
        put(&out.join("README.md"), &place.path("elsewhere/file"));
        for more in [&[][..], &["--force"], &["--check"]] {
            let command = [&["deploy", "riskiq", "--out", "deployed"], more].concat();
            let ended = place.run(&command, kind);
            let is_absent = kind == "a link to nothing" && ended.err.contains("symbolic link");
            assert!(ended.code == 2 && (is_absent || ended.err.contains("README.md")), "{kind}: {}", ended.err);
        }
    }
    let place = Place::new();
    fs::create_dir(place.path("deployed")).expect("a folder");
    symlink("../elsewhere", place.path("deployed/profiles")).expect("a link");
    let ended = place.run(&["deploy", "lines/profile.yaml", "--out", "deployed", "--force"], "a folder");
    assert!(ended.code == 2 && ended.err.contains("`profiles` is a symbolic link"), "{}", ended.err);
}

#[test]
fn operator_file_is_regular_and_bounded() {
    let place = Place::new();
    let enrich = ["enrich", "--replay", "--profile", "lines/profile.yaml"];
    let places: [(&str, &[&str]); 4] = [
        ("--config", &["enrich", "192.0.2.7", "--profile", "lines", "--replay", "--config"]),
        ("--input", &[&enrich[..], &["--input"]].concat()),
        ("sample", &["draft", "drafted", "--observable", "example.com", "--out", ".", "--sample"]),
        ("answer", &["map", "--profile", "lines", "--observable", "192.0.2.7"]),
    ];
    for (name, command) in places {
        let device = place.run(&[command, &["/dev/zero"]].concat(), name);
        assert!(device.code == 2 && device.err.contains("a device"), "{name}: {}", device.err);
        let long = place.path("long");
        File::create(&long).and_then(|file| file.set_len(1 << 40)).expect("a long file");
        let long = place.run(&[command, &[text(&long)]].concat(), name);
        assert!(long.code == 2 && long.err.contains("larger than"), "{name}: {}", long.err);
        symlink("/nowhere/at/all", place.path("dangling")).expect("a link");
        assert_eq!(place.run(&[command, &["dangling"]].concat(), name).code, 2, "{name}");
        fs::remove_file(place.path("dangling")).expect("it was there");
    }
    special(&place.path("pipe"), &["mkfifo"]);
    for variable in ["RISKIQ_API_KEY_FILE", "HTTPS_CA_CERTIFICATES", "CURL_CA_BUNDLE"] {
        for (file, what) in [("pipe", "a pipe"), ("/dev/zero", "a device"), ("lines", "directory"), ("long", "larger")]
        {
            let key = if variable.starts_with("RISKIQ") { "" } else { "k" };
            let variables = [("RISKIQ_USERNAME", "user"), ("RISKIQ_API_KEY", key), (variable, file)];
            let ended = ended(&["enrich", "example.com", "--profile", "riskiq"], place.folder.path(), &variables);
            assert!(ended.code == 2 && ended.err.contains(what), "{variable}={file}: {}", ended.err);
        }
    }
}

#[test]
fn library_file_is_regular_and_bounded() {
    let place = Place::new();
    special(&place.path("pipe"), &["mkfifo"]);
    let long = |name: &str| File::create(place.path(name)).and_then(|file| file.set_len(1 << 40)).expect("a long file");
    ["long", "authorities"].iter().for_each(|name| fs::create_dir_all(place.path(name)).expect("a folder"));
    long("longer");
    long("long/file");
    special(&place.path("authorities/pipe"), &["mkfifo"]);
    let key = [("RISKIQ_USERNAME", "user"), ("RISKIQ_API_KEY", "a-long-key")];
    let connector = [("OPENCTI_URL", "http://127.0.0.1:1"), ("OPENCTI_TOKEN", "t0ken"), ("CONNECTOR_ID", "an-id")];
    let started = |command: &[&str], variable: (&str, &str)| {
        // Waiting for a pipe would never end.
        ended(command, place.folder.path(), &[&key[..], &connector[..], &[("MQ_USE_SSL", "true"), variable]].concat())
    };
    let enrich: &[&str] = &["enrich", "example.com", "--profile", "riskiq", "--set", "api_base_url=http://127.0.0.1:9"];
    for (name, value, what) in [
        ("SSL_CERT_FILE", "pipe", "a pipe"),
        ("SSL_CERT_FILE", "/dev/zero", "a device"),
        ("SSL_CERT_FILE", "longer", "larger"),
        ("SSL_CERT_DIR", "authorities:long", "larger"),
        ("HOSTALIASES", "pipe", "a pipe"),
        ("RESOLV_HOST_CONF", "/dev/zero", "a device"),
    ] {
        for command in [enrich, &["connector", "--profile", "riskiq"]] {
            let refused = started(command, (name, value));
            let is_said = refused.err.contains(name) && refused.err.contains(what);
            assert!(refused.code == 2 && is_said, "{command:?} {name}={value}: {} {}", refused.code, refused.err);
        }
    }
    // A pipe in a folder is ignored: no certificate is trusted then, and nothing waits.
    assert!(!started(enrich, ("SSL_CERT_DIR", "authorities")).err.contains("a pipe"));
}

#[test]
fn list_and_response_are_read_from_pipes_and_links() {
    let place = Place::new();
    fs::write(place.path("list"), "192.0.2.7\n").expect("it can be written");
    symlink("list", place.path("linked")).expect("a link");
    let program = stixmap(&[]).get_program().to_owned();
    let shell = |script: &str| {
        let mut shell = Command::new("bash");
        shell.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("S", &program);
        crate::support::ended({
            shell.current_dir(place.folder.path());
            shell
        })
    };
    for input in ["linked", "<(cat list)", "/dev/stdin < list", "- < list", "/dev/stdin < <(cat list)"] {
        let ended = shell(&format!("timeout 20 \"$S\" enrich -q -p lines/profile.yaml --replay --input {input}"));
        assert!(ended.code == 0 && ended.out.contains("192.0.2.7"), "{input}: {}", ended.err);
        let answer =
            input.replace("list", "lines/cases/ptr-reverse.ndjson").replace("linked", "lines/cases/ptr-reverse.ndjson");
        let ended = shell(&format!("timeout 20 \"$S\" map -q -p lines/profile.yaml --observable 192.0.2.7 {answer}"));
        assert!(ended.code == 0 && ended.out.contains("192.0.2.7"), "{answer}: {}", ended.err);
    }
}

#[test]
fn output_follows_no_link_of_another_user() {
    let place = Place::new();
    let shared = place.path("shared");
    fs::create_dir(&shared).expect("a folder");
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("its mode can be set");
    let command = ["enrich", "192.0.2.7", "-q", "-p", "lines/profile.yaml", "--replay", "-o", "shared/out"];
    symlink("../elsewhere/file", shared.join("out")).expect("a link");
    lchown(shared.join("out"), STRANGER, STRANGER).expect("its owner can be set");
    let refused = place.run(&command, "a link of another user");
    assert!(refused.code == 2 && refused.err.contains("another user (uid 65534)"), "{}", refused.err);
    fs::remove_file(shared.join("out")).expect("it was there");
    special(&shared.join("out"), &["mkfifo"]);
    chown(shared.join("out"), STRANGER, STRANGER).expect("its owner can be set");
    assert_eq!(place.run(&command, "a pipe of another user").code, 2);
    fs::remove_file(shared.join("out")).expect("it was there");
    // Permissions of a file of another user are not kept.
    fs::write(shared.join("out"), "").expect("it can be written");
    fs::set_permissions(shared.join("out"), Permissions::from_mode(0o666)).expect("its mode can be set");
    chown(shared.join("out"), STRANGER, STRANGER).expect("its owner can be set");
    assert_eq!(place.run(&command, "a file of another user").code, 0);
    assert_eq!(fs::metadata(shared.join("out")).expect("it is there").permissions().mode() & 0o022, 0);
    // An own link stays a link.
    fs::write(place.path("mine"), "").expect("it can be written");
    fs::remove_file(shared.join("out")).expect("it was there");
    symlink("../mine", shared.join("out")).expect("a link");
    assert_eq!(place.run(&command, "a link of one's own").code, 0);
    assert!(fs::symlink_metadata(shared.join("out")).expect("it is there").is_symlink());
    assert!(fs::read_to_string(place.path("mine")).expect("it is there").contains("bundle"));
}

#[test]
fn config_file_writable_by_others_stops_the_connector() {
    let place = Place::new();
    let settings = "opencti: { url: 'http://127.0.0.1:1/canary-9f1d3c', token: canary-9f1d3c }\nconnector: { id: x }\n";
    type Spoil = fn(&Path, &Path);
    let spoilt: [(&str, Spoil); 10] = [
        ("belongs to another user", |_, file| chown(file, STRANGER, None).expect("an owner")),
        ("the file is writable by other users", |_, file| {
            fs::set_permissions(file, Permissions::from_mode(0o664)).expect("a mode")
        }),
        ("the file is writable by other users", |_, file| {
            fs::set_permissions(file, Permissions::from_mode(0o602)).expect("a mode")
        }),
        ("its folder belongs to another user", |folder, _| chown(folder, STRANGER, None).expect("an owner")),
        ("its folder is writable by other users", |folder, _| {
            fs::set_permissions(folder, Permissions::from_mode(0o1777)).expect("a mode");
        }),
        ("its folder is writable by other users", |folder, _| {
            fs::set_permissions(folder, Permissions::from_mode(0o775)).expect("a mode");
        }),
        ("belongs to another user", |folder, file| {
            fs::rename(file, folder.join("real.yml")).expect("it can be moved");
            symlink("real.yml", file).and_then(|()| lchown(file, STRANGER, None)).expect("a link");
        }),
        ("its folder is writable by other users", |folder, file| {
            let shared = folder.join("shared");
            fs::create_dir(&shared).expect("a folder");
            fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("a mode");
            fs::rename(file, shared.join("config.yml")).expect("it can be moved");
            symlink("shared/config.yml", file).expect("a link");
        }),
        ("belongs to another user", |folder, file| {
            fs::rename(file, folder.join("real.yml")).expect("it can be moved");
            symlink("real.yml", folder.join("next.yml")).expect("a link");
            lchown(folder.join("next.yml"), STRANGER, None).expect("an owner");
            symlink("next.yml", file).expect("a link");
        }),
        ("a pipe", |_, file| {
            fs::remove_file(file).expect("it was there");
            special(file, &["mkfifo"]);
        }),
    ];
    for (number, (why, spoil)) in spoilt.into_iter().enumerate() {
        let folder = place.path(&format!("started-{number}"));
        fs::create_dir(&folder).expect("a folder");
        let file = folder.join("config.yml");
        fs::write(&file, settings).expect("it can be written");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a mode");
        spoil(&folder, &file);
        let started = ended(&["connector", "--profile", "riskiq"], &folder, &[]);
        assert!(started.code == 2 && started.err.contains(why), "{why}: {}", started.err);
        assert!(started.err.contains("./config.yml") && !started.err.contains("canary-9f1d3c"), "{}", started.err);
    }
    // An own file is read: missing settings are reported.
    let folder = place.path("own");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("config.yml"), settings).expect("it can be written");
    let started = ended(&["connector", "--profile", "riskiq"], &folder, &[]);
    assert!(started.code == 2 && started.err.contains("RISKIQ_API_KEY"), "{}", started.err);
    assert!(!started.err.contains("OPENCTI_URL"), "{}", started.err);
}

#[test]
fn accepted_result_does_not_change_a_hard_linked_file() {
    let place = Place::new();
    let expected = place.path("lines/cases/by-type.expected");
    fs::remove_file(&expected).expect("it was there");
    fs::hard_link(place.path("elsewhere/file"), &expected).expect("one file by two names");
    assert_eq!(place.run(&["test", "lines/cases/by-type.yaml", "--accept", "-q"], "a hard link").code, 0);
    assert_ne!(fs::read_to_string(&expected).expect("it is there"), CANARY);
}

#[test]
fn journal_accessible_to_others_stops_the_connector() {
    let place = Place::new();
    let variables = [
        ("OPENCTI_URL", "http://127.0.0.1:1"),
        ("OPENCTI_TOKEN", "t0ken"),
        ("CONNECTOR_ID", "an-id"),
        ("RISKIQ_USERNAME", "user"),
        ("RISKIQ_API_KEY", "a-long-key"),
        // An unreachable address ends a connector that did not stop before.
        ("CONNECTOR_EXPOSE_METRICS", "true"),
        ("CONNECTOR_METRICS_ADDRESS", "192.0.2.1"),
    ];
    let started = |name: &str, value: &str| {
        let variables = [&variables[..], &[(name, value)]].concat();
        ended(&["connector", "--profile", "riskiq"], place.folder.path(), &variables)
    };
    fs::create_dir_all(place.path("state/stixmap")).expect("a folder");
    let (file, own) = (place.path("elsewhere/file"), place.path("state/stixmap/an-id"));
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(30 * 86_400);
    let set = File::options().write(true).open(&file).and_then(|file| file.set_modified(long_ago));
    set.expect("its time can be set");
    let state = place.path("state");
    for (name, value) in [
        ("CONNECTOR_JOURNAL_PATH", state.join("stixmap")),
        ("STATE_DIRECTORY", state.join("stixmap")),
        ("XDG_STATE_HOME", state),
    ] {
        symlink(place.path("elsewhere"), &own).expect("a link");
        let refused = started(name, text(&value));
        assert!(refused.code == 2 && refused.err.contains("symbolic link"), "{name}: {}", refused.err);
        fs::remove_file(&own).expect("it was there");
        fs::create_dir(&own).and_then(|()| chown(&own, STRANGER, None)).expect("a folder");
        let refused = started(name, text(&value));
        assert!(refused.code == 2 && refused.err.contains("another user (uid 65534)"), "{name}: {}", refused.err);
        fs::remove_dir(&own).expect("it was there");
    }
    // Without a folder for the journal, none is created in a shared folder; logged at every level.
    let without = started("TMPDIR", text(place.folder.path()));
    assert!(without.err.contains("No journal") && without.err.contains("CONNECTOR_JOURNAL_PATH"), "{}", without.err);
    assert_eq!(fs::read_to_string(&file).expect("it is not swept"), CANARY);
    assert_eq!(fs::metadata(place.path("elsewhere")).expect("it is there").permissions().mode() & 0o777, 0o755);
}

/// Functions that open, create, remove or examine files.
const OPENERS: [&str; 17] = [
    "std::fs",
    "fs::",
    "File::open",
    "File::create",
    "File::options",
    "OpenOptions",
    "tempfile",
    "rustix::fs",
    "read_dir",
    "temp_dir",
    "canonicalize",
    "read_link",
    "symlink_metadata",
    ".exists()",
    ".is_file()",
    ".is_dir()",
    ".try_exists()",
];

#[test]
fn files_are_opened_in_one_place() {
    let mut pending = vec![root().join("src")];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            match (entry.is_dir(), entry.file_name().is_some_and(|name| name == "tests.rs")) {
                (true, _) if entry.ends_with("src/files") => {}
                (true, _) => pending.push(entry),
                (false, true) => {}
                (false, false) => {
                    let text = fs::read_to_string(&entry).expect("a text");
                    let program = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                    for line in program.lines().filter(|line| !line.trim_start().starts_with("//")) {
                        let found = OPENERS.iter().find(|opener| line.contains(*opener));
                        assert!(found.is_none(), "{}: {line}", entry.display());
                    }
                }
            }
        }
    }
}
