//! The parser's mistakes in our words: what stands there, and the way out where it is sure.

use super::scalar::{extent, is_quoted, quoted};
use super::words::clip;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use granit_parser::ErrorKind;
use std::sync::Arc;

/// What was read just before.
pub(super) struct Before {
    /// The scalar, if it was one.
    pub(super) last: Option<Span>,
    /// The bracket or brace that is still open.
    pub(super) open: Option<usize>,
}

/// What the parser stumbled over.
pub(super) fn mistake(source: &Arc<Source>, kind: &ErrorKind, at: usize, before: &Before) -> Diagnostic {
    let found = Mistake { source, at: floor(&source.text, at), before };
    match kind {
        ErrorKind::RecursionLimitExceeded => too_deep(source, found.sign()),
        ErrorKind::MissingAnchorOrAliasName => found.nameless(),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            found.at_sign(&format!("`{open}` is closed by `{close}`"), "opened here")
        }
        ErrorKind::UnclosedFlowCollection { open } => found.at_sign(&format!("`{open}` is not closed"), "opened here"),
        ErrorKind::UnexpectedCharacter { character } => found.sign_needs_quotes(*character),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => tab(source, found.tabbed_line().unwrap_or(found.at)),
        _ if indent(found.line(found.at)).contains('\t') => tab(source, found.line_start(found.at)),
        _ if found.is_still_open(kind) => found.not_closed(),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry if !found.starts_line() => {
            found.at_sign("text goes on after the value", "it belongs to nothing")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::ExpectedFlowMappingSeparator if found.is_colon() => {
            found.colon()
        }
        ErrorKind::SimpleKeyExpected if found.glued().is_some() => found.space_missing(),
        ErrorKind::InvalidTrailingSingleQuotedScalar => {
            found.at_sign("text goes on after the closing quote", "here").note("inside `'…'` a `'` is written twice")
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar => found
            .at_sign("text goes on after the closing quote", "here")
            .note("inside `\"…\"` a `\"` is written `\\\"`"),
        _ => match words(kind) {
            Some((message, label)) => found.at_sign(message, label),
            None => found.at_sign("the text is no YAML from here on", "it breaks here"),
        },
    }
}

/// Kinds that need nothing but words.
fn words(kind: &ErrorKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        ErrorKind::ExpectedBlockMappingKey => {
            ("this line belongs to no block above it", "no key above stands as far in")
        }
        ErrorKind::ExpectedBlockSequenceEntry => {
            ("this line is no item of the list above it", "items start with `- `, each as far in")
        }
        ErrorKind::InvalidIndentation | ErrorKind::InvalidFlowScalarIndent | ErrorKind::InvalidQuotedScalarIndent => {
            ("this line is not far enough in", "it goes on with what stands above")
        }
        ErrorKind::ExpectedFlowMappingSeparator => ("a `,` or a `}` is missing", "before this"),
        ErrorKind::ExpectedFlowSequenceSeparator => ("a `,` or a `]` is missing", "before this"),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("this line has a value without a key", "`: ` parts key and value, `- ` starts an item")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed | ErrorKind::InvalidColonPlacement => {
            ("a `:` stands where no key can be", "here")
        }
        ErrorKind::InvalidMappingValueWhitespace | ErrorKind::FlowMappingValueAdjacentCollection => {
            ("a space is missing after `:`", "here")
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("a bracket closes nothing", "none is open here"),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quote is not closed", "opened here")
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate => {
            ("a text has an escape that YAML does not know", "inside `'…'` a backslash is a backslash")
        }
        ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
            ("a `-` stands where no item can be", "items start on lines of their own")
        }
        ErrorKind::ZeroBlockScalarIndent
        | ErrorKind::InvalidBlockScalarHeader
        | ErrorKind::InvalidBlockScalarIndent => {
            ("`|` and `>` start a text on the next line", "quote the text if it starts with this sign")
        }
        ErrorKind::CommentNotSeparated => ("a comment needs a space before `#`", "here"),
        ErrorKind::CommentInterceptedScalar => ("a comment cuts a text in two", "here"),
        ErrorKind::BomInsideDocument => ("a byte-order mark stands inside the text", "here"),
        _ => return None,
    })
}

/// Blocks in blocks in blocks.
pub(super) fn too_deep(source: &Arc<Source>, span: Span) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, "blocks nest deeper than in any profile", source, span, "the 65th in one another")
}

/// A line that starts at a byte and is indented by tabs.
pub(super) fn tab(source: &Arc<Source>, line: usize) -> Diagnostic {
    let text = &source.text[line..];
    let start = line + indent(text).find('\t').unwrap_or(0);
    let length = source.text[start..].len() - source.text[start..].trim_start_matches('\t').len();
    Diagnostic::error(Code::Syntax, "a tab indents this line", source, start..start + length, "YAML indents by spaces")
}

/// A template without quotes.
pub(super) fn template(source: &Arc<Source>, span: Span) -> Diagnostic {
    let written = &source.text[span.clone()];
    // A setting is read by a placeholder: one pair of braces.
    let inside = written.trim_start_matches('{').trim_end_matches('}').trim();
    let replacement = match inside.starts_with("settings.") {
        true => quoted(&format!("{{{inside}}}")),
        false => quoted(written),
    };
    let message = "a template needs quotes";
    Diagnostic::error(Code::BlockAsKey, message, source, span.clone(), "read as a block inside a block")
        .fix(span, replacement)
}

struct Mistake<'s> {
    source: &'s Arc<Source>,
    at: usize,
    before: &'s Before,
}

impl Mistake<'_> {
    fn at_sign(&self, message: &str, label: &str) -> Diagnostic {
        Diagnostic::error(Code::Syntax, message, self.source, self.sign(), label)
    }

    /// The sign at the place; nothing at the end of a line.
    fn sign(&self) -> Span {
        let sign = self.source.text[self.at..].chars().next().filter(|sign| !sign.is_whitespace());
        self.at..self.at + sign.map_or(0, char::len_utf8)
    }

    fn line_start(&self, at: usize) -> usize {
        self.source.text[..at].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line(&self, at: usize) -> &str {
        self.source.text[self.line_start(at)..].lines().next().unwrap_or("")
    }

    fn starts_line(&self) -> bool {
        self.source.text[self.line_start(self.at)..self.at].trim_start_matches('\u{feff}').trim().is_empty()
    }

    /// The first line from here that has a tab in its indentation: the parser notices where the text before it starts.
    fn tabbed_line(&self) -> Option<usize> {
        let start = self.line_start(self.at);
        let mut lines = self.source.text[start..].split_inclusive('\n').scan(start, |at, line| {
            let here = *at;
            *at += line.len();
            Some((here, line))
        });
        lines.find(|(_, line)| indent(line).contains('\t')).map(|(at, _)| at)
    }

    fn is_colon(&self) -> bool {
        self.source.text[self.at..].starts_with(':')
    }

    /// `[1, 2` and on the next line `b: 1`: told where the bracket was opened.
    fn is_still_open(&self, kind: &ErrorKind) -> bool {
        let is_separator = matches!(
            kind,
            ErrorKind::ExpectedFlowMappingSeparator
                | ErrorKind::ExpectedFlowSequenceSeparator
                | ErrorKind::InvalidColonPlacement
                | ErrorKind::UnexpectedEofFlowSequence
                | ErrorKind::UnexpectedEofFlowMapping
                | ErrorKind::UnexpectedEofImplicitFlowMapping
        );
        is_separator && self.before.open.is_some_and(|open| self.source.text[open..self.at.max(open)].contains('\n'))
    }

    fn not_closed(&self) -> Diagnostic {
        let open = self.before.open.unwrap_or(self.at);
        let sign = self.source.text[open..].chars().next().unwrap_or('[');
        let message = format!("`{sign}` is not closed");
        let found = Diagnostic::error(Code::Syntax, message, self.source, open..open + sign.len_utf8(), "opened here");
        found.also(self.sign(), "still open here")
    }

    /// What ends a text that starts at a byte.
    fn stops(&self, start: usize) -> &'static [char] {
        // Of brackets on this line the parser has not told yet: all of them might still be a key.
        let is_inside = self.before.open.is_some() || is_open(&self.source.text[self.line_start(start)..start]);
        if is_inside { &[',', ']', '}'] } else { &[] }
    }

    /// `a: b: c`: text with a colon in it, when it all stands on one line.
    fn colon(&self) -> Diagnostic {
        let text = &self.source.text;
        let value = self.before.last.as_ref().map(|last| last.start).filter(|&start| {
            let is_value = !text[self.line_start(start)..start].trim_matches([' ', '-']).is_empty();
            is_value && start < self.at && !text[start..self.at].contains('\n') && !is_quoted(&text[start..])
        });
        let Some(start) = value else {
            return self.at_sign("a `:` stands where no key can be", "is this line as far in as it is meant to be?");
        };
        let span = start..extent(text, start, self.stops(start));
        let replacement = quoted(&text[span.clone()]);
        Diagnostic::error(Code::Syntax, "a text with `: ` in it needs quotes", self.source, span.clone(), "this text")
            .fix(span, replacement)
    }

    /// The colon of `a:1`, where the line starts with that.
    fn glued(&self) -> Option<usize> {
        let line = &self.source.text[self.at..];
        let key = line.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)).count();
        let rest = line[key..].strip_prefix(':')?;
        (self.starts_line() && key > 0 && !rest.starts_with("//")).then_some(self.at + key)
    }

    fn space_missing(&self) -> Diagnostic {
        let colon = self.glued().unwrap_or(self.at);
        let found =
            Diagnostic::error(Code::Syntax, "a space is missing after `:`", self.source, colon..colon + 1, "here");
        found.fix(colon..colon + 1, ": ")
    }

    /// `a: @x`.
    fn sign_needs_quotes(&self, sign: char) -> Diagnostic {
        if sign.is_control() {
            let label = format!("U+{:04X}", sign as u32);
            return self.at_sign("a control character stands in the text", &label);
        }
        let span = self.at..extent(&self.source.text, self.at, self.stops(self.at)).max(self.at);
        let replacement = quoted(&self.source.text[span.clone()]);
        let message = format!("a text that starts with `{sign}` needs quotes");
        Diagnostic::error(Code::Syntax, message, self.source, span.clone(), "this text").fix(span, replacement)
    }

    /// `a: *`: meant as text.
    fn nameless(&self) -> Diagnostic {
        let span = self.at..extent(&self.source.text, self.at, self.stops(self.at)).max(self.at);
        let text = &self.source.text[span.clone()];
        let message = format!("the text `{}` needs quotes", clip(text));
        let label = if text.starts_with('&') { "`&` starts an anchor" } else { "`*` starts an alias" };
        Diagnostic::error(Code::Alias, message, self.source, span.clone(), label).fix(span, quoted(text))
    }
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Whether a line so far leaves a bracket open.
fn is_open(line: &str) -> bool {
    let (mut depth, mut quote, mut before) = (0_i32, None, ' ');
    for sign in line.chars() {
        match (quote, sign) {
            (Some(open), _) if open == sign => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(sign),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            _ => {}
        }
        before = sign;
    }
    depth > 0
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
