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
