//! Message move tasks: SQS moves the messages itself.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::queues::{MoveTask, Queue, Queues};
use crate::schedule::Schedule;
use shared::sqs::Failure;

/// For so long a task is watched, so that the answer tells of one that fails or is done soon.
const WATCH: Duration = Duration::from_secs(3);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A task that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Its handle.
    pub task_handle: String,
    /// How many messages it has moved until now.
    pub moved: u64,
    /// Whether it has moved all.
    pub complete: bool,
}

/// Starts a task and watches it for a moment.
///
/// # Errors
/// [`Error::SourceUnavailable`] and [`Error::Refused`] where SQS does not start it,
/// [`Error::TaskFailed`] where it fails at once.
pub async fn start<Q: Queues>(
    queues: &Q,
    source: &Queue,
    source_arn: &str,
    destination_arn: Option<&str>,
    rate_per_second: Option<u32>,
    schedule: &Schedule,
) -> Result<Started, Error> {
    let started = queues.start_move(source_arn, destination_arn, rate_per_second);
    let task_handle = schedule.in_time(started).await;
    let task_handle = task_handle.map_err(|failure| Error::of_source(source, failure))?;
    let mut started = Started { task_handle, moved: 0, complete: false };
    let until = Instant::now() + WATCH;
    while Instant::now() < until {
        let Ok(tasks) = schedule.in_time(queues.move_tasks(source_arn)).await else { break };
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
        if schedule.wait_until(Instant::now() + LOOK_EVERY, 0).await.is_err() {
            break;
        }
    }
    Ok(started)
}

/// The latest tasks of a queue, latest first.
///
/// # Errors
/// [`Error::Refused`] where SQS does not tell.
pub async fn tasks<Q: Queues>(
    queues: &Q,
    source: &Queue,
    source_arn: &str,
    schedule: &Schedule,
) -> Result<Vec<MoveTask>, Error> {
    let tasks = schedule.in_time(queues.move_tasks(source_arn)).await;
    tasks.map_err(|failure| Error::of_source(source, failure))
}

/// Ends the running task of a queue; gives its handle and how many messages it has moved.
///
/// # Errors
/// [`Error::NoRunningTask`], and [`Error::Refused`] where SQS does not end it.
pub async fn cancel<Q: Queues>(
    queues: &Q,
    source: &Queue,
    source_arn: &str,
    schedule: &Schedule,
) -> Result<(String, u64), Error> {
    let tasks = tasks(queues, source, source_arn, schedule).await?;
    let mut running = tasks.into_iter().filter(|task| task.status == "RUNNING");
    let handle = running.find_map(|task| task.task_handle);
    let handle =
        handle.ok_or_else(|| Error::NoRunningTask { source_arn: source_arn.to_owned() })?;
    let moved = schedule.in_time(queues.cancel_move(&handle)).await.map_err(refused)?;
    Ok((handle, moved))
}

/// The ARN of a queue, which SQS tells where it is not known.
///
/// # Errors
/// The failure where SQS does not tell it.
pub async fn arn<Q: Queues>(
    queues: &Q,
    queue: &Queue,
    schedule: &Schedule,
) -> Result<String, Failure> {
    if let Some(arn) = &queue.arn {
        return Ok(arn.clone());
    }
    let attributes = schedule.in_time(queues.attributes(&queue.url)).await?;
    let missing = || Failure::new("Missing", "the queue's attributes have no ARN");
    attributes.arn.ok_or_else(missing)
}

const fn refused(failure: Failure) -> Error {
    Error::Refused { failure }
}
