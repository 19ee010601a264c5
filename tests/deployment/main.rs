#![cfg(test)]
//! The real template, deployed to a small AWS on this machine: messages in its queue and records in
//! objects of its bucket become documents, or are in the queue or the bucket where they belong.

use std::fs;
use std::time::Duration;

use http::Method;
use local::binaries;
use local::cloud::{Cloud, CloudError};
use local::opensearch::embedded::Lasting;
use local::opensearch::{
    Client as OpenSearch, Embedded, Environment, Fault, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME,
};
use local::sqs::Client as Sqs;
use serde_json::{Value, json};
use suite::cloud::{self, BUCKET, FUNCTIONS, STACK};
use tempfile::TempDir;
use tokio::process::Command;

/// Time limit of a wait.
const HANG: Duration = Duration::from_mins(2);

/// How often a condition that is waited for is checked.
const INTERVAL: Duration = Duration::from_millis(50);

const SEED: u64 = 71;
const EVENTS: usize = 250;

/// The deployed stack, and the OpenSearch that it writes to.
struct Stack {
    cloud: Cloud,
    /// Every service of the cloud, over plain HTTP.
    http: OpenSearch,
    sqs: Sqs,
    search: Embedded,
    documents: OpenSearch,
}

impl Stack {
    /// Deploys the stack. `None`, and a message, if a required program is missing; a failure if it
    /// must not be missing.
    async fn deploy() -> Option<Self> {
        let cloud = match Cloud::start().await {
            Ok(cloud) => cloud,
            Err(error @ CloudError::Missing(..)) if !Environment::read().require_real => {
                eprintln!("NOT RUN, because {error}");
                return None;
            }
            Err(error) => panic!("no cloud, because {error}"),
        };
        let search = Embedded::start().await.unwrap();
        let documents = OpenSearch::new(search.url()).unwrap();
        documents.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
        let binaries = || FUNCTIONS.map(|function| binaries::function(function).unwrap());
        let binaries = tokio::task::spawn_blocking(binaries).await.unwrap();
        // A message that fails becomes a dead letter instead of being redelivered.
        let parameters = [("MaxReceiveCount", "1")];
        let deployed = cloud::deploy(&cloud, &binaries, search.url(), &parameters).await;
        deployed.unwrap_or_else(|error| panic!("{error}"));
        let http = OpenSearch::new(cloud.url()).unwrap();
        let sqs = Sqs::new(cloud.url()).unwrap();
        Some(Self { cloud, http, sqs, search, documents })
    }

    async fn stop(self) {
        self.cloud.stop().await;
        self.search.stop().await;
    }

    /// Deploys the template again, as another environment whose functions are not used.
    async fn variant(&self, build: &TempDir, environment: &str, parameters: &[(&str, &str)]) {
        let parameters = [&[("EnvironmentName", environment)], parameters].concat();
        let name = format!("sluice-{environment}");
        let deployed = self.cloud.deploy(build.path(), &name, &parameters).await;
        deployed.unwrap_or_else(|error| panic!("{environment}: {error}\n{}", self.log()));
    }

    /// The URL of the queue whose name ends with `name`.
    async fn queue(&self, name: &str) -> String {
        self.queue_named(&format!("{STACK}-{name}")).await
    }

    async fn queue_named(&self, name: &str) -> String {
        let answer = self.sqs.call("GetQueueUrl", &json!({"QueueName": name})).await.unwrap();
        answer["QueueUrl"].as_str().unwrap().to_owned()
    }

    async fn send(&self, bodies: &[String]) {
        let url = self.queue("events").await;
        for bodies in bodies.chunks(10) {
            let entry = |(id, body)| json!({"Id": format!("{id}"), "MessageBody": body});
            let entries: Vec<_> = bodies.iter().enumerate().map(entry).collect();
            let members = json!({"QueueUrl": url, "Entries": entries});
            let answer = self.sqs.call("SendMessageBatch", &members).await.unwrap();
            assert_eq!(answer["Successful"].as_array().map(Vec::len), Some(bodies.len()));
        }
    }

    /// Waits until the queue has no message, not even in flight.
    async fn drained(&self, name: &str) {
        let url = self.queue(name).await;
        let drained = async {
            while self.sqs.message_count(&url).await.unwrap() > 0 {
                tokio::time::sleep(INTERVAL).await;
            }
        };
        let drained = tokio::time::timeout(HANG, drained).await;
        drained.unwrap_or_else(|_| panic!("messages stay in the queue:\n{}", self.log()));
    }

    /// The messages of a queue that contains at most ten; they are hidden afterwards.
    async fn messages(&self, name: &str) -> Vec<Value> {
        let members = json!({
            "QueueUrl": self.queue(name).await,
            "MaxNumberOfMessages": 10,
            "MessageAttributeNames": ["All"],
        });
        let answer = self.sqs.call("ReceiveMessage", &members).await.unwrap();
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// Number of messages in a queue.
    async fn waiting(&self, name: &str) -> u64 {
        self.sqs.message_count(&self.queue(name).await).await.unwrap()
    }

    /// The answer of the function whose name ends with `name`.
    async fn invoke(&self, name: &str, event: &'static str) -> Value {
        let path = format!("/2015-03-31/functions/{STACK}-{name}/invocations");
        let body = Some(("application/json", event.into()));
        let answer = self.http.send(Method::POST, &path, body).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.http.send(Method::GET, path, None).await.unwrap();
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// The configuration of the function of this name.
    async fn configuration(&self, name: &str) -> Value {
        self.get(&format!("/2015-03-31/functions/{name}/configuration")).await.parse().unwrap()
    }

    /// The variables of the function whose name ends with `name`.
    async fn variables(&self, name: &str) -> Value {
        self.configuration(&format!("{STACK}-{name}")).await["Environment"]["Variables"].clone()
    }

    async fn count(&self) -> u64 {
        self.documents.refresh("music-events-*").await.unwrap();
        self.documents.count("music-events-*").await.unwrap()
    }

    fn log(&self) -> String {
        self.cloud.last_lines()
    }
}

#[tokio::test]
async fn what_is_sent_to_the_deployed_queue_ends_where_it_belongs() {
    let Some(stack) = Stack::deploy().await else { return };
    println!("seed {SEED}");
    nothing_is_wrong(&stack).await;
    let events = local::sample::events(SEED, EVENTS);
    let events: Vec<_> = events.map(|event| String::from_utf8(event).unwrap()).collect();

    // Events become documents; other messages go to quarantine with the reason.
    stack.send(&events).await;
    stack.send(&["no event".to_owned()]).await;
    stack.drained("events").await;
    assert_eq!(stack.count().await, 250, "{}", stack.log());
    let quarantined = stack.messages("quarantine").await;
    assert_eq!(quarantined.len(), 1, "{}", stack.log());
    assert_eq!(quarantined[0]["Body"], "no event");
    let reason = &quarantined[0]["MessageAttributes"]["sluice.reason"]["StringValue"];
    assert_eq!(reason, "invalid_json");

    // A message that is sent twice with the same id is written once.
    let has_id = |event: &&String| {
        let event: Value = event.parse().unwrap();
        ["event_id", "eventId", "id"].iter().any(|name| event[name].is_string())
    };
    let twice: Vec<_> = events.iter().filter(has_id).take(20).cloned().collect();
    assert_eq!(twice.len(), 20);
    stack.send(&twice).await;
    stack.drained("events").await;
    assert_eq!(stack.count().await, 250, "{}", stack.log());
    assert_eq!(stack.waiting("events-dlq").await, 0);

    // While OpenSearch is unavailable, messages become dead letters: nothing else is lost or
    // written.
    stack.search.fail(Fault::Status(503), Lasting::UntilCleared);
    let late = r#"{"event_id":"late","event_type":"play","timestamp":"2024-03-01T12:00:00Z"}"#;
    stack.send(&[late.to_owned()]).await;
    stack.drained("events").await;
    assert_eq!(stack.waiting("events-dlq").await, 1, "{}", stack.log());
    stack.search.clear_faults();
    assert_eq!(stack.count().await, 250);

    // When it is available again, they are moved back, and become documents, too.
    let answer = stack.invoke("dlq-redrive", r#"{"action":"redrive","mode":"selective"}"#).await;
    assert_eq!((&answer["moved"], &answer["complete"]), (&json!(1), &json!(true)), "{answer}");
    stack.drained("events").await;
    assert_eq!(stack.count().await, 251, "{}", stack.log());
    assert_eq!(stack.waiting("events-dlq").await, 0);
    assert_eq!(stack.waiting("parking").await, 0);
    objects_become_documents(&stack).await;
    variants_deploy(&stack).await;
    stack.stop().await;
}

/// In a VPC, with a collection, with keys, and the lake, as far as MiniStack supports the
/// resources. Concurrently, because `sam deploy` mostly waits.
async fn variants_deploy(stack: &Stack) {
    let build = cloud::build(&[]).unwrap();
    tokio::join!(
        in_a_vpc_it_deploys(stack, &build),
        with_a_collection_it_deploys(stack, &build),
        with_keys_it_deploys(stack, &build),
        the_lake_deploys(stack),
    );
}

async fn in_a_vpc_it_deploys(stack: &Stack, build: &TempDir) {
    let network = [("SubnetIds", "subnet-1a,subnet-2b"), ("SecurityGroupIds", "sg-3c")];
    stack.variant(build, "vpc", &network).await;
    let function = stack.configuration("sluice-vpc-sqs-consumer").await;
    // MiniStack does not store the network settings, which tests/template checks.
    assert_eq!(function["State"], "Active", "{function}");
}

async fn with_a_collection_it_deploys(stack: &Stack, build: &TempDir) {
    // Without CollectionName: MiniStack does not support data access policies.
    let collection = [
        ("CollectionArn", "arn:aws:aoss:us-east-1:000000000000:collection/c0ffee"),
        ("IndexRotation", "NoRotation"),
        ("LargePayloadBucketName", BUCKET),
    ];
    stack.variant(build, "collection", &collection).await;
    let function = stack.configuration("sluice-collection-sqs-consumer").await;
    let variables = &function["Environment"]["Variables"];
    assert_eq!(variables["OPENSEARCH_ENDPOINT"], "https://c0ffee.us-east-1.aoss.amazonaws.com");
    assert_eq!(variables["OPENSEARCH_SERVICE"], "aoss");
    assert_eq!(variables["LARGE_PAYLOADS"], "fetch");
}

async fn with_keys_it_deploys(stack: &Stack, build: &TempDir) {
    let key = "arn:aws:kms:us-east-1:000000000000:key/1234";
    let keys = [
        ("QueueKeyArn", key),
        ("BackupKeyArn", key),
        ("LogKeyArn", key),
        ("QueueSenderOrganization", "o-a1b2c3d4e5"),
        ("TracingMode", "Active"),
    ];
    stack.variant(build, "keys", &keys).await;
    for queue in ["events", "events-dlq", "quarantine", "parking", "alerts-dlq"] {
        let url = stack.queue_named(&format!("sluice-keys-{queue}")).await;
        let of_queue = stack.sqs.queue_attribute(&url, "KmsMasterKeyId").await.unwrap();
        assert_eq!(of_queue, key, "{queue}");
    }
}

/// Without conversion, which MiniStack does not support.
async fn the_lake_deploys(stack: &Stack) {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = suite::read("infra/lake.yaml");
    // MiniStack does not support metric math.
    lake["Resources"].as_object_mut().unwrap().remove("ConversionAlarm").unwrap();
    fs::write(folder.path().join("template.yaml"), lake.to_string()).unwrap();
    let parameters = [("StreamArn", "arn:aws:kinesis:us-east-1:000000000000:stream/sluice-local")];
    let deployed = stack.cloud.deploy(folder.path(), "sluice-lake", &parameters).await;
    deployed.unwrap_or_else(|error| panic!("{error}\n{}", stack.log()));
}

/// The findings of `sluice doctor` in a stack of MiniStack, and the reasons.
const TOLERATED: [(&str, &str); 7] = [
    ("delivery_destination", "MiniStack has no delivery to OpenSearch"),
    ("encryption", "MiniStack does not keep the encryption of streams and topics"),
    ("log_subscription", "MiniStack creates no subscription filters"),
    ("max_receive_count", "the parameter MaxReceiveCount is 1"),
    ("no_subscriber", "the parameter AlarmEmail is empty"),
    ("not_read", "MiniStack does not speak the protocol of CloudWatch"),
    ("template_version", "the nested stacks are in the template itself"),
];

/// Expects that `sluice doctor` finds nothing else in the new stack.
async fn nothing_is_wrong(stack: &Stack) {
    let command = binaries::target_folder().unwrap().join("debug/sluice");
    // Cargo builds it with the tests of the workspace.
    if !command.is_file() {
        eprintln!("NOT RUN: doctor, because {} does not exist", command.display());
        return;
    }
    let mut command = Command::new(command);
    command.args(["doctor", "--stack", STACK, "--json"]);
    command.env("AWS_ENDPOINT_URL", stack.cloud.url());
    let output = command.output().await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let others = findings.filter(|it| !TOLERATED.iter().any(|(check, _)| it["check"] == *check));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Value>::new());
    let count = |what| {
        let subjects = report["looked_at"].as_array().unwrap().iter();
        subjects.filter(|subject| subject["what"] == what).count()
    };
    assert_eq!(["function", "queue", "opensearch"].map(count), [7, 7, 1], "{report:#}");
}

/// Expects 251 documents, and leaves two more.
async fn objects_become_documents(stack: &Stack) {
    const OBJECT: &str = "{\"event_type\":\"play\"}\nno event\n{\"event_type\":\"play\"}\n";
    cloud::put(&stack.http, &format!("/{BUCKET}/in/events.ndjson"), OBJECT).await.unwrap();
    let loaded = async {
        while stack.count().await < 253 {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    let loaded = tokio::time::timeout(HANG, loaded).await;
    loaded.unwrap_or_else(|_| panic!("an object is not loaded:\n{}", stack.log()));
    stack.drained("objects").await;
    assert_eq!(stack.count().await, 253, "{}", stack.log());
    assert_eq!(stack.waiting("objects-dlq").await, 0);

    // A record that is not an event is stored in the backup bucket with the reason.
    let variables = stack.variables("object-loader").await;
    let bucket = variables["FAILURES_BUCKET"].as_str().unwrap();
    let keys = stack.get(&format!("/{bucket}?list-type=2&prefix=object-loader-failed/")).await;
    let key = keys.split("<Key>").nth(1).and_then(|rest| rest.split("</Key>").next());
    let key = key.unwrap_or_else(|| panic!("nothing is kept: {keys}"));
    let refused: Value = stack.get(&format!("/{bucket}/{key}")).await.parse().unwrap();
    assert_eq!(refused["errorCode"], "invalid_json", "{refused}");
    assert_eq!(refused["source"]["key"], "in/events.ndjson", "{refused}");
}
