//! All queues and tasks.

use std::collections::BTreeMap;

use super::attributes::Attributes;
use super::error;
use super::move_task::MoveTask;
use super::queue::{Message, Queue};
use crate::aws_json::Failure;
use crate::runtime_api::{ACCOUNT, REGION};

#[derive(Debug, Default)]
pub(super) struct Store {
    /// By name.
    pub(super) queues: BTreeMap<String, Queue>,
    /// Oldest first.
    pub(super) tasks: Vec<MoveTask>,
}

impl Store {
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
        if plain.is_empty() || name.len() > 80 || !plain.bytes().all(is_allowed) {
            let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 \
                           to 80 in length";
            return Err(error::invalid_parameter(message));
        }
        let wants_fifo = attributes.get("FifoQueue").is_some_and(|value| value == "true");
        if fifo.is_some() != wants_fifo {
            let message = "The name of a FIFO queue can only include alphanumeric characters, \
                           hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in \
                           length.";
            return Err(error::invalid_parameter(message));
        }
        if let Some(queue) = self.queues.get(name) {
            let difference = queue.attributes.difference(attributes);
            return difference.map_or(Ok(()), |name| Err(error::queue_name_exists(name)));
        }
        let mut set = Attributes::new(wants_fifo);
        set.set(attributes)?;
        self.check_policy(&set)?;
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        self.queues.insert(name.to_owned(), Queue::new(arn, set, now));
        Ok(())
    }

    pub(super) fn set_attributes(
        &mut self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        now: u64,
    ) -> Result<(), Failure> {
        let mut changed = self.queue(name)?.attributes.clone();
        changed.set(attributes)?;
        self.check_policy(&changed)?;
        let queue = self.queue(name)?;
        queue.attributes = changed;
        queue.modified_ms = now;
        Ok(())
    }

    /// A redrive policy names a queue that is there, and of the same type.
    fn check_policy(&self, attributes: &Attributes) -> Result<(), Failure> {
        let Some(policy) = &attributes.redrive_policy else { return Ok(()) };
        let arn = &policy.dead_letter_queue_arn;
        let invalid = |reason: &str| error::out_of_range(arn, "RedrivePolicy", reason);
        let target =
            self.of_arn(arn).ok_or_else(|| invalid("Dead letter target does not exist."))?;
        if target.attributes.is_fifo != attributes.is_fifo {
            return Err(invalid("Dead-letter queue must be same type of queue as the source."));
        }
        Ok(())
    }

    pub(super) fn queue(&mut self, name: &str) -> Result<&mut Queue, Failure> {
        self.queues.get_mut(name).ok_or_else(error::queue_does_not_exist)
    }

    pub(super) fn of_arn(&self, arn: &str) -> Option<&Queue> {
        self.queues.get(name_of_arn(arn)).filter(|queue| queue.arn == arn)
    }

    /// Hands out messages, and gives up those that were received too often.
    pub(super) fn receive(
        &mut self,
        name: &str,
        limit: usize,
        visibility_seconds: Option<u64>,
        now: u64,
    ) -> Result<Vec<Message>, Failure> {
        let queue = self.queue(name)?;
        let seconds = visibility_seconds.unwrap_or(queue.attributes.number("VisibilityTimeout"));
        let source_arn = queue.arn.clone();
        let policy = queue.attributes.redrive_policy.clone();
        let target = policy
            .map(|policy| name_of_arn(&policy.dead_letter_queue_arn).to_owned())
            .filter(|target| self.queues.contains_key(target));
        let queue = self.queue(name)?;
        let (received, dead) = queue.receive(limit, seconds * 1000, target.is_some(), now)?;
        if let Some(target) = target.and_then(|target| self.queues.get_mut(&target)) {
            for message in dead {
                target.take_dead(message, &source_arn, now);
            }
        }
        Ok(received)
    }

    /// Whether a queue's redrive policy names this one.
    pub(super) fn is_dead_letter_queue(&self, arn: &str) -> bool {
        self.sources_of(arn).next().is_some()
    }

    /// The names of the queues whose redrive policy names this one.
    pub(super) fn sources_of(&self, arn: &str) -> impl Iterator<Item = &String> {
        self.queues.iter().filter_map(move |(name, queue)| {
            let policy = queue.attributes.redrive_policy.as_ref();
            policy.filter(|policy| policy.dead_letter_queue_arn == arn).map(|_| name)
        })
    }
}

/// The queue's name, which is the last part of its ARN.
pub(super) fn name_of_arn(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
