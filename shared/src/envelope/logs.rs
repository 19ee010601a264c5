//! The messages of CloudWatch Logs, which are an envelope around each of their log events.
//!
//! Source: "Log group-level subscription filters", Amazon CloudWatch Logs User Guide.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{Envelope, Said, is_object, scanner, trimmed};
use crate::json::{self, Scanner, Span};

const KIND: &str = "cloudwatch_logs";

/// The name of the list of log events, by which a message is recognized.
static LOG_EVENTS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"logEvents\""));

/// A message that a subscription of CloudWatch Logs delivers.
#[derive(Clone, Copy, Debug)]
pub struct LogMessage<'a> {
    text: &'a [u8],
    parts: Parts,
}

/// The positions of a message's parts in its text; empty for missing parts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    owner: Span,
    group: Span,
    stream: Span,
    /// The list of log events; empty in a control message.
    log_events: Span,
}

impl<'a> LogMessage<'a> {
    /// Whether `text` may contain a message at any position.
    #[inline]
    #[must_use]
    pub fn may_be_in(text: &[u8]) -> bool {
        LOG_EVENTS.find(text).is_some()
    }

    /// Reads a JSON value as a message, if it is one: an object with the texts `messageType` and
    /// `logGroup` and the list `logEvents`.
    #[must_use]
    pub fn of(text: &'a [u8]) -> Option<Self> {
        if text.first() != Some(&b'{') || !Self::may_be_in(text) {
            return None;
        }
        // The data is copied, so it must be UTF-8; otherwise this is an unreadable event.
        simdutf8::basic::from_utf8(text).ok()?;
        let (mut parts, mut kind) = (Parts::default(), Span::default());
        let mut unescaped = Vec::new();
        let mut scanner = Scanner::new(text);
        let read = scanner.object(|scanner, key| {
            let start = scanner.position();
            scanner.value(1)?;
            let value = Span { start, end: scanner.position() };
            match json::meaning(key.span.of(text), &mut unescaped) {
                b"messageType" => kind = value,
                b"owner" => parts.owner = value,
                b"logGroup" => parts.group = value,
                b"logStream" => parts.stream = value,
                b"logEvents" => parts.log_events = value,
                _ => {}
            }
            Ok(())
        });
        let starts = |part: Span, byte| part.of(text).first() == Some(&byte);
        let is_message = read.is_ok()
            && scanner.peek().is_none()
            && starts(kind, b'"')
            && starts(parts.group, b'"')
            && starts(parts.log_events, b'[');
        if json::meaning(kind.of(text), &mut unescaped) == b"\"CONTROL_MESSAGE\"" {
            parts.log_events = Span::default();
        }
        is_message.then_some(Self { text, parts })
    }

    /// The message with this text and these parts.
    pub(crate) const fn new(text: &'a [u8], parts: Parts) -> Self {
        Self { text, parts }
    }

    pub(crate) const fn parts(&self) -> Parts {
        self.parts
    }

    /// The name of the log group, as the content of a JSON string.
    #[must_use]
    pub fn group(&self) -> &'a [u8] {
        self.parts.group.inside().of(self.text)
    }

    /// The positions of the log events in the text; a control message has none.
    pub fn log_events(&self) -> impl Iterator<Item = Span> + use<'a> {
        let Span { start, end } = self.parts.log_events;
        // Without the brackets.
        let list = &self.text[..end.saturating_sub(1).max(start)];
        let mut next = start + 1;
        std::iter::from_fn(move || {
            let mut scanner = Scanner::new(list.get(next..)?);
            scanner.skip_white_space();
            let start = next + scanner.position();
            // The list was read before, so it is valid.
            scanner.value(2).ok()?;
            let end = next + scanner.position();
            scanner.skip_white_space();
            next += scanner.position() + 1;
            Some(Span { start, end })
        })
    }

    /// Appends a message with only this log event.
    pub fn write_alone(&self, log_event: Span, out: &mut Vec<u8>) {
        let Span { start, end } = self.parts.log_events;
        out.extend_from_slice(&self.text[..=start]);
        out.extend_from_slice(log_event.of(self.text));
        out.extend_from_slice(&self.text[end - 1..]);
    }

    /// The data of a log event with this id and time.
    fn said(&self, id: Span, time: Span) -> Said<'a> {
        let Parts { owner, group, stream, .. } = self.parts;
        let said = |part: Span| Some(part.of(self.text)).filter(|value| !value.is_empty());
        [said(id), said(group), said(stream), said(time), said(owner), None, None]
    }
}

impl Envelope {
    /// Opens a message inside the envelopes that were opened before, of which there are fewer than
    /// [`MAX_ENVELOPES`](super::MAX_ENVELOPES).
    pub fn enter_log_message(&mut self, message: &LogMessage<'_>) {
        self.enter(KIND, message.said(Span::default(), Span::default()), message.text);
        if message.log_events().nth(1).is_some() {
            self.holds_several();
        }
        self.log_event = Some(self.said.len());
    }

    /// Becomes the envelope around a log event of the entered message. Appends the event inside to
    /// `out` and returns its span: the object in the log event's `message`, or else an object with
    /// that message. Appends a value that is not a log event unchanged, and nothing if there is no
    /// message.
    pub fn open_log_event(
        &mut self,
        message: &LogMessage<'_>,
        log_event: Span,
        out: &mut Vec<u8>,
    ) -> Span {
        let text = log_event.of(message.text);
        let [mut id, mut time, mut content] = [Span::default(); 3];
        let mut scanner = scanner(text, &mut self.cuts);
        let read = scanner.object(|scanner, key| {
            let start = scanner.position();
            scanner.value(3)?;
            let value =
                Span { start: log_event.start + start, end: log_event.start + scanner.position() };
            match json::meaning(key.span.of(text), &mut Vec::new()) {
                b"id" => id = value,
                b"timestamp" => time = value,
                b"message" => content = value,
                _ => {}
            }
            Ok(())
        });
        self.cuts = scanner.cuts;
        self.said.truncate(self.log_event.unwrap_or(self.said.len()));
        self.note(KIND, message.said(id, time));
        let start = out.len();
        if read.is_err() {
            out.extend_from_slice(text);
        } else {
            return self.write_content(content.of(message.text), out);
        }
        Span { start, end: out.len() }
    }

    /// Appends the event in the `message` of a log event.
    fn write_content(&mut self, content: &[u8], out: &mut Vec<u8>) -> Span {
        let start = out.len();
        match content.first() {
            None | Some(b'n') => {}
            Some(b'{') => out.extend_from_slice(content),
            Some(b'"') if may_hold_object(content) => {
                json::unescape(&content[1..content.len() - 1], out);
                let Span { start: first, end } = trimmed(&out[start..]);
                let inside = Span { start: start + first, end: start + end };
                if is_object(inside.of(out), &mut self.cuts) {
                    return inside;
                }
                out.truncate(start);
                write_message(content, out);
            }
            Some(_) => write_message(content, out),
        }
        Span { start, end: out.len() }
    }
}

/// Whether a JSON string may contain an object, by its first character: most log lines do not.
fn may_hold_object(string: &[u8]) -> bool {
    matches!(string[1], b'{' | b' ' | b'\\' | 0xEF)
}

fn write_message(content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"message\":");
    out.extend_from_slice(content);
    out.push(b'}');
}
