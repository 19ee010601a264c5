//! The origin of an event, and its identity without the producer's own id.

use shared::event::{Identity, Timestamp};

use super::Source;

/// The origin of an event.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// The offset of its record in the decompressed object.
    pub(super) offset: u64,
    pub(super) arrived: Option<Timestamp>,
    pub(super) by: KnownBy<'a>,
}

/// The identity of an event without the producer's own id.
#[derive(Clone, Copy)]
pub(super) enum KnownBy<'a> {
    /// The object and the offset, with its text or the line that it is made from.
    Place(Option<&'a [u8]>),
    /// The arrival at Firehose and, for equal events in a record, the number of those before it.
    Delivery { arrival: &'a str, equal: usize },
    /// The id that it had before, and its document's `_id` if that was different.
    Ids { id: &'a [u8], document_id: Option<&'a [u8]> },
    /// It is not an event.
    Nothing,
}

impl At<'_> {
    /// The identity of the event at this position of its record.
    pub(super) fn identity<'b>(
        &'b self,
        source: &Source<'_>,
        position: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Identity<'b> {
        buffer.clear();
        // The first one has no suffix, so that its id is the same whether or not the record is
        // split.
        let suffix = |number: usize| match number {
            0 => String::new(),
            number => format!("/{number}"),
        };
        match self.by {
            KnownBy::Ids { id, .. } => Identity::Known(id),
            KnownBy::Nothing => Identity::Known(b""),
            KnownBy::Delivery { arrival, equal } => {
                buffer.extend_from_slice(arrival.as_bytes());
                buffer.extend_from_slice(suffix(position + equal).as_bytes());
                Identity::Delivery(buffer)
            }
            KnownBy::Place(text) => {
                let Self { offset, .. } = self;
                buffer.extend_from_slice(source.place);
                let place = format!("{offset}{}\0", suffix(position));
                buffer.extend_from_slice(place.as_bytes());
                Identity::Place { place: buffer, text }
            }
        }
    }
}
