//! The envelopes that services put around an event: what they say of it, and what is inside.
//!
//! SNS notifications, EventBridge events (those that S3 sends there too) and `CloudEvents` 1.0 are
//! opened, up to [`MAX_ENVELOPES`] of them in each other. Sources: "Amazon SNS message and JSON
//! formats", Amazon SNS Developer Guide; "Amazon EventBridge event structure", Amazon EventBridge
//! User Guide; `CloudEvents`, JSON event format, version 1.0. A message of CloudWatch Logs is an
//! envelope around each of its log events: [`LogMessage`].

mod kinds;
mod logs;
mod wrapping;

use std::mem;

use sha2::{Digest, Sha256};

use crate::json::{self, Kind, Scanner, Span};
use kinds::{Content, Fields};

pub use logs::LogMessage;
pub(crate) use logs::Parts;
pub use wrapping::Wrapping;

/// Envelopes in each other that are opened; what is inside more of them is taken as the event.
pub const MAX_ENVELOPES: usize = 3;

/// A longer envelope around several events is known by its SHA-256: it is hashed with each of them.
const MAX_HASHED_BYTES: usize = 16_384;

/// Why an envelope cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing in it.
    #[error("the envelope is empty")]
    Empty,
    /// Its `data_base64` is not base64.
    #[error("the envelope's content is not base64")]
    InvalidBase64,
}

/// What the envelopes around an event say of it. Kept from event to event, so that nothing is
/// allocated once the buffers have grown.
#[derive(Debug, Default)]
pub struct Envelope {
    levels: [Level; MAX_ENVELOPES],
    depth: usize,
    /// The values that the levels name.
    said: Vec<u8>,
    group: Vec<u8>,
    text: Vec<u8>,
    /// Where what a log event says begins in `said`, if the innermost envelope is around one.
    log_event: Option<usize>,
    /// A buffer for scanners.
    cuts: Vec<Span>,
}

/// What one envelope says, as places in [`Envelope::said`]; empty where it says nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    id: Span,
    time: Span,
}

impl Envelope {
    /// Whether the event has no envelope.
    #[inline]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.depth == 0
    }

    /// The number of envelopes in each other.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// The number of envelopes that may be around other events too.
    pub(crate) fn shared_depth(&self) -> usize {
        self.depth - usize::from(self.log_event.is_some())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.depth = 0;
        self.said.clear();
        self.group.clear();
        self.text.clear();
        self.log_event = None;
    }

    /// Becomes what `other` is.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        (self.levels, self.depth) = (other.levels, other.depth);
        self.log_event = other.log_event;
        self.said.clone_from(&other.said);
        self.group.clone_from(&other.group);
        self.text.clone_from(&other.text);
    }

    /// The ids of the envelopes as JSON values, with the number of envelopes around each: the
    /// innermost envelope's first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let ids = self.levels().map(|level| level.id.of(&self.said));
        (0..self.depth).rev().zip(ids).filter(|(_, id)| !id.is_empty())
    }

    /// The times of the envelopes, as JSON values: the innermost envelope's first.
    pub(crate) fn times(&self) -> impl Iterator<Item = &[u8]> {
        self.levels().map(|level| level.time.of(&self.said)).filter(|time| !time.is_empty())
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        self.levels[..self.depth].iter().rev()
    }

    /// The group `envelope` of a document: what the outermost envelope says, a JSON object.
    pub(crate) fn group(&self) -> &[u8] {
        &self.group
    }

    /// The text of the outermost envelope, or what stands for it in hashes.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Notes that there are several events inside: the envelope is hashed with each of them.
    pub fn holds_several(&mut self) {
        if self.text.len() > MAX_HASHED_BYTES {
            let hash = Sha256::digest(&self.text);
            self.text.clear();
            self.text.extend_from_slice(&hash);
        }
    }

    /// Opens the envelopes in `text`, and strings that hold a JSON object, inside those that were
    /// opened before. `text` becomes what is inside all of them; returns where that stands, without
    /// a byte order mark and white space around it. `spare` is a buffer.
    ///
    /// # Errors
    /// [`Error`]. Everything else that is not an event is returned as it is.
    pub fn open(&mut self, text: &mut Vec<u8>, spare: &mut Vec<u8>) -> Result<Span, Error> {
        self.open_each(text, spare, |_, _| {})
    }

    /// The same; `opened` is called with what each envelope carries and with the envelope's text.
    fn open_each(
        &mut self,
        text: &mut Vec<u8>,
        spare: &mut Vec<u8>,
        mut opened: impl FnMut(&Content<'_>, &[u8]),
    ) -> Result<Span, Error> {
        open_string(text, spare, &mut self.cuts);
        while self.depth < MAX_ENVELOPES {
            let inside = trimmed(text).of(text);
            let Some(fields) = Fields::of(inside, &mut self.cuts) else { break };
            let Some(found) = fields.envelope() else { break };
            // What it says is copied: where that is not UTF-8, it is an event that cannot be read.
            if simdutf8::basic::from_utf8(inside).is_err() {
                break;
            }
            spare.clear();
            found.content.write(spare)?;
            opened(&found.content, inside);
            self.enter(found.kind, found.said, inside);
            mem::swap(text, spare);
            if trimmed(text).length() == 0 {
                return Err(Error::Empty);
            }
            open_string(text, spare, &mut self.cuts);
        }
        Ok(trimmed(text))
    }

    /// Notes what an envelope with this text says.
    fn enter(&mut self, kind: &str, said: Said<'_>, text: &[u8]) {
        if self.depth == 0 {
            self.text.extend_from_slice(text);
        }
        self.depth += 1;
        self.note(kind, said);
    }

    /// Notes what the innermost envelope says.
    fn note(&mut self, kind: &str, said: Said<'_>) {
        let [id, _, _, time, ..] = said;
        self.levels[self.depth - 1] = Level { id: self.say(id), time: self.say(time) };
        if self.depth > 1 {
            return;
        }
        self.group.clear();
        self.group.extend_from_slice(b"{\"kind\":\"");
        self.group.extend_from_slice(kind.as_bytes());
        self.group.push(b'"');
        for (name, value) in GROUP.iter().zip(said) {
            let start = self.group.len();
            self.group.extend_from_slice(name.as_bytes());
            if !write_keywords(value, &mut self.group) {
                self.group.truncate(start);
            }
        }
        self.group.push(b'}');
    }

    fn say(&mut self, value: Option<&[u8]>) -> Span {
        let start = self.said.len();
        self.said.extend_from_slice(value.unwrap_or_default());
        Span { start, end: self.said.len() }
    }
}

/// What an envelope says, as JSON values: id, source, type, time, account, region and resources.
type Said<'a> = [Option<&'a [u8]>; GROUP.len()];

/// What stands before the values of [`Said`] in the group.
const GROUP: [&str; 7] = [
    ",\"id\":",
    ",\"source\":",
    ",\"type\":",
    ",\"time\":",
    ",\"account\":",
    ",\"region\":",
    ",\"resources\":",
];

/// Appends a string, number or boolean, or an array of those that is not empty, on one line;
/// returns `false` where `value` is something else.
fn write_keywords(value: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    let Some(value) = value else { return false };
    if value.first() != Some(&b'[') {
        out.extend_from_slice(value);
        return !matches!(value.first(), Some(b'{' | b'n'));
    }
    let (mut count, mut keywords) = (0, true);
    let read = Scanner::new(value).array(|scanner| {
        let start = scanner.position();
        keywords &= !matches!(scanner.value(1)?, Kind::Null | Kind::Array | Kind::Object);
        out.push(if count == 0 { b'[' } else { b',' });
        out.extend_from_slice(&value[start..scanner.position()]);
        count += 1;
        Ok(())
    });
    out.push(b']');
    read.is_ok() && keywords && count > 0
}

/// Replaces a text that is a JSON string by the JSON object that it holds, if it holds one.
fn open_string(text: &mut Vec<u8>, spare: &mut Vec<u8>, cuts: &mut Vec<Span>) {
    let string = trimmed(text).of(text);
    if string.first() != Some(&b'"') {
        return;
    }
    let mut outside = Scanner::new(string);
    if outside.string().is_err() || outside.peek().is_some() {
        return;
    }
    spare.clear();
    json::unescape(&string[1..string.len() - 1], spare);
    if is_object(trimmed(spare).of(spare), cuts) {
        mem::swap(text, spare);
    }
}

/// Whether a JSON string holds a JSON object.
pub(crate) fn holds_object(string: &[u8]) -> bool {
    let mut inside = Vec::new();
    json::unescape(&string[1..string.len() - 1], &mut inside);
    is_object(trimmed(&inside).of(&inside), &mut Vec::new())
}

/// Whether a trimmed text is a JSON object.
fn is_object(text: &[u8], cuts: &mut Vec<Span>) -> bool {
    if text.first() != Some(&b'{') {
        return false;
    }
    let mut scanner = scanner(text, cuts);
    let object = match scanner.value(0) {
        Ok(_) => scanner.peek().is_none(),
        // An object beyond the limits is refused for what it is.
        Err(error) => error != json::Error::Invalid,
    };
    *cuts = scanner.cuts;
    object
}

/// A scanner that uses this buffer.
fn scanner<'a>(text: &'a [u8], cuts: &mut Vec<Span>) -> Scanner<'a> {
    let mut scanner = Scanner::new(text);
    scanner.cuts = mem::take(cuts);
    scanner.cuts.clear();
    scanner
}

/// Where the text stands without a byte order mark and white space around it.
#[must_use]
pub fn trimmed(text: &[u8]) -> Span {
    let from = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let black = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let Some(start) = text[from..].iter().position(black) else {
        return Span { start: from, end: from };
    };
    let end = text.iter().rposition(black).map_or(from, |last| last + 1);
    Span { start: from + start, end }
}
