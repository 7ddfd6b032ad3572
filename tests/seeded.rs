//! Tests typical mistakes, each seeded in a shipped profile: each must be rejected and reported on its line. The list is
//! `seeded/mistakes.txt`.

use crate::support::{profiles, root};
use std::path::Path;
use stixmap_engine::diagnostic::{Code, Diagnostic, Severity, Source};
use stixmap_engine::parallel;
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

/// Returns the text with every fix that is offered for it, from the last to the first.
fn with_all_fixes(text: &str) -> String {
    let found = Plan::check(&Source::new("profile.yaml", text)).1;
    let mut fixes: Vec<_> = found.iter().filter_map(|found| found.fix.clone()).collect();
    fixes.sort_by_key(|fix| fix.span.start);
    let mut fixed = text.to_owned();
    for fix in fixes.iter().rev() {
        fixed.replace_range(fix.span.clone(), &fix.replacement);
    }
    fixed
}

fn is_of_word(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

/// Returns the ranges of the words outside comments.
fn words(text: &str) -> Vec<std::ops::Range<usize>> {
    let (mut found, mut at) = (vec![], 0);
    for line in text.split_inclusive('\n') {
        let code = line.find(" #").map_or(line, |comment| &line[..comment]);
        let code = if code.trim_start().starts_with('#') { "" } else { code };
        let mut start = 0;
        for word in code.split(|sign| !is_of_word(sign)) {
            if word.len() >= 4 && word.chars().any(char::is_alphabetic) {
                found.push(at + start..at + start + word.len());
            }
            start += word.len();
            start += code[start..].chars().next().map_or(0, char::len_utf8);
        }
        at += line.len();
    }
    found
}

fn replaced(text: &str, span: &std::ops::Range<usize>, word: &str) -> String {
    [&text[..span.start], word, &text[span.end..]].concat()
}

/// Of the misspellings of a word every ninth is tried, another one for each word.
const STEP: usize = 9;

/// Returns misspellings of a word: a letter too few or too many, two swapped, another one, another ending or case.
fn misspelled(word: &str) -> Vec<String> {
    let signs: Vec<char> = word.chars().collect();
    let middle = signs.len() / 2;
    let with = |change: &dyn Fn(&mut Vec<char>)| {
        let mut signs = signs.clone();
        change(&mut signs);
        signs.into_iter().collect::<String>()
    };
    vec![
        with(&|signs| _ = signs.remove(middle)),
        with(&|signs| signs.insert(middle, 'q')),
        with(&|signs| signs.swap(middle, middle - 1)),
        with(&|signs| signs[middle] = 'q'),
        with(&|signs| signs.push('s')),
        with(&|signs| signs.push('l')),
        with(&|signs| _ = signs.pop()),
        word.replace('_', ""),
        word.to_uppercase(),
    ]
}

/// Returns the names that the settings and the fields of a profile declare.
fn declared(text: &str) -> Vec<String> {
    let profile: serde_json::Value = serde_yaml::from_str(text).expect("YAML");
    let names = |pointer| profile.pointer(pointer).and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
    let all = names("/settings").into_iter().chain(names("/record/fields"));
    all.map(|(name, _)| name).collect()
}

/// Returns the range of the declaration of a name, if it is the only key of this name.
fn declaration(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let is_key = |span: &&std::ops::Range<usize>| {
        let line = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        text[line..span.start].trim().is_empty() && text[span.end..].starts_with(':')
    };
    let spans: Vec<_> = words(text).into_iter().filter(|span| &text[span.clone()] == name).collect();
    let keys: Vec<_> = spans.iter().filter(is_key).collect();
    if let [only] = keys[..] { Some(only.clone()) } else { None }
}

fn shipped() -> Vec<(String, String)> {
    let text = |folder: std::path::PathBuf| {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(folder.join("profile.yaml")).expect("a profile"))
    };
    profiles().into_iter().filter(|folder| folder.starts_with(root().join("profiles"))).map(text).collect()
}

/// Whatever word is misspelled, and in whatever way: the fixes give the original text, or change nothing.
#[test]
fn fix_of_a_misspelled_word_restores_it_or_changes_nothing() {
    let results = parallel::map(&shipped(), |(name, original)| {
        let declarations: Vec<_> = declared(original).iter().filter_map(|name| declaration(original, name)).collect();
        let (mut restored, mut wrong, mut known) = (0, vec![], std::collections::BTreeSet::new());
        for span in words(original) {
            let word = &original[span.clone()];
            let line = original[..span.start].rfind('\n').map_or(0, |at| at + 1);
            // A word is tried once as a key and once as a value; declarations are tried below.
            let is_new = known.insert((word, original[line..span.start].trim().is_empty()));
            if !is_new || declarations.contains(&span) {
                continue;
            }
            let others = misspelled(word).into_iter().skip(span.start % STEP).step_by(STEP);
            for other in others.filter(|other| other != word) {
                let text = replaced(original, &span, &other);
                let fixed = with_all_fixes(&text);
                restored += usize::from(fixed == *original);
                if fixed != text && fixed != *original {
                    wrong.push(format!("{name}: {other} for {word}:\n{}", line_of_change(&text, &fixed)));
                }
            }
        }
        (restored, wrong)
    });
    let restored: usize = results.iter().map(|(restored, _)| restored).sum();
    let wrong: Vec<String> = results.into_iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{} fixes do harm:\n{}", wrong.len(), wrong.join("\n"));
    assert!(restored >= 30, "{restored} are restored");
}

/// A declaration that is gone or misspelled: no reference is changed to another declared name.
#[test]
fn fix_never_redirects_a_reference_to_another_declaration() {
    let mut tried = 0;
    for (profile, original) in shipped() {
        for name in declared(&original) {
            let Some(span) = declaration(&original, &name) else { continue };
            let others = misspelled(&name).into_iter().skip(span.start % STEP).step_by(STEP);
            for other in others.chain(["unrelated_x".to_owned()]).filter(|other| *other != name) {
                let text = replaced(&original, &span, &other);
                let fixed = with_all_fixes(&text);
                assert!(
                    fixed == text || fixed == original,
                    "{profile}: {other} for {name}:\n{}",
                    line_of_change(&text, &fixed)
                );
                tried += 1;
            }
        }
    }
    assert!(tried >= 50, "{tried} declarations are too few");
}

fn line_of_change(text: &str, fixed: &str) -> String {
    let changed = text.lines().zip(fixed.lines()).filter(|(line, other)| line != other);
    changed.map(|(line, other)| format!("- {line}\n+ {other}\n")).collect()
}

/// The settings that limit what is sent and how results are marked differ in one syllable.
#[test]
fn fix_of_a_missing_declaration_changes_no_gate() {
    let gone =
        [("cof", "max_tlp"), ("cof", "min_tlp"), ("otx", "max_tlp"), ("riskiq", "max_tlp"), ("riskiq", "resolve")];
    for (name, declared) in gone {
        let original = profile(name);
        let text: String = original
            .split_inclusive('\n')
            .filter(|line| !line.trim_start().starts_with(&format!("{declared}:")))
            .collect();
        assert!(text != original && !errors(name, &text).is_empty(), "{name} needs {declared}");
        assert_eq!(with_all_fixes(&text), text, "{name} without {declared}");
    }
}

#[test]
fn misspelled_declaration_is_shown_beside_its_references() {
    let text = profile("otx").replace("  max_tlp:", "  maxtlp:");
    let found = errors("otx", &text);
    let reported = found.iter().find(|found| found.code == Code::UnknownSetting).expect("the reference");
    assert_eq!(reported.fix, None);
    assert_eq!(&text[reported.labels[1].span.clone()], "maxtlp");
    assert_eq!(reported.labels[1].text, "declared with this name, and never used");
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
    // The other seeds are values of another type or form: a text gets quotes, a word becomes a list or a block.
    assert!(restored >= 40 && offered - restored <= 21, "{restored} of {offered} give the original text");
}
