//! The real binary behind a Lambda Runtime API, with an OpenSearch in this process or a real one, and
//! a scripted SQS.

#![cfg(test)]

mod support {
    pub(crate) mod event;
    pub(crate) mod fixture;
    pub(crate) mod index;
    pub(crate) mod queues;
}

mod real {
    mod passthrough;
    mod refusals;
}

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use local::opensearch::embedded::{Lasting, Which};
use local::opensearch::{Client, Embedded, Fault};
use serde_json::{Value, json};
use testkit::{
    Binary, Endpoint, FUNCTION_NAME, Fixture, Observed, fixtures, metric_line, pairs, refusal,
};

use support::event::{QUEUE_ARN, event, message, play};
use support::fixture::Golden;
use support::queues::{Act, entries, sqs};

const BINARY: &str = env!("CARGO_BIN_EXE_sqs-consumer");

/// Represents no quarantine queue, and no other variable.
const NO_QUARANTINE: (&str, &str) = ("QUARANTINE_QUEUE_URL", "none");

/// The binary with its own OpenSearch and SQS.
struct Scene {
    opensearch: Embedded,
    client: Client,
    queues: Endpoint,
    binary: Binary,
}

impl Scene {
    async fn new(variables: &[(&str, &str)], acts: impl IntoIterator<Item = Act>) -> Self {
        Self::with_timeout(variables, acts, Duration::from_mins(1)).await
    }

    async fn with_timeout(
        variables: &[(&str, &str)],
        acts: impl IntoIterator<Item = Act>,
        timeout: Duration,
    ) -> Self {
        let (opensearch, client) = testkit::opensearch().await;
        let queues = sqs(acts).await;
        let quarantine = format!("{}/123456789012/quarantine", queues.url);
        let mut all = vec![
            ("OPENSEARCH_ENDPOINT", opensearch.url()),
            ("OPENSEARCH_AUTH", "none"),
            ("AWS_ENDPOINT_URL_SQS", &queues.url),
        ];
        if !variables.contains(&NO_QUARANTINE) {
            all.push(("QUARANTINE_QUEUE_URL", &quarantine));
            // The last value of a name applies.
            all.extend(variables);
        }
        let binary = Binary::with_timeout(BINARY, &all, timeout).await;
        Self { opensearch, client, queues, binary }
    }

    async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        self.binary.invoke(event).await
    }
}

/// The ids of the messages that are redelivered, in the order of the answer.
fn redelivered(observed: &Observed) -> Vec<String> {
    let answer = observed.json();
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let id = |failure: &Value| failure["itemIdentifier"].as_str().unwrap().to_owned();
    let ids: Vec<_> = failures.iter().map(id).collect();
    let failures: Vec<_> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
    assert_eq!(answer, json!({"batchItemFailures": failures}), "nothing else");
    ids
}

/// The reasons in the log, each with the number of messages and the id of the first one.
fn reasons(observed: &Observed) -> BTreeMap<String, (u64, String)> {
    observed.reasons("first_message_id")
}

/// An event that the crate's type rejects, with null instead of a list.
const WITH_NULLS: &str = "fifo-with-null-attributes";

/// Checks that event and answer can be parsed with the types of `aws_lambda_events`.
fn check_types(name: &str, event: &[u8], observed: &Observed) {
    let event: SqsEvent =
        serde_json::from_slice(event).unwrap_or_else(|error| panic!("{name}: {error}"));
    let answer: SqsBatchResponse = serde_json::from_slice(observed.body()).unwrap();
    for failure in answer.batch_item_failures {
        let mut ids = event.records.iter().filter_map(|message| message.message_id.as_ref());
        assert!(ids.any(|id| *id == failure.item_identifier), "{name}");
    }
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("sqs-consumer", 20) {
        let answering = golden.answering().await;
        let mut variables = pairs(&golden.environment);
        if let Some(endpoint) = &answering {
            variables.extend([("OPENSEARCH_ENDPOINT", &*endpoint.url), ("BULK_GZIP", "off")]);
        }
        let mut scene = Scene::new(&variables, []).await;
        if let Some(fault) = golden.fault() {
            scene.opensearch.fail(fault, Lasting::UntilCleared);
        }
        let observed = scene.invoke(event.clone()).await;
        if golden.error_type.is_none() && name != WITH_NULLS {
            check_types(&name, &event, &observed);
        }
        let is_written = golden.error_type.is_none()
            && golden.fault().is_none()
            && !golden.environment.contains_key("INDEX");
        let documents = golden.documents.len() as u64;
        check(&name, golden, &scene, &observed).await;
        if is_written && answering.is_none() {
            // Delivered again, all its documents already exist.
            let again = scene.invoke(event).await.metrics();
            assert_eq!(again["DocumentsIndexed"], 0, "{name}");
            assert!(again["DocumentsDuplicate"] >= documents, "{name}");
        }
    }
}

async fn check(name: &str, golden: Golden, scene: &Scene, observed: &Observed) {
    match golden.error_type.zip(golden.error_message) {
        Some(error) => assert_eq!(observed.error(), error, "{name}"),
        None => assert_eq!(redelivered(observed), golden.batch_item_failures, "{name}"),
    }
    let (mut quarantine, mut visibility_changed) = (Vec::new(), Vec::new());
    for call in scene.queues.calls() {
        for mut entry in entries(&call) {
            entry.as_object_mut().unwrap().remove("Id").unwrap();
            if call.operation == "SendMessageBatch" {
                quarantine.push(entry);
            } else {
                visibility_changed.push(entry["ReceiptHandle"].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(json!(quarantine), json!(golden.quarantine), "{name}");
    assert_eq!(visibility_changed, golden.visibility_changed, "{name}");
    let mut documents = support::index::documents(&scene.client).await;
    for document in &mut documents {
        if let Some(ingested) = document.pointer_mut("/document/event/ingested") {
            *ingested = json!("<now>");
        }
    }
    assert_eq!(json!(documents), json!(golden.documents), "{name}");
    assert_eq!(reasons(observed), golden.reasons, "{name}");
    let mut metrics = observed.metrics();
    let bulk_bytes = metrics.remove("BulkBytes").unwrap();
    assert_eq!(bulk_bytes > 0, metrics["BulkRequests"] > 0, "{name}");
    assert_eq!(metrics, golden.metrics, "{name}");
}

#[tokio::test]
async fn metrics_are_one_line_of_embedded_metric_format() {
    let mut scene = Scene::new(&[("METRICS_NAMESPACE", "Team/Music")], []).await;
    let observed = scene.invoke(event(&[message("m0", &play("a")), message("m1", "oops")])).await;
    let dimensions = [("FunctionName", FUNCTION_NAME), ("QueueName", "music")];
    let bulk_bytes = observed.metrics()["BulkBytes"];
    assert!(bulk_bytes > 100);
    let metrics = [
        ("MessagesIn", "Count", 2),
        ("MessagesDone", "Count", 1),
        ("MessagesRetried", "Count", 0),
        ("MessagesQuarantined", "Count", 1),
        ("DocumentsIndexed", "Count", 1),
        ("DocumentsDuplicate", "Count", 0),
        ("DocumentsRefused", "Count", 1),
        ("BulkRequests", "Count", 1),
        ("BulkBytes", "Bytes", bulk_bytes),
    ];
    assert_eq!(observed.metric_line(), metric_line("Team/Music", &dimensions, &metrics));
}

#[tokio::test]
async fn what_comes_again_is_written_once() {
    let mut scene = Scene::new(&[], []).await;
    scene.opensearch.fail(Fault::DropAfterWriting, Lasting::Requests(1));
    let event = event(&[message("m0", &play("a")), message("m1", &play("b"))]);
    assert_eq!(redelivered(&scene.invoke(event.clone()).await), ["m0", "m1"]);
    let observed = scene.invoke(event).await;
    assert_eq!(redelivered(&observed), [""; 0]);
    let metrics = observed.metrics();
    assert_eq!((metrics["DocumentsIndexed"], metrics["DocumentsDuplicate"]), (0, 2));
    assert_eq!(support::index::ids(&scene.client).await, ["a", "b"]);
}

#[tokio::test]
async fn requests_are_compressed_unless_told_otherwise() {
    for gzip in ["on", "off"] {
        let mut scene = Scene::new(&[("BULK_GZIP", gzip)], []).await;
        let messages: Vec<_> =
            (0..50).map(|at| message(&format!("m{at}"), &play(&at.to_string()))).collect();
        assert_eq!(redelivered(&scene.invoke(event(&messages)).await), [""; 0], "{gzip}");
        assert_eq!(support::index::ids(&scene.client).await.len(), 50, "{gzip}");
    }
}

#[tokio::test]
async fn entries_that_sqs_fails_are_looked_at_one_by_one() {
    let messages: Vec<_> = (0..4).map(|at| message(&format!("m{at}"), "oops")).collect();
    for (reply, expected) in [
        (Act::Except(vec![1, 3]), vec!["m1", "m3"]),
        (Act::Mention(3), vec!["m3"]),
        (Act::Error(400, "AWS.SimpleQueueService.NonExistentQueue"), vec!["m0", "m1", "m2", "m3"]),
    ] {
        let mut scene = Scene::new(&[], [reply]).await;
        let observed = scene.invoke(event(&messages)).await;
        assert_eq!(redelivered(&observed), expected);
        // Waiting does not help them: nothing except the quarantine is called.
        let operations: Vec<_> =
            scene.queues.calls().into_iter().map(|call| call.operation).collect();
        assert_eq!(operations, ["SendMessageBatch"]);
        assert_eq!(reasons(&observed)["not_quarantined"].0, expected.len() as u64);
    }
}

#[tokio::test]
async fn a_visibility_timeout_that_is_not_changed_is_told_and_changes_nothing() {
    for reply in [Act::Except(vec![0]), Act::Error(403, "AccessDeniedException")] {
        let mut scene = Scene::new(&[], [reply]).await;
        scene.opensearch.fail(Fault::Status(429), Lasting::UntilCleared);
        let observed = scene.invoke(event(&[message("m0", &play("a"))])).await;
        assert_eq!(redelivered(&observed), ["m0"]);
        let told =
            observed.stderr.iter().filter(|line| line.contains("visibility timeouts not changed"));
        assert_eq!(told.count(), 1, "{:?}", observed.stderr);
    }
}

#[tokio::test]
async fn visibility_is_changed_in_the_messages_own_queue_ten_at_a_time() {
    let mut scene = Scene::new(&[("RETRY_BASE_SECONDS", "0")], []).await;
    scene.opensearch.fail(Fault::Status(503), Lasting::UntilCleared);
    let mut messages: Vec<_> = (0..23).map(|at| message(&format!("m{at}"), &play("a"))).collect();
    messages[5].as_object_mut().unwrap().remove("receiptHandle");
    assert_eq!(redelivered(&scene.invoke(event(&messages)).await).len(), 23);
    let calls = scene.queues.calls();
    let mut lengths: Vec<_> = calls.iter().map(|call| entries(call).len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [2, 10, 10]);
    for call in calls {
        assert_eq!(call.operation, "ChangeMessageVisibilityBatch");
        assert_eq!(call.json()["QueueUrl"], format!("{}/123456789012/music", scene.queues.url));
        for entry in entries(&call) {
            assert_eq!(entry["VisibilityTimeout"], 0);
            assert!(entry["ReceiptHandle"].as_str().unwrap().starts_with("handle-m"));
        }
    }
}

#[tokio::test]
async fn the_answer_is_given_in_time_whatever_hangs() {
    let (variables, acts) = ([("DEADLINE_MARGIN_MS", "600")], vec![Act::Never; 100]);
    let mut scene = Scene::with_timeout(&variables, acts, Duration::from_secs(3)).await;
    scene.opensearch.fail(Fault::Slow(Duration::from_hours(1)), Lasting::UntilCleared);
    // Hangs in OpenSearch, then in changing the visibility.
    let observed = scene.invoke(event(&[message("m0", &play("a"))])).await;
    assert_eq!(redelivered(&observed), ["m0"]);
    assert_eq!(reasons(&observed)["no_answer"].0, 1);
    // Hangs in the quarantine.
    let observed = scene.invoke(event(&[message("m1", "oops")])).await;
    assert_eq!(redelivered(&observed), ["m1"]);
}

#[tokio::test]
async fn an_unreachable_opensearch_is_logged_with_what_to_change() {
    // Port 1 of this machine: nothing listens there.
    let mut scene = Scene::new(&[("OPENSEARCH_ENDPOINT", "http://127.0.0.1:1")], []).await;
    let observed = scene.invoke(event(&[message("m0", &play("a"))])).await;
    assert_eq!(redelivered(&observed), ["m0"]);
    let lines = observed.stderr.join("\n");
    for part in ["no answer from http://127.0.0.1:1: Connection refused", "OPENSEARCH_ENDPOINT"] {
        assert!(lines.contains(part), "{lines}");
    }
}

#[tokio::test]
async fn a_fault_of_the_set_up_is_an_error_that_says_what_to_change() {
    for (fault, parts) in [
        (Fault::Status(401), ["OPENSEARCH_AUTH", "\"status\":401"]),
        (Fault::Status(403), ["es:ESHttpPost", "\"status\":403"]),
        (Fault::Status(404), ["OPENSEARCH_ENDPOINT", "\"status\":404"]),
        (Fault::Garbage, ["OPENSEARCH_ENDPOINT", "not one of OpenSearch"]),
    ] {
        let mut scene = Scene::new(&[], []).await;
        scene.opensearch.fail(fault.clone(), Lasting::UntilCleared);
        let observed = scene.invoke(event(&[message("m0", &play("a"))])).await;
        assert_eq!(redelivered(&observed), ["m0"], "{fault:?}");
        let errors = observed.stderr.iter().filter(|line| line.contains("\"level\":\"ERROR\""));
        let errors: Vec<_> = errors.collect();
        for part in parts {
            assert!(errors.iter().any(|line| line.contains(part)), "{part}: {errors:?}");
        }
    }
}

#[tokio::test]
async fn no_log_line_holds_a_body_at_any_level() {
    const MARKER: &str = "BodyMarker";
    let marked = |body: &str| body.replace('$', MARKER);
    let mut scene = Scene::new(&[("LOG_LEVEL", "trace")], [Act::Except(vec![0])]).await;
    let refused = Fault::Items { status: 400, which: Which::OneOf(2) };
    scene.opensearch.fail(refused, Lasting::UntilCleared);
    let messages = [
        message("m0", &marked("$ is no JSON")),
        message("m1", &marked(r#"{"event_id":"$","$":"$"}"#)),
        message("m2", &marked(r#"[{"event_id":"$2"},"$"]"#)),
        message("m3", &marked(r#"{"event_id":"$3","x":"$"}"#)),
    ];
    let observed = scene.invoke(event(&messages)).await;
    assert!(observed.metrics()["DocumentsRefused"] > 2, "{:?}", observed.metrics());
    let wrong = scene.invoke(marked(r#"{"Records":[{"body":"$","$":"$"}]}"#)).await;
    assert_eq!(wrong.error().0, "InvalidEvent");
    observed.assert_hidden(&[MARKER]);
    wrong.assert_hidden(&[MARKER]);
}

#[tokio::test]
async fn a_wrong_setting_ends_the_start_and_is_named() {
    let here = ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200");
    for (variable, value, allowed) in [
        ("OPENSEARCH_ENDPOINT", "", "a URL such as"),
        ("INDEX", "Music", "must be in lower case"),
        ("INDEX", "music-%Q", "%Q is not one of"),
        ("BULK_MAX_DOCS", "0", "a whole number from 1 to 100000"),
        ("QUARANTINE_QUEUE_URL", "q", "the URL of a queue"),
    ] {
        let message = refusal(BINARY, &[here, (variable, value)]).await;
        assert!(message.starts_with(&format!("{variable} is ")), "{message}");
        assert!(message.contains(allowed), "{message}");
    }
}

#[tokio::test]
async fn what_is_sent_to_a_fifo_quarantine_keeps_its_group() {
    let queues = sqs([]).await;
    let url = format!("{}/123456789012/quarantine.fifo", queues.url);
    let variables = [("QUARANTINE_QUEUE_URL", &*url), ("AWS_ENDPOINT_URL_SQS", &queues.url)];
    let mut scene = Scene::new(&variables, []).await;
    let mut grouped = message("m0", "oops");
    grouped["attributes"]["MessageGroupId"] = json!("g");
    assert_eq!(redelivered(&scene.invoke(event(&[grouped, message("m1", "oops")])).await), [""; 0]);
    let calls = queues.calls();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.json()["QueueUrl"], url);
    let [first, second] = &entries(call)[..] else { panic!("{call:?}") };
    assert_eq!(first["MessageGroupId"], "g");
    assert_eq!(second["MessageGroupId"], second["MessageDeduplicationId"]);
    assert_ne!(first["MessageDeduplicationId"], second["MessageDeduplicationId"]);
}

#[tokio::test]
async fn the_queue_that_is_consumed_is_no_quarantine() {
    let queues = sqs([]).await;
    let url = format!("{}/123456789012/music", queues.url);
    assert!(QUEUE_ARN.ends_with(":123456789012:music"));
    let variables = [("QUARANTINE_QUEUE_URL", &*url), ("AWS_ENDPOINT_URL_SQS", &queues.url)];
    let mut scene = Scene::new(&variables, []).await;
    let observed = scene.invoke(event(&[message("m0", "oops")])).await;
    assert_eq!(redelivered(&observed), ["m0"]);
    assert_eq!(queues.calls().len(), 0);
    assert!(
        observed.stderr.concat().contains("QUARANTINE_QUEUE_URL is the queue that is consumed")
    );
}
