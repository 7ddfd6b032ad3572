//! Converts the events of the YAML parser to a tree of nodes with source locations. Together with `syntax`, the only
//! module that uses the parser. Also enforces the size limits, before anything is copied.

use super::scalar::{extent, is_quoted, plain};
use super::syntax;
use super::truncate::clip;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use granit_parser::{Event, Parser, ScalarStyle, Span as Mark, StructureStyle, Tag, options};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Maximum depth of nested mappings and lists.
const MAX_DEPTH: usize = 64;
/// Maximum number of nodes in a text, including those repeated by aliases. A long string counts as several.
const MAX_NODES: usize = 20_000;
/// Maximum length of a key in bytes: paths to all nested values contain it.
const MAX_KEY: usize = 256;
/// Number of bytes of a string that count as one node.
const BYTES_PER_NODE: usize = 64;

/// A part of the text. An alias shares the node of its anchor.
#[derive(Debug)]
pub(super) struct Node {
    /// Location in the source, without trailing whitespace and comments.
    pub(super) span: Span,
    pub(super) kind: Kind,
    /// Number of nodes, including this one.
    pub(super) weight: usize,
    /// Depth of nested mappings and lists.
    height: usize,
}

impl Node {
    /// Creates a node that was not parsed and does not count towards the limits.
    pub(super) fn new(span: Span, kind: Kind) -> Arc<Node> {
        Arc::new(Node { span, kind, weight: 0, height: 0 })
    }

    /// Creates nodes for a value, all with the same location.
    pub(super) fn of_value(value: Value, span: &Span) -> Arc<Node> {
        let node = |value| Self::of_value(value, span);
        let kind = match value {
            Value::Array(items) => Kind::List(items.into_iter().map(node).collect()),
            Value::Object(map) => {
                Kind::Block(map.into_iter().map(|(key, value)| (key, (span.clone(), node(value)))).collect())
            }
            scalar => Kind::Scalar(scalar),
        };
        Self::new(span.clone(), kind)
    }
}

/// Content of a node.
#[derive(Debug)]
pub(super) enum Kind {
    Scalar(Value),
    List(Vec<Arc<Node>>),
    Block(Pairs),
}

/// Reason why parsing stopped early.
pub(super) enum Stop {
    /// A string with missing quotes: if they are added, the rest can be parsed.
    Unquoted(Diagnostic),
    /// Mistakes, the last of which prevents further parsing.
    Mistakes(Vec<Diagnostic>),
}

/// Parses the text. Returns the mistakes, and the root unless a mistake makes the intention unclear. `text` equals the
/// text of the source except at the spans in `masked`, which are taken from the source as strings.
pub(super) fn build(
    source: &Arc<Source>,
    text: &str,
    masked: &[Span],
) -> Result<(Option<Arc<Node>>, Vec<Diagnostic>), Stop> {
    let options =
        options! { emit_unresolved_aliases: true, flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut builder = Builder {
        source,
        masked,
        open: vec![],
        root: None,
        anchors: HashMap::new(),
        weight: 0,
        diagnostics: vec![],
        is_whole: true,
    };
    let mut last = None;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, mark) = match event {
            Ok(event) => event,
            Err(error) => {
                let open = builder.open.iter().rev().find(|open| open.is_flow).map(|open| open.start);
                let at = error.marker().byte_offset().unwrap_or(text.len());
                let found = syntax::mistake(source, error.kind(), at, &syntax::Before { last, open });
                return Err(builder.stopped_by(found));
            }
        };
        let span = within(&source.text, &mark);
        last = matches!(event, Event::Scalar(..)).then(|| span.clone());
        builder.event(event, &mark, span)?;
    }
    let Some(root) = builder.root.take().filter(|root| !is_absent(root)) else {
        let found = Diagnostic::error(Code::EmptyFile, "the file is empty", source, 0..0, "no content");
        return Err(builder.stop(found));
    };
    Ok((builder.is_whole.then_some(root), builder.diagnostics))
}

/// Converts a location of the parser to a span; enforces that it lies within the text and on character boundaries.
fn within(text: &str, mark: &Mark) -> Span {
    let clamp = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let range = mark.byte_range().unwrap_or(0..0);
    let start = clamp(range.start);
    start..clamp(range.end).max(start)
}

fn is_absent(node: &Node) -> bool {
    node.span.is_empty() && matches!(node.kind, Kind::Scalar(Value::Null))
}

struct Builder<'s> {
    source: &'s Arc<Source>,
    masked: &'s [Span],
    open: Vec<Open>,
    root: Option<Arc<Node>>,
    anchors: HashMap<usize, Arc<Node>>,
    weight: usize,
    diagnostics: Vec<Diagnostic>,
    /// False if a part was omitted that affects the meaning.
    is_whole: bool,
}

/// A list or mapping that is still being parsed.
struct Open {
    start: usize,
    /// End of the last part so far; the end that the parser reports is that of the next token.
    end: usize,
    is_flow: bool,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Arc<Node>>),
    /// The pending key is kept apart from the nodes, so that the node of a mapping used as a key is not lost.
    Block(Pairs, Option<Key>),
}

/// The values of a mapping by key, with the location of the key.
pub(super) type Pairs = BTreeMap<String, (Span, Arc<Node>)>;

/// A key, or the location of an invalid one.
struct Key {
    span: Span,
    name: Option<String>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, mark: &Mark, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let message = "a file must contain a single YAML document";
                return Err(self.stop(self.mistake(Code::SecondDocument, message, span, "second document")));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag, mark);
                let value =
                    if style == ScalarStyle::Plain { self.plain(&text, &span) } else { Value::from(text.into_owned()) };
                let weight = 1 + value.as_str().map_or(0, str::len) / BYTES_PER_NODE;
                let trimmed = span.start..span.start + self.source.text[span.clone()].trim_end().len();
                self.close(Node { span: trimmed, kind: Kind::Scalar(value), weight, height: 0 }, anchor, span)?;
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(_) => {
                self.unknown_alias(span, "no anchor above has this name", "quote a string that starts with `*`");
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag, mark);
                self.start(span, style, anchor, Content::List(vec![]))?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag, mark);
                self.refuse_template(&span)?;
                self.refuse_tab(&span, style);
                self.start(span, style, anchor, Content::Block(BTreeMap::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            _ => {}
        }
        Ok(())
    }

    fn plain(&self, text: &str, span: &Span) -> Value {
        if self.masked.iter().any(|masked| masked.start == span.start) {
            return Value::from(&self.source.text[span.clone()]);
        }
        // The parser represents a missing value as `~`.
        if span.is_empty() { Value::Null } else { plain(text) }
    }

    fn start(&mut self, span: Span, style: StructureStyle, anchor: usize, content: Content) -> Result<(), Stop> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.stop(syntax::too_deep(self.source, span)));
        }
        let is_flow = style == StructureStyle::Flow;
        self.open.push(Open { start: span.start, end: span.end, is_flow, anchor, content });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Stop> {
        let open = self.open.pop().expect("the parser ends what it started");
        let place = open.start..if span.is_empty() { open.end.max(open.start) } else { span.end };
        let (kind, weight, height) = match open.content {
            Content::List(items) => {
                let (weight, height) = measure(items.iter());
                (Kind::List(items), weight, height)
            }
            Content::Block(pairs, _) => {
                let (weight, height) = measure(pairs.values().map(|(_, node)| node));
                let keys: usize = pairs.keys().map(|key| key.len() / BYTES_PER_NODE).sum();
                (Kind::Block(pairs), weight + keys, height)
            }
        };
        self.close(Node { span: place.clone(), kind, weight, height }, open.anchor, place)
    }

    /// Adds a complete node to its parent.
    fn close(&mut self, node: Node, anchor: usize, token: Span) -> Result<(), Stop> {
        // The parts of a list or mapping are already counted.
        self.weight += if let Kind::Scalar(_) = node.kind { node.weight } else { 1 };
        if self.weight > MAX_NODES {
            let message = format!("too many values: expected at most {MAX_NODES}");
            let place = first_line(self.source, &token);
            return Err(self.stop(self.mistake(Code::TooLarge, &message, place, "limit reached here")));
        }
        let node = Arc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        self.attach(node, token);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) {
        let Some(node) = self.anchors.get(&anchor).map(Arc::clone) else {
            return self.unknown_alias(span, "used inside its own anchor", "a recursive alias is infinite");
        };
        let weight = self.weight.saturating_add(node.weight);
        if weight > MAX_NODES || self.open.len() + node.height > MAX_DEPTH {
            let message = "aliases expand to too many values";
            let found = self.mistake(Code::Alias, message, span.clone(), "limit exceeded here");
            self.report_incomplete(
                found.note(format!(
                    "the limits are {MAX_NODES} values, including repeated ones, and {MAX_DEPTH} levels"
                )),
            );
            return self.attach(null_node(&span), span);
        }
        self.weight = weight;
        self.attach(node, span);
    }

    fn unknown_alias(&mut self, span: Span, label: &str, note: &str) {
        let message = format!("unknown alias `{}`", clip(&self.source.text[span.clone()]));
        self.report_incomplete(self.mistake(Code::Alias, &message, span.clone(), label).note(note));
        self.attach(null_node(&span), span);
    }

    /// Adds a node to the innermost open list or mapping. `token` is its location in that parent: an alias has another
    /// location than its node.
    fn attach(&mut self, node: Arc<Node>, token: Span) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.end = open.end.max(node_end(&self.source.text, &token));
        let key = match &mut open.content {
            Content::List(items) => return items.push(node),
            Content::Block(_, key) => key.take(),
        };
        match key {
            Some(key) => self.pair(key, node),
            None => {
                let key = self.key(&node, token);
                self.open_mapping().1.replace(key);
            }
        }
    }

    /// Returns the mapping that is being parsed.
    fn open_mapping(&mut self) -> (&mut Pairs, &mut Option<Key>) {
        match self.open.last_mut().map(|open| &mut open.content) {
            Some(Content::Block(pairs, key)) => (pairs, key),
            _ => unreachable!("a key belongs to a mapping"),
        }
    }

    fn key(&mut self, node: &Node, span: Span) -> Key {
        let written = &self.source.text[span.clone()];
        let name = match &node.kind {
            Kind::Scalar(Value::String(text)) if text == "<<" && written == "<<" => {
                let message = "merge keys (`<<`) are not supported";
                let found = self.mistake(Code::MergeKey, message, span.clone(), "merge key");
                self.report_incomplete(found.note("write the keys, or repeat a whole value with an alias"));
                None
            }
            Kind::Scalar(_) if span.len() > MAX_KEY => {
                let message = format!("key longer than {MAX_KEY} bytes");
                self.report_incomplete(self.mistake(
                    Code::TooLarge,
                    &message,
                    first_line(self.source, &span),
                    "this key",
                ));
                None
            }
            Kind::Scalar(Value::String(text)) => Some(text.clone()),
            Kind::Scalar(_) if node.span.is_empty() => {
                self.report_incomplete(self.mistake(Code::Syntax, "missing key before `:`", span.clone(), "here"));
                None
            }
            // Keys are strings: `200: ok`.
            Kind::Scalar(_) => Some(self.source.text[node.span.clone()].to_owned()),
            Kind::List(_) | Kind::Block(_) => {
                let (message, place) =
                    ("a key must be a scalar, not a list or mapping", first_line(self.source, &span));
                let found = self.mistake(Code::BlockAsKey, message, place, "used as a key");
                self.report_incomplete(found.note("quote templates and strings that start with `{` or `[`"));
                None
            }
        };
        Key { span, name }
    }

    fn pair(&mut self, key: Key, node: Arc<Node>) {
        let Some(name) = key.name else { return };
        let pairs = self.open_mapping().0;
        let Some((first, _)) = pairs.get(&name) else {
            pairs.insert(name, (key.span, node));
            return;
        };
        let first = first.clone();
        let message = format!("duplicate field `{}`", clip(&name));
        let found = self.mistake(Code::DuplicateField, &message, key.span, "repeated here").also(first, "first here");
        self.diagnostics.push(found);
    }

    /// Reports a tag; its value is parsed as if it had none.
    fn refuse_tag(&mut self, tag: Option<Cow<'_, Tag>>, mark: &Mark) {
        if tag.is_none() {
            return;
        }
        let span = mark.tag_span().map_or(0..0, |mark| within(&self.source.text, &mark));
        self.diagnostics.push(self.mistake(Code::Tag, "tags are not supported", span, "remove the tag"));
    }

    /// Reports `a: {{ x }}`, which YAML parses as a mapping used as a key. It is the most likely mistake.
    fn refuse_template(&mut self, span: &Span) -> Result<(), Stop> {
        let text = &self.source.text;
        let outer = match self.open.last() {
            Some(Open { content: Content::Block(pairs, None), start, .. }) if pairs.is_empty() => *start,
            _ => return Ok(()),
        };
        let is_template =
            || text[outer..].lines().next().is_some_and(|line| line.starts_with("{{") && line.contains("}}"));
        if outer + 1 != span.start || !is_template() {
            return Ok(());
        }
        let stops: &[char] = match self.open.len().checked_sub(2).map(|i| &self.open[i]) {
            Some(Open { content: Content::Block(_, None), is_flow: true, .. }) => &[':', ',', '}'],
            Some(Open { content: Content::Block(_, None), .. }) => &[':'],
            Some(Open { is_flow: true, .. }) => &[',', ']', '}'],
            _ => &[],
        };
        Err(Stop::Unquoted(syntax::template(self.source, outer..extent(text, outer, stops))))
    }

    /// Reports tabs before the first key of a mapping: the parser accepts them, YAML 1.2 (§6.1) does not.
    fn refuse_tab(&mut self, span: &Span, style: StructureStyle) {
        if style != StructureStyle::Block {
            return;
        }
        let text = &self.source.text[..span.start];
        let indent = &text[text.rfind('\n').map_or(0, |at| at + 1)..];
        if indent.contains('\t') && indent.trim().is_empty() {
            self.diagnostics.push(syntax::tab(self.source, span.start - indent.len()));
        }
    }

    fn mistake(&self, code: Code, message: &str, span: Span, label: &str) -> Diagnostic {
        Diagnostic::error(code, message, self.source, span, label)
    }

    /// Reports a mistake that omits a part of the value.
    fn report_incomplete(&mut self, found: Diagnostic) {
        self.is_whole = false;
        self.diagnostics.push(found);
    }

    fn stopped_by(&mut self, found: Diagnostic) -> Stop {
        match &found.fix {
            Some(fix) if is_quoted(&fix.replacement) => Stop::Unquoted(found),
            _ => self.stop(found),
        }
    }

    fn stop(&mut self, found: Diagnostic) -> Stop {
        self.diagnostics.push(found);
        Stop::Mistakes(std::mem::take(&mut self.diagnostics))
    }
}

/// Returns weight and height of a node with these children.
fn measure<'n>(nodes: impl Iterator<Item = &'n Arc<Node>>) -> (usize, usize) {
    nodes.fold((1, 1), |(weight, height), node| (weight.saturating_add(node.weight), height.max(node.height + 1)))
}

fn null_node(span: &Span) -> Arc<Node> {
    Arc::new(Node { span: span.clone(), kind: Kind::Scalar(Value::Null), weight: 1, height: 0 })
}

/// Returns the end of a token without the trailing line breaks of a block scalar.
fn node_end(text: &str, token: &Span) -> usize {
    token.start + text[token.clone()].trim_end().len()
}

fn first_line(source: &Source, span: &Span) -> Span {
    let line = source.text[span.clone()].lines().next().unwrap_or("");
    span.start..span.start + line.trim_end().len()
}
