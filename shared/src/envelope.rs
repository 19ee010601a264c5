//! The envelopes that services put around an event: their data about the event, and their content.
//!
//! SNS notifications, EventBridge events (including those of S3) and `CloudEvents` 1.0 are opened,
//! up to [`MAX_ENVELOPES`] nested ones. Sources: "Amazon SNS message and JSON formats", Amazon SNS
//! Developer Guide; "Amazon EventBridge event structure", Amazon EventBridge User Guide;
//! `CloudEvents`, JSON event format, version 1.0. A message of CloudWatch Logs is an envelope
//! around each of its log events: [`LogMessage`].

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

/// Maximum number of nested envelopes that are opened; the content of the last one is the event.
pub const MAX_ENVELOPES: usize = 3;

/// A longer envelope around several events is replaced by its SHA-256, because it is hashed with
/// each of them.
const MAX_HASHED_BYTES: usize = 16_384;

/// Why an envelope cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It has no content.
    #[error("the envelope is empty")]
    Empty,
    /// Its `data_base64` is not base64.
    #[error("the envelope's content is not base64")]
    InvalidBase64,
}

/// The data of the envelopes around an event. It is reused between events, so that nothing is
/// allocated once the buffers have grown.
#[derive(Debug, Default)]
pub struct Envelope {
    levels: [Level; MAX_ENVELOPES],
    depth: usize,
    /// The values that the levels refer to.
    said: Vec<u8>,
    group: Vec<u8>,
    text: Vec<u8>,
    /// The position of the data of a log event in `said`, if the innermost envelope is around one.
    log_event: Option<usize>,
    /// A buffer for scanners.
    cuts: Vec<Span>,
}

/// The data of one envelope, as positions in [`Envelope::said`]; empty for missing values.
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

    /// The number of nested envelopes.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// The number of envelopes that may also be around other events.
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

    /// Copies `other`.
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

    /// The group `envelope` of a document: the data of the outermost envelope, a JSON object.
    pub(crate) fn group(&self) -> &[u8] {
        &self.group
    }

    /// The text of the outermost envelope, or its replacement in hashes.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Notes that the envelope contains several events: it is hashed with each of them.
    pub fn holds_several(&mut self) {
        if self.text.len() > MAX_HASHED_BYTES {
            let hash = Sha256::digest(&self.text);
            self.text.clear();
            self.text.extend_from_slice(&hash);
        }
    }

    /// Opens the envelopes in `text`, and strings that contain a JSON object, inside those that
    /// were opened before. `text` becomes the content of the innermost one; returns its span,
    /// without a byte order mark and surrounding white space. `spare` is a buffer.
    ///
    /// # Errors
    /// [`Error`]. Any other text that is not an event is returned unchanged.
    pub fn open(&mut self, text: &mut Vec<u8>, spare: &mut Vec<u8>) -> Result<Span, Error> {
        self.open_each(text, spare, |_, _| {})
    }

    /// As `open`, and calls `opened` with the content and the text of each envelope.
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
            // The data is copied, so it must be UTF-8; otherwise this is an unreadable event.
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

    /// Notes the data of an envelope with this text.
    fn enter(&mut self, kind: &str, said: Said<'_>, text: &[u8]) {
        if self.depth == 0 {
            self.text.extend_from_slice(text);
        }
        self.depth += 1;
        self.note(kind, said);
    }

    /// Notes the data of the innermost envelope.
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

/// The data of an envelope, as JSON values: id, source, type, time, account, region and resources.
type Said<'a> = [Option<&'a [u8]>; GROUP.len()];

/// The text before each value of [`Said`] in the group.
const GROUP: [&str; 7] = [
    ",\"id\":",
    ",\"source\":",
    ",\"type\":",
    ",\"time\":",
    ",\"account\":",
    ",\"region\":",
    ",\"resources\":",
];

/// Appends a string, number or boolean, or a non-empty array of those, on one line; returns `false`
/// if `value` is something else.
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

/// Replaces a JSON string with the JSON object that it contains, if there is one.
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

/// Whether a JSON string contains a JSON object.
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
        // An object beyond the limits is still an object, and refused as such later.
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

/// The span of the text without a byte order mark and surrounding white space.
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
