//! Interned descriptions of relationships: each text and each set of texts is stored once, because most of a million
//! relationships have one of a few descriptions.

use hashbrown::HashMap;
use std::sync::Arc;

/// Number of a set of descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Said(u32);

/// A set of descriptions, sorted.
pub(super) type Sayings = Arc<[Arc<str>]>;

/// Table of all sets of descriptions.
#[derive(Debug, Clone)]
pub(super) struct Words {
    sets: Vec<Sayings>,
    known: HashMap<Sayings, Said>,
    /// The last addition: the set, the text and the resulting set. The next record mostly repeats it.
    last: Option<(Said, Arc<str>, Said)>,
}

impl Words {
    /// The empty set.
    pub(super) const EMPTY: Said = Said(0);

    pub(super) fn new() -> Words {
        let mut words = Words { sets: vec![], known: HashMap::new(), last: None };
        words.number(Arc::default());
        words
    }

    pub(super) fn of(&self, id: Said) -> &Sayings {
        &self.sets[id.0 as usize]
    }

    /// Returns the set that also contains this text.
    pub(super) fn add(&mut self, id: Said, text: &Arc<str>) -> Said {
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
        let mut more: Sayings = set.iter().chain([text]).cloned().collect();
        Arc::get_mut(&mut more).expect("the set is not shared yet").sort_unstable();
        let made = self.number(more);
        self.last = Some((id, Arc::clone(text), made));
        made
    }

    /// The set of all that both say.
    pub(super) fn union(&mut self, one: Said, other: Said) -> Said {
        if one == other {
            return one;
        }
        let texts = Arc::clone(self.of(other));
        texts.iter().fold(one, |said, text| self.add(said, text))
    }

    /// The number of a set.
    pub(super) fn number(&mut self, set: Sayings) -> Said {
        if let Some(id) = self.known.get(&set) {
            return *id;
        }
        let id = Said(u32::try_from(self.sets.len()).expect("all sets fit into memory"));
        self.known.insert(Arc::clone(&set), id);
        self.sets.push(set);
        id
    }
}
