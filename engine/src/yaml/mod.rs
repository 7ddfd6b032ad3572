//! Parses YAML to a value in which every part has a source location, and validates it against a JSON Schema. All
//! mistakes are reported at once. Supports the core schema of YAML 1.2 (§10.3) without tags, merge keys and multiple
//! documents.

mod build;
mod check;
mod choice;
mod span_map;
mod recover;
mod spelling;
mod type_fix;
mod scalar;
mod schema;
mod syntax;
mod tree;
mod phrasing;
mod pointer;
mod truncate;

#[cfg(test)]
mod tests;

pub use check::check;
pub(crate) use pointer::child;
pub use schema::Schema;
pub use spelling::{closest_few, nearest, unmistakable};
pub use tree::{Location, Size, Tree};

use crate::diagnostic::{self, Code, Diagnostic, MAX_REPORTED, Source, Span};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::sync::Arc;

/// Parses a text as a `T`. On failure, returns every mistake in the text, first as YAML, then against the JSON Schema
/// of `T`.
pub fn read<T: DeserializeOwned + JsonSchema>(source: &Arc<Source>, size: Size) -> Result<(T, Tree), Vec<Diagnostic>> {
    let read = read_lenient::<T>(source, size, false);
    match read.value {
        Some(value) if read.diagnostics.is_empty() => Ok(value),
        _ => Err(read.diagnostics),
    }
}

/// Result of a parse that may have found mistakes.
pub struct Read<T> {
    /// The value and its source locations. If there are mistakes, it is only suitable for finding further mistakes.
    pub value: Option<(T, Tree)>,
    /// The mistakes found so far, in order of location.
    pub diagnostics: Vec<Diagnostic>,
    /// Mappings and lists from which recovery removed a part, or to which it added a placeholder. Placeholders have an
    /// empty span at the start of the text.
    pub incomplete: Vec<Span>,
}

/// Parses like [`read`], but returns a value in spite of mistakes: if `recover` is set, the value is what was probably
/// intended.
pub fn read_lenient<T: DeserializeOwned + JsonSchema>(source: &Arc<Source>, size: Size, recover: bool) -> Read<T> {
    let (tree, mut diagnostics) = Tree::recover(source);
    let too_large = tree.as_ref().and_then(|tree| tree.exceeds(size));
    diagnostics.extend(too_large.clone());
    let Some(tree) = tree.filter(|_| too_large.is_none() && diagnostics.len() <= MAX_REPORTED) else {
        return Read { value: None, diagnostics: diagnostic::sorted(diagnostics), incomplete: vec![] };
    };
    let schema = schema_for!(T);
    let mut found = check(&tree, schema.as_value());
    let fits = found.is_empty();
    // A string without the required quotes is reported once.
    let reported: HashSet<Span> = diagnostics.iter().map(|other| other.labels[0].span.clone()).collect();
    found.retain(|found| !reported.contains(&found.labels[0].span));
    diagnostics.extend(found);
    let mut diagnostics = diagnostic::sorted(diagnostics);
    let recover = recover && diagnostics.len() <= MAX_REPORTED;
    let (tree, incomplete) = match (fits, recover) {
        (true, _) => (tree, vec![]),
        (false, false) => return Read { value: None, diagnostics, incomplete: vec![] },
        (false, true) => match recover::recover(&tree, schema.as_value()) {
            Some(recovered) => recovered,
            None => return Read { value: None, diagnostics, incomplete: vec![] },
        },
    };
    let value = match T::deserialize(tree.value()) {
        Ok(value) => Some((value, tree)),
        Err(reason) => {
            diagnostics.extend(diagnostics.is_empty().then(|| deserialization_error(&tree, &reason)));
            None
        }
    };
    Read { value, diagnostics, incomplete }
}

/// Reports a failure of `serde` in a text that the schema accepts: a type may require more than its schema states.
fn deserialization_error(tree: &Tree, reason: &serde_json::Error) -> Diagnostic {
    let message = "invalid combination of values";
    let place = tree.first_line(tree.span(""));
    Diagnostic::error(Code::WrongForm, message, tree.source(), place, "in this file").note(reason.to_string())
}
