#![doc = include_str!("../README.md")]

mod answer;
mod backoff;
mod config;
mod envelope;
mod outcome;
mod ports;
mod quarantine;
mod queues;
mod report;
mod summary;
mod work;

pub use config::{Config, VARIABLES};
pub use ports::{MAX_PAYLOAD_BYTES, Queues, VisibilityChange};
pub use queues::AwsQueues;

use std::cell::RefCell;
use std::io::Write;

use futures_util::{StreamExt, stream};
use shared::event::Reader;
use shared::opensearch::{Error as SearchError, Search};
use shared::runtime::{Function, Invocation};
use shared::s3::GetError;
use shared::schedule::Schedule;
use shared::sqs::{Failure, InvalidEvent, MAX_ENTRIES};
use tokio::time::timeout_at;

use crate::envelope::Message;
use crate::outcome::Outcome;
use crate::report::Report;
use crate::summary::Summary;
use crate::work::{Buffers, Incoming, Out, Rules, Step, Work};

/// Maximum concurrent calls to SQS.
const CONCURRENT_CALLS: usize = 8;

/// The function.
#[derive(Debug)]
pub struct App<S, Q, W> {
    config: Config,
    search: S,
    queues: Q,
    random: fastrand::Rng,
    metrics: W,
    // Reused between invocations, so that their buffers grow only once.
    reader: Reader,
    buffers: Buffers,
}

impl<S: Search, Q: Queues, W: Write> Function for App<S, Q, W> {
    type Error = InvalidEvent;

    /// Consumes one event's messages and emits the metrics. The content of a message cannot fail
    /// the invocation.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), InvalidEvent> {
        let messages = match envelope::parse(invocation.body) {
            Ok(messages) => messages,
            Err(error) => {
                self.report(&[], &Report::default(), &invocation);
                return Err(error);
            }
        };
        let schedule = Schedule::new(&invocation, self.config.deadline_margin);
        let report = self.settle(&messages, &invocation, &schedule).await;
        let failures = self.back_off(&messages, &report.outcomes, &schedule).await;
        summary::log_visibility(&failures, invocation.request_id);
        self.report(&messages, &report, &invocation);
        answer::write(&messages, &report.outcomes, answer);
        Ok(())
    }
}

impl<S: Search, Q: Queues, W: Write> App<S, Q, W> {
    /// Creates the function with these settings and clients. It writes its metrics to `metrics`: in
    /// Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, search: S, queues: Q, random: fastrand::Rng, metrics: W) -> Self {
        let (reader, buffers) = Default::default();
        Self { config, search, queues, random, metrics, reader, buffers }
    }

    /// Writes the documents and sends the refused events to quarantine, as far as time allows.
    async fn settle(
        &mut self,
        messages: &[Message<'_>],
        invocation: &Invocation<'_>,
        schedule: &Schedule,
    ) -> Report {
        let quarantine = self.has_quarantine(messages);
        let Self { config, reader, buffers, .. } = self;
        let Config { model, writing, metric_rules: metrics, fetch_payloads, .. } = config;
        let (fetch_payloads, now) = (*fetch_payloads, invocation.now);
        let rules = Rules { writing, quarantine, fetch_payloads, now, metrics };
        let write = |incoming: &Incoming<'_>, out: &mut Out| {
            let Incoming { event, around, arrival } = incoming;
            let mut event = reader.read_inside(model, event, *around)?;
            let written = event.write_document(arrival, &mut out.document);
            event.write_document_id(writing.document_id, &written, &out.document, &mut out.id);
            Ok(written)
        };
        let mut work = Work::new(rules, messages, buffers, write);
        let mut is_unread = false;
        while !schedule.is_late() {
            match work.next_step() {
                Step::Bulk(body) => {
                    let reply = timeout_at(schedule.work_until, self.search.bulk(body)).await;
                    let too_late = || Err(SearchError::Timeout(schedule.work_time));
                    work.bulk_answered(&reply.unwrap_or_else(|_| too_late()));
                }
                Step::Quarantine(entries) => {
                    let sent = self.queues.quarantine(entries);
                    let sent = timeout_at(schedule.work_until, sent).await;
                    work.quarantined(&sent.unwrap_or_default());
                }
                Step::Fetch(bucket, key) => {
                    let payload = self.queues.payload(bucket, key);
                    let payload = timeout_at(schedule.work_until, payload).await;
                    let too_late = || Err(GetError::NoAnswer("not in time".to_owned()));
                    let payload = payload.unwrap_or_else(|_| too_late());
                    if let Err(error @ (GetError::Status(_) | GetError::NoAnswer(_))) = &payload
                        && !is_unread
                    {
                        // Logged once, because the others fail for the same reason.
                        is_unread = true;
                        let request_id = invocation.request_id;
                        tracing::error!(request_id, %error, "failed to read a body from S3");
                    }
                    work.fetched(payload);
                }
                Step::Finished => break,
            }
        }
        work.finish()
    }

    /// Delays redelivery of failed messages and returns the changes that SQS rejected.
    async fn back_off(
        &mut self,
        messages: &[Message<'_>],
        outcomes: &[Outcome],
        schedule: &Schedule,
    ) -> Vec<Failure> {
        let (backoff, now_ms) = (self.config.backoff, schedule.now_ms());
        let changes = backoff::changes(backoff, messages, outcomes, now_ms, &mut self.random);
        let queue = |change: &VisibilityChange| messages[change.message].source_arn;
        let calls = changes
            .chunk_by(|one, other| queue(one) == queue(other))
            .flat_map(|of_one_queue| of_one_queue.chunks(MAX_ENTRIES))
            .map(|changes| self.queues.change_visibility(queue(&changes[0]), changes));
        let failures = RefCell::new(Vec::new());
        let all = stream::iter(calls).for_each_concurrent(CONCURRENT_CALLS, async |call| {
            let failed = call.await;
            failures.borrow_mut().extend(failed);
        });
        let in_time = timeout_at(schedule.calls_until, all).await;
        let mut failures = failures.into_inner();
        if in_time.is_err() {
            let message = "not all visibility timeouts were changed in time".to_owned();
            failures.push(Failure { code: "Deadline".to_owned(), message });
        }
        failures
    }

    /// Whether there is a quarantine queue that is not the queue that is consumed.
    fn has_quarantine(&self, messages: &[Message<'_>]) -> bool {
        let Some(url) = &self.config.quarantine_url else { return false };
        let same = messages.iter().any(|message| quarantine::is_queue(url, message.source_arn));
        if same {
            tracing::error!("QUARANTINE_QUEUE_URL is the queue that is consumed: it is not used");
        }
        !same
    }

    fn report(&mut self, messages: &[Message<'_>], report: &Report, invocation: &Invocation<'_>) {
        let summary = Summary::of(messages, &report.outcomes);
        summary.log(report, messages, invocation.request_id);
        let Self { config, buffers, metrics: out, .. } = self;
        let Config { metrics_namespace, function_name, metric_rules, .. } = &*config;
        let now = invocation.now;
        let written = summary
            .emit(report, metrics_namespace, function_name, now.milliseconds(), &mut *out)
            .and_then(|()| {
                buffers.tally.emit(metric_rules, metrics_namespace, function_name, now, out)
            });
        if let Err(error) = written {
            tracing::error!(%error, "metrics could not be written");
        }
    }
}
