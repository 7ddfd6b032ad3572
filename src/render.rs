//! Prints diagnostics, errors and remarks to standard error, with colors on a terminal.

use crate::cli::Cli;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use anstream::{AutoStream, eprint, eprintln};
use clap::Parser;
use serde_json::{Value, json};
use std::fmt;
use std::io::stderr;
use std::process::ExitCode;
use std::sync::Arc;
use stixmap_engine::diagnostic::{Diagnostic, Label, Severity, Source, Span};
use stixmap_engine::printable;

/// Prints the error that ended the program, with its causes on one line.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("\x1b[1;31merror\x1b[0m: {}", causes(error));
}

/// Prints a warning to the operator.
pub(crate) fn warning(text: &str) {
    eprintln!("\x1b[1;33mwarning\x1b[0m: {}", printable::line(text));
}

/// Prints an error of the command line, or the requested help, and returns the exit code.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let arguments = std::env::args_os().map(|text| printable::line(&text.to_string_lossy()).into_owned());
    // The message repeats the arguments: parse them again with unprintable characters escaped.
    match Cli::try_parse_from(arguments) {
        Err(same) => same.exit(),
        Ok(_) => eprint!("{}", printable::line(&error.render().to_string())),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
}

/// Returns the printable text of an error with its causes.
pub(crate) fn causes(error: &anyhow::Error) -> String {
    let cause = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<Several>() {
        Some(several) => several.to_string(),
        None => printable::line(&cause.to_string()).into_owned(),
    };
    error.chain().map(cause).collect::<Vec<_>>().join(": ")
}

/// An error with several lines. A line end inside of one is escaped.
#[derive(Debug)]
pub(crate) struct Several(Vec<String>);

impl Several {
    pub(crate) fn new<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Several {
        Several(lines.into_iter().map(|line| printable::line(line.as_ref()).into_owned()).collect())
    }
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Several {}

/// Prints one line of information.
pub(crate) fn remark(text: &str) {
    eprintln!("{}", printable::line(text));
}

/// Prints several lines of information. The caller has escaped the values in them.
pub(crate) fn remarks(text: &str) {
    eprintln!("{}", printable::lines(text));
}

/// Prints diagnostics with excerpts, in the style of rustc.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) {
    let has_color = AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
    let renderer = if has_color { Renderer::styled() } else { Renderer::plain() };
    for diagnostic in diagnostics {
        eprintln!("{}\n", rendered(&renderer, diagnostic));
    }
}

fn rendered(renderer: &Renderer, diagnostic: &Diagnostic) -> String {
    let shown = Printable::new(diagnostic);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&shown.message).id(diagnostic.code.slug()));
    for excerpt in &shown.excerpts {
        group = group.element(snippet(excerpt));
    }
    for note in &shown.notes {
        group = group.element(Level::NOTE.message(note));
    }
    let mut report = vec![group];
    if let Some((span, replacement)) = &shown.fix {
        let patch = Patch::new(span.clone(), replacement);
        let Excerpt { name, line, text, .. } = &shown.excerpts[0];
        let snippet = Snippet::source(text).path(name).line_start(*line).patch(patch);
        report.push(Level::HELP.secondary_title("replace with").element(snippet));
    }
    renderer.render(&report)
}

/// A diagnostic with printable texts.
struct Printable {
    message: String,
    /// Excerpts of all sources; that of the first label comes first.
    excerpts: Vec<Excerpt>,
    notes: Vec<String>,
    fix: Option<(Span, String)>,
}

/// The lines of a source from its first to its last label.
struct Excerpt {
    name: String,
    /// The number of the first line.
    line: usize,
    text: String,
    /// Whether it is the primary label, its span, and its text.
    labels: Vec<(bool, Span, String)>,
}

impl Printable {
    fn new(diagnostic: &Diagnostic) -> Printable {
        let line = |text: &String| printable::line(text).into_owned();
        let source = &diagnostic.labels[0].source;
        let lines = lines(source, diagnostic);
        let first = PrintedSource::new(&source.text[lines.clone()]);
        let fix = diagnostic.fix.as_ref();
        Printable {
            message: line(&diagnostic.message),
            excerpts: sources(&diagnostic.labels).into_iter().map(|source| excerpt(source, diagnostic)).collect(),
            notes: diagnostic.notes.iter().map(|note| printable::lines(note).into_owned()).collect(),
            fix: fix
                .map(|fix| (first.span(&within(&fix.span, &lines)), printable::lines(&fix.replacement).into_owned())),
        }
    }
}

fn excerpt(source: &Arc<Source>, diagnostic: &Diagnostic) -> Excerpt {
    let lines = lines(source, diagnostic);
    let printed = PrintedSource::new(&source.text[lines.clone()]);
    let labels = diagnostic.labels.iter().enumerate().filter(|(_, label)| Arc::ptr_eq(&label.source, source));
    let labels = labels.map(|(i, label)| {
        (i == 0, printed.span(&within(&label.span, &lines)), printable::line(&label.text).into_owned())
    });
    let (name, line) = (printable::line(&source.name).into_owned(), source.line(lines.start));
    Excerpt { name, line, labels: labels.collect(), text: printed.text }
}

/// Returns the span of the lines that a diagnostic marks: the renderer would process the whole source.
fn lines(source: &Arc<Source>, diagnostic: &Diagnostic) -> Span {
    let marked = diagnostic.labels.iter().filter(|label| Arc::ptr_eq(&label.source, source)).map(|label| &label.span);
    let fix = diagnostic.fix.iter().map(|fix| &fix.span).filter(|_| Arc::ptr_eq(&diagnostic.labels[0].source, source));
    let marked: Vec<&Span> = marked.chain(fix).collect();
    let text = source.text.as_bytes();
    let first = marked.iter().map(|span| span.start).min().unwrap_or_default().min(text.len());
    let last = marked.iter().map(|span| span.end).max().unwrap_or_default().clamp(first, text.len());
    let start = text[..first].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let end = text[last..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| last + at + 1);
    start..end
}

/// Converts a span in a source to one in an excerpt.
fn within(span: &Span, lines: &Span) -> Span {
    span.start.saturating_sub(lines.start)..span.end.saturating_sub(lines.start)
}

/// Printable text of a source, with the positions of its bytes. Tabs are kept: the renderer expands them.
struct PrintedSource {
    text: String,
    /// Positions after characters that were escaped or removed, with the difference in length up to there.
    moves: Vec<(usize, isize)>,
}

impl PrintedSource {
    fn new(source: &str) -> PrintedSource {
        let (mut text, mut moves) = (String::with_capacity(source.len()), vec![]);
        let mut rest = source;
        while let Some((at, c)) = printable::first_unprintable(rest) {
            let start = source.len() - rest.len() + at;
            text.push_str(&rest[..at]);
            rest = &rest[at + c.len_utf8()..];
            match c {
                '\n' | '\t' => text.push(c),
                '\r' if rest.starts_with('\n') => {}
                c => printable::push_escaped(&mut text, c),
            }
            let end = start + c.len_utf8();
            let moved = text.len().cast_signed() - end.cast_signed();
            if moves.last().map_or(0, |(_, moved)| *moved) != moved {
                moves.push((end, moved));
            }
        }
        text.push_str(rest);
        PrintedSource { text, moves }
    }

    fn span(&self, span: &Span) -> Span {
        self.position(span.start)..self.position(span.end)
    }

    fn position(&self, byte: usize) -> usize {
        let before = self.moves.partition_point(|(at, _)| *at <= byte);
        let moved = before.checked_sub(1).map_or(0, |last| self.moves[last].1);
        byte.saturating_add_signed(moved).min(self.text.len())
    }
}

/// Returns diagnostics as JSON.
pub(crate) fn json(diagnostics: &[Diagnostic]) -> Value {
    let location = |source: &Source, span: &Span| {
        let ((line, column), (end_line, end_column)) =
            (source.line_and_column(span.start), source.line_and_column(span.end));
        json!({ "file": source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column,
                "start": span.start, "end": span.end })
    };
    let label = |label: &Label| {
        let mut fields = location(&label.source, &label.span);
        fields["text"] = label.text.clone().into();
        fields
    };
    let fix = |diagnostic: &Diagnostic| {
        let fix = diagnostic.fix.as_ref()?;
        let mut fields = location(&diagnostic.labels[0].source, &fix.span);
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

/// Returns a diagnostic as an annotation of a GitHub workflow.
pub(crate) fn github(diagnostic: &Diagnostic) -> String {
    let escaped = |text: &str| printable::lines(text).replace('%', "%25").replace('\n', "%0A");
    let property = |text: &str| escaped(text).replace(':', "%3A").replace(',', "%2C");
    let label = &diagnostic.labels[0];
    let (line, column) = label.source.line_and_column(label.span.start);
    let (end_line, end_column) = label.source.line_and_column(label.span.end);
    let mut message = diagnostic.message.clone();
    if !label.text.is_empty() {
        message = format!("{message}: {}", label.text);
    }
    for note in &diagnostic.notes {
        message = format!("{message}\n{note}");
    }
    format!(
        "::{} file={},line={line},endLine={end_line},col={column},endColumn={end_column},title={}::{}\n",
        severity(diagnostic.severity),
        property(&label.source.name),
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

/// Returns the distinct sources of the labels, in order.
fn sources(labels: &[Label]) -> Vec<&Arc<Source>> {
    let mut sources: Vec<&Arc<Source>> = vec![];
    for label in labels {
        if !sources.iter().any(|known| Arc::ptr_eq(known, &label.source)) {
            sources.push(&label.source);
        }
    }
    sources
}

fn snippet(excerpt: &Excerpt) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let mut snippet = Snippet::source(&excerpt.text).path(&excerpt.name).line_start(excerpt.line);
    for (is_first, span, text) in &excerpt.labels {
        let kind = if *is_first { AnnotationKind::Primary } else { AnnotationKind::Context };
        snippet = snippet.annotation(kind.span(span.clone()).label(text));
    }
    snippet
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stixmap_engine::diagnostic::Code;

    /// Generates text with control sequences of terminals.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "\u{1b}[2J",
                "\n",
                "\r\n",
                "\r",
                "\t",
                "\u{9b}",
                "\u{85}",
                "\u{2028}",
                "\u{202e}",
                "\u{200b}"
            ]),
            prop::sample::select(vec!["error: ", "a", "é", "\\", "\\027", "\u{7f}", "\0", "🦀", " "]),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn is_printable(text: &str) -> bool {
        printable::first_unprintable(&text.replace('\n', "")).is_none()
    }

    proptest! {
        #[test]
        fn hostile_error_is_printed_as_one_line(cause in hostile(), context in hostile()) {
            let error = anyhow::anyhow!(cause).context(context);
            prop_assert!(printable::first_unprintable(&causes(&error)).is_none());
        }

        #[test]
        fn hostile_line_is_printed_as_one_line(facts in prop::collection::vec(hostile(), 1..4)) {
            let text = causes(&anyhow::Error::new(Several::new(&facts)));
            prop_assert!(is_printable(&text));
            prop_assert_eq!(text.split('\n').count(), facts.len());
        }

        #[test]
        fn hostile_diagnostic_is_printable_in_every_format(
            (texts, source) in (prop::array::uniform5(hostile()), hostile()),
            (start, length) in (0usize..40, 0usize..10),
        ) {
            let place = |byte: usize| (0..=byte.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
            let span = place(start)..place(start + length).max(place(start));
            let [message, label, note, name, replacement] = texts;
            let source = Source::new(name, source.as_str());
            let found = Diagnostic::error(Code::Syntax, message, &source, span.clone(), label);
            let found = found.note(note).fix(span, replacement);
            prop_assert!(is_printable(&rendered(&Renderer::plain(), &found)));
            let annotation = github(&found);
            prop_assert!(is_printable(&annotation) && annotation.matches('\n').count() == 1, "{}", annotation);
        }

        #[test]
        fn excerpt_marks_the_same_text_as_the_source(before in hostile(), marked in hostile(), after in hostile()) {
            let source = format!("{before}{marked}{after}");
            let printed = PrintedSource::new(&source);
            let span = printed.span(&(before.len()..before.len() + marked.len()));
            // The `\r` of a line end is not printed: a boundary inside of one is on both its sides.
            let shown = |text: &str| PrintedSource::new(text).text.replace(r"\013", "");
            prop_assert_eq!(printed.text[span].replace(r"\013", ""), shown(&marked));
        }
    }
}
