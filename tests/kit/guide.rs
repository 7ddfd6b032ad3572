//! `docs/adding-a-provider.md`: every command in it is run, in order, and prints what stands there; every piece of YAML in it
//! compiles. `UPDATE=1` writes anew what commands print.

use crate::support::root;
use serde_json::{Map, Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use stixmap_engine::diagnostic::{Severity, Source};
use stixmap_engine::plan::Plan;

/// The port of a stand-in in the text; when commands are run it is one that is free.
const PORT: &str = "8053";

fn guide() -> PathBuf {
    root().join("docs/adding-a-provider.md")
}

fn text() -> String {
    fs::read_to_string(guide()).expect("the guide")
}

/// A stretch of the text: prose, or a block between fences.
enum Piece<'t> {
    Prose(&'t str),
    /// The words behind the fence, and what stands in it.
    Block(Vec<&'t str>, &'t str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let parts = text.split("\n```").enumerate();
    parts
        .map(|(number, part)| match part.split_once('\n') {
            Some((words, inside)) if number % 2 == 1 => Piece::Block(words.split_whitespace().collect(), inside),
            _ => Piece::Prose(part),
        })
        .collect()
}

#[test]
fn every_command_prints_what_stands_there() {
    let text = text();
    let mut desk = Desk::new();
    let written: Vec<String> = pieces(&text).iter().map(|piece| desk.written(piece)).collect();
    let written = written.join("\n```");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(guide(), &written).expect("it is written");
    } else {
        assert_eq!(text, written, "UPDATE=1 writes docs/adding-a-provider.md anew");
    }
}

/// Where a reader sits: a folder, and stand-ins that were started and not stopped.
struct Desk {
    folder: tempfile::TempDir,
    port: String,
    running: Vec<Child>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        for child in &mut self.running {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Desk {
    fn new() -> Desk {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        Desk { folder: tempfile::tempdir().expect("a folder"), port: free.port().to_string(), running: vec![] }
    }

    /// Does what a piece says, and gives it as it is then.
    fn written(&mut self, piece: &Piece) -> String {
        match piece {
            Piece::Prose(text) => (*text).to_owned(),
            Piece::Block(words, inside) => {
                let told = match &words[..] {
                    ["console"] => self.session(inside),
                    ["diff", file] => self.edit(file, inside),
                    [_, file] => self.write(file, inside),
                    _ => (*inside).to_owned(),
                };
                format!("{}\n{told}", words.join(" "))
            }
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: &str) -> String {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, format!("{text}\n")).expect("it is written");
        text.to_owned()
    }

    /// Lines with a minus go, lines with a plus come; what stands around them must be there.
    fn edit(&self, file: &str, diff: &str) -> String {
        for hunk in diff.split("\n@@\n") {
            let side = |sign: char| -> String {
                let lines = hunk.lines().filter(|line| line.starts_with([sign, ' ']) || line.is_empty());
                lines.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
            };
            let before = fs::read_to_string(self.path(file)).expect("a file");
            assert_eq!(before.matches(&side('-')).count(), 1, "this stands once in {file}:\n{}", side('-'));
            fs::write(self.path(file), before.replace(&side('-'), &side('+'))).expect("it is written");
        }
        diff.to_owned()
    }

    /// Runs each line after a `$`, and puts what it prints below it.
    fn session(&mut self, text: &str) -> String {
        let commands = text.split('\n').filter_map(|line| line.strip_prefix("$ "));
        let told = commands.map(|command| format!("$ {command}\n{}", self.run(command)));
        told.collect::<String>().trim_end().to_owned()
    }

    fn run(&mut self, command: &str) -> String {
        let here = command.replace(PORT, &self.port);
        let told = match here.strip_suffix(" &") {
            Some(command) => self.start(command),
            None => {
                let output = self.shell(&format!("exec 2>&1\n{here}")).output().expect("a shell");
                String::from_utf8(output.stdout).expect("text")
            }
        };
        told.replace(&self.port, PORT)
    }

    /// Starts a stand-in, and waits until it tells where it is.
    fn start(&mut self, command: &str) -> String {
        let mut shell = self.shell(&format!("exec {command} 2>/dev/null"));
        let mut child = shell.stdout(Stdio::piped()).spawn().expect("a shell");
        let mut told = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut told).expect("text");
        self.running.push(child);
        told
    }

    fn shell(&self, script: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_stixmap")).parent().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", program.display())).env("LC_ALL", "C.UTF-8");
        command
    }
}

/// A profile that pieces are put into.
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

/// Blocks that stand beside those of the profile are added to them; anything else takes their place.
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
    put(top, read.as_object().unwrap_or_else(|| panic!("no block: {piece}")));
    let (_, told) = Plan::check(&Source::new("a piece of the guide", profile.to_string()));
    let mistakes: Vec<String> =
        told.iter().filter(|told| told.severity == Severity::Error).map(ToString::to_string).collect();
    assert!(mistakes.is_empty(), "{piece}\n{}", mistakes.join("\n"));
}

#[test]
fn every_piece_of_yaml_compiles() {
    let text = text();
    let mut checked = 0;
    for piece in pieces(&text) {
        match piece {
            Piece::Block(words, inside) if words == ["yaml"] => {
                check(inside, &serde_yaml::from_str(inside).expect("YAML"));
                checked += 1;
            }
            Piece::Block(..) => {}
            Piece::Prose(prose) => checked += prose.split("\n\n").map(table).sum::<usize>(),
        }
    }
    assert!(checked > 50, "{checked} pieces");
}

/// Checks what stands in the second column of a table, by what the column is called. Gives how many pieces there were.
fn table(text: &str) -> usize {
    let mut rows = text.lines().filter(|line| line.starts_with('|')).map(|line| line.split('|').map(str::trim));
    let Some(place) = rows.next().and_then(|mut cells| cells.nth(2)) else { return 0 };
    let cells = rows.skip(1).filter_map(|mut cells| cells.nth(2));
    let pieces: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    pieces.iter().filter(|piece| in_place(place, piece)).count()
}

fn in_place(place: &str, piece: &str) -> bool {
    let Ok(read) = serde_yaml::from_str::<Value>(piece) else { panic!("no YAML: {piece}") };
    let lookup = |key: &str, value: Value| {
        let mut lookups = base()["lookups"].clone();
        lookups["ask"][key] = value;
        json!({ "lookups": lookups })
    };
    match (place, read.as_object().and_then(|read| read.iter().next())) {
        ("`auth`", _) => check(piece, &json!({ "http": { "auth": read } })),
        ("`paging`", _) => check(piece, &lookup("paging", read)),
        ("you write", Some((key, value))) if key == "rrtype" => {
            let mut record = base()["record"].clone();
            record["fields"]["rrtype"] = value.clone();
            check(piece, &json!({ "record": record }));
        }
        ("you write", Some((key, value))) => check(piece, &lookup(key, value.clone())),
        _ => return false,
    }
    true
}
