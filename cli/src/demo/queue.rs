//! Sends events through an SQS queue and the real function, with an outage of OpenSearch, and
//! redrives the dead letters.

mod account;
mod consumer;
mod producer;
mod queues;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use local::opensearch::Client as OpenSearchClient;
use local::runtime_api::{LogLine, LogStream};
use local::sqs::{self, EventSourceMapping, EventSourceMappingOptions, Sqs};
use serde::Deserialize;

use super::events::Events;
use super::logs::{Reasons, json_lines};
use crate::console::log;
use crate::error::CliError;
use crate::layout::messages;
use crate::progress::Progress;
use consumer::Consumer;
pub(super) use consumer::unavailable_url;
use producer::{Producer, Sent};
pub(super) use queues::Queues;
pub(super) use report::Report;

pub(super) const FUNCTION: &str = "sqs-consumer";

/// Maximum size of a message, in bytes. Source: Amazon SQS developer guide, "Amazon SQS message
/// quotas".
pub(super) const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

/// Maximum number of messages of an invocation. With more, there are fewer bulk requests.
const BATCH_SIZE: usize = 100;

/// The visibility timeout of a queue: longer than an invocation can take.
pub(super) const VISIBILITY_SECONDS: &str = "90";

/// The shortest window that AWS accepts for this batch size.
const BATCHING_WINDOW: Duration = Duration::from_secs(1);

/// Maximum number of concurrent invocations.
const CONCURRENCY: usize = 2;

/// The outage of OpenSearch begins and ends within this number of events, after each third.
const OUTAGE_EVENTS: usize = 600;

/// Maximum number of messages in the queue.
const BACKLOG: u64 = 10_000;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The result of the run.
#[derive(Debug)]
pub(super) struct Run {
    sent: Sent,
    mapping: sqs::Report,
    metrics: Metrics,
    /// Messages in the dead-letter queue after the outage.
    given_up: u64,
    /// Messages in the dead-letter queue at the end.
    dead: u64,
    /// Messages in the queue at the end.
    left: u64,
    /// Messages in the quarantine queue by reason.
    quarantine: Reasons,
    /// Time from the first message until the queue is empty.
    elapsed: Duration,
}

/// Sums of the function's metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Metrics {
    messages_done: u64,
    messages_quarantined: u64,
    documents_indexed: u64,
    documents_duplicate: u64,
}

impl Metrics {
    fn sum(logs: &[LogLine]) -> Self {
        json_lines(logs, LogStream::Stdout).fold(Self::default(), |sum, line: Self| Self {
            messages_done: sum.messages_done + line.messages_done,
            messages_quarantined: sum.messages_quarantined + line.messages_quarantined,
            documents_indexed: sum.documents_indexed + line.documents_indexed,
            documents_duplicate: sum.documents_duplicate + line.documents_duplicate,
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) sqs: &'a Sqs,
    pub(super) opensearch: &'a OpenSearchClient,
    pub(super) binary: &'a Path,
    /// The index of the documents.
    pub(super) index: &'a str,
}

/// Sends the events through new queues, whose names start with that of the index.
pub(super) async fn run(events: Events, parts: Parts<'_>) -> Result<Run, CliError> {
    let client = parts.sqs.client();
    let queues = Queues::create(&client, parts.index, VISIBILITY_SECONDS).await?;
    let result = through(events, parts, &queues).await;
    queues.delete().await;
    result
}

async fn through(events: Events, parts: Parts<'_>, queues: &Queues) -> Result<Run, CliError> {
    let sqs = parts.sqs.description();
    log(format_args!("Sending the events through SQS ({sqs}) and {FUNCTION}."));
    let consumer = Consumer::start(parts, queues).await?;
    let options = EventSourceMappingOptions {
        batch_size: BATCH_SIZE,
        batching_window: BATCHING_WINDOW,
        maximum_concurrency: CONCURRENCY,
        ..EventSourceMappingOptions::new(&queues.main)
    };
    let mapping = EventSourceMapping::start(options, parts.sqs.client(), consumer.clone());
    let mapping = mapping.await.map_err(CliError::failed)?;
    let started = Instant::now();
    let scenario = Scenario { queues, consumer: &consumer, mapping: &mapping };
    let (sent, given_up) = scenario.run(events).await?;
    let elapsed = started.elapsed();
    let mapping = mapping.stop().await;
    consumer.stop().await;
    Ok(Run {
        sent,
        mapping,
        metrics: Metrics::sum(&consumer.logs()),
        given_up,
        dead: queues.count(&queues.dead).await?,
        left: queues.count(&queues.main).await?,
        quarantine: queues.quarantine_reasons().await?,
        elapsed,
    })
}

struct Scenario<'a> {
    queues: &'a Queues,
    consumer: &'a Consumer,
    mapping: &'a EventSourceMapping,
}

impl Scenario<'_> {
    /// Sends the events and returns what was sent, and the number of dead letters after the outage.
    async fn run(&self, mut events: Events) -> Result<(Sent, u64), CliError> {
        let mut producer = Producer::new(self.queues);
        let mut first = Vec::new();
        while first.len() < OUTAGE_EVENTS
            && let Some(line) = events.next()?
        {
            first.push(line);
        }
        let third = first.len().div_ceil(3);
        let mut first = first.into_iter();
        producer.add_all(first.by_ref().take(third)).await?;
        self.drain(&mut producer).await?;

        self.consumer.set_outage(true);
        producer.add_all(first.by_ref().take(third)).await?;
        self.drain(&mut producer).await?;
        let given_up = self.queues.count(&self.queues.dead).await?;
        log(format_args!("{} became dead letters in an outage of OpenSearch.", messages(given_up)));

        self.consumer.set_outage(false);
        producer.add_all(first).await?;
        while let Some(line) = events.next()? {
            producer.add(line).await?;
            if producer.sent().messages.is_multiple_of(BACKLOG / 10) {
                self.wait_for(BACKLOG).await?;
            }
        }
        self.drain(&mut producer).await?;

        self.queues.redrive().await?;
        self.drain(&mut producer).await?;
        Ok((producer.sent(), given_up))
    }

    /// Sends the waiting messages and waits until the queue is empty.
    async fn drain(&self, producer: &mut Producer<'_>) -> Result<(), CliError> {
        producer.flush().await?;
        let mut progress = Progress::new("events");
        while self.queues.count(&self.queues.main).await? > 0 {
            progress.advance(self.mapping.report().deleted, producer.sent().messages);
            tokio::time::sleep(PROGRESS_INTERVAL).await;
        }
        Ok(())
    }

    /// Waits until the queue has at most this many messages.
    async fn wait_for(&self, messages: u64) -> Result<(), CliError> {
        while self.queues.count(&self.queues.main).await? > messages {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_add_up_over_invocations() {
        let logs = [
            (LogStream::Stdout, r#"{"_aws":{},"MessagesDone":9,"DocumentsIndexed":8}"#),
            (LogStream::Stdout, r#"{"MessagesDone":1,"DocumentsDuplicate":2}"#),
            (LogStream::Stderr, r#"{"MessagesDone":100}"#),
            (LogStream::Stdout, "not JSON"),
            (LogStream::Stdout, r#"{"MessagesQuarantined":3}"#),
        ];
        let logs = logs.map(|(stream, text)| LogLine { stream, text: text.to_owned() });
        let expected = Metrics {
            messages_done: 10,
            messages_quarantined: 3,
            documents_indexed: 8,
            documents_duplicate: 2,
        };
        assert_eq!(Metrics::sum(&logs), expected);
    }
}
