//! YAML to a value whose every part knows its place, and a check against a JSON Schema that tells all mistakes at once.
//! What is read is the core schema of YAML 1.2 without tags, merge keys and second documents.

mod build;
mod check;
mod choice;
mod inside;
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
pub use tree::{Place, Tree};
pub use words::nearest;

use crate::diagnostic::{Code, Diagnostic, Source};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Reads a text as a `T`, or tells every mistake in it: first as YAML, then against the JSON Schema of `T`.
pub fn read<T: DeserializeOwned + JsonSchema>(source: &Arc<Source>) -> Result<(T, Tree), Vec<Diagnostic>> {
    let (tree, mut diagnostics) = Tree::recover(source);
    let Some(tree) = tree else { return Err(diagnostics) };
    let mut found = check(&tree, schema_for!(T).as_value());
    // A text that is read without the quotes it needs is told about once.
    found.retain(|found| diagnostics.iter().all(|other| other.labels[0].span != found.labels[0].span));
    diagnostics.extend(found);
    if !diagnostics.is_empty() {
        return Err(in_order(diagnostics));
    }
    T::deserialize(tree.value()).map_err(|reason| vec![not_as_declared(&tree, &reason)]).map(|value| (value, tree))
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
