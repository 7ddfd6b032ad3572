//! A YAML text as a value, and where each part of it stands.

use super::build::{Kind, Node, Stop, build};
use super::inside;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The longest text that is read: 1 MiB.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Each text without the quotes it needs costs a reading of the whole; after so many the rest goes untold.
const MAX_UNQUOTED: usize = 20;

/// A value and the text it was read from.
#[derive(Debug)]
pub struct Tree {
    source: Arc<Source>,
    value: Value,
    root: Arc<Node>,
}

/// Where a part of a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The key, for the field of a block.
    pub key: Option<Span>,
    /// The value, with its quotes.
    pub value: Span,
}

impl Tree {
    /// Reads a text, or tells every mistake in it.
    pub fn parse(source: &Arc<Source>) -> Result<Tree, Vec<Diagnostic>> {
        match Self::recover(source) {
            (Some(tree), diagnostics) if diagnostics.is_empty() => Ok(tree),
            (_, diagnostics) => Err(diagnostics),
        }
    }

    /// Reads a text and tells its mistakes. There is a tree where they leave no doubt about what was meant, so that it can
    /// be checked all the same: a key that stands twice, a text without the quotes it needs, a tag.
    pub(super) fn recover(source: &Arc<Source>) -> (Option<Tree>, Vec<Diagnostic>) {
        if source.text.len() > MAX_BYTES {
            return (
                None,
                vec![Diagnostic::error(Code::TooLarge, "the text is longer than 1 MiB", source, 0..0, "no profile is")],
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
                    // Read again as if it had quotes: of the same length, so that all places stay.
                    text.to_mut().replace_range(span.clone(), &"x".repeat(span.len()));
                    masked.push(span);
                }
            }
        };
        diagnostics.extend(unquoted);
        let tree = root.map(|root| Tree { source: Arc::clone(source), value: lower(&root), root });
        (tree, super::in_order(diagnostics))
    }

    /// The first block or list of more parts than these; or the whole, if it holds more values.
    pub(super) fn beyond(&self, size: Size) -> Option<Diagnostic> {
        let (span, most, unit) = match crowded(&self.root, size.parts) {
            Some(span) => (span, size.parts, "parts"),
            None if self.root.weight > size.values => (self.root.span.clone(), size.values, "values"),
            None => return None,
        };
        let (place, message) = (self.first_line(span), format!("more than {most} {unit} are together here"));
        let found = Diagnostic::error(Code::TooLarge, message, &self.source, place, "starts here");
        Some(found.note("what stands in one is compared with all the others: no profile or case has so many"))
    }

    pub(super) fn root(&self) -> &Arc<Node> {
        &self.root
    }

    /// Another tree of the same text.
    pub(super) fn with_root(&self, root: Arc<Node>) -> Tree {
        Tree { source: Arc::clone(&self.source), value: lower(&root), root }
    }

    /// The text.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Where the value at a JSON pointer (RFC 6901) stands; where it does not, as with a field that has its default, the
    /// nearest block around it. An empty value stands after its key.
    pub fn span(&self, pointer: &str) -> Span {
        self.nearest_place(pointer).value
    }

    /// Where the key at a JSON pointer stands, or what stands there when it has none.
    pub fn key_span(&self, pointer: &str) -> Span {
        let place = self.nearest_place(pointer);
        place.key.unwrap_or(place.value)
    }

    /// Where key and value at a JSON pointer stand, if anything does.
    pub fn place(&self, pointer: &str) -> Option<Place> {
        self.has(pointer).then(|| self.nearest_place(pointer))
    }

    /// Whether there is a value at a JSON pointer.
    pub fn has(&self, pointer: &str) -> bool {
        self.value.pointer(pointer).is_some()
    }

    /// Where bytes of a *text*, not of the source, stand in the source; the whole text where that cannot be told.
    pub fn span_within(&self, pointer: &str, inside: Range<usize>) -> Span {
        self.place_within(pointer, inside).unwrap_or_else(|| self.span(pointer))
    }

    /// The same, where it can be told: what stands there may be replaced.
    pub fn place_within(&self, pointer: &str, inside: Range<usize>) -> Option<Span> {
        let text = self.value.pointer(pointer)?.as_str()?;
        let end = boundary_after(text, inside.end);
        let start = boundary_before(text, inside.start.min(end));
        let whole = self.span(pointer);
        let found = inside::place(&self.source.text[whole.clone()], text, &(start..end))?;
        Some(whole.start + found.start..whole.start + found.end)
    }

    /// The line, from 1, of the key or value at a JSON pointer. What an alias repeats is where the alias is, not its anchor.
    pub fn line_of_use(&self, pointer: &str) -> usize {
        let mut around = self.span("");
        for end in pointer.match_indices('/').skip(1).map(|(at, _)| at).chain([pointer.len()]) {
            let here = self.nearest_place(&pointer[..end]);
            if !(around.start <= here.value.start && here.value.end <= around.end) {
                return self.source.line(here.key.map_or(around.start, |key| key.start));
            }
            around = here.value;
        }
        self.source.line(self.key_span(pointer).start)
    }

    /// As much of a span as stands on its first line.
    pub(super) fn first_line(&self, span: Span) -> Span {
        let line = self.source.text[span.clone()].lines().next().unwrap_or("");
        span.start..span.start + line.trim_end().len()
    }

    fn nearest_place(&self, pointer: &str) -> Place {
        let mut place = Place { key: None, value: self.root.span.clone() };
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
            place = Place { key, value: child.span.clone() };
            node = child;
        }
        place
    }
}

pub(super) fn lower(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar(value) => value.clone(),
        Kind::List(items) => items.iter().map(|item| lower(item)).collect(),
        Kind::Block(pairs) => pairs.iter().map(|(key, (_, item))| (key.clone(), lower(item))).collect(),
    }
}

/// How much a file may hold.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How many values, repeated ones too; a long text counts for more.
    pub values: usize,
    /// How many parts one block or list.
    pub parts: usize,
}

impl Size {
    /// Of a profile: ten times what any has.
    pub const PROFILE: Size = Size { values: 5_000, parts: 250 };
    /// Of a case, which may show long answers.
    pub const CASE: Size = Size { values: 20_000, parts: 5_000 };
}

fn crowded(node: &Node, most: usize) -> Option<Span> {
    let (count, inner): (usize, Option<Span>) = match &node.kind {
        Kind::Scalar(_) => return None,
        Kind::List(items) => (items.len(), items.iter().find_map(|item| crowded(item, most))),
        Kind::Block(pairs) => (pairs.len(), pairs.values().find_map(|(_, item)| crowded(item, most))),
    };
    if count > most { Some(node.span.clone()) } else { inner }
}

/// The pointer to a field of a block.
pub(crate) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The key that a segment of a pointer names.
pub(super) fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

fn boundary_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn boundary_after(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}
