//! Which messages are deleted and which are left, depending on the function's answer.

use local::runtime_api::InvokeError;
use serde_json::{Value, json};
use testkit::Script;

use super::script::{answering, failing_on};
use super::{options, started};
use crate::servers::{self, Server, both};

const NONE_FAILED: &str = r#"{"batchItemFailures":[]}"#;

async fn filled(server: &Server, name: &str, bodies: &[&str]) -> String {
    let queue = server.queue(name, &[("VisibilityTimeout", "600")]).await;
    let entries: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(id, body)| json!({"Id": id.to_string(), "MessageBody": body}))
        .collect();
    let members = json!({"QueueUrl": queue, "Entries": entries});
    server.done("SendMessageBatch", members).await;
    queue
}

#[tokio::test]
async fn what_succeeds_is_deleted_and_the_rest_is_left_to_its_visibility_timeout() {
    for server in both().await {
        let queue = filled(&server, "partial", &["good 1", "bad", "good 2"]).await;
        let script = failing_on("bad");
        let mapping = started(options(&queue), &server.client, script.clone()).await;
        let report = mapping.until(|report| report.received == 3 && report.in_hand == 0).await;
        assert_eq!((report.deleted, report.failed, report.undeleted), (2, 1, 0));
        assert_eq!((report.failed_invocations, report.failed_calls), (0, 0));
        assert_eq!(server.counts(&queue).await, [0, 1], "hidden, not deleted");
        assert_eq!(mapping.stop().await.received, 3, "and so not received again");
    }
}

#[tokio::test]
async fn a_message_that_failed_comes_again_until_it_is_given_up() {
    for server in both().await {
        let (queue, dead) = server.with_visibility("again", 3, "0").await;
        server.send(&queue, "bad").await;
        let script = failing_on("bad");
        let mapping = started(options(&queue), &server.client, script.clone()).await;
        mapping.until(|report| report.failed == 3).await;
        // The receive after the third one gives it up.
        while server.counts(&dead).await != [1, 0] {
            tokio::task::yield_now().await;
        }
        let report = mapping.stop().await;
        assert_eq!((report.received, report.failed, report.deleted), (3, 3, 0));
        let counts = script.events();
        let counts: Vec<_> = counts
            .iter()
            .map(|event| &event["Records"][0]["attributes"]["ApproximateReceiveCount"])
            .collect();
        assert_eq!(counts, ["1", "2", "3"]);
    }
}

/// The numbers of messages that are deleted and left if a function answers like this to a batch of
/// two.
async fn fate(answer: Result<&str, InvokeError>) -> (u64, u64, Option<String>) {
    let server = servers::own().await;
    let queue = filled(&server, "fates", &["one", "two"]).await;
    let answer = answer.map(str::to_owned);
    let script = Script::new(move |_, _| answer.clone());
    let mapping = started(options(&queue), &server.client, script).await;
    let report = mapping.until(|report| report.received == 2 && report.in_hand == 0).await;
    let left = server.client.message_count(&queue).await.unwrap();
    assert_eq!(left, report.failed, "what failed is in the queue, and nothing else");
    (report.deleted, report.failed, report.last_error)
}

#[tokio::test]
async fn a_success_deletes_all() {
    let null = r#"{"batchItemFailures":null}"#;
    for answer in ["null", "{}", NONE_FAILED, null, r#"{"other":1}"#] {
        assert_eq!(fate(Ok(answer)).await, (2, 0, None), "{answer}");
    }
}

#[tokio::test]
async fn a_wrong_answer_leaves_all() {
    for answer in [
        "not JSON",
        "",
        "{",
        "\"done\"",
        "[1]",
        r#"{"batchItemFailures":{}}"#,
        r#"{"batchItemFailures":["a"]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":1}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
        r#"{"batchItemFailures":[{"messageId":"x"}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#,
    ] {
        let (deleted, failed, error) = fate(Ok(answer)).await;
        assert_eq!((deleted, failed, error.is_some()), (0, 2, true), "{answer}");
    }
}

#[tokio::test]
async fn an_invocation_that_fails_leaves_all() {
    let error = InvokeError::Function {
        error_type: "InvalidEvent".to_owned(),
        message: "no messageId".to_owned(),
    };
    assert_eq!(fate(Err(error)).await, (0, 2, Some("InvalidEvent: no messageId".to_owned())));
}

#[tokio::test]
async fn a_panic_of_the_script_is_a_failed_invocation() {
    let server = servers::own().await;
    let queue = filled(&server, "panics", &["one"]).await;
    let script = Script::new::<String>(|_, _| panic!("as told"));
    let mapping = started(options(&queue), &server.client, script).await;
    let report = mapping.until(|report| report.invocations == 1).await;
    assert_eq!((report.failed, report.deleted), (1, 0));
}

#[tokio::test]
async fn the_event_is_the_one_that_lambda_sends() {
    for server in both().await {
        let (queue, dead) = server.with_dead_letters("event", 1).await;
        let attributes = json!({
            "text": {"DataType": "String", "StringValue": "x"},
            "bytes": {"DataType": "Binary", "BinaryValue": "AAE="},
        });
        let members = json!({
            "QueueUrl": queue,
            "MessageBody": "{\"a\":\"é\"}",
            "MessageAttributes": attributes,
        });
        server.done("SendMessage", members).await;
        let message = server.receive_one(&queue).await;
        server.hide(&queue, &message, 0).await;
        assert_eq!(server.receive(&queue).await.len(), 0, "given up");

        let script = answering(NONE_FAILED);
        let mapping = started(options(&dead), &server.client, script.clone()).await;
        mapping.until(|report| report.deleted == 1).await;
        let mut record = script.events()[0]["Records"][0].take();
        // Only ElasticMQ returns it.
        record.as_object_mut().unwrap().remove("md5OfMessageAttributes");
        let fields = record["attributes"].as_object_mut().unwrap();
        let number =
            |value: Option<Value>| value.unwrap().as_str().unwrap().parse::<u64>().unwrap();
        let sent = number(fields.remove("SentTimestamp"));
        assert!(sent <= number(fields.remove("ApproximateFirstReceiveTimestamp")));
        assert!(fields.remove("SenderId").unwrap().is_string());
        let handle = record["receiptHandle"].take();
        assert!(handle.is_string() && handle != message["ReceiptHandle"]);
        let shown = |kind: &str, name: &str, value: &str| {
            json!({
                "dataType": kind,
                name: value,
                "stringListValues": [],
                "binaryListValues": [],
            })
        };
        let expected = json!({
            "messageId": message["MessageId"],
            "receiptHandle": null,
            "body": "{\"a\":\"é\"}",
            "attributes": {
                "ApproximateReceiveCount": "2",
                "DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:123456789012:event",
            },
            "messageAttributes": {
                "text": shown("String", "stringValue", "x"),
                "bytes": shown("Binary", "binaryValue", "AAE="),
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:event-dead",
            "awsRegion": "us-east-1",
        });
        assert_eq!(record, expected);
    }
}
