//! The single pass over a payload: it validates every byte, finds the members in the mapping,
//! decides which of them the fields take, and notes what the writer must leave out. Only keys with
//! escapes are copied.

use super::Refusal;
use super::id::is_id;
use super::keys::{Key, Keys, Object};
use super::mapping::{ID, Mapping, NO_FIELD, NameId, Names, Print};
use super::member::{Kind, Member};
use super::timestamp::Repeated;
use super::values::Places;
use crate::json::{self, MAX_DEPTH, Scanner, Span, Text};

/// Maximum length of a dotted path, of which `flat_object` makes a term; with a longer one,
/// unescaped, `extra` becomes `overflow`.
const MAX_PATH_BYTES: usize = 512;

/// The results of reading one payload; reused between records, so that reading allocates nothing
/// once the buffers have grown.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The members of the event's top level and, each right after its group, of the groups
    /// that the mapping looks into; in the order of the text.
    pub(super) members: Vec<Member>,
    /// By [`NameId`]: the last member with this name, or [`NONE`].
    named: Vec<u32>,
    /// By [`Field::number`](super::mapping::Field::number).
    claims: Vec<Claim>,
    /// The parts of the text that a document does not contain: white space with line breaks, and
    /// members that a later one of the same name replaces, with the comma after them; sorted by
    /// start, possibly overlapping.
    pub(super) cuts: Vec<Span>,
    /// The keys of the objects that are being read, except those in the mapping.
    keys: Keys,
    /// Keys with escapes, unescaped; when everything is read, a buffer for values.
    pub(super) unescaped: Vec<u8>,
    /// The time of ingestion.
    pub(super) ingested: Repeated,
    /// The positions of values in the document that was written.
    pub(super) places: Places,
    /// Whether a path of more than [`MAX_PATH_BYTES`] was seen, even of a member that was replaced
    /// later.
    pub(super) long_path: bool,
    /// Whether a listed member was replaced: a claim may refer to it.
    replaced: bool,
}

/// No member.
const NONE: u32 = u32::MAX;

/// The member that a field takes: the one on the first of its paths that has one.
#[derive(Clone, Copy, Debug)]
struct Claim {
    member: u32,
    priority: u16,
}

impl Claim {
    const NONE: Self = Self { member: NONE, priority: u16::MAX };
}

impl Found {
    /// Reads an event's text: without a byte order mark and white space around it.
    pub(super) fn read(&mut self, mapping: &Mapping, text: &[u8]) -> Result<(), Refusal> {
        self.members.clear();
        self.named.clear();
        self.named.resize(mapping.names.count(), NONE);
        self.claims.clear();
        self.claims.resize(mapping.fields, Claim::NONE);
        self.cuts.clear();
        self.keys.clear();
        self.unescaped.clear();
        (self.long_path, self.replaced) = (false, false);
        simdutf8::basic::from_utf8(text).map_err(|_| Refusal::InvalidUtf8)?;
        let mut scanner = Scanner::new(text);
        scanner.cuts = std::mem::take(&mut self.cuts);
        let result = self.event(mapping, &mut scanner);
        self.cuts = scanner.cuts;
        if self.replaced {
            self.forget_replaced(mapping, text);
        }
        // Sorted already, except for replaced members.
        if !self.cuts.is_sorted_by_key(|cut| cut.start) {
            self.cuts.sort_unstable_by_key(|cut| cut.start);
        }
        result
    }

    fn event(&mut self, mapping: &Mapping, scanner: &mut Scanner<'_>) -> Result<(), Refusal> {
        let object = scanner.peek() == Some(b'{');
        if object {
            self.listed(mapping, scanner, Place { table: Names::TOP, depth: 1, path: 0 })?;
        } else {
            scanner.value(0)?;
        }
        if scanner.peek().is_some() {
            return Err(Refusal::InvalidJson);
        }
        if object { Ok(()) } else { Err(Refusal::NotAnObject) }
    }

    /// Whether the text can be an envelope.
    #[inline]
    pub(super) fn may_be_envelope(&self, mapping: &Mapping) -> bool {
        let [kind, message, detail_type, detail, version] =
            mapping.marks.map(|mark| self.named[mark.index()] != NONE);
        kind && message || detail_type && detail || version
    }

    /// The member with this name, if there is one.
    #[inline]
    pub(super) fn named(&self, name: NameId) -> Option<usize> {
        let index = self.named[name.index()];
        (index != NONE).then_some(index as usize)
    }

    /// The member that the field with this number takes.
    #[inline]
    pub(super) fn claimed(&self, field: u16) -> Option<usize> {
        let index = self.claims[usize::from(field)].member;
        (index != NONE).then_some(index as usize)
    }

    /// Reads an object whose members are listed: the event, or a group.
    fn listed(
        &mut self,
        mapping: &Mapping,
        scanner: &mut Scanner<'_>,
        place: Place,
    ) -> Result<(), json::Error> {
        let mut object = self.keys.enter();
        let read =
            scanner.object(|scanner, key| self.member(mapping, scanner, &mut object, place, key));
        self.keys.leave(&object);
        read
    }

    /// Reads a member of the event or of a group, standing at its value.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called in one place, for each member")]
    fn member(
        &mut self,
        mapping: &Mapping,
        scanner: &mut Scanner<'_>,
        object: &mut Object,
        place: Place,
        text: Text,
    ) -> Result<(), json::Error> {
        let index = self.members.len();
        let start = scanner.position();
        let (key, print) = self.key(scanner.text(), text, place.table, index);
        let name = {
            let bytes = key.bytes(scanner.text(), &self.unescaped);
            mapping.names.find(place.table, print, key.hash, bytes)
        };
        let path = place.path + print.length();
        self.long_path |= path > MAX_PATH_BYTES;
        let mut inside = Names::TOP;
        if name == NameId::NONE {
            let Self { keys, unescaped, .. } = self;
            let (_, replaced) = keys.put(object, key, |key| key.bytes(scanner.text(), unescaped));
            if let Some(replaced) = replaced {
                self.replace(replaced.member().start);
            }
        } else {
            let last = std::mem::replace(&mut self.named[name.index()], offset(index));
            if last != NONE {
                self.replace(last as usize);
            }
            inside = mapping.names.get(name).inside;
        }
        let mut member = Member {
            start: offset(text.span.start - 1),
            key_end: offset(text.span.end + 1),
            value: offset(start),
            value_end: 0,
            end: 0,
            name,
            kind: Kind::Group,
            gone: false,
        };
        if inside != Names::TOP && scanner.peek() == Some(b'{') {
            self.members.push(member);
            let place = Place { table: inside, depth: place.depth + 1, path: path + 1 };
            self.listed(mapping, scanner, place)?;
            let end = offset(self.members.len());
            let member = &mut self.members[index];
            (member.value_end, member.end) = (offset(scanner.position()), end);
        } else {
            member.kind = self.value(scanner, place.depth, path)?;
            member.value_end = offset(scanner.position());
            member.end = offset(index + 1);
            if name != NameId::NONE {
                self.consider(mapping, scanner.text(), &member, index);
            }
            self.members.push(member);
        }
        Ok(())
    }

    /// Lets the field take the member, if it accepts such a value and has none on a better path.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than most claims do")]
    fn consider(&mut self, mapping: &Mapping, text: &[u8], member: &Member, index: usize) {
        let name = mapping.names.get(member.name);
        if name.field == NO_FIELD || !member.kind.is_taken() {
            return;
        }
        let claim = &mut self.claims[usize::from(name.field)];
        if name.priority < claim.priority
            && (name.field != ID || is_id(member.kind, member.value().of(text)))
        {
            *claim = Claim { member: offset(index), priority: name.priority };
        }
    }

    /// Marks a member as replaced, and for a group also the members inside it.
    #[cold]
    fn replace(&mut self, index: usize) {
        self.replaced = true;
        let end = self.members[index].end();
        for (inside, member) in self.members[index..end].iter_mut().enumerate() {
            member.gone = true;
            if inside > 0 && member.name != NameId::NONE {
                self.named[member.name.index()] = NONE;
            }
        }
    }

    /// Cuts the listed members that were replaced, and decides the claims again from the others.
    #[cold]
    fn forget_replaced(&mut self, mapping: &Mapping, text: &[u8]) {
        self.claims.fill(Claim::NONE);
        let mut index = 0;
        while let Some(member) = self.members.get(index).copied() {
            if member.gone {
                let span = Span { start: member.key().start, end: member.value().end };
                self.cuts.push(with_comma(text, span));
                index = member.end();
                continue;
            }
            if member.name != NameId::NONE {
                self.consider(mapping, text, &member, index);
            }
            index += 1;
        }
    }

    /// Skips a value that no path leads into, nested `depth` levels deep.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than most values do")]
    fn value(
        &mut self,
        scanner: &mut Scanner<'_>,
        depth: usize,
        path: usize,
    ) -> Result<Kind, json::Error> {
        match scanner.scalar()? {
            json::Kind::Array | json::Kind::Object if depth >= MAX_DEPTH => {
                Err(json::Error::TooDeep)
            }
            json::Kind::Array => self.array(scanner, depth, path),
            json::Kind::Object => self.object(scanner, depth, path),
            scalar => Ok(Kind::Scalar(scalar)),
        }
    }

    #[inline(never)]
    fn array(
        &mut self,
        scanner: &mut Scanner<'_>,
        depth: usize,
        path: usize,
    ) -> Result<Kind, json::Error> {
        let mut scalars = true;
        scanner.array(|scanner| {
            scanner.skip_short_strings();
            let kind = self.value(scanner, depth + 1, path)?;
            scalars &= matches!(kind, Kind::Scalar(kind) if kind != json::Kind::Null);
            Ok(())
        })?;
        Ok(if scalars { Kind::Scalars } else { Kind::Other })
    }

    #[inline(never)]
    fn object(
        &mut self,
        scanner: &mut Scanner<'_>,
        depth: usize,
        path: usize,
    ) -> Result<Kind, json::Error> {
        let mut object = self.keys.enter();
        scanner.object(|scanner, text| {
            let start = text.span.start - 1;
            let (key, print) = self.key(scanner.text(), text, Names::TOP, start);
            let path = path + 1 + print.length();
            self.long_path |= path > MAX_PATH_BYTES;
            let Self { keys, unescaped, .. } = self;
            let (place, replaced) =
                keys.put(&mut object, key, |key| key.bytes(scanner.text(), unescaped));
            if let Some(replaced) = replaced {
                let cut = with_comma(scanner.text(), replaced.member());
                scanner.cuts.push(cut);
            }
            self.value(scanner, depth + 1, path)?;
            self.keys.ends_at(place, scanner.position());
            Ok(())
        })?;
        self.keys.leave(&object);
        Ok(Kind::Other)
    }

    /// The key of a member that begins at `start`, and its print.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than most keys do")]
    fn key(&mut self, text: &[u8], key: Text, table: u16, start: usize) -> (Key, Print) {
        let (content, print) = if key.escaped {
            let start = self.unescaped.len();
            json::unescape(key.span.of(text), &mut self.unescaped);
            let content = Span { start, end: self.unescaped.len() };
            (content, Print::of(&self.unescaped, content))
        } else {
            (key.span, Print::of(text, key.span))
        };
        (Key::new(print.hash(table), content, key.escaped, start), print)
    }
}

/// A member that is followed by another one, with the comma between them.
fn with_comma(text: &[u8], Span { start, end }: Span) -> Span {
    let comma = memchr::memchr(b',', &text[end..]).unwrap_or(0);
    Span { start, end: end + comma + 1 }
}

/// Whether the object in `text` has a dotted path of more than [`MAX_PATH_BYTES`].
#[cold]
pub(super) fn has_long_path(text: &[u8]) -> bool {
    fn longest(scanner: &mut Scanner<'_>, path: usize, spare: &mut Vec<u8>) -> usize {
        let mut most = path;
        // This model wrote the text, so it is valid.
        let _read = match scanner.peek() {
            Some(b'{') => scanner.object(|scanner, key| {
                let key = json::meaning(key.span.of(scanner.text()), spare).len();
                let dot = usize::from(path > 0);
                most = most.max(longest(scanner, path + dot + key, spare));
                Ok(())
            }),
            Some(b'[') => scanner.array(|scanner| {
                most = most.max(longest(scanner, path, spare));
                Ok(())
            }),
            _ => scanner.value(0).map(drop),
        };
        most
    }
    longest(&mut Scanner::new(text), 0, &mut Vec::new()) > MAX_PATH_BYTES
}

/// A position in a text, which has at most [`MAX_PAYLOAD_BYTES`](super::MAX_PAYLOAD_BYTES), or an
/// index of its members.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a payload has at most 1 MiB")]
const fn offset(place: usize) -> u32 {
    place as u32
}

/// The position of a member: at the top level, or in a group.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The names to look for.
    table: u16,
    /// The number of levels around its value.
    depth: usize,
    /// Length of the path that leads here, with its dot, in bytes.
    path: usize,
}
