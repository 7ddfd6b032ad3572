//! A short text that is kept where it is used: ids and times are written a million times, and never longer than this.

use std::fmt;

/// The longest text: an id of the longest type has 56 octets, a time 27.
pub(super) const LONGEST: usize = 64;

/// A text in ASCII.
#[derive(Clone, Copy)]
pub(super) struct Short<const ROOM: usize = LONGEST> {
    bytes: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Short<ROOM> {
    pub(super) fn new() -> Self {
        Short { bytes: [0; ROOM], length: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// Without its last sign.
    pub(super) fn pop(&mut self) {
        self.length -= 1;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("ids and times are ASCII")
    }
}

impl<const ROOM: usize> fmt::Write for Short<ROOM> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
