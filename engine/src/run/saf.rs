//! Parses a line of the Streaming API Framing (SAF) protocol in one pass; its `obj` is read directly into slots.

use super::extract::{Fill, Slot, Trie};
use super::key::{Key, KeySeed};
use super::prune::Pruned;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// A line of the stream.
#[derive(Debug, Default)]
pub(super) struct Frame<'l> {
    /// `cond`: state of the stream.
    pub(super) cond: Option<Cow<'l, str>>,
    /// `msg`: message to `cond`.
    pub(super) msg: Option<Cow<'l, str>>,
    /// `obj`: the payload.
    pub(super) payload: Option<Payload>,
}

/// The payload of a line.
#[derive(Debug, PartialEq)]
pub(super) enum Payload {
    /// An object that was read into the slots.
    InSlots,
    /// The type of a value other than an object.
    Other(&'static str),
    /// Any value, for rows that are read from a tree.
    Tree(Value),
}

/// Deserializes a line, and its payload with the inner seed.
pub(super) struct FrameSeed<'t, 's, 'l>(pub(super) PayloadSeed<'t, 's, 'l>);

impl<'l> DeserializeSeed<'l> for FrameSeed<'_, '_, 'l> {
    type Value = Frame<'l>;

    fn deserialize<D: Deserializer<'l>>(self, deserializer: D) -> Result<Frame<'l>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'l> Visitor<'l> for FrameSeed<'_, '_, 'l> {
    type Value = Frame<'l>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frame")
    }

    fn visit_map<A: MapAccess<'l>>(self, mut map: A) -> Result<Frame<'l>, A::Error> {
        let (mut frame, mut payload) = (Frame::default(), Some(self.0));
        let text = |key: Key<'l>| key.0;
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            match key.as_ref() {
                "cond" if frame.cond.is_none() => frame.cond = map.next_value_seed(Maybe(KeySeed))?.map(text),
                "msg" if frame.msg.is_none() => frame.msg = map.next_value_seed(Maybe(KeySeed))?.map(text),
                "obj" => {
                    let payload = payload.take().ok_or_else(|| A::Error::duplicate_field("obj"))?;
                    frame.payload = map.next_value_seed(Maybe(payload))?;
                }
                "cond" => return Err(A::Error::duplicate_field("cond")),
                "msg" => return Err(A::Error::duplicate_field("msg")),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(frame)
    }
}

/// Deserializes a payload; to a tree if there is no trie.
pub(super) struct PayloadSeed<'t, 's, 'l> {
    pub(super) trie: Option<&'t Trie>,
    pub(super) slots: &'s mut [Slot<'l>],
    pub(super) values: Pruned<'t>,
}

impl<'l> DeserializeSeed<'l> for PayloadSeed<'_, '_, 'l> {
    type Value = Payload;

    fn deserialize<D: Deserializer<'l>>(self, deserializer: D) -> Result<Payload, D::Error> {
        let Some(trie) = self.trie else { return self.values.deserialize(deserializer).map(Payload::Tree) };
        let other = Fill { trie, slots: self.slots, guard: self.values.guard }.deserialize(deserializer)?;
        Ok(other.map_or(Payload::InSlots, Payload::Other))
    }
}

/// Deserializes an optional value with another seed.
struct Maybe<S>(S);

impl<'l, S: DeserializeSeed<'l>> DeserializeSeed<'l> for Maybe<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'l>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'l, S: DeserializeSeed<'l>> Visitor<'l> for Maybe<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'l>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::super::prune::Guard;
    use super::*;
    use crate::plan::Path;

    fn read(line: &str, with_trie: bool) -> Result<(String, Option<Payload>, Vec<Value>), serde_json::Error> {
        let mut trie = Trie::default();
        assert!(trie.add(&Path::parse("$.a").expect("a path"), 0));
        let mut slots = [Slot::Absent];
        let guard = Guard::new(line.len());
        let values = Pruned::whole(&guard);
        let seed = FrameSeed(PayloadSeed { trie: with_trie.then_some(&trie), slots: &mut slots, values });
        let frame = seed.deserialize(&mut serde_json::Deserializer::from_str(line))?;
        let state = format!("{:?} {:?}", frame.cond, frame.msg);
        Ok((state, frame.payload, slots.iter().map(Slot::to_value).collect()))
    }

    #[test]
    fn frame_members_are_read_in_any_order() {
        let check = |line: &str, state: &str, payload: Option<Payload>, slot: Value| {
            let read = read(line, true).expect("a frame");
            assert_eq!(read, (state.to_owned(), payload, vec![slot]), "{line}");
        };
        check(r#"{"obj":{"a":1,"b":[2]},"x":0}"#, "None None", Some(Payload::InSlots), 1.into());
        check(r#"{"cond":"ongoing","obj":{"a":"y"}}"#, "Some(\"ongoing\") None", Some(Payload::InSlots), "y".into());
        check(r#"{"cond":"failed","msg":"a\nb","obj":null}"#, "Some(\"failed\") Some(\"a\\nb\")", None, Value::Null);
        check(r#"{"obj":[1]}"#, "None None", Some(Payload::Other("a list")), Value::Null);
        check("{}", "None None", None, Value::Null);
        assert_eq!(read(r#"{"obj":[1]}"#, false).expect("a frame").1, Some(Payload::Tree(serde_json::json!([1]))));
    }

    #[test]
    fn invalid_frame_is_an_error() {
        for line in [
            "[]",
            "1",
            r#"{"cond":1}"#,
            r#"{"cond":"begin","cond":"begin"}"#,
            r#"{"obj":{},"obj":{}}"#,
            r#"{"obj":{"a":}"#,
        ] {
            assert!(read(line, true).is_err(), "{line}");
        }
    }
}
