//! What relationships say, each saying and each set of sayings once: most of a million relationships say one of a few things.

use hashbrown::HashMap;
use std::sync::Arc;

/// The number of a set of sayings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Said(u32);

/// A set of sayings, sorted.
pub(super) type Sayings = Arc<[Arc<str>]>;

/// All sets there are.
#[derive(Debug, Clone)]
pub(super) struct Words {
    sets: Vec<Sayings>,
    known: HashMap<Sayings, Said>,
    /// What was added last, to what, and what it made: the next record mostly says the same.
    last: Option<(Said, Arc<str>, Said)>,
}

impl Words {
    /// The set that says nothing.
    pub(super) const NOTHING: Said = Said(0);

    pub(super) fn new() -> Words {
        let mut words = Words { sets: vec![], known: HashMap::new(), last: None };
        words.number(Arc::default());
        words
    }

    pub(super) fn of(&self, said: Said) -> &Sayings {
        &self.sets[said.0 as usize]
    }

    /// The set with this text besides.
    pub(super) fn add(&mut self, said: Said, text: &Arc<str>) -> Said {
        let set = self.of(said);
        if text.is_empty() || set.contains(text) {
            return said;
        }
        if let Some((to, last, made)) = &self.last
            && *to == said
            && Arc::ptr_eq(last, text)
        {
            return *made;
        }
        let mut more: Sayings = set.iter().chain([text]).cloned().collect();
        Arc::get_mut(&mut more).expect("nobody else has it yet").sort_unstable();
        let made = self.number(more);
        self.last = Some((said, Arc::clone(text), made));
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
        if let Some(said) = self.known.get(&set) {
            return *said;
        }
        let said = Said(u32::try_from(self.sets.len()).expect("as many sets as fit into memory"));
        self.known.insert(Arc::clone(&set), said);
        self.sets.push(set);
        said
    }
}
