//! The real binary behind a Lambda Runtime API, with an OpenSearch in this process and a scripted
//! SQS.

#![cfg(test)]

mod support {
    pub(crate) mod event;
    pub(crate) mod fixture;
    pub(crate) mod function;
    pub(crate) mod index;
    pub(crate) mod queues;
}

use std::time::Duration;

use local::opensearch::embedded::Lasting;
use local::opensearch::{Embedded, Fault};
use local::runtime_api::InvokeError;
use serde_json::{Value, json};

use support::event::{QUEUE_ARN, event, message, play};
use support::fixture::{Fixture, Golden};
use support::function::{Binary, NAME, Observed};
use support::queues::{Queues, Reply};

/// Stands for no quarantine queue, and for no other variable either.
const NO_QUARANTINE: (&str, &str) = ("QUARANTINE_QUEUE_URL", "none");

/// The binary with an OpenSearch and an SQS of its own.
struct Scene {
    opensearch: Embedded,
    queues: Queues,
    binary: Binary,
}

impl Scene {
    async fn new(variables: &[(&str, &str)], replies: impl IntoIterator<Item = Reply>) -> Self {
        let (opensearch, queues) =
            (support::index::embedded().await, Queues::replying(replies).await);
        let quarantine = format!("{}/123456789012/quarantine", queues.url);
        let mut all = vec![
            ("OPENSEARCH_ENDPOINT", opensearch.url()),
            ("OPENSEARCH_AUTH", "none"),
            ("AWS_ENDPOINT_URL_SQS", &queues.url),
        ];
        if !variables.contains(&NO_QUARANTINE) {
            all.push(("QUARANTINE_QUEUE_URL", &quarantine));
            // The last of a name counts.
            all.extend(variables.iter().copied());
        }
        let binary = Binary::with_timeout(&all, Duration::from_mins(1)).await;
        Self { opensearch, queues, binary }
    }

    async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        self.binary.invoke(event).await
    }
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    let fixtures = Fixture::all();
    assert!(fixtures.len() >= 20, "only {} fixtures", fixtures.len());
    for Fixture { name, event, golden } in fixtures {
        let variables: Vec<_> =
            golden.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut scene = Scene::new(&variables, []).await;
        if let Some(fault) = golden.fault() {
            scene.opensearch.fail(fault, Lasting::UntilCleared);
        }
        let observed = scene.invoke(event).await;
        check(&name, &golden, &scene, &observed).await;
    }
}

async fn check(name: &str, golden: &Golden, scene: &Scene, observed: &Observed) {
    if let Some(error_type) = &golden.error_type {
        let error = observed.answer.as_ref().unwrap_err();
        assert_eq!(error.error_type(), error_type, "{name}");
        assert_eq!(Some(error.message()), golden.error_message, "{name}");
    } else {
        assert_eq!(observed.come_again(), golden.batch_item_failures, "{name}");
    }
    let (mut quarantine, mut visibility_changed) = (Vec::new(), Vec::new());
    for call in scene.queues.take_calls() {
        for entry in call.entries() {
            let mut entry = entry.clone();
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
    let mut documents = support::index::documents(&scene.opensearch).await;
    for document in &mut documents {
        document["document"]["event"]["ingested"] = json!("<now>");
    }
    assert_eq!(json!(documents), json!(golden.documents), "{name}");
    assert_eq!(observed.reasons(), golden.reasons, "{name}");
    let mut metrics = observed.metrics();
    let bulk_bytes = metrics.remove("BulkBytes").unwrap();
    assert_eq!(bulk_bytes > 0, metrics["BulkRequests"] > 0, "{name}");
    assert_eq!(metrics, golden.metrics, "{name}");
}

#[tokio::test]
async fn metrics_are_one_line_of_embedded_metric_format() {
    let mut scene = Scene::new(&[("METRICS_NAMESPACE", "Team/Music")], []).await;
    let observed = scene.invoke(event(&[message("m0", &play("a")), message("m1", "oops")])).await;
    let [line] = &observed.stdout[..] else { panic!("{:?}", observed.stdout) };
    let mut line: Value = serde_json::from_str(line).unwrap();
    assert!(line["_aws"]["Timestamp"].take().as_u64().unwrap() > 1_709_296_496_789);
    assert!(line["BulkBytes"].take().as_u64().unwrap() > 100);
    let count = |name| json!({"Name": name, "Unit": "Count"});
    let expected = json!({
        "_aws": {
            "Timestamp": null,
            "CloudWatchMetrics": [{
                "Namespace": "Team/Music",
                "Dimensions": [["FunctionName", "QueueName"]],
                "Metrics": [
                    count("MessagesIn"), count("MessagesDone"), count("MessagesRetried"),
                    count("MessagesQuarantined"), count("DocumentsIndexed"),
                    count("DocumentsDuplicate"), count("DocumentsRefused"),
                    count("BulkRequests"), {"Name": "BulkBytes", "Unit": "Bytes"},
                ],
            }],
        },
        "FunctionName": NAME, "QueueName": "music",
        "MessagesIn": 2, "MessagesDone": 1, "MessagesRetried": 0, "MessagesQuarantined": 1,
        "DocumentsIndexed": 1, "DocumentsDuplicate": 0, "DocumentsRefused": 1,
        "BulkRequests": 1, "BulkBytes": null,
    });
    assert_eq!(line, expected);
}

#[tokio::test]
async fn what_comes_again_is_written_once() {
    let mut scene = Scene::new(&[], []).await;
    scene.opensearch.fail(Fault::DropAfterWriting, Lasting::Requests(1));
    let event = event(&[message("m0", &play("a")), message("m1", &play("b"))]);
    assert_eq!(scene.invoke(event.clone()).await.come_again(), ["m0", "m1"]);
    let observed = scene.invoke(event).await;
    assert_eq!(observed.come_again(), [""; 0]);
    let metrics = observed.metrics();
    assert_eq!((metrics["DocumentsIndexed"], metrics["DocumentsDuplicate"]), (0, 2));
    assert_eq!(support::index::ids(&scene.opensearch).await, ["a", "b"]);
}

#[tokio::test]
async fn requests_are_compressed_unless_told_otherwise() {
    for gzip in ["on", "off"] {
        let mut scene = Scene::new(&[("BULK_GZIP", gzip)], []).await;
        let messages: Vec<_> =
            (0..50).map(|at| message(&format!("m{at}"), &play(&at.to_string()))).collect();
        assert_eq!(scene.invoke(event(&messages)).await.come_again(), [""; 0], "{gzip}");
        assert_eq!(support::index::ids(&scene.opensearch).await.len(), 50, "{gzip}");
    }
}

#[tokio::test]
async fn entries_that_sqs_fails_are_looked_at_one_by_one() {
    let messages: Vec<_> = (0..4).map(|at| message(&format!("m{at}"), "oops")).collect();
    for (reply, come_again) in [
        (Reply::Except(vec![1, 3]), vec!["m1", "m3"]),
        (Reply::Mention(3), vec!["m3"]),
        (
            Reply::Error(400, "AWS.SimpleQueueService.NonExistentQueue"),
            vec!["m0", "m1", "m2", "m3"],
        ),
    ] {
        let mut scene = Scene::new(&[], [reply]).await;
        let observed = scene.invoke(event(&messages)).await;
        assert_eq!(observed.come_again(), come_again);
        // Waiting does not help them: nothing but the quarantine is called.
        let operations: Vec<_> =
            scene.queues.take_calls().into_iter().map(|call| call.operation).collect();
        assert_eq!(operations, ["SendMessageBatch"]);
        let reasons = observed.reasons();
        assert_eq!(reasons["not_quarantined"].0, come_again.len() as u64);
    }
}

#[tokio::test]
async fn a_visibility_timeout_that_is_not_changed_is_told_and_changes_nothing() {
    for reply in [Reply::Except(vec![0]), Reply::Error(403, "AccessDeniedException")] {
        let mut scene = Scene::new(&[], [reply]).await;
        scene.opensearch.fail(Fault::Status(429), Lasting::UntilCleared);
        let observed = scene.invoke(event(&[message("m0", &play("a"))])).await;
        assert_eq!(observed.come_again(), ["m0"]);
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
    assert_eq!(scene.invoke(event(&messages)).await.come_again().len(), 23);
    let calls = scene.queues.take_calls();
    let mut lengths: Vec<_> = calls.iter().map(|call| call.entries().len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [2, 10, 10]);
    for call in calls {
        assert_eq!(call.operation, "ChangeMessageVisibilityBatch");
        let url = call.body["QueueUrl"].as_str().unwrap();
        assert_eq!(url, format!("{}/123456789012/music", scene.queues.url));
        for entry in call.entries() {
            assert_eq!(entry["VisibilityTimeout"], 0);
            assert!(entry["ReceiptHandle"].as_str().unwrap().starts_with("handle-m"));
        }
    }
}

#[tokio::test]
async fn the_answer_is_given_in_time_whatever_hangs() {
    let variables = [("DEADLINE_MARGIN_MS", "600")];
    let opensearch = support::index::embedded().await;
    opensearch.fail(Fault::Slow(Duration::from_hours(1)), Lasting::UntilCleared);
    let queues = Queues::replying(vec![Reply::Never; 100]).await;
    let quarantine = format!("{}/123456789012/quarantine", queues.url);
    let own = [
        ("OPENSEARCH_ENDPOINT", opensearch.url()),
        ("OPENSEARCH_AUTH", "none"),
        ("AWS_ENDPOINT_URL_SQS", &queues.url),
        ("QUARANTINE_QUEUE_URL", &quarantine),
    ];
    let timeout = Duration::from_secs(3);
    let mut binary = Binary::with_timeout(&[&own[..], &variables].concat(), timeout).await;
    // Hangs in OpenSearch, then in changing the visibility.
    let observed = binary.invoke(event(&[message("m0", &play("a"))])).await;
    assert_eq!(observed.come_again(), ["m0"]);
    assert_eq!(observed.reasons()["no_answer"].0, 1);
    // Hangs in the quarantine.
    let observed = binary.invoke(event(&[message("m1", "oops")])).await;
    assert_eq!(observed.come_again(), ["m1"]);
}

#[tokio::test]
async fn nobody_there_is_told_with_what_to_change() {
    // Port 1 of this machine: nobody listens there.
    let mut scene = Scene::new(&[("OPENSEARCH_ENDPOINT", "http://127.0.0.1:1")], []).await;
    let observed = scene.invoke(event(&[message("m0", &play("a"))])).await;
    assert_eq!(observed.come_again(), ["m0"]);
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
        (Fault::Garbage, ["OPENSEARCH_ENDPOINT", "none of OpenSearch"]),
    ] {
        let mut scene = Scene::new(&[], []).await;
        scene.opensearch.fail(fault.clone(), Lasting::UntilCleared);
        let observed = scene.invoke(event(&[message("m0", &play("a"))])).await;
        assert_eq!(observed.come_again(), ["m0"], "{fault:?}");
        let errors: Vec<_> =
            observed.stderr.iter().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
        for part in parts {
            assert!(errors.iter().any(|line| line.contains(part)), "{part}: {errors:?}");
        }
    }
}

#[tokio::test]
async fn no_log_line_holds_a_body_at_any_level() {
    const MARKER: &str = "BodyMarker";
    let marked = |body: &str| body.replace('$', MARKER);
    let mut scene = Scene::new(&[("LOG_LEVEL", "trace")], [Reply::Except(vec![0])]).await;
    let refused = Fault::Items { status: 400, which: local::opensearch::embedded::Which::OneOf(2) };
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
    assert_eq!(wrong.answer.as_ref().unwrap_err().error_type(), "InvalidEvent");
    for line in [&observed, &wrong].iter().flat_map(|seen| seen.stderr.iter().chain(&seen.stdout)) {
        assert!(!line.contains(MARKER), "{line}");
    }
}

#[tokio::test]
async fn a_wrong_setting_ends_the_start_and_is_named() {
    let here = ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200");
    for (variables, named, allowed) in [
        (vec![], "OPENSEARCH_ENDPOINT", "a URL such as"),
        (vec![here, ("INDEX", "Music")], "INDEX", "must be in lower case"),
        (vec![here, ("INDEX", "music-%Q")], "INDEX", "%Q is none of"),
        (vec![here, ("BULK_MAX_DOCS", "0")], "BULK_MAX_DOCS", "a whole number from 1 to 100000"),
        (vec![here, ("QUARANTINE_QUEUE_URL", "q")], "QUARANTINE_QUEUE_URL", "the URL of a queue"),
    ] {
        let mut binary = Binary::with_timeout(&variables, Duration::from_mins(1)).await;
        let error = binary.invoke(event(&[])).await.answer.unwrap_err();
        assert!(matches!(error, InvokeError::Init { .. }), "{error:?}");
        assert_eq!(error.error_type(), "InvalidConfiguration");
        let message = error.message();
        assert!(message.starts_with(&format!("{named} is ")), "{message}");
        assert!(message.contains(allowed), "{message}");
    }
}

#[tokio::test]
async fn what_is_sent_to_a_fifo_quarantine_keeps_its_group() {
    let queues = Queues::replying([]).await;
    let url = format!("{}/123456789012/quarantine.fifo", queues.url);
    let variables = [("QUARANTINE_QUEUE_URL", &*url), ("AWS_ENDPOINT_URL_SQS", &queues.url)];
    let mut scene = Scene::new(&variables, []).await;
    let mut grouped = message("m0", "oops");
    grouped["attributes"]["MessageGroupId"] = json!("g");
    assert_eq!(scene.invoke(event(&[grouped, message("m1", "oops")])).await.come_again(), [""; 0]);
    let calls = queues.take_calls();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(call.body["QueueUrl"], url);
    let [first, second] = call.entries() else { panic!("{call:?}") };
    assert_eq!(first["MessageGroupId"], "g");
    assert_eq!(second["MessageGroupId"], second["MessageDeduplicationId"]);
    assert_ne!(first["MessageDeduplicationId"], second["MessageDeduplicationId"]);
}

#[tokio::test]
async fn the_queue_that_is_consumed_is_no_quarantine() {
    let queues = Queues::replying([]).await;
    let url = format!("{}/123456789012/music", queues.url);
    assert!(QUEUE_ARN.ends_with(":123456789012:music"));
    let variables = [("QUARANTINE_QUEUE_URL", &*url), ("AWS_ENDPOINT_URL_SQS", &queues.url)];
    let mut scene = Scene::new(&variables, []).await;
    let observed = scene.invoke(event(&[message("m0", "oops")])).await;
    assert_eq!(observed.come_again(), ["m0"]);
    assert_eq!(queues.take_calls().len(), 0);
    assert!(
        observed.stderr.concat().contains("QUARANTINE_QUEUE_URL is the queue that is consumed")
    );
}
