//! Serializes properties to compact or indented JSON text, or to any serde format. Text is written directly in its
//! final form, because escaping strings that need no escapes took most of the time of a bundle.

use super::id::{Id, escaped};
use super::inline_string::{CAPACITY, Short};
use serde::ser::SerializeMap;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Receives the properties of an object in order.
pub(super) trait Properties {
    /// Error of the underlying serializer.
    type Error;

    /// Writes a string that needs no escapes.
    fn plain(&mut self, name: &'static str, text: &str) -> Result<(), Self::Error>;

    /// Writes a string and escapes it.
    fn text(&mut self, name: &'static str, text: &str) -> Result<(), Self::Error>;

    /// Writes an unsigned integer.
    fn number(&mut self, name: &'static str, number: u32) -> Result<(), Self::Error>;

    /// Writes a time, which needs no escapes.
    fn short(&mut self, name: &'static str, text: Short) -> Result<(), Self::Error> {
        self.plain(name, text.as_str())
    }

    /// Writes an id, which needs no escapes.
    fn id(&mut self, name: &'static str, id: Id) -> Result<(), Self::Error>;

    /// Writes a list of ids.
    fn ids(&mut self, name: &'static str, ids: &[Id]) -> Result<(), Self::Error>;

    /// Writes an object with a single property.
    fn only_property(&mut self, name: &'static str, inner: &'static str, text: &str) -> Result<(), Self::Error>;
}

/// Writes properties as entries of a serde map.
pub(super) struct InMap<'m, M>(pub(super) &'m mut M);

impl<M: SerializeMap> Properties for InMap<'_, M> {
    type Error = M::Error;

    fn plain(&mut self, name: &'static str, text: &str) -> Result<(), M::Error> {
        self.0.serialize_entry(name, text)
    }

    fn text(&mut self, name: &'static str, text: &str) -> Result<(), M::Error> {
        self.0.serialize_entry(name, text)
    }

    fn number(&mut self, name: &'static str, number: u32) -> Result<(), M::Error> {
        self.0.serialize_entry(name, &number)
    }

    fn id(&mut self, name: &'static str, id: Id) -> Result<(), M::Error> {
        self.0.serialize_entry(name, &id)
    }

    fn ids(&mut self, name: &'static str, ids: &[Id]) -> Result<(), M::Error> {
        self.0.serialize_entry(name, ids)
    }

    fn only_property(&mut self, name: &'static str, inner: &'static str, text: &str) -> Result<(), M::Error> {
        self.0.serialize_entry(name, &BTreeMap::from([(inner, text)]))
    }
}

/// White space between the tokens of JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Without whitespace.
    Compact,
    /// One property on a line, indented by two spaces for each level, as by `serde_json::to_string_pretty`.
    Pretty,
}

/// JSON text under construction, at some depth.
pub(super) struct Text {
    layout: Layout,
    depth: usize,
    /// Nothing was written since the last opening bracket.
    is_first: bool,
    pub(super) bytes: Vec<u8>,
}

impl Text {
    pub(super) fn new(layout: Layout) -> Text {
        Text { layout, depth: 0, is_first: true, bytes: vec![] }
    }

    /// Starts with the items of a list at this depth, with a capacity in octets.
    pub(super) fn items(layout: Layout, depth: usize, is_first: bool, capacity: usize) -> Text {
        Text { layout, depth, is_first, bytes: Vec::with_capacity(capacity) }
    }

    pub(super) fn open(&mut self, bracket: u8) {
        self.bytes.push(bracket);
        self.depth += 1;
        self.is_first = true;
    }

    pub(super) fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        if !self.is_first {
            self.new_line();
        }
        self.bytes.push(bracket);
        self.is_first = false;
    }

    /// Writes the separator in front of a list item or property.
    #[inline]
    pub(super) fn item(&mut self) {
        if !self.is_first {
            self.bytes.push(b',');
        }
        self.is_first = false;
        self.new_line();
    }

    /// Inlined, because all names and their lengths are known at compile time.
    #[inline(always)]
    pub(super) fn name(&mut self, name: &'static str) {
        self.item();
        self.quoted(name.as_bytes());
        self.bytes.push(b':');
        if self.layout == Layout::Pretty {
            self.bytes.push(b' ');
        }
    }

    /// Writes a string property that needs no escapes.
    #[inline(always)]
    pub(super) fn property(&mut self, name: &'static str, text: &str) {
        self.name(name);
        self.quoted(text.as_bytes());
    }

    /// Writes a list item that is an object.
    pub(super) fn object(&mut self, write: impl FnOnce(&mut Self) -> Result<(), Infallible>) {
        self.item();
        self.open(b'{');
        let Ok(()) = write(self);
        self.close(b'}');
    }

    #[inline(always)]
    fn quoted(&mut self, text: &[u8]) {
        self.bytes.reserve(text.len() + 2);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text);
        self.bytes.push(b'"');
    }

    fn quoted_id(&mut self, id: Id) {
        self.bytes.reserve(CAPACITY + 2);
        self.bytes.push(b'"');
        id.write(&mut self.bytes);
        self.bytes.push(b'"');
    }

    fn new_line(&mut self) {
        if self.layout == Layout::Pretty {
            self.bytes.push(b'\n');
            self.bytes.resize(self.bytes.len() + 2 * self.depth, b' ');
        }
    }
}

impl Properties for Text {
    type Error = Infallible;

    #[inline(always)]
    fn plain(&mut self, name: &'static str, text: &str) -> Result<(), Infallible> {
        self.property(name, text);
        Ok(())
    }

    #[inline(always)]
    fn text(&mut self, name: &'static str, text: &str) -> Result<(), Infallible> {
        self.plain(name, &escaped(text))
    }

    #[inline(always)]
    fn short(&mut self, name: &'static str, text: Short) -> Result<(), Infallible> {
        self.name(name);
        self.quoted(text.as_bytes());
        Ok(())
    }

    fn number(&mut self, name: &'static str, number: u32) -> Result<(), Infallible> {
        self.name(name);
        self.bytes.extend_from_slice(number.to_string().as_bytes());
        Ok(())
    }

    #[inline(always)]
    fn id(&mut self, name: &'static str, id: Id) -> Result<(), Infallible> {
        self.name(name);
        self.quoted_id(id);
        Ok(())
    }

    fn ids(&mut self, name: &'static str, ids: &[Id]) -> Result<(), Infallible> {
        self.name(name);
        self.open(b'[');
        for id in ids {
            self.item();
            self.quoted_id(*id);
        }
        self.close(b']');
        Ok(())
    }

    fn only_property(&mut self, name: &'static str, inner: &'static str, text: &str) -> Result<(), Infallible> {
        self.name(name);
        self.open(b'{');
        self.plain(inner, text)?;
        self.close(b'}');
        Ok(())
    }
}
