//! Maps input paths to document fields: data, compiled once at start.

mod names;

use std::collections::BTreeSet;
use std::fmt;

use crate::json::Entries;

pub(super) use names::{NO_FIELD, NameId, Names, Print};

/// The member that counts how often a record was put back into its source. It is never part of a
/// document, and the derived id does not depend on it.
pub const REINGESTS: &str = "__sluice_reingests";

/// The member with the arrival on which the derived id of a record that was put back depends. It is
/// never part of a document.
pub(super) const ARRIVAL: &str = "__sluice_arrival";

/// The prefix of the members that this model adds.
pub(super) const OWN_PREFIX: &str = "__sluice_";

/// The members that this model adds to a passthrough document: `@timestamp`, and the others if the
/// event has no member with that name.
pub(super) const ADDED: [&str; 3] = ["@timestamp", "@timestamp_original", "envelope"];

/// The names by which an envelope is recognized.
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

/// An invalid entry, and why it is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry}: {reason}")]
pub struct MappingError {
    /// The document field or input path.
    pub entry: String,
    /// Why it is invalid.
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
    /// The number of fields: each has a smaller number.
    pub(super) fields: usize,
    /// Paths of timestamps, in order of preference.
    pub(super) timestamps: Vec<NameId>,
    /// `__sluice_reingests`
    pub(super) reingests: NameId,
    /// `__sluice_arrival`
    pub(super) arrival: NameId,
    /// [`MARKS`]
    pub(super) marks: [NameId; MARKS.len()],
    /// [`ADDED`]
    pub(super) added: [NameId; ADDED.len()],
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
    /// The text before its value: `,"group":{"name":` if it opens its group,
    pub(super) first: String,
    /// and `,"name":` otherwise.
    pub(super) next: String,
    /// Its index in the claims; `event.id` and `event.action` have [`ID`] and [`ACTION`].
    pub(super) number: u16,
    pub(super) role: Role,
}

/// The role of a field in the model, in addition to being copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    None,
    /// `song.duration_ms`
    Duration,
    /// `interaction.listened_ms`
    Listened,
}

impl Mapping {
    /// The music mapping, with `timestamps` as paths of timestamps.
    ///
    /// # Errors
    /// [`MappingError`] for a timestamp path that does not have one or two segments.
    pub fn music<'a>(timestamps: impl IntoIterator<Item = &'a str>) -> Result<Self, MappingError> {
        Self::compile(
            MUSIC.iter().map(|(field, paths)| (*field, paths.iter().copied())),
            timestamps,
        )
    }

    /// No document fields, with `timestamps` as paths of timestamps.
    ///
    /// # Errors
    /// [`MappingError`] for a timestamp path that does not have one or two segments.
    pub fn of_times<'a>(
        timestamps: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, MappingError> {
        Self::compile(std::iter::empty::<(&str, [&str; 0])>(), timestamps)
    }

    /// A mapping written as JSON, `{"artist.id":["artist.id","artist_id"], …}`.
    ///
    /// # Errors
    /// [`MappingError`] that names the entry.
    pub fn from_json<'a>(
        json: &str,
        timestamps: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, MappingError> {
        let Entries::<Vec<String>>(entries) =
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
            added: [NameId::NONE; ADDED.len()],
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
        // These come last: most events have none of them.
        mapping.added = ADDED.map(|name| mapping.names.add(Names::TOP, name));
        Ok(mapping)
    }

    /// Adds the document field `entry` and returns its number.
    fn field(&mut self, entry: &str) -> Result<u16, MappingError> {
        let segments = segments(entry).filter(|(_, second)| second.is_some());
        let Some((group, Some(name))) = segments else {
            return Err(wrong(entry, "a document field has two segments, as in artist.id"));
        };
        let allowed = match group {
            "event" => matches!(name, "id" | "action"),
            "analytics" | "envelope" | "extra" | "overflow" | "@timestamp" => false,
            // OpenSearch rejects documents with the names of its metadata fields.
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

impl Mapping {
    /// Lets events find the member at `path` by its name. `None` for a path of more than two
    /// segments and for members that this model adds to documents.
    pub(super) fn look_for(&mut self, path: &str) -> Option<NameId> {
        let (first, _) = segments(path)?;
        let is_added = ADDED.contains(&first) || first.starts_with(OWN_PREFIX);
        if is_added { None } else { self.names.add_path(path).ok() }
    }

    /// The number of the document field `name` of `group`, if this mapping has it.
    pub(super) fn number_of(&self, group: &str, name: &str) -> Option<u16> {
        let (group, next) = (quoted(group), [",", &quoted(name), ":"].concat());
        let group = self.groups.iter().find(|known| known.name == group)?;
        let field = group.fields.iter().find(|field| field.next == next)?;
        Some(field.number)
    }
}

/// Splits a path into one or two non-empty segments.
fn segments(path: &str) -> Option<(&str, Option<&str>)> {
    let (first, second) = match path.split_once('.') {
        Some((first, second)) => (first, Some(second)),
        None => (path, None),
    };
    // OpenSearch rejects documents with blank names.
    let blank = |segment: &str| segment.chars().all(char::is_whitespace);
    let well_formed =
        !blank(first) && second.is_none_or(|second| !blank(second) && !second.contains('.'));
    well_formed.then_some((first, second))
}

fn quoted(name: &str) -> String {
    // A string can always be serialized.
    serde_json::to_string(name).unwrap_or_default()
}

#[cfg(test)]
mod tests;
