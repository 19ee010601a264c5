//! Where an event comes from, and what it is known by without the producer's own id.

use shared::event::{Identity, Timestamp};

use super::Source;

/// Where an event comes from.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// Its record's offset in the unpacked object.
    pub(super) offset: u64,
    pub(super) arrived: Option<Timestamp>,
    pub(super) by: KnownBy<'a>,
}

/// What an event without the producer's own id is known by.
#[derive(Clone, Copy)]
pub(super) enum KnownBy<'a> {
    /// By the object and the offset, and by its text or the line that it is made of.
    Place(Option<&'a [u8]>),
    /// By the arrival that Firehose gave; and, of equal events in a record, by the number before it.
    Delivery { arrival: &'a str, equal: usize },
    /// By the id that it had, and its document's `_id` where that was another.
    Ids { id: &'a [u8], document_id: Option<&'a [u8]> },
    /// It is not an event.
    Nothing,
}

impl At<'_> {
    /// What an event at this position of its record is known by.
    pub(super) fn identity<'b>(
        &'b self,
        source: &Source<'_>,
        position: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Identity<'b> {
        buffer.clear();
        // Of the first there may be others before and after the record was split.
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
