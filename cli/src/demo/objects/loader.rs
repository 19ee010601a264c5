//! The function `object-loader` behind its own queue.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use local::opensearch::Client;
use local::runtime_api::{Function, FunctionOptions, LogLine, LogStream};
use local::sqs::{EventSourceMapping, EventSourceMappingOptions, Sqs};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{BACKUP, FUNCTION};
use crate::demo::logs::json_lines;
use crate::demo::queue::Queues;
use crate::error::CliError;

/// Maximum number of concurrent invocations.
const CONCURRENCY: usize = 2;

/// Events with this action are dropped.
const DROP_ACTION: &str = "heartbeat";

const POLL_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) sqs: &'a Sqs,
    pub(super) opensearch: &'a Client,
    pub(super) s3_url: &'a str,
    pub(super) binary: &'a Path,
    /// The index of the documents.
    pub(super) index: &'a str,
}

/// The results of the function.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    /// Messages that were sent to the queue.
    pub(super) messages: u64,
    /// Messages in the dead-letter queue.
    pub(super) dead: u64,
    logs: Vec<LogLine>,
}

impl Loaded {
    /// The results of a function that wrote one line of metrics.
    #[cfg(test)]
    pub(super) fn new(messages: u64, dead: u64, metrics: &str) -> Self {
        let line = LogLine { stream: LogStream::Stdout, text: metrics.to_owned() };
        Self { messages, dead, logs: vec![line] }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.dead += other.dead;
        self.logs.extend(other.logs);
    }

    /// Returns the sums of the function's metrics by name.
    pub(super) fn metrics(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for line in json_lines::<Map<String, Value>>(&self.logs, LogStream::Stdout) {
            for (name, value) in line {
                *sums.entry(name).or_default() += value.as_u64().unwrap_or_default();
            }
        }
        sums
    }

    /// Returns why messages were redelivered, from the function's log.
    pub(super) fn retry_reasons(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct RetryLine {
            reason: String,
            /// Only present in the lines of redelivered messages.
            #[serde(rename = "first_message_id")]
            _id: String,
        }
        let lines = json_lines::<RetryLine>(&self.logs, LogStream::Stderr);
        let mut reasons: Vec<_> = lines.map(|line| line.reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }
}

/// Sends messages to a new queue of the function and waits until each is done or a dead letter.
/// `send` receives the queue's URL; `format` is the function's `FORMAT`.
///
/// # Errors
/// [`CliError::Failed`] if a part fails, and the errors of `send`.
pub(super) async fn load(
    parts: Parts<'_>,
    (format, visibility_seconds): (&str, &str),
    send: impl AsyncFnOnce(&str) -> Result<(), CliError>,
) -> Result<Loaded, CliError> {
    let client = parts.sqs.client();
    let name = format!("{}-objects", parts.index);
    let queues = Queues::create(&client, &name, visibility_seconds).await?;
    let result = through(parts, format, &queues, send).await;
    queues.delete().await;
    result
}

async fn through(
    parts: Parts<'_>,
    format: &str,
    queues: &Queues,
    send: impl AsyncFnOnce(&str) -> Result<(), CliError>,
) -> Result<Loaded, CliError> {
    send(&queues.main).await?;
    let messages = queues.count(&queues.main).await?;
    let function = Function::start(FunctionOptions {
        environment: variables(parts, &[("FORMAT", format), ("CONTINUE_QUEUE_URL", &queues.main)]),
        concurrency: CONCURRENCY,
        ..FunctionOptions::new(FUNCTION, parts.binary)
    });
    let function = function.await.map_err(CliError::failed)?;
    let options = EventSourceMappingOptions {
        batch_size: 1,
        maximum_concurrency: CONCURRENCY,
        ..EventSourceMappingOptions::new(&queues.main)
    };
    let mapping = EventSourceMapping::start(options, parts.sqs.client(), function.clone());
    let mapping = mapping.await.map_err(CliError::failed)?;
    while queues.count(&queues.main).await? > 0 {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    mapping.stop().await;
    function.stop().await;
    Ok(Loaded { messages, dead: queues.count(&queues.dead).await?, logs: function.logs() })
}

/// The variables of the function, and of `cargo sluice replay`, which has the same engine.
pub(super) fn variables(parts: Parts<'_>, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let common = [
        ("INDEX", parts.index),
        ("DROP_ACTIONS", DROP_ACTION),
        ("FAILURES_BUCKET", BACKUP),
        ("AWS_ENDPOINT_URL_S3", parts.s3_url),
        ("AWS_ENDPOINT_URL_SQS", parts.sqs.url()),
    ];
    let common = common.iter().chain(more).map(|(name, value)| ((*name).into(), (*value).into()));
    parts.opensearch.variables().into_iter().chain(common).collect()
}
