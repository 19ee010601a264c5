//! Queues are created and found.

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
        // ElasticMQ returns the shape, and SQS the old code.
        let codes = ["QueueAlreadyExists", "com.amazonaws.sqs#QueueNameExists"];
        assert_eq!(code, codes[usize::from(server.is_real())]);

        let found = server.done("GetQueueUrl", json!({"QueueName": "once"})).await;
        assert_eq!(found["QueueUrl"], queue);
        let read = async |name: &str| server.client.queue_attribute(&queue, name).await.unwrap();
        assert_eq!(read("QueueArn").await, arn("once"));
        assert_eq!(read("VisibilityTimeout").await, "7");
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
