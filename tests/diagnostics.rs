//! Tests every diagnostic with a minimal file and its exact text: `diagnostics/<code>.yaml` is a profile,
//! `diagnostics/cases/<code>.yaml` a case of `diagnostics/profile.yaml`, `diagnostics/<code>/` a profile with an optional
//! response.

use crate::support::{ended, root, stixmap};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use stixmap_engine::diagnostic::Code;

/// Path of a code's example, and the command that reports it.
struct Example {
    text: PathBuf,
    command: Vec<String>,
}

fn example(code: Code) -> Example {
    let folder = "tests/diagnostics";
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let single = format!("{folder}/{code}.yaml");
    let case = format!("{folder}/cases/{code}.yaml");
    let profile = format!("{folder}/{code}");
    let answer = format!("{profile}/answer.json");
    let (file, command) = if root().join(&single).is_file() {
        (single.clone(), words(&["check", &single]))
    } else if root().join(&case).is_file() {
        (case.clone(), words(&["check", &case]))
    } else if root().join(&answer).is_file() {
        (
            answer.clone(),
            words(&["map", "-o", "/dev/null", "--profile", &profile, "--observable", "example.com", &answer]),
        )
    } else {
        (format!("{profile}/profile.yaml"), words(&["check", &profile]))
    };
    assert!(root().join(&file).is_file(), "`{code}` has no example: tests/diagnostics/{code}.yaml");
    Example { text: root().join(file).with_extension("txt"), command }
}

fn run(command: &[String], more: &[&str]) -> (i32, String, String) {
    let arguments: Vec<&str> = command.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let ended = ended(stixmap(&arguments));
    (ended.code, ended.out, ended.err)
}

#[test]
fn every_code_is_reported_as_in_its_example() {
    let mut wrong = vec![];
    for &code in Code::ALL {
        let example = example(code);
        let (exit, _, output) = run(&example.command, &[]);
        assert!(output.contains(&format!("[{code}]: ")), "the example of `{code}` does not yield it:\n{output}");
        let count = output.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning[")).count();
        assert_eq!(count, 1, "one cause, one diagnostic: {output}");
        assert!(exit == 1 || example.command[0] == "map", "{code}: {output}");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&example.text, &output).expect("the text can be written");
        }
        if std::fs::read_to_string(&example.text).unwrap_or_default() != output {
            wrong.push(format!("{} differs from the output:\n{output}", example.text.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_is_of_a_code() {
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
    assert!(known.len() == Code::ALL.len() && known.len() >= 60, "slugs are unique: {}", known.len());
    let folders = [root().join("tests/diagnostics"), root().join("tests/diagnostics/cases")];
    for path in folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder").flatten())
        .map(|entry| entry.path())
    {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let is_frame = ["cases", "profile", "ten"].contains(&name.as_str());
        assert!(is_frame || known.contains(name.as_str()), "{} is of no code", path.display());
    }
}

fn checked(path: &Path) -> Vec<Value> {
    let (_, out, err) = run(&["check".to_owned(), path.display().to_string()], &["--format", "json"]);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

#[test]
fn spans_lie_inside_and_fixes_remove_what_they_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fixed = 0;
    for &code in Code::ALL {
        let path = root().join(format!("tests/diagnostics/{code}.yaml"));
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for diagnostic in checked(&path) {
            for label in diagnostic["labels"].as_array().expect("labels") {
                let place = |key: &str| usize::try_from(label[key].as_u64().expect("a number")).expect("in memory");
                assert!(text.get(place("start")..place("end")).is_some(), "{code}: {label}");
            }
            let Some(fix) = diagnostic["fix"].as_object() else { continue };
            let copy = folder.path().join(format!("{code}.yaml"));
            std::fs::write(&copy, &text).expect("it can be written");
            let (_, _, output) = run(&["check".to_owned(), copy.display().to_string()], &["--fix"]);
            assert!(output.contains("1 fixed"), "{code}: {output}");
            let still = checked(&copy).iter().any(|other| other["code"] == diagnostic["code"]);
            assert!(!still, "{code} is still there after {fix:?}: {output}");
            fixed += 1;
        }
    }
    assert!(fixed >= 5, "some diagnostics have a sure fix: {fixed}");
}

/// Mistakes in syntax, in expressions and templates, and between parts of the file.
#[test]
fn ten_mistakes_are_ten_diagnostics_in_one_run() {
    let (exit, _, output) = run(&["check".to_owned(), "tests/diagnostics/ten/profile.yaml".to_owned()], &[]);
    let codes: BTreeSet<&str> = output.lines().filter(|line| line.starts_with("error[")).collect();
    assert_eq!((exit, codes.len()), (1, 10), "{output}");
}

#[test]
fn json_and_github_formats_match_the_text() {
    let command = ["check".to_owned(), "tests/diagnostics/unknown-field.yaml".to_owned()];
    let (_, json, _) = run(&command, &["--format", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json[0]["code"], &json[0]["labels"][0]["line"], &json[0]["labels"][0]["column"]),
        (&"unknown-field".into(), &5.into(), &1.into())
    );
    let (_, github, _) = run(&command, &["--format", "github"]);
    let start =
        "::error file=tests/diagnostics/unknown-field.yaml,line=5,endLine=5,col=1,endColumn=7,title=unknown-field::";
    assert!(github.starts_with(start), "{github}");
}

#[test]
fn hostile_files_are_reported_in_time() {
    let profile = std::fs::read_to_string(root().join("profiles/riskiq/profile.yaml")).expect("the profile");
    let bomb: String = (1..9).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(9))).collect();
    let hostile = [
        ("too-large", "[".repeat(10_000)),
        ("too-large", "a: b\n".repeat(20 << 20)),
        ("alias", format!("a0: &a0 [x]\n{bomb}")),
        ("merge-key", format!("{profile}<<: *nothing\n")),
        ("syntax", profile.replace("  base_url", "\tbase_url")),
        ("second-document", format!("{profile}---\n{profile}")),
        ("wrong-type", profile.replace("name: RiskIQ PassiveTotal\n", "name: NULL\n")),
        ("unknown-rrtype", profile.replace("rrtype: AAAA,", "rrtype: NO,")),
        ("wrong-type", profile.replace("version: 1.0.0", "version: 1.10")),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("riskiq.yaml");
    for (code, text) in hostile {
        std::fs::write(&path, text).expect("it can be written");
        let (exit, _, output) = run(&["check".to_owned(), path.display().to_string()], &[]);
        assert!(exit == 1 && output.contains(&format!("error[{code}]")), "{code}: {output}");
    }
    let harmless = [
        format!("\u{feff}{profile}"),
        profile.replace('\n', "\r\n"),
        profile.replace("rrtype: AAAA,", "rrtype: \"NULL\","),
    ];
    for (text, exit) in harmless.into_iter().zip([0, 0, 1]) {
        std::fs::write(&path, text).expect("it can be written");
        let (ended, _, output) = run(&["check".to_owned(), path.display().to_string()], &[]);
        assert_eq!(ended, exit, "{output}");
        assert!(exit == 0 || output.contains("the data of NULL records is never"), "{output}");
    }
}
