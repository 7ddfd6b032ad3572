//! A short string on the stack: ids and times are written millions of times and never exceed this length.

use std::fmt;

/// Capacity in octets: an id of the longest type has 56, a time 27.
pub(super) const CAPACITY: usize = 64;

/// An ASCII string with a fixed capacity.
#[derive(Clone, Copy)]
pub(super) struct Short<const N: usize = CAPACITY> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Short<N> {
    pub(super) fn new() -> Self {
        Short { bytes: [0; N], length: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// Removes the last character.
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

impl<const N: usize> fmt::Write for Short<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
