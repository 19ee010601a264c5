//! Message move tasks, which move messages of a dead-letter queue back at a given rate.
//!
//! Source: `StartMessageMoveTask`, `ListMessageMoveTasks` and `CancelMessageMoveTask` in the
//! Amazon SQS API reference, and Amazon SQS developer guide, "Configuring a dead-letter queue
//! redrive".

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::{error, invalid_parameter, resource_not_found};
use super::queue::{Message, Queues, name_of_arn};
use crate::aws_json::Failure;

/// All tasks, oldest first.
#[derive(Debug, Default)]
pub(super) struct MoveTasks(Vec<MoveTask>);

/// A task, in the form of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MoveTask {
    /// Present while it is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(rename = "MaxNumberOfMessagesPerSecond", skip_serializing_if = "Option::is_none")]
    rate: Option<u64>,
    #[serde(rename = "StartedTimestamp")]
    started_ms: u64,
    #[serde(rename = "ApproximateNumberOfMessagesToMove")]
    to_move: usize,
    #[serde(rename = "ApproximateNumberOfMessagesMoved")]
    moved: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
}

impl MoveTasks {
    pub(super) fn start(
        &mut self,
        queues: &Queues,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate: Option<u64>,
        now: u64,
    ) -> Result<String, Failure> {
        let source = queues.of_arn(source_arn).ok_or_else(|| resource_not_found("SourceArn"))?;
        if !queues.is_dead_letter_queue(source_arn) {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(invalid_parameter(message));
        }
        if destination_arn.is_some_and(|arn| queues.of_arn(arn).is_none()) {
            return Err(resource_not_found("DestinationArn"));
        }
        if self.0.iter().any(|task| task.source_arn == source_arn && task.is_running()) {
            let message = "There is already a task running. Only one active task is allowed for \
                           a source queue arn at a given time.";
            return Err(error("UnsupportedOperation", message));
        }
        let handle = base64_simd::STANDARD.encode_to_string(Uuid::new_v4());
        self.0.push(MoveTask {
            task_handle: Some(handle.clone()),
            source_arn: source_arn.to_owned(),
            destination_arn: destination_arn.map(str::to_owned),
            rate,
            started_ms: now,
            to_move: source.messages.counts(now).visible,
            moved: 0,
            status: "RUNNING",
            failure_reason: None,
        });
        Ok(handle)
    }

    /// The latest tasks of a queue, newest first.
    pub(super) fn list(
        &self,
        queues: &Queues,
        source_arn: &str,
        limit: usize,
    ) -> Result<Vec<Value>, Failure> {
        queues.of_arn(source_arn).ok_or_else(|| resource_not_found("SourceArn"))?;
        let of_queue = self.0.iter().rev().filter(|task| task.source_arn == source_arn);
        Ok(of_queue.take(limit).map(|task| json!(task)).collect())
    }

    pub(super) fn cancel(&mut self, handle: &str) -> Result<u64, Failure> {
        let task = self.0.iter_mut().find(|task| task.task_handle.as_deref() == Some(handle));
        let message = "Task does not exist, or is not in the status RUNNING.";
        let task = task.ok_or_else(|| error("ResourceNotFoundException", message))?;
        task.end("CANCELLED", None);
        Ok(task.moved)
    }

    /// Moves the messages that running tasks have moved by now.
    pub(super) fn progress(&mut self, queues: &mut Queues, now: u64) {
        for task in self.0.iter_mut().filter(|task| task.is_running()) {
            task.progress(queues, now);
        }
    }
}

impl MoveTask {
    fn is_running(&self) -> bool {
        self.task_handle.is_some()
    }

    fn end(&mut self, status: &'static str, failure_reason: Option<&'static str>) {
        (self.task_handle, self.status, self.failure_reason) = (None, status, failure_reason);
    }

    fn progress(&mut self, queues: &mut Queues, now: u64) {
        let elapsed_ms = now.saturating_sub(self.started_ms);
        let by_now = self.rate.map_or(u64::MAX, |rate| rate * elapsed_ms / 1000);
        let allowed = by_now.saturating_sub(self.moved);
        if allowed == 0 {
            return;
        }
        let known: Vec<_> = queues.0.values().map(|queue| queue.arn.clone()).collect();
        let given = self.destination_arn.clone();
        let destination = |message: &Message| {
            let arn = given.as_ref().or(message.source_arn.as_ref());
            arn.filter(|arn| known.contains(arn)).map(|arn| name_of_arn(arn).to_owned())
        };
        let Ok(source) = queues.get(name_of_arn(&self.source_arn)) else {
            return self.end("FAILED", Some("AWS.SimpleQueueService.NonExistentQueue"));
        };
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let may_go = |message: &Message| destination(message).is_some();
        let (taken, is_stuck) = source.messages.take_visible(allowed, now, may_go);
        let is_empty = source.messages.counts(now).visible == 0;
        for message in taken {
            if let Some(queue) = destination(&message).and_then(|name| queues.0.get_mut(&name)) {
                queue.messages.take_moved(message, now);
                self.moved += 1;
            }
        }
        if is_stuck {
            self.end("FAILED", Some("CouldNotDetermineMessageSource"));
        } else if is_empty {
            self.end("COMPLETED", None);
        }
    }
}
