//! Extracts values from JSON by path, in one pass and without building a tree: all paths of a profile are merged into a
//! trie, and other values are skipped.

use super::key::{Key, KeySeed};
use super::prune::{ELEMENT, Guard, Keep, Pruned};
use crate::plan::{Datum, Path, PathStep};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::fmt;

/// The value at a path.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Slot<'v> {
    /// No value.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// Any other number.
    Number(Number),
    /// Text.
    Text(Cow<'v, str>),
    /// A list of texts only.
    Texts(Vec<Cow<'v, str>>),
    /// Any other list, or an object.
    Node(Cow<'v, Value>),
}

impl<'v> Slot<'v> {
    /// Converts a JSON value.
    pub(super) fn of(value: &'v Value) -> Slot<'v> {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Boolean(*flag),
            Value::Number(number) => number.as_i64().map_or_else(|| Self::Number(number.clone()), Self::Integer),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => Self::Node(Cow::Borrowed(value)),
        }
    }

    /// Whether a text, or one of a list, contains this part.
    pub(super) fn contains(&self, part: &str) -> bool {
        match self {
            Self::Text(text) => text.contains(part),
            Self::Texts(texts) => texts.iter().any(|text| text.contains(part)),
            _ => false,
        }
    }

    /// Converts to an owned JSON value.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Absent | Self::Null => Value::Null,
            Self::Boolean(flag) => Value::Bool(*flag),
            Self::Integer(number) => Value::from(*number),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::from(text.as_ref()),
            Self::Texts(texts) => texts.iter().map(Cow::as_ref).collect(),
            Self::Node(value) => value.clone().into_owned(),
        }
    }

    /// Returns the text, if it is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value for conversion to a number or time.
    pub(super) fn datum(&self) -> Datum<'_> {
        match self {
            Self::Integer(number) => Datum::Integer(*number),
            Self::Number(number) => number.as_f64().map_or(Datum::Other, Datum::Float),
            Self::Text(text) => Datum::Text(text),
            _ => Datum::Other,
        }
    }
}

/// What a row is found to be if a key that a field reads occurs twice (RFC 8259 §4): which value counts is unknown.
pub(super) const REPEATED_KEY: &str = "an object with a repeated key";

/// Maximum number of different members that are read from one object, which are tracked in the bits of a number.
const MAX_CHILDREN: usize = 128;

/// Merged paths of member names, each leading to a slot.
#[derive(Debug, Default)]
pub(super) struct Trie {
    slots: Vec<usize>,
    children: Vec<(String, Trie)>,
}

impl Trie {
    /// Adds a path; `false` if it is the root, contains an index, or if there are too many.
    pub(super) fn add(&mut self, path: &Path, slot: usize) -> bool {
        let names: Option<Vec<&str>> = path.steps().iter().map(name).collect();
        let Some(names) = names.filter(|names| !names.is_empty()) else { return false };
        let mut node = self;
        for name in names {
            let at = node.children.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                node.children.push((name.to_owned(), Trie::default()));
                node.children.len() - 1
            });
            if at >= MAX_CHILDREN {
                return false;
            }
            node = &mut node.children[at].1;
        }
        node.slots.push(slot);
        true
    }

    fn child(&self, key: &str) -> Option<(usize, &Trie)> {
        let at = self.children.iter().position(|(name, _)| name == key)?;
        Some((at, &self.children[at].1))
    }

    /// Fills slots from a value that is already a tree.
    fn fill_from(&self, value: Value, slots: &mut [Slot]) {
        for (name, child) in &self.children {
            if let Some(inner) = value.get(name) {
                child.fill_from(inner.clone(), slots);
            }
        }
        for &slot in &self.slots {
            slots[slot] = owned(value.clone());
        }
    }
}

fn name(step: &PathStep) -> Option<&str> {
    match step {
        PathStep::Name(name) => Some(name),
        PathStep::Index(_) => None,
    }
}

fn owned(value: Value) -> Slot<'static> {
    match value {
        Value::String(text) => Slot::Text(Cow::Owned(text)),
        value @ (Value::Array(_) | Value::Object(_)) => Slot::Node(Cow::Owned(value)),
        scalar => match Slot::of(&scalar) {
            Slot::Null => Slot::Null,
            Slot::Boolean(flag) => Slot::Boolean(flag),
            Slot::Integer(number) => Slot::Integer(number),
            Slot::Number(number) => Slot::Number(number),
            _ => unreachable!("texts, lists and objects are handled above"),
        },
    }
}

/// Reads an object into slots. Returns the type of any other value, or [`REPEATED_KEY`].
pub(super) struct Fill<'t, 's, 'de> {
    pub(super) trie: &'t Trie,
    pub(super) slots: &'s mut [Slot<'de>],
    pub(super) guard: &'t Guard,
}

impl<'de> DeserializeSeed<'de> for Fill<'_, '_, 'de> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_, '_, 'de> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut seen, mut is_repeated) = (0_u128, false);
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            let Some((at, child)) = self.trie.child(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            is_repeated |= seen & (1 << at) != 0;
            seen |= 1 << at;
            match child {
                child if child.children.is_empty() => {
                    let slot = map.next_value_seed(OneSlot(self.guard))?;
                    let (last, others) = child.slots.split_last().expect("a path ends at a leaf");
                    others.iter().for_each(|&at| self.slots[at] = slot.clone());
                    self.slots[*last] = slot;
                }
                child if child.slots.is_empty() => {
                    let inner = Fill { trie: child, slots: &mut *self.slots, guard: self.guard };
                    is_repeated |= map.next_value_seed(inner)? == Some(REPEATED_KEY);
                }
                child => child.fill_from(map.next_value_seed(Pruned::whole(self.guard))?, self.slots),
            }
        }
        Ok(is_repeated.then_some(REPEATED_KEY))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some("a list"))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Some("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Some("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Some("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Some("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Some("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Some("text"))
    }
}

/// Reads one value.
struct OneSlot<'g>(&'g Guard);

impl<'de> DeserializeSeed<'de> for OneSlot<'_> {
    type Value = Slot<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneSlot<'_> {
    type Value = Slot<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Slot::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Slot::Boolean(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Slot::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Slot::Number(number.into()), Slot::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Slot::Null, Slot::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Slot::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Slot::Text(Cow::Owned(text.to_owned())))
    }

    /// Rdata is usually a list of one text, which is not copied.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = vec![];
        while let Some(item) = list.next_element_seed(OneSlot(self.0))? {
            self.0.take(ELEMENT)?;
            match item {
                Slot::Text(text) => texts.push(text),
                other => {
                    let mut items: Vec<Value> = texts.iter().map(|text| Value::from(text.as_ref())).collect();
                    items.push(other.to_value());
                    while let Some(item) = list.next_element_seed(Pruned::whole(self.0))? {
                        self.0.take(ELEMENT)?;
                        items.push(item);
                    }
                    return Ok(Slot::Node(Cow::Owned(Value::Array(items))));
                }
            }
        }
        Ok(Slot::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(Slot::Node(Cow::Owned(Pruned::whole(self.0).visit_map(map)?)))
    }
}

/// Returns a whole document; `None` if it is not JSON, or needs more memory than a response may.
pub(super) fn document(body: &[u8]) -> Option<Value> {
    let guard = Guard::new(body.len());
    let mut document = serde_json::Deserializer::from_slice(body);
    let value = Pruned::whole(&guard).deserialize(&mut document).ok()?;
    document.end().ok()?;
    Some(value)
}

/// Returns the value at a path of a body, or of its first line that has one.
pub(super) fn find_in_lines(body: &[u8], path: &Path) -> Option<Value> {
    find(body, path).or_else(|| body.split(|octet| *octet == b'\n').find_map(|line| find(line, path)))
}

/// Returns the value at a path of a document; `None` if absent or not JSON.
pub(super) fn find(body: &[u8], path: &Path) -> Option<Value> {
    let mut trie = Trie::default();
    let guard = Guard::new(body.len());
    if !trie.add(path, 0) {
        let mut document = serde_json::Deserializer::from_slice(body);
        let mut keep = Keep::default();
        keep.add(&[], Some(path), true);
        let value = Pruned::kept(&keep, &guard).deserialize(&mut document).ok()?;
        document.end().ok()?;
        return path.find(&value).cloned();
    }
    let mut slots = [Slot::Absent];
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    Fill { trie: &trie, slots: &mut slots, guard: &guard }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    (slots[0] != Slot::Absent).then(|| slots[0].to_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn path(text: &str) -> Path {
        Path::parse(text).expect("a path")
    }

    #[test]
    fn find_equals_a_lookup_in_the_tree() {
        let document = json!({ "a": { "b": [1, "x"], "c": null, "d\n": "e\"" }, "n": -5, "big": u64::MAX, "f": 1.5 });
        let text = document.to_string();
        for at in ["$.a", "$.a.b", "$.a.c", "$['a']['d\\n']", "$.n", "$.big", "$.f", "$.a.b[1]", "$.z", "$.n.z", "$"] {
            let at = path(at);
            assert_eq!(find(text.as_bytes(), &at).as_ref(), at.find(&document), "{at}");
        }
        assert_eq!(find(b"{\"a\": 1", &path("$.a")), None, "an incomplete document");
    }

    #[test]
    fn overlapping_paths_each_get_their_value() {
        let mut trie = Trie::default();
        for (slot, at) in ["$.a.b", "$.a.c", "$.a", "$.a.b", "$.d"].iter().enumerate() {
            assert!(trie.add(&path(at), slot));
        }
        assert!(!trie.add(&path("$"), 9) && !trie.add(&path("$.a[0]"), 9));
        let mut slots = vec![Slot::Absent; 5];
        let text = r#"{"x": [], "a": {"b": 1, "c": "y"}, "d": null}"#;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let guard = Guard::new(text.len());
        let other =
            Fill { trie: &trie, slots: &mut slots, guard: &guard }.deserialize(&mut deserializer).expect("JSON");
        assert_eq!(other, None);
        let values: Vec<Value> = slots.iter().map(Slot::to_value).collect();
        assert_eq!(values, [json!(1), json!("y"), json!({"b": 1, "c": "y"}), json!(1), json!(null)]);
        assert_eq!(slots[4], Slot::Null);
    }

    proptest! {
        #[test]
        fn find_accepts_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60), at in "\\$(\\.[a-c]|\\[[0-2]\\]){0,3}") {
            let at = path(&at);
            let tree: Option<Value> = serde_json::from_slice(&bytes).ok();
            prop_assert_eq!(find(&bytes, &at), tree.as_ref().and_then(|tree| at.find(tree)).cloned());
        }
    }
}
