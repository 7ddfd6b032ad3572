//! Where a part of a text stands in the source: past quotes, escapes, indentation and folded lines.

use std::ops::Range;
use std::str::Chars;

/// Where bytes of a text stand in how it is written; nothing where the two do not go together. The bytes are whole letters.
pub(super) fn place(written: &str, text: &str, inside: &Range<usize>) -> Option<Range<usize>> {
    // A block of text may start with a quote of its own.
    [Style::of(written), Style::Plain].into_iter().find_map(|style| aligned(Letters::new(written, style), text, inside))
}

fn aligned(mut letters: Letters, text: &str, inside: &Range<usize>) -> Option<Range<usize>> {
    let (mut start, mut end) = (None, letters.at);
    for (at, letter) in text.char_indices() {
        let place = letters.standing_for(letter)?;
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

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

impl Style {
    fn of(written: &str) -> Style {
        match written.as_bytes().first() {
            Some(b'\'') => Self::Single,
            Some(b'"') => Self::Double,
            _ => Self::Plain,
        }
    }
}

/// The letters of a written text, one after the other.
struct Letters<'w> {
    written: &'w str,
    style: Style,
    at: usize,
}

/// A letter as written.
struct Letter {
    place: Range<usize>,
    /// What it is read as; a line break after a backslash is read as nothing.
    read: Option<char>,
    is_escaped: bool,
}

impl<'w> Letters<'w> {
    fn new(written: &'w str, style: Style) -> Self {
        let quotes = usize::from(style != Style::Plain);
        let end = written.len().saturating_sub(quotes).max(quotes.min(written.len()));
        Self { written: &written[..end], style, at: quotes.min(end) }
    }

    /// The next letter that is read as this one. Blanks are written that no text has: indentation, and what is folded.
    fn standing_for(&mut self, wanted: char) -> Option<Range<usize>> {
        loop {
            let Some(letter) = self.next() else {
                // A block of text ends with a line break that is not part of its place.
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

    fn next(&mut self) -> Option<Letter> {
        let start = self.at;
        let mut rest = self.written[start..].chars();
        let first = rest.next()?;
        let (read, is_escaped) = match (self.style, first) {
            (Style::Double, '\\') => (escaped(&mut rest), true),
            (Style::Single, '\'') => (rest.next(), true),
            _ => (Some(first), false),
        };
        self.at = self.written.len() - rest.as_str().len();
        Some(Letter { place: start..self.at, read, is_escaped })
    }
}

/// What a backslash and what stands after it are read as (YAML 1.2 §5.7); nothing for a line break and what indents the next.
fn escaped(rest: &mut Chars) -> Option<char> {
    let letter = rest.next()?;
    if matches!(letter, '\r' | '\n') {
        *rest = rest.as_str().trim_start().chars();
        return None;
    }
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Some(named(letter)),
    };
    let number = rest.as_str().get(..digits)?;
    *rest = rest.as_str()[digits..].chars();
    char::from_u32(u32::from_str_radix(number, 16).ok()?)
}

fn named(letter: char) -> char {
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
