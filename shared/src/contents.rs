//! What a message holds: one event, an array of events or lines of events, maybe inside envelopes.
//!
//! Nothing is validated here that the event model validates: an event is found by where it
//! starts and ends, and read by the model later.

mod split;

use std::sync::LazyLock;

use crate::envelope::Envelope;
use crate::event::{Around, Refusal};
use crate::json::{self, Scanner, Span};
use memchr::memmem::Finder;

/// S3 sends it when a bucket's notifications are configured (source: "Event message structure",
/// Amazon S3 User Guide).
static TEST_EVENT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"s3:TestEvent\""));

/// The longest test event that is looked for, in bytes: S3's have about 250.
const MAX_TEST_EVENT_BYTES: usize = 2_048;

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Events.
    Events,
    /// S3's test of a notification, from which no document is to come.
    TestEvent,
    /// Where in S3 the SQS extended client put the body.
    LargePayloadPointer,
}

/// The events of one message. Kept from message to message, so that nothing is allocated once
/// the buffers have grown.
#[derive(Debug, Default)]
pub struct Contents {
    /// The body, or what is inside all envelopes around it.
    text: Vec<u8>,
    spare: Vec<u8>,
    envelope: Envelope,
    /// The part of it that holds the events.
    inside: Span,
    events: Vec<Span>,
    /// Whether the events were found carefully.
    careful: bool,
}

impl Contents {
    /// Finds the events in what `write` appends.
    ///
    /// # Errors
    /// [`Refusal::Empty`] where there is none, and what [`Envelope::open`] refuses. Whatever is not
    /// an event is found as one, and refused when it is read.
    pub fn open(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<Holds, Refusal> {
        self.events.clear();
        self.careful = false;
        self.text.clear();
        write(&mut self.text);
        self.envelope.clear();
        self.inside = self.envelope.open(&mut self.text, &mut self.spare)?;
        split::quickly(&self.text, self.inside, &mut self.events);
        self.note_several();
        match &*self.events {
            [] => Err(Refusal::Empty),
            [only] if is_test_event(only.of(&self.text)) => Ok(Holds::TestEvent),
            [class, place] if self.is_pointer(*class, *place) => Ok(Holds::LargePayloadPointer),
            _ => Ok(Holds::Events),
        }
    }

    /// Finds the events again where one of them was refused, with no trust in the text. Those
    /// before the refused one stay the same. `false` where that was done before.
    pub fn look_again(&mut self) -> bool {
        if self.careful {
            return false;
        }
        self.careful = true;
        split::carefully(&self.text, self.inside, &mut self.events);
        self.note_several();
        true
    }

    fn note_several(&mut self) {
        if self.events.len() > 1 {
            self.envelope.holds_several();
        }
    }

    /// Whether a pair of array elements points to a body in S3: the name of a class and
    /// `{"s3BucketName":"…","s3Key":"…"}` (source: `PayloadS3Pointer` of
    /// payload-offloading-java-common-lib-for-aws, which writes two class names over time).
    fn is_pointer(&self, class: Span, place: Span) -> bool {
        let (class, place) = (class.of(&self.text), place.of(&self.text));
        if self.inside.of(&self.text)[0] != b'[' || class[0] != b'"' || place[0] != b'{' {
            return false;
        }
        let (mut bucket, mut key) = (false, false);
        let mut scanner = Scanner::new(place);
        let read = scanner.object(|scanner, name| {
            let string = scanner.value(0)? == json::Kind::String;
            match json::meaning(name.span.of(place), &mut Vec::new()) {
                b"s3BucketName" => bucket = string,
                b"s3Key" => key = string,
                _ => {}
            }
            Ok(())
        });
        read.is_ok() && bucket && key
    }

    /// How many events there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.events.len()
    }

    /// The event at a place.
    #[must_use]
    pub fn event(&self, position: usize) -> Option<&[u8]> {
        self.events.get(position).map(|span| span.of(&self.text))
    }

    /// The envelopes that the event at a place was taken out of, if there are any.
    #[must_use]
    pub fn around(&self, position: usize) -> Option<Around<'_>> {
        let position = (self.events.len() > 1).then_some(position);
        (!self.envelope.is_none()).then_some(Around { envelope: &self.envelope, position })
    }
}

fn is_test_event(text: &[u8]) -> bool {
    if text.len() > MAX_TEST_EVENT_BYTES || TEST_EVENT.find(text).is_none() {
        return false;
    }
    let (mut of_s3, mut is_test) = (false, false);
    let mut scanner = Scanner::new(text);
    let read = scanner.object(|scanner, key| {
        let start = scanner.position();
        scanner.value(0)?;
        let value = &text[start..scanner.position()];
        match key.span.of(text) {
            b"Service" => of_s3 = value == b"\"Amazon S3\"",
            b"Event" => is_test = value == b"\"s3:TestEvent\"",
            _ => {}
        }
        Ok(())
    });
    read.is_ok() && scanner.peek().is_none() && of_s3 && is_test
}

#[cfg(test)]
mod tests;
