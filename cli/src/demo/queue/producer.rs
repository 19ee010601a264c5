//! The producer: each event a message.

use std::collections::HashSet;

use local::sqs::ClientError;
use serde_json::{Value, json};

use super::super::events::Line;
use super::MESSAGE_LIMIT_BYTES;
use super::queues::Queues;
use crate::failure::Failure;

/// The most entries of a batch, whose bodies may take together what one message may.
///
/// Source: Amazon SQS API reference, `SendMessageBatch`.
const BATCH_ENTRIES: usize = 10;

/// How often a batch is sent before the run fails.
const TRIES: u32 = 5;

/// What was read, and what of it went into the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) blank_lines: u64,
    /// Larger than SQS takes.
    pub(super) too_large: u64,
    /// Not text, or with characters that SQS does not take.
    pub(super) not_text: u64,
}

/// Sends events, ten at a time.
#[derive(Debug)]
pub(super) struct Producer<'a> {
    queues: &'a Queues,
    waiting: Vec<String>,
    waiting_bytes: usize,
    sent: Sent,
}

impl<'a> Producer<'a> {
    pub(super) fn new(queues: &'a Queues) -> Self {
        Self { queues, waiting: Vec::new(), waiting_bytes: 0, sent: Sent::default() }
    }

    pub(super) fn sent(&self) -> Sent {
        self.sent
    }

    /// Takes a line, and sends those before it when they fill a batch.
    pub(super) async fn add(&mut self, line: Line) -> Result<(), Failure> {
        let event = match line {
            Line::Event(event) => event,
            Line::Blank => {
                self.sent.blank_lines += 1;
                return Ok(());
            }
            Line::TooLarge => {
                self.sent.too_large += 1;
                return Ok(());
            }
        };
        let body = String::from_utf8(event).ok().filter(|body| is_body(body));
        let Some(body) = body else {
            self.sent.not_text += 1;
            return Ok(());
        };
        let is_full = self.waiting.len() == BATCH_ENTRIES;
        if is_full || self.waiting_bytes + body.len() > MESSAGE_LIMIT_BYTES {
            self.flush().await?;
        }
        self.waiting_bytes += body.len();
        self.waiting.push(body);
        Ok(())
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        self.waiting_bytes = 0;
        let mut open = std::mem::take(&mut self.waiting);
        for _ in 0..TRIES {
            if open.is_empty() {
                return Ok(());
            }
            let before = open.len();
            open = self.send(open).await.map_err(|error| {
                Failure::failed(format_args!("the events cannot be sent to SQS: {error}"))
            })?;
            self.sent.messages += (before - open.len()) as u64;
        }
        if open.is_empty() { Ok(()) } else { Err(Failure::failed("SQS does not take the events")) }
    }

    /// Sends a batch; those of it that were not taken.
    async fn send(&self, bodies: Vec<String>) -> Result<Vec<String>, ClientError> {
        let entry = |(id, body)| json!({"Id": format!("{id}"), "MessageBody": body});
        let entries: Vec<Value> = bodies.iter().enumerate().map(entry).collect();
        let members = json!({"QueueUrl": self.queues.main, "Entries": entries});
        let answer = self.queues.client.call("SendMessageBatch", &members).await?;
        let taken = answer["Successful"].as_array().map_or(&[][..], Vec::as_slice);
        let taken: HashSet<_> = taken.iter().filter_map(|entry| entry["Id"].as_str()).collect();
        let is_taken = |id: usize| taken.contains(id.to_string().as_str());
        let bodies = bodies.into_iter().enumerate();
        Ok(bodies.filter_map(|(id, body)| (!is_taken(id)).then_some(body)).collect())
    }
}

/// Whether a message may have this body (`SendMessage` in the Amazon SQS API reference).
fn is_body(text: &str) -> bool {
    let is_allowed = |char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    !text.is_empty() && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::{Producer, Queues, Sent};
    use crate::demo::events::Line;
    use local::sqs::embedded::{Fault, Lasting, Operation};
    use local::sqs::{Client, Embedded};

    fn event(text: impl Into<Vec<u8>>) -> Line {
        Line::Event(text.into())
    }

    #[tokio::test]
    async fn every_line_is_sent_once_or_told_as_not_sent() {
        let embedded = Embedded::start().await.unwrap();
        let client = Client::new(embedded.url()).unwrap();
        let queues = Queues::create(&client, "demo").await.unwrap();
        let mut producer = Producer::new(&queues);
        for number in 0..23 {
            producer.add(event(number.to_string())).await.unwrap();
        }
        let half = "x".repeat((1 << 19) + 1);
        for line in [
            Line::Blank,
            Line::TooLarge,
            event(""),
            event("\u{1}"),
            event("\u{ffff}"),
            event(b"\xff".to_vec()),
            event(half.clone()),
            event(half),
        ] {
            producer.add(line).await.unwrap();
        }
        let fault = Fault::Entries(vec![0]);
        embedded.fail(Operation::SendMessageBatch, fault, Lasting::Requests(1));
        producer.flush().await.unwrap();
        let expected = Sent { messages: 25, blank_lines: 1, too_large: 1, not_text: 4 };
        assert_eq!(producer.sent(), expected);
        assert_eq!(queues.count(&queues.main).await.unwrap(), 25);
        queues.delete().await;
    }
}
