//! Texts of a profile that people read, and that are written into generated files: one line of printable characters. The whole
//! profile is looked through, so that a new field is held to it; the few that may hold more are named here.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::printable::first_unprintable;
use crate::yaml::{Tree, child};
use serde_json::Value;

/// What a text may hold besides printable characters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Nothing,
    /// Line ends and tabs: conditions, prose, what is sent or signed.
    Lines,
    /// Anything: a separator.
    Anything,
}

/// Finds every text and key with a character that people do not see, or that starts another line.
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

/// What the value of a key may hold, given what the block around it may.
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
    let label = if matches!(sign, '\n' | '\r') { "a line ends here" } else { "not a printable character" };
    let message = format!("{subject} holds U+{:04X}", u32::from(sign));
    let found = Diagnostic::error(Code::UnprintableCharacter, message, tree.source(), span, label);
    found.note("a text is one line of printable characters: it is shown to people, and written into files")
}
