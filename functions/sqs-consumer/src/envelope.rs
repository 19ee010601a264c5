//! The event of the event source mapping, read without copying.
//!
//! Source: "Using Lambda with Amazon SQS", AWS Lambda Developer Guide. Only a message's id and its
//! queue are required, because without them it could not be answered; everything else is optional.

use std::borrow::Cow;
use std::str;

use serde_json::Value;
use shared::event::Timestamp;
use shared::json::{self, Scanner, Span, Text};
use shared::sqs::attributes::{MESSAGE_ID, POSITION};
use shared::sqs::{InvalidEvent, is_fifo};

/// A message, as written in the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// `messageId`: the text between the quotes.
    pub id: &'a str,
    /// `eventSourceARN`: the text between the quotes.
    pub source_arn: &'a str,
    /// Whether the queue is a FIFO queue. A group does not imply this: standard queues also have
    /// groups, for fairness. It is read from the ARN while that is in the processor's cache.
    pub is_fifo: bool,
    /// `receiptHandle`: the text between the quotes.
    pub receipt_handle: Option<&'a str>,
    /// `body`
    pub body: Body<'a>,
    /// `messageAttributes`: a JSON object, or nothing.
    pub attributes: &'a str,
    /// `ApproximateReceiveCount`, at least 1.
    pub receive_count: u32,
    /// `ApproximateFirstReceiveTimestamp`, in milliseconds since 1970.
    pub first_received_ms: Option<u64>,
    /// `SentTimestamp`, if documents can have this time.
    pub sent: Option<Timestamp>,
    /// `MessageGroupId`: the text between the quotes.
    pub group_id: Option<&'a str>,
}

/// A message's body: the text between the quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body<'a> {
    /// As written.
    pub content: &'a str,
    /// Whether it contains escapes.
    pub escaped: bool,
}

impl Body<'_> {
    /// Appends its unescaped text.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        if self.escaped {
            json::unescape(self.content.as_bytes(), out);
        } else {
            out.extend_from_slice(self.content.as_bytes());
        }
    }

    /// Its unescaped text.
    #[must_use]
    pub(crate) fn text(self) -> Option<String> {
        if self.escaped {
            json::unescaped(self.content.as_bytes())
        } else {
            Some(self.content.to_owned())
        }
    }
}

impl Message<'_> {
    /// Identifies its events without the producer's own id: the id of the first message that
    /// contained them, and the position of its first event there, both from the attributes that a
    /// quarantine or redrive adds.
    #[must_use]
    pub(crate) fn identity(&self) -> (Cow<'_, str>, u64) {
        if !self.attributes.contains(MESSAGE_ID) {
            return (Cow::Borrowed(self.id), 0);
        }
        let attributes = serde_json::from_str::<Value>(self.attributes).unwrap_or_default();
        let text = |name: &str| attributes[name]["stringValue"].as_str();
        let position = text(POSITION).and_then(|position| position.parse().ok());
        let id = text(MESSAGE_ID).filter(|id| !id.is_empty());
        let id = id.map_or(Cow::Borrowed(self.id), |id| Cow::Owned(id.to_owned()));
        (id, position.unwrap_or(0))
    }
}

fn invalid(problem: impl Into<String>) -> InvalidEvent {
    InvalidEvent(problem.into())
}

/// Reads the messages of an event, in order.
///
/// # Errors
/// [`InvalidEvent`], which states what is wrong.
pub(crate) fn parse(event: &[u8]) -> Result<Vec<Message<'_>>, InvalidEvent> {
    let text = simdutf8::basic::from_utf8(event).map_err(|_| invalid("it is not UTF-8"))?;
    let mut messages = None;
    Scanner::new(event)
        .only_object(|scanner, key| {
            match (key.span.of(event), scanner.peek()) {
                (b"Records", Some(b'[')) => {
                    messages = Some(scanner.elements(|scanner| read_message(text, scanner))?);
                }
                _ => drop(scanner.value(1)?),
            }
            Ok(())
        })
        .map_err(invalid)?;
    messages
        .ok_or_else(|| invalid("it has no list `Records`"))?
        .map_err(|problem| invalid(format!("Records{problem}")))
}

fn read_message<'a>(
    text: &'a str,
    scanner: &mut Scanner<'a>,
) -> Result<Result<Message<'a>, &'static str>, json::Error> {
    if scanner.peek() != Some(b'{') {
        scanner.value(2)?;
        return Ok(Err("is not an object"));
    }
    let mut message = Message {
        id: "",
        source_arn: "",
        is_fifo: false,
        receipt_handle: None,
        body: Body::default(),
        attributes: "",
        receive_count: 1,
        first_received_ms: None,
        sent: None,
        group_id: None,
    };
    let mut of_sqs = true;
    scanner.object(|scanner, key| {
        let string = scanner.peek() == Some(b'"');
        match key.span.of(text.as_bytes()) {
            b"messageId" if string => message.id = content(text, scanner)?,
            b"eventSourceARN" if string => {
                message.source_arn = content(text, scanner)?;
                message.is_fifo = is_fifo(message.source_arn);
            }
            b"eventSource" => of_sqs = string && content(text, scanner)? == "aws:sqs",
            b"receiptHandle" if string => {
                message.receipt_handle = Some(content(text, scanner)?).filter(|it| !it.is_empty());
            }
            b"body" if string => {
                let Text { span, escaped } = scanner.string()?;
                message.body = Body { content: &text[span.start..span.end], escaped };
            }
            b"body" => {
                let written = value(text, scanner)?;
                // A body that is not a string is kept as written, so that its refusal shows more
                // than an empty text.
                message.body = match written {
                    "null" => Body::default(),
                    written => Body { content: written, escaped: false },
                };
            }
            b"messageAttributes" if scanner.peek() == Some(b'{') => {
                message.attributes = value(text, scanner)?;
            }
            b"attributes" if scanner.peek() == Some(b'{') => {
                read_system_attributes(text, scanner, &mut message)?;
            }
            _ => drop(scanner.value(3)?),
        }
        Ok(())
    })?;
    Ok(match message {
        _ if !of_sqs => Err("is not from SQS"),
        Message { id: "", .. } => Err("has no `messageId`"),
        Message { source_arn: "", .. } => Err("has no `eventSourceARN`"),
        message => Ok(message),
    })
}

fn read_system_attributes<'a>(
    text: &'a str,
    scanner: &mut Scanner<'a>,
    message: &mut Message<'a>,
) -> Result<(), json::Error> {
    scanner.object(|scanner, key| {
        let written = value(text, scanner)?;
        let content = written.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let content = content.unwrap_or(written);
        match key.span.of(text.as_bytes()) {
            b"ApproximateReceiveCount" => {
                message.receive_count = number(content)
                    .map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX).max(1));
            }
            b"ApproximateFirstReceiveTimestamp" => message.first_received_ms = number(content),
            b"SentTimestamp" => message.sent = Timestamp::from_number(content.as_bytes()),
            b"MessageGroupId" if written.starts_with('"') => message.group_id = Some(content),
            _ => {}
        }
        Ok(())
    })
}

/// Parses digits; a number that is too large becomes the maximum.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Skips a string and returns its content.
fn content<'a>(text: &'a str, scanner: &mut Scanner<'a>) -> Result<&'a str, json::Error> {
    let Span { start, end } = scanner.string()?.span;
    Ok(&text[start..end])
}

/// Skips a value of a message and returns it as written.
fn value<'a>(text: &'a str, scanner: &mut Scanner<'a>) -> Result<&'a str, json::Error> {
    let start = scanner.position();
    scanner.value(3)?;
    Ok(&text[start..scanner.position()])
}

#[cfg(test)]
mod tests;
