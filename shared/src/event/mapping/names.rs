//! The names in a mapping, compiled for look-up.

use super::{ADDED, ARRIVAL, MappingError, REINGESTS, segments, wrong};
use crate::json::Span;

/// Identifies a name of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::event) struct NameId(pub(in crate::event) u16);

impl NameId {
    /// The id of a key that is not in the mapping.
    pub(in crate::event) const NONE: Self = Self(u16::MAX);

    /// Whether it is a member that this model adds to records that are put back.
    #[inline]
    pub(in crate::event) const fn is_own(self) -> bool {
        // They are added first.
        self.0 < 2
    }

    pub(in crate::event) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A name at the top level of an event, or of a member inside one of the groups there.
#[derive(Debug)]
pub(in crate::event) struct Name {
    print: Print,
    /// The table of the object in which it is looked up.
    table: u16,
    /// The unescaped key.
    key: Box<[u8]>,
    /// Whether a path of the mapping or of a timestamp ends here.
    pub(in crate::event) mapped: bool,
    /// The table of the names inside, if paths continue; else [`Names::TOP`].
    pub(in crate::event) inside: u16,
    /// The number of the field whose path ends here, or [`NO_FIELD`].
    pub(in crate::event) field: u16,
    /// The index of this path among those of the field.
    pub(in crate::event) priority: u16,
}

/// The [`Name::field`] of a name without a field.
pub(in crate::event) const NO_FIELD: u16 = u16::MAX;

/// A key's length, first and last eight bytes, which distinguish keys of up to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::event) struct Print {
    first: u64,
    last: u64,
    length: usize,
}

impl Print {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than the print of a key")]
    pub(in crate::event) fn of(text: &[u8], key: Span) -> Self {
        let word = |at: usize| Some(u64::from_le_bytes(*text.get(at..)?.first_chunk()?));
        let length = key.length();
        let (first, last) = if length >= 8 {
            (word(key.start).unwrap_or(0), word(key.end - 8).unwrap_or(0))
        } else {
            // Usually more text follows, which is masked.
            let word = word(key.start).unwrap_or_else(|| {
                let mut word = [0; 8];
                word[..length].copy_from_slice(key.of(text));
                u64::from_le_bytes(word)
            });
            let word = word & ((1 << (length * 8)) - 1);
            (word, word)
        };
        Self { first, last, length }
    }

    /// The key's length, in bytes.
    #[inline]
    pub(in crate::event) const fn length(self) -> usize {
        self.length
    }

    /// A hash whose lowest and highest bits are well mixed.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than the hash of a key")]
    pub(in crate::event) const fn hash(self, table: u16) -> u64 {
        let length = (self.length as u64) << 56;
        let mixed = (self.first ^ self.last.rotate_left(29) ^ length ^ ((table as u64) << 48))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    }
}

/// Minimum number of slots: several for each name of the music mapping, so that most unknown keys
/// hit an empty one.
const MIN_SLOTS: usize = 512;
const SLOTS_PER_NAME: usize = 4;

/// All names, with a hash table from the bytes of a key to its name.
#[derive(Debug)]
pub(in crate::event) struct Names {
    /// The names, by [`NameId`].
    known: Vec<Name>,
    tables: u16,
    /// A hash table with open addressing.
    slots: Vec<NameId>,
}

impl Default for Names {
    fn default() -> Self {
        Self { known: Vec::new(), tables: 0, slots: vec![NameId::NONE; MIN_SLOTS] }
    }
}

impl Names {
    /// The table of the names at the top level of an event.
    pub(in crate::event) const TOP: u16 = 0;

    /// The number of names: ids are smaller.
    pub(in crate::event) const fn count(&self) -> usize {
        self.known.len()
    }

    #[inline]
    pub(in crate::event) fn get(&self, id: NameId) -> &Name {
        &self.known[id.index()]
    }

    pub(super) fn get_mut(&mut self, id: NameId) -> &mut Name {
        &mut self.known[id.index()]
    }

    pub(in crate::event) fn add_path(&mut self, path: &str) -> Result<NameId, MappingError> {
        let Some((first, second)) = segments(path) else {
            return Err(wrong(path, "an input path has one or two segments, as in user.id"));
        };
        if first == REINGESTS || first == ARRIVAL {
            return Err(wrong(path, "the input path is sluice's own"));
        }
        if self.known.len() + 2 + ADDED.len() >= usize::from(NO_FIELD) {
            return Err(wrong(path, "there are too many input paths"));
        }
        let first = self.add(Self::TOP, first);
        let Some(second) = second else {
            return Ok(first);
        };
        if self.get(first).inside == Self::TOP {
            self.tables += 1;
            self.get_mut(first).inside = self.tables;
        }
        let table = self.get(first).inside;
        Ok(self.add(table, second))
    }

    pub(super) fn add(&mut self, table: u16, key: &str) -> NameId {
        let key = key.as_bytes();
        let print = Print::of(key, Span { start: 0, end: key.len() });
        let found = self.find(table, print, print.hash(table), key);
        if found != NameId::NONE {
            return found;
        }
        let (mapped, inside, field, priority) = (false, Self::TOP, NO_FIELD, 0);
        self.known.push(Name { print, table, key: key.into(), mapped, inside, field, priority });
        if self.known.len() * SLOTS_PER_NAME > self.slots.len() {
            self.slots = vec![NameId::NONE; self.slots.len() * 2];
            (0..self.known.len()).for_each(|index| self.enter(index));
        } else {
            self.enter(self.known.len() - 1);
        }
        self.id(self.known.len() - 1)
    }

    /// [`Names::add_path`] limits the number of ids.
    #[expect(clippy::unused_self, reason = "an id is of these names")]
    fn id(&self, index: usize) -> NameId {
        NameId(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// Puts the name at `index` into its home slot, or the next free one.
    fn enter(&mut self, index: usize) {
        let Name { table, print, .. } = self.known[index];
        let mut at = self.home(print.hash(table));
        while self.slots[at] != NameId::NONE {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = self.id(index);
    }

    /// The name with these bytes in `table`, or [`NameId::NONE`].
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than most look-ups")]
    pub(in crate::event) fn find(&self, table: u16, print: Print, hash: u64, key: &[u8]) -> NameId {
        let mut at = self.home(hash);
        loop {
            let id = self.slots[at];
            if id == NameId::NONE {
                return id;
            }
            let name = self.get(id);
            if name.print == print
                && name.table == table
                && (print.length <= 16 || *name.key == *key)
            {
                return id;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits, which are well mixed, stay")]
    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }
}
