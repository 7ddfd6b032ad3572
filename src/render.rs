//! Prints diagnostics, errors and remarks to standard error, with colors on a terminal.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use anstream::{AutoStream, eprintln};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;
use std::io::stderr;
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

/// Returns the printable text of an error with its causes.
pub(crate) fn causes(error: &anyhow::Error) -> String {
    let cause = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<MultilineError>() {
        Some(several) => several.to_string(),
        None => printable::line(&cause.to_string()).into_owned(),
    };
    error.chain().map(cause).collect::<Vec<_>>().join(": ")
}

/// An error with several lines. A line end inside of one is escaped.
#[derive(Debug)]
pub(crate) struct MultilineError(Vec<String>);

impl MultilineError {
    pub(crate) fn new<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> MultilineError {
        MultilineError(lines.into_iter().map(|line| printable::line(line.as_ref()).into_owned()).collect())
    }
}

impl fmt::Display for MultilineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for MultilineError {}

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
    if let Some((excerpt, span, replacement)) = &shown.fix {
        let patch = Patch::new(span.clone(), replacement);
        let snippet =
            Snippet::source(&excerpt.text).path(&shown.excerpts[0].path).line_start(excerpt.line).patch(patch);
        report.push(Level::HELP.secondary_title("replace with").element(snippet));
    }
    let mut text = renderer.render(&report);
    for excerpt in shown.excerpts.iter().filter(|excerpt| excerpt.is_cut) {
        // The renderer appends a place that it counts from the cut.
        if let Some((before, after)) = text.split_once(&excerpt.path) {
            let after = after.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
            text = format!("{before}{}{after}", excerpt.path);
        }
    }
    text
}

/// Maximum distance in bytes of labels that one excerpt shows, and the maximum length of what a label marks. It limits
/// the work of the renderer, which processes excerpts several times.
const FAR: usize = 4 << 10;

/// Number of bytes shown of a long line before the first label and after the last one. The renderer shows fewer.
const BESIDE: usize = 400;

/// Maximum number of bytes shown of a message, a note or a replacement.
const LONG: usize = 8 << 10;

/// The mark of omitted text.
const OMITTED: &str = "…";

/// A diagnostic with printable texts.
struct Printable {
    message: String,
    /// Excerpts of all sources; that with the first label comes first.
    excerpts: Vec<Excerpt>,
    notes: Vec<String>,
    /// The text to replace, its span and the replacement.
    fix: Option<(Excerpt, Span, String)>,
}

/// The part of a source around labels that are close to each other.
struct Excerpt {
    /// The name of the source. If the start of the first line is omitted, the place of the first label follows.
    path: String,
    is_cut: bool,
    /// The number of the first line.
    line: usize,
    text: String,
    /// Whether it is the primary label, its span, and its text.
    labels: Vec<(bool, Span, String)>,
}

/// A label in a source: whether it is the primary one, its span, and its text.
type Mark<'d> = (bool, Span, &'d str);

impl Printable {
    fn new(diagnostic: &Diagnostic) -> Printable {
        let source = &diagnostic.labels[0].source;
        let fix = diagnostic.fix.as_ref().filter(|fix| fix.span.len() <= FAR && fix.replacement.len() <= LONG);
        Printable {
            message: printable::line(&start(&diagnostic.message)).into_owned(),
            excerpts: excerpts(diagnostic),
            notes: diagnostic.notes.iter().map(|note| printable::lines(&start(note)).into_owned()).collect(),
            fix: fix.map(|fix| {
                let mut excerpt = excerpt(source, &[(true, fix.span.clone(), "")]);
                let (_, span, _) = excerpt.labels.remove(0);
                (excerpt, span, printable::lines(&fix.replacement).into_owned())
            }),
        }
    }
}

/// Returns the start of a long text.
fn start(text: &str) -> Cow<'_, str> {
    match text.len() > LONG {
        true => format!("{}{OMITTED}", &text[..char_boundary(text, LONG)]).into(),
        false => text.into(),
    }
}

fn excerpts(diagnostic: &Diagnostic) -> Vec<Excerpt> {
    let mut excerpts = vec![];
    for source in sources(&diagnostic.labels) {
        let labels = diagnostic.labels.iter().enumerate().filter(|(_, label)| Arc::ptr_eq(&label.source, source));
        let mut marks: Vec<Mark<'_>> = labels.map(|(i, label)| (i == 0, marked(source, label), &*label.text)).collect();
        marks.sort_by_key(|(_, span, _)| span.start);
        let near = marks.chunk_by(|(_, span, _), (_, next, _)| next.start.saturating_sub(span.end) <= FAR);
        excerpts.extend(near.map(|marks| excerpt(source, marks)));
    }
    excerpts.sort_by_key(|excerpt: &Excerpt| !excerpt.labels.iter().any(|(is_first, ..)| *is_first));
    excerpts
}

/// Returns the start of a label's span that is shown.
fn marked(source: &Source, label: &Label) -> Span {
    let start = label.span.start.min(source.text.len());
    let end = label.span.end.clamp(start, source.text.len());
    start..if end - start > FAR { char_boundary(&source.text, start + FAR) } else { end }
}

/// Returns the lines around labels, which are sorted. The renderer would process the whole source.
fn excerpt(source: &Source, marks: &[Mark<'_>]) -> Excerpt {
    let text = &source.text;
    let first = marks[0].1.start.min(text.len());
    let last = marks.iter().map(|(_, span, _)| span.end).max().unwrap_or_default().clamp(first, text.len());
    let line_start = text[..first].rfind('\n').map_or(0, |at| at + 1);
    let line_end =
        text.as_bytes()[last..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| last + at + 1);
    let is_cut = first - line_start > BESIDE;
    let start = if is_cut { char_boundary(text, first - BESIDE) } else { line_start };
    let end = if line_end - last > BESIDE { char_boundary(text, last + BESIDE) } else { line_end };
    let printed = PrintedSource::new(&text[start..end]);
    let before = if is_cut { OMITTED } else { "" };
    let shown = |span: &Span| {
        let span = printed.span(&within(span, &(start..end)));
        span.start + before.len()..span.end + before.len()
    };
    let labels = marks
        .iter()
        .map(|(is_first, span, text)| (*is_first, shown(span), printable::line(&self::start(text)).into_owned()));
    let labels = labels.collect();
    let primary = marks.iter().find(|(is_first, ..)| *is_first).unwrap_or(&marks[0]);
    let mut path = printable::line(&source.name).into_owned();
    if is_cut {
        let (line, column) = source.line_and_column(primary.1.start);
        path = format!("{path}:{line}:{column}");
    }
    Excerpt {
        path,
        is_cut,
        line: source.line(start),
        labels,
        text: format!("{before}{}{}", printed.text, if end < line_end { OMITTED } else { "" }),
    }
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
    let mut snippet = Snippet::source(&excerpt.text).path(&excerpt.path).line_start(excerpt.line);
    for (is_first, span, text) in &excerpt.labels {
        let kind = if *is_first { AnnotationKind::Primary } else { AnnotationKind::Context };
        snippet = snippet.annotation(kind.span(span.clone()).label(text));
    }
    snippet
}

/// Returns the last character boundary at or before an index.
fn char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
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

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "lists of labels, some with one")]
    fn text_of_a_diagnostic_for_the_renderer_is_limited() {
        let long = "x".repeat(1 << 20);
        let lines = "\n".repeat(1 << 20);
        for (text, spans) in [
            (format!("a: [{long}, *b]"), vec![long.len() + 6..long.len() + 8]),
            (format!("a: [*b, {long}]"), vec![4..6]),
            (format!("a: [{long}, *b, {long}]"), vec![long.len() + 6..long.len() + 8, 0..1]),
            (long.clone(), vec![0..long.len()]),
            (format!("é{long}é"), vec![2..long.len() + 2, long.len() + 2..long.len() + 4]),
            (format!("a: 1{lines}a: 2"), vec![lines.len() + 4..lines.len() + 5, 0..1]),
            (format!("a: [{lines}]"), vec![3..lines.len() + 5]),
        ] {
            let source = Source::new("a".to_owned(), text.as_str());
            let mut found = Diagnostic::error(Code::Syntax, long.as_str(), &source, spans[0].clone(), long.as_str());
            for span in &spans[1..] {
                found = found.also(span.clone(), long.as_str());
            }
            let found = found.note(long.as_str()).fix(spans[0].clone(), long.as_str());
            let shown = Printable::new(&found);
            let excerpts = shown.excerpts.iter().map(|excerpt| {
                excerpt.text.len() + excerpt.labels.iter().map(|(_, _, text)| text.len()).sum::<usize>()
            });
            let fix = shown.fix.iter().map(|(excerpt, _, text)| excerpt.text.len() + text.len()).sum::<usize>();
            let notes = shown.notes.iter().map(String::len).sum::<usize>();
            let handed = shown.message.len() + excerpts.sum::<usize>() + fix + notes;
            assert!(handed < 8 * LONG, "{handed} bytes of {}", text.len());
            rendered(&Renderer::plain(), &found);
        }
    }

    #[test]
    fn label_in_a_long_line_is_shown_with_its_place() {
        let text = format!("a: 1\nb: [\"é{}\", *unknown, \"{}\"]\n", "x".repeat(9_000), "y".repeat(9_000));
        let start = text.find("*unknown").expect("an alias");
        let source = Source::new("p.yaml".to_owned(), text.as_str());
        let found = Diagnostic::error(Code::Syntax, "unknown", &source, start..start + 8, "not defined");
        let shown = rendered(&Renderer::plain(), &found);
        assert!(shown.contains("--> p.yaml:2:9010\n"), "{shown}");
        let (marked, marks) =
            shown.lines().zip(shown.lines().skip(1)).find(|(_, below)| below.contains("^^^")).expect("marks");
        let (at, column) =
            (marked.find("*unknown").expect("the alias"), marks.find("^^^^^^^^ not defined").expect("the label"));
        assert_eq!(marked[..at].chars().count(), marks[..column].chars().count(), "{shown}");
        assert!(shown.len() < 1_000, "{shown}");
    }

    proptest! {
        #[test]
        fn hostile_error_is_printed_as_one_line(cause in hostile(), context in hostile()) {
            let error = anyhow::anyhow!(cause).context(context);
            prop_assert!(printable::first_unprintable(&causes(&error)).is_none());
        }

        #[test]
        fn hostile_line_is_printed_as_one_line(facts in prop::collection::vec(hostile(), 1..4)) {
            let text = causes(&anyhow::Error::new(MultilineError::new(&facts)));
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
