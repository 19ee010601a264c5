//! The queues: their settings, and what may be done with them.

use std::collections::BTreeMap;

use super::attributes::Attributes;
use super::error::{self, error, invalid_parameter, missing_parameter, out_of_range};
use super::message::{Content, Sent};
use crate::aws_json::Failure;
use crate::runtime_api::{ACCOUNT, REGION};
use crate::sqs::model::{self, IN_FLIGHT_LIMIT_MS, Receipt, Receive};

pub(super) type Message = model::Message<Content>;

/// One queue. Times are milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) arn: String,
    pub(super) attributes: Attributes,
    pub(super) created_ms: u64,
    pub(super) messages: model::Queue<Content>,
}

/// All queues, by name.
#[derive(Debug, Default)]
pub(super) struct Queues(pub(super) BTreeMap<String, Queue>);

impl Queue {
    /// Takes what a producer sends.
    pub(super) fn send(&mut self, sent: &Sent, now: u64) -> Result<(Content, Receipt), Failure> {
        let content = Content::new(sent)?;
        let (group, deduplication_id) = (sent.group.clone(), sent.deduplication_id.clone());
        if self.messages.is_fifo && group.is_none() {
            return Err(missing_parameter("MessageGroupId"));
        }
        if self.messages.is_fifo != deduplication_id.is_some() {
            let message = if self.messages.is_fifo {
                "The queue should either have ContentBasedDeduplication enabled or \
                 MessageDeduplicationId provided explicitly"
            } else {
                "The request include parameter that is not valid for this queue type"
            };
            return Err(invalid_parameter(message));
        }
        let sent = model::Sent { content: content.clone(), group, deduplication_id };
        Ok((content, self.messages.send(sent, now)))
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
}

/// A visibility timeout in milliseconds, if it is allowed.
pub(super) fn visibility_ms(seconds: i64) -> Result<u64, Failure> {
    let asked = u64::try_from(seconds).ok().map(|seconds| seconds * 1000);
    let reason = "Must be between 0 and 43200.";
    let refused = || out_of_range(seconds, "VisibilityTimeout", reason);
    asked.filter(|ms| *ms <= IN_FLIGHT_LIMIT_MS).ok_or_else(refused)
}

impl Queues {
    /// Creates a queue, unless it is there with these attributes.
    pub(super) fn create(
        &mut self,
        name: &str,
        attributes: BTreeMap<String, String>,
        now: u64,
    ) -> Result<(), Failure> {
        let fifo = name.strip_suffix(".fifo");
        let plain = fifo.unwrap_or(name);
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_fifo = attributes.get("FifoQueue").is_some_and(|value| value == "true");
        let is_name = !plain.is_empty() && name.len() <= 80 && plain.bytes().all(is_allowed);
        if !is_name || fifo.is_some() != is_fifo {
            return Err(invalid_parameter(
                "The name of a queue can only include alphanumeric characters, hyphens, or \
                 underscores, must end with .fifo suffix for a FIFO queue and be 1 to 80 in length.",
            ));
        }
        if let Some(queue) = self.0.get(name) {
            let message = "A queue already exists with the same name and other attributes";
            let is_same = queue.attributes.set == attributes;
            return if is_same { Ok(()) } else { Err(error("QueueNameExists", message)) };
        }
        let attributes = Attributes::new(attributes)?;
        if let Some(policy) = &attributes.redrive_policy {
            let arn = &policy.dead_letter_queue_arn;
            let reason = "Dead letter target does not exist.";
            self.of_arn(arn).ok_or_else(|| out_of_range(arn, "RedrivePolicy", reason))?;
        }
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        let messages = model::Queue::new(is_fifo, fastrand::u64(..));
        self.0.insert(name.to_owned(), Queue { arn, attributes, created_ms: now, messages });
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
        queue.messages.max_receives = policy.as_ref().map(|policy| policy.max_receive_count);
        let default_ms = queue.attributes.visibility_timeout_ms();
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

    /// Whether the redrive policy of a queue names this one.
    pub(super) fn is_dead_letter_queue(&self, arn: &str) -> bool {
        let mut policies =
            self.0.values().filter_map(|queue| queue.attributes.redrive_policy.as_ref());
        policies.any(|policy| policy.dead_letter_queue_arn == arn)
    }
}

/// The queue's name, which is the last part of its ARN.
pub(super) fn name_of_arn(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
