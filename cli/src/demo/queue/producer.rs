//! Sends each event as a message.

use std::collections::HashSet;

use local::sqs::ClientError;
use serde::Serialize;
use serde_json::{Value, json};

use super::MESSAGE_LIMIT_BYTES;
use super::queues::Queues;
use crate::demo::events::Line;
use crate::error::CliError;

/// Maximum number of entries of a batch. Their bodies together may be as large as one message.
///
/// Source: Amazon SQS API reference, `SendMessageBatch`.
const BATCH_ENTRIES: usize = 10;

/// Number of times that a batch is sent before the run fails.
const ATTEMPTS: u32 = 5;

/// Number of events read, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sent {
    #[serde(skip)]
    pub(super) messages: u64,
    pub(super) blank_lines: u64,
    /// Events larger than a message may be.
    pub(super) too_large: u64,
    /// Events that are not text, or have characters that SQS rejects.
    pub(super) not_text: u64,
}

/// Sends events in batches.
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

    pub(super) async fn add_all(
        &mut self,
        lines: impl IntoIterator<Item = Line>,
    ) -> Result<(), CliError> {
        for line in lines {
            self.add(line).await?;
        }
        Ok(())
    }

    /// Adds a line to the waiting batch, and sends the batch first if it is full.
    pub(super) async fn add(&mut self, line: Line) -> Result<(), CliError> {
        match line {
            Line::Event(event) => {
                match String::from_utf8(event).ok().filter(|body| is_body(body)) {
                    Some(body) => return self.add_body(body).await,
                    None => self.sent.not_text += 1,
                }
            }
            Line::Blank => self.sent.blank_lines += 1,
            Line::TooLarge => self.sent.too_large += 1,
        }
        Ok(())
    }

    async fn add_body(&mut self, body: String) -> Result<(), CliError> {
        let is_full = self.waiting.len() == BATCH_ENTRIES;
        if is_full || self.waiting_bytes + body.len() > MESSAGE_LIMIT_BYTES {
            self.flush().await?;
        }
        self.waiting_bytes += body.len();
        self.waiting.push(body);
        Ok(())
    }

    /// Sends the waiting batch.
    pub(super) async fn flush(&mut self) -> Result<(), CliError> {
        self.waiting_bytes = 0;
        let mut waiting = std::mem::take(&mut self.waiting);
        for _ in 0..ATTEMPTS {
            if waiting.is_empty() {
                return Ok(());
            }
            let before = waiting.len();
            waiting = self.send(waiting).await.map_err(|error| {
                CliError::failed(format_args!("failed to send the events to SQS: {error}"))
            })?;
            self.sent.messages += (before - waiting.len()) as u64;
        }
        if waiting.is_empty() { Ok(()) } else { Err(CliError::failed("SQS rejects the events")) }
    }

    /// Sends a batch and returns the messages that SQS rejected.
    async fn send(&self, bodies: Vec<String>) -> Result<Vec<String>, ClientError> {
        let entry = |(id, body)| json!({"Id": format!("{id}"), "MessageBody": body});
        let entries: Vec<Value> = bodies.iter().enumerate().map(entry).collect();
        let members = json!({"QueueUrl": self.queues.main, "Entries": entries});
        let reply = self.queues.client.call("SendMessageBatch", &members).await?;
        let sent = reply["Successful"].as_array().map_or(&[][..], Vec::as_slice);
        let sent: HashSet<_> = sent.iter().filter_map(|entry| entry["Id"].as_str()).collect();
        let is_sent = |id: usize| sent.contains(id.to_string().as_str());
        let bodies = bodies.into_iter().enumerate();
        Ok(bodies.filter_map(|(id, body)| (!is_sent(id)).then_some(body)).collect())
    }
}

/// Whether a message can have this body (source: Amazon SQS API reference, `SendMessage`).
fn is_body(text: &str) -> bool {
    let is_allowed = |char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    !text.is_empty() && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::queue::VISIBILITY_SECONDS;
    use local::sqs::embedded::{Fault, Lasting, Operation};
    use local::sqs::{Client, Embedded};

    fn event(text: impl Into<Vec<u8>>) -> Line {
        Line::Event(text.into())
    }

    #[tokio::test]
    async fn every_line_is_sent_once_or_counted_as_not_sent() {
        let embedded = Embedded::start().await.unwrap();
        let client = Client::new(embedded.url()).unwrap();
        let queues = Queues::create(&client, "demo", VISIBILITY_SECONDS).await.unwrap();
        let mut producer = Producer::new(&queues);
        producer.add_all((0..23).map(|number| event(number.to_string()))).await.unwrap();
        let half = "x".repeat((1 << 19) + 1);
        let not_text = ["", "\u{1}", "\u{ffff}"].map(event);
        let large = [event(b"\xff".to_vec()), event(half.clone()), event(half)];
        let lines = [Line::Blank, Line::TooLarge].into_iter().chain(not_text).chain(large);
        producer.add_all(lines).await.unwrap();
        let fault = Fault::Entries(vec![0]);
        embedded.fail(Operation::SendMessageBatch, fault, Lasting::Requests(1));
        producer.flush().await.unwrap();
        let expected = Sent { messages: 25, blank_lines: 1, too_large: 1, not_text: 4 };
        assert_eq!(producer.sent(), expected);
        assert_eq!(queues.count(&queues.main).await.unwrap(), 25);
        queues.delete().await;
    }
}
