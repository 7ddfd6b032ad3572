//! Interned descriptions of relationships: each text and each set of texts is stored once, because most of a million
//! relationships have one of a few descriptions.

use hashbrown::HashMap;
use std::sync::Arc;

/// Number of a set of descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DescriptionId(u32);

/// A set of descriptions, sorted.
pub(super) type DescriptionSet = Arc<[Arc<str>]>;

/// Table of all sets of descriptions.
#[derive(Debug, Clone)]
pub(super) struct DescriptionTable {
    sets: Vec<DescriptionSet>,
    known: HashMap<DescriptionSet, DescriptionId>,
    /// The last addition: the set, the text and the resulting set. The next record mostly repeats it.
    last: Option<(DescriptionId, Arc<str>, DescriptionId)>,
}

impl DescriptionTable {
    /// The empty set.
    pub(super) const EMPTY: DescriptionId = DescriptionId(0);

    pub(super) fn new() -> DescriptionTable {
        let mut words = DescriptionTable { sets: vec![], known: HashMap::new(), last: None };
        words.number(Arc::default());
        words
    }

    pub(super) fn of(&self, id: DescriptionId) -> &DescriptionSet {
        &self.sets[id.0 as usize]
    }

    /// Returns the set that also contains this text.
    pub(super) fn add(&mut self, id: DescriptionId, text: &Arc<str>) -> DescriptionId {
        let set = self.of(id);
        if text.is_empty() || set.contains(text) {
            return id;
        }
        if let Some((to, last, made)) = &self.last
            && *to == id
            && Arc::ptr_eq(last, text)
        {
            return *made;
        }
        let mut more: DescriptionSet = set.iter().chain([text]).cloned().collect();
        Arc::get_mut(&mut more).expect("the set is not shared yet").sort_unstable();
        let made = self.number(more);
        self.last = Some((id, Arc::clone(text), made));
        made
    }

    /// The set of all that both say.
    pub(super) fn union(&mut self, one: DescriptionId, other: DescriptionId) -> DescriptionId {
        if one == other {
            return one;
        }
        let texts = Arc::clone(self.of(other));
        texts.iter().fold(one, |said, text| self.add(said, text))
    }

    /// The number of a set.
    pub(super) fn number(&mut self, set: DescriptionSet) -> DescriptionId {
        if let Some(id) = self.known.get(&set) {
            return *id;
        }
        let id = DescriptionId(u32::try_from(self.sets.len()).expect("all sets fit into memory"));
        self.known.insert(Arc::clone(&set), id);
        self.sets.push(set);
        id
    }
}
