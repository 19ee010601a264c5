//! A message as it is received, and as it is sent on.

use std::collections::BTreeMap;

pub use shared::sqs::attributes::REDRIVES;
use shared::sqs::attributes::{MESSAGE_ID, REASON, SOURCE_ARN};
use shared::sqs::{Attribute, MAX_ATTRIBUTES, MAX_MESSAGE_BYTES, hex_digest, message_bytes};

use crate::queues::Queue;

/// A message's attributes, by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// A message as it is received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its id, which it has as long as it is not sent again.
    pub id: String,
    /// What deletes it, and what makes it visible; another one with each receive.
    pub receipt_handle: String,
    /// The body.
    pub body: String,
    /// Its own attributes.
    pub attributes: Attributes,
    /// `SentTimestamp`: when it was first sent, in milliseconds since 1970.
    pub sent_ms: Option<u64>,
    /// `DeadLetterQueueSourceArn`: the queue that gave it up.
    pub dead_letter_source_arn: Option<String>,
    /// `MessageGroupId`
    pub group_id: Option<String>,
    /// `AWSTraceHeader`
    pub trace_header: Option<String>,
}

impl Message {
    /// Why it was given up, if that is told.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.attributes.get(REASON)?.text()
    }

    /// The queue that it came from, if that is known.
    #[must_use]
    pub fn source_arn(&self) -> Option<&str> {
        let told = || self.attributes.get(SOURCE_ARN)?.text();
        self.dead_letter_source_arn.as_deref().or_else(told)
    }

    /// How often it was redriven: 0 where the count is no whole number.
    #[must_use]
    pub fn redrives(&self) -> u64 {
        let count = self.attributes.get(REDRIVES).and_then(Attribute::text).unwrap_or_default();
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return 0;
        }
        // Too many digits are a whole number still.
        count.parse().unwrap_or(u64::MAX)
    }

    /// The message as it is parked: with its identity, where there is place for it.
    #[must_use]
    pub fn parked(&self, from: &Queue, to: &Queue) -> Outgoing {
        let mut outgoing = self.unchanged(from, to);
        self.identify(&mut outgoing);
        outgoing
    }

    /// The message as it is redriven: counted and with its identity, where there is place for
    /// both, or for the count.
    #[must_use]
    pub fn redriven(&self, from: &Queue, to: &Queue) -> Outgoing {
        let mut outgoing = self.unchanged(from, to);
        outgoing.set(REDRIVES, Attribute::number(self.redrives().saturating_add(1)));
        self.identify(&mut outgoing);
        outgoing
    }

    fn unchanged(&self, from: &Queue, to: &Queue) -> Outgoing {
        let own_group = || Some(self.id.clone());
        let group_id = match (to.is_fifo(), from.is_fifo()) {
            (true, _) => self.group_id.clone().or_else(own_group),
            // A fair queue's.
            (false, false) => self.group_id.clone(),
            (false, true) => None,
        };
        Outgoing {
            body: self.body.clone(),
            attributes: self.attributes.clone(),
            group_id,
            // Of this receive and no other, so that no queue has seen it before.
            deduplication_id: to.is_fifo().then(|| digest(&[&self.id, &self.receipt_handle])),
            trace_header: self.trace_header.clone(),
        }
    }

    /// Keeps the identity of a message that becomes another one by being sent.
    fn identify(&self, outgoing: &mut Outgoing) {
        if !outgoing.attributes.contains_key(MESSAGE_ID) {
            outgoing.set(MESSAGE_ID, Attribute::string(&self.id));
        }
    }
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The body.
    pub body: String,
    /// Its own attributes.
    pub attributes: Attributes,
    /// `MessageGroupId`
    pub group_id: Option<String>,
    /// `MessageDeduplicationId`
    pub deduplication_id: Option<String>,
    /// `AWSTraceHeader`
    pub trace_header: Option<String>,
}

impl Outgoing {
    /// Sets an attribute, where there is place for it.
    fn set(&mut self, name: &str, attribute: Attribute) {
        let before = self.attributes.insert(name.to_owned(), attribute);
        if self.attributes.len() > MAX_ATTRIBUTES || self.bytes() > MAX_MESSAGE_BYTES {
            match before {
                Some(before) => self.attributes.insert(name.to_owned(), before),
                None => self.attributes.remove(name),
            };
        }
    }

    /// The message's size as SQS counts it: body, names, types and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        message_bytes(&self.body, &self.attributes)
    }
}

/// A text of 64 hexadecimal digits for these texts and no others.
fn digest(texts: &[&str]) -> String {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    hex_digest(bytes)
}

#[cfg(test)]
mod tests;
