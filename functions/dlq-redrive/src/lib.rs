#![doc = include_str!("../README.md")]

pub mod config;
pub mod error;
pub mod filter;
pub mod health;
pub mod message;
mod native;
mod queue;
pub mod queues;
pub mod request;
pub mod run;
pub mod schedule;
pub mod selective;
pub mod sqs;
pub mod summary;
pub mod tally;

pub use queue::Queue;

use std::io::Write;
use std::time::Duration;

use shared::runtime::{Function, Invocation};
use shared::sqs::Failure;
use tokio::time::timeout;

use crate::config::Config;
use crate::error::{Error, is_unavailable};
use crate::health::Health;
use crate::native::MoveTasks;
use crate::queues::Queues;
use crate::request::{Action, Mode, Redrive, Request};
use crate::run::{Edited, Moves, Purpose, Rules};
use crate::schedule::{Pace, Schedule};
use crate::summary::{Answer, Summary};
use crate::tally::Stopped;

/// Maximum time for reading the attributes: they are only for a metric, so messages do not wait for
/// them.
const ATTRIBUTES_TIME: Duration = Duration::from_secs(1);

/// The function.
#[derive(Debug)]
pub struct App<Q, H, W> {
    config: Config,
    queues: Q,
    health: H,
    metrics: W,
    edited: Option<Edited>,
}

impl<Q: Queues, H: Health, W: Write> Function for App<Q, H, W> {
    type Error = Error;

    /// Carries out one request and emits the metrics.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        json: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let now_ms = invocation.now.milliseconds();
        let schedule = Schedule::new(now_ms, invocation.deadline, self.config.deadline_margin);
        let mut summary = Summary::default();
        let answer = self.answer(invocation.body, &schedule, &mut summary).await;
        summary.log(invocation.request_id);
        self.emit(&summary, schedule.now_ms());
        // Strings, numbers and lists: this cannot fail.
        serde_json::to_writer(json, &answer?).unwrap_or_default();
        Ok(())
    }
}

impl<Q: Queues, H: Health, W: Write> App<Q, H, W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub const fn new(config: Config, queues: Q, health: H, metrics: W) -> Self {
        Self { config, queues, health, metrics, edited: None }
    }

    /// Moves only these messages, with these bodies. This is for a person at a command line; the
    /// request has no member for it.
    #[must_use]
    pub fn with_edited(self, edited: Option<Edited>) -> Self {
        Self { edited, ..self }
    }

    /// Carries out one request, which `summary` describes, even if it fails.
    ///
    /// # Errors
    /// [`Error`]: nothing was moved, or SQS rejected the move task.
    pub async fn answer(
        &self,
        payload: &[u8],
        schedule: &Schedule,
        summary: &mut Summary,
    ) -> Result<Answer, Error> {
        let request = Request::parse(payload, self.config.aws.endpoint(shared::sqs::SQS))?;
        let source = request.source(self.config.dlq.as_ref())?;
        match request.action {
            Action::Redrive(redrive) => {
                let answer = self.redrive(source, redrive, schedule, summary).await;
                // A schedule that never moves anything must not look healthy.
                summary.source_unavailable = matches!(answer, Err(Error::SourceUnavailable { .. }));
                answer
            }
            Action::Inspect { filter, max_messages } => {
                let rules = Rules { source, purpose: Purpose::Inspect, filter, max_messages };
                self.run(&rules, Pace::new(None), Duration::ZERO, schedule, summary).await?;
                Ok(Answer::inspect(summary))
            }
            Action::Status => {
                let tasks = MoveTasks::of(&self.queues, schedule, &source).await?.list().await?;
                Ok(Answer::Status { tasks })
            }
            Action::Cancel => {
                let tasks = MoveTasks::of(&self.queues, schedule, &source).await?;
                let (task_handle, moved) = tasks.cancel().await?;
                Ok(Answer::Cancel { task_handle, moved })
            }
        }
    }

    async fn redrive(
        &self,
        source: Queue,
        redrive: Redrive,
        schedule: &Schedule,
        summary: &mut Summary,
    ) -> Result<Answer, Error> {
        summary.dry_run = redrive.dry_run;
        let healthy = schedule.in_time(async { Ok(self.health.is_healthy().await) }).await;
        if let Err(Failure { code, message }) = &healthy {
            tracing::warn!(code, error = message, "failed to read the health of OpenSearch");
        }
        if healthy != Ok(true) {
            summary.tally.stopped = Some(Stopped::UnhealthyEndpoint);
            return Ok(Answer::redrive(redrive.mode, summary));
        }
        if redrive.mode == Mode::Native {
            let tasks = MoveTasks::of(&self.queues, schedule, &source).await?;
            let started =
                tasks.start(redrive.destination.as_ref(), redrive.rate_per_second).await?;
            summary.tally.moved = started.moved;
            return Ok(Answer::of_task(summary, started.task_handle, started.complete));
        }
        let Redrive { destination, filter, max_messages, max_redrives, dry_run, .. } = redrive;
        let canary = redrive.canary;
        let moves = Moves {
            destination,
            endpoint: self.config.aws.endpoint(shared::sqs::SQS).map(str::to_owned),
            max_redrives,
            parking: self.config.parking.clone(),
            dry_run,
            canary_messages: canary.map(|canary| canary.messages.get()),
            edited: self.edited.clone(),
        };
        let rules = Rules { source, purpose: Purpose::Move(moves), filter, max_messages };
        let wait = canary.map_or(0, |canary| canary.wait_seconds);
        let wait = Duration::from_secs(wait);
        self.run(&rules, Pace::new(redrive.rate_per_second), wait, schedule, summary).await?;
        Ok(Answer::redrive(Mode::Selective, summary))
    }

    async fn run(
        &self,
        rules: &Rules,
        pace: Pace,
        canary_wait: Duration,
        schedule: &Schedule,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        // Only for a metric: the run does not need it.
        let attributes = timeout(ATTRIBUTES_TIME, self.queues.attributes(&rules.source.url)).await;
        let attributes = attributes.unwrap_or_else(|_| Err(Failure::late()));
        if let Err(Failure { code, message }) = &attributes {
            tracing::warn!(code, error = message, "failed to read the attributes of the source");
        }
        summary.retention_seconds = attributes.unwrap_or_default().retention_seconds;
        summary.tally = selective::run(&self.queues, rules, pace, canary_wait, schedule).await;
        match &summary.tally.receive_failure {
            // Messages that were moved before the failure are reported.
            Some(failure) if summary.tally.scanned == 0 && is_unavailable(failure) => {
                Err(Error::of_source(&rules.source, failure.clone()))
            }
            _ => Ok(()),
        }
    }

    fn emit(&mut self, summary: &Summary, now_ms: u64) {
        let Config { metrics_namespace, function_name, .. } = &self.config;
        let written = summary.emit(metrics_namespace, function_name, now_ms, &mut self.metrics);
        if let Err(error) = written {
            tracing::error!(%error, "failed to write metrics");
        }
    }
}
