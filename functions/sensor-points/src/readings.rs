//! Finds the readings of a record: of its payload, or of each payload in an aggregate.

use base64_simd::STANDARD;
use shared::contents::{Contents, Holds};
use shared::event::{Event, Model, Reader, Refusal};
use shared::json::{self, Span};

use crate::aggregate;
use crate::kinesis::Record;

/// The content at one position of a record.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A reading.
    Reading(Event<'a>),
    /// Something that can never become a point.
    Refused(Refusal),
    /// Nothing: no bytes, a test of S3, a message of CloudWatch Logs without log events.
    Nothing,
}

/// Reads records. It is reused between records, so that its buffers grow only once.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// The record's data, or its text if that is not base64.
    data: Vec<u8>,
    is_base64: bool,
    /// The spans of the payloads in the data, and how many of them were opened.
    payloads: Vec<Span>,
    opened: usize,
    /// The contents of the payload that was opened last.
    contents: Contents,
    has_events: bool,
    /// The position of the next reading in `contents`.
    next: usize,
    reader: Reader,
}

impl Readings {
    /// Opens a record.
    pub(crate) fn open(&mut self, record: &Record<'_>) {
        let Self { data, payloads, .. } = self;
        let mut text = Vec::new();
        let content = if record.is_escaped {
            json::unescape(record.data.as_bytes(), &mut text);
            &text
        } else {
            record.data.as_bytes()
        };
        data.clear();
        self.is_base64 = STANDARD.decode_append(content, data).is_ok();
        if !self.is_base64 {
            data.clear();
            data.extend_from_slice(content);
        }
        payloads.clear();
        if aggregate::payloads(data, payloads).is_none() {
            payloads.clear();
            payloads.push(Span { start: 0, end: data.len() });
        }
        (self.opened, self.has_events) = (0, false);
    }

    /// Reads the next position with `read` and returns its result; `None` at the record's end.
    pub(crate) fn next<T>(
        &mut self,
        model: &Model,
        read: impl FnOnce(Found<'_>) -> T,
    ) -> Option<T> {
        loop {
            if self.has_events
                && let Some((event, around)) = self.contents.event(self.next)
            {
                let refusal = match self.reader.read_inside(model, event, around) {
                    Ok(event) => {
                        self.next += 1;
                        return Some(read(Found::Reading(event)));
                    }
                    Err(refusal) => refusal,
                };
                // Those before it keep their positions.
                if self.contents.look_again() {
                    continue;
                }
                self.next += 1;
                return Some(read(refused(refusal)));
            }
            let payload = *self.payloads.get(self.opened)?;
            self.opened += 1;
            self.next = 0;
            self.has_events = false;
            if !self.is_base64 {
                return Some(read(Found::Refused(Refusal::InvalidBase64)));
            }
            let payload = payload.of(&self.data);
            match self.contents.open(|text| text.extend_from_slice(payload)) {
                Ok(Holds::Events | Holds::LargePayloadPointer) => self.has_events = true,
                Ok(Holds::TestEvent | Holds::NoLogEvents) => return Some(read(Found::Nothing)),
                Err(refusal) => return Some(read(refused(refusal))),
            }
        }
    }

    /// The text at the position that was read last; for a payload with one reading, all of it, with
    /// the envelope.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.has_events && self.contents.count() > 1 {
            self.contents.write_alone(self.next - 1, &mut text);
        } else if let Some(payload) = self.payloads.get(self.opened - 1) {
            text.extend_from_slice(payload.of(&self.data));
        }
        text
    }

    /// All data of the record.
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }
}

fn refused<'a>(refusal: Refusal) -> Found<'a> {
    match refusal {
        Refusal::Empty => Found::Nothing,
        refusal => Found::Refused(refusal),
    }
}
