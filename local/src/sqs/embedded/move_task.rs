//! Message move tasks: a dead-letter queue's messages go back, at a given speed.
//!
//! Source: `StartMessageMoveTask`, `ListMessageMoveTasks` and `CancelMessageMoveTask` in the
//! Amazon SQS API reference, and Amazon SQS developer guide, "Configuring a dead-letter queue
//! redrive".

use serde_json::{Value, json};
use uuid::Uuid;

use super::error;
use super::store::{Store, name_of_arn};
use crate::aws_json::Failure;

/// The most messages that a task may be told to move in a second.
const RATE_LIMIT: u64 = 500;

#[derive(Debug)]
pub(super) struct MoveTask {
    handle: String,
    source_arn: String,
    destination_arn: Option<String>,
    rate: Option<u64>,
    started_ms: u64,
    to_move: usize,
    moved: u64,
    status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Running,
    Completed,
    Cancelled,
    Failed { reason: &'static str },
}

impl Store {
    pub(super) fn start_move_task(
        &mut self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate: Option<u64>,
        now: u64,
    ) -> Result<String, Failure> {
        let no_resource = |which: &str| {
            let message =
                format!("The resource that you specified for the {which} parameter doesn't exist.");
            error::resource_not_found(&message)
        };
        if self.of_arn(source_arn).is_none() {
            return Err(no_resource("SourceArn"));
        }
        if !self.is_dead_letter_queue(source_arn) {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(error::invalid_parameter(message));
        }
        if destination_arn.is_some_and(|arn| self.of_arn(arn).is_none()) {
            return Err(no_resource("DestinationArn"));
        }
        if destination_arn == Some(source_arn) {
            let message = "The source and destination queues must not be the same.";
            return Err(error::invalid_parameter(message));
        }
        if rate.is_some_and(|rate| !(1..=RATE_LIMIT).contains(&rate)) {
            let value = rate.unwrap_or_default();
            let reason = "Must be between 1 and 500, if provided.";
            return Err(error::out_of_range(value, "MaxNumberOfMessagesPerSecond", reason));
        }
        let is_running = |task: &MoveTask| task.status == Status::Running;
        if self.tasks.iter().any(|task| task.source_arn == source_arn && is_running(task)) {
            let message = "There is already a task running. Only one active task is allowed for \
                           a source queue arn at a given time.";
            return Err(error::unsupported_operation(message));
        }
        let visible = self.of_arn(source_arn).map_or(0, |queue| queue.counts(now).visible);
        let handle = base64_simd::STANDARD.encode_to_string(Uuid::new_v4().to_string());
        self.tasks.push(MoveTask {
            handle: handle.clone(),
            source_arn: source_arn.to_owned(),
            destination_arn: destination_arn.map(str::to_owned),
            rate,
            started_ms: now,
            to_move: visible,
            moved: 0,
            status: Status::Running,
        });
        Ok(handle)
    }

    /// The latest tasks of a queue, latest first.
    pub(super) fn move_tasks(&self, source_arn: &str, limit: usize) -> Result<Vec<Value>, Failure> {
        if self.of_arn(source_arn).is_none() {
            let message =
                "The resource that you specified for the SourceArn parameter doesn't exist.";
            return Err(error::resource_not_found(message));
        }
        let of_queue = self.tasks.iter().rev().filter(|task| task.source_arn == source_arn);
        Ok(of_queue.take(limit).map(MoveTask::shown).collect())
    }

    /// Ends a running task; how many messages it has moved.
    pub(super) fn cancel_move_task(&mut self, handle: &str) -> Result<u64, Failure> {
        let task = self.tasks.iter_mut().find(|task| task.handle == handle);
        let task = task.filter(|task| task.status == Status::Running).ok_or_else(|| {
            error::resource_not_found("Task does not exist, or is not in the status RUNNING.")
        })?;
        task.status = Status::Cancelled;
        Ok(task.moved)
    }

    /// Moves what running tasks have moved by now.
    pub(super) fn progress(&mut self, now: u64) {
        let mut tasks = std::mem::take(&mut self.tasks);
        for task in tasks.iter_mut().filter(|task| task.status == Status::Running) {
            self.progress_of(task, now);
        }
        self.tasks = tasks;
    }

    fn progress_of(&mut self, task: &mut MoveTask, now: u64) {
        let elapsed_ms = now.saturating_sub(task.started_ms);
        let by_now = task.rate.map_or(u64::MAX, |rate| rate * elapsed_ms / 1000);
        let allowed = by_now.saturating_sub(task.moved);
        if allowed == 0 {
            return;
        }
        let existing: Vec<_> = self.queues.values().map(|queue| queue.arn.clone()).collect();
        let destination = |source: Option<&String>| {
            let arn = task.destination_arn.as_ref().or(source)?;
            existing.contains(arn).then(|| arn.clone())
        };
        let Some(source) = self.queues.get_mut(name_of_arn(&task.source_arn)) else {
            task.status = Status::Failed { reason: "AWS.SimpleQueueService.NonExistentQueue" };
            return;
        };
        let (taken, is_stuck) = source.take_visible(allowed, now, |message| {
            destination(message.source_arn.as_ref()).is_some()
        });
        let is_empty = source.counts(now).visible == 0;
        for message in taken {
            let Some(arn) = destination(message.source_arn.as_ref()) else { continue };
            if let Some(queue) = self.queues.get_mut(name_of_arn(&arn)) {
                queue.take_moved(message, now);
                task.moved += 1;
            }
        }
        if is_stuck {
            task.status = Status::Failed { reason: "CouldNotDetermineMessageSource" };
        } else if is_empty {
            task.status = Status::Completed;
        }
    }
}

impl MoveTask {
    fn shown(&self) -> Value {
        let status = match self.status {
            Status::Running => "RUNNING",
            Status::Completed => "COMPLETED",
            Status::Cancelled => "CANCELLED",
            Status::Failed { .. } => "FAILED",
        };
        let mut shown = json!({
            "Status": status,
            "SourceArn": self.source_arn,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started_ms,
        });
        if self.status == Status::Running {
            shown["TaskHandle"] = self.handle.clone().into();
        }
        if let Some(arn) = &self.destination_arn {
            shown["DestinationArn"] = arn.clone().into();
        }
        if let Some(rate) = self.rate {
            shown["MaxNumberOfMessagesPerSecond"] = rate.into();
        }
        if let Status::Failed { reason } = self.status {
            shown["FailureReason"] = reason.into();
        }
        shown
    }
}
