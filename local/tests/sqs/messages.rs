//! Messages are sent, received, hidden and deleted.

use serde_json::json;

use crate::servers::{bodies, both};

#[tokio::test]
async fn a_message_is_received_as_it_was_sent() {
    for server in both().await {
        let queue = server.queue("messages", &[]).await;
        let attributes = json!({
            "a": {"DataType": "String", "StringValue": "x"},
            "b": {"DataType": "Binary", "BinaryValue": "AAE="},
            "n": {"DataType": "Number", "StringValue": "1"},
        });
        let members = json!({
            "QueueUrl": queue,
            "MessageBody": "hello",
            "MessageAttributes": attributes,
        });
        let sent = server.done("SendMessage", members).await;
        let md5 = "5d41402abc4b2a76b9719d911017c592";
        assert_eq!(sent["MD5OfMessageBody"], md5);

        let message = server.receive_one(&queue).await;
        assert_eq!(message["MessageId"], sent["MessageId"]);
        assert_eq!(message["Body"], "hello");
        assert_eq!(message["MD5OfBody"], md5);
        assert_eq!(message["MessageAttributes"], attributes);
        let system = &message["Attributes"];
        assert_eq!(system["ApproximateReceiveCount"], "1");
        let number = |name: &str| system[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(number("SentTimestamp") <= number("ApproximateFirstReceiveTimestamp"));
        assert!(system["SenderId"].is_string());
        assert_eq!(system.get("DeadLetterQueueSourceArn"), None);

        assert_eq!(server.counts(&queue).await, [0, 1]);
        server.delete(&queue, &message).await;
        assert_eq!(server.counts(&queue).await, [0, 0]);
    }
}

#[tokio::test]
async fn attributes_come_when_they_are_asked_for() {
    for server in both().await {
        let queue = server.queue("asked", &[("VisibilityTimeout", "0")]).await;
        let text = |text: &str| json!({"DataType": "String", "StringValue": text});
        let attributes = json!({"a": text("1"), "d": text("3")});
        let members =
            json!({"QueueUrl": queue, "MessageBody": "x", "MessageAttributes": attributes});
        server.done("SendMessage", members).await;
        for (asked, found) in [
            (json!([]), json!(null)),
            (json!(["d"]), json!({"d": text("3")})),
            (json!(["no"]), json!(null)),
        ] {
            let members = json!({"MessageAttributeNames": asked, "AttributeNames": []});
            let messages = server.receive_with(&queue, members).await;
            assert_eq!(messages[0]["MessageAttributes"], found, "{asked}");
            assert_eq!(messages[0].get("Attributes"), None);
        }
        let members = json!({
            "AttributeNames": [],
            "MessageSystemAttributeNames": ["SentTimestamp", "ApproximateReceiveCount"],
        });
        let messages = server.receive_with(&queue, members).await;
        let system = messages[0]["Attributes"].as_object().unwrap();
        let names: Vec<_> = system.keys().collect();
        assert_eq!(names, ["ApproximateReceiveCount", "SentTimestamp"]);
        assert_eq!(system["ApproximateReceiveCount"], "4");
    }
}

#[tokio::test]
async fn a_received_message_is_hidden_until_it_is_shown_again() {
    for server in both().await {
        let queue = server.queue("hidden", &[]).await;
        server.send(&queue, "x").await;
        let first = server.receive_one(&queue).await;
        assert_eq!(server.receive(&queue).await, [json!(null); 0]);
        server.hide(&queue, &first, 0).await;
        assert_eq!(server.counts(&queue).await, [1, 0]);
        let second = server.receive_one(&queue).await;
        assert_eq!(second["MessageId"], first["MessageId"]);
        assert_ne!(second["ReceiptHandle"], first["ReceiptHandle"]);
        assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");
        for name in ["SentTimestamp", "ApproximateFirstReceiveTimestamp"] {
            assert_eq!(second["Attributes"][name], first["Attributes"][name], "{name}");
        }
        server.delete(&queue, &second).await;
        assert_eq!(server.counts(&queue).await, [0, 0]);
    }
}

#[tokio::test]
async fn entries_of_a_batch_succeed_and_fail_one_by_one() {
    for server in both().await {
        let queue = server.queue("batches", &[]).await;
        let entries = json!([
            {"Id": "good", "MessageBody": "one"},
            {"Id": "bad", "MessageBody": "\u{1}"},
        ]);
        let members = json!({"QueueUrl": queue, "Entries": entries});
        let answer = server.done("SendMessageBatch", members).await;
        let ids = |list: &str| -> Vec<_> {
            answer[list].as_array().unwrap().iter().map(|entry| entry["Id"].clone()).collect()
        };
        assert_eq!(ids("Successful"), ["good"]);
        assert_eq!(ids("Failed"), ["bad"]);
        assert_eq!(answer["Failed"][0]["SenderFault"], true);
        assert_eq!(server.counts(&queue).await, [1, 0]);

        let message = server.receive_one(&queue).await;
        assert_eq!(message["Body"], "one");
        let handle = &message["ReceiptHandle"];
        let entries = json!([
            {"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 60},
            {"Id": "b", "ReceiptHandle": "bogus", "VisibilityTimeout": 60},
        ]);
        for operation in ["ChangeMessageVisibilityBatch", "DeleteMessageBatch"] {
            let members = json!({"QueueUrl": queue, "Entries": entries});
            let answer = server.done(operation, members).await;
            assert_eq!(answer["Successful"], json!([{"Id": "a"}]), "{operation}");
            assert_eq!(answer["Failed"][0]["Id"], "b");
            assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
        }
        assert_eq!(server.counts(&queue).await, [0, 0]);
    }
}

#[tokio::test]
async fn a_poll_waits_for_the_message_that_comes() {
    for server in both().await {
        let queue = server.queue("polled", &[]).await;
        let poll = server.receive_with(&queue, json!({"WaitTimeSeconds": 20}));
        let (messages, _) = tokio::join!(poll, server.send(&queue, "late"));
        assert_eq!(bodies(&messages), ["late"]);
    }
}
