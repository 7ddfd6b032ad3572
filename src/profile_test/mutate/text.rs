//! Replacement texts by kind of text: each is a mistake that an author could make.

use crate::profile_test::part::Part;
use serde_json::Value;
use std::collections::BTreeMap;
use stixmap_engine::stix::{Pap, Tlp};

/// The texts of a profile, as sources of replacements.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The texts under each key.
    by_key: BTreeMap<String, Vec<String>>,
    /// The paths, by their parent path.
    paths: BTreeMap<String, Vec<String>>,
    /// The names of settings, by type.
    settings: BTreeMap<String, Vec<String>>,
}

impl Texts {
    pub(super) fn of(parts: &[Part]) -> Texts {
        let mut texts = Texts::default();
        for part in parts {
            if part.is("Setting") {
                let kind = part.value["type"].as_str().unwrap_or_default().to_owned();
                note(texts.settings.entry(kind).or_default(), part.key());
            }
            let Some(text) = part.value.as_str() else { continue };
            let known = match part.is("PathText") {
                true => texts.paths.entry(leading(text).to_owned()).or_default(),
                false => texts.by_key.entry(part.key().to_owned()).or_default(),
            };
            note(known, text);
        }
        texts
    }

    /// Returns the replacements for a text.
    pub(super) fn others(&self, part: &Part, text: &str) -> Vec<String> {
        if part.is("PathText") {
            let neighbour = next(self.paths.get(leading(text)), text);
            return vec![neighbour.unwrap_or_else(|| other_name(text))];
        }
        if part.key() == "when" {
            return conditions(text);
        }
        let placeholder = self.other_setting(text);
        let by_form = || {
            [time_form(text), zone(part, text), duration(text), level(text), share(text)].into_iter().flatten().next()
        };
        let neighbour = || next(self.by_key.get(part.key()), text).filter(|_| part.names.is_empty());
        vec![placeholder.or_else(by_form).or_else(neighbour).unwrap_or_else(|| format!("{text}x"))]
    }

    /// Returns the text with another setting of the same type.
    fn other_setting(&self, text: &str) -> Option<String> {
        let (before, rest) = text.split_once("{settings.")?;
        let (name, after) = rest.split_once('}')?;
        let of_type = self.settings.values().find(|names| names.iter().any(|known| known == name));
        next(of_type, name).map(|other| format!("{before}{{settings.{other}}}{after}"))
    }
}

fn note(texts: &mut Vec<String>, text: &str) {
    if !texts.iter().any(|known| known == text) {
        texts.push(text.to_owned());
    }
}

/// Returns the text after this one, cyclically.
fn next(texts: Option<&Vec<String>>, text: &str) -> Option<String> {
    let texts = texts.filter(|texts| texts.len() > 1)?;
    let index = texts.iter().position(|known| known == text)?;
    Some(texts[(index + 1) % texts.len()].clone())
}

/// Returns a path without its last segment.
fn leading(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

fn other_name(path: &str) -> String {
    let end = path.trim_end_matches(['\'', '"', ']']).len();
    format!("{}_{}", &path[..end], &path[end..])
}

/// Returns the negated condition, and the condition with each operator and literal changed.
fn conditions(text: &str) -> Vec<String> {
    let mut others = vec![format!("not ({text})")];
    others.extend(operators(text));
    others.extend(literals(text));
    others
}

/// Operators and those that they are easily confused with.
const OPERATORS: [(&str, &str); 9] = [
    (" and ", " or "),
    (" or ", " and "),
    (" == ", " != "),
    (" != ", " == "),
    (" not in ", " in "),
    (" > ", " >= "),
    (" >= ", " > "),
    (" < ", " <= "),
    (" <= ", " < "),
];

fn operators(text: &str) -> Vec<String> {
    let quoted = quoted(text);
    let is_free = |at: usize| !quoted.iter().any(|&(start, end)| (start..end).contains(&at));
    let each = |&(operator, other): &(&str, &str)| -> Vec<String> {
        let places = text.match_indices(operator).filter(|(at, _)| is_free(*at));
        places.map(|(at, _)| [&text[..at], other, &text[at + operator.len()..]].concat()).collect()
    };
    OPERATORS.iter().flat_map(each).collect()
}

fn literals(text: &str) -> Vec<String> {
    quoted(text).into_iter().map(|(_, end)| [&text[..end - 1], "x", &text[end - 1..]].concat()).collect()
}

/// Returns the ranges of quoted literals, including the quotes.
fn quoted(text: &str) -> Vec<(usize, usize)> {
    let mut found = vec![];
    let mut open: Option<(usize, char)> = None;
    for (at, c) in text.char_indices() {
        match open {
            Some((start, quote)) if quote == c => {
                found.push((start, at + 1));
                open = None;
            }
            None if c == '"' || c == '\'' => open = Some((at, c)),
            _ => {}
        }
    }
    found
}

/// Exchanges month and day, or hour and minute.
fn time_form(text: &str) -> Option<String> {
    let swapped = |one: &str, other: &str| {
        let has_both = text.contains(one) && text.contains(other);
        has_both.then(|| text.replace(one, "\0").replace(other, one).replace('\0', other))
    };
    match text {
        "epoch-seconds" => Some("epoch-milliseconds".into()),
        "epoch-milliseconds" | "rfc3339" => Some("epoch-seconds".into()),
        _ => swapped("%m", "%d").or_else(|| swapped("%H", "%M")),
    }
}

fn zone(part: &Part, text: &str) -> Option<String> {
    (part.key() == "zone").then(|| if text == "UTC" { "America/Los_Angeles" } else { "UTC" }.to_owned())
}

/// Doubles a duration.
fn duration(text: &str) -> Option<String> {
    let rest = text.strip_prefix('P')?;
    let start = 1 + rest.find(|c: char| c.is_ascii_digit())?;
    let end = start + text[start..].find(|c: char| !c.is_ascii_digit())?;
    let figure: u32 = text[start..end].parse().ok()?;
    Some(format!("{}{}{}", &text[..start], figure.saturating_mul(2), &text[end..]))
}

/// Returns the next higher level; the lowest after the highest.
fn level(text: &str) -> Option<String> {
    if let Some(index) = Pap::ALL.iter().position(|level| level.as_str() == text.trim()) {
        return Some(Pap::ALL[(index + 1) % Pap::ALL.len()].as_str().to_owned());
    }
    let index = Tlp::ALL.iter().position(|&level| Some(level) == Tlp::parse(text))?;
    Some(Tlp::ALL[(index + 1) % Tlp::ALL.len()].as_str().to_owned())
}

/// Halves a percentage.
fn share(text: &str) -> Option<String> {
    let percent: u32 = text.strip_suffix('%')?.parse().ok()?;
    Some(format!("{}%", if percent == 0 { 50 } else { percent / 2 }))
}

/// Returns replacements for a number within its bounds.
pub(super) fn numbers(part: &Part, number: i64) -> Vec<Value> {
    let bound = |keyword: &str| part.subschema.and_then(|subschema| subschema.get(keyword)).and_then(Value::as_i64);
    let (least, most) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
    let near = [number.saturating_add(1), number.saturating_sub(1)];
    near.into_iter().filter(|other| (least..=most).contains(other)).map(Value::from).collect()
}

#[cfg(test)]
mod tests {
    use super::{conditions, duration, leading, level, other_name, share, time_form};

    #[test]
    fn each_kind_of_text_has_replacements() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(duration("PT30S"), some("PT60S"));
        assert_eq!(level("TLP:RED"), some("TLP:CLEAR"));
        assert_eq!(share("50%"), some("25%"));
        assert_eq!(time_form("%Y-%m-%d"), some("%Y-%d-%m"));
        assert_eq!(time_form("%Y"), None);
        assert_eq!((leading("$.a.b"), leading("$['a']['b']")), ("$.a", "$['a']"));
        assert_eq!((other_name("$.a.b"), other_name("$['b']")), ("$.a.b_".into(), "$['b_']".into()));
        let others =
            ["not (a == \"b or c\" and d)", "a == \"b or c\" or d", "a != \"b or c\" and d", "a == \"b or cx\" and d"];
        assert_eq!(conditions("a == \"b or c\" and d"), others);
    }
}
