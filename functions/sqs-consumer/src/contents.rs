//! What a message holds: one event, an array of events or lines of events, maybe inside the
//! envelopes of SNS and EventBridge.
//!
//! Nothing is validated here that the event model validates: an event is found by where it
//! starts and ends, and read by the model later.

use std::borrow::Cow;
use std::mem;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use shared::event::Refusal;
use shared::json::{self, Scanner, Span, Text};

use crate::envelope::Body;

/// So many envelopes are looked into; what is inside more of them is taken as the event.
const MAX_ENVELOPES: usize = 8;

static NOTIFICATION: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"Notification\""));
static DETAIL_TYPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"detail-type\""));
/// What an envelope's names can be hidden by: they are of ASCII, without anything that has an
/// escape of its own.
static ASCII_ESCAPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\\u00"));

/// The events of one message. Kept from message to message, so that nothing is allocated once
/// the buffers have grown.
#[derive(Debug, Default)]
pub struct Contents {
    /// The body, or the text of the envelope in it that was opened last.
    text: Vec<u8>,
    spare: Vec<u8>,
    events: Vec<Span>,
}

impl Contents {
    /// Finds the events in `body`.
    ///
    /// # Errors
    /// [`Refusal::Empty`] where there is none. Whatever is no event is found as one, and refused
    /// when it is read.
    pub fn open(&mut self, body: Body<'_>) -> Result<(), Refusal> {
        self.events.clear();
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
        split(&self.text, trimmed(&self.text, inside), &mut self.events);
        if self.events.is_empty() { Err(Refusal::Empty) } else { Ok(()) }
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

/// The span without a byte order mark and white space around it.
fn trimmed(text: &[u8], Span { start, end }: Span) -> Span {
    let bom = if text[start..end].starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let start = start + bom;
    let start = start + white_space(&text[start..end]);
    let last = text[start..end].iter().rposition(|byte| !is_white(*byte));
    Span { start, end: last.map_or(start, |last| start + last + 1) }
}

const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How much white space `text` starts with.
fn white_space(text: &[u8]) -> usize {
    text.iter().position(|byte| !is_white(*byte)).unwrap_or(text.len())
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

fn meaning(text: &[u8], Text { span, escaped }: Text) -> Cow<'_, [u8]> {
    let content = span.of(text);
    if !escaped {
        return Cow::Borrowed(content);
    }
    let mut meaning = Vec::new();
    json::unescape(content, &mut meaning);
    Cow::Owned(meaning)
}

/// Finds the events in a trimmed text.
fn split(text: &[u8], inside: Span, events: &mut Vec<Span>) {
    let content = inside.of(text);
    if content.is_empty() {
        return;
    }
    if content[0] == b'[' {
        if elements(content, inside.start, events).is_some() {
            return;
        }
        events.clear();
    } else if memchr::memchr(b'\n', content).is_none() || is_one_value(content) {
        return events.push(inside);
    }
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or(content);
    if first.len() == content.len() || !is_one_value(first.trim_ascii_end()) {
        return events.push(inside);
    }
    let mut start = inside.start;
    for line in content.split(|byte| *byte == b'\n') {
        let span = trimmed(text, Span { start, end: start + line.len() });
        if span.length() > 0 {
            events.push(span);
        }
        start += line.len() + 1;
    }
}

/// Finds the elements of an array, which stands at `offset`; `None` where it is none.
fn elements(array: &[u8], offset: usize, events: &mut Vec<Span>) -> Option<()> {
    let mut at = 1;
    let after = |at: usize| at + white_space(&array[at..]);
    at = after(at);
    if array.get(at) == Some(&b']') {
        at += 1;
    } else {
        loop {
            let end = at + value_length(array.get(at..)?)?;
            events.push(Span { start: offset + at, end: offset + end });
            at = after(end);
            match array.get(at)? {
                b',' => at = after(at + 1),
                b']' => break at += 1,
                _ => return None,
            }
        }
    }
    (at == array.len()).then_some(())
}

fn is_one_value(text: &[u8]) -> bool {
    value_length(text) == Some(text.len())
}

/// How long the value at the start of `text` is; `None` where none stands there. A value beyond
/// the limits of depth and of numbers is one too: the model refuses it, and it alone.
fn value_length(text: &[u8]) -> Option<usize> {
    let mut scanner = Scanner::new(text);
    match scanner.value(0) {
        Ok(_) => Some(scanner.position()),
        Err(json::Error::Invalid) => None,
        Err(json::Error::TooDeep | json::Error::NumberTooLong) => balanced_length(text),
    }
}

/// How long the value at the start of `text` is, by its brackets alone.
fn balanced_length(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => {
                let mut scanner = Scanner::new(&text[at..]);
                scanner.string().ok()?;
                at += scanner.position();
            }
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ => {
                let rest = &text[at..];
                let token = |byte: &u8| !b"[]{}\",".contains(byte) && !byte.is_ascii_whitespace();
                at += rest.iter().position(|byte| !token(byte)).unwrap_or(rest.len()).max(1);
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
