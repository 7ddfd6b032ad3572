//! How diagnostics, errors and remarks look on standard error. The one place for colour.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use anstream::{AutoStream, eprintln};
use serde_json::{Value, json};
use std::io::stderr;
use std::sync::Arc;
use stixmap_engine::diagnostic::{Diagnostic, Label, Severity, Source, Span};

/// Prints what stopped the program, in one line with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("\x1b[1;31merror\x1b[0m: {error:#}");
}

/// Prints what the operator should know, and need not stop for.
pub(crate) fn warning(text: &str) {
    eprintln!("\x1b[1;33mwarning\x1b[0m: {text}");
}

/// Prints a remark on the work.
pub(crate) fn remark(text: &str) {
    eprintln!("{text}");
}

/// Prints diagnostics as rustc does.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) {
    let has_colour = AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
    let renderer = if has_colour { Renderer::styled() } else { Renderer::plain() };
    for diagnostic in diagnostics {
        eprintln!("{}\n", rendered(&renderer, diagnostic));
    }
}

fn rendered(renderer: &Renderer, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code.slug()));
    for source in sources(&diagnostic.labels) {
        group = group.element(snippet(source, diagnostic));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    let mut report = vec![group];
    if let Some(fix) = &diagnostic.fix {
        let source = &diagnostic.labels[0].source;
        let patch = Patch::new(fix.span.clone(), &fix.replacement);
        let snippet = Snippet::source(&source.text).path(&source.name).patch(patch);
        report.push(Level::HELP.secondary_title("write instead").element(snippet));
    }
    renderer.render(&report)
}

/// The same facts for programs.
pub(crate) fn json(diagnostics: &[Diagnostic]) -> Value {
    let place = |source: &Source, span: &Span| {
        let ((line, column), (end_line, end_column)) =
            (source.line_and_column(span.start), source.line_and_column(span.end));
        json!({ "file": source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column,
                "start": span.start, "end": span.end })
    };
    let label = |label: &Label| {
        let mut fields = place(&label.source, &label.span);
        fields["text"] = label.text.clone().into();
        fields
    };
    let fix = |diagnostic: &Diagnostic| {
        let fix = diagnostic.fix.as_ref()?;
        let mut fields = place(&diagnostic.labels[0].source, &fix.span);
        fields["replacement"] = fix.replacement.clone().into();
        Some(fields)
    };
    let all = diagnostics.iter().map(|diagnostic| {
        json!({
            "code": diagnostic.code.slug(),
            "severity": severity(diagnostic.severity),
            "message": diagnostic.message,
            "labels": diagnostic.labels.iter().map(label).collect::<Vec<_>>(),
            "notes": diagnostic.notes,
            "fix": fix(diagnostic),
        })
    });
    Value::Array(all.collect())
}

/// One as an annotation of a GitHub workflow.
pub(crate) fn github(diagnostic: &Diagnostic) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| escaped(text).replace(':', "%3A").replace(',', "%2C");
    let place = &diagnostic.labels[0];
    let (line, column) = place.source.line_and_column(place.span.start);
    let (end_line, end_column) = place.source.line_and_column(place.span.end);
    let mut message = diagnostic.message.clone();
    if !place.text.is_empty() {
        message = format!("{message}: {}", place.text);
    }
    for note in &diagnostic.notes {
        message = format!("{message}\n{note}");
    }
    format!(
        "::{} file={},line={line},endLine={end_line},col={column},endColumn={end_column},title={}::{}\n",
        severity(diagnostic.severity),
        property(&place.source.name),
        property(diagnostic.code.slug()),
        escaped(&message),
    )
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The sources of the labels, each once, in order.
fn sources(labels: &[Label]) -> Vec<&Arc<Source>> {
    let mut sources: Vec<&Arc<Source>> = vec![];
    for label in labels {
        if !sources.iter().any(|known| Arc::ptr_eq(known, &label.source)) {
            sources.push(&label.source);
        }
    }
    sources
}

fn snippet<'d>(source: &'d Arc<Source>, diagnostic: &'d Diagnostic) -> Snippet<'d, annotate_snippets::Annotation<'d>> {
    let mut snippet = Snippet::source(&source.text).path(&source.name);
    for (i, label) in diagnostic.labels.iter().enumerate().filter(|(_, label)| Arc::ptr_eq(&label.source, source)) {
        let kind = if i == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        snippet = snippet.annotation(kind.span(label.span.clone()).label(&label.text));
    }
    snippet
}
