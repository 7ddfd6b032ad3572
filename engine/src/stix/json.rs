//! Properties on their way to JSON, as compact text or as people read it, or to whatever serde knows. Text is written at
//! once into its final bytes: of a bundle's time, most went into escaping texts that hold nothing to escape.

use super::id::{Id, escaped};
use super::short::{LONGEST, Short};
use serde::ser::SerializeMap;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Who is told an object's properties.
pub(super) trait Properties {
    /// Why one cannot be taken.
    type Error;

    /// A text of our own, which needs no escape.
    fn plain(&mut self, name: &'static str, text: &str) -> Result<(), Self::Error>;

    /// Any text.
    fn text(&mut self, name: &'static str, text: &str) -> Result<(), Self::Error>;

    /// A number.
    fn number(&mut self, name: &'static str, number: u32) -> Result<(), Self::Error>;

    /// A time.
    fn short(&mut self, name: &'static str, text: Short) -> Result<(), Self::Error> {
        self.plain(name, text.as_str())
    }

    /// An id.
    fn id(&mut self, name: &'static str, id: Id) -> Result<(), Self::Error>;

    /// A list of ids.
    fn ids(&mut self, name: &'static str, ids: &[Id]) -> Result<(), Self::Error>;

    /// An object of one property.
    fn only_property(&mut self, name: &'static str, inner: &'static str, text: &str) -> Result<(), Self::Error>;
}

/// The entries of a map that serde serialises.
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

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// No blanks.
    Compact,
    /// A property a line, two blanks a level, as serde_json writes it for people.
    Pretty,
}

/// JSON text as it grows, at some depth.
pub(super) struct Text {
    layout: Layout,
    depth: usize,
    /// Nothing stands yet after the last bracket.
    is_first: bool,
    pub(super) bytes: Vec<u8>,
}

impl Text {
    pub(super) fn new(layout: Layout) -> Text {
        Text { layout, depth: 0, is_first: true, bytes: vec![] }
    }

    /// Items of a list that stands at this depth, with room for so many octets.
    pub(super) fn items(layout: Layout, depth: usize, is_first: bool, room: usize) -> Text {
        Text { layout, depth, is_first, bytes: Vec::with_capacity(room) }
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

    /// Before an item of a list, or a property.
    #[inline]
    pub(super) fn item(&mut self) {
        if !self.is_first {
            self.bytes.push(b',');
        }
        self.is_first = false;
        self.new_line();
    }

    /// In line, as what it calls, since all names are known to the compiler: their lengths are then, too.
    #[inline(always)]
    pub(super) fn name(&mut self, name: &'static str) {
        self.item();
        self.quoted(name.as_bytes());
        self.bytes.push(b':');
        if self.layout == Layout::Pretty {
            self.bytes.push(b' ');
        }
    }

    /// A property that needs no escape.
    #[inline(always)]
    pub(super) fn property(&mut self, name: &'static str, text: &str) {
        self.name(name);
        self.quoted(text.as_bytes());
    }

    /// An item of a list that is an object.
    pub(super) fn object(&mut self, tell: impl FnOnce(&mut Self) -> Result<(), Infallible>) {
        self.item();
        self.open(b'{');
        let Ok(()) = tell(self);
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
        self.bytes.reserve(LONGEST + 2);
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
