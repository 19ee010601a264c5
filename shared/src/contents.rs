//! Finds the events of a message: one event, an array of events or lines of events, possibly inside
//! envelopes. A message of CloudWatch Logs is replaced by the events inside its log events.
//!
//! Only the start and end of each event are found here: the event model reads and validates it
//! later.

mod split;

use std::sync::LazyLock;

use crate::envelope::{Envelope, LogMessage, MAX_ENVELOPES, Parts};
use crate::event::{Around, Refusal};
use crate::json::{self, Scanner, Span};
use memchr::memmem::Finder;
use split::Events;

/// S3 sends this event when a bucket's notifications are configured (source: "Event message
/// structure", Amazon S3 User Guide).
static TEST_EVENT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"s3:TestEvent\""));

/// Maximum size of a test event, in bytes: S3's have about 250.
const MAX_TEST_EVENT_BYTES: usize = 2_048;

/// Maximum decompressed size of a record of Firehose.
pub const MAX_UNPACKED_BYTES: usize = 16 * 1_048_576;

/// Maximum number of events in a record of Firehose.
pub const MAX_EVENTS: usize = 10_000;

/// The kind of content in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Events.
    Events,
    /// S3's test of a notification, which does not become a document.
    TestEvent,
    /// A pointer to the body in S3, by the SQS extended client.
    LargePayloadPointer,
    /// Messages of CloudWatch Logs without log events, such as a control message.
    NoLogEvents,
}

/// The events of one message. It is reused between messages, so that nothing is allocated once the
/// buffers have grown.
#[derive(Debug, Default)]
pub struct Contents {
    /// The body, or the content of its innermost envelope.
    text: Vec<u8>,
    spare: Vec<u8>,
    envelope: Envelope,
    /// The part of `text` that contains the events.
    inside: Span,
    /// The positions of the events, or of the log events around them.
    events: Events,
    /// A buffer for `events`.
    found: Vec<Span>,
    /// Whether the events were found carefully.
    careful: bool,
    logs: Logs,
}

/// The messages of CloudWatch Logs among the events.
#[derive(Debug, Default)]
struct Logs {
    messages: Vec<(Span, Parts)>,
    /// For each event, the message whose log event it is. Empty if there is no message.
    of_event: Vec<Option<usize>>,
    /// The envelope around the log event that was last requested, and the index of its message.
    around: Envelope,
    entered: Option<usize>,
    /// The events as they were before the messages were opened.
    closed: Vec<Span>,
}

impl Contents {
    /// Contents that find at most `limit` events.
    #[must_use]
    pub fn up_to(limit: usize) -> Self {
        Self { events: Events::up_to(Some(limit)), ..Self::default() }
    }

    /// Finds the events in the text that `write` appends.
    ///
    /// # Errors
    /// [`Refusal::Empty`] if there is none, and the errors of [`Envelope::open`]. Text that is not
    /// an event is also returned as an event, and refused when it is read.
    pub fn open(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<Holds, Refusal> {
        self.events.clear();
        self.careful = false;
        self.text.clear();
        write(&mut self.text);
        self.envelope.clear();
        self.inside = self.envelope.open(&mut self.text, &mut self.spare)?;
        split::quickly(&self.text, self.inside, &mut self.events);
        let holds = match self.events.as_slice() {
            [] => return Err(Refusal::Empty),
            [only] if is_test_event(only.of(&self.text)) => Holds::TestEvent,
            [class, place] if self.pointed(*class, *place).is_some() => Holds::LargePayloadPointer,
            _ => Holds::Events,
        };
        self.note_events();
        Ok(if self.events.is_empty() { Holds::NoLogEvents } else { holds })
    }

    /// Finds the events again, carefully, after one of them was refused. Those before the refused
    /// one stay the same. Returns `false` if this was done before.
    pub fn look_again(&mut self) -> bool {
        if self.careful {
            return false;
        }
        self.careful = true;
        split::again(&self.text, self.inside, &mut self.events, &mut self.found);
        self.note_events();
        true
    }

    fn note_events(&mut self) {
        let Self { text, inside, envelope, events, logs, .. } = self;
        logs.clear();
        if envelope.depth() < MAX_ENVELOPES && LogMessage::may_be_in(inside.of(text)) {
            logs.open(text, events);
        }
        if events.len() > 1 {
            envelope.holds_several();
        }
    }

    /// The bucket and key of the body in S3 that the message points to.
    #[must_use]
    pub fn pointer(&self) -> Option<(String, String)> {
        match self.events[..] {
            [class, place] => self.pointed(class, place),
            _ => None,
        }
    }

    /// The bucket and key in a pair of array elements: the name of a class and
    /// `{"s3BucketName":"…","s3Key":"…"}` (source: `PayloadS3Pointer` of
    /// payload-offloading-java-common-lib-for-aws, which writes two class names over time).
    fn pointed(&self, class: Span, place: Span) -> Option<(String, String)> {
        let (class, place) = (class.of(&self.text), place.of(&self.text));
        if self.inside.of(&self.text)[0] != b'[' || class[0] != b'"' || place[0] != b'{' {
            return None;
        }
        let (mut bucket, mut key) = (None, None);
        let mut scanner = Scanner::new(place);
        let read = scanner.object(|scanner, name| {
            let start = scanner.position();
            let is_text = scanner.value(0)? == json::Kind::String;
            let value = Span { start, end: scanner.position() };
            let text = || {
                let content = is_text.then(|| value.inside().of(place));
                content.and_then(json::unescaped)
            };
            match json::meaning(name.span.of(place), &mut Vec::new()) {
                b"s3BucketName" => bucket = text(),
                b"s3Key" => key = text(),
                _ => {}
            }
            Ok(())
        });
        bucket.zip(key).filter(|_| read.is_ok())
    }

    /// The number of events.
    #[must_use]
    pub fn count(&self) -> usize {
        self.events.len()
    }

    /// The event at a position, and the envelopes around it, if there are any.
    pub fn event(&mut self, position: usize) -> Option<(&[u8], Option<Around<'_>>)> {
        let several = (self.events.len() > 1).then_some(position);
        let place = *self.events.get(position)?;
        let Self { text, spare, envelope, logs, .. } = self;
        let Some((message, place)) = logs.log_event(text, position, place) else {
            let around = Around { envelope, position: several };
            return Some((place.of(text), (!envelope.is_none()).then_some(around)));
        };
        if logs.entered != logs.of_event[position] {
            logs.entered = logs.of_event[position];
            logs.around.copy_from(envelope);
            logs.around.enter_log_message(&message);
        }
        spare.clear();
        let event = logs.around.open_log_event(&message, place, spare);
        Some((event.of(spare), Some(Around { envelope: &logs.around, position: several })))
    }

    /// The name of the log group of the event at a position, as the content of a JSON string.
    #[must_use]
    pub fn log_group(&self, position: usize) -> Option<&[u8]> {
        let place = *self.events.get(position)?;
        self.logs.log_event(&self.text, position, place).map(|(message, _)| message.group())
    }

    /// Appends the event at a position as a separate message: its text, or a message of CloudWatch
    /// Logs with its log event.
    pub fn write_alone(&self, position: usize, out: &mut Vec<u8>) {
        let Some(&place) = self.events.get(position) else { return };
        match self.logs.log_event(&self.text, position, place) {
            Some((message, log_event)) => message.write_alone(log_event, out),
            None => out.extend_from_slice(place.of(&self.text)),
        }
    }
}

impl Logs {
    fn clear(&mut self) {
        self.messages.clear();
        self.of_event.clear();
        self.entered = None;
    }

    /// Replaces each message with its log events.
    fn open(&mut self, text: &[u8], events: &mut Events) {
        self.closed.clone_from(events);
        events.clear();
        for &place in &self.closed {
            let Some(message) = LogMessage::of(place.of(text)) else {
                events.push(place);
                self.of_event.resize(events.len(), None);
                continue;
            };
            for Span { start, end } in message.log_events() {
                events.push(Span { start: place.start + start, end: place.start + end });
                self.of_event.resize(events.len(), Some(self.messages.len()));
            }
            self.messages.push((place, message.parts()));
        }
    }

    /// The message that contains the event at `position` as a log event, and the log event's
    /// position in it.
    fn log_event<'a>(
        &self,
        text: &'a [u8],
        position: usize,
        place: Span,
    ) -> Option<(LogMessage<'a>, Span)> {
        let message = (*self.of_event.get(position)?)?;
        let (Span { start, end }, parts) = self.messages[message];
        let place = Span { start: place.start - start, end: place.end - start };
        Some((LogMessage::new(&text[start..end], parts), place))
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
