//! What a message holds: one event, an array of events or lines of events, maybe inside the
//! envelopes of SNS and EventBridge.
//!
//! Nothing is validated here that the event model validates: an event is found by where it
//! starts and ends, and read by the model later.

mod split;

use std::borrow::Cow;
use std::mem;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use shared::event::Refusal;
use shared::json::{self, Scanner, Span, Text};

use crate::contents::split::trimmed;
use crate::envelope::Body;

/// So many envelopes are looked into; what is inside more of them is taken as the event.
const MAX_ENVELOPES: usize = 8;

static NOTIFICATION: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"Notification\""));
static DETAIL_TYPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"detail-type\""));
/// What an envelope's names can be hidden by: they are of ASCII, without anything that has an
/// escape of its own.
static ASCII_ESCAPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\\u00"));

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
    /// The body, or the text of the envelope in it that was opened last.
    text: Vec<u8>,
    spare: Vec<u8>,
    /// The part of it that holds the events.
    inside: Span,
    events: Vec<Span>,
    /// Whether the events were found carefully.
    careful: bool,
}

impl Contents {
    /// Finds the events in `body`.
    ///
    /// # Errors
    /// [`Refusal::Empty`] where there is none. Whatever is no event is found as one, and refused
    /// when it is read.
    pub fn open(&mut self, body: Body<'_>) -> Result<Holds, Refusal> {
        self.events.clear();
        self.careful = false;
        self.text.clear();
        if body.escaped {
            json::unescape(body.content.as_bytes(), &mut self.text);
        } else {
            self.text.extend_from_slice(body.content.as_bytes());
        }
        let mut inside = Span { start: 0, end: self.text.len() };
        for _ in 0..MAX_ENVELOPES {
            inside = trimmed(&self.text, inside);
            match envelope(inside.of(&self.text)) {
                Some(Envelope::Sns(Text { span, .. })) => {
                    self.spare.clear();
                    let content = span.of(inside.of(&self.text));
                    json::unescape(content, &mut self.spare);
                    mem::swap(&mut self.text, &mut self.spare);
                    inside = Span { start: 0, end: self.text.len() };
                }
                Some(Envelope::EventBridge(detail)) => {
                    let start = inside.start;
                    inside = Span { start: start + detail.start, end: start + detail.end };
                }
                None => break,
            }
        }
        self.inside = trimmed(&self.text, inside);
        split::quickly(&self.text, self.inside, &mut self.events);
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
        true
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
            match &*meaning(place, name) {
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
}

/// Where an envelope keeps what it carries.
enum Envelope {
    /// `Message`
    Sns(Text),
    /// `detail`
    EventBridge(Span),
}

/// The envelope that `text` is, if it is one.
fn envelope(text: &[u8]) -> Option<Envelope> {
    // Most events are none and are not read a second time: an envelope's names stand in it as
    // they are, or with escapes.
    let may_be = text.first() == Some(&b'{')
        && (NOTIFICATION.find(text).is_some()
            || DETAIL_TYPE.find(text).is_some()
            || ASCII_ESCAPE.find(text).is_some());
    if !may_be {
        return None;
    }
    let mut scanner = Scanner::new(text);
    let (mut notification, mut message, mut detail_type, mut detail) = (false, None, false, None);
    let read = scanner.object(|scanner, key| {
        let start = scanner.position();
        let string = scanner.peek() == Some(b'"');
        match &*meaning(text, key) {
            b"Type" => {
                notification = string && *meaning(text, scanner.string()?) == *b"Notification";
                if !string {
                    scanner.value(0)?;
                }
            }
            b"Message" if string => message = Some(scanner.string()?),
            b"Message" => {
                message = None;
                scanner.value(0)?;
            }
            b"detail-type" => {
                detail_type = string;
                scanner.value(0)?;
            }
            b"detail" => {
                scanner.value(0)?;
                detail = Some(Span { start, end: scanner.position() });
            }
            _ => drop(scanner.value(1)?),
        }
        Ok(())
    });
    if read.is_err() || scanner.peek().is_some() {
        return None;
    }
    match (message, detail) {
        (Some(message), _) if notification => Some(Envelope::Sns(message)),
        (_, Some(detail)) if detail_type => Some(Envelope::EventBridge(detail)),
        _ => None,
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

fn meaning(text: &[u8], Text { span, escaped }: Text) -> Cow<'_, [u8]> {
    let content = span.of(text);
    if !escaped {
        return Cow::Borrowed(content);
    }
    let mut meaning = Vec::new();
    json::unescape(content, &mut meaning);
    Cow::Owned(meaning)
}

#[cfg(test)]
mod tests;
