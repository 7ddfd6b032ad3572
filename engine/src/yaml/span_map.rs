//! Maps positions in a parsed string to positions in its source text, through quotes, escapes, indentation and folded
//! lines.

use std::ops::Range;
use std::str::Chars;

/// Returns the range of the source text that corresponds to a range of the parsed string, or `None` if the two do not
/// match. The range must lie on character boundaries.
pub(super) fn source_range(written: &str, text: &str, inside: &Range<usize>) -> Option<Range<usize>> {
    // A block scalar may start with a quotation mark.
    [Style::of(written), Style::Plain]
        .into_iter()
        .find_map(|style| align(SourceChars::new(written, style), text, inside))
}

fn align(mut letters: SourceChars, text: &str, inside: &Range<usize>) -> Option<Range<usize>> {
    let (mut start, mut end) = (None, letters.at);
    for (at, letter) in text.char_indices() {
        let place = letters.find(letter)?;
        if at == inside.start {
            start = Some(place.start);
        }
        if at < inside.end {
            end = place.end;
        }
    }
    let start = start.unwrap_or(end);
    Some(start..end.max(start))
}

/// Style of a scalar in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

impl Style {
    fn of(written: &str) -> Style {
        match written.as_bytes() {
            [b'\'', .., b'\''] => Self::Single,
            [b'"', .., b'"'] => Self::Double,
            _ => Self::Plain,
        }
    }
}

/// Iterator over the characters of a scalar in the source.
struct SourceChars<'w> {
    written: &'w str,
    style: Style,
    at: usize,
}

/// A character in the source.
struct SourceChar {
    place: Range<usize>,
    /// The parsed character; `None` for an escaped line break, which is removed.
    read: Option<char>,
    is_escaped: bool,
}

impl<'w> SourceChars<'w> {
    fn new(written: &'w str, style: Style) -> Self {
        let quotes = usize::from(style != Style::Plain);
        Self { written: &written[..written.len() - quotes], style, at: quotes }
    }

    /// Returns the range of the next source character that is parsed as `wanted`. Skips whitespace that is not part of
    /// the parsed string: indentation and folded line breaks.
    fn find(&mut self, wanted: char) -> Option<Range<usize>> {
        loop {
            let Some(letter) = self.next() else {
                // A block scalar ends with a line break outside its span.
                return wanted.is_whitespace().then_some(self.at..self.at);
            };
            let is_blank = !letter.is_escaped && letter.read.is_some_and(char::is_whitespace);
            match letter.read {
                Some(read) if read == wanted || is_blank && wanted.is_whitespace() => return Some(letter.place),
                Some(_) if !is_blank => return None,
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Option<SourceChar> {
        let start = self.at;
        let mut rest = self.written[start..].chars();
        let first = rest.next()?;
        let (read, is_escaped) = match (self.style, first) {
            (Style::Double, '\\') => (parse_escape(&mut rest), true),
            (Style::Single, '\'') => (rest.next(), true),
            _ => (Some(first), false),
        };
        self.at = self.written.len() - rest.as_str().len();
        Some(SourceChar { place: start..self.at, read, is_escaped })
    }
}

/// Parses the text after a backslash (YAML 1.2 §5.7). Returns `None` for a line break, which is removed together with
/// the indentation of the next line.
fn parse_escape(rest: &mut Chars) -> Option<char> {
    let letter = rest.next()?;
    if matches!(letter, '\r' | '\n') {
        *rest = rest.as_str().trim_start().chars();
        return None;
    }
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Some(named_escape(letter)),
    };
    let number = rest.as_str().get(..digits)?;
    *rest = rest.as_str()[digits..].chars();
    char::from_u32(u32::from_str_radix(number, 16).ok()?)
}

fn named_escape(letter: char) -> char {
    match letter {
        '0' => '\0',
        'a' => '\x07',
        'b' => '\x08',
        't' => '\t',
        'n' => '\n',
        'v' => '\x0b',
        'f' => '\x0c',
        'r' => '\r',
        'e' => '\x1b',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        other => other,
    }
}
