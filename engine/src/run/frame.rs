//! A line of the Streaming API Framing protocol, read in one pass: what it frames goes into its slots at once.

use super::slots::{Fill, Key, KeySeed, Slot, Trie};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// What a line says.
#[derive(Debug, Default)]
pub(super) struct Frame<'l> {
    /// How the stream goes on, or ended.
    pub(super) cond: Option<Cow<'l, str>>,
    /// And why.
    pub(super) msg: Option<Cow<'l, str>>,
    pub(super) held: Held,
}

/// What it frames.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Held {
    #[default]
    Nothing,
    /// An object, that stands in the slots.
    InSlots,
    /// Something else than an object.
    Other(&'static str),
    /// Anything, where slots cannot hold it.
    Tree(Value),
}

/// Reads a line. Without a trie what it frames is read as a tree.
pub(super) struct FrameSeed<'t, 's, 'l> {
    pub(super) trie: Option<&'t Trie>,
    pub(super) slots: &'s mut [Slot<'l>],
}

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
        let mut frame = Frame::default();
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            match key.as_ref() {
                "cond" if frame.cond.is_none() => frame.cond = map.next_value_seed(Word)?,
                "msg" if frame.msg.is_none() => frame.msg = map.next_value_seed(Word)?,
                "obj" if frame.held == Held::Nothing => frame.held = held(self.trie, self.slots, &mut map)?,
                "cond" | "msg" | "obj" => return Err(A::Error::custom("a frame says each thing once")),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(frame)
    }
}

fn held<'l, A: MapAccess<'l>>(trie: Option<&Trie>, slots: &mut [Slot<'l>], map: &mut A) -> Result<Held, A::Error> {
    let Some(trie) = trie else {
        return Ok(match map.next_value()? {
            Value::Null => Held::Nothing,
            value => Held::Tree(value),
        });
    };
    Ok(match map.next_value_seed(Fill { trie, slots })? {
        None => Held::InSlots,
        Some("null") => Held::Nothing,
        Some(other) => Held::Other(other),
    })
}

/// A text, or nothing; borrowed where it holds no escapes.
struct Word;

impl<'l> DeserializeSeed<'l> for Word {
    type Value = Option<Cow<'l, str>>;

    fn deserialize<D: Deserializer<'l>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'l> Visitor<'l> for Word {
    type Value = Option<Cow<'l, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'l>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        KeySeed.deserialize(deserializer).map(|Key(text)| Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Path;

    fn read(line: &str, with_trie: bool) -> Result<(String, Held, Vec<Value>), serde_json::Error> {
        let mut trie = Trie::default();
        assert!(trie.add(&Path::parse("$.a").expect("a path"), 0));
        let mut slots = [Slot::Absent];
        let seed = FrameSeed { trie: with_trie.then_some(&trie), slots: &mut slots };
        let frame = seed.deserialize(&mut serde_json::Deserializer::from_str(line))?;
        let said = format!("{:?} {:?}", frame.cond, frame.msg);
        Ok((said, frame.held, slots.iter().map(Slot::to_value).collect()))
    }

    #[test]
    fn frames_are_read_in_any_order_with_or_without_what_they_hold() {
        let check = |line: &str, said: &str, held: Held, slot: Value| {
            let read = read(line, true).expect("a frame");
            assert_eq!(read, (said.to_owned(), held, vec![slot]), "{line}");
        };
        check(r#"{"obj":{"a":1,"b":[2]},"x":0}"#, "None None", Held::InSlots, 1.into());
        check(r#"{"cond":"ongoing","obj":{"a":"y"}}"#, "Some(\"ongoing\") None", Held::InSlots, "y".into());
        check(
            r#"{"cond":"failed","msg":"a\nb","obj":null}"#,
            "Some(\"failed\") Some(\"a\\nb\")",
            Held::Nothing,
            Value::Null,
        );
        check(r#"{"obj":[1]}"#, "None None", Held::Other("a list"), Value::Null);
        check("{}", "None None", Held::Nothing, Value::Null);
        assert_eq!(read(r#"{"obj":[1]}"#, false).expect("a frame").1, Held::Tree(serde_json::json!([1])));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
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
