//! Queues in an embedded SQS, and the real binary that redrives between them.

use std::time::Duration;

use local::runtime_api::{Function, FunctionOptions, InvokeError, LogStream};
use local::sqs::embedded::Embedded;
use local::sqs::{Choice, Client, Sqs};
use serde_json::{Value, json};

/// The function's name in these tests.
pub(crate) const NAME: &str = "redrive-test";

/// A queue `music`, its dead-letter queue, one more queue, and the function.
pub(crate) struct Stack<S = Embedded> {
    pub(crate) sqs: S,
    pub(crate) client: Client,
    pub(crate) main: String,
    pub(crate) dlq: String,
    pub(crate) parking: String,
    pub(crate) function: Function,
}

impl Stack {
    /// Standard queues, and the function with a timeout of a minute.
    pub(crate) async fn new(variables: &[(&str, &str)]) -> Self {
        Self::with("", variables, Duration::from_mins(1)).await
    }

    /// Queues whose names end with `suffix`.
    pub(crate) async fn with(suffix: &str, variables: &[(&str, &str)], timeout: Duration) -> Self {
        let sqs = Embedded::start().await.unwrap();
        let url = sqs.url().to_owned();
        let retention = [("MessageRetentionPeriod", "1209600")];
        Self::around(sqs, &url, &retention, suffix, variables, timeout).await
    }
}

impl Stack<Sqs> {
    /// Standard queues in ElasticMQ, where this machine can run it.
    pub(crate) async fn real() -> Self {
        let sqs = Sqs::start(Choice::Auto, |line| println!("{line}")).await.unwrap();
        let url = sqs.url().to_owned();
        Self::around(sqs, &url, &[], "", &[], Duration::from_mins(1)).await
    }
}

impl<S> Stack<S> {
    async fn around(
        sqs: S,
        url: &str,
        attributes: &[(&str, &str)],
        suffix: &str,
        variables: &[(&str, &str)],
        timeout: Duration,
    ) -> Self {
        let client = Client::new(url).unwrap();
        let name = |name: &str| format!("{name}{suffix}");
        let is_fifo = !suffix.is_empty();
        let mut attributes = attributes.to_vec();
        attributes.extend(is_fifo.then_some(("FifoQueue", "true")));
        let parking = client.create_queue(&name("parking"), &attributes).await.unwrap();
        let dlq = client.create_queue(&name("music-dlq"), &attributes).await.unwrap();
        let arn = client.queue_attribute(&dlq, "QueueArn").await.unwrap();
        let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1}).to_string();
        attributes.push(("RedrivePolicy", &policy));
        let main = client.create_queue(&name("music"), &attributes).await.unwrap();
        let own =
            [("AWS_ENDPOINT_URL_SQS", url), ("DLQ_URL", &dlq), ("PARKING_QUEUE_URL", &parking)];
        let environment = own.iter().chain(variables);
        let options = FunctionOptions {
            environment: environment.map(|&(n, v)| (n.to_owned(), v.to_owned())).collect(),
            timeout,
            ..FunctionOptions::new(NAME, env!("CARGO_BIN_EXE_dlq-redrive"))
        };
        let function = Function::start(options).await.unwrap();
        Self { sqs, client, main, dlq, parking, function }
    }

    /// Sends a message, of the members of `SendMessage`.
    pub(crate) async fn send(&self, queue_url: &str, message: &Value) {
        let mut members = message.clone();
        members["QueueUrl"] = json!(queue_url);
        self.client.call("SendMessage", &members).await.unwrap();
    }

    /// Sends messages to `music` and lets it give them up.
    pub(crate) async fn give_up(&self, messages: &[Value]) {
        for message in messages {
            self.send(&self.main, message).await;
        }
        for _ in 0..10 * messages.len() {
            if self.visible(&self.dlq).await == messages.len() as u64 {
                return;
            }
            self.receive(&self.main).await;
        }
        assert_eq!(self.visible(&self.dlq).await, messages.len() as u64);
    }

    /// Receives up to ten messages, which stay visible.
    pub(crate) async fn receive(&self, queue_url: &str) -> Vec<Value> {
        let members = json!({
            "QueueUrl": queue_url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0,
            "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        let answer = self.client.call("ReceiveMessage", &members).await.unwrap();
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// How many messages can be received.
    pub(crate) async fn visible(&self, queue_url: &str) -> u64 {
        let name = "ApproximateNumberOfMessages";
        self.client.queue_attribute(queue_url, name).await.unwrap().parse().unwrap()
    }

    /// How many messages can be received from the dead-letter queue, the queue, and parking.
    pub(crate) async fn counts(&self) -> [u64; 3] {
        [
            self.visible(&self.dlq).await,
            self.visible(&self.main).await,
            self.visible(&self.parking).await,
        ]
    }

    /// Invokes the function.
    pub(crate) async fn invoke(&self, payload: &Value) -> Result<Value, InvokeError> {
        let answer = self.function.invoke(payload.to_string()).await?;
        Ok(serde_json::from_slice(&answer.body).unwrap())
    }

    /// The last line of standard output.
    pub(crate) fn metrics(&self) -> Value {
        let logs = self.function.logs();
        let line = logs.iter().rfind(|line| line.stream == LogStream::Stdout).unwrap();
        serde_json::from_str(&line.text).unwrap()
    }
}
