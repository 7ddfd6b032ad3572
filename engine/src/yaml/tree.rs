//! A value parsed from YAML, with the source location of each part.

use super::build::{Kind, Node, Stop, build};
use super::pointer::unescaped;
use super::span_map;
use crate::diagnostic::{self, Code, Diagnostic, Source, Span};
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Maximum length of a text: 1 MiB.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Maximum number of strings with missing quotes that are reported. Each one requires the whole text to be parsed
/// again.
const MAX_UNQUOTED: usize = 20;

/// A value and the source it was parsed from.
#[derive(Debug)]
pub struct Tree {
    source: Arc<Source>,
    value: Value,
    root: Arc<Node>,
}

/// Location of a part of a value in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The key, for a field of a mapping.
    pub key: Option<Span>,
    /// The value, including its quotes.
    pub value: Span,
}

impl Tree {
    /// Parses a text. On failure, returns every mistake in it.
    pub fn parse(source: &Arc<Source>) -> Result<Tree, Vec<Diagnostic>> {
        match Self::recover(source) {
            (Some(tree), diagnostics) if diagnostics.is_empty() => Ok(tree),
            (_, diagnostics) => Err(diagnostics),
        }
    }

    /// Parses a text and returns its mistakes. Returns a tree as well if the intention is clear, so that it can be
    /// validated: for a duplicate key, missing quotes, or a tag.
    pub(super) fn recover(source: &Arc<Source>) -> (Option<Tree>, Vec<Diagnostic>) {
        if source.text.len() > MAX_BYTES {
            return (
                None,
                vec![Diagnostic::error(Code::TooLarge, "file is larger than 1 MiB", source, 0..0, "starts here")],
            );
        }
        let mut text = Cow::Borrowed(source.text.as_str());
        let (mut masked, mut unquoted): (Vec<Span>, Vec<Diagnostic>) = (vec![], vec![]);
        let (root, mut diagnostics) = loop {
            match build(source, &text, &masked) {
                Ok(built) => break built,
                Err(Stop::Mistakes(diagnostics)) => break (None, diagnostics),
                Err(Stop::Unquoted(found)) => {
                    let span = found.fix.as_ref().map_or(0..0, |fix| fix.span.clone());
                    unquoted.push(found);
                    if span.is_empty() || unquoted.len() == MAX_UNQUOTED {
                        break (None, vec![]);
                    }
                    // Parse again as if the string had quotes. The replacement has the same length, so that all
                    // locations stay the same.
                    text.to_mut().replace_range(span.clone(), &"x".repeat(span.len()));
                    masked.push(span);
                }
            }
        };
        diagnostics.extend(unquoted);
        let tree = root.map(|root| Tree { source: Arc::clone(source), value: to_value(&root), root });
        (tree, diagnostic::sorted(diagnostics))
    }

    /// Reports the first mapping or list with too many entries, or the whole value if it has too many values.
    pub(super) fn exceeds(&self, size: Size) -> Option<Diagnostic> {
        let (span, most, unit) = match oversized(&self.root, size.parts) {
            Some(span) => (span, size.parts, "entries"),
            None if self.root.weight > size.values => (self.root.span.clone(), size.values, "values"),
            None => return None,
        };
        let (place, message) = (self.first_line(span), format!("too many {unit}: expected at most {most}"));
        let found = Diagnostic::error(Code::TooLarge, message, &self.source, place, "starts here");
        Some(found.note("the limit bounds the time of validation, which compares entries with each other"))
    }

    pub(super) fn root(&self) -> &Arc<Node> {
        &self.root
    }

    /// Returns a tree of the same source with another root.
    pub(super) fn with_root(&self, root: Arc<Node>) -> Tree {
        Tree { source: Arc::clone(&self.source), value: to_value(&root), root }
    }

    /// Returns the source that the value was parsed from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Returns the parsed value without locations.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the span of the value at a JSON pointer (RFC 6901). If there is none, as for a field with a default,
    /// returns the innermost enclosing mapping or list. An empty value is located after its key.
    pub fn span(&self, pointer: &str) -> Span {
        self.nearest_location(pointer).value
    }

    /// Returns the span of the key at a JSON pointer, or of the value if it has no key.
    pub fn key_span(&self, pointer: &str) -> Span {
        let place = self.nearest_location(pointer);
        place.key.unwrap_or(place.value)
    }

    /// Returns the location of key and value at a JSON pointer, or `None` if there is no value.
    pub fn location(&self, pointer: &str) -> Option<Location> {
        self.has(pointer).then(|| self.nearest_location(pointer))
    }

    /// Returns whether there is a value at a JSON pointer.
    pub fn has(&self, pointer: &str) -> bool {
        self.value.pointer(pointer).is_some()
    }

    /// Returns the span of a range of the parsed string, not of the source; the whole string if the range cannot be
    /// located.
    pub fn span_within(&self, pointer: &str, inside: Range<usize>) -> Span {
        self.exact_span_within(pointer, inside).unwrap_or_else(|| self.span(pointer))
    }

    /// Returns the span of a range of the parsed string, or `None` if it cannot be located exactly. The span may be
    /// replaced.
    pub fn exact_span_within(&self, pointer: &str, inside: Range<usize>) -> Option<Span> {
        let text = self.value.pointer(pointer)?.as_str()?;
        let end = char_boundary_after(text, inside.end);
        let start = char_boundary_before(text, inside.start.min(end));
        let whole = self.span(pointer);
        let found = span_map::source_range(&self.source.text[whole.clone()], text, &(start..end))?;
        Some(whole.start + found.start..whole.start + found.end)
    }

    /// Returns the line of the key or value at a JSON pointer, counted from 1. The content of an alias is located at
    /// the alias, not at its anchor.
    pub fn line_of_use(&self, pointer: &str) -> usize {
        let mut around = self.span("");
        for end in pointer.match_indices('/').skip(1).map(|(at, _)| at).chain([pointer.len()]) {
            let here = self.nearest_location(&pointer[..end]);
            if !(around.start <= here.value.start && here.value.end <= around.end) {
                return self.source.line(here.key.map_or(around.start, |key| key.start));
            }
            around = here.value;
        }
        self.source.line(self.key_span(pointer).start)
    }

    /// Returns the part of a span on its first line.
    pub(super) fn first_line(&self, span: Span) -> Span {
        let line = self.source.text[span.clone()].lines().next().unwrap_or("");
        span.start..span.start + line.trim_end().len()
    }

    fn nearest_location(&self, pointer: &str) -> Location {
        let mut place = Location { key: None, value: self.root.span.clone() };
        let mut node = &self.root;
        for segment in pointer.split('/').skip(1) {
            let (key, child) = match &node.kind {
                Kind::Block(pairs) => match pairs.get(&unescaped(segment)) {
                    Some((key, child)) => (Some(key.clone()), child),
                    None => break,
                },
                Kind::List(items) => match segment.parse().ok().and_then(|i: usize| items.get(i)) {
                    Some(child) => (None, child),
                    None => break,
                },
                Kind::Scalar(_) => break,
            };
            place = Location { key, value: child.span.clone() };
            node = child;
        }
        place
    }
}

pub(super) fn to_value(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar(value) => value.clone(),
        Kind::List(items) => items.iter().map(|item| to_value(item)).collect(),
        Kind::Block(pairs) => pairs.iter().map(|(key, (_, item))| (key.clone(), to_value(item))).collect(),
    }
}

/// Maximum size of a file's content.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Maximum number of values, including repeated ones; a long string counts as several.
    pub values: usize,
    /// Maximum number of entries of one mapping or list.
    pub parts: usize,
}

impl Size {
    /// Limits for a profile: ten times the size of the largest known profile.
    pub const PROFILE: Size = Size { values: 5_000, parts: 250 };
    /// Limits for a case, which may contain long responses.
    pub const CASE: Size = Size { values: 20_000, parts: 5_000 };
}

fn oversized(node: &Node, most: usize) -> Option<Span> {
    let (count, inner): (usize, Option<Span>) = match &node.kind {
        Kind::Scalar(_) => return None,
        Kind::List(items) => (items.len(), items.iter().find_map(|item| oversized(item, most))),
        Kind::Block(pairs) => (pairs.len(), pairs.values().find_map(|(_, item)| oversized(item, most))),
    };
    if count > most { Some(node.span.clone()) } else { inner }
}

fn char_boundary_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn char_boundary_after(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}
