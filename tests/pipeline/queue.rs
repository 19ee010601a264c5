//! The pipeline through SQS: a queue, its mapping, the real `sqs-consumer` and OpenSearch, while
//! every part fails in turn. Nothing may be lost.

mod failing;
mod killed;
mod ordinary;
mod outage;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use local::runtime_api::{Function, FunctionOptions};
use local::sqs::{Client, Clock, Embedded, EventSourceMapping, EventSourceMappingOptions, Report};
use serde_json::{Value, json};

use crate::events::{DERIVED, Fate, fate_of_message};
use crate::run::ARRIVAL_MS;
use crate::servers::Server;
use crate::stored;

const FUNCTION: &str = "sqs-consumer";

/// Time limit of a wait.
const HANG: Duration = Duration::from_mins(5);

/// The queue's visibility timeout.
const VISIBILITY: Duration = Duration::from_mins(6);

/// A queue with its dead-letter queue and the quarantine, and the index of its documents.
struct Line {
    sqs: Embedded,
    client: Client,
    main: String,
    dead: String,
    quarantine: String,
    index: String,
    /// The number of seconds by which SQS's clock is ahead.
    ahead: Arc<AtomicU64>,
}

impl Line {
    /// Creates the queues; messages are given up after this number of receives.
    async fn new(name: &str, max_receive_count: u32) -> Self {
        let ahead = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&ahead);
        let clock = Clock::new(move || {
            SystemTime::now() + Duration::from_secs(seconds.load(Ordering::Relaxed))
        });
        let sqs = Embedded::with_clock(clock).await.unwrap();
        let client = Client::new(sqs.url()).unwrap();
        let dead = client.create_queue("dead", &[]).await.unwrap();
        let arn = client.queue_attribute(&dead, "QueueArn").await.unwrap();
        let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": max_receive_count});
        let (policy, visibility) = (policy.to_string(), VISIBILITY.as_secs().to_string());
        let attributes = [("RedrivePolicy", policy.as_str()), ("VisibilityTimeout", &visibility)];
        let main = client.create_queue("main", &attributes).await.unwrap();
        let quarantine = client.create_queue("quarantine", &[]).await.unwrap();
        let index = format!("music-events-queue-{name}");
        Self { sqs, client, main, dead, quarantine, index, ahead }
    }

    /// The real binary; failed messages are retried immediately.
    async fn function(&self, server: &Server) -> Function {
        let binary = tokio::task::spawn_blocking(|| local::binaries::function(FUNCTION));
        let binary = binary.await.unwrap().unwrap();
        let own = [
            ("OPENSEARCH_ENDPOINT", server.url.as_str()),
            ("OPENSEARCH_AUTH", "none"),
            ("INDEX", &self.index),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.url()),
            ("QUARANTINE_QUEUE_URL", &self.quarantine),
            ("RETRY_BASE_SECONDS", "0"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options =
            FunctionOptions { environment: own.to_vec(), ..FunctionOptions::new(FUNCTION, binary) };
        Function::start(options).await.unwrap()
    }

    /// One invocation at a time, of ten messages.
    async fn mapping(&self, function: &Function) -> EventSourceMapping {
        let options = EventSourceMappingOptions {
            maximum_concurrency: 1,
            ..EventSourceMappingOptions::new(&self.main)
        };
        self.mapping_with(options, function).await
    }

    async fn mapping_with(
        &self,
        options: EventSourceMappingOptions,
        function: &Function,
    ) -> EventSourceMapping {
        EventSourceMapping::start(options, self.client.clone(), function.clone()).await.unwrap()
    }

    async fn send(&self, bodies: &[String]) {
        for bodies in bodies.chunks(10) {
            let entries: Vec<_> = bodies
                .iter()
                .enumerate()
                .map(|(id, body)| json!({"Id": id.to_string(), "MessageBody": body}))
                .collect();
            let members = json!({"QueueUrl": self.main, "Entries": entries});
            let answer = self.client.call("SendMessageBatch", &members).await.unwrap();
            assert_eq!(answer["Failed"], json!([]));
        }
    }

    /// Waits until the queue is empty.
    async fn drained(&self, mapping: &EventSourceMapping) -> Report {
        self.emptied(mapping, || ()).await
    }

    /// Waits until the queue is empty, and lets failed messages be redelivered: when the mapping is
    /// processing none, advances SQS's clock by the visibility timeout. A message that the mapping
    /// is receiving at that moment is delivered twice.
    async fn drained_by_the_clock(&self, mapping: &EventSourceMapping) -> Report {
        let go_on = || {
            if mapping.report().in_hand == 0 {
                self.ahead.fetch_add(VISIBILITY.as_secs(), Ordering::Relaxed);
            }
        };
        self.emptied(mapping, go_on).await
    }

    async fn emptied(&self, mapping: &EventSourceMapping, look: impl Fn()) -> Report {
        let emptied = async {
            while self.count(&self.main).await > 0 {
                look();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(HANG, emptied).await.expect("the queue is emptied");
        // The last messages are deleted, but may not have been counted yet.
        mapping.until(|report| report.in_hand == 0).await
    }

    async fn count(&self, queue: &str) -> u64 {
        self.client.message_count(queue).await.unwrap()
    }

    /// All messages of a queue; they are hidden afterwards.
    async fn messages(&self, queue: &str) -> Vec<Value> {
        let mut all = Vec::new();
        self.client.receive_all(queue, |message| all.push(message.clone())).await.unwrap();
        all
    }

    /// The body and the reason of each message in quarantine.
    async fn quarantined(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let body_and_reason = |message: &Value| {
            let reason = text(&message["MessageAttributes"]["sluice.reason"]["StringValue"]);
            (text(&message["Body"]), reason)
        };
        self.messages(&self.quarantine).await.iter().map(body_and_reason).collect()
    }

    /// The ids of the documents, sorted, with [`DERIVED`] for those that are derived from a
    /// message.
    async fn ids(&self, server: &Server) -> Vec<String> {
        let documents = stored::documents(&server.client, &self.index).await;
        let is_derived = |id: &str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let id = |id: String| if is_derived(&id) { DERIVED.to_owned() } else { id };
        let mut ids: Vec<_> = documents.into_iter().map(|stored| id(stored.id)).collect();
        ids.sort();
        ids
    }
}

/// The expected results of messages that contain one event each.
#[derive(Default)]
struct Expected {
    /// Sorted.
    ids: Vec<String>,
    /// Body and reason.
    quarantined: Vec<(String, String)>,
}

fn expected(bodies: &[String]) -> Expected {
    let mut expected = Expected::default();
    for body in bodies {
        match fate_of_message(body.as_bytes(), ARRIVAL_MS) {
            Fate::Document(document) => expected.ids.push(document.id),
            Fate::Dropped => expected.quarantined.push((body.clone(), "empty".to_owned())),
            Fate::Refused(reason) => {
                expected.quarantined.push((body.clone(), reason.to_owned()));
            }
        }
    }
    expected.ids.sort();
    // An event with its own id is one document, however often it is sent; without an id, each
    // message is one.
    expected.ids.dedup_by(|one, other| one == other && one != DERIVED);
    expected.quarantined.sort();
    expected
}

/// Valid events, as message bodies.
fn bodies(seed: u64, count: usize) -> Vec<String> {
    local::sample::events(seed, count).map(|event| String::from_utf8(event).unwrap()).collect()
}

/// Valid events, with an invalid one after every third.
fn bodies_with_poison(seed: u64, count: usize) -> Vec<String> {
    let poison = |number: usize| format!("{{\"poison\": {number}");
    let with = |(number, body): (usize, String)| {
        let after = number.is_multiple_of(3).then(|| poison(number));
        std::iter::once(body).chain(after)
    };
    bodies(seed, count).into_iter().enumerate().flat_map(with).collect()
}
