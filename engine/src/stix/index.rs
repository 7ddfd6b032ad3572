//! Finds the place of something in a list that only grows, by what tells it apart. The things stay in the list. A place and a
//! part of its hash share one number, so that a look touches memory once; a full index is thrown away before a larger one is
//! filled in the order of the list.

/// The places of a list's items; each of them is in it.
#[derive(Debug)]
pub(super) struct Index {
    /// Nothing, or the number of a place above a part of its hash. Their number is a power of two.
    slots: Vec<u32>,
    /// How many bits a place takes; the hash has the others.
    bits: u32,
    length: u32,
}

/// So many bits a place takes in the first index.
const FIRST: u32 = 4;

impl Index {
    pub(super) fn new() -> Index {
        Index { slots: vec![0; 1 << FIRST], bits: FIRST, length: 0 }
    }

    /// The place of the item with this hash for which this is true.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut at, tag) = (hash as usize & self.last(), self.tag(hash));
        loop {
            let place = (self.slots[at] & self.last() as u32).checked_sub(1)?;
            if self.slots[at] >> self.bits == tag && is_it(place) {
                return Some(place);
            }
            at = (at + 1) & self.last();
        }
    }

    /// Adds the next item of the list; `hash_of` tells the hashes of those before.
    pub(super) fn add(&mut self, hash: u64, hash_of: impl Fn(u32) -> u64) {
        let next = self.length;
        if next as usize * 4 >= self.slots.len() * 3 {
            self.bits += 1;
            assert!(self.bits < u32::BITS, "as many as fit into memory");
            self.slots = vec![];
            self.slots = vec![0; 1 << self.bits];
            (0..next).for_each(|place| self.put(hash_of(place), place));
        }
        self.put(hash, next);
        self.length += 1;
    }

    fn put(&mut self, hash: u64, place: u32) {
        let mut at = hash as usize & self.last();
        while self.slots[at] != 0 {
            at = (at + 1) & self.last();
        }
        self.slots[at] = self.tag(hash) << self.bits | (place + 1);
    }

    fn tag(&self, hash: u64) -> u32 {
        (hash >> 32) as u32 >> self.bits
    }

    fn last(&self) -> usize {
        self.slots.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Hashes of which many are equal, in all of their bits or in some.
        #[test]
        fn each_item_is_found_by_its_hash_and_nothing_else_is(
            items in prop::collection::vec(prop_oneof![0..9u64, any::<u64>(), (0..9u64).prop_map(|high| high << 60)], 0..200),
            other in any::<u64>(),
        ) {
            let hash_of = |place: u32| items[place as usize];
            let mut index = Index::new();
            items.iter().for_each(|hash| index.add(*hash, hash_of));
            for (place, hash) in (0..).zip(&items) {
                prop_assert_eq!(index.find(*hash, |found| found == place), Some(place));
            }
            let is_other = |place: u32| hash_of(place) == other;
            prop_assert_eq!(index.find(other, is_other).is_some(), items.contains(&other));
        }
    }
}
