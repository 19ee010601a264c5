//! The real binary behind a Lambda Runtime API, with S3 and OpenSearch in this process, or a real S3
//! of MiniStack.

#![cfg(test)]

use local::cloud::{Cloud, CloudError};
use local::opensearch::{Client, Embedded, Environment};
use local::s3;
use object_loader::{Objects, S3Objects};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::s3::S3;
use testkit::{
    Binary, Call, Endpoint, FUNCTION_NAME, Observed, Reply, metric_line, outside_of_lambda, refusal,
};

const BINARY: &str = env!("CARGO_BIN_EXE_object-loader");
const QUEUE_ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:objects";
/// 2024-03-01T12:34:58Z
const MODIFIED_MS: i64 = 1_709_296_498_000;

/// The binary with an OpenSearch and an SQS that accepts everything.
struct Scene {
    _opensearch: Embedded,
    documents: Client,
    queues: Endpoint,
    binary: Binary,
}

impl Scene {
    async fn new(s3_url: &str) -> Self {
        let (opensearch, documents) = testkit::opensearch().await;
        let queues = Endpoint::start(|_: &Call| Reply::json(200, &json!({"MessageId": "q"}))).await;
        let queue = format!("{}/123456789012/objects", queues.url);
        let variables = [
            ("OPENSEARCH_ENDPOINT", opensearch.url()),
            ("OPENSEARCH_AUTH", "none"),
            ("AWS_ENDPOINT_URL_SQS", &queues.url),
            ("AWS_ENDPOINT_URL_S3", s3_url),
            ("FAILURES_BUCKET", "backup"),
            ("CONTINUE_QUEUE_URL", &queue),
        ];
        let binary = Binary::new(BINARY, &variables).await;
        Self { _opensearch: opensearch, documents, queues, binary }
    }

    /// Invokes the function with a message with this body.
    async fn invoke(&mut self, body: &Value) -> Observed {
        let message = json!({
            "messageId": "m", "receiptHandle": "r", "eventSourceARN": QUEUE_ARN,
            "body": body.to_string(), "attributes": {"ApproximateReceiveCount": "9"},
        });
        self.binary.invoke(json!({"Records": [message]}).to_string()).await
    }

    async fn documents(&self) -> u64 {
        self.documents.count("music-events-*").await.unwrap()
    }
}

const OBJECT: &str = concat!(
    "{\"id\":\"a\",\"ts\":1709296496}\n",
    "{\"id\":\"b\",\"ts\":1709296496,\"Records\":1}\n",
    "not a record\n",
    "{\"ts\":1709296496}\n",
);

fn notification(key: &str) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3",
        "detail": {"bucket": {"name": "plays"}, "object": {"key": key, "size": 1, "etag": "e"}},
    })
}

fn load(bucket: &str, key: &str) -> Value {
    json!({"sluice": "load", "bucket": bucket, "key": key})
}

fn assert_done(observed: &Observed) {
    assert_eq!(observed.json(), json!({"batchItemFailures": []}), "{:?}", observed.stderr);
}

#[tokio::test]
async fn an_object_becomes_documents_and_what_is_refused_is_kept() {
    let s3 = s3::Embedded::start().await.unwrap();
    s3.put("plays", "2024/a b+é.json", OBJECT, MODIFIED_MS);
    let mut scene = Scene::new(s3.url()).await;
    let observed = scene.invoke(&notification("2024/a b+é.json")).await;
    assert_done(&observed);
    assert_eq!(scene.documents().await, 3);
    let count = |name, value| (name, "Count", value);
    let bulk_bytes = observed.metrics()["BulkBytes"];
    let expected = metric_line(
        "Sluice",
        &[("FunctionName", FUNCTION_NAME)],
        &[
            count("ObjectsIn", 1),
            count("ObjectsDone", 1),
            count("ObjectsContinued", 0),
            count("ObjectsRetried", 0),
            count("ObjectsIgnored", 0),
            count("ObjectsSuperseded", 0),
            count("RecordsIn", 4),
            count("DocumentsIndexed", 3),
            count("DocumentsDuplicate", 0),
            count("RecordsRefused", 1),
            count("RecordsDropped", 0),
            ("BytesRead", "Bytes", OBJECT.len() as u64),
            count("BulkRequests", 1),
            ("BulkBytes", "Bytes", bulk_bytes),
        ],
    );
    assert_eq!(observed.metric_line(), expected);
    assert!(bulk_bytes > 300, "{bulk_bytes}");
    let refused = observed.reasons("first_object");
    let first = "s3://plays/2024/a b+é.json".to_owned();
    assert_eq!(refused, [("invalid_json".to_owned(), (1, first))].into());
    observed.assert_hidden(&["not a record"]);
    let kept = s3.objects("backup");
    let (key, body) = kept.iter().next().unwrap();
    assert!(key.starts_with("object-loader-failed/2024/03/01/12/"), "{key}");
    let line: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(line["rawData"], "bm90IGEgcmVjb3Jk");
    // Its own notification is ignored; a request for it is not.
    let mut own = notification(key);
    own["detail"]["bucket"]["name"] = json!("backup");
    assert_eq!(scene.invoke(&own).await.metrics()["ObjectsIgnored"], 1);
    let again = scene.invoke(&load("backup", key)).await;
    assert_done(&again);
    assert_eq!(again.metrics()["RecordsRefused"], 1);
}

#[tokio::test]
async fn what_cannot_be_loaded_is_redelivered() {
    let s3 = s3::Embedded::start().await.unwrap();
    s3.put("plays", "text", "plain text", MODIFIED_MS);
    let mut scene = Scene::new(s3.url()).await;
    for (body, reason) in [
        (notification("missing"), "object_not_found"),
        (notification("text"), "unknown_format"),
        (json!({"hello": "world"}), "no_object"),
    ] {
        let observed = scene.invoke(&body).await;
        assert_eq!(observed.json(), json!({"batchItemFailures": [{"itemIdentifier": "m"}]}));
        let expected = [(reason.to_owned(), (1, "m".to_owned()))].into();
        assert_eq!(observed.reasons("first_message_id"), expected);
        assert_eq!(scene.queues.take_calls().len(), 0, "no delay: waiting does not help");
    }
}

#[tokio::test]
async fn a_server_that_answers_a_part_with_the_whole_is_not_believed() {
    let s3 = Endpoint::start(|_: &Call| Reply::new(200, "text/plain", OBJECT)).await;
    let mut scene = Scene::new(&s3.url).await;
    let mut request = load("plays", "k");
    request["offset"] = json!(OBJECT.len() / 2);
    let observed = scene.invoke(&request).await;
    assert_eq!(observed.json(), json!({"batchItemFailures": [{"itemIdentifier": "m"}]}));
    assert_eq!(scene.documents().await, 0);
}

#[tokio::test]
async fn a_real_s3_is_read_and_written() {
    let cloud = match Cloud::start().await {
        Ok(cloud) => cloud,
        Err(error @ CloudError::Missing(..)) if !Environment::read().require_real => {
            eprintln!("NOT RUN, because {error}");
            return;
        }
        Err(error) => panic!("no cloud, because {error}"),
    };
    let variables = [
        ("AWS_ENDPOINT_URL_S3", cloud.url()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let s3 = S3Objects::new(Aws::from_environment(&variables.into_iter().collect(), &[S3]));
    for bucket in ["plays", "backup"] {
        s3.client().create_bucket().bucket(bucket).send().await.unwrap();
    }
    s3.put("plays", "a b.json", OBJECT.repeat(2_000).into()).await.unwrap();
    let mut scene = Scene::new(cloud.url()).await;
    let observed = scene.invoke(&notification("a b.json")).await;
    assert_done(&observed);
    let metrics = observed.metrics();
    assert_eq!((metrics["RecordsIn"], metrics["RecordsRefused"]), (8_000, 2_000));
    // Among the events with an id, the repeated ones.
    assert_eq!((metrics["DocumentsIndexed"], metrics["DocumentsDuplicate"]), (2_002, 3_998));
    // The rest, starting with the second half, by a range.
    let offset = OBJECT.len() * 1_000;
    let request = json!({"sluice": "load", "bucket": "plays", "key": "a b.json", "offset": offset});
    let observed = scene.invoke(&request).await;
    assert_done(&observed);
    let metrics = observed.metrics();
    assert_eq!((metrics["RecordsIn"], metrics["DocumentsDuplicate"]), (4_000, 3_000));
    let gone = json!({"sluice": "load", "bucket": "plays", "key": "a b.json", "etag": "\"0\""});
    assert_eq!(scene.invoke(&gone).await.metrics()["ObjectsSuperseded"], 1);
    assert_eq!(scene.invoke(&notification("none")).await.metrics()["ObjectsRetried"], 1);
    cloud.stop().await;
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start() {
    let variables = [
        ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9"),
        ("FAILURES_BUCKET", "backup"),
        ("CONTINUE_QUEUE_URL", "http://127.0.0.1:9/1/objects"),
        ("FORMAT", "csv"),
    ];
    let message = refusal(BINARY, &variables).await;
    assert_eq!(message, "FORMAT is \"csv\", but must be auto or text");
    let message = refusal(BINARY, &variables[..1]).await;
    assert_eq!(message, "FAILURES_BUCKET is \"\", but must be the name of a bucket");
}

#[test]
fn outside_of_lambda_it_says_how_to_run_it() {
    let message = outside_of_lambda(BINARY);
    assert!(message.contains("cargo sluice invoke object-loader"), "{message}");
}
