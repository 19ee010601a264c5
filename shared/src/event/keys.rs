//! Finding the duplicate keys of any number of objects in one pass, in time that grows with
//! the number of keys whatever they are.

/// The keys seen so far, of all objects of one text, with a `T` for each.
#[derive(Debug)]
pub(super) struct Keys<T> {
    entries: Vec<Entry<T>>,
    /// Open addressing: each slot an index into `entries` plus one, or 0.
    slots: Vec<usize>,
}

#[derive(Debug)]
struct Entry<T> {
    hash: u64,
    object: usize,
    value: T,
}

/// With fewer slots there is nothing to gain; with more, clearing them for each text would
/// cost more than the text.
const MIN_SLOTS: usize = 64;

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), slots: vec![0; MIN_SLOTS] }
    }
}

impl<T> Keys<T> {
    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        if !self.entries.is_empty() {
            self.entries.clear();
            self.slots.truncate(MIN_SLOTS);
            self.slots.fill(0);
        }
    }

    /// Puts `value` for a key of the object with number `object`, and gives back the value that
    /// this object's key had before; `same` tells whether a value's key is this one.
    pub(super) fn put(
        &mut self,
        hash: u64,
        object: usize,
        value: T,
        same: impl Fn(&T) -> bool,
    ) -> (usize, Option<T>) {
        // Keys of different objects must not crowd each other: each object has its own order.
        let hash = (hash ^ object as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut at = self.home(hash);
        while let Some(index) = self.slots[at].checked_sub(1) {
            let entry = &mut self.entries[index];
            if entry.hash == hash && entry.object == object && same(&entry.value) {
                return (index, Some(std::mem::replace(&mut entry.value, value)));
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.entries.push(Entry { hash, object, value });
        self.slots[at] = self.entries.len();
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        (self.entries.len() - 1, None)
    }

    /// The value that [`Keys::put`] gave this index.
    pub(super) fn value_mut(&mut self, index: usize) -> &mut T {
        &mut self.entries[index].value
    }

    fn home(&self, hash: u64) -> usize {
        // The high bits are the well-mixed ones of a product.
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 4;
        self.slots.clear();
        self.slots.resize(size, 0);
        for index in 0..self.entries.len() {
            let mut at = self.home(self.entries[index].hash);
            while self.slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = index + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys whose value is the key itself and a number that tells one from the other.
    #[derive(Default)]
    struct Seen(Keys<(&'static str, u32)>);

    impl Seen {
        /// Puts `key`, and tells its index and the number that it had before.
        fn put(
            &mut self,
            hash: u64,
            object: usize,
            key: &'static str,
            number: u32,
        ) -> (usize, Option<u32>) {
            let (index, before) = self.0.put(hash, object, (key, number), |known| known.0 == key);
            (index, before.map(|(_, number)| number))
        }
    }

    #[test]
    fn gives_back_what_the_key_had_before() {
        let mut seen = Seen::default();
        assert_eq!(seen.put(7, 1, "a", 1), (0, None));
        assert_eq!(seen.put(8, 1, "b", 2), (1, None));
        assert_eq!(seen.put(7, 1, "a", 3), (0, Some(1)));
        assert_eq!(seen.put(7, 1, "a", 4), (0, Some(3)));
        assert_eq!(seen.put(8, 1, "b", 5), (1, Some(2)));
    }

    #[test]
    fn tells_keys_of_one_hash_from_each_other() {
        let mut seen = Seen::default();
        assert_eq!(seen.put(7, 1, "a", 1), (0, None));
        assert_eq!(seen.put(7, 1, "b", 2), (1, None));
        assert_eq!(seen.put(7, 1, "c", 3), (2, None));
        assert_eq!(seen.put(7, 1, "c", 4), (2, Some(3)));
        assert_eq!(seen.put(7, 1, "a", 5), (0, Some(1)));
    }

    #[test]
    fn tells_objects_from_each_other() {
        let mut seen = Seen::default();
        assert_eq!(seen.put(7, 0, "a", 1), (0, None));
        assert_eq!(seen.put(7, 1, "a", 2), (1, None));
        // A hash and an object that come to the same sum as others.
        assert_eq!(seen.put(6, 1, "a", 3), (2, None));
        assert_eq!(seen.put(7, 0, "a", 4), (0, Some(1)));
        assert_eq!(seen.put(7, 1, "a", 5), (1, Some(2)));
        assert_eq!(seen.put(6, 1, "a", 6), (2, Some(3)));
    }

    #[test]
    fn values_can_be_changed_by_their_index() {
        let mut seen = Seen::default();
        let (index, _) = seen.put(7, 1, "a", 1);
        seen.put(8, 1, "b", 2);
        seen.0.value_mut(index).1 = 9;
        assert_eq!(seen.put(7, 1, "a", 3), (index, Some(9)));
    }

    #[test]
    fn keeps_all_while_it_grows() {
        let mut seen = Seen::default();
        let hash = |object: usize| object as u64 % 97;
        for object in 0..5_000 {
            let number = u32::try_from(object).unwrap();
            assert_eq!(seen.put(hash(object), object, "a", number), (object, None));
        }
        assert!(seen.0.slots.len() >= 2 * 5_000);
        for object in 0..5_000 {
            let number = u32::try_from(object).unwrap();
            assert_eq!(seen.put(hash(object), object, "a", 0), (object, Some(number)));
        }
    }

    #[test]
    fn keys_of_many_objects_do_not_crowd_each_other() {
        let mut seen = Seen::default();
        for object in 0..5_000 {
            seen.put(7, object, "a", 0);
        }
        // The longest run of taken slots is the longest way that a look-up can take.
        let runs = seen.0.slots.split(|slot| *slot == 0).map(<[usize]>::len);
        assert!(runs.max().unwrap() < 32);
    }

    #[test]
    fn forgets() {
        let mut seen = Seen::default();
        for object in 0..100 {
            seen.put(7, object, "a", 1);
        }
        seen.0.clear();
        assert_eq!(seen.0.slots, [0; MIN_SLOTS]);
        assert_eq!(seen.put(7, 99, "a", 2), (0, None));
        seen.0.clear();
        seen.0.clear();
        assert_eq!(seen.put(7, 99, "a", 3), (0, None));
    }
}
