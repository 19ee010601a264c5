//! Messages as received and as sent.

use std::collections::BTreeMap;

use shared::digest::digest;
pub use shared::sqs::attributes::REDRIVES;
use shared::sqs::attributes::{MESSAGE_ID, POSITION, REASON, SOURCE_ARN};
use shared::sqs::{Attribute, MAX_ATTRIBUTES, MAX_MESSAGE_BYTES, message_bytes};

use crate::queue::Queue;

/// A message's attributes, by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// The identity of a message, which stays the same when it is sent again: its first id, and its
/// position in that message.
pub type Identity = (String, u64);

/// A received message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct Message {
    /// Its id, until it is sent again.
    pub id: String,
    /// The handle that deletes it or makes it visible; each receive has another one.
    pub receipt_handle: String,
    pub body: String,
    pub attributes: Attributes,
    /// `SentTimestamp`: when it was first sent, in milliseconds since 1970.
    pub sent_ms: Option<u64>,
    /// `DeadLetterQueueSourceArn`: the queue that it came from.
    pub dead_letter_source_arn: Option<String>,
    pub group_id: Option<String>,
    pub trace_header: Option<String>,
}

/// A message that this run hides.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct Hidden {
    pub receipt_handle: String,
    pub group_id: Option<String>,
}

impl From<Message> for Hidden {
    fn from(Message { receipt_handle, group_id, .. }: Message) -> Self {
        Self { receipt_handle, group_id }
    }
}

impl Message {
    /// Its identity, also after `sqs-consumer` sent it to quarantine with a new id.
    #[must_use]
    pub fn identity(&self) -> Identity {
        identity(&self.id, &self.attributes)
    }

    /// `sluice.reason`: why it failed.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.attributes.get(REASON)?.text()
    }

    /// The queue that it came from, if known: from SQS, else `sluice.source_arn`.
    #[must_use]
    pub fn source_arn(&self) -> Option<&str> {
        let attribute = || self.attributes.get(SOURCE_ARN)?.text();
        self.dead_letter_source_arn.as_deref().or_else(attribute)
    }

    /// The number of times that it was redriven; 0 if the count is not an integer.
    #[must_use]
    pub fn redrives(&self) -> u64 {
        let count = self.attributes.get(REDRIVES).and_then(Attribute::text).unwrap_or_default();
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return 0;
        }
        // An integer with too many digits.
        count.parse().unwrap_or(u64::MAX)
    }

    /// The message as it is parked: with its identity, if there is room for it.
    #[must_use]
    pub fn parked(&self, from: &Queue, to: &Queue) -> Outgoing {
        let mut outgoing = self.unchanged(from, to);
        self.identify(&mut outgoing);
        outgoing
    }

    /// The message as it is redriven: with its count and its identity, if there is room for both,
    /// else with the count.
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
            // The group of a fair queue.
            (false, false) => self.group_id.clone(),
            (false, true) => None,
        };
        Outgoing {
            body: self.body.clone(),
            attributes: self.attributes.clone(),
            group_id,
            // Different for each receive, so that it is new to every queue.
            deduplication_id: to.is_fifo().then(|| digest([&*self.id, &*self.receipt_handle])),
            trace_header: self.trace_header.clone(),
        }
    }

    /// Keeps the first id of a message, which gets another one when it is sent.
    fn identify(&self, outgoing: &mut Outgoing) {
        if !outgoing.attributes.contains_key(MESSAGE_ID) {
            outgoing.set(MESSAGE_ID, Attribute::string(&self.id));
        }
    }
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of SQS")]
pub struct Outgoing {
    pub body: String,
    pub attributes: Attributes,
    pub group_id: Option<String>,
    pub deduplication_id: Option<String>,
    pub trace_header: Option<String>,
}

impl Outgoing {
    /// Sets an attribute, if there is room for it.
    fn set(&mut self, name: &str, attribute: Attribute) {
        let before = self.attributes.insert(name.to_owned(), attribute);
        if self.attributes.len() > MAX_ATTRIBUTES || self.bytes() > MAX_MESSAGE_BYTES {
            match before {
                Some(before) => self.attributes.insert(name.to_owned(), before),
                None => self.attributes.remove(name),
            };
        }
    }

    /// Its identity after SQS assigned this id.
    #[must_use]
    pub fn identity(&self, id: &str) -> Identity {
        identity(id, &self.attributes)
    }

    /// The message's size as SQS counts it: body, names, types and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        message_bytes(&self.body, &self.attributes)
    }
}

/// As `sqs-consumer` reads it: only a message with its first id has a position.
fn identity(id: &str, attributes: &Attributes) -> Identity {
    let text = |name: &str| attributes.get(name).and_then(Attribute::text);
    match text(MESSAGE_ID).filter(|first_id| !first_id.is_empty()) {
        None => (id.to_owned(), 0),
        Some(first_id) => {
            let position = text(POSITION).and_then(|position| position.parse().ok());
            (first_id.to_owned(), position.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests;
