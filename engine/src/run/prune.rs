//! Deserializes the values of a response that a profile reads to a tree, within a memory budget; other values are
//! skipped.

use super::key::{Key, KeySeed};
use crate::plan::{LevelPlan, Path, PathStep};
use crate::profile::LevelKind;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::{Cell, RefCell};
use std::fmt;

/// Memory for the values of a response, as a multiple of its size: a record of 70 octets is an object of 11 times that.
const FACTOR: usize = 12;

/// Memory in octets that the values of any response may use: small ones may be as dense as JSON allows.
const ALWAYS: usize = 4 * 1024 * 1024;

/// Estimated memory of a value in a list, which doubles its capacity.
pub(super) const ELEMENT: usize = 64;

/// Estimated memory of the first member of an object: a node of the map.
const FIRST_MEMBER: usize = 640;

/// Number of members in one node of the map.
const NODE: usize = 11;

/// Estimated memory of a member in another node.
const MEMBER: usize = 96;

/// Estimated memory of a text in addition to its octets.
const TEXT: usize = 16;

/// Key that marks an object in which a key occurred twice, if the guard tells that there is one.
const REPEATED: &str = "\0repeated";

/// Whether an object in a value is marked because a key occurred twice.
pub(super) fn is_marked(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(REPEATED) || members.values().any(is_marked),
        Value::Array(items) => items.iter().any(is_marked),
        _ => false,
    }
}

/// Limits the memory for the values of a response, and keeps why it cannot be read.
#[derive(Debug)]
pub(super) struct Guard {
    limit: usize,
    left: Cell<usize>,
    /// Whether a key that is read from a row occurred twice.
    has_repeated_key: Cell<bool>,
    fault: RefCell<Option<String>>,
}

/// Returns the maximum memory for the values of a response of this size, in octets. A response that needs more is invalid.
pub fn value_memory(octets: usize) -> usize {
    octets.saturating_mul(FACTOR).saturating_add(ALWAYS)
}

impl Guard {
    /// Creates the guard of a response of this size in octets.
    pub(super) fn new(octets: usize) -> Guard {
        let limit = value_memory(octets);
        Guard { limit, left: Cell::new(limit), has_repeated_key: Cell::default(), fault: RefCell::default() }
    }

    /// Starts anew, after all values were freed.
    pub(super) fn reset(&self) {
        self.left.set(self.limit);
        self.has_repeated_key.take();
        self.fault.take();
    }

    /// Accounts for memory in octets.
    pub(super) fn take<E: Error>(&self, octets: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(octets);
        left.map(|left| self.left.set(left)).ok_or_else(|| {
            let limit = self.limit >> 20;
            self.fail(format!("response too complex: its values need more than {limit} MiB of memory"))
        })
    }

    /// Records why the response is invalid.
    pub(super) fn fail<E: Error>(&self, reason: String) -> E {
        let error = E::custom(&reason);
        *self.fault.borrow_mut() = Some(reason);
        error
    }

    /// Fails because of a repeated key (RFC 8259 §4).
    pub(super) fn repeated<E: Error>(&self, key: &str) -> E {
        self.fail(format!("invalid response: duplicate key `{}`", crate::printable::line(key)))
    }

    /// Whether a key that is read from a row occurred twice; its objects are marked.
    pub(super) fn has_repeated_key(&self) -> bool {
        self.has_repeated_key.get()
    }

    /// Returns why the response is invalid.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }
}

/// The values of a document that are read: a tree of the paths to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Keep {
    /// Whether the whole value is read.
    is_whole: bool,
    /// Whether a repeated key on the way to the value is an error.
    is_unique: bool,
    names: Vec<(String, Keep)>,
    /// Values that are read from each element of a list.
    items: Option<Box<Keep>>,
    /// Values that are read from each member of an object.
    members: Option<Box<Keep>>,
}

impl Keep {
    /// Adds the values of these levels, and a path in each. `is_row` if it starts at a row, whose repeated keys are not
    /// an error.
    pub(super) fn add(&mut self, levels: &[LevelPlan], path: Option<&Path>, is_row: bool) {
        let Some((level, inner)) = levels.split_first() else {
            if let Some(path) = path {
                self.at(path.steps(), !is_row).is_whole = true;
            }
            return;
        };
        let found = self.at(level.at.steps(), true);
        match level.is {
            LevelKind::List => found.items.get_or_insert_default().add(inner, path, is_row),
            LevelKind::Map => {
                let members = found.members.get_or_insert_default();
                members.is_unique = true;
                members.add(inner, path, is_row);
            }
            LevelKind::OneOrMany => {
                found.items.get_or_insert_default().add(inner, path, is_row);
                found.add(inner, path, is_row);
            }
        }
    }

    /// Returns the node at a path. A list with an index on the path is kept as a whole.
    fn at(&mut self, steps: &[PathStep], is_unique: bool) -> &mut Keep {
        let Some((step, rest)) = steps.split_first() else { return self };
        let PathStep::Name(name) = step else {
            self.is_whole = true;
            return self;
        };
        let at = self.names.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.names.push((name.clone(), Keep::default()));
            self.names.len() - 1
        });
        let child = &mut self.names[at].1;
        child.is_unique |= is_unique;
        child.at(rest, is_unique)
    }

    /// Completes the tree after the last path: what is read from each member is also read from the named ones.
    pub(super) fn finish(&mut self) {
        if let Some(members) = &self.members {
            self.names.iter_mut().for_each(|(_, child)| child.merge(members));
        }
        let children = self.names.iter_mut().map(|(_, child)| child);
        let each = self.items.iter_mut().chain(&mut self.members).map(Box::as_mut);
        children.chain(each).for_each(Keep::finish);
    }

    fn merge(&mut self, other: &Keep) {
        self.is_whole |= other.is_whole;
        self.is_unique |= other.is_unique;
        for (name, theirs) in &other.names {
            match self.names.iter_mut().find(|(known, _)| known == name) {
                Some((_, ours)) => ours.merge(theirs),
                None => self.names.push((name.clone(), theirs.clone())),
            }
        }
        for (ours, theirs) in [(&mut self.items, &other.items), (&mut self.members, &other.members)] {
            if let Some(theirs) = theirs {
                ours.get_or_insert_default().merge(theirs);
            }
        }
    }

    /// Returns what is read from a member.
    pub(super) fn child(&self, key: &str) -> Option<&Keep> {
        let named = self.names.iter().find(|(name, _)| name == key).map(|(_, child)| child);
        named.or(self.members.as_deref())
    }
}

/// Deserializes a value to a tree of what is read from it; of everything without a `Keep`.
#[derive(Clone, Copy)]
pub(super) struct Pruned<'g> {
    pub(super) keep: Option<&'g Keep>,
    pub(super) is_whole: bool,
    pub(super) guard: &'g Guard,
}

impl<'g> Pruned<'g> {
    /// Reads the values to keep.
    pub(super) fn kept(keep: &'g Keep, guard: &'g Guard) -> Pruned<'g> {
        Pruned { keep: Some(keep), is_whole: keep.is_whole, guard }
    }

    /// Reads the whole value.
    pub(super) fn whole(guard: &'g Guard) -> Pruned<'g> {
        Pruned { keep: None, is_whole: true, guard }
    }

    /// Returns what is read from an inner value; `None` if nothing is.
    fn inner(self, keep: Option<&'g Keep>) -> Option<Pruned<'g>> {
        let is_whole = self.is_whole || keep.is_some_and(|keep| keep.is_whole);
        (is_whole || keep.is_some()).then_some(Pruned { keep, is_whole, ..self })
    }

    /// Returns what is read from a member, which is on the way to the rows.
    pub(super) fn inner_of(self, name: &str) -> Pruned<'g> {
        let keep = self.keep.and_then(|keep| keep.child(name));
        self.inner(keep).unwrap_or(Pruned { keep: None, is_whole: false, ..self })
    }

    /// Reads the value of a member into an object, or skips it.
    pub(super) fn member<'de, A: MapAccess<'de>>(
        self,
        key: Key<'de>,
        map: &mut A,
        into: &mut Map<String, Value>,
    ) -> Result<(), A::Error> {
        let child = self.keep.and_then(|keep| keep.child(&key.0));
        let Some(inner) = self.inner(child) else { return map.next_value::<IgnoredAny>().map(drop) };
        let is_unique = child.is_some_and(|child| child.is_unique);
        if child.is_some() && into.contains_key(key.0.as_ref()) {
            if is_unique {
                return Err(self.guard.repeated(&key.0));
            }
            self.guard.has_repeated_key.set(true);
            into.insert(REPEATED.to_owned(), Value::Null);
        }
        let member = match into.len() {
            0 => FIRST_MEMBER,
            1..NODE => 0,
            _ => MEMBER,
        };
        self.guard.take(member + TEXT + key.0.len())?;
        let value = map.next_value_seed(inner)?;
        into.insert(key.0.into_owned(), value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Pruned<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pruned<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.guard.take(TEXT + text.len())?;
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let Some(inner) = self.inner(self.keep.and_then(|keep| keep.items.as_deref())) else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Array(vec![]));
        };
        let mut items = vec![];
        while let Some(item) = list.next_element_seed(inner)? {
            self.guard.take(ELEMENT)?;
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            self.member(key, &mut map, &mut object)?;
        }
        Ok(Value::Object(object))
    }
}
