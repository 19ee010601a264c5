//! Which input paths become which document field: data, compiled once at start.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::json::Span;

/// The member that counts how often a record was put back into its source. It never reaches a
/// document, and the derived id does not depend on it.
pub const REINGESTS: &str = "__sluice_reingests";

/// The member that brings the arrival along which the derived id of a record that was put back
/// depends on. It never reaches a document.
pub(super) const ARRIVAL: &str = "__sluice_arrival";

/// The names by which an envelope is noticed.
const MARKS: [&str; 5] = ["Type", "Message", "detail-type", "detail", "specversion"];

/// The music mapping: document field, and its input paths in order.
const MUSIC: &[(&str, &[&str])] = &[
    ("event.id", &["event_id", "eventId", "id"]),
    ("event.action", &["event_type", "eventType", "action", "type"]),
    ("artist.id", &["artist.id", "artist_id", "artistId"]),
    ("artist.name", &["artist.name", "artist_name", "artistName", "artist"]),
    ("artist.genre", &["artist.genre", "artist.genres", "genre"]),
    ("song.id", &["song.id", "track.id", "song_id", "track_id", "songId", "trackId"]),
    (
        "song.title",
        &["song.title", "track.title", "song_title", "track_title", "title", "song", "track"],
    ),
    ("song.duration_ms", &["song.duration_ms", "track.duration_ms", "duration_ms"]),
    ("song.album", &["song.album", "track.album", "album"]),
    ("interaction.user_id", &["user.id", "user_id", "userId", "user"]),
    ("interaction.country", &["user.country", "country"]),
    ("interaction.device", &["user.device", "device"]),
    ("interaction.session_id", &["session_id", "sessionId"]),
    ("interaction.listened_ms", &["listened_ms", "listenedMs", "play_duration_ms"]),
    ("interaction.position_ms", &["position_ms"]),
    ("interaction.shuffle", &["shuffle"]),
];

/// An entry that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry}: {reason}")]
pub struct MappingError {
    /// The document field or input path.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

fn wrong(entry: &str, reason: impl fmt::Display) -> MappingError {
    MappingError { entry: entry.to_owned(), reason: reason.to_string() }
}

/// The document fields with their input paths, and the paths of timestamps, compiled for
/// look-up.
#[derive(Debug)]
pub struct Mapping {
    /// All fields but `event.id` and `event.action` by group, in the order of the document.
    pub(super) groups: Vec<Group>,
    /// The number of fields: their numbers are below.
    pub(super) fields: usize,
    /// Paths of timestamps, best first.
    pub(super) timestamps: Vec<NameId>,
    /// `__sluice_reingests`
    pub(super) reingests: NameId,
    /// `__sluice_arrival`
    pub(super) arrival: NameId,
    /// [`MARKS`]
    pub(super) marks: [NameId; MARKS.len()],
    pub(super) names: Names,
}

/// The [`Field::number`] of `event.id`.
pub(super) const ID: u16 = 0;
/// The [`Field::number`] of `event.action`.
pub(super) const ACTION: u16 = 1;

/// A group of the document.
#[derive(Debug)]
pub(super) struct Group {
    /// Its name as a JSON string, with the quotes.
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
}

/// A field of a group.
#[derive(Debug, Default)]
pub(super) struct Field {
    /// What stands before its value: `,"group":{"name":` where it opens its group,
    pub(super) first: String,
    /// and else `,"name":`.
    pub(super) next: String,
    /// Its place among the claims; `event.id` and `event.action` have [`ID`] and [`ACTION`].
    pub(super) number: u16,
    pub(super) role: Role,
}

/// What a field means to the model, apart from being copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    None,
    /// `song.duration_ms`
    Duration,
    /// `interaction.listened_ms`
    Listened,
}

/// The entries of a mapping as JSON writes them, in order.
struct Entries(Vec<(String, Vec<String>)>);

impl Mapping {
    /// The music mapping, with `timestamps` as paths of timestamps.
    ///
    /// # Errors
    /// [`MappingError`] for a timestamp path that has no one or two segments.
    pub fn music<'a>(timestamps: impl IntoIterator<Item = &'a str>) -> Result<Self, MappingError> {
        Self::compile(
            MUSIC.iter().map(|(field, paths)| (*field, paths.iter().copied())),
            timestamps,
        )
    }

    /// A mapping written as JSON, `{"artist.id":["artist.id","artist_id"], …}`.
    ///
    /// # Errors
    /// [`MappingError`] that names the entry.
    pub fn from_json<'a>(
        json: &str,
        timestamps: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, MappingError> {
        let Entries(entries) =
            serde_json::from_str(json).map_err(|error| wrong("not a mapping in JSON", error))?;
        let entries =
            entries.iter().map(|(field, paths)| (field.as_str(), paths.iter().map(String::as_str)));
        Self::compile(entries, timestamps)
    }

    fn compile<'a, 'b, P: IntoIterator<Item = &'a str>>(
        entries: impl IntoIterator<Item = (&'a str, P)>,
        timestamps: impl IntoIterator<Item = &'b str>,
    ) -> Result<Self, MappingError> {
        let mut names = Names::default();
        let [reingests, arrival] = [REINGESTS, ARRIVAL].map(|name| names.add(Names::TOP, name));
        let marks = MARKS.map(|name| names.add(Names::TOP, name));
        let mut mapping = Self {
            groups: Vec::new(),
            fields: 2,
            timestamps: Vec::new(),
            reingests,
            arrival,
            marks,
            names,
        };
        let mut known = BTreeSet::new();
        for (entry, paths) in entries {
            if !known.insert(entry) {
                return Err(wrong(entry, "the document field is listed twice"));
            }
            let field = mapping.field(entry)?;
            let mut priority = 0;
            for path in paths {
                let id = mapping.names.add_path(path)?;
                let name = mapping.names.get_mut(id);
                if std::mem::replace(&mut name.mapped, true) {
                    return Err(wrong(path, "the path is listed twice"));
                }
                (name.field, name.priority) = (field, priority);
                priority += 1;
            }
            if priority == 0 {
                return Err(wrong(entry, "has no input path"));
            }
        }
        for path in timestamps {
            let id = mapping.names.add_path(path)?;
            mapping.names.get_mut(id).mapped = true;
            mapping.timestamps.push(id);
        }
        Ok(mapping)
    }

    /// Makes the place of the document field `entry` and returns its number.
    fn field(&mut self, entry: &str) -> Result<u16, MappingError> {
        let segments = segments(entry).filter(|(_, second)| second.is_some());
        let Some((group, Some(name))) = segments else {
            return Err(wrong(entry, "a document field has two segments, as in artist.id"));
        };
        let allowed = match group {
            "event" => matches!(name, "id" | "action"),
            "analytics" | "envelope" | "extra" | "overflow" | "@timestamp" => false,
            // OpenSearch rejects documents with the names of its own metadata.
            _ => !group.starts_with('_'),
        };
        if !allowed {
            return Err(wrong(entry, "the document field is sluice's own"));
        }
        match entry {
            "event.id" => return Ok(ID),
            "event.action" => return Ok(ACTION),
            _ => {}
        }
        let (group, name) = (quoted(group), quoted(name));
        let role = match entry {
            "song.duration_ms" => Role::Duration,
            "interaction.listened_ms" => Role::Listened,
            _ => Role::None,
        };
        let number = u16::try_from(self.fields).ok().filter(|number| *number != NO_FIELD);
        let number = number.ok_or_else(|| wrong(entry, "there are too many document fields"))?;
        self.fields += 1;
        let next = [",", &name, ":"].concat();
        let field = Field { first: [",", &group, ":{", &next[1..]].concat(), next, number, role };
        match self.groups.iter_mut().find(|known| known.name == group) {
            Some(known) => known.fields.push(field),
            None => self.groups.push(Group { name: group, fields: vec![field] }),
        }
        Ok(number)
    }
}

/// One or two segments, none of them empty.
fn segments(path: &str) -> Option<(&str, Option<&str>)> {
    let (first, second) = match path.split_once('.') {
        Some((first, second)) => (first, Some(second)),
        None => (path, None),
    };
    // OpenSearch refuses documents with blank names in them.
    let blank = |segment: &str| segment.chars().all(char::is_whitespace);
    let well_formed =
        !blank(first) && second.is_none_or(|second| !blank(second) && !second.contains('.'));
    well_formed.then_some((first, second))
}

fn quoted(name: &str) -> String {
    // A text is always JSON.
    serde_json::to_string(name).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of document fields, each with a list of input paths")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// Which of the names that a mapping knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NameId(pub(super) u16);

impl NameId {
    /// Of a key that the mapping does not know.
    pub(super) const NONE: Self = Self(u16::MAX);

    /// Whether it is a member that this model adds to records that are put back.
    #[inline]
    pub(super) const fn is_own(self) -> bool {
        // They are entered first.
        self.0 < 2
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A name at the top level of an event, or of a member inside one of the groups there.
#[derive(Debug)]
pub(super) struct Name {
    print: Print,
    /// The object it is looked for in.
    table: u16,
    /// What the key means.
    key: Box<[u8]>,
    /// Whether a path of the mapping or of a timestamp ends here.
    pub(super) mapped: bool,
    /// The table of the names inside, where paths go on; else [`Names::TOP`].
    pub(super) inside: u16,
    /// The number of the field whose path ends here, or [`NO_FIELD`].
    pub(super) field: u16,
    /// The place of this path among the field's.
    pub(super) priority: u16,
}

/// The [`Name::field`] of a name that no field has.
pub(super) const NO_FIELD: u16 = u16::MAX;

/// A key's length, first and last eight bytes, which tell keys of up to 16 bytes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    first: u64,
    last: u64,
    length: usize,
}

impl Print {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than the print of a key")]
    pub(super) fn of(text: &[u8], key: Span) -> Self {
        let word = |at: usize| Some(u64::from_le_bytes(*text.get(at..)?.first_chunk()?));
        let length = key.length();
        let (first, last) = if length >= 8 {
            (word(key.start).unwrap_or(0), word(key.end - 8).unwrap_or(0))
        } else {
            // Mostly more text follows, which is masked.
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
    pub(super) const fn length(self) -> usize {
        self.length
    }

    /// Well mixed in its lowest and highest bits.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than the hash of a key")]
    pub(super) const fn hash(self, table: u16) -> u64 {
        let length = (self.length as u64) << 56;
        let mixed = (self.first ^ self.last.rotate_left(29) ^ length ^ ((table as u64) << 48))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    }
}

/// The fewest slots: some for each name of the music mapping, so that most keys that no name has
/// meet an empty one.
const MIN_SLOTS: usize = 512;
const SLOTS_PER_NAME: usize = 4;

/// All names, with a hash table from the bytes of a key to its name.
#[derive(Debug)]
pub(super) struct Names {
    /// By [`NameId`].
    known: Vec<Name>,
    tables: u16,
    /// Open addressing.
    slots: Vec<NameId>,
}

impl Default for Names {
    fn default() -> Self {
        Self { known: Vec::new(), tables: 0, slots: vec![NameId::NONE; MIN_SLOTS] }
    }
}

impl Names {
    /// The table of the names at the top level of an event.
    pub(super) const TOP: u16 = 0;

    /// The number of names: ids are below.
    pub(super) const fn count(&self) -> usize {
        self.known.len()
    }

    #[inline]
    pub(super) fn get(&self, id: NameId) -> &Name {
        &self.known[id.index()]
    }

    fn get_mut(&mut self, id: NameId) -> &mut Name {
        &mut self.known[id.index()]
    }

    fn add_path(&mut self, path: &str) -> Result<NameId, MappingError> {
        let Some((first, second)) = segments(path) else {
            return Err(wrong(path, "an input path has one or two segments, as in user.id"));
        };
        if first == REINGESTS || first == ARRIVAL {
            return Err(wrong(path, "the input path is sluice's own"));
        }
        if self.known.len() + 2 >= usize::from(NO_FIELD) {
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

    fn add(&mut self, table: u16, key: &str) -> NameId {
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

    /// Ids are few: [`Names::add_path`] sees to it.
    #[expect(clippy::unused_self, reason = "an id is of these names")]
    fn id(&self, index: usize) -> NameId {
        NameId(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// Puts the name at `index` into the first free slot from its home on.
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
    pub(super) fn find(&self, table: u16, print: Print, hash: u64, key: &[u8]) -> NameId {
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
    fn home(&self, hash: u64) -> usize {
        // Truncation keeps the low bits, which are well mixed.
        hash as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests;
