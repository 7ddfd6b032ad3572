//! Where an answer and its profile disagree, shown in both: the line of the profile and the place in the answer.

use super::mapping::BadPlace;
use super::rows::RowsError;
use crate::diagnostic::{Code, Diagnostic, Label, Severity, Source, Span};
use crate::plan::{LookupPlan, Plan};
use crate::yaml::Tree;
use std::sync::Arc;

/// The longest answer that is kept to show a place in it.
const MAX_SHOWN: usize = 256 * 1024;

/// An answer, as a text a person can open: named by its request, without secrets.
pub(super) struct ResponseSource {
    source: Arc<Source>,
    /// Its places; none if it is too long or no JSON.
    tree: Option<Tree>,
}

impl ResponseSource {
    /// `text` is the body without what nobody may see.
    pub(super) fn new(name: String, body: &[u8], text: impl FnOnce(&str) -> String) -> ResponseSource {
        let shown = if body.len() <= MAX_SHOWN { text(&String::from_utf8_lossy(body)) } else { String::new() };
        let source = Source::new(name, &shown);
        // JSON is YAML: the reader of profiles knows the places in it.
        let tree = Tree::parse(&source).ok();
        ResponseSource { source, tree }
    }

    /// The first line of what stands at a pointer: an object of a hundred lines is shown by its head.
    fn span(&self, pointer: &str) -> Option<Span> {
        let span = self.tree.as_ref()?.span(pointer);
        let line = self.source.text[span.clone()].find('\n').unwrap_or(span.len());
        Some(span.start..span.start + line)
    }

    /// The text of a line, counted from 1.
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

/// An answer without rows.
pub(super) fn broken(plan: &Plan, lookup: &LookupPlan, broken: &RowsError, exhibit: &ResponseSource) -> Diagnostic {
    let (code, place, text) = match broken {
        RowsError::Shape { pointer, found, .. } => (Code::ResponseShape, exhibit.span(pointer), found.as_str()),
        RowsError::Syntax { line, .. } => (Code::ResponseSyntax, exhibit.line(*line), "it breaks here"),
    };
    let mut labels = vec![Label {
        source: Arc::clone(&plan.source),
        span: lookup.records_span.clone(),
        text: "records are looked for here".into(),
    }];
    labels.extend(place.map(|span| Label { source: Arc::clone(&exhibit.source), span, text: text.to_owned() }));
    let note = match broken {
        RowsError::Shape { .. } => "no record was read from this page".to_owned(),
        RowsError::Syntax { .. } => "records before the break were read, if there were any".to_owned(),
    };
    Diagnostic { code, severity: Severity::Error, message: broken.to_string(), labels, notes: vec![note], fix: None }
}

/// A row that could not be read.
pub(super) fn bad_record(plan: &Plan, lookup: &LookupPlan, place: &BadPlace, exhibit: &ResponseSource) -> Diagnostic {
    let bad = &place.bad;
    let field = bad.field.map(|index| &plan.record.fields[index]);
    let (span, text) = match field {
        Some(field) => (field.span.clone(), format!("`{}` is read here", field.name)),
        None => (lookup.records_span.clone(), "the record stands here".to_owned()),
    };
    let mut labels = vec![Label { source: Arc::clone(&plan.source), span, text }];
    let span = match (&place.pointer, place.line) {
        (Some(pointer), _) => exhibit.span(pointer),
        (None, line) => line.and_then(|line| exhibit.line(line)),
    };
    let text = place.shown.clone();
    labels.extend(span.map(|span| Label { source: Arc::clone(&exhibit.source), span, text }));
    let notes = vec!["this record was left out, and counted as bad; others like it are not told again".to_owned()];
    Diagnostic {
        code: Code::BadRecord,
        severity: Severity::Warning,
        message: bad.reason.clone(),
        labels,
        notes,
        fix: None,
    }
}
