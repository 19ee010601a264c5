//! The embedded server's limits, and its errors in the words of SQS.

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
        (json!({"MessageBody": "x", "DelaySeconds": 901}), "InvalidParameterValue"),
        (json!({"MessageBody": "x", "MessageDeduplicationId": "d"}), "InvalidParameterValue"),
        (json!({"MessageBody": 1}), "SerializationException"),
    ] {
        let mut members = members;
        members["QueueUrl"] = queue.clone().into();
        assert_eq!(server.refused("SendMessage", members).await, code);
    }
    server.send(&queue, &"x".repeat(1 << 20)).await;
    server.send(&queue, "\t\n\r\u{7f}\u{fffd}\u{10ffff}\u{e000}").await;
    assert_eq!(server.counts(&queue).await, [2, 0, 0]);
}

#[tokio::test]
async fn attributes_have_names_types_and_values() {
    let server = started().await;
    let queue = server.queue("q", &[]).await;
    let members = |name: &str, attribute: &Value| json!({"QueueUrl": queue, "MessageBody": "x", "MessageAttributes": {name: attribute}});
    let text = |text: &str| json!({"DataType": "String", "StringValue": text});
    let names = ["", "AWS.a", "amazon.b", ".a", "a.", "a..b", "a b", &"a".repeat(257)];
    let wrong = names.map(|name| (name.to_owned(), text("x"))).into_iter().chain(
        [
            text(""),
            text("\u{1}"),
            json!({"DataType": "Text", "StringValue": "x"}),
            json!({"DataType": "Number", "StringValue": "x"}),
            json!({"DataType": "Binary", "StringValue": "x"}),
            json!({"DataType": "Binary", "BinaryValue": "?"}),
        ]
        .map(|attribute| ("a".to_owned(), attribute)),
    );
    for (name, attribute) in wrong {
        let code = server.refused("SendMessage", members(&name, &attribute)).await;
        assert_eq!(code, "InvalidParameterValue", "{name} {attribute}");
    }
    let json = json!({"DataType": "String.json", "StringValue": "1"});
    server.done("SendMessage", members("a.B-c_1", &json)).await;
    // The queue's own limit counts names, types and values too: 5 + (1 + 6 + 1012).
    let small = server.queue("small", &[("MaximumMessageSize", "1024")]).await;
    for (length, fits) in [(1012, true), (1013, false)] {
        let mut members = members("a", &text(&"x".repeat(length)));
        (members["QueueUrl"], members["MessageBody"]) = (json!(small), json!("hello"));
        assert_eq!(server.client.call("SendMessage", &members).await.is_ok(), fits, "{length}");
    }
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
        (json!([{"Id": "a b", "MessageBody": "x"}]), old("InvalidBatchEntryId")),
        (entries(2, &"x".repeat((1 << 19) + 1)), old("BatchRequestTooLong")),
    ] {
        let members = json!({"QueueUrl": queue, "Entries": entries});
        assert_eq!(server.refused("SendMessageBatch", members).await, code);
    }
    assert_eq!(server.counts(&queue).await, [0, 0, 0]);
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
        json!({"WaitTimeSeconds": 21}),
    ] {
        let mut members = members;
        members["QueueUrl"] = queue.clone().into();
        assert_eq!(server.refused("ReceiveMessage", members).await, "InvalidParameterValue");
    }
    server.send(&queue, "x").await;
    let handle = server.receive_one(&queue).await["ReceiptHandle"].clone();
    for (handle, seconds, code) in [
        (handle.clone(), json!(43_201), "InvalidParameterValue"),
        (handle.clone(), json!(-1), "InvalidParameterValue"),
        (handle, json!(null), "MissingParameter"),
        (json!("bogus"), json!(1), "ReceiptHandleIsInvalid"),
    ] {
        let members =
            json!({"QueueUrl": queue, "ReceiptHandle": handle, "VisibilityTimeout": seconds});
        assert_eq!(server.refused("ChangeMessageVisibility", members).await, code);
    }
}

#[tokio::test]
async fn queues_have_allowed_names_and_attributes() {
    let server = started().await;
    server.queue("dead.fifo", &[("FifoQueue", "true")]).await;
    let policy_of = |name: &str, count: Value| {
        json!({"deadLetterTargetArn": arn(name), "maxReceiveCount": count}).to_string()
    };
    let policy = |name: &str| policy_of(name, json!(3));
    for (name, attributes, code) in [
        ("", json!({}), "MissingParameter"),
        ("a b", json!({}), "InvalidParameterValue"),
        (&"a".repeat(81), json!({}), "InvalidParameterValue"),
        ("q.fifo", json!({}), "InvalidParameterValue"),
        ("q", json!({"FifoQueue": "true"}), "InvalidParameterValue"),
        ("q", json!({"Colour": "red"}), "InvalidAttributeName"),
        ("q", json!({"VisibilityTimeout": "43201"}), "InvalidAttributeValue"),
        ("q", json!({"DelaySeconds": "-1"}), "InvalidAttributeValue"),
        ("q", json!({"MessageRetentionPeriod": "59"}), "InvalidAttributeValue"),
        ("q", json!({"RedrivePolicy": "{"}), "InvalidParameterValue"),
        ("q", json!({"RedrivePolicy": policy_of("q", json!(0))}), "InvalidParameterValue"),
        ("q", json!({"RedrivePolicy": policy("missing")}), "InvalidParameterValue"),
        ("q", json!({"RedrivePolicy": policy("dead.fifo")}), "InvalidParameterValue"),
    ] {
        let members = json!({"QueueName": name, "Attributes": attributes});
        assert_eq!(server.refused("CreateQueue", members).await, code, "{name}");
    }
    let listed = server.done("ListQueues", json!({})).await;
    assert_eq!(listed["QueueUrls"].as_array().unwrap().len(), 1);

    // All or none are set, and a policy is compared by what it says.
    let (queue, dead) = server.with_dead_letters("compared", 3).await;
    let read = async |name: &str| server.client.queue_attribute(&queue, name).await.unwrap();
    let attributes = json!({"DelaySeconds": "1", "VisibilityTimeout": "43201"});
    let members = json!({"QueueUrl": queue, "Attributes": attributes});
    assert_eq!(server.refused("SetQueueAttributes", members).await, "InvalidAttributeValue");
    assert_eq!(read("DelaySeconds").await, "0");
    let same = policy_of("compared-dead", json!("3"));
    assert_eq!(server.queue("compared", &[("RedrivePolicy", &same)]).await, queue);
    let other = json!({"RedrivePolicy": policy_of("compared-dead", json!(4))});
    let members = json!({"QueueName": "compared", "Attributes": other});
    assert_eq!(server.refused("CreateQueue", members).await, "QueueAlreadyExists");
    let none = json!({"QueueUrl": queue, "Attributes": {"RedrivePolicy": ""}});
    server.done("SetQueueAttributes", none).await;
    let sources = server.done("ListDeadLetterSourceQueues", json!({"QueueUrl": dead})).await;
    assert_eq!(sources, json!({"queueUrls": []}));
}

#[tokio::test]
async fn what_is_no_operation_is_told() {
    let server = started().await;
    assert_eq!(server.refused("Nonsense", json!({})).await, "UnknownOperationException");
    assert_eq!(server.refused("ListQueues", json!([])).await, "SerializationException");
}
