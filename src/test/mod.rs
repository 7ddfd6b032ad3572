//! `stixmap test`: plays the recorded cases of profiles, compares what came with what is expected, and says which rules no
//! case used.

use crate::Exit;
use crate::cli::{TestArgs, Verbosity};
use crate::paint;
use crate::shelf::Folder;
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use stixmap_engine::case::play;
use stixmap_engine::plan::{Plan, SettingError};

/// A profile, and which of its cases are to be played.
struct Suite {
    folder: PathBuf,
    cases: Vec<String>,
    is_whole: bool,
}

/// How the cases went.
#[derive(Default)]
struct Score {
    passed: usize,
    failed: usize,
    rewritten: usize,
    profiles_failed: usize,
}

pub(crate) fn run(args: &TestArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let paths = if args.paths.is_empty() { vec![PathBuf::from("profiles")] } else { args.paths.clone() };
    let mut suites = vec![];
    for path in &paths {
        suites.extend(found(path)?);
    }
    let mut score = Score::default();
    for suite in &suites {
        play_suite(suite, args.accept, verbosity, &mut score)?;
    }
    let Score { passed, failed, rewritten, profiles_failed } = score;
    let accepted = if rewritten > 0 { format!(", {rewritten} of them rewritten") } else { String::new() };
    println!("{passed} passed{accepted}, {failed} failed");
    if passed + failed == 0 && profiles_failed == 0 {
        bail!("there was no case to play");
    }
    Ok(if failed + profiles_failed > 0 { Exit::Told } else { Exit::Fine })
}

/// A profile's folder, a folder of such, or a case.
fn found(path: &Path) -> anyhow::Result<Vec<Suite>> {
    let whole = |folder: &Path| Suite {
        cases: Folder::OnDisk(folder.to_owned()).cases(),
        folder: folder.to_owned(),
        is_whole: true,
    };
    if path.join("profile.yaml").is_file() {
        return Ok(vec![whole(path)]);
    }
    if path.is_file() && path.ends_with("profile.yaml") {
        return Ok(vec![whole(path.parent().unwrap_or(Path::new(".")))]);
    }
    let of_case = path.parent().and_then(Path::parent).filter(|folder| folder.join("profile.yaml").is_file());
    if let (true, Some(folder), Some(name)) = (path.is_file(), of_case, path.file_name()) {
        let cases = vec![name.to_string_lossy().into_owned()];
        return Ok(vec![Suite { folder: folder.to_owned(), cases, is_whole: false }]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("{} holds no profile", path.display()))?;
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("profile.yaml").is_file()).collect();
    folders.sort();
    if folders.is_empty() {
        bail!("{} holds no profile", path.display());
    }
    Ok(folders.iter().map(|folder| whole(folder)).collect())
}

fn play_suite(suite: &Suite, accepts: bool, verbosity: Verbosity, score: &mut Score) -> anyhow::Result<()> {
    let folder = Folder::OnDisk(suite.folder.clone());
    let Some(plan) = folder.plan()? else {
        score.profiles_failed += 1;
        return Ok(());
    };
    let mut used = BTreeSet::new();
    for name in &suite.cases {
        let shown = format!("{} {}", plan.id, name.trim_end_matches(".yaml"));
        let verdict = play_case(&plan, &folder, suite, name, accepts, &mut used)?;
        if let Verdict::Same | Verdict::Rewritten = verdict {
            score.passed += 1;
        } else {
            score.failed += 1;
        }
        match verdict {
            Verdict::Same if verbosity == Verbosity::Verbose => println!("ok        {shown}"),
            Verdict::Same => {}
            Verdict::Rewritten => {
                score.rewritten += 1;
                println!("rewritten {shown}");
            }
            Verdict::Differs(difference) => println!("DIFFERS   {shown}\n{difference}"),
            Verdict::Unplayable => println!("MISTAKE   {shown}"),
        }
    }
    if suite.is_whole {
        tell_unused_rules(&plan, &used);
    }
    Ok(())
}

enum Verdict {
    Same,
    Rewritten,
    Differs(String),
    Unplayable,
}

fn play_case(
    plan: &Plan,
    folder: &Folder,
    suite: &Suite,
    name: &str,
    accepts: bool,
    used: &mut BTreeSet<usize>,
) -> anyhow::Result<Verdict> {
    let Some(case) = folder.case(name)? else { return Ok(Verdict::Unplayable) };
    let played = match play(plan, &case) {
        Ok(played) => played,
        Err(errors) => {
            errors.iter().for_each(|error| paint::remark(&setting_remark(error)));
            return Ok(Verdict::Unplayable);
        }
    };
    used.extend(&played.rules);
    let path = suite.folder.join("cases").join(name).with_extension("expected");
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected == played.transcript {
        return Ok(Verdict::Same);
    }
    if accepts {
        std::fs::write(&path, &played.transcript).with_context(|| format!("{} cannot be written", path.display()))?;
        return Ok(Verdict::Rewritten);
    }
    Ok(Verdict::Differs(difference(&expected, &played.transcript)))
}

fn setting_remark(error: &SettingError) -> String {
    match error {
        SettingError::Missing { spec } => format!("the case gives no setting `{}`", spec.name),
        SettingError::NotOfType { spec } => format!("the case's setting `{}` is not {}", spec.name, spec.kind.wanted()),
    }
}

/// Both texts line by line: `-` what was expected, `+` what came.
fn difference(expected: &str, came: &str) -> String {
    let diff = similar::TextDiff::from_lines(expected, came);
    let lines = diff.iter_all_changes().map(|change| format!("  {}{}", change.tag(), change.value()));
    lines.collect::<String>().trim_end().to_owned()
}

fn tell_unused_rules(plan: &Plan, used: &BTreeSet<usize>) {
    for (number, rule) in plan.rules.rules.iter().enumerate().filter(|(number, _)| !used.contains(number)) {
        println!("no case of {} uses rules[{number}], line {}", plan.id, rule.line);
    }
}
