//! Events and documents: the model that every function of sluice shares.
//!
//! # The way of one record
//!
//! A payload is one JSON object as a producer wrote it. It becomes a document in two steps, and its
//! bytes are read once:
//!
//! 1. **Read** ([`Reader::read`]). The text is checked to be UTF-8, then scanned from start to end
//!    by [`json::Scanner`](crate::json::Scanner), which validates everything and copies nothing.
//!    Each key of the top level is looked up among the names of the [`Mapping`]. Each match is
//!    noted as a *member*: the positions of its key and value, and the kind of the value. If the
//!    mapping goes into a member (`artist.id` goes into `artist`), that object's members are also
//!    noted, right after it. For all other objects only the keys are remembered, to find
//!    duplicates. Parts that a document must not contain are noted as *cuts*: white space with line
//!    breaks, and members that a later one of the same name replaces.
//! 2. **Write** ([`Event::write_document`]). The timestamp is chosen. Each document field then uses
//!    the first of its paths that has a suitable member; the value is copied as written, without
//!    the cuts. A member that was used is marked as *gone*; all others make up `extra`. With
//!    [`DocumentForm::Passthrough`] the text itself is copied instead, without the cuts.
//!
//! No number is converted, no string is unescaped and no tree is built, and the buffers are reused
//! between records: in the steady state, nothing is allocated.
//!
//! An event may come in envelopes ([`envelope`](crate::envelope)). The members of a payload show
//! whether it can be one; only then is it scanned again, opened, and its content read.
//!
//! The clock is not read here: [`Arrival`] provides the times. A refused input is a value,
//! [`Refusal`], never a panic.

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

/// Maximum size of a payload, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1_048_576;

/// Turns events into documents: compiled once, used for every record.
#[derive(Debug)]
pub struct Model {
    /// Maps input paths to document fields.
    pub mapping: Mapping,
    /// Determines which of an event's own times are used.
    pub plausible: Plausible,
    /// Maximum size of `extra`, in bytes; a longer one is named `overflow`.
    pub extra_max_bytes: usize,
    /// The form of a document: the mapped fields, or the unchanged event.
    pub form: DocumentForm,
}

/// Why an input can never become a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The record has no data, not even empty data.
    NoData,
    /// The record's data is not base64.
    InvalidBase64,
    /// The payload is not UTF-8.
    InvalidUtf8,
    /// The payload is not one JSON value, or contains a lone surrogate.
    InvalidJson,
    /// The payload is JSON, but not an object.
    NotAnObject,
    /// There is no payload: no bytes, or only white space or a byte order mark.
    Empty,
    /// The payload is an envelope without content.
    EmptyEnvelope,
    /// More than [`json::MAX_DEPTH`] levels.
    TooDeep,
    /// More than [`MAX_PAYLOAD_BYTES`].
    TooLarge,
    /// A number of more than [`json::MAX_NUMBER_LENGTH`] characters.
    NumberTooLong,
}

impl Refusal {
    /// The reason as in logs and messages.
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

/// The delivery of a record, and the current time.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When the invoker received it, if it sends a time from 1970 to [`Timestamp::MAX`]. It is used
    /// if it is plausible.
    pub time: Option<Timestamp>,
    /// The current time: `event.ingested`.
    pub now: Timestamp,
    /// Identifies an event without the producer's own id.
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

/// The time and id of a document that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its `@timestamp`.
    pub timestamp: Timestamp,
    /// The source of `timestamp`.
    pub timestamp_source: TimestampSource,
    /// The span of its `event.id`, as written, in the buffer to which it was appended. `None` for
    /// [`DocumentForm::Passthrough`].
    pub id: Option<Span>,
    /// Whether the id is the producer's own or that of the envelope, rather than derived.
    pub own_id: bool,
}

/// Reads payloads.
#[derive(Debug, Default)]
pub struct Reader {
    found: Found,
    opened: Opened,
}

/// The envelopes that were opened to reach an event.
#[derive(Debug, Default)]
struct Opened {
    envelope: Envelope,
    /// The content of the innermost envelope.
    text: Vec<u8>,
    spare: Vec<u8>,
    /// The span of the event in `text`.
    inside: Span,
    carried: Carried,
}

/// The members of an envelope that was put back.
#[derive(Debug, Default)]
struct Carried {
    reingests: u32,
    arrival: Vec<u8>,
}

/// The envelopes that an event was taken out of before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Their data.
    pub envelope: &'a Envelope,
    /// The event's position in the message, if that contains several events.
    pub position: Option<usize>,
}

/// A payload that was read: a fully validated JSON object.
#[derive(Debug)]
pub struct Event<'a> {
    model: &'a Model,
    text: &'a [u8],
    found: &'a mut Found,
    envelope: &'a Envelope,
    /// The envelopes from which it was taken before it was read.
    around: Option<Around<'a>>,
    carried: &'a Carried,
    /// [`Arrival::identity`], once its document is written.
    known_by: Identity<'a>,
}

impl Reader {
    /// Reads one payload: an event, an envelope around one, or a string that contains one of these.
    ///
    /// # Errors
    /// [`Refusal`], except [`Refusal::NoData`].
    pub fn read<'a>(
        &'a mut self,
        model: &'a Model,
        payload: &'a [u8],
    ) -> Result<Event<'a>, Refusal> {
        self.read_inside(model, payload, None)
    }

    /// Reads one payload that was taken out of the envelopes `around` it, if there are any.
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

    /// Opens the payload of `found`, and reads its content; returns `false` if the payload is the
    /// event itself.
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
    /// The text of the event: the content of the innermost envelope.
    #[inline]
    #[must_use]
    pub const fn text(&self) -> &[u8] {
        self.text
    }

    /// Whether the event's action is one of `actions`. A string is compared unescaped, any other
    /// value as written.
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
