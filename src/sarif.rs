//! Writes diagnostics as SARIF 2.1.0 (Static Analysis Results Interchange Format), for code scanning.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stixmap_engine::diagnostic::{Code, Diagnostic, Fix, Label, Severity, Source, Span};
use stixmap_engine::printable;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Characters that are encoded in a path. A colon is one of them: a first segment must not look like a scheme.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns a log with one run, in which each code with a diagnostic is a rule.
pub(crate) fn log(diagnostics: &[Diagnostic]) -> Value {
    let codes: BTreeSet<Code> = diagnostics.iter().map(|found| found.code).collect();
    let rules: Vec<Value> = codes.iter().copied().map(rule).collect();
    let results: Vec<Value> = diagnostics.iter().map(|found| result(found, &codes)).collect();
    let driver = json!({ "name": "stixmap", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

fn rule(code: Code) -> Value {
    json!({ "id": code.slug(), "fullDescription": { "text": code.doc().split_whitespace().collect::<Vec<_>>().join(" ") } })
}

fn result(found: &Diagnostic, codes: &BTreeSet<Code>) -> Value {
    let paragraphs = std::iter::once(&found.message).chain(&found.notes);
    let message: Vec<_> = paragraphs.map(|text| printable::lines(text)).collect();
    let mut result = json!({
        "ruleId": found.code.slug(),
        "ruleIndex": codes.iter().position(|code| *code == found.code),
        "level": level(found.severity),
        "message": { "text": message.join("\n") },
        "locations": [location(&found.labels[0])],
    });
    if found.labels.len() > 1 {
        result["relatedLocations"] = found.labels[1..].iter().map(location).collect();
    }
    if let Some(fix) = &found.fix {
        result["fixes"] = json!([self::fix(fix, &found.labels[0].source)]);
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn location(label: &Label) -> Value {
    let place = json!({ "artifactLocation": artifact(&label.source), "region": region(&label.source, &label.span) });
    match label.text.is_empty() {
        true => json!({ "physicalLocation": place }),
        false => json!({ "physicalLocation": place, "message": { "text": printable::line(&label.text) } }),
    }
}

fn fix(fix: &Fix, source: &Source) -> Value {
    let replacement = json!({
        "deletedRegion": region(source, &fix.span),
        "insertedContent": { "text": fix.replacement },
    });
    json!({ "artifactChanges": [{ "artifactLocation": artifact(source), "replacements": [replacement] }] })
}

fn artifact(source: &Source) -> Value {
    let path = utf8_percent_encode(&source.name, PATH);
    let scheme = if source.name.starts_with('/') { "file://" } else { "" };
    json!({ "uri": format!("{scheme}{path}") })
}

fn region(source: &Source, span: &Span) -> Value {
    let (line, column) = source.line_and_column(span.start);
    let (end_line, end_column) = source.line_and_column(span.end.max(span.start));
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}
