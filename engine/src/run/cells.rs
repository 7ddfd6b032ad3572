//! A line of delimited values cut into its cells, by the signs that a profile names: blanks in a row, quotes, and a last cell
//! that takes all that is left.

use crate::plan::ColumnsPlan;

/// The cells of a line. A cell in quotes may hold the separator; two quotes in it are one.
pub(super) fn cells(line: &[u8], columns: &ColumnsPlan) -> Vec<String> {
    let text = String::from_utf8_lossy(line);
    let is_blank = columns.separator.trim_matches([' ', '\t']).is_empty() && columns.separator != "\t";
    let separator = |rest: &str| match is_blank {
        true => rest.len() - rest.trim_start_matches([' ', '\t']).len(),
        false if rest.starts_with(&columns.separator) => columns.separator.len(),
        false => 0,
    };
    let mut rest = if is_blank { text.trim() } else { text.as_ref() };
    let mut cells = vec![];
    while columns.at_most.is_none_or(|most| cells.len() + 1 < most) {
        let (cell, after) = cell(rest, &separator);
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return cells,
        }
    }
    cells.push(rest.trim().to_owned());
    cells
}

/// The first cell of a text, and what comes after its separator.
fn cell<'t>(text: &'t str, separator: &impl Fn(&str) -> usize) -> (String, Option<&'t str>) {
    let (mut cell, mut is_quoted) = (String::new(), false);
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' if is_quoted && signs.peek().is_some_and(|(_, next)| *next == '"') => {
                signs.next();
                cell.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if cell.trim().is_empty() => {
                cell.clear();
                is_quoted = true;
            }
            sign => {
                let length = if is_quoted { 0 } else { separator(&text[at..]) };
                if length > 0 {
                    return (cell.trim().to_owned(), Some(&text[at + length..]));
                }
                cell.push(sign);
            }
        }
    }
    (cell.trim().to_owned(), None)
}
