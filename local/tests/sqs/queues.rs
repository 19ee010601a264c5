//! Queues are created, found, changed and emptied.

use serde_json::json;

use crate::servers::{arn, both};

#[tokio::test]
async fn a_queue_is_created_once() {
    for server in both().await {
        let queue = server.queue("once", &[("VisibilityTimeout", "7")]).await;
        assert_eq!(queue, format!("{}/123456789012/once", server.client.url()));
        assert_eq!(server.queue("once", &[("VisibilityTimeout", "7")]).await, queue);
        let attributes = json!({"VisibilityTimeout": "8"});
        let members = json!({"QueueName": "once", "Attributes": attributes});
        let code = server.refused("CreateQueue", members).await;
        // ElasticMQ tells the shape where SQS tells the code of old.
        let codes = ["QueueAlreadyExists", "com.amazonaws.sqs#QueueNameExists"];
        assert_eq!(code, codes[usize::from(server.is_real())]);

        let found = server.done("GetQueueUrl", json!({"QueueName": "once"})).await;
        assert_eq!(found["QueueUrl"], queue);
        let read = async |name: &str| server.client.queue_attribute(&queue, name).await.unwrap();
        assert_eq!(read("QueueArn").await, arn("once"));
        assert_eq!(read("VisibilityTimeout").await, "7");
        let members = json!({"QueueUrl": queue, "Attributes": {"VisibilityTimeout": "9"}});
        server.done("SetQueueAttributes", members).await;
        assert_eq!(read("VisibilityTimeout").await, "9");
    }
}

#[tokio::test]
async fn a_missing_queue_is_told() {
    for server in both().await {
        let url = format!("{}/123456789012/missing", server.client.url());
        let codes =
            ["AWS.SimpleQueueService.NonExistentQueue", "com.amazonaws.sqs#QueueDoesNotExist"];
        let expected = codes[usize::from(server.is_real())];
        for (operation, members) in [
            ("GetQueueUrl", json!({"QueueName": "missing"})),
            ("SendMessage", json!({"QueueUrl": url, "MessageBody": "x"})),
            ("ReceiveMessage", json!({"QueueUrl": url})),
            ("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": "x"})),
            ("GetQueueAttributes", json!({"QueueUrl": url})),
        ] {
            assert_eq!(server.refused(operation, members).await, expected, "{operation}");
        }
    }
}

#[tokio::test]
async fn queues_are_listed_by_the_start_of_their_names() {
    for server in both().await {
        let mut queues = [server.queue("listed-a", &[]).await, server.queue("listed-b", &[]).await];
        server.queue("unlisted", &[]).await;
        queues.sort();
        let answer = server.done("ListQueues", json!({"QueueNamePrefix": "listed"})).await;
        let mut found: Vec<_> = answer["QueueUrls"].as_array().unwrap().clone();
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, queues);
    }
}

#[tokio::test]
async fn a_purged_queue_is_empty() {
    for server in both().await {
        let queue = server.queue("purged", &[]).await;
        server.send(&queue, "one").await;
        server.send(&queue, "two").await;
        let received = server.receive_with(&queue, json!({"MaxNumberOfMessages": 1})).await;
        assert_eq!(received.len(), 1);
        server.done("PurgeQueue", json!({"QueueUrl": queue})).await;
        assert_eq!(server.counts(&queue).await, [0, 0, 0]);
    }
}
