//! The SQS half: events through a queue and the real function, OpenSearch away in the middle, and
//! what was given up then put back.

mod account;
mod consumer;
mod metrics;
mod producer;
mod quarantine;
mod queues;
mod redrive;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use local::opensearch::Client as OpenSearchClient;
use local::sqs::{self, EventSourceMapping, EventSourceMappingOptions, Sqs};

use super::events::{Events, Line};
use super::logs::Reasons;
use crate::console::say;
use crate::failure::Failure;
use crate::progress::Progress;
use consumer::Consumer;
use metrics::Metrics;
use producer::{Producer, Sent};
use queues::Queues;
pub(super) use report::Report;

/// The function of this half.
pub(super) const FUNCTION: &str = "sqs-consumer";

/// Largest message that SQS takes, in bytes. Source: Amazon SQS developer guide, "Amazon SQS
/// message quotas".
pub(super) const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

/// The most messages of an invocation: the more, the fewer bulk requests.
const BATCH_SIZE: usize = 100;

/// How long a batch waits for more messages; the shortest that AWS takes for such batches.
const BATCHING_WINDOW: Duration = Duration::from_secs(1);

/// How many invocations may be under way at once.
const CONCURRENCY: usize = 2;

/// From the events up to here, a third meets an OpenSearch that is away.
const BEFORE_AND_WHILE_AWAY: usize = 600;

/// How many messages may wait in the queue before the producer does.
const BACKLOG: u64 = 10_000;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What came out of the run.
#[derive(Debug)]
pub(super) struct Run {
    sent: Sent,
    mapping: sqs::Report,
    metrics: Metrics,
    /// Messages that went to the dead-letter queue while OpenSearch was away.
    given_up: u64,
    /// Messages in the dead-letter queue at the end.
    dead: u64,
    /// Messages in the queue at the end.
    left: u64,
    /// Messages in the quarantine queue, by their reason.
    quarantine: Reasons,
    /// From the first message until every one had its fate.
    elapsed: Duration,
}

/// What the run is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) sqs: &'a Sqs,
    pub(super) opensearch: &'a OpenSearchClient,
    pub(super) binary: &'a Path,
    /// Where the documents go.
    pub(super) index: &'a str,
}

/// Takes the events through queues of their own, whose names start with that of the index.
pub(super) async fn run(events: Events, parts: Parts<'_>) -> Result<Run, Failure> {
    let client = parts.sqs.client();
    let queues = Queues::create(&client, parts.index).await?;
    let result = through(events, parts, &queues).await;
    // A server of ours goes with its queues; another one keeps everything but these.
    queues.delete().await;
    result
}

async fn through(events: Events, parts: Parts<'_>, queues: &Queues) -> Result<Run, Failure> {
    say(format_args!(
        "Sending the events through SQS ({}) and {FUNCTION}.",
        parts.sqs.description()
    ));
    let consumer = Consumer::start(parts, queues).await?;
    let options = EventSourceMappingOptions {
        batch_size: BATCH_SIZE,
        batching_window: BATCHING_WINDOW,
        maximum_concurrency: CONCURRENCY,
        ..EventSourceMappingOptions::new(&queues.main)
    };
    let mapping = EventSourceMapping::start(options, parts.sqs.client(), consumer.clone());
    let mapping = mapping.await.map_err(Failure::failed)?;
    let started = Instant::now();
    let (sent, given_up) = {
        let story = Story { queues, consumer: &consumer, mapping: &mapping };
        story.tell(events).await?
    };
    let elapsed = started.elapsed();
    let mapping = mapping.stop().await;
    consumer.stop().await;
    Ok(Run {
        sent,
        mapping,
        metrics: Metrics::of(&consumer.logs()),
        given_up,
        dead: queues.count(&queues.dead).await?,
        left: queues.count(&queues.main).await?,
        quarantine: quarantine::reasons(queues).await?,
        elapsed,
    })
}

/// What happens, in order.
struct Story<'a> {
    queues: &'a Queues,
    consumer: &'a Consumer,
    mapping: &'a EventSourceMapping,
}

impl Story<'_> {
    /// What was sent, and how many messages were given up while OpenSearch was away.
    async fn tell(&self, mut events: Events) -> Result<(Sent, u64), Failure> {
        let mut producer = Producer::new(self.queues);
        let first = first_lines(&mut events)?;
        let third = first.len().div_ceil(3);
        let mut first = first.into_iter();
        for line in first.by_ref().take(third) {
            producer.add(line).await?;
        }
        producer.flush().await?;
        self.drained(&producer).await?;

        self.consumer.cut_off(true);
        for line in first.by_ref().take(third) {
            producer.add(line).await?;
        }
        producer.flush().await?;
        self.drained(&producer).await?;
        let given_up = self.queues.count(&self.queues.dead).await?;
        say(format_args!(
            "OpenSearch was away: {given_up} messages are in the dead-letter queue. It is back."
        ));

        self.consumer.cut_off(false);
        for line in first {
            producer.add(line).await?;
        }
        while let Some(line) = next(&mut events)? {
            producer.add(line).await?;
            self.caught_up(&producer).await?;
        }
        producer.flush().await?;
        self.drained(&producer).await?;

        redrive::run(self.queues).await?;
        self.drained(&producer).await?;
        Ok((producer.sent(), given_up))
    }

    /// Waits until the queue has nothing more to give.
    async fn drained(&self, producer: &Producer<'_>) -> Result<(), Failure> {
        let mut progress = Progress::new("events");
        while self.queues.count(&self.queues.main).await? > 0 {
            progress.advance(self.mapping.report().deleted, producer.sent().messages);
            tokio::time::sleep(PROGRESS_INTERVAL).await;
        }
        Ok(())
    }

    /// Waits while the queue is long, which is looked at now and then.
    async fn caught_up(&self, producer: &Producer<'_>) -> Result<(), Failure> {
        if producer.sent().messages.is_multiple_of(BACKLOG / 10) {
            while self.queues.count(&self.queues.main).await? > BACKLOG {
                tokio::time::sleep(PROGRESS_INTERVAL).await;
            }
        }
        Ok(())
    }
}

fn first_lines(events: &mut Events) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    while lines.len() < BEFORE_AND_WHILE_AWAY
        && let Some(line) = next(events)?
    {
        lines.push(line);
    }
    Ok(lines)
}

fn next(events: &mut Events) -> Result<Option<Line>, Failure> {
    events.next().map_err(|error| {
        Failure::failed(format_args!("the file of events cannot be read any further: {error}"))
    })
}
