//! `docs/adding-a-provider.md`: runs every command in it and compares the output; compiles every piece of YAML.
//! `UPDATE=1` rewrites the output.

use crate::support::root;
use serde_json::{Map, Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use stixmap_engine::diagnostic::{Severity, Source};
use stixmap_engine::plan::Plan;

/// The port of the mock provider in the text; the test replaces it by a free one.
const PORT: &str = "8053";

fn guide() -> PathBuf {
    root().join("docs/adding-a-provider.md")
}

fn text() -> String {
    fs::read_to_string(guide()).expect("the guide")
}

/// Prose, or a fenced block.
enum Piece<'t> {
    Prose(&'t str),
    /// The info string and the content.
    Block(Vec<&'t str>, &'t str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let parts = text.split("\n```").enumerate();
    parts
        .map(|(number, part)| match part.split_once('\n') {
            Some((info, content)) if number % 2 == 1 => Piece::Block(info.split_whitespace().collect(), content),
            _ => Piece::Prose(part),
        })
        .collect()
}

#[test]
fn every_command_prints_the_documented_output() {
    let text = text();
    let mut desk = Workspace::new();
    let written: Vec<String> = pieces(&text).iter().map(|piece| desk.written(piece)).collect();
    let written = written.join("\n```");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(guide(), &written).expect("it can be written");
    } else {
        assert_eq!(text, written, "outdated: run with UPDATE=1 to rewrite docs/adding-a-provider.md");
    }
}

/// A reader's working directory, and the mock providers running in it.
struct Workspace {
    folder: tempfile::TempDir,
    port: String,
    running: Vec<Child>,
}

impl Drop for Workspace {
    fn drop(&mut self) {
        for child in &mut self.running {
            // It may have terminated already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Workspace {
    fn new() -> Workspace {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        Workspace { folder: tempfile::tempdir().expect("a folder"), port: free.port().to_string(), running: vec![] }
    }

    /// Performs the step that a piece describes, and returns its updated text.
    fn written(&mut self, piece: &Piece) -> String {
        match piece {
            Piece::Prose(text) => (*text).to_owned(),
            Piece::Block(info, content) => {
                let output = match &info[..] {
                    ["console"] => self.session(content),
                    ["diff", file] => self.edit(file, content),
                    [_, file] => self.write(file, content),
                    _ => (*content).to_owned(),
                };
                format!("{}\n{output}", info.join(" "))
            }
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: &str) -> String {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, format!("{text}\n")).expect("it can be written");
        text.to_owned()
    }

    /// Applies a diff without line numbers; its context must be unique.
    fn edit(&self, file: &str, diff: &str) -> String {
        for hunk in diff.split("\n@@\n") {
            let side = |prefix: char| -> String {
                let lines = hunk.lines().filter(|line| line.starts_with([prefix, ' ']) || line.is_empty());
                lines.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
            };
            let before = fs::read_to_string(self.path(file)).expect("a file");
            assert_eq!(before.matches(&side('-')).count(), 1, "expected once in {file}:\n{}", side('-'));
            fs::write(self.path(file), before.replace(&side('-'), &side('+'))).expect("it can be written");
        }
        diff.to_owned()
    }

    /// Runs each line after `$` and inserts its output below.
    fn session(&mut self, text: &str) -> String {
        let commands = text.split('\n').filter_map(|line| line.strip_prefix("$ "));
        let output = commands.map(|command| format!("$ {command}\n{}", self.run(command)));
        output.collect::<String>().trim_end().to_owned()
    }

    fn run(&mut self, command: &str) -> String {
        let here = command.replace(PORT, &self.port);
        let output = match here.strip_suffix(" &") {
            Some(command) => self.start(command),
            None => {
                let output = self.shell(&format!("exec 2>&1\n{here}")).output().expect("a shell");
                String::from_utf8(output.stdout).expect("text")
            }
        };
        output.replace(&self.port, PORT)
    }

    /// Starts a mock provider and waits until it prints its URL.
    fn start(&mut self, command: &str) -> String {
        let mut shell = self.shell(&format!("exec {command} 2>/dev/null"));
        let mut child = shell.stdout(Stdio::piped()).spawn().expect("a shell");
        let mut output = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut output).expect("text");
        self.running.push(child);
        output
    }

    fn shell(&self, script: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_stixmap")).parent().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", program.display())).env("LC_ALL", "C.UTF-8");
        command
    }
}

/// A profile into which pieces are inserted.
fn base() -> Value {
    json!({
        "profile": "stixmap/v1", "id": "acme", "version": "1.0.0", "name": "Acme", "summary": "A piece of the guide.",
        "settings": {
            "user": { "type": "string", "required": true, "description": "user" },
            "key": { "type": "secret", "required": true, "description": "key" },
            "rows": { "type": "integer", "default": "100", "description": "rows" },
            "since": { "type": "duration", "default": "P30D", "description": "since" },
        },
        "http": { "base_url": "https://api.acme.example" },
        "lookups": { "ask": {
            "accepts": ["domain-name"], "method": "POST", "path": "/search/{each}", "for_each": ["a"],
            "body": { "name": "{observable.value}" }, "records": "$.rows",
        } },
        "record": { "fields": {
            "rrname": { "at": "$.name", "as": "dns-name" }, "rrtype": { "at": "$.type", "as": "rrtype" },
            "rdata": { "at": "$.data", "as": "rdata" }, "time_last": { "at": "$.last", "as": "timestamp", "optional": true },
            "tlp": { "at": "$.sharing", "as": "tlp", "optional": true },
        } },
        "rules": [{ "use": "dns/standard@1" }],
        "tlp": { "max": "TLP:AMBER", "unmarked": "allow", "results": { "at_least": "TLP:AMBER" } },
        "identity": { "name": "Acme" },
    })
}

/// Merges known blocks into those of the profile, and replaces everything else.
fn put(profile: &mut Map<String, Value>, piece: &Map<String, Value>) {
    for (key, value) in piece {
        match (profile.get_mut(key), value) {
            (Some(Value::Object(block)), Value::Object(value))
                if ["settings", "http", "record"].contains(&key.as_str()) =>
            {
                for (key, value) in value {
                    block.insert(key.clone(), value.clone());
                }
            }
            _ => {
                profile.insert(key.clone(), value.clone());
            }
        }
    }
}

fn check(piece: &str, read: &Value) {
    let mut profile = base();
    let top = profile.as_object_mut().expect("a profile");
    put(top, read.as_object().unwrap_or_else(|| panic!("not a mapping: {piece}")));
    let (_, diagnostics) = Plan::check(&Source::new("a piece of the guide", profile.to_string()));
    let errors: Vec<String> =
        diagnostics.iter().filter(|found| found.severity == Severity::Error).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{piece}\n{}", errors.join("\n"));
}

#[test]
fn every_piece_of_yaml_compiles() {
    let text = text();
    let mut checked = 0;
    for piece in pieces(&text) {
        match piece {
            Piece::Block(info, content) if info == ["yaml"] => {
                check(content, &serde_yaml::from_str(content).expect("YAML"));
                checked += 1;
            }
            Piece::Block(..) => {}
            Piece::Prose(prose) => checked += prose.split("\n\n").map(table).sum::<usize>(),
        }
    }
    assert!(checked > 50, "{checked} pieces");
}

/// Checks the second column of a table, by its heading, and returns the number of pieces.
fn table(text: &str) -> usize {
    let mut rows = text.lines().filter(|line| line.starts_with('|')).map(|line| line.split('|').map(str::trim));
    let Some(heading) = rows.next().and_then(|mut cells| cells.nth(2)) else { return 0 };
    let cells = rows.skip(1).filter_map(|mut cells| cells.nth(2));
    let pieces: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    pieces.iter().filter(|piece| is_valid_piece(heading, piece)).count()
}

fn is_valid_piece(heading: &str, piece: &str) -> bool {
    let Ok(read) = serde_yaml::from_str::<Value>(piece) else { panic!("invalid YAML: {piece}") };
    let lookup = |key: &str, value: Value| {
        let mut lookups = base()["lookups"].clone();
        lookups["ask"][key] = value;
        json!({ "lookups": lookups })
    };
    match (heading, read.as_object().and_then(|read| read.iter().next())) {
        ("`auth`", _) => check(piece, &json!({ "http": { "auth": read } })),
        ("`paging`", _) => check(piece, &lookup("paging", read)),
        ("YAML", Some((key, value))) if key == "rrtype" => {
            let mut record = base()["record"].clone();
            record["fields"]["rrtype"] = value.clone();
            check(piece, &json!({ "record": record }));
        }
        ("YAML", Some((key, value))) => check(piece, &lookup(key, value.clone())),
        _ => return false,
    }
    true
}
