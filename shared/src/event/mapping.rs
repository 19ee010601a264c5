//! Which input paths become which document field: data, compiled once at start.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// The member that counts how often a record was put back into its source. It never reaches a
/// document, and the derived id does not depend on it.
pub const REINGESTS: &str = "__sluice_reingests";

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
    /// `event.id`, where it is mapped.
    pub(super) id: Field,
    /// `event.action`, where it is mapped.
    pub(super) action: Field,
    /// All other fields by group, in the order of the document.
    pub(super) groups: Vec<Group>,
    /// Paths of timestamps, best first.
    pub(super) timestamps: Vec<NameId>,
    /// `__sluice_reingests`
    pub(super) reingests: NameId,
    pub(super) names: Names,
}

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
    /// Where to look for its value, best first.
    pub(super) paths: Vec<NameId>,
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
        let reingests = names.add(Names::TOP, REINGESTS);
        let mut mapping = Self {
            id: Field::default(),
            action: Field::default(),
            groups: Vec::new(),
            timestamps: Vec::new(),
            reingests,
            names,
        };
        for (entry, paths) in entries {
            let field = mapping.field(entry)?;
            for path in paths {
                let id = mapping.names.add_path(path)?;
                let leaf = &mut mapping.names.get_mut(id).mapped;
                if std::mem::replace(leaf, true) {
                    return Err(wrong(path, "the path is listed twice"));
                }
                field_at(&mut mapping, field).paths.push(id);
            }
            if field_at(&mut mapping, field).paths.is_empty() {
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

    /// Makes the place of the document field `entry`.
    fn field(&mut self, entry: &str) -> Result<Place, MappingError> {
        let segments = segments(entry).filter(|(_, second)| second.is_some());
        let Some((group, Some(name))) = segments else {
            return Err(wrong(entry, "a document field has two segments, as in artist.id"));
        };
        let allowed = match group {
            "event" => matches!(name, "id" | "action"),
            "analytics" | "extra" | "overflow" | "@timestamp" => false,
            // OpenSearch refuses documents with the names of its own metadata.
            _ => !group.starts_with('_'),
        };
        if !allowed {
            return Err(wrong(entry, "the document field is sluice's own"));
        }
        let (quoted_group, name) = (quoted(group), quoted(name));
        let first = [",", &quoted_group, ":{", &name, ":"].concat();
        let next = [",", &name, ":"].concat();
        let field = Field {
            first,
            next,
            paths: Vec::new(),
            role: match entry {
                "song.duration_ms" => Role::Duration,
                "interaction.listened_ms" => Role::Listened,
                _ => Role::None,
            },
        };
        let place = match entry {
            "event.id" => Place::Id,
            "event.action" => Place::Action,
            _ => {
                let found = self.groups.iter().position(|known| known.name == quoted_group);
                let index = found.unwrap_or_else(|| {
                    self.groups.push(Group { name: quoted_group, fields: Vec::new() });
                    self.groups.len() - 1
                });
                let fields = &mut self.groups[index].fields;
                if fields.iter().any(|known| known.next == field.next) {
                    return Err(wrong(entry, "the document field is listed twice"));
                }
                fields.push(Field::default());
                Place::Group(index, fields.len() - 1)
            }
        };
        let known = field_at(self, place);
        if !known.next.is_empty() {
            return Err(wrong(entry, "the document field is listed twice"));
        }
        *known = field;
        Ok(place)
    }
}

/// Where a field stands in a mapping.
#[derive(Clone, Copy)]
enum Place {
    Id,
    Action,
    Group(usize, usize),
}

fn field_at(mapping: &mut Mapping, place: Place) -> &mut Field {
    match place {
        Place::Id => &mut mapping.id,
        Place::Action => &mut mapping.action,
        Place::Group(group, field) => &mut mapping.groups[group].fields[field],
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
pub(super) struct NameId(pub(super) usize);

/// A name at the top level of an event, or of a member inside one of the groups there.
#[derive(Debug)]
pub(super) struct Name {
    /// The object it is looked for in.
    table: usize,
    /// What the key means.
    key: String,
    /// Whether a path of the mapping or of a timestamp ends here.
    pub(super) mapped: bool,
    /// The table of the names inside, where paths go on.
    pub(super) inside: Option<usize>,
}

/// The fewest slots: as many as the music mapping takes.
const MIN_SLOTS: usize = 256;
/// With fewer, keys that no name has would take more looks to find that out.
const SLOTS_PER_NAME: usize = 3;

/// All names, with a hash table from the bytes of a key to its name.
#[derive(Debug)]
pub(super) struct Names {
    /// By [`NameId`].
    known: Vec<Name>,
    tables: usize,
    hasher: RandomState,
    /// Open addressing: each slot an index into `known` plus one, or 0.
    slots: Vec<usize>,
}

impl Default for Names {
    fn default() -> Self {
        let (known, hasher) = Default::default();
        Self { known, tables: 0, hasher, slots: vec![0; MIN_SLOTS] }
    }
}

impl Names {
    /// The table of the names at the top level of an event.
    pub(super) const TOP: usize = 0;

    /// How many names there are: ids are below.
    pub(super) const fn count(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, id: NameId) -> &Name {
        &self.known[id.0]
    }

    fn get_mut(&mut self, id: NameId) -> &mut Name {
        &mut self.known[id.0]
    }

    fn add_path(&mut self, path: &str) -> Result<NameId, MappingError> {
        let Some((first, second)) = segments(path) else {
            return Err(wrong(path, "an input path has one or two segments, as in user.id"));
        };
        if first == REINGESTS {
            return Err(wrong(path, "the input path is sluice's own"));
        }
        let first = self.add(Self::TOP, first);
        let Some(second) = second else {
            return Ok(first);
        };
        let table = self.get(first).inside.unwrap_or_else(|| {
            self.tables += 1;
            self.tables
        });
        self.get_mut(first).inside = Some(table);
        Ok(self.add(table, second))
    }

    fn add(&mut self, table: usize, key: &str) -> NameId {
        let hash = self.hash(key.as_bytes());
        if let Some(known) = self.find(table, hash, key.as_bytes()) {
            return known;
        }
        self.known.push(Name { table, key: key.to_owned(), mapped: false, inside: None });
        if self.known.len() * SLOTS_PER_NAME > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 2];
            (0..self.known.len()).for_each(|index| self.enter(index));
        } else {
            self.enter(self.known.len() - 1);
        }
        NameId(self.known.len() - 1)
    }

    /// Puts the name at `index` into the first free slot from its home on.
    fn enter(&mut self, index: usize) {
        let Name { table, ref key, .. } = self.known[index];
        let mut at = self.home(table, self.hash(key.as_bytes()));
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = index + 1;
    }

    /// The hash of a key: a different one in each process, so that nobody can prepare keys
    /// that collide.
    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// The name with these bytes in `table`, if the mapping knows it.
    #[inline]
    pub(super) fn find(&self, table: usize, hash: u64, key: &[u8]) -> Option<NameId> {
        let mut at = self.home(table, hash);
        while let Some(index) = self.slots[at].checked_sub(1) {
            let name = &self.known[index];
            if name.table == table && name.key.as_bytes() == key {
                return Some(NameId(index));
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        None
    }

    fn home(&self, table: usize, hash: u64) -> usize {
        ((hash >> 32) as usize).wrapping_add(table) & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests;
