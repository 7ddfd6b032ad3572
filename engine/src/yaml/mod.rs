//! YAML to a value whose every part knows its place, and a check against a JSON Schema that tells all mistakes at once.
//! What is read is the core schema of YAML 1.2 without tags, merge keys and second documents.

mod build;
mod check;
mod choice;
mod inside;
mod mend;
mod repair;
mod scalar;
mod schema;
mod syntax;
mod tree;
mod words;

#[cfg(test)]
mod tests;

pub use check::check;
pub use schema::Schema;
pub(crate) use tree::child;
pub use tree::{Place, Size, Tree};
pub use words::{closest_few, nearest};

use crate::diagnostic::{Code, Diagnostic, MAX_TOLD, Source, Span};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::sync::Arc;

/// Reads a text as a `T`, or tells every mistake in it: first as YAML, then against the JSON Schema of `T`.
pub fn read<T: DeserializeOwned + JsonSchema>(source: &Arc<Source>, size: Size) -> Result<(T, Tree), Vec<Diagnostic>> {
    let read = read_mended::<T>(source, size, false);
    match read.value {
        Some(value) if read.diagnostics.is_empty() => Ok(value),
        _ => Err(read.diagnostics),
    }
}

/// What was read, as far as it could be.
pub struct Read<T> {
    /// The value and where its parts stand. Where there are mistakes it is only good to find others.
    pub value: Option<(T, Tree)>,
    /// The mistakes so far.
    pub diagnostics: Vec<Diagnostic>,
    /// The blocks and lists that lack something they were to hold. What stands in for it stands at the start of the text,
    /// and has no length.
    pub holes: Vec<Span>,
}

/// The same as `read`; with mistakes, the value is what was probably meant, if `mends`.
pub fn read_mended<T: DeserializeOwned + JsonSchema>(source: &Arc<Source>, size: Size, mends: bool) -> Read<T> {
    let (tree, mut diagnostics) = Tree::recover(source);
    let beyond = tree.as_ref().and_then(|tree| tree.beyond(size));
    diagnostics.extend(beyond.clone());
    let Some(tree) = tree.filter(|_| beyond.is_none() && diagnostics.len() <= MAX_TOLD) else {
        return Read { value: None, diagnostics: in_order(diagnostics), holes: vec![] };
    };
    let schema = schema_for!(T);
    let mut found = check(&tree, schema.as_value());
    let fits = found.is_empty();
    // A text that is read without the quotes it needs is told about once.
    let told: HashSet<Span> = diagnostics.iter().map(|other| other.labels[0].span.clone()).collect();
    found.retain(|found| !told.contains(&found.labels[0].span));
    diagnostics.extend(found);
    let mut diagnostics = in_order(diagnostics);
    let mends = mends && diagnostics.len() <= MAX_TOLD;
    let (tree, holes) = match (fits, mends) {
        (true, _) => (tree, vec![]),
        (false, false) => return Read { value: None, diagnostics, holes: vec![] },
        (false, true) => match mend::mended(&tree, schema.as_value()) {
            Some(mended) => mended,
            None => return Read { value: None, diagnostics, holes: vec![] },
        },
    };
    let value = match T::deserialize(tree.value()) {
        Ok(value) => Some((value, tree)),
        Err(reason) => {
            diagnostics.extend(diagnostics.is_empty().then(|| not_as_declared(&tree, &reason)));
            None
        }
    };
    Read { value, diagnostics, holes }
}

/// A type may want more than its schema says; then the reason is all there is.
fn not_as_declared(tree: &Tree, reason: &serde_json::Error) -> Diagnostic {
    let message = "the values do not go together as they are declared";
    let place = tree.first_line(tree.span(""));
    Diagnostic::error(Code::WrongForm, message, tree.source(), place, "in this file").note(reason.to_string())
}

/// By place, each cause once: an alias shows the same part under another name.
fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span.start);
    let mut kept: Vec<Diagnostic> = vec![];
    for diagnostic in diagnostics {
        let start = diagnostic.labels[0].span.start;
        let mut here = kept.iter().rev().take_while(|other| other.labels[0].span.start == start);
        if !here.any(|other| other.code == diagnostic.code && other.labels == diagnostic.labels) {
            kept.push(diagnostic);
        }
    }
    kept
}
