//! The queues: their settings and their operations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::error::{self, error, invalid_parameter, missing_parameter, out_of_range};
use super::message::{Content, Sent};
use crate::aws_json::Failure;
use crate::runtime_api::{ACCOUNT, REGION};
use crate::sqs::model::{self, IN_FLIGHT_LIMIT_MS, Receipt, Receive};

pub(super) type Message = model::Message<Content>;

/// When a message is given up, and which queue it moves to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    /// A number, or a text that contains one.
    max_receive_count: Value,
}

impl RedrivePolicy {
    fn max_receives(&self) -> Option<u32> {
        self.max_receive_count.to_string().trim_matches('"').parse().ok()
    }
}

/// One queue. Times are milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) arn: String,
    set: BTreeMap<String, String>,
    redrive_policy: Option<RedrivePolicy>,
    pub(super) created_ms: u64,
    pub(super) messages: model::Queue<Content>,
}

/// All queues, by name.
#[derive(Debug, Default)]
pub(super) struct Queues(pub(super) BTreeMap<String, Queue>);

impl Queue {
    /// All attributes that were set, and the defaults of the attributes that callers read.
    pub(super) fn attributes(&self) -> BTreeMap<String, String> {
        let defaults = [("MessageRetentionPeriod", "345600"), ("VisibilityTimeout", "30")];
        let defaults = defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
        defaults.into_iter().chain(self.set.clone()).collect()
    }

    fn visibility_timeout_ms(&self) -> u64 {
        self.attributes()["VisibilityTimeout"].parse::<u64>().unwrap_or(30) * 1000
    }

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
        let sent = model::Sent { content: content.clone(), group, deduplication_id, delay_ms: 0 };
        Ok((content, self.messages.send(sent, now)))
    }

    pub(super) fn delete(&mut self, handle: &str, now: u64) -> Result<(), Failure> {
        let deleted = self.messages.delete(handle, now);
        deleted.map(drop).map_err(|wrong| error::of_handle(wrong, handle))
    }

    /// Hides the message of a receipt handle for this number of seconds, starting now.
    pub(super) fn hide(&mut self, handle: &str, seconds: i64, now: u64) -> Result<(), Failure> {
        let hide_ms = visibility_ms(seconds)?;
        let hidden = self.messages.hide(handle, hide_ms, now);
        hidden.map_err(|wrong| error::of_handle(wrong, handle))
    }
}

pub(super) fn visibility_ms(seconds: i64) -> Result<u64, Failure> {
    let asked = u64::try_from(seconds).ok().map(|seconds| seconds * 1000);
    let reason = "Must be between 0 and 43200.";
    let refused = || out_of_range(seconds, "VisibilityTimeout", reason);
    asked.filter(|ms| *ms <= IN_FLIGHT_LIMIT_MS).ok_or_else(refused)
}

impl Queues {
    /// Creates a queue, unless it exists with these attributes.
    pub(super) fn create(
        &mut self,
        name: &str,
        attributes: BTreeMap<String, String>,
        now: u64,
    ) -> Result<(), Failure> {
        let is_fifo = attributes.get("FifoQueue").is_some_and(|value| value == "true");
        if name.strip_suffix(".fifo").is_some() != is_fifo {
            return Err(invalid_parameter("The name of a FIFO queue must end with .fifo suffix"));
        }
        if let Some(queue) = self.0.get(name) {
            let message = "A queue already exists with the same name and other attributes";
            let is_same = queue.set == attributes;
            return if is_same { Ok(()) } else { Err(error("QueueNameExists", message)) };
        }
        let redrive_policy = attributes.get("RedrivePolicy").map(|policy| {
            let read = serde_json::from_str::<RedrivePolicy>(policy).ok();
            let known = read.filter(|read| self.of_arn(&read.dead_letter_target_arn).is_some());
            let reason = "Dead letter target does not exist.";
            known.ok_or_else(|| out_of_range(policy, "RedrivePolicy", reason))
        });
        let redrive_policy = redrive_policy.transpose()?;
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        let messages = model::Queue::new(is_fifo, fastrand::u64(..));
        let queue = Queue { arn, set: attributes, redrive_policy, created_ms: now, messages };
        self.0.insert(name.to_owned(), queue);
        Ok(())
    }

    pub(super) fn get(&mut self, name: &str) -> Result<&mut Queue, Failure> {
        let missing = || error("QueueDoesNotExist", "The specified queue does not exist.");
        self.0.get_mut(name).ok_or_else(missing)
    }

    pub(super) fn of_arn(&self, arn: &str) -> Option<&Queue> {
        self.0.get(name_of_arn(arn)).filter(|queue| queue.arn == arn)
    }

    /// Returns messages, and moves those that were received too often.
    pub(super) fn receive(
        &mut self,
        name: &str,
        limit: usize,
        visibility_ms: Option<u64>,
        now: u64,
    ) -> Result<Vec<Message>, Failure> {
        let policy = self.get(name)?.redrive_policy.clone();
        let policy = policy.filter(|policy| self.of_arn(&policy.dead_letter_target_arn).is_some());
        let queue = self.get(name)?;
        queue.messages.max_receives = policy.as_ref().and_then(RedrivePolicy::max_receives);
        let default_ms = queue.visibility_timeout_ms();
        let visibility_ms = visibility_ms.unwrap_or(default_ms);
        let ask = Receive { limit, visibility_ms, ..Receive::default() };
        let (received, dead) = queue.messages.receive(ask, now);
        let source_arn = queue.arn.clone();
        if let Some(policy) = policy {
            let target = self.get(name_of_arn(&policy.dead_letter_target_arn))?;
            for message in dead {
                target.messages.take_dead(message, &source_arn, now);
            }
        }
        Ok(received)
    }

    /// Whether this queue is named in the redrive policy of another queue.
    pub(super) fn is_dead_letter_queue(&self, arn: &str) -> bool {
        let mut policies = self.0.values().filter_map(|queue| queue.redrive_policy.as_ref());
        policies.any(|policy| policy.dead_letter_target_arn == arn)
    }
}

pub(super) fn name_of_arn(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
