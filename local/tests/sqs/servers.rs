//! The servers of the tests.

use local::sqs::{Choice, Client, ClientError, Embedded, Environment, Sqs};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// A server, with short methods for its operations.
pub(crate) struct Server {
    pub(crate) client: Client,
    embedded: Option<Embedded>,
}

/// The servers for a test of their common behavior: its own embedded one, and the real one of this
/// test binary, if it is available. The real one also has queues of other tests.
pub(crate) async fn both() -> Vec<Server> {
    let own = own().await;
    let real = real().await.map(|client| Server { client, embedded: None });
    std::iter::once(own).chain(real).collect()
}

/// An embedded server for this test alone.
pub(crate) async fn own() -> Server {
    embedded(Embedded::start().await.unwrap())
}

pub(crate) fn embedded(embedded: Embedded) -> Server {
    let client = Client::new(embedded.url()).unwrap();
    Server { client, embedded: Some(embedded) }
}

impl Server {
    pub(crate) fn embedded(&self) -> &Embedded {
        self.embedded.as_ref().unwrap()
    }

    pub(crate) fn is_real(&self) -> bool {
        self.embedded.is_none()
    }

    pub(crate) async fn queue(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        self.client.create_queue(name, attributes).await.unwrap()
    }

    /// A queue, and the queue to which its messages move after this number of receives:
    /// `<name>-dead`.
    pub(crate) async fn with_dead_letters(&self, name: &str, receives: u32) -> (String, String) {
        self.with_visibility(name, receives, "600").await
    }

    /// Like [`with_dead_letters`](Self::with_dead_letters), with another visibility timeout.
    pub(crate) async fn with_visibility(
        &self,
        name: &str,
        receives: u32,
        seconds: &str,
    ) -> (String, String) {
        let (plain, fifo) = match name.strip_suffix(".fifo") {
            Some(plain) => (plain, ".fifo"),
            None => (name, ""),
        };
        let dead_name = format!("{plain}-dead{fifo}");
        let policy = json!({"deadLetterTargetArn": arn(&dead_name), "maxReceiveCount": receives});
        let policy = policy.to_string();
        let mut attributes = vec![("VisibilityTimeout", seconds)];
        attributes.extend((!fifo.is_empty()).then_some(("FifoQueue", "true")));
        let dead = self.queue(&dead_name, &attributes).await;
        attributes.push(("RedrivePolicy", &policy));
        (self.queue(name, &attributes).await, dead)
    }

    /// The answer of a call that succeeds.
    pub(crate) async fn done(&self, operation: &str, members: Value) -> Value {
        self.client.call(operation, &members).await.unwrap()
    }

    /// The error code of a call that fails.
    pub(crate) async fn refused(&self, operation: &str, members: Value) -> String {
        match self.client.call(operation, &members).await.unwrap_err() {
            ClientError::Service { status, code, .. } => {
                assert_eq!(status, 400, "{operation}: {code}");
                code
            }
            error => panic!("{operation}: {error}"),
        }
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) -> String {
        let sent = self.done("SendMessage", json!({"QueueUrl": queue, "MessageBody": body})).await;
        sent["MessageId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn send_to_group(&self, queue: &str, group: &str, body: &str) -> Value {
        let members = json!({
            "QueueUrl": queue,
            "MessageBody": body,
            "MessageGroupId": group,
            "MessageDeduplicationId": body,
        });
        self.done("SendMessage", members).await
    }

    /// Up to ten messages, with all attributes.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Value> {
        self.receive_with(queue, json!({})).await
    }

    pub(crate) async fn receive_with(&self, queue: &str, members: Value) -> Vec<Value> {
        let mut all = json!({
            "QueueUrl": queue,
            "MaxNumberOfMessages": 10,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let own = members.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(own);
        let answer = self.done("ReceiveMessage", all).await;
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// The only message in the queue.
    pub(crate) async fn receive_one(&self, queue: &str) -> Value {
        let mut messages = self.receive(queue).await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    /// Hides a message for this number of seconds.
    pub(crate) async fn hide(&self, queue: &str, message: &Value, seconds: u64) {
        let failed = self.try_hide(queue, &message["ReceiptHandle"], seconds).await;
        assert_eq!(failed, "");
    }

    /// Hides a message for this number of seconds; returns the error code, empty if there is none.
    pub(crate) async fn try_hide(&self, queue: &str, handle: &Value, seconds: u64) -> String {
        let entry = json!({"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": seconds});
        let members = json!({"QueueUrl": queue, "Entries": [entry]});
        let answer = self.done("ChangeMessageVisibilityBatch", members).await;
        answer["Failed"][0]["Code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn delete(&self, queue: &str, message: &Value) {
        let members = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
        self.done("DeleteMessage", members).await;
    }

    /// The numbers of visible messages and of messages in flight.
    pub(crate) async fn counts(&self, queue: &str) -> [u64; 2] {
        let mut counts = [0; 2];
        for (count, suffix) in counts.iter_mut().zip(["", "NotVisible"]) {
            let name = format!("ApproximateNumberOfMessages{suffix}");
            *count = self.client.queue_attribute(queue, &name).await.unwrap().parse().unwrap();
        }
        counts
    }
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:{name}")
}

pub(crate) fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap()).collect()
}

/// The ElasticMQ of this test binary. If it is unavailable, prints a message, and fails the test if
/// `SLUICE_REQUIRE_REAL` is 1.
async fn real() -> Option<Client> {
    // Nothing drops it; it ends with this process.
    static REAL: OnceCell<Option<Sqs>> = OnceCell::const_new();
    let real = REAL.get_or_init(|| async { start().await.ok() }).await;
    let Some(real) = real else {
        assert!(!Environment::read().require_real, "SLUICE_REQUIRE_REAL=1, and no real SQS");
        return None;
    };
    Some(Client::new(real.url()).unwrap())
}

/// Starts a server, or prints why there is none.
async fn start() -> Result<Sqs, ()> {
    let started = Sqs::start(Choice::Real, |line| eprintln!("{line}")).await;
    started.map_err(|error| eprintln!("NOT RUN against a real SQS, because {error}"))
}
