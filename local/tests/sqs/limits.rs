//! The limits of the embedded server, and its errors, which are worded as in SQS.

use serde_json::{Value, json};

use crate::servers::{self, Server, arn};

async fn started() -> Server {
    servers::own().await
}

fn entries(number: usize, body: &str) -> Value {
    (0..number).map(|id| json!({"Id": id.to_string(), "MessageBody": body})).collect()
}

#[tokio::test]
async fn messages_beyond_the_limits_are_refused() {
    let server = started().await;
    let queue = server.queue("q", &[]).await;
    let text = json!({"DataType": "String", "StringValue": "x"});
    let eleven: serde_json::Map<_, _> =
        (0..11).map(|number| (number.to_string(), text.clone())).collect();
    for (members, code) in [
        (json!({}), "MissingParameter"),
        (json!({"MessageBody": ""}), "MissingParameter"),
        (json!({"MessageBody": "\u{1}"}), "InvalidMessageContents"),
        (json!({"MessageBody": "\u{b}"}), "InvalidMessageContents"),
        (json!({"MessageBody": "\u{fffe}"}), "InvalidMessageContents"),
        (json!({"MessageBody": "\u{ffff}"}), "InvalidMessageContents"),
        (json!({"MessageBody": "x".repeat((1 << 20) + 1)}), "InvalidParameterValue"),
        (json!({"MessageBody": "x", "MessageAttributes": eleven}), "InvalidParameterValue"),
        (json!({"MessageBody": "x", "MessageDeduplicationId": "d"}), "InvalidParameterValue"),
        (json!({"MessageBody": 1}), "SerializationException"),
    ] {
        let mut members = members;
        members["QueueUrl"] = queue.clone().into();
        assert_eq!(server.refused("SendMessage", members).await, code);
    }
    server.send(&queue, &"x".repeat(1 << 20)).await;
    server.send(&queue, "\t\n\r\u{7f}\u{fffd}\u{10ffff}\u{e000}").await;
    assert_eq!(server.counts(&queue).await, [2, 0]);
}

#[tokio::test]
async fn attributes_have_types_and_values() {
    let server = started().await;
    let queue = server.queue("q", &[]).await;
    let members = |attribute: &Value| json!({"QueueUrl": queue, "MessageBody": "x", "MessageAttributes": {"a": attribute}});
    for wrong in [
        json!({"DataType": "String", "StringValue": ""}),
        json!({"DataType": "String", "StringValue": "\u{1}"}),
        json!({"DataType": "Text", "StringValue": "x"}),
        json!({"DataType": "Binary", "StringValue": "x"}),
        json!({"DataType": "Binary", "BinaryValue": "?"}),
    ] {
        let code = server.refused("SendMessage", members(&wrong)).await;
        assert_eq!(code, "InvalidParameterValue", "{wrong}");
    }
    let json = json!({"DataType": "String.json", "StringValue": "1"});
    server.done("SendMessage", members(&json)).await;
}

#[tokio::test]
async fn batches_beyond_the_limits_are_refused_as_a_whole() {
    let server = started().await;
    let queue = server.queue("q", &[]).await;
    let same_id = json!([{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}]);
    let old = |name: &str| format!("AWS.SimpleQueueService.{name}");
    for (entries, code) in [
        (entries(0, "x"), old("EmptyBatchRequest")),
        (entries(11, "x"), old("TooManyEntriesInBatchRequest")),
        (same_id, old("BatchEntryIdsNotDistinct")),
        (entries(2, &"x".repeat((1 << 19) + 1)), old("BatchRequestTooLong")),
    ] {
        let members = json!({"QueueUrl": queue, "Entries": entries});
        assert_eq!(server.refused("SendMessageBatch", members).await, code);
    }
    assert_eq!(server.counts(&queue).await, [0, 0]);
    let members = json!({"QueueUrl": queue, "Entries": entries(10, &"x".repeat(104_857))});
    let answer = server.done("SendMessageBatch", members).await;
    assert_eq!(answer["Successful"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn receives_beyond_the_limits_are_refused() {
    let server = started().await;
    let queue = server.queue("q", &[]).await;
    for members in [
        json!({"MaxNumberOfMessages": 0}),
        json!({"MaxNumberOfMessages": 11}),
        json!({"VisibilityTimeout": 43_201}),
    ] {
        let mut members = members;
        members["QueueUrl"] = queue.clone().into();
        assert_eq!(server.refused("ReceiveMessage", members).await, "InvalidParameterValue");
    }
    server.send(&queue, "x").await;
    let handle = server.receive_one(&queue).await["ReceiptHandle"].clone();
    assert_eq!(server.try_hide(&queue, &handle, 43_201).await, "InvalidParameterValue");
    assert_eq!(server.try_hide(&queue, &json!("bogus"), 1).await, "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn queues_have_allowed_names_and_attributes() {
    let server = started().await;
    let policy = json!({"deadLetterTargetArn": arn("missing"), "maxReceiveCount": 3}).to_string();
    for (name, attributes, code) in [
        ("", json!({}), "MissingParameter"),
        ("q.fifo", json!({}), "InvalidParameterValue"),
        ("q", json!({"FifoQueue": "true"}), "InvalidParameterValue"),
        ("q", json!({"RedrivePolicy": "{"}), "InvalidParameterValue"),
        ("q", json!({"RedrivePolicy": policy}), "InvalidParameterValue"),
    ] {
        let members = json!({"QueueName": name, "Attributes": attributes});
        assert_eq!(server.refused("CreateQueue", members).await, code, "{name}");
    }
    let listed = server.done("ListQueues", json!({})).await;
    assert_eq!(listed, json!({"QueueUrls": []}));
}

#[tokio::test]
async fn what_is_no_operation_is_told() {
    let server = started().await;
    assert_eq!(server.refused("Nonsense", json!({})).await, "UnknownOperationException");
    assert_eq!(server.refused("ListQueues", json!([])).await, "SerializationException");
}
