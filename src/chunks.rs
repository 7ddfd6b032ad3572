//! Reads a stored response in chunks of whole lines, so that a large one is never in memory at once.

use crate::files::{Bound, bounded, too_large};
use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

/// Bytes that are read at a time. A longer line makes a longer chunk.
const CHUNK_SIZE: usize = 1024 * 1024;

/// The error that ended the iteration early, if any; read it after the last chunk.
pub(crate) type ReadError = Rc<RefCell<Option<io::Error>>>;

/// Iterator over the chunks of a response; yields at least one.
pub(crate) struct Chunks {
    from: Box<dyn Read>,
    by_lines: bool,
    length: u64,
    /// Bytes after the last complete line.
    rest: Vec<u8>,
    is_first: bool,
    failed: ReadError,
}

impl Chunks {
    /// Returns an iterator over lines, or over one chunk with `length` bytes, if known, reserved for it.
    pub(crate) fn new(from: Box<dyn Read>, by_lines: bool, length: u64, failed: &ReadError) -> Chunks {
        Chunks { from, by_lines, length, rest: vec![], is_first: true, failed: Rc::clone(failed) }
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = std::mem::take(&mut self.rest);
        if !self.by_lines {
            let length = std::mem::take(&mut self.length);
            return bounded(&mut self.from, length, Bound::ANSWER);
        }
        loop {
            let before = chunk.len();
            let read = self.from.by_ref().take(CHUNK_SIZE as u64).read_to_end(&mut chunk)?;
            let end = chunk[before..].iter().rposition(|&byte| byte == b'\n').map(|at| before + at + 1);
            if let Some(end) = end.filter(|_| read > 0) {
                self.rest = chunk.split_off(end);
            } else if chunk.len() as u64 > Bound::LINE.0 {
                return Err(too_large(Bound::LINE));
            } else if read > 0 {
                continue;
            }
            return Ok(chunk);
        }
    }
}

impl Iterator for Chunks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.read() {
            Ok(chunk) => Some(chunk).filter(|chunk| is_first || !chunk.is_empty()),
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
    fn chunks_end_with_lines_and_concatenate_to_the_input() {
        for text in
            [String::new(), "a".into(), "a\n".into(), "line\n".repeat(CHUNK_SIZE), "x".repeat(3 * CHUNK_SIZE) + "\nb"]
        {
            let read = |by_lines: bool| {
                let from = Box::new(io::Cursor::new(text.clone().into_bytes()));
                Chunks::new(from, by_lines, text.len() as u64, &ReadError::default()).collect::<Vec<_>>()
            };
            assert_eq!(read(false), [text.as_bytes()]);
            let chunks = read(true);
            assert!(chunks.concat() == text.as_bytes() && !chunks.is_empty(), "{} bytes", text.len());
            let (_, but_last) = chunks.split_last().expect("one at least");
            assert!(but_last.iter().all(|chunk| chunk.ends_with(b"\n")));
        }
    }
}
