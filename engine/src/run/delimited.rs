//! Splits delimited text into records and cells: quotes as in RFC 4180, runs of blanks as a separator, and a last cell
//! that takes the rest of the line.
//!
//! An unclosed quote, or text after a closing quote, makes one bad record; parsing resumes on the next line.

use crate::plan::ColumnsPlan;
use memchr::{memchr, memmem, memrchr};

/// Iterates over the records of a response, each with its first line, from 1. Blank lines and comments are skipped.
pub(super) struct Delimited<'b> {
    rest: &'b [u8],
    line: usize,
    columns: &'b ColumnsPlan,
}

/// Why a line cannot be parsed.
type LineError = &'static str;

impl<'b> Delimited<'b> {
    /// Creates the iterator. The last line of a truncated body is incomplete and omitted.
    pub(super) fn new(body: &'b [u8], is_cut: bool, columns: &'b ColumnsPlan) -> Self {
        let rest = match is_cut {
            true => memrchr(b'\n', body).map_or(&body[..0], |end| &body[..end]),
            false => body,
        };
        Self { rest, line: 1, columns }
    }

    fn is_skipped(&self, line: &[u8]) -> bool {
        let text = line.trim_ascii_start();
        text.is_empty() || self.columns.comment.is_some_and(|comment| text.first() == Some(&comment))
    }

    fn advance(&mut self, octets: usize) {
        let (read, rest) = self.rest.split_at(octets.min(self.rest.len()));
        self.line += memchr::memchr_iter(b'\n', read).count();
        self.rest = rest;
    }
}

impl Iterator for Delimited<'_> {
    type Item = (usize, Result<Vec<String>, LineError>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = line_end(self.rest);
            if self.is_skipped(&self.rest[..end]) {
                self.advance(end + 1);
                continue;
            }
            let number = self.line;
            let (record, read) = match record(self.rest, self.columns) {
                Ok((cells, read)) => (Ok(cells), read),
                Err(error) => (Err(error), end),
            };
            self.advance(read + 1);
            return Some((number, record));
        }
    }
}

/// Returns the length of the first line, without its terminator.
fn line_end(text: &[u8]) -> usize {
    memchr(b'\n', text).unwrap_or(text.len())
}

/// Returns the cells of the first record, and its length without the line terminator.
fn record(text: &[u8], columns: &ColumnsPlan) -> Result<(Vec<String>, usize), LineError> {
    let separator = Separator::of(columns);
    let (mut cells, mut at) = (vec![], separator.skipped(text));
    loop {
        let end = at + line_end(&text[at..]);
        if columns.at_most.is_some_and(|most| cells.len() + 1 >= most) {
            cells.push(cell_text(&text[at..end])?);
            return Ok((cells, end));
        }
        let start = at + separator.blanks(&text[at..end]);
        let (cell, after) = match text.get(start) {
            Some(b'"') => quoted(text, start + 1, &separator)?,
            _ => {
                let after = separator.find(&text[at..end]).map_or(end, |length| at + length);
                (cell_text(&text[at..after])?, after)
            }
        };
        cells.push(cell);
        match separator.length(&text[after..]) {
            0 => return Ok((cells, after + line_end(&text[after..]))),
            length => at = after + length,
        }
    }
}

/// Parses a quoted cell after its opening quote, and returns the position after trailing blanks. Separators, line
/// breaks and doubled quotes are permitted within.
fn quoted(text: &[u8], start: usize, separator: &Separator) -> Result<(String, usize), LineError> {
    let (mut cell, mut at) = (vec![], start);
    loop {
        let quote = at + memchr(b'"', &text[at..]).ok_or("unclosed quote")?;
        cell.extend_from_slice(&text[at..quote]);
        at = quote + 1;
        if text.get(at) != Some(&b'"') {
            break;
        }
        cell.push(b'"');
        at += 1;
    }
    at += separator.blanks(&text[at..]);
    let rest = &text[at..];
    let is_over = rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n") || separator.length(rest) > 0;
    match is_over {
        true => Ok((String::from_utf8(cell).map_err(|_| NOT_UTF8)?, at)),
        false => Err("text after a closing quote"),
    }
}

const NOT_UTF8: LineError = "invalid UTF-8";

fn cell_text(cell: &[u8]) -> Result<String, LineError> {
    std::str::from_utf8(cell.trim_ascii()).map(str::to_owned).map_err(|_| NOT_UTF8)
}

/// The separator between cells.
enum Separator<'c> {
    /// One or more blanks.
    Blanks,
    /// A fixed text.
    Text(&'c [u8]),
}

impl<'c> Separator<'c> {
    fn of(columns: &'c ColumnsPlan) -> Self {
        let is_blank = columns.separator.trim_matches([' ', '\t']).is_empty() && columns.separator != "\t";
        if is_blank { Self::Blanks } else { Self::Text(columns.separator.as_bytes()) }
    }

    /// Returns the length of a separator at the start of the text. Trailing blanks of a line are not a separator.
    fn length(&self, text: &[u8]) -> usize {
        match self {
            Self::Blanks => match count_blanks(text) {
                length if text[length..].first().is_none_or(|octet| matches!(octet, b'\r' | b'\n')) => 0,
                length => length,
            },
            Self::Text(separator) if text.starts_with(separator) => separator.len(),
            Self::Text(_) => 0,
        }
    }

    fn find(&self, line: &[u8]) -> Option<usize> {
        match self {
            Self::Blanks => line.iter().position(|octet| matches!(octet, b' ' | b'\t')),
            Self::Text(separator) => memmem::find(line, separator),
        }
    }

    /// Counts blanks that are not part of a separator.
    fn blanks(&self, text: &[u8]) -> usize {
        match self {
            Self::Text(separator) if !separator.starts_with(b" ") && !separator.starts_with(b"\t") => {
                count_blanks(text)
            }
            Self::Blanks | Self::Text(_) => 0,
        }
    }

    /// Counts blanks before the first cell.
    fn skipped(&self, text: &[u8]) -> usize {
        if matches!(self, Self::Blanks) { count_blanks(text) } else { 0 }
    }
}

fn count_blanks(text: &[u8]) -> usize {
    text.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn columns(separator: &str, at_most: Option<usize>) -> ColumnsPlan {
        ColumnsPlan { separator: separator.to_owned(), at_most, count: None, header: false, comment: Some(b'#') }
    }

    type Expected<'t> = (usize, Result<Vec<&'t str>, &'t str>);

    fn check(separator: &str, at_most: Option<usize>, text: &str, expected: &[Expected]) {
        let columns = columns(separator, at_most);
        let read: Vec<_> = Delimited::new(text.as_bytes(), false, &columns).collect();
        let owned = |cells: &Vec<&str>| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let expected: Vec<_> =
            expected.iter().map(|(line, record)| (*line, record.as_ref().map(owned).map_err(|e| *e))).collect();
        assert_eq!(read, expected, "{text:?}");
    }

    #[test]
    fn quoted_cell_may_contain_separators_line_breaks_and_quotes() {
        check(",", None, "a, b ,c\r\n\n# no\nd,,\n", &[(1, Ok(vec!["a", "b", "c"])), (4, Ok(vec!["d", "", ""]))]);
        check(
            ",",
            None,
            "example.com,TXT,\"first line\nsecond, \"\"line\"\"\",1\nexample.com,A,192.0.2.1,2",
            &[
                (1, Ok(vec!["example.com", "TXT", "first line\nsecond, \"line\"", "1"])),
                (3, Ok(vec!["example.com", "A", "192.0.2.1", "2"])),
            ],
        );
        check(",", None, "a, \" b \" ,\"\"", &[(1, Ok(vec!["a", " b ", ""]))]);
        check(",", None, "v=spf1 \"x\",b\n", &[(1, Ok(vec!["v=spf1 \"x\"", "b"]))]);
        check("\t", None, "a\t\t\"b\tc\"\n", &[(1, Ok(vec!["a", "", "b\tc"]))]);
        check(" :: ", None, "a :: \"b :: c\" :: d\n", &[(1, Ok(vec!["a", "b :: c", "d"]))]);
        check(" ", None, "  a \t b  \n\"c d\" e", &[(1, Ok(vec!["a", "b"])), (2, Ok(vec!["c d", "e"]))]);
        check("|", Some(3), "a|TXT|\"x|y\" z\n", &[(1, Ok(vec!["a", "TXT", "\"x|y\" z"]))]);
        check(" ", Some(2), "a b c d \n", &[(1, Ok(vec!["a", "b c d"]))]);
    }

    #[test]
    fn invalid_quote_affects_only_its_own_line() {
        check(",", None, "a,\"b\"c,d\ne,f\n", &[(1, Err("text after a closing quote")), (2, Ok(vec!["e", "f"]))]);
        check(
            ",",
            None,
            "a,\"b\ne,f\ng,h",
            &[(1, Err("unclosed quote")), (2, Ok(vec!["e", "f"])), (3, Ok(vec!["g", "h"]))],
        );
        let columns = columns(",", None);
        let read: Vec<_> = Delimited::new(b"a,\xff\nb,c\nd,e", true, &columns).collect();
        assert_eq!(read, [(1, Err(NOT_UTF8)), (2, Ok(vec!["b".to_owned(), "c".to_owned()]))]);
    }

    proptest! {
        #[test]
        fn csv_writer_output_is_parsed(
            records in proptest::collection::vec(proptest::collection::vec("[a\" ,|\n\r#é]{0,6}", 2..4), 0..6),
            separator in select(vec![",", "|", "\t", ";"]),
        ) {
            let mut writer = csv::WriterBuilder::new()
                .delimiter(separator.as_bytes()[0])
                .flexible(true)
                .quote_style(csv::QuoteStyle::Always)
                .from_writer(vec![]);
            for record in &records {
                writer.write_record(record).expect("text");
            }
            let text = writer.into_inner().expect("text");
            let columns = columns(separator, None);
            let read: Vec<_> = Delimited::new(&text, false, &columns).map(|(_, cells)| cells).collect();
            prop_assert_eq!(read, records.into_iter().map(Ok).collect::<Vec<_>>());
        }

        #[test]
        fn any_text_is_split_into_increasing_lines(text in "[a\" ,\n\r]{0,40}", separator in select(vec![",", " ", " :: ", "\t"]), at_most in proptest::option::of(1..4_usize)) {
            let columns = columns(separator, at_most);
            let mut lines = 0;
            for (number, record) in Delimited::new(text.as_bytes(), false, &columns) {
                prop_assert!(number > lines, "line {number} follows line {lines}");
                lines = number;
                if let Ok(cells) = record {
                    prop_assert!(!cells.is_empty() && cells.len() <= at_most.unwrap_or(usize::MAX));
                }
            }
            prop_assert!(lines <= text.split('\n').count());
        }
    }
}
