//! Scrubs responses: every value that does not affect the result of the case may be private, and is replaced.
//!
//! No knowledge of the profile is needed: each kind of path is replaced, the case is played, and the replacement is
//! kept if the transcript is equal.

use super::recording::Recording;
use crate::driver::Received;
use anyhow::bail;
use serde_json::Value;
use std::collections::BTreeSet;

/// Maximum number of distinct path patterns; responses with more are too complex for a readable case.
const MAX_PATHS: usize = 500;

/// Replacement for a text.
const REPLACEMENT: &str = "made-up";

/// A path with the keys of objects, and `None` for any element of an array.
type PathPattern = Vec<Option<String>>;

/// Returns the responses without values that the case does not need.
pub(super) fn scrubbed(recording: &Recording) -> anyhow::Result<Vec<Received>> {
    let asked = recording.asked(&recording.answers)?;
    let transcript = recording.played(&asked, &recording.answers)?.transcript;
    let is_same = |answers: &[Received]| anyhow::Ok(recording.played(&asked, answers)?.transcript == transcript);
    let mut answers = recording.answers.clone();
    for name in header_names(&answers) {
        let without = without_header(&answers, &name);
        if is_same(&without)? {
            answers = without;
        }
    }
    let mut bodies: Vec<Body> = answers.iter().map(Body::read).collect();
    let paths: BTreeSet<PathPattern> = bodies.iter().flat_map(Body::paths).collect();
    if paths.len() > MAX_PATHS {
        bail!(
            "nothing written: {} path patterns in the responses, maximum {MAX_PATHS}; use --whole to keep all values",
            paths.len()
        );
    }
    for path in paths {
        let changed: Vec<Body> = bodies.iter().map(|body| body.without(&path)).collect();
        let trial: Vec<Received> = answers.iter().zip(&changed).map(|(answer, body)| body.put(answer)).collect();
        if is_same(&trial)? {
            (bodies, answers) = (changed, trial);
        }
    }
    Ok(answers)
}

fn header_names(answers: &[Received]) -> BTreeSet<String> {
    answers.iter().flatten().flat_map(|response| &response.headers).map(|(name, _)| name.clone()).collect()
}

fn without_header(answers: &[Received], name: &str) -> Vec<Received> {
    let mut answers = answers.to_vec();
    answers.iter_mut().flatten().for_each(|response| response.headers.retain(|(known, _)| known != name));
    answers
}

/// A body, parsed if it is JSON.
#[derive(Clone)]
enum Body {
    Json(Value),
    /// JSON values, one per line.
    Lines(Vec<Value>),
    /// Other content, which is not scrubbed.
    Whole,
}

impl Body {
    fn read(answer: &Received) -> Body {
        let Some(text) = answer.as_ref().ok().and_then(|response| std::str::from_utf8(&response.body).ok()) else {
            return Body::Whole;
        };
        if let Ok(value) = serde_json::from_str(text) {
            return Body::Json(value);
        }
        let lines = text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str);
        lines.collect::<Result<_, _>>().map_or(Body::Whole, Body::Lines)
    }

    fn values(&self) -> &[Value] {
        match self {
            Body::Json(value) => std::slice::from_ref(value),
            Body::Lines(values) => values,
            Body::Whole => &[],
        }
    }

    fn paths(&self) -> BTreeSet<PathPattern> {
        let mut paths = BTreeSet::new();
        self.values().iter().for_each(|value| collect(value, &mut vec![], &mut paths));
        paths
    }

    fn without(&self, path: &[Option<String>]) -> Body {
        let mut body = self.clone();
        match &mut body {
            Body::Json(value) => change(value, path),
            Body::Lines(values) => values.iter_mut().for_each(|value| change(value, path)),
            Body::Whole => {}
        }
        body
    }

    /// Returns the response with this body.
    fn put(&self, answer: &Received) -> Received {
        let mut response = answer.clone()?;
        match self {
            Body::Json(value) => response.body = value.to_string().into_bytes(),
            Body::Lines(values) => {
                response.body = values.iter().map(|value| format!("{value}\n")).collect::<String>().into_bytes();
            }
            Body::Whole => {}
        }
        Ok(response)
    }
}

fn collect(value: &Value, path: &mut PathPattern, paths: &mut BTreeSet<PathPattern>) {
    let mut below = |step: Option<String>, value: &Value| {
        path.push(step);
        collect(value, path, paths);
        path.pop();
    };
    match value {
        Value::Array(items) => items.iter().for_each(|item| below(None, item)),
        Value::Object(entries) => entries.iter().for_each(|(key, item)| below(Some(key.clone()), item)),
        Value::String(_) | Value::Number(_) => drop(paths.insert(path.clone())),
        Value::Null | Value::Bool(_) => {}
    }
}

fn change(value: &mut Value, path: &[Option<String>]) {
    match (value, path) {
        (Value::Array(items), [None, rest @ ..]) => items.iter_mut().for_each(|item| change(item, rest)),
        (Value::Object(entries), [Some(key), rest @ ..]) => {
            if let Some(item) = entries.get_mut(key) {
                change(item, rest);
            }
        }
        (Value::String(text), []) => REPLACEMENT.clone_into(text),
        (Value::Number(number), []) => *number = 0.into(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn path_pattern_matches_any_element_of_an_array() {
        let body = Body::Json(json!({ "rows": [{ "a": "x", "b": 1 }, { "a": "y" }], "ok": true }));
        let a: PathPattern = vec![Some("rows".into()), None, Some("a".into())];
        assert_eq!(body.paths().len(), 2);
        let changed = body.without(&a);
        assert_eq!(
            changed.values(),
            [json!({ "rows": [{ "a": REPLACEMENT, "b": 1 }, { "a": REPLACEMENT }], "ok": true })]
        );
    }
}
