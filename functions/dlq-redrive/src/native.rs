//! Message move tasks: SQS moves the messages itself.

use std::time::Duration;

use shared::sqs::Failure;
use tokio::time::Instant;

use crate::error::Error;
use crate::queue::Queue;
use crate::queues::{MoveTask, Queues};
use crate::schedule::Schedule;

/// How long a new task is watched, so that the answer includes tasks that fail or finish soon.
const WATCH: Duration = Duration::from_secs(3);

/// How often its state is read.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The move tasks of a queue.
pub(crate) struct MoveTasks<'a, Q> {
    queues: &'a Q,
    schedule: &'a Schedule,
    source: &'a Queue,
    source_arn: String,
}

/// A task that was started.
pub(crate) struct Started {
    pub(crate) task_handle: String,
    /// Number of messages moved so far.
    pub(crate) moved: u64,
    pub(crate) complete: bool,
}

impl<'a, Q: Queues> MoveTasks<'a, Q> {
    /// Reads the ARN of the source, if the request has only its URL.
    pub(crate) async fn of(
        queues: &'a Q,
        schedule: &'a Schedule,
        source: &'a Queue,
    ) -> Result<Self, Error> {
        let source_arn = arn(queues, schedule, source).await;
        let source_arn = source_arn.map_err(|failure| Error::of_source(source, failure))?;
        Ok(Self { queues, schedule, source, source_arn })
    }

    /// Starts a task and watches it for three seconds.
    pub(crate) async fn start(
        &self,
        destination: Option<&Queue>,
        rate_per_second: Option<u32>,
    ) -> Result<Started, Error> {
        let destination_arn = match destination {
            Some(destination) => Some(arn(self.queues, self.schedule, destination).await),
            None => None,
        };
        let destination_arn =
            destination_arn.transpose().map_err(|failure| Error::Refused { failure })?;
        let destination_arn = destination_arn.as_deref();
        let started = self.queues.start_move(&self.source_arn, destination_arn, rate_per_second);
        let task_handle = self.schedule.in_time(started).await;
        let task_handle = task_handle.map_err(|failure| Error::of_source(self.source, failure))?;
        let mut started = Started { task_handle, moved: 0, complete: false };
        let until = Instant::now() + WATCH;
        while Instant::now() < until {
            let tasks = self.list().await.unwrap_or_else(|error| {
                // The task still runs.
                tracing::warn!(%error, "failed to list move tasks");
                Vec::new()
            });
            let Some(task) = tasks.into_iter().next() else { break };
            started.moved = task.approximate_number_of_messages_moved;
            match &*task.status {
                "RUNNING" => {}
                "FAILED" => {
                    let reason = task.failure_reason.unwrap_or_default();
                    return Err(Error::TaskFailed { reason });
                }
                status => {
                    started.complete = status == "COMPLETED";
                    break;
                }
            }
            if self.schedule.wait_until(Instant::now() + POLL_INTERVAL, 0).await.is_err() {
                break;
            }
        }
        Ok(started)
    }

    /// The latest tasks, latest first.
    pub(crate) async fn list(&self) -> Result<Vec<MoveTask>, Error> {
        let tasks = self.schedule.in_time(self.queues.move_tasks(&self.source_arn)).await;
        tasks.map_err(|failure| Error::of_source(self.source, failure))
    }

    /// Cancels the running task and returns its handle and the number of messages moved.
    pub(crate) async fn cancel(&self) -> Result<(String, u64), Error> {
        let tasks = self.list().await?;
        let mut running = tasks.into_iter().filter(|task| task.status == "RUNNING");
        let handle = running.find_map(|task| task.task_handle);
        let handle =
            handle.ok_or_else(|| Error::NoRunningTask { source_arn: self.source_arn.clone() })?;
        let moved = self.schedule.in_time(self.queues.cancel_move(&handle)).await;
        let moved = moved.map_err(|failure| Error::Refused { failure })?;
        Ok((handle, moved))
    }
}

async fn arn(queues: &impl Queues, schedule: &Schedule, queue: &Queue) -> Result<String, Failure> {
    if let Some(arn) = &queue.arn {
        return Ok(arn.clone());
    }
    let attributes = schedule.in_time(queues.attributes(&queue.url)).await?;
    attributes.arn.ok_or_else(|| Failure::new("Missing", "the queue's attributes have no ARN"))
}
