//! Tests typical mistakes, each seeded in a shipped profile: each must be rejected and reported on its line. The list is
//! `seeded/mistakes.txt`.

use crate::support::{profiles, root};
use std::path::Path;
use stixmap_engine::diagnostic::{Diagnostic, Severity, Source};
use stixmap_engine::plan::Plan;

/// Minimum number of mistakes in the list.
const AT_LEAST: usize = 100;

/// A mistake of the list.
struct Mistake {
    profile: String,
    code: String,
    about: String,
    old: String,
    new: String,
    expected_at: Option<String>,
}

impl Mistake {
    fn read(block: &str) -> Mistake {
        let (head, rest) = block.split_once('\n').expect("what is replaced");
        let (place, about) = head.split_once(": ").expect("PROFILE CODE: what is wrong");
        let (profile, code) = place.split_once(' ').expect("a profile and a code");
        let lines = |sign: char| -> Vec<&str> {
            let of_sign = |line| str::strip_prefix(line, sign).map(|text: &str| text.strip_prefix(' ').unwrap_or(text));
            rest.lines().filter_map(of_sign).collect()
        };
        assert!(rest.lines().all(|line| line.starts_with(['-', '+', '@'])), "{head}: a line of another kind");
        Mistake {
            profile: profile.into(),
            code: code.into(),
            about: about.into(),
            old: lines('-').join("\n"),
            new: lines('+').join("\n").replace('⇥', "\t"),
            expected_at: lines('@').first().map(|text| (*text).into()),
        }
    }

    /// Returns the profile with the mistake, and the line that the diagnostic must mark.
    fn seed(&self, profile: &str) -> (String, usize) {
        let places: Vec<usize> = profile.match_indices(&self.old).map(|(at, _)| at).collect();
        let [at] = places[..] else { panic!("{self}: what goes stands there {} times", places.len()) };
        let text = [&profile[..at], &self.new, &profile[at + self.old.len()..]].concat();
        let line = match &self.expected_at {
            None => 1 + text[..at].matches('\n').count(),
            Some(expected_at) => {
                let lines: Vec<usize> = (1..)
                    .zip(text.lines())
                    .filter(|(_, line)| line.trim_start().starts_with(expected_at))
                    .map(|(i, _)| i)
                    .collect();
                let [line] = lines[..] else { panic!("{self}: `{expected_at}` is on the lines {lines:?}") };
                line
            }
        };
        (text, line)
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.profile, self.code, self.about)
    }
}

fn mistakes() -> Vec<Mistake> {
    let text = std::fs::read_to_string(root().join("tests/seeded/mistakes.txt")).expect("the list");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines
        .join("\n")
        .split("\n\n")
        .map(|block| block.trim_matches('\n'))
        .filter(|block| !block.is_empty())
        .map(Mistake::read)
        .collect()
}

fn profile(name: &str) -> String {
    let folders = profiles();
    let folder = folders.iter().find(|folder| folder.ends_with(name)).unwrap_or_else(|| panic!("a profile {name}"));
    std::fs::read_to_string(folder.join("profile.yaml")).expect("a profile")
}

/// Returns the errors of a profile, without warnings.
fn errors(name: &str, text: &str) -> Vec<Diagnostic> {
    let reported = Plan::read(&Source::new(name, text)).err().unwrap_or_default();
    reported.into_iter().filter(|found| found.severity == Severity::Error).collect()
}

fn line(found: &Diagnostic) -> usize {
    let label = &found.labels[0];
    label.source.line(label.span.start)
}

/// Returns the diagnostic of a mistake.
struct Reported {
    is_refused: bool,
    on_its_line: bool,
    by_its_code: bool,
    is_alone: bool,
}

fn report(mistake: &Mistake) -> Reported {
    let (text, wanted) = mistake.seed(&profile(&mistake.profile));
    let found = errors(&mistake.profile, &text);
    let here: Vec<&Diagnostic> = found.iter().filter(|found| line(found) == wanted).collect();
    let by_its_code = here.iter().any(|found| found.code.slug() == mistake.code);
    if !by_its_code || found.len() > 1 {
        println!("{mistake}\n  wanted on line {wanted}, found:");
        found.iter().for_each(|found| println!("  {found}"));
    }
    Reported { is_refused: !found.is_empty(), on_its_line: !here.is_empty(), by_its_code, is_alone: found.len() == 1 }
}

#[test]
fn seeded_mistakes_are_reported_on_their_lines() {
    let mistakes = mistakes();
    assert!(mistakes.len() >= AT_LEAST, "{} are too few", mistakes.len());
    let reported: Vec<Reported> = mistakes.iter().map(report).collect();
    let count = |is: fn(&Reported) -> bool| reported.iter().filter(|reported| is(reported)).count();
    let (all, lines) = (reported.len(), count(|reported| reported.on_its_line));
    let (codes, alone) = (count(|reported| reported.by_its_code), count(|reported| reported.is_alone));
    println!("seeded mistakes: {lines} of {all} on the right line, {codes} with the right code, {alone} reported once");
    let passed: Vec<String> = mistakes
        .iter()
        .zip(&reported)
        .filter(|(_, reported)| !reported.is_refused)
        .map(|(mistake, _)| mistake.to_string())
        .collect();
    assert!(passed.is_empty(), "profiles with these mistakes compile:\n{}", passed.join("\n"));
    assert!(lines * 100 >= all * 95, "{lines} of {all} are on the right line");
}

#[test]
fn a_profile_without_a_seeded_mistake_has_none() {
    for folder in profiles() {
        let path: &Path = &folder.join("profile.yaml");
        let found = errors("profile.yaml", &std::fs::read_to_string(path).expect("a profile"));
        assert!(found.is_empty(), "{}: {}", path.display(), found[0]);
    }
}

#[test]
fn fix_changes_its_own_line_and_reduces_mistakes() {
    let (mut offered, mut restored, mut wrong) = (0, 0, vec![]);
    for mistake in mistakes() {
        let original = profile(&mistake.profile);
        let (text, _) = mistake.seed(&original);
        let found = errors(&mistake.profile, &text);
        for fix in found.iter().filter_map(|found| found.fix.as_ref()) {
            let mut fixed = text.clone();
            fixed.replace_range(fix.span.clone(), &fix.replacement);
            let left = errors(&mistake.profile, &fixed);
            let is_one_line = !text[fix.span.clone()].contains('\n') && !fix.replacement.contains('\n');
            (offered, restored) = (offered + 1, restored + usize::from(fixed == original));
            if left.len() >= found.len() || !is_one_line {
                wrong.push(format!("{mistake}: `{}` for `{}`", fix.replacement, &text[fix.span.clone()]));
            }
        }
    }
    println!("{offered} fixes are offered, {restored} give the original text");
    assert!(wrong.is_empty(), "these fixes do harm:\n{}", wrong.join("\n"));
    assert!(offered >= 20 && restored * 10 >= offered * 7, "{restored} of {offered} give the original text");
}
