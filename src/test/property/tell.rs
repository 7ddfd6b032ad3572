//! What is told of properties: a line for each of a profile, or all of it for programs.

use super::{Failure, Reached, Tried};
use serde_json::{Value, json};
use std::fmt::Write;

/// For people.
pub(super) fn text(tried: &[Tried]) -> String {
    let mut text = String::new();
    for profile in tried {
        text.push_str(&reached(profile));
        for result in &profile.results {
            let (id, name, cases) = (&profile.id, result.property.name, result.cases);
            let _ = match &result.failure {
                None => writeln!(text, "ok     {id} {name}, {cases} cases: {}", result.property.holds),
                Some(failure) => write!(text, "FAILS  {id} {name}: {}\n{}", failure.reason, shown(failure)),
            };
        }
    }
    let failed = tried.iter().flat_map(|profile| &profile.results).filter(|result| result.failure.is_some()).count();
    let held = tried.iter().map(|profile| profile.results.len()).sum::<usize>() - failed;
    let seeds: Vec<String> = tried.iter().take(1).map(|profile| profile.seed.to_string()).collect();
    let _ = writeln!(text, "{held} hold, {failed} fail (--seed {})", seeds.concat());
    text
}

/// How far the runs of a profile came.
fn reached(tried: &Tried) -> String {
    let Reached { outcomes, records: (mapped, read), requests, rules, of } = &tried.reached;
    let outcomes: Vec<String> = outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!(
        "       {}: {}; {requests} requests; {mapped} of {read} records mapped; {} of {of} rules used\n",
        tried.id,
        outcomes.join(", "),
        rules.len(),
    )
}

/// The smallest case, and where it was written.
fn shown(failure: &Failure) -> String {
    let lines = failure.case.lines().map(|line| format!("  {line}\n")).collect::<String>();
    match &failure.file {
        Some(file) => format!("{lines}  written to {}\n", file.display()),
        None => lines,
    }
}

/// For programs.
pub(super) fn json(tried: &[Tried]) -> Value {
    tried.iter().map(profile).collect()
}

fn profile(tried: &Tried) -> Value {
    let results = tried.results.iter().map(|result| {
        let mut told = json!({
            "name": result.property.name,
            "holds": result.property.holds,
            "cases": result.cases,
            "is_kept": result.failure.is_none(),
        });
        if let Some(failure) = &result.failure {
            told["reason"] = failure.reason.as_str().into();
            told["case"] = failure.case.as_str().into();
            told["file"] = failure.file.as_ref().map(|file| file.display().to_string()).into();
        }
        told
    });
    let Reached { outcomes, records: (mapped, read), requests, rules, of } = &tried.reached;
    json!({
        "profile": tried.id,
        "seed": tried.seed,
        "runs": outcomes,
        "requests": requests,
        "records": { "read": read, "mapped": mapped },
        "rules": { "used": rules.len(), "of": of },
        "properties": results.collect::<Vec<_>>(),
    })
}
