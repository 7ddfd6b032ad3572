//! A text as it is sent and as it is shown.

use std::fmt;
use zeroize::Zeroizing;

/// A visible part of a text, or the name of a secret in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Name(String),
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Name(name) => write!(f, "{{{name}}}"),
        }
    }
}

/// A text that may contain secrets, with its redacted form for display.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redacted {
    value: Zeroizing<String>,
    redacted: Vec<Piece>,
}

impl Redacted {
    /// Creates a text from its real and its redacted form.
    pub(super) fn both(value: &str, redacted: &str) -> Self {
        Self { value: Zeroizing::new(value.to_owned()), redacted: vec![Piece::Text(redacted.to_owned())] }
    }

    pub(super) fn plain(text: &str) -> Self {
        Self::both(text, text)
    }

    pub(super) fn push(&mut self, text: &str) {
        self.value.push_str(text);
        match self.redacted.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.redacted.push(Piece::Text(text.to_owned())),
        }
    }

    /// Creates a secret that is displayed as its name.
    pub(super) fn secret(secret: &str, name: &str) -> Self {
        Self { value: Zeroizing::new(secret.to_owned()), redacted: vec![Piece::Name(name.to_owned())] }
    }

    /// Creates a text that a response contains, displayed as these pieces.
    pub(super) fn external(text: &str, redacted: Vec<Piece>) -> Self {
        Self { value: Zeroizing::new(text.to_owned()), redacted }
    }

    /// Replaces the real form, which this one displays.
    pub(super) fn shown_for(self, value: Zeroizing<String>) -> Self {
        Self { value, ..self }
    }

    /// Encodes both forms; names of secrets stay unchanged.
    pub(super) fn encoded(&self, encode: fn(&str) -> String) -> Self {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Piece::Text(encode(text)),
            Piece::Name(name) => Piece::Name(name.clone()),
        };
        Self { value: Zeroizing::new(encode(&self.value)), redacted: self.redacted.iter().map(piece).collect() }
    }

    /// Appends an encoded secret, which is displayed as its name.
    pub(super) fn push_secret(&mut self, secret: &str, name: &str) {
        self.value.push_str(secret);
        self.redacted.push(Piece::Name(name.to_owned()));
    }

    pub(super) fn push_both(&mut self, other: &Redacted) {
        self.value.push_str(&other.value);
        self.redacted.extend(other.redacted.iter().cloned());
    }

    /// Returns the real text with its secrets, for sending only.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.redacted.iter().try_for_each(|piece| piece.fmt(f))
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}
