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
//!    gone make up `extra`. With [`DocumentForm::Passthrough`] the text itself is copied instead,
//!    without the cuts.
//!
//! So no number is converted, no string unescaped and no tree built, and the buffers are kept
//! from record to record: in the steady state nothing is allocated.
//!
//! An event may come in envelopes ([`envelope`](crate::envelope)). Whether a payload can be one is
//! known from the members that were found in it; only then is it looked at again, opened, and what
//! is inside is read.
//!
//! The clock is not read here: [`Arrival`] brings the times. A refused input is a value,
//! [`Refusal`], and never a panic.

mod document;
mod id;
mod keys;
mod mapping;
mod member;
mod passthrough;
mod paths;
mod put_back;
mod read;
mod reason;
mod settings;
mod timestamp;
mod values;

pub use document::DocumentForm;
pub use id::{DocumentId, Identity};
pub use mapping::{Mapping, MappingError, REINGESTS};
pub use paths::InputPath;
pub use reason::Reason;
pub use settings::{TIMESTAMP_VARIABLES, VARIABLES, drop_actions, model, model_of_times};
pub use timestamp::{Plausible, Timestamp};

pub(crate) use document::float;
pub(crate) use values::KnownField;

use crate::envelope::{self, Envelope};
use crate::json::{self, Span};
use mapping::ACTION;
use member::Kind;
use read::Found;

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
    /// What a document is: the mapped fields, or the event as it is.
    pub form: DocumentForm,
}

/// Why an input can never become a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The record has no data: not even an empty one.
    NoData,
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
    /// There is nothing in the envelope that the payload is.
    EmptyEnvelope,
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
            Self::NoData => "no_data",
            Self::InvalidBase64 => "invalid_base64",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::Empty | Self::EmptyEnvelope => "empty",
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

impl From<envelope::Error> for Refusal {
    fn from(error: envelope::Error) -> Self {
        match error {
            envelope::Error::Empty => Self::EmptyEnvelope,
            envelope::Error::InvalidBase64 => Self::InvalidBase64,
        }
    }
}

/// How a record was delivered, and what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When the invoker received it, if it sends a time from 1970 to [`Timestamp::MAX`]. It counts
    /// where it is plausible.
    pub time: Option<Timestamp>,
    /// Now: `event.ingested`.
    pub now: Timestamp,
    /// What an event without the producer's own id is known by.
    pub identity: Identity<'a>,
}

/// Where a document's `@timestamp` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampSource {
    /// The event's own time, or that of its envelope.
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
    /// Where the content of its `event.id`, as written, stands in what it was appended to. `None` for
    /// [`DocumentForm::Passthrough`].
    pub id: Option<Span>,
    /// Whether the event has an id of the producer's own, or that of the envelope: not derived.
    pub own_id: bool,
}

/// Reads payloads, one after the other.
#[derive(Debug, Default)]
pub struct Reader {
    found: Found,
    opened: Opened,
}

/// What was opened on the way to an event.
#[derive(Debug, Default)]
struct Opened {
    envelope: Envelope,
    /// What is inside all envelopes.
    text: Vec<u8>,
    spare: Vec<u8>,
    /// Where the event stands in `text`.
    inside: Span,
    carried: Carried,
}

/// What an envelope that was put back brings along.
#[derive(Debug, Default)]
struct Carried {
    reingests: u32,
    arrival: Vec<u8>,
}

/// The envelopes that an event was taken out of before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// What they say.
    pub envelope: &'a Envelope,
    /// The event's place in the message, where there are several events in it.
    pub position: Option<usize>,
}

/// A payload that was read: a JSON object, valid from the first byte to the last.
#[derive(Debug)]
pub struct Event<'a> {
    model: &'a Model,
    text: &'a [u8],
    found: &'a mut Found,
    envelope: &'a Envelope,
    /// What it was taken out of before it was read.
    around: Option<Around<'a>>,
    carried: &'a Carried,
    /// [`Arrival::identity`], once its document was written.
    known_by: Identity<'a>,
}

impl Reader {
    /// Reads one payload: an event, an envelope around one, or a string that holds one of these.
    ///
    /// # Errors
    /// [`Refusal`], all but [`Refusal::NoData`].
    pub fn read<'a>(
        &'a mut self,
        model: &'a Model,
        payload: &'a [u8],
    ) -> Result<Event<'a>, Refusal> {
        self.read_inside(model, payload, None)
    }

    /// Reads one payload that was taken out of envelopes, if there are any `around` it.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_inside<'a>(
        &'a mut self,
        model: &'a Model,
        payload: &'a [u8],
        around: Option<Around<'a>>,
    ) -> Result<Event<'a>, Refusal> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Refusal::TooLarge);
        }
        let mut text = envelope::trimmed(payload).of(payload);
        if text.is_empty() {
            return Err(around.map_or(Refusal::Empty, |_| Refusal::EmptyEnvelope));
        }
        let Self { found, opened } = self;
        opened.clear();
        let read = found.read(&model.mapping, text);
        let closed = match read {
            Ok(()) => found.may_be_envelope(&model.mapping),
            Err(refusal) => refusal == Refusal::NotAnObject && text[0] == b'"',
        };
        let mut envelope = around.map(|around| around.envelope);
        if closed && opened.open(&model.mapping, found, text, envelope)? {
            text = opened.inside.of(&opened.text);
            envelope = None;
        } else {
            read?;
        }
        let Opened { envelope: own, carried, .. } = &*opened;
        let envelope = envelope.unwrap_or(own);
        Ok(Event { model, text, found, envelope, around, carried, known_by: Identity::Known(b"") })
    }
}

impl Opened {
    /// Forgets the last envelope.
    #[inline]
    fn clear(&mut self) {
        if !self.envelope.is_none() {
            self.envelope.clear();
            self.carried.reingests = 0;
            self.carried.arrival.clear();
        }
    }

    /// Opens the payload that `found` was found in, and reads what is inside; returns `false` where
    /// it is the event itself.
    #[cold]
    fn open(
        &mut self,
        mapping: &Mapping,
        found: &mut Found,
        payload: &[u8],
        around: Option<&Envelope>,
    ) -> Result<bool, Refusal> {
        let Self { envelope, text, spare, inside, carried } = self;
        if let Some(around) = around {
            envelope.copy_from(around);
        }
        let depth = envelope.depth();
        text.clear();
        found.original(mapping, payload, |piece| text.extend_from_slice(piece));
        *inside = envelope.open(text, spare)?;
        let is_open = envelope.depth() > depth
            || payload.starts_with(b"\"") && inside.of(text).starts_with(b"{");
        if is_open {
            carried.reingests = found.reingests(mapping, payload);
            carried.arrival.clear();
            carried.arrival.extend_from_slice(found.arrival(mapping, payload));
            found.read(mapping, inside.of(text))?;
        }
        Ok(is_open)
    }
}

impl Event<'_> {
    /// The text of the event: what is inside all envelopes.
    #[inline]
    #[must_use]
    pub const fn text(&self) -> &[u8] {
        self.text
    }

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
}
