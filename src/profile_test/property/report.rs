//! Reports the results of properties as text or JSON.

use super::results::{Failure, PropertyResults, RunCounts};
use serde_json::{Value, json};
use std::fmt::Write;

/// Returns the reason of a property that holds vacuously.
fn vacuous(tried: &PropertyResults) -> String {
    match tried.untried.as_slice() {
        names if names.is_empty() || tried.reached.records.0 == 0 => {
            "vacuous: no generated record was mapped".to_owned()
        }
        names => format!("vacuous: no generated record of `{}` was mapped", names.join("`, `")),
    }
}

/// Formats the results as text.
pub(super) fn text(tried: &[PropertyResults]) -> String {
    let mut text = String::new();
    for profile in tried {
        text.push_str(&reached(profile));
        for result in &profile.results {
            let (id, name, cases) = (&profile.id, result.property.name, result.cases);
            let _ = match &result.failure {
                None if profile.is_vacuous() => {
                    writeln!(text, "FAILS  {id} {name}, {cases} cases: {}", vacuous(profile))
                }
                None => writeln!(text, "ok     {id} {name}, {cases} cases: {}", result.property.holds),
                Some(failure) => write!(text, "FAILS  {id} {name}: {}\n{}", failure.reason, shown(failure)),
            };
        }
    }
    let held = tried.iter().map(PropertyResults::kept).sum::<usize>();
    let failed = tried.iter().map(|profile| profile.results.len()).sum::<usize>() - held;
    let seeds: Vec<String> = tried.iter().take(1).map(|profile| profile.seed.to_string()).collect();
    let _ = writeln!(text, "{held} passed, {failed} failed (--seed {})", seeds.concat());
    text
}

/// Summarizes the runs of a profile.
fn reached(tried: &PropertyResults) -> String {
    let RunCounts { outcomes, records: (mapped, read), requests, rules, of, .. } = &tried.reached;
    let outcomes: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let untried = match tried.untried.as_slice() {
        [] => String::new(),
        names => format!("; no record of `{}` mapped", names.join("`, `")),
    };
    format!(
        "       {}: {}; {requests} requests; {mapped} of {read} records mapped{untried}; {} of {of} rules used\n",
        tried.id,
        outcomes.join(", "),
        rules.len(),
    )
}

/// Formats the smallest case and its file.
fn shown(failure: &Failure) -> String {
    let lines = failure.case.lines().map(|line| format!("  {line}\n")).collect::<String>();
    match &failure.file {
        Some(file) => format!("{lines}  written to {}\n", file.display()),
        None => lines,
    }
}

/// Returns the results as JSON.
pub(super) fn json(tried: &[PropertyResults]) -> Value {
    tried.iter().map(profile).collect()
}

fn profile(tried: &PropertyResults) -> Value {
    let results = tried.results.iter().map(|result| {
        let mut json = json!({
            "name": result.property.name,
            "holds": result.property.holds,
            "cases": result.cases,
            "is_kept": tried.is_kept(result),
        });
        if tried.is_vacuous() && result.failure.is_none() {
            json["reason"] = vacuous(tried).into();
        }
        if let Some(failure) = &result.failure {
            json["reason"] = failure.reason.as_str().into();
            json["case"] = failure.case.as_str().into();
            json["file"] = failure.file.as_ref().map(|file| file.display().to_string()).into();
        }
        json
    });
    let RunCounts { outcomes, records: (mapped, read), requests, rules, of, .. } = &tried.reached;
    json!({
        "profile": tried.id,
        "seed": tried.seed,
        "runs": outcomes,
        "requests": requests,
        "records": { "read": read, "mapped": mapped },
        "is_vacuous": tried.is_vacuous(),
        "untried": tried.untried,
        "rules": { "used": rules.len(), "of": of },
        "properties": results.collect::<Vec<_>>(),
    })
}
