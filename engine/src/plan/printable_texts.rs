//! Texts of a profile are one line of printable characters, because they are displayed and written to generated files.
//! All texts are validated, so that new fields are included; the exceptions are listed here.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::printable::first_unprintable;
use crate::yaml::{Tree, child};
use serde_json::Value;

/// Additional characters that a text may contain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Nothing,
    /// Line feeds and tabs: conditions, descriptions, bodies and signed text.
    Lines,
    /// Any character: separators.
    Anything,
}

/// Reports every text and key with a control, invisible or line-breaking character.
pub(super) fn check(tree: &Tree) -> Vec<Diagnostic> {
    let mut found = vec![];
    walk(tree, tree.value(), "", Allowed::Nothing, &mut found);
    found
}

fn walk(tree: &Tree, value: &Value, pointer: &str, allowed: Allowed, found: &mut Vec<Diagnostic>) {
    match value {
        Value::String(text) => found.extend(in_text(tree, text, pointer, allowed)),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                walk(tree, item, &format!("{pointer}/{i}"), allowed, found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let inner = child(pointer, key);
                let in_key =
                    first_unprintable(key).map(|(_, sign)| mistake(tree, "a key", sign, tree.key_span(&inner)));
                found.extend(in_key);
                walk(tree, item, &inner, allowed_at(pointer, key, allowed), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns which characters the value of a key may contain, given its block.
fn allowed_at(pointer: &str, key: &str, around: Allowed) -> Allowed {
    let is_prose = pointer == "/relationship" || pointer.starts_with("/rules/");
    match key {
        "separator" => Allowed::Anything,
        "when" | "body" => Allowed::Lines,
        "auth" if pointer == "/http" => Allowed::Lines,
        "description" if is_prose => Allowed::Lines,
        _ => around,
    }
}

fn in_text(tree: &Tree, text: &str, pointer: &str, allowed: Allowed) -> Option<Diagnostic> {
    let mut from = 0;
    loop {
        let (at, sign) = first_unprintable(&text[from..])?;
        let start = from + at;
        from = start + sign.len_utf8();
        let is_allowed = match allowed {
            Allowed::Nothing => false,
            Allowed::Lines => matches!(sign, '\n' | '\t'),
            Allowed::Anything => true,
        };
        if !is_allowed {
            let name = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
            return Some(mistake(tree, &format!("`{name}`"), sign, tree.span_within(pointer, start..from)));
        }
    }
}

fn mistake(tree: &Tree, subject: &str, sign: char, span: Span) -> Diagnostic {
    let label = if matches!(sign, '\n' | '\r') { "line break" } else { "not printable" };
    let message = format!("unprintable character U+{:04X} in {subject}", u32::from(sign));
    let found = Diagnostic::error(Code::UnprintableCharacter, message, tree.source(), span, label);
    found.note("texts that are displayed must be one line of printable characters")
}
