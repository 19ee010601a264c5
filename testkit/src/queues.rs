//! Queues in an SQS on this machine.

use local::sqs::Client;
use serde_json::{Value, json};

/// A queue `music`, whose messages move to its dead-letter queue after one receive, that
/// dead-letter queue, and a queue `parking`.
#[derive(Debug)]
pub struct Queues {
    /// A client of their SQS.
    pub client: Client,
    /// The URL of `music`.
    pub main: String,
    /// The URL of `music-dlq`.
    pub dlq: String,
    /// The ARN of `music-dlq`.
    pub dlq_arn: String,
    /// The URL of `parking`.
    pub parking: String,
}

impl Queues {
    /// Creates the queues at this endpoint, with `suffix` after their names and with these
    /// attributes.
    pub async fn create(url: &str, suffix: &str, attributes: &[(&str, &str)]) -> Self {
        let client = Client::new(url).unwrap();
        let name = |name: &str| format!("{name}{suffix}");
        let parking = client.create_queue(&name("parking"), attributes).await.unwrap();
        let dlq = client.create_queue(&name("music-dlq"), attributes).await.unwrap();
        let dlq_arn = client.queue_attribute(&dlq, "QueueArn").await.unwrap();
        let policy = json!({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": 1}).to_string();
        let attributes = [attributes, &[("RedrivePolicy", &policy)]].concat();
        let main = client.create_queue(&name("music"), &attributes).await.unwrap();
        Self { client, main, dlq, dlq_arn, parking }
    }

    /// Sends a message with the members of `SendMessage`.
    pub async fn send(&self, queue_url: &str, message: &Value) {
        let mut members = message.clone();
        members["QueueUrl"] = json!(queue_url);
        self.client.call("SendMessage", &members).await.unwrap();
    }

    /// Sends messages to `music` and receives them until they are in the dead-letter queue.
    pub async fn give_up(&self, messages: &[Value]) {
        for message in messages {
            self.send(&self.main, message).await;
        }
        let expected = messages.len() as u64;
        for _ in 0..10 * messages.len() {
            if self.visible(&self.dlq).await == expected {
                return;
            }
            self.receive(&self.main).await;
        }
        assert_eq!(self.visible(&self.dlq).await, expected);
    }

    /// Receives up to ten messages, which stay visible.
    pub async fn receive(&self, queue_url: &str) -> Vec<Value> {
        self.receive_with(queue_url, &json!({"VisibilityTimeout": 0})).await
    }

    /// Receives up to ten messages, with these additional members of `ReceiveMessage`.
    pub async fn receive_with(&self, queue_url: &str, members: &Value) -> Vec<Value> {
        let mut all = json!({
            "QueueUrl": queue_url, "MaxNumberOfMessages": 10,
            "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = self.client.call("ReceiveMessage", &all).await.unwrap();
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// Receives up to ten messages and deletes them.
    pub async fn take(&self, queue_url: &str) -> Vec<Value> {
        let messages = self.receive_with(queue_url, &json!({"VisibilityTimeout": 30})).await;
        for message in &messages {
            let members = json!({"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]});
            self.client.call("DeleteMessage", &members).await.unwrap();
        }
        messages
    }

    /// Number of messages that can be received.
    pub async fn visible(&self, queue_url: &str) -> u64 {
        let name = "ApproximateNumberOfMessages";
        self.client.queue_attribute(queue_url, name).await.unwrap().parse().unwrap()
    }

    /// Numbers of messages that can be received from the dead-letter queue, from `music` and from
    /// `parking`.
    pub async fn counts(&self) -> [u64; 3] {
        let queues = [&self.dlq, &self.main, &self.parking];
        let mut counts = [0; 3];
        for (count, queue_url) in counts.iter_mut().zip(queues) {
            *count = self.visible(queue_url).await;
        }
        counts
    }
}
