#![doc = include_str!("../README.md")]

mod batch;
mod config;
mod engine;
mod failure;
mod items;
mod load;
mod message;
mod objects;
mod outcome;
mod queues;
mod reader;
mod records;
mod refused;
mod report;
mod s3;
mod text;
mod unpack;
mod watch;

pub use config::{Config, Failures, Reading, VARIABLES};
pub use engine::{Ended, Engine};
pub use failure::Failure;
pub use items::{Content, Item, Items, Unread};
pub use message::Request;
pub use objects::{Chunks, ObjectError, Objects, Opened, Place, Range};
pub use queues::{AwsQueues, Queues};
pub use records::{Format, RecordsPaths};
pub use s3::S3Objects;
pub use watch::{Stretch, Watch};

use std::io::Write;

use shared::opensearch::Search;
use shared::runtime::{Function, Invocation};
use shared::schedule::Schedule;
use shared::sqs::{Failure as SqsFailure, InvalidEvent};
use tokio::time::timeout_at;

use crate::batch::Batch;
use crate::load::{Loaded, Loader};
use crate::message::{Message, Task};
use crate::outcome::{Outcome, Retry};
use crate::report::Report;
use crate::watch::Unwatched;

/// The function.
#[derive(Debug)]
pub struct App<S, O, Q, W> {
    config: Config,
    search: S,
    objects: O,
    queues: Q,
    random: fastrand::Rng,
    metrics: W,
    // Reused between invocations, so that its buffers grow only once.
    batch: Batch,
}

impl<S: Search, O: Objects, Q: Queues, W: Write> Function for App<S, O, Q, W> {
    type Error = InvalidEvent;

    /// Loads the objects of one event's messages and emits the metrics. The content of a message
    /// cannot fail the invocation.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), InvalidEvent> {
        let mut report = Report::default();
        let messages = match message::parse(invocation.body) {
            Ok(messages) => messages,
            Err(error) => {
                self.report(&report, &invocation);
                return Err(error);
            }
        };
        let schedule = Schedule::new(&invocation, self.config.deadline_margin);
        let mut failures = Vec::new();
        for message in &messages {
            if let Some(retry) = self.settle(message, &invocation, schedule, &mut report).await {
                self.back_off(message, retry, &schedule, invocation.request_id).await;
                failures.push(serde_json::json!({"itemIdentifier": message.id}));
            }
        }
        self.report(&report, &invocation);
        let failures = serde_json::json!({"batchItemFailures": failures});
        answer.extend_from_slice(failures.to_string().as_bytes());
        Ok(())
    }
}

impl<S: Search, O: Objects, Q: Queues, W: Write> App<S, O, Q, W> {
    /// Creates the function with these settings and clients. It writes its metrics to `metrics`: in
    /// Lambda, standard output.
    #[must_use]
    pub fn new(
        config: Config,
        (search, objects, queues): (S, O, Q),
        random: fastrand::Rng,
        metrics: W,
    ) -> Self {
        let batch = Batch::default();
        Self { config, search, objects, queues, random, metrics, batch }
    }

    /// Loads the objects of a message; returns why it must be redelivered.
    async fn settle(
        &mut self,
        message: &Message,
        invocation: &Invocation<'_>,
        schedule: Schedule,
        report: &mut Report,
    ) -> Option<Retry> {
        let requests = match message.task() {
            Task::Load(requests) => requests,
            Task::Nothing => {
                report.count_object(Outcome::Ignored, &message.id);
                return None;
            }
            Task::Unknown => {
                report.count_object(Outcome::Retry(Retry::NoObject), &message.id);
                return Some(Retry::NoObject);
            }
        };
        let mut retried: Option<Retry> = None;
        let mut has_loaded = false;
        for request in requests {
            let loading = self.object(request, has_loaded, invocation, schedule, report);
            let outcome = loading.await;
            has_loaded |= matches!(outcome, Outcome::Done | Outcome::Continued);
            report.count_object(outcome, &message.id);
            if let Outcome::Retry(retry) = outcome
                && retried.is_none_or(|before| !before.backs_off() && retry.backs_off())
            {
                retried = Some(retry);
            }
        }
        retried
    }

    /// Loads an object. `has_loaded`: one that the message names before it was loaded in this call, and
    /// would be once more if the message came again for this one.
    async fn object(
        &mut self,
        mut request: Request,
        has_loaded: bool,
        invocation: &Invocation<'_>,
        schedule: Schedule,
        report: &mut Report,
    ) -> Outcome {
        let Self { config, search, objects, queues, batch, .. } = self;
        let Config { reading, writing, failures, continue_queue_url, metric_rules, .. } = config;
        if request.key.ends_with('/') || request.is_notified && failures.holds(&request) {
            return Outcome::Ignored;
        }
        // Objects that this function wrote contain failures, whatever their keys.
        if failures.holds(&request) {
            request.failures.get_or_insert(true);
        }
        let request = &request;
        let now = invocation.now;
        let watch = &mut Unwatched;
        let mut loader = Loader {
            search,
            objects,
            reading,
            writing,
            failures,
            metrics: metric_rules,
            batch,
            report,
            watch,
            schedule,
            now,
        };
        let ended = if schedule.is_late() {
            Loaded::Ended(Outcome::Retry(Retry::Deadline))
        } else {
            // Boxed: its state is large, and it is the work of minutes.
            Box::pin(loader.load(request)).await
        };
        let rest = match &ended {
            Loaded::Ended(Outcome::Retry(retry)) if has_loaded && retry.is_late() => request,
            Loaded::Ended(outcome) => return *outcome,
            Loaded::Until(rest) => rest,
        };
        let sent = queues.send(continue_queue_url, rest.to_message());
        match timeout_at(schedule.calls_until, sent)
            .await
            .unwrap_or_else(|_| Err(SqsFailure::late()))
        {
            Ok(()) => Outcome::Continued,
            Err(SqsFailure { code, message: said }) => {
                let request_id = invocation.request_id;
                tracing::error!(request_id, code, said, "the rest of an object was not asked for");
                Outcome::Retry(Retry::NotContinued)
            }
        }
    }

    /// Delays redelivery of a failed message.
    async fn back_off(
        &mut self,
        message: &Message,
        retry: Retry,
        schedule: &Schedule,
        request_id: &str,
    ) {
        let since_first = |first| schedule.now_ms().saturating_sub(first);
        let since_first_ms = message.first_received_ms().map_or(0, since_first);
        let (count, random) = (message.receive_count(), &mut self.random);
        let seconds = self.config.backoff.seconds(count, since_first_ms, random);
        let (Some(receipt_handle), Some(seconds), true) =
            (&message.receipt_handle, seconds, retry.backs_off())
        else {
            return;
        };
        let change = self.queues.change_visibility(&message.source_arn, receipt_handle, seconds);
        let changed = timeout_at(schedule.calls_until, change).await;
        if let Err(SqsFailure { code, message: said }) =
            changed.unwrap_or_else(|_| Err(SqsFailure::late()))
        {
            tracing::warn!(request_id, code, said, "visibility timeout not changed");
        }
    }

    fn report(&mut self, report: &Report, invocation: &Invocation<'_>) {
        report.log(invocation.request_id);
        let Self { config, metrics: out, batch, .. } = self;
        let Config { metrics_namespace, function_name, metric_rules, .. } = &*config;
        let now = invocation.now;
        let written =
            report.emit(metrics_namespace, function_name, now.milliseconds(), &mut *out).and_then(
                |()| batch.tally.emit(metric_rules, metrics_namespace, function_name, now, out),
            );
        if let Err(error) = written {
            tracing::error!(%error, "metrics could not be written");
        }
    }
}
