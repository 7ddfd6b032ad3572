//! A hash index of the items of an append-only list. The items stay in the list. A position and a part of the hash
//! share one number, so that a lookup reads memory once. Growing drops the old index before the larger one is filled in
//! the order of the list.

/// Positions of all items of a list.
#[derive(Debug)]
pub struct Index {
    /// Zero, or a part of the hash and the position plus one. The length is a power of two.
    slots: Vec<u32>,
    /// Number of bits of the position; the rest is for the hash.
    bits: u32,
    length: u32,
}

/// Number of position bits in a new index.
const INITIAL_BITS: u32 = 4;

impl Default for Index {
    fn default() -> Index {
        Index::new()
    }
}

impl Index {
    /// Creates the index of an empty list.
    pub fn new() -> Index {
        Index { slots: vec![0; 1 << INITIAL_BITS], bits: INITIAL_BITS, length: 0 }
    }

    /// Returns the position of the item with this hash for which `is_it` is true.
    pub fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut at, tag) = (hash as usize & self.mask(), self.tag(hash));
        loop {
            let position = (self.slots[at] & self.mask() as u32).checked_sub(1)?;
            if self.slots[at] >> self.bits == tag && is_it(position) {
                return Some(position);
            }
            at = (at + 1) & self.mask();
        }
    }

    /// Adds the next item of the list; `hash_of` returns the hashes of earlier items.
    pub fn add(&mut self, hash: u64, hash_of: impl Fn(u32) -> u64) {
        let next = self.length;
        if next as usize * 4 >= self.slots.len() * 3 {
            self.bits += 1;
            assert!(self.bits < u32::BITS, "the index fits into memory");
            self.slots = vec![];
            self.slots = vec![0; 1 << self.bits];
            (0..next).for_each(|position| self.put(hash_of(position), position));
        }
        self.put(hash, next);
        self.length += 1;
    }

    fn put(&mut self, hash: u64, position: u32) {
        let mut at = hash as usize & self.mask();
        while self.slots[at] != 0 {
            at = (at + 1) & self.mask();
        }
        self.slots[at] = self.tag(hash) << self.bits | (position + 1);
    }

    fn tag(&self, hash: u64) -> u32 {
        (hash >> 32) as u32 >> self.bits
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Uses hashes of which many are equal, in all bits or in some.
        #[test]
        fn find_returns_exactly_the_added_items(
            items in prop::collection::vec(prop_oneof![0..9u64, any::<u64>(), (0..9u64).prop_map(|high| high << 60)], 0..200),
            other in any::<u64>(),
        ) {
            let hash_of = |position: u32| items[position as usize];
            let mut index = Index::new();
            items.iter().for_each(|hash| index.add(*hash, hash_of));
            for (position, hash) in (0..).zip(&items) {
                prop_assert_eq!(index.find(*hash, |found| found == position), Some(position));
            }
            let is_other = |position: u32| hash_of(position) == other;
            prop_assert_eq!(index.find(other, is_other).is_some(), items.contains(&other));
        }
    }
}
