//! Diagnostics for responses that contradict their profile, with labels in both.

use super::mapping::BadRecordLocation;
use super::row::RowsError;
use super::secret::CONTAINS_SECRET;
use crate::diagnostic::{Code, Diagnostic, Label, Severity, Source, Span};
use crate::plan::{LookupPlan, Plan};
use crate::yaml::Tree;
use std::sync::Arc;

/// Maximum size of a response that is kept for labels, in octets.
const MAX_SHOWN: usize = 256 * 1024;

/// A response as the source of a diagnostic: named after its request, without secrets.
pub(super) struct ResponseSource {
    source: Arc<Source>,
    /// Locations in it; `None` if it is too large or not JSON.
    tree: Option<Tree>,
}

impl ResponseSource {
    /// Keeps the body, redacted by `redact`, under the name of its request.
    pub(super) fn new(name: String, body: &[u8], redact: impl FnOnce(&str) -> String) -> ResponseSource {
        let shown = if body.len() <= MAX_SHOWN { redact(&String::from_utf8_lossy(body)) } else { String::new() };
        let source = Source::new(name, &shown);
        // JSON is a subset of YAML, so that the YAML parser knows the locations in it.
        let tree = Tree::parse(&source).ok();
        ResponseSource { source, tree }
    }

    /// Returns the first line of the value at a JSON Pointer.
    fn span(&self, pointer: &str) -> Option<Span> {
        let span = self.tree.as_ref()?.span(pointer);
        let line = self.source.text[span.clone()].find('\n').unwrap_or(span.len());
        Some(span.start..span.start + line)
    }

    /// Returns the span of a line, counted from 1.
    fn line(&self, number: usize) -> Option<Span> {
        let mut start = 0;
        for (i, line) in self.source.text.split_inclusive('\n').enumerate() {
            if i + 1 == number {
                return Some(start..start + line.trim_end().len());
            }
            start += line.len();
        }
        None
    }
}

/// Reports a response whose rows cannot be read.
pub(super) fn malformed(plan: &Plan, lookup: &LookupPlan, error: &RowsError, response: &ResponseSource) -> Diagnostic {
    let (code, span, text) = match error {
        RowsError::Shape { pointer, found, .. } => (Code::ResponseShape, response.span(pointer), found.as_str()),
        RowsError::Syntax { line, .. } => (Code::ResponseSyntax, response.line(*line), "parsing fails here"),
    };
    let mut labels = vec![Label {
        source: Arc::clone(&plan.source),
        span: lookup.records_span.clone(),
        text: "records are expected here".into(),
    }];
    labels.extend(span.map(|span| Label { source: Arc::clone(&response.source), span, text: text.to_owned() }));
    let note = match error {
        RowsError::Shape { .. } => "no records were read from this page".to_owned(),
        RowsError::Syntax { .. } => "records before this position were read".to_owned(),
    };
    Diagnostic { code, severity: Severity::Error, message: error.to_string(), labels, notes: vec![note], fix: None }
}

/// Reports a bad record.
pub(super) fn bad_record(
    plan: &Plan,
    lookup: &LookupPlan,
    location: &BadRecordLocation,
    response: &ResponseSource,
) -> Diagnostic {
    let bad = &location.bad;
    let field = bad.field.map(|index| &plan.record.fields[index]);
    let (span, text) = match field {
        Some(field) => (field.span.clone(), format!("`{}` is read here", field.name)),
        None => (lookup.records_span.clone(), "the records are read here".to_owned()),
    };
    let mut labels = vec![Label { source: Arc::clone(&plan.source), span, text }];
    let span = match (&location.pointer, location.line) {
        (Some(pointer), _) => response.span(pointer),
        (None, line) => line.and_then(|line| response.line(line)),
    };
    let text = location.shown.clone();
    // An excerpt is redacted where a secret is written, not where its parts are.
    let span = span.filter(|_| bad.reason != CONTAINS_SECRET);
    labels.extend(span.map(|span| Label { source: Arc::clone(&response.source), span, text }));
    let notes = vec!["counted as a bad record; further ones of this kind are not reported".to_owned()];
    Diagnostic {
        code: Code::BadRecord,
        severity: Severity::Warning,
        message: bad.reason.clone(),
        labels,
        notes,
        fix: None,
    }
}
