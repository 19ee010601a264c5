//! Finds the duplicate keys of the objects of one text, in time linear in the number of keys
//! whatever they are.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::json::Span;

/// Maximum number of keys of an object that is searched without a table.
const FEW: usize = 32;

/// A key of an object that is being read. Small, because every key of a text is stored; a text has
/// at most 1 MiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Equal for equal keys.
    pub(super) hash: u64,
    content: [u32; 2],
    member: [u32; 2],
    unescaped: bool,
}

impl Key {
    /// A key with this `content` of the text, or of the unescaped keys. Its member begins at
    /// `start`; for one that is listed in [`Found::members`](super::read::Found::members), this is
    /// its index there.
    #[inline]
    pub(super) fn new(hash: u64, content: Span, unescaped: bool, start: usize) -> Self {
        let content = short(content);
        Self { hash, content, member: short(Span { start, end: start }), unescaped }
    }

    #[inline]
    pub(super) fn bytes<'a>(&self, text: &'a [u8], unescaped: &'a [u8]) -> &'a [u8] {
        long(self.content).of(if self.unescaped { unescaped } else { text })
    }

    pub(super) fn member(&self) -> Span {
        long(self.member)
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a text has at most 1 MiB")]
const fn short(span: Span) -> [u32; 2] {
    [span.start as u32, span.end as u32]
}

#[inline]
const fn long([start, end]: [u32; 2]) -> Span {
    Span { start: start as usize, end: end as usize }
}

/// An object that is being read, and which of the keys belong to it.
#[derive(Debug)]
pub(super) struct Object {
    /// The index of its first key in [`Keys::open`].
    first: usize,
    number: usize,
    /// A bit for each key's hash, which shows for most new keys that they are new.
    seen: u64,
    /// Whether its keys are in [`Keys::many`].
    indexed: bool,
}

/// The keys of the objects that are being read, those of an inner object after those of the outer
/// one.
#[derive(Debug, Default)]
pub(super) struct Keys {
    open: Vec<Key>,
    objects: usize,
    /// For objects with many keys, the index in `open` by a hash with a random seed, so that
    /// collisions cannot be prepared. Also contains keys of closed objects, under separate hashes.
    many: HashMap<u64, usize, RandomState>,
}

impl Keys {
    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.objects = 0;
        self.many.clear();
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Object {
        self.objects += 1;
        Object { first: self.open.len(), number: self.objects, seen: 0, indexed: false }
    }

    #[inline]
    pub(super) fn leave(&mut self, object: &Object) {
        self.open.truncate(object.first);
    }

    /// Notes a key of the innermost object. Returns its index, and the member that this object had
    /// under the same key before. `bytes` returns an unescaped key.
    #[inline]
    pub(super) fn put<'a>(
        &mut self,
        object: &mut Object,
        key: Key,
        bytes: impl Fn(&Key) -> &'a [u8],
    ) -> (usize, Option<Key>) {
        let bit = 1 << (key.hash >> 58);
        let new = object.seen & bit == 0;
        object.seen |= bit;
        let may_be_known = !new || self.open.len() - object.first >= FEW;
        if may_be_known && let Some(place) = self.find(object, &key, bytes) {
            return (place, Some(std::mem::replace(&mut self.open[place], key)));
        }
        self.open.push(key);
        (self.open.len() - 1, None)
    }

    /// The index of this key in the object. With many keys, also notes it.
    fn find<'a>(
        &mut self,
        object: &mut Object,
        key: &Key,
        bytes: impl Fn(&Key) -> &'a [u8],
    ) -> Option<usize> {
        let own = &self.open[object.first..];
        let same = |known: &Key| known.hash == key.hash && bytes(known) == bytes(key);
        if own.len() < FEW {
            return own.iter().position(same).map(|place| object.first + place);
        }
        let hasher = self.many.hasher().clone();
        let number = object.number;
        let hash = |key: &Key| hasher.hash_one((number, bytes(key)));
        if !std::mem::replace(&mut object.indexed, true) {
            let places = own.iter().enumerate().map(|(at, key)| (hash(key), object.first + at));
            self.many.extend(places);
        }
        let place = *self.many.entry(hash(key)).or_insert(self.open.len());
        if place == self.open.len() {
            return None;
        }
        if same(&self.open[place]) {
            return Some(place);
        }
        // Two keys with the same hash: practically never.
        own.iter().position(same).map(|place| object.first + place)
    }

    /// Notes the end of the member whose key is at an index that [`Keys::put`] returned, while its
    /// object is being read.
    #[inline]
    pub(super) fn ends_at(&mut self, place: usize, end: usize) {
        let member = &mut self.open[place].member;
        *member = short(Span { end, ..long(*member) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

    fn bytes(key: &Key) -> &'static [u8] {
        key.bytes(TEXT, &[])
    }

    /// A key of `length` bytes at `start` of [`TEXT`], whose member begins at `at`.
    fn key(hash: u64, start: usize, length: usize, at: usize) -> Key {
        Key::new(hash, Span { start, end: start + length }, false, at)
    }

    /// Puts a key and returns its index, and where the earlier member with it began.
    fn put(keys: &mut Keys, object: &mut Object, key: Key) -> (usize, Option<usize>) {
        let (place, before) = keys.put(object, key, bytes);
        (place, before.map(|key| key.member().start))
    }

    #[test]
    fn returns_what_the_key_had_before() {
        let mut keys = Keys::default();
        let mut object = keys.enter();
        assert_eq!(put(&mut keys, &mut object, key(7, 0, 1, 10)), (0, None));
        assert_eq!(put(&mut keys, &mut object, key(7, 1, 1, 11)), (1, None));
        assert_eq!(put(&mut keys, &mut object, key(7, 0, 1, 12)), (0, Some(10)));
        assert_eq!(put(&mut keys, &mut object, key(7, 0, 1, 13)), (0, Some(12)));
        assert_eq!(put(&mut keys, &mut object, key(7, 1, 1, 14)), (1, Some(11)));
    }

    #[test]
    fn objects_have_keys_of_their_own() {
        let mut keys = Keys::default();
        let mut outer = keys.enter();
        put(&mut keys, &mut outer, key(7, 0, 1, 1));
        let mut inner = keys.enter();
        assert_eq!(put(&mut keys, &mut inner, key(7, 0, 1, 2)), (1, None));
        assert_eq!(put(&mut keys, &mut inner, key(7, 0, 1, 3)), (1, Some(2)));
        keys.leave(&inner);
        assert_eq!(put(&mut keys, &mut outer, key(7, 0, 1, 4)), (0, Some(1)));
    }

    #[test]
    fn finds_keys_among_many_whatever_their_hashes() {
        for hashes in [1, 7, u64::MAX] {
            let mut keys = Keys::default();
            let mut outer = keys.enter();
            let mut object = keys.enter();
            // All keys of up to 13 letters: 247 different ones.
            let all = || (0..13).flat_map(|start| (1..=13).map(move |length| (start, length)));
            for (at, (start, length)) in all().enumerate() {
                let hash = (at as u64 % hashes) << 50;
                let put = put(&mut keys, &mut object, key(hash, start, length, at));
                assert_eq!(put, (at, None));
            }
            for (at, (start, length)) in all().enumerate() {
                let hash = (at as u64 % hashes) << 50;
                let again = key(hash, start, length, 1_000 + at);
                assert_eq!(put(&mut keys, &mut object, again), (at, Some(at)));
            }
            // The same keys in the next object are new.
            keys.leave(&object);
            let mut next = keys.enter();
            for (at, (start, length)) in all().enumerate() {
                let put = put(&mut keys, &mut next, key(0, start, length, at));
                assert_eq!(put, (at, None));
            }
            keys.leave(&next);
            assert_eq!(put(&mut keys, &mut outer, key(0, 0, 1, 5)), (0, None));
        }
    }

    #[test]
    fn forgets() {
        let mut keys = Keys::default();
        let mut object = keys.enter();
        for length in 1..=26 {
            (0..=26 - length).for_each(|at| {
                assert_eq!(put(&mut keys, &mut object, key(7, at, length, 0)).1, None);
            });
        }
        keys.clear();
        let mut object = keys.enter();
        assert_eq!(put(&mut keys, &mut object, key(7, 0, 1, 1)), (0, None));
        assert!(keys.many.is_empty());
    }
}
