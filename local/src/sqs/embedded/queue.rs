//! The queues: their settings, and what may be done with them.

use std::collections::BTreeMap;

use super::attributes::Attributes;
use super::error::{self, error, invalid_parameter, missing_parameter, out_of_range};
use super::message::{Content, Sent};
use crate::aws_json::Failure;
use crate::runtime_api::{ACCOUNT, REGION};
use crate::sqs::model::{self, IN_FLIGHT_LIMIT_MS, Receipt, Receive};

/// Maximum messages in flight.
const IN_FLIGHT_LIMIT: usize = 120_000;

pub(super) type Message = model::Message<Content>;

/// One queue. Times are milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) arn: String,
    pub(super) attributes: Attributes,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    purged_ms: Option<u64>,
    pub(super) messages: model::Queue<Content>,
}

/// All queues, by name.
#[derive(Debug, Default)]
pub(super) struct Queues(pub(super) BTreeMap<String, Queue>);

impl Queue {
    fn new(arn: String, attributes: Attributes, now: u64) -> Self {
        let messages = model::Queue::new(attributes.is_fifo, fastrand::u64(..));
        let (created_ms, modified_ms) = (now, now);
        let mut queue =
            Self { arn, attributes, created_ms, modified_ms, purged_ms: None, messages };
        queue.apply_attributes();
        queue
    }

    fn apply_attributes(&mut self) {
        let Self { attributes, messages, .. } = self;
        messages.retention_ms = attributes.number("MessageRetentionPeriod") * 1000;
        messages.deduplicates_by_group = attributes.is_set("DeduplicationScope", "messageGroup");
    }

    /// Takes what a producer sends.
    pub(super) fn send(&mut self, sent: &Sent, now: u64) -> Result<(Content, Receipt), Failure> {
        let content = Content::new(sent, self.attributes.number("MaximumMessageSize"))?;
        let delay_ms = self.delay_ms(sent)?;
        let deduplication_id = self.deduplication_id(sent, &content)?;
        check_id(sent.group.as_deref(), "MessageGroupId")?;
        check_id(deduplication_id.as_deref(), "MessageDeduplicationId")?;
        let (group, content_sent) = (sent.group.clone(), content.clone());
        let sent = model::Sent { content: content_sent, group, deduplication_id, delay_ms };
        Ok((content, self.messages.send(sent, now)))
    }

    fn delay_ms(&self, sent: &Sent) -> Result<u64, Failure> {
        let reason = match sent.delay_seconds {
            None => return Ok(self.attributes.number("DelaySeconds") * 1000),
            Some(seconds @ 0..=900) if !self.attributes.is_fifo || seconds == 0 => {
                return Ok(seconds.unsigned_abs() * 1000);
            }
            Some(0..=900) => "The request include parameter that is not valid for this queue type.",
            Some(_) => "DelaySeconds must be >= 0 and <= 900.",
        };
        Err(out_of_range(sent.delay_seconds.unwrap_or_default(), "DelaySeconds", reason))
    }

    fn deduplication_id(&self, sent: &Sent, content: &Content) -> Result<Option<String>, Failure> {
        let given = sent.deduplication_id.clone();
        if !self.attributes.is_fifo {
            let reason = "The request include parameter that is not valid for this queue type";
            let refused = |id| Err(out_of_range(id, "MessageDeduplicationId", reason));
            return given.map_or(Ok(None), refused);
        }
        if sent.group.as_ref().is_none_or(String::is_empty) {
            return Err(missing_parameter("MessageGroupId"));
        }
        if let Some(id) = given.filter(|id| !id.is_empty()) {
            return Ok(Some(id));
        }
        if self.attributes.is_set("ContentBasedDeduplication", "true") {
            return Ok(Some(content.sha256_of_body()));
        }
        Err(invalid_parameter(
            "The queue should either have ContentBasedDeduplication enabled or \
             MessageDeduplicationId provided explicitly",
        ))
    }

    /// Deletes the message of a receipt handle.
    pub(super) fn delete(&mut self, handle: &str, now: u64) -> Result<(), Failure> {
        let deleted = self.messages.delete(handle, now);
        deleted.map(drop).map_err(|wrong| error::of_handle(wrong, handle, 0))
    }

    /// Hides the message of a receipt handle for this number of seconds from now on.
    pub(super) fn hide(&mut self, handle: &str, seconds: i64, now: u64) -> Result<(), Failure> {
        let hide_ms = visibility_ms(seconds)?;
        let hidden = self.messages.hide(handle, hide_ms, now);
        hidden.map_err(|wrong| error::of_handle(wrong, handle, seconds))
    }

    /// Removes all messages.
    pub(super) fn purge(&mut self, now: u64) -> Result<(), Failure> {
        if self.purged_ms.is_some_and(|purged| now < purged + 60_000) {
            let message = "Only one PurgeQueue operation is allowed every 60 seconds.";
            return Err(error("PurgeQueueInProgress", message));
        }
        self.purged_ms = Some(now);
        self.messages.purge();
        Ok(())
    }
}

/// A visibility timeout in milliseconds, if it is allowed.
pub(super) fn visibility_ms(seconds: i64) -> Result<u64, Failure> {
    let asked = u64::try_from(seconds).ok().map(|seconds| seconds * 1000);
    let reason = "Must be between 0 and 43200.";
    let refused = || out_of_range(seconds, "VisibilityTimeout", reason);
    asked.filter(|ms| *ms <= IN_FLIGHT_LIMIT_MS).ok_or_else(refused)
}

/// Group and deduplication ids are of 1 to 128 letters, digits and punctuation characters.
fn check_id(id: Option<&str>, parameter: &str) -> Result<(), Failure> {
    let is_good =
        |id: &str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(id) = id.filter(|id| !is_good(id)) else { return Ok(()) };
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    );
    Err(out_of_range(id, parameter, &reason))
}

impl Queues {
    /// Creates a queue, unless it is there with these attributes.
    pub(super) fn create(
        &mut self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        now: u64,
    ) -> Result<(), Failure> {
        let fifo = name.strip_suffix(".fifo");
        let plain = fifo.unwrap_or(name);
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let rule = "can only include alphanumeric characters, hyphens, or underscores";
        if plain.is_empty() || name.len() > 80 || !plain.bytes().all(is_allowed) {
            return Err(invalid_parameter(format!("A name {rule}. 1 to 80 in length")));
        }
        let is_fifo = attributes.get("FifoQueue").is_some_and(|value| value == "true");
        if fifo.is_some() != is_fifo {
            return Err(invalid_parameter(format!(
                "The name of a FIFO queue {rule}, must end with .fifo suffix and be 1 to 80 in \
                 length."
            )));
        }
        if let Some(queue) = self.0.get(name) {
            let difference = queue.attributes.difference(attributes).map(|attribute| {
                error("QueueNameExists", format!(
                    "A queue already exists with the same name and a different value for attribute \
                     {attribute}"
                ))
            });
            return difference.map_or(Ok(()), Err);
        }
        let attributes = Attributes::new(is_fifo).with(attributes)?;
        self.check_policy(&attributes)?;
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        self.0.insert(name.to_owned(), Queue::new(arn, attributes, now));
        Ok(())
    }

    pub(super) fn set_attributes(
        &mut self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        now: u64,
    ) -> Result<(), Failure> {
        let changed = self.get(name)?.attributes.with(attributes)?;
        self.check_policy(&changed)?;
        let queue = self.get(name)?;
        (queue.attributes, queue.modified_ms) = (changed, now);
        queue.apply_attributes();
        Ok(())
    }

    /// A redrive policy names a queue that is there, and of the same type.
    fn check_policy(&self, attributes: &Attributes) -> Result<(), Failure> {
        let Some(policy) = &attributes.redrive_policy else { return Ok(()) };
        let arn = &policy.dead_letter_queue_arn;
        let invalid = |reason: &str| out_of_range(arn, "RedrivePolicy", reason);
        let target =
            self.of_arn(arn).ok_or_else(|| invalid("Dead letter target does not exist."))?;
        if target.attributes.is_fifo != attributes.is_fifo {
            return Err(invalid("Dead-letter queue must be same type of queue as the source."));
        }
        Ok(())
    }

    pub(super) fn get(&mut self, name: &str) -> Result<&mut Queue, Failure> {
        let missing = || error("QueueDoesNotExist", "The specified queue does not exist.");
        self.0.get_mut(name).ok_or_else(missing)
    }

    pub(super) fn of_arn(&self, arn: &str) -> Option<&Queue> {
        self.0.get(name_of_arn(arn)).filter(|queue| queue.arn == arn)
    }

    /// Hands out messages, and gives up those that were received too often.
    pub(super) fn receive(
        &mut self,
        name: &str,
        limit: usize,
        visibility_ms: Option<u64>,
        now: u64,
    ) -> Result<Vec<Message>, Failure> {
        let policy = self.get(name)?.attributes.redrive_policy.clone();
        let policy = policy.filter(|policy| self.of_arn(&policy.dead_letter_queue_arn).is_some());
        let queue = self.get(name)?;
        if queue.messages.counts(now).in_flight >= IN_FLIGHT_LIMIT {
            let refused = || Err(error("OverLimit", "Too many messages are in flight."));
            return if queue.attributes.is_fifo { Ok(Vec::new()) } else { refused() };
        }
        let default_ms = queue.attributes.number("VisibilityTimeout") * 1000;
        queue.messages.max_receives = policy.as_ref().map(|policy| policy.max_receive_count);
        let visibility_ms = visibility_ms.unwrap_or(default_ms);
        let ask = Receive { limit, visibility_ms, ..Receive::default() };
        let (received, dead) = queue.messages.receive(ask, now);
        let source_arn = queue.arn.clone();
        if let Some(policy) = policy {
            let target = self.get(name_of_arn(&policy.dead_letter_queue_arn))?;
            for message in dead {
                target.messages.take_dead(message, &source_arn, now);
            }
        }
        Ok(received)
    }

    /// The names of the queues whose redrive policy names this one.
    pub(super) fn sources_of(&self, arn: &str) -> impl Iterator<Item = &String> {
        self.0.iter().filter_map(move |(name, queue)| {
            let policy = queue.attributes.redrive_policy.as_ref();
            policy.filter(|policy| policy.dead_letter_queue_arn == arn).map(|_| name)
        })
    }
}

/// The queue's name, which is the last part of its ARN.
pub(super) fn name_of_arn(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
