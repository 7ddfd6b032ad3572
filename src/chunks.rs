//! A stored answer as pieces, so that a long one is never held as a whole: lines are cut apart behind a line's end.

use crate::files::{Bound, bounded, too_large};
use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

/// So many octets are read at once; a longer line makes a longer piece.
const LEAST: usize = 1024 * 1024;

/// What kept an answer from being read to its end, for whoever asks after the last piece.
pub(crate) type Failed = Rc<RefCell<Option<io::Error>>>;

/// The pieces of an answer; one at least.
pub(crate) struct Pieces {
    from: Box<dyn Read>,
    by_lines: bool,
    length: u64,
    /// What was read behind the last line's end.
    rest: Vec<u8>,
    is_first: bool,
    failed: Failed,
}

impl Pieces {
    /// `length` is how long it is, as far as that is known: where it is one piece, that much memory is taken and no more.
    pub(crate) fn new(from: Box<dyn Read>, by_lines: bool, length: u64, failed: &Failed) -> Pieces {
        Pieces { from, by_lines, length, rest: vec![], is_first: true, failed: Rc::clone(failed) }
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = std::mem::take(&mut self.rest);
        if !self.by_lines {
            let length = std::mem::take(&mut self.length);
            return bounded(&mut self.from, length, Bound::ANSWER);
        }
        loop {
            let before = piece.len();
            let read = self.from.by_ref().take(LEAST as u64).read_to_end(&mut piece)?;
            let end = piece[before..].iter().rposition(|&byte| byte == b'\n').map(|at| before + at + 1);
            if let Some(end) = end.filter(|_| read > 0) {
                self.rest = piece.split_off(end);
            } else if piece.len() as u64 > Bound::LINE.0 {
                return Err(too_large(Bound::LINE));
            } else if read > 0 {
                continue;
            }
            return Ok(piece);
        }
    }
}

impl Iterator for Pieces {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.read() {
            Ok(piece) => Some(piece).filter(|piece| is_first || !piece.is_empty()),
            Err(error) => {
                *self.failed.borrow_mut() = Some(error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_with_lines_and_are_the_whole_together() {
        for text in [String::new(), "a".into(), "a\n".into(), "line\n".repeat(LEAST), "x".repeat(3 * LEAST) + "\nb"] {
            let read = |by_lines: bool| {
                let from = Box::new(io::Cursor::new(text.clone().into_bytes()));
                Pieces::new(from, by_lines, text.len() as u64, &Failed::default()).collect::<Vec<_>>()
            };
            assert_eq!(read(false), [text.as_bytes()]);
            let pieces = read(true);
            assert!(pieces.concat() == text.as_bytes() && !pieces.is_empty(), "{} octets", text.len());
            let (_, but_last) = pieces.split_last().expect("one at least");
            assert!(but_last.iter().all(|piece| piece.ends_with(b"\n")));
        }
    }
}
