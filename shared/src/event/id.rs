//! The ids of a document: `event.id`, and the `_id` by which a repeated delivery is recognized.

use sha2::{Digest, Sha256};

use super::mapping::ID;
use super::member::{Kind, Member};
use super::{Event, Written};
use crate::json;

/// Maximum size of an `_id`, in bytes: OpenSearch rejects a whole bulk request for a longer one
/// (source: OpenSearch, `IndexRequest.validate`).
const MAX_ID_BYTES: usize = 512;

/// Number of digits of an event's hash in its document's `_id`.
const HASH_DIGITS: usize = 16;

/// The choice of a document's `_id`: `DOCUMENT_ID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocumentId {
    /// From the producer's own id and the event's text: a repeated event is a duplicate, another
    /// event with the same id is another document.
    #[default]
    Event,
    /// The producer's own id alone: of events with the same id, the first wins.
    Id,
    /// Chosen by OpenSearch: an event that is delivered again is another document.
    None,
}

impl DocumentId {
    /// The values of `DOCUMENT_ID`, for messages.
    pub const ALLOWED: &'static str = "event, id or none";

    /// Reads a value of `DOCUMENT_ID`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "event" => Some(Self::Event),
            "id" => Some(Self::Id),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// Identifies an event without the producer's own id. It is the same when the delivery is repeated.
#[derive(Clone, Copy, Debug)]
pub enum Identity<'a> {
    /// Its text, followed by what identifies the delivery: for Firehose the arrival as given, for
    /// SQS the message's id and the event's position in the message.
    Delivery(&'a [u8]),
    /// The location where it is stored, followed by its text: for objects.
    Place {
        /// The place, which is hashed before the text.
        place: &'a [u8],
        /// The text as stored, if the event was made from it.
        text: Option<&'a [u8]>,
    },
    /// The id that it had before: the content of a JSON string.
    Known(&'a [u8]),
}

impl Identity<'_> {
    /// Derives the id of an event from its text alone: the content of a JSON string.
    #[must_use]
    pub fn id_of(&self, text: &[u8]) -> Vec<u8> {
        let mut id = Vec::with_capacity(32);
        self.write_id(|hash| hash.update(text), &mut id);
        id
    }

    /// Half of a SHA-256, in hex: two events cannot be made to replace each other.
    fn write_id(&self, hash_text: impl FnOnce(&mut Sha256), out: &mut Vec<u8>) {
        let mut hash = Sha256::new();
        match self {
            Self::Known(id) => return out.extend_from_slice(id),
            Self::Delivery(delivery) => {
                hash_text(&mut hash);
                hash.update(delivery);
            }
            Self::Place { place, text: Some(text) } => {
                hash.update(place);
                hash.update(text);
            }
            Self::Place { place, text: None } => {
                hash.update(place);
                hash_text(&mut hash);
            }
        }
        write_hex(&hash.finalize()[..16], out);
    }
}

/// The id that an envelope lends to an event in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LentId<'a> {
    /// The content of a JSON string.
    content: &'a [u8],
    /// The event's position, which is part of the id if the envelope contains several events.
    position: Option<usize>,
}

impl Event<'_> {
    /// Appends the `_id` of the document that was `written` to `document`, as the content of a JSON
    /// string of at most 512 bytes unescaped; nothing if OpenSearch chooses it.
    pub fn write_document_id(
        &self,
        how: DocumentId,
        written: &Written,
        document: &[u8],
        out: &mut Vec<u8>,
    ) {
        if how == DocumentId::None {
            return;
        }
        let start = out.len();
        if let Some(id) = written.id {
            out.extend_from_slice(id.of(document));
        } else {
            let own = self.found.claimed(ID).map(|index| self.found.members[index]);
            self.write_id(own, out);
        }
        // A derived id already depends on the text.
        if how == DocumentId::Id || !written.own_id {
            return;
        }
        let mut hash = Sha256::new();
        if fits_id(&out[start..], MAX_ID_BYTES - 1 - HASH_DIGITS) {
            self.hash_text(&mut hash);
            out.push(b'.');
            write_hex(&hash.finalize()[..HASH_DIGITS / 2], out);
        } else {
            hash.update(json::meaning(&out[start..], &mut Vec::new()));
            self.hash_text(&mut hash);
            out.truncate(start);
            write_hex(&hash.finalize(), out);
        }
    }

    /// Whether the event has the producer's own id, or its envelope has an id.
    pub(super) fn has_id(&self) -> bool {
        self.found.claimed(ID).is_some() || self.lent_id().is_some()
    }

    /// Writes the event's id as the content of a JSON string: that of `own`, else the one that it
    /// had before, else its envelope's, else a derived one. Returns whether it is the producer's or
    /// the envelope's.
    pub(super) fn write_id(&self, own: Option<Member>, out: &mut Vec<u8>) -> bool {
        if let Some(member) = own {
            let value = member.value();
            let is_text = member.kind == Kind::Scalar(json::Kind::String);
            let content = if is_text { value.inside() } else { value };
            out.extend_from_slice(content.of(self.text));
            return true;
        }
        match self.known_by {
            // The lent id may belong to several events.
            Identity::Known(id) if !id.is_empty() => out.extend_from_slice(id),
            _ => {
                if !self.write_lent_id(out) {
                    self.write_derived_id(out);
                }
            }
        }
        self.lent_id().is_some()
    }

    /// Appends the id that the envelope lends to the event, as the content of a JSON string.
    /// Returns whether there is one.
    pub fn write_lent_id(&self, out: &mut Vec<u8>) -> bool {
        let Some(LentId { content, position }) = self.lent_id() else { return false };
        out.extend_from_slice(content);
        if let Some(position) = position {
            out.extend_from_slice(format!(".{position}").as_bytes());
        }
        true
    }

    /// The id of the innermost envelope that has one.
    pub(super) fn lent_id(&self) -> Option<LentId<'_>> {
        let shared = self.around.map_or(0, |around| around.envelope.shared_depth());
        let position = self.around.and_then(|around| around.position);
        self.envelope.ids().find_map(|(level, value)| {
            let (kind, content) = match value[0] {
                b'"' => (json::Kind::String, &value[1..value.len() - 1]),
                b'-' | b'0'..=b'9' => (json::Kind::Number, value),
                _ => return None,
            };
            let position = position.filter(|_| level < shared);
            let suffix = position.map_or(0, |position| 2 + position.checked_ilog10().unwrap_or(0));
            let fits = is_id(Kind::Scalar(kind), value)
                && fits_id(content, MAX_ID_BYTES - suffix as usize);
            fits.then_some(LentId { content, position })
        })
    }

    /// Half of a SHA-256, in hex: two events cannot be made to replace each other.
    fn write_derived_id(&self, out: &mut Vec<u8>) {
        let identity = match self.known_by {
            Identity::Delivery(delivery) => Identity::Delivery(self.identity(delivery)),
            other => other,
        };
        identity.write_id(|hash| self.hash_text(hash), out);
    }

    /// Hashes the event's text, then that of its envelope.
    fn hash_text(&self, hash: &mut Sha256) {
        self.found.original(&self.model.mapping, self.text, |piece| hash.update(piece));
        if !self.envelope.is_none() {
            hash.update(self.envelope.text());
        }
    }
}

/// Whether a value can be an `_id`: a text of at most [`MAX_ID_BYTES`] that is not empty, or a
/// number.
pub(super) fn is_id(kind: Kind, value: &[u8]) -> bool {
    match kind {
        Kind::Scalar(json::Kind::String) => {
            let content = &value[1..value.len() - 1];
            !content.is_empty() && fits_id(content, MAX_ID_BYTES)
        }
        Kind::Scalar(json::Kind::Number) => value.len() <= MAX_ID_BYTES,
        _ => false,
    }
}

/// Whether the content of a string has at most `most` bytes when unescaped.
fn fits_id(content: &[u8], most: usize) -> bool {
    // Unescaping never adds bytes, and leaves at least a sixth.
    content.len() <= most
        || content.len() <= most * 6 && json::meaning(content, &mut Vec::new()).len() <= most
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}
