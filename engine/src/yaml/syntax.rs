//! Converts errors of the YAML parser to diagnostics in plain language, with a fix where it is certain.

use super::scalar::{extent, is_quoted, quoted};
use super::truncate::clip;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use granit_parser::ErrorKind;
use std::sync::Arc;

/// The state of the parser in front of an error.
pub(super) struct Before {
    /// The previous token, if it was a scalar.
    pub(super) last: Option<Span>,
    /// Position of the innermost open bracket or brace.
    pub(super) open: Option<usize>,
}

/// Converts an error of the parser at a byte to a diagnostic.
pub(super) fn mistake(source: &Arc<Source>, kind: &ErrorKind, at: usize, before: &Before) -> Diagnostic {
    let found = Mistake { source, at: char_boundary_before(&source.text, at), before };
    match kind {
        ErrorKind::RecursionLimitExceeded => too_deep(source, found.character()),
        ErrorKind::MissingAnchorOrAliasName => found.missing_anchor_name(),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            found.at_character(&format!("`{open}` is closed by `{close}`"), "opened here")
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            found.at_character(&format!("`{open}` is not closed"), "opened here")
        }
        ErrorKind::UnexpectedCharacter { character } => found.reserved_character(*character),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => tab(source, found.tabbed_line().unwrap_or(found.at)),
        _ if indent(found.line(found.at)).contains('\t') => tab(source, found.line_start(found.at)),
        _ if found.is_still_open(kind) => found.not_closed(),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry if !found.starts_line() => {
            found.at_character("unexpected text after the value", "here")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::ExpectedFlowMappingSeparator if found.is_colon() => {
            found.colon()
        }
        ErrorKind::SimpleKeyExpected if found.colon_without_space().is_some() => found.missing_space(),
        ErrorKind::InvalidTrailingSingleQuotedScalar => found
            .at_character("unexpected text after the closing quote", "here")
            .note("in single quotes, write `'` as `''`"),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => found
            .at_character("unexpected text after the closing quote", "here")
            .note("in double quotes, write `\"` as `\\\"`"),
        _ => match description(kind) {
            Some((message, label)) => found.at_character(message, label),
            None => found.at_character("invalid YAML syntax", "here"),
        },
    }
}

/// Returns message and label of an error that needs no context.
fn description(kind: &ErrorKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        ErrorKind::ExpectedBlockMappingKey => ("invalid indentation", "no key above has this indentation"),
        ErrorKind::ExpectedBlockSequenceEntry => {
            ("expected a list item", "items start with `- ` and have the same indentation")
        }
        ErrorKind::InvalidIndentation | ErrorKind::InvalidFlowScalarIndent | ErrorKind::InvalidQuotedScalarIndent => {
            ("insufficient indentation", "this line continues the value above")
        }
        ErrorKind::ExpectedFlowMappingSeparator => ("missing `,` or `}`", "before this"),
        ErrorKind::ExpectedFlowSequenceSeparator => ("missing `,` or `]`", "before this"),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("value without a key", "write `key: value`, or `- item`")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed | ErrorKind::InvalidColonPlacement => {
            ("unexpected `:`", "a key is not permitted here")
        }
        ErrorKind::InvalidMappingValueWhitespace | ErrorKind::FlowMappingValueAdjacentCollection => {
            ("missing space after `:`", "here")
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("unmatched closing bracket", "no bracket is open here"),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("unclosed quote", "opened here")
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate => ("invalid escape sequence", "in single quotes, a backslash is literal"),
        ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
            ("unexpected `-`", "each list item starts on its own line")
        }
        ErrorKind::ZeroBlockScalarIndent
        | ErrorKind::InvalidBlockScalarHeader
        | ErrorKind::InvalidBlockScalarIndent => {
            ("missing line break after `|` or `>`", "quote a string that starts with this character")
        }
        ErrorKind::CommentNotSeparated => ("missing space before `#`", "here"),
        ErrorKind::CommentInterceptedScalar => ("comment inside a multi-line string", "here"),
        ErrorKind::BomInsideDocument => ("unexpected byte-order mark", "here"),
        _ => return None,
    })
}

/// Reports nesting beyond the limit.
pub(super) fn too_deep(source: &Arc<Source>, span: Span) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, "nesting is deeper than 64 levels", source, span, "level 65")
}

/// Reports a tab in the indentation of the line that starts at a byte.
pub(super) fn tab(source: &Arc<Source>, line: usize) -> Diagnostic {
    let text = &source.text[line..];
    let start = line + indent(text).find('\t').unwrap_or(0);
    let length = source.text[start..].len() - source.text[start..].trim_start_matches('\t').len();
    Diagnostic::error(Code::Syntax, "tab in indentation", source, start..start + length, "YAML requires spaces")
}

/// Reports a template without quotes, which YAML parses as nested mappings.
pub(super) fn template(source: &Arc<Source>, span: Span) -> Diagnostic {
    let written = &source.text[span.clone()];
    // Settings are read by placeholders, which have one pair of braces.
    let inside = written.trim_start_matches('{').trim_end_matches('}').trim();
    let replacement = match inside.starts_with("settings.") {
        true => quoted(&format!("{{{inside}}}")),
        false => quoted(written),
    };
    let message = "missing quotes around a template";
    Diagnostic::error(Code::BlockAsKey, message, source, span.clone(), "parsed as a nested mapping")
        .fix(span, replacement)
}

struct Mistake<'s> {
    source: &'s Arc<Source>,
    at: usize,
    before: &'s Before,
}

impl Mistake<'_> {
    fn at_character(&self, message: &str, label: &str) -> Diagnostic {
        Diagnostic::error(Code::Syntax, message, self.source, self.character(), label)
    }

    /// Returns the span of the character at the error; empty at the end of a line.
    fn character(&self) -> Span {
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

    /// Returns the first line from here with a tab in its indentation; the parser reports the start of the text before
    /// it.
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

    /// An unclosed bracket, such as `[1, 2` followed by `b: 1` on the next line, is reported where it was opened.
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
        found.also(self.character(), "still open here")
    }

    /// Returns the characters that end an unquoted string at this position.
    fn stops(&self, start: usize) -> &'static [char] {
        // The parser has not yet reported the brackets of this line, because they may still be part of a key.
        let is_inside = self.before.open.is_some() || is_open(&self.source.text[self.line_start(start)..start]);
        if is_inside { &[',', ']', '}'] } else { &[] }
    }

    /// `a: b: c`: a string that contains a colon, on a single line.
    fn colon(&self) -> Diagnostic {
        let text = &self.source.text;
        let value = self.before.last.as_ref().map(|last| last.start).filter(|&start| {
            let is_value = !text[self.line_start(start)..start].trim_matches([' ', '-']).is_empty();
            is_value && start < self.at && !text[start..self.at].contains('\n') && !is_quoted(&text[start..])
        });
        let Some(start) = value else {
            return self.at_character("unexpected `:`", "is the indentation of this line correct?");
        };
        let stops = self.stops(start);
        let span = start..extent(text, start, stops);
        let message = "missing quotes around a string with `: `";
        // Between braces, `kind: basic username: x` lacks a comma instead.
        let before = text[span.clone()].split(':').next().unwrap_or_default();
        if !stops.is_empty() && before.trim().contains(' ') {
            let label = "quotes around this string, or a comma in it";
            return Diagnostic::error(Code::Syntax, "missing quotes or comma", self.source, span, label);
        }
        let replacement = quoted(&text[span.clone()]);
        Diagnostic::error(Code::Syntax, message, self.source, span.clone(), "this string").fix(span, replacement)
    }

    /// Returns the position of the colon in `a:1` at the start of a line.
    fn colon_without_space(&self) -> Option<usize> {
        let line = &self.source.text[self.at..];
        let key = line.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)).count();
        let rest = line[key..].strip_prefix(':')?;
        (self.starts_line() && key > 0 && !rest.starts_with("//")).then_some(self.at + key)
    }

    fn missing_space(&self) -> Diagnostic {
        let colon = self.colon_without_space().unwrap_or(self.at);
        let found = Diagnostic::error(Code::Syntax, "missing space after `:`", self.source, colon..colon + 1, "here");
        found.fix(colon..colon + 1, ": ")
    }

    /// `a: @x`: a string that starts with a reserved character.
    fn reserved_character(&self, sign: char) -> Diagnostic {
        if sign.is_control() {
            let label = format!("U+{:04X}", sign as u32);
            return self.at_character("unexpected control character", &label);
        }
        let span = self.at..extent(&self.source.text, self.at, self.stops(self.at)).max(self.at);
        let replacement = quoted(&self.source.text[span.clone()]);
        let message = format!("missing quotes around a string that starts with `{sign}`");
        Diagnostic::error(Code::Syntax, message, self.source, span.clone(), "this string").fix(span, replacement)
    }

    /// `a: *`: an anchor or alias without a name, intended as a string.
    fn missing_anchor_name(&self) -> Diagnostic {
        let span = self.at..extent(&self.source.text, self.at, self.stops(self.at)).max(self.at);
        let text = &self.source.text[span.clone()];
        let message = format!("missing quotes around `{}`", clip(text));
        let label = if text.starts_with('&') { "`&` starts an anchor" } else { "`*` starts an alias" };
        Diagnostic::error(Code::Alias, message, self.source, span.clone(), label).fix(span, quoted(text))
    }
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Returns whether a part of a line leaves a bracket open.
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

fn char_boundary_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
