//! Events and documents: the model that every function of sluice shares.
//!
//! # The way of one record
//!
//! A payload is one JSON object as a producer wrote it. It becomes a document in two steps,
//! and its bytes are looked at once:
//!
//! 1. **Read** ([`Reader::read`]). The text is checked to be UTF-8, then scanned from start to
//!    end by [`json::Scanner`](crate::json::Scanner), which validates everything and copies
//!    nothing. Each key of the top level is looked up among the names of the [`Mapping`]. What
//!    is found is noted as a *member*: where its key and value stand and of which kind the
//!    value is. If the mapping goes into a member (`artist.id` goes into `artist`), that
//!    object's members are noted too, right after it. Of all other objects only the keys are
//!    remembered, to find duplicates.
//!    What a document must not hold is noted as *cuts*: spans of white space with line breaks,
//!    and members that a later one of the same name replaces.
//! 2. **Write** ([`Event::write_document`]). The timestamp is chosen, then each document field
//!    asks its paths in order for a member that it can take; the value is copied as it was
//!    written, without the cuts. A member that was used is marked as *gone*; all that are not
//!    gone make up `extra`.
//!
//! So no number is converted, no string unescaped and no tree built, and the buffers are kept
//! from record to record: in the steady state nothing is allocated.
//!
//! The clock is not read here: [`Arrival`] brings the times. A refused input is a value,
//! [`Refusal`], and never a panic.

mod document;
mod keys;
mod mapping;
mod read;
mod settings;
mod timestamp;

pub use mapping::{Mapping, MappingError, REINGESTS};
pub use settings::{VARIABLES, model};
pub use timestamp::{Plausible, Timestamp};

use crate::json::{self, Span};
use mapping::ACTION;
use read::{Found, Kind};

/// The largest payload that is taken, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1_048_576;

/// What turns events into documents: compiled once, used for every record.
#[derive(Debug)]
pub struct Model {
    /// Which input paths become which document field.
    pub mapping: Mapping,
    /// Which of an event's own times are believed.
    pub plausible: Plausible,
    /// A longer `extra` is named `overflow`, in bytes.
    pub extra_max_bytes: usize,
}

/// Why an input can never become a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The record's data is not base64.
    InvalidBase64,
    /// The payload is not UTF-8.
    InvalidUtf8,
    /// The payload is not one JSON value, or one with a lone surrogate.
    InvalidJson,
    /// The payload is JSON, but no object.
    NotAnObject,
    /// There is no payload: no bytes, or only white space or a byte order mark.
    Empty,
    /// More than [`json::MAX_DEPTH`] levels.
    TooDeep,
    /// More than [`MAX_PAYLOAD_BYTES`].
    TooLarge,
    /// A number of more than [`json::MAX_NUMBER_LENGTH`] characters.
    NumberTooLong,
}

impl Refusal {
    /// The reason as it stands in logs and messages.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::InvalidBase64 => "invalid_base64",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::Empty => "empty",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::NumberTooLong => "number_too_long",
        }
    }
}

impl From<json::Error> for Refusal {
    fn from(error: json::Error) -> Self {
        match error {
            json::Error::Invalid => Self::InvalidJson,
            json::Error::TooDeep => Self::TooDeep,
            json::Error::NumberTooLong => Self::NumberTooLong,
        }
    }
}

/// When a record reached its service, and what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When the invoker received it, if it tells a time from 1970 to [`Timestamp::MAX`].
    pub time: Option<Timestamp>,
    /// Now: `event.ingested`.
    pub now: Timestamp,
}

/// Where a document's `@timestamp` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampSource {
    /// The event's own time.
    Event,
    /// The invoker's arrival time.
    Arrival,
    /// The clock.
    Now,
}

/// What a document that was written is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its `@timestamp`.
    pub timestamp: Timestamp,
    /// Where that comes from.
    pub timestamp_source: TimestampSource,
    /// Where the content of its `event.id`, as written, stands in what it was appended to.
    pub id: Span,
}

/// Reads payloads, one after the other.
#[derive(Debug, Default)]
pub struct Reader {
    found: Found,
}

/// A payload that was read: a JSON object, valid from the first byte to the last.
#[derive(Debug)]
pub struct Event<'a> {
    model: &'a Model,
    text: &'a [u8],
    found: &'a mut Found,
}

impl Reader {
    /// Reads one payload.
    ///
    /// # Errors
    /// [`Refusal`], all but [`Refusal::InvalidBase64`].
    pub fn read<'a>(
        &'a mut self,
        model: &'a Model,
        payload: &'a [u8],
    ) -> Result<Event<'a>, Refusal> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Refusal::TooLarge);
        }
        let text = read::trim(payload);
        if text.is_empty() {
            return Err(Refusal::Empty);
        }
        self.found.read(&model.mapping, text)?;
        Ok(Event { model, text, found: &mut self.found })
    }
}

impl Event<'_> {
    /// Whether the event's action is one of `actions`: a string's meaning, anything else as it
    /// was written.
    #[must_use]
    pub fn action_is_one_of(&mut self, actions: &[String]) -> bool {
        if actions.is_empty() {
            return false;
        }
        let Some(index) = self.found.claimed(ACTION) else {
            return false;
        };
        let Found { members, unescaped, .. } = &mut *self.found;
        let (kind, value) = (members[index].kind, members[index].value());
        let action = match kind {
            Kind::Scalar(json::Kind::String) => {
                json::meaning(value.inside().of(self.text), unescaped)
            }
            _ => value.of(self.text),
        };
        actions.iter().any(|known| known.as_bytes() == action)
    }

    /// How often this record was put back into its source: the highest count that the member
    /// [`REINGESTS`] tells, 0 if there is none.
    #[must_use]
    pub fn reingests(&self) -> u32 {
        let count = |(_, member): (usize, Span)| {
            let digits = std::str::from_utf8(member.of(self.text)).ok()?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
            // Only too many digits are left to fail.
            Some(digits.parse().unwrap_or(u32::MAX))
        };
        self.counts().filter_map(count).max().unwrap_or(0)
    }

    /// The payload to put back into the source: the event's text with `reingests` as its count.
    #[must_use]
    pub fn put_back(&self, reingests: u32) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.text.len() + REINGESTS.len() + 16);
        self.original(|piece| payload.extend_from_slice(piece));
        payload.pop();
        let last = payload.iter().rev().find(|byte| !byte.is_ascii_whitespace());
        let comma = if last == Some(&b'{') { "" } else { "," };
        payload.extend_from_slice(format!("{comma}\"{REINGESTS}\":{reingests}}}").as_bytes());
        payload
    }

    /// The event's text without the count of reingests: what it was before it was put back.
    fn original(&self, mut piece: impl FnMut(&[u8])) {
        let mut position = 0;
        for (index, value) in self.counts() {
            let key = self.found.members[index].key().start;
            let before = self.text[..key].trim_ascii_end();
            let first = before.ends_with(b"{") || before.len() <= position;
            let cut = if first {
                // The first member goes with the comma after it.
                let after = self.text[value.end..].trim_ascii_start();
                let after = after
                    .strip_prefix(b",")
                    .map_or(&self.text[value.end..], |after| after.trim_ascii_start());
                Span { start: key, end: self.text.len() - after.len() }
            } else {
                Span { start: before.len() - 1, end: value.end }
            };
            piece(&self.text[position..cut.start]);
            position = cut.end;
        }
        piece(&self.text[position..]);
    }

    /// The members that count reingests, replaced ones too: their index and value.
    fn counts(&self) -> impl Iterator<Item = (usize, Span)> {
        let name = self.model.mapping.reingests;
        let any = self.found.named(self.model.mapping.reingests).is_some();
        let members = if any { &self.found.members[..] } else { &[] };
        let members = members.iter().enumerate();
        members
            .filter(move |(_, member)| member.name == name)
            .map(|(at, member)| (at, member.value()))
    }
}
