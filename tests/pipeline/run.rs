//! One run of the pipeline, from its setup to its results.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use local::firehose::{DeliveryStream, DeliveryStreamOptions, Endpoint, Report};
use local::runtime_api::{Function, FunctionOptions, Invoke, InvokeError, LogStream};
use serde_json::Value;
use tempfile::TempDir;

use crate::backup::Backup;
use crate::events::Hands;
use crate::servers::Server;
use crate::stored::{self, Stored};

/// 2024-03-01T12:34:56.789Z
pub(crate) const ARRIVAL_MS: u64 = 1_709_296_496_789;

const FUNCTION: &str = "firehose-transform";

/// The parts of a run before it starts. A test may change the options.
pub(crate) struct Plan {
    pub(crate) options: DeliveryStreamOptions,
    pub(crate) endpoint: Endpoint,
    /// The stream's clock.
    pub(crate) hands: Hands,
    backup: TempDir,
}

impl Plan {
    /// A run of this name, with its own index. Records arrive at [`ARRIVAL_MS`], buffers are sent
    /// only when they are full or flushed, and no pause is longer than a millisecond.
    pub(crate) async fn new(name: &str) -> Self {
        let backup = tempfile::tempdir().unwrap();
        let hands = Hands::at(ARRIVAL_MS);
        let index = format!("music-events-{name}");
        let options = DeliveryStreamOptions {
            processor_buffer_interval: Duration::from_hours(1),
            destination_buffer_interval: Duration::from_hours(1),
            longest_pause: Duration::from_millis(1),
            clock: hands.clock(),
            ..DeliveryStreamOptions::new("music", index, backup.path())
        };
        Self { options, endpoint: Endpoint::bind().await.unwrap(), hands, backup }
    }

    /// The real binary, with these variables in addition to Lambda's own. It puts records back into
    /// the stream of this run.
    pub(crate) async fn function(&self, variables: &[(&str, &str)]) -> Function {
        function(&self.endpoint.url(), self.options.concurrent_invocations, variables).await
    }

    /// Starts the stream.
    pub(crate) async fn start(self, url: &str, transform: impl Invoke) -> Pipeline {
        let Self { options, endpoint, backup, .. } = self;
        // Of any day, but of no other test.
        let indices = format!("{}-2024-*", options.index_name);
        let stream = DeliveryStream::start(options, endpoint, transform, url).await.unwrap();
        Pipeline { stream, indices, backup }
    }
}

/// The real binary with this number of environments, which puts records back at `endpoint`.
pub(crate) async fn function(
    endpoint: &str,
    concurrency: usize,
    variables: &[(&str, &str)],
) -> Function {
    let binary = tokio::task::spawn_blocking(|| local::binaries::function(FUNCTION));
    let binary = binary.await.unwrap().unwrap();
    let own = [("AWS_ENDPOINT_URL_FIREHOSE", endpoint), ("AWS_ENDPOINT_URL_KINESIS", endpoint)];
    let variables = own.iter().chain(variables);
    let environment = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment = environment.collect();
    let options =
        FunctionOptions { environment, concurrency, ..FunctionOptions::new(FUNCTION, binary) };
    Function::start(options).await.unwrap()
}

/// A running pipeline.
pub(crate) struct Pipeline {
    pub(crate) stream: DeliveryStream,
    indices: String,
    backup: TempDir,
}

impl Pipeline {
    pub(crate) async fn put(&self, payloads: &[Vec<u8>]) {
        for payload in payloads {
            self.stream.put_record(payload.clone()).await.unwrap();
        }
    }

    /// Waits until every record has its fate, and reads where they all are.
    pub(crate) async fn end(self, server: &Server) -> Ended {
        let report = self.stream.flush().await.unwrap();
        self.stream.stop().await;
        let documents = match report.delivered {
            0 => no_documents(server, &self.indices).await,
            _ => stored::documents(&server.client, &self.indices).await,
        };
        let ended = Ended { report, documents, backup: Backup::read(self.backup.path()) };
        ended.check_counts();
        ended
    }
}

async fn no_documents(server: &Server, indices: &str) -> Vec<Stored> {
    assert_eq!(server.client.count(indices).await.unwrap(), 0);
    Vec::new()
}

/// The results of a run.
pub(crate) struct Ended {
    pub(crate) report: Report,
    pub(crate) documents: Vec<Stored>,
    pub(crate) backup: Backup,
}

impl Ended {
    /// Asserts that the counts of the stream match what was found.
    fn check_counts(&self) {
        let Self { report, documents, backup } = self;
        assert_eq!((report.in_flight, report.unwritten, report.unaccounted()), (0, 0, 0));
        assert_eq!(documents.len() as u64, report.delivered);
        assert_eq!(backup.undelivered.len() as u64, report.delivery_failed);
        let unprocessed = report.processing_failed + report.invocation_failed;
        assert_eq!(backup.unprocessed.len() as u64, unprocessed);
        assert_eq!(report.ok, report.delivered + report.delivery_failed);
    }
}

/// Number of failed records by reason, from the function's log.
pub(crate) fn failures(function: &Function) -> BTreeMap<String, u64> {
    let mut failures = BTreeMap::new();
    for line in function.logs() {
        if line.stream != LogStream::Stderr {
            continue;
        }
        let line: Value = serde_json::from_str(&line.text).unwrap();
        if let (Some(reason), Some(count)) = (line["reason"].as_str(), line["count"].as_u64()) {
            *failures.entry(reason.to_owned()).or_default() += count;
        }
    }
    failures
}

/// The sum of a metric over all invocations.
pub(crate) fn metric(function: &Function, name: &str) -> u64 {
    let lines = function.logs().into_iter().filter(|line| line.stream == LogStream::Stdout);
    let lines = lines.map(|line| serde_json::from_str::<Value>(&line.text).unwrap());
    lines.map(|line| line[name].as_u64().unwrap()).sum()
}

/// A function whose requests and answers are recorded.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    function: Function,
    seen: Arc<Mutex<Vec<Exchange>>>,
}

/// One invocation.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Bytes,
    pub(crate) answer: Result<Bytes, InvokeError>,
}

impl Watched {
    pub(crate) fn new(function: Function) -> Self {
        Self { function, seen: Arc::default() }
    }

    /// All invocations so far.
    pub(crate) fn seen(&self) -> Vec<Exchange> {
        self.seen.lock().unwrap().clone()
    }
}

impl Invoke for Watched {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let answer = self.function.invoke(payload.clone()).await.map(|answer| answer.body);
        let exchange = Exchange { request: payload, answer: answer.clone() };
        self.seen.lock().unwrap().push(exchange);
        answer
    }
}
