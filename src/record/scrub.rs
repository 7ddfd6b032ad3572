//! What of an answer a case needs: that whose change changes what comes of it. Everything else may be private, and is made up.
//!
//! Nothing here knows what a profile reads: each kind of place in the answers is changed, the case is played, and the change
//! stays where the transcript is the same.

use super::{Received, Recording};
use anyhow::bail;
use serde_json::Value;
use std::collections::BTreeSet;

/// More kinds of places than this are not tried: an answer with so many is no case for a person to read.
const MOST_PLACES: usize = 500;

/// What a text becomes.
const TEXT: &str = "made-up";

/// A kind of place in an answer: the keys that lead there, and `None` for any element of a list.
type PathPattern = Vec<Option<String>>;

/// The answers, with nothing in them that the case does not need.
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
    let places: BTreeSet<PathPattern> = bodies.iter().flat_map(Body::places).collect();
    if places.len() > MOST_PLACES {
        bail!(
            "nothing is written: the answers have {} kinds of places, and {MOST_PLACES} can be scrubbed; --whole keeps all",
            places.len()
        );
    }
    for place in places {
        let changed: Vec<Body> = bodies.iter().map(|body| body.without(&place)).collect();
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

/// A body, as far as it can be changed in places.
#[derive(Clone)]
enum Body {
    Json(Value),
    /// JSON on each line.
    Lines(Vec<Value>),
    /// Any other text.
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

    fn places(&self) -> BTreeSet<PathPattern> {
        let mut places = BTreeSet::new();
        self.values().iter().for_each(|value| collect(value, &mut vec![], &mut places));
        places
    }

    fn without(&self, place: &[Option<String>]) -> Body {
        let mut body = self.clone();
        match &mut body {
            Body::Json(value) => change(value, place),
            Body::Lines(values) => values.iter_mut().for_each(|value| change(value, place)),
            Body::Whole => {}
        }
        body
    }

    /// An answer with this body.
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

fn collect(value: &Value, way: &mut PathPattern, places: &mut BTreeSet<PathPattern>) {
    let mut below = |step: Option<String>, value: &Value| {
        way.push(step);
        collect(value, way, places);
        way.pop();
    };
    match value {
        Value::Array(items) => items.iter().for_each(|item| below(None, item)),
        Value::Object(entries) => entries.iter().for_each(|(key, item)| below(Some(key.clone()), item)),
        Value::String(_) | Value::Number(_) => drop(places.insert(way.clone())),
        Value::Null | Value::Bool(_) => {}
    }
}

fn change(value: &mut Value, place: &[Option<String>]) {
    match (value, place) {
        (Value::Array(items), [None, rest @ ..]) => items.iter_mut().for_each(|item| change(item, rest)),
        (Value::Object(entries), [Some(key), rest @ ..]) => {
            if let Some(item) = entries.get_mut(key) {
                change(item, rest);
            }
        }
        (Value::String(text), []) => TEXT.clone_into(text),
        (Value::Number(number), []) => *number = 0.into(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_of_place_is_any_element_of_a_list() {
        let body = Body::Json(json!({ "rows": [{ "a": "x", "b": 1 }, { "a": "y" }], "ok": true }));
        let a: PathPattern = vec![Some("rows".into()), None, Some("a".into())];
        assert_eq!(body.places().len(), 2);
        let changed = body.without(&a);
        assert_eq!(changed.values(), [json!({ "rows": [{ "a": TEXT, "b": 1 }, { "a": TEXT }], "ok": true })]);
    }
}
