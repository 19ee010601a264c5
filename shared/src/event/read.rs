//! The one pass over a payload: it validates every byte, finds the members that the mapping
//! knows, and notes what the writer must leave out. Nothing is copied but keys with escapes.

use super::Refusal;
use super::keys::Keys;
use super::mapping::{Mapping, NameId, Names};
use super::timestamp::Repeated;
use crate::json::{self, MAX_DEPTH, Scanner, Span, Text};

/// `flat_object` makes a term of each dotted path; a longer one than this, unescaped, makes
/// `extra` an `overflow`.
const MAX_PATH_BYTES: usize = 512;

/// What was found in one payload; kept from record to record, so that reading allocates
/// nothing once the buffers have grown.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The members of the event's top level and, each right after its group, of the groups
    /// that the mapping looks into; in the order of the text.
    pub(super) members: Vec<Member>,
    /// By [`NameId`]: the index in `members` plus one of the last member with this name, or 0.
    named: Vec<usize>,
    /// What stands in the text but not in a document: white space with line breaks, and
    /// members that a later one of the same name replaces; by their start, maybe overlapping.
    pub(super) cuts: Vec<Span>,
    /// The keys of all objects that the mapping does not know.
    keys: Keys<Known>,
    /// How many objects were entered: their numbers.
    objects: usize,
    /// Keys with escapes, unescaped; when all is read, a buffer for values.
    pub(super) unescaped: Vec<u8>,
    /// The time of ingestion.
    pub(super) ingested: Repeated,
    /// How many keys so far have a long path: more than [`MAX_PATH_BYTES`]. Those of replaced
    /// members are taken off again.
    long_paths: usize,
}

/// A member of the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Its key's content, as written.
    pub(super) key: Span,
    pub(super) value: Span,
    pub(super) kind: Kind,
    pub(super) name: Option<NameId>,
    /// For a group that was looked into: the index after its last member.
    pub(super) end: usize,
    /// Whether a long path leads to or through it: one of more than [`MAX_PATH_BYTES`].
    pub(super) long_path: bool,
    /// Replaced by a later member, claimed by a field, or used as the timestamp.
    pub(super) gone: bool,
}

/// What sort of value a member has, as far as the model cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that is no array or object.
    Scalar(json::Kind),
    /// An array of strings, numbers and booleans only.
    Scalars,
    /// Any other array, or an object.
    Other,
    /// An object whose members are listed too.
    Group,
}

/// A key that was seen: in the text, or among those unescaped; and its member.
#[derive(Clone, Copy, Debug)]
struct Known {
    key: Key,
    /// From the key's opening quote to the end of the value.
    member: Span,
    /// Its place in [`Found::members`], of one that is listed there.
    index: usize,
    /// How many keys from this one to the end of the value have a long path.
    long_paths: usize,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    span: Span,
    unescaped: bool,
}

/// The event's text: the payload without byte order mark and surrounding white space.
pub(super) fn trim(payload: &[u8]) -> &[u8] {
    let text = payload.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(payload);
    let white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let Some(start) = text.iter().position(|byte| !white(byte)) else {
        return &[];
    };
    let end = text.iter().rposition(|byte| !white(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

impl Found {
    /// Reads an event's text (see [`trim`]).
    pub(super) fn read(&mut self, mapping: &Mapping, text: &[u8]) -> Result<(), Refusal> {
        self.members.clear();
        self.named.clear();
        self.named.resize(mapping.names.count(), 0);
        self.cuts.clear();
        self.keys.clear();
        self.objects = 0;
        self.unescaped.clear();
        self.long_paths = 0;
        simdutf8::basic::from_utf8(text).map_err(|_| Refusal::InvalidUtf8)?;
        let mut scanner = Scanner::new(text);
        scanner.cuts = std::mem::take(&mut self.cuts);
        let result = self.event(mapping, &mut scanner);
        self.cuts = scanner.cuts;
        // In order already, but for replaced members.
        if !self.cuts.is_sorted_by_key(|cut| cut.start) {
            self.cuts.sort_unstable_by_key(|cut| cut.start);
        }
        result
    }

    fn event(&mut self, mapping: &Mapping, scanner: &mut Scanner<'_>) -> Result<(), Refusal> {
        let object = scanner.peek() == Some(b'{');
        if object {
            scanner.object(|scanner, key| self.member(mapping, scanner, Place::TOP, key))?;
        } else {
            scanner.value(0)?;
        }
        if scanner.peek().is_some() {
            return Err(Refusal::InvalidJson);
        }
        if object { Ok(()) } else { Err(Refusal::NotAnObject) }
    }

    /// The member with this name, if there is one.
    #[inline]
    pub(super) fn named(&self, name: NameId) -> Option<usize> {
        self.named[name.0].checked_sub(1)
    }

    /// Reads a member of the top level or of a group, standing at its value.
    fn member(
        &mut self,
        mapping: &Mapping,
        scanner: &mut Scanner<'_>,
        place: Place,
        text: Text,
    ) -> Result<(), json::Error> {
        let key = self.key(scanner.text(), text);
        let bytes = key.bytes(scanner.text(), &self.unescaped);
        let hash = mapping.names.hash(bytes);
        let name = mapping.names.find(place.table, hash, bytes);
        let path = place.path + bytes.len();
        let long_paths = self.long_paths;
        self.long_paths += usize::from(path > MAX_PATH_BYTES);
        let index = self.members.len();
        let start = scanner.position();
        let member = Member {
            key: text.span,
            value: Span { start, end: start },
            kind: Kind::Other,
            name,
            end: index + 1,
            long_path: false,
            gone: false,
        };
        let replaced = match name {
            Some(name) => std::mem::replace(&mut self.named[name.0], index + 1).checked_sub(1),
            None => self
                .known(scanner, place.object, hash, key, text.span, index)
                .1
                .map(|known| known.index),
        };
        if let Some(replaced) = replaced {
            self.replace(replaced);
        }
        self.members.push(member);
        let inside = name.and_then(|name| mapping.names.get(name).inside);
        let kind = match inside {
            Some(table) if scanner.peek() == Some(b'{') => {
                self.objects += 1;
                let inside = Place { table, object: self.objects, path: path + 1 };
                scanner.object(|scanner, key| self.member(mapping, scanner, inside, key))?;
                Kind::Group
            }
            _ => self.value(mapping, scanner, place.depth(), path)?,
        };
        let end = self.members.len();
        let member = &mut self.members[index];
        member.kind = kind;
        member.end = end;
        member.value.end = scanner.position();
        member.long_path = self.long_paths > long_paths;
        Ok(())
    }

    /// Marks a member as replaced; with a group go the members inside it.
    fn replace(&mut self, index: usize) {
        let end = self.members[index].end;
        for (inside, member) in self.members[index..end].iter_mut().enumerate() {
            member.gone = true;
            if let Some(name) = member.name.filter(|_| inside > 0) {
                self.named[name.0] = 0;
            }
        }
    }

    /// Passes a value that no path leads into, at `depth` levels inside others.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than most values do")]
    fn value(
        &mut self,
        mapping: &Mapping,
        scanner: &mut Scanner<'_>,
        depth: usize,
        path: usize,
    ) -> Result<Kind, json::Error> {
        match scanner.scalar()? {
            json::Kind::Array | json::Kind::Object if depth >= MAX_DEPTH => {
                Err(json::Error::TooDeep)
            }
            json::Kind::Array => self.array(mapping, scanner, depth, path),
            json::Kind::Object => self.object(mapping, scanner, depth, path),
            scalar => Ok(Kind::Scalar(scalar)),
        }
    }

    #[inline(never)]
    fn array(
        &mut self,
        mapping: &Mapping,
        scanner: &mut Scanner<'_>,
        depth: usize,
        path: usize,
    ) -> Result<Kind, json::Error> {
        let mut scalars = true;
        scanner.array(|scanner| {
            let kind = self.value(mapping, scanner, depth + 1, path)?;
            scalars &= matches!(kind, Kind::Scalar(kind) if kind != json::Kind::Null);
            Ok(())
        })?;
        Ok(if scalars { Kind::Scalars } else { Kind::Other })
    }

    #[inline(never)]
    fn object(
        &mut self,
        mapping: &Mapping,
        scanner: &mut Scanner<'_>,
        depth: usize,
        path: usize,
    ) -> Result<Kind, json::Error> {
        self.objects += 1;
        let object = self.objects;
        scanner.object(|scanner, text| {
            let key = self.key(scanner.text(), text);
            let bytes = key.bytes(scanner.text(), &self.unescaped);
            let hash = mapping.names.hash(bytes);
            let path = path + 1 + bytes.len();
            let (known, replaced) = self.known(scanner, object, hash, key, text.span, 0);
            if let Some(replaced) = replaced {
                self.long_paths -= replaced.long_paths;
                let Span { start, end } = replaced.member;
                // With the comma that must follow, for this member follows.
                let comma = memchr::memchr(b',', &scanner.text()[end..]).unwrap_or(0);
                scanner.cuts.push(Span { start, end: end + comma + 1 });
            }
            let long_paths = self.long_paths;
            self.long_paths += usize::from(path > MAX_PATH_BYTES);
            self.value(mapping, scanner, depth + 1, path)?;
            let known = self.keys.value_mut(known);
            known.member.end = scanner.position();
            known.long_paths = self.long_paths - long_paths;
            Ok(())
        })?;
        Ok(Kind::Other)
    }

    /// Notes a key that the mapping does not know; gives its number, and the member of the same
    /// object that had this key before. `index` is its place among the members, of one that is listed there.
    fn known(
        &mut self,
        scanner: &Scanner<'_>,
        object: usize,
        hash: u64,
        key: Key,
        content: Span,
        index: usize,
    ) -> (usize, Option<Known>) {
        let Self { keys, unescaped, .. } = self;
        let start = content.start - 1;
        let bytes = key.bytes(scanner.text(), unescaped);
        let known = Known { key, member: Span { start, end: start }, index, long_paths: 0 };
        let same = |known: &Known| known.key.bytes(scanner.text(), unescaped) == bytes;
        keys.put(hash, object, known, same)
    }

    #[inline]
    fn key(&mut self, text: &[u8], key: Text) -> Key {
        if !key.escaped {
            return Key { span: key.span, unescaped: false };
        }
        let start = self.unescaped.len();
        json::unescape(key.span.of(text), &mut self.unescaped);
        Key { span: Span { start, end: self.unescaped.len() }, unescaped: true }
    }
}

impl Key {
    #[inline]
    fn bytes<'a>(self, text: &'a [u8], unescaped: &'a [u8]) -> &'a [u8] {
        self.span.of(if self.unescaped { unescaped } else { text })
    }
}

/// Where a member stands: at the top level, or in a group.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The names to look for.
    table: usize,
    /// The object's number.
    object: usize,
    /// Bytes of the path that leads here, with its dot.
    path: usize,
}

impl Place {
    const TOP: Self = Self { table: Names::TOP, object: 0, path: 0 };

    /// How many levels a value here is inside.
    const fn depth(self) -> usize {
        if self.table == Names::TOP { 1 } else { 2 }
    }
}
