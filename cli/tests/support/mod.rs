//! Queues in a SQS on this machine, and the real command that works on them.

pub(crate) mod lambda;

use std::process::{Output, Stdio};

use local::sqs::Client;
use local::sqs::embedded::Embedded;
use serde_json::{Value, json};
use tokio::process::Command;

/// A queue `music`, which gives messages up after one receive, its dead-letter queue, and one more.
pub(crate) struct Queues {
    pub(crate) client: Client,
    pub(crate) main: String,
    pub(crate) dlq: String,
    pub(crate) dlq_arn: String,
    pub(crate) parking: String,
}

impl Queues {
    pub(crate) async fn create(url: &str) -> Self {
        let client = Client::new(url).unwrap();
        let parking = client.create_queue("parking", &[]).await.unwrap();
        let dlq = client.create_queue("music-dlq", &[]).await.unwrap();
        let dlq_arn = client.queue_attribute(&dlq, "QueueArn").await.unwrap();
        let policy = json!({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": 1}).to_string();
        let main = client.create_queue("music", &[("RedrivePolicy", &policy)]).await.unwrap();
        Self { client, main, dlq, dlq_arn, parking }
    }

    /// Those of an embedded SQS.
    pub(crate) async fn embedded() -> (Embedded, Self) {
        let sqs = Embedded::start().await.unwrap();
        let queues = Self::create(sqs.url()).await;
        (sqs, queues)
    }

    /// Sends messages `{"n":0,"kind":"even"}`, `{"n":1,"kind":"odd"}` and so on, of which the odd
    /// ones have the reason `timeout`, and lets the queue give them up.
    pub(crate) async fn give_up(&self, messages: usize) {
        for n in 0..messages {
            let kind = if n % 2 == 0 { "even" } else { "odd" };
            let mut members = json!({
                "QueueUrl": self.main, "MessageBody": json!({"n": n, "kind": kind}).to_string(),
            });
            if kind == "odd" {
                let reason = json!({"DataType": "String", "StringValue": "timeout"});
                members["MessageAttributes"] = json!({"sluice.reason": reason});
            }
            self.client.call("SendMessage", &members).await.unwrap();
        }
        for _ in 0..10 * messages {
            if self.visible(&self.dlq).await == messages as u64 {
                return;
            }
            self.receive(&self.main, 0).await;
        }
        assert_eq!(self.visible(&self.dlq).await, messages as u64);
    }

    /// The bodies of up to ten messages, which stay visible.
    pub(crate) async fn receive(&self, queue_url: &str, wait_seconds: u32) -> Vec<String> {
        let members = json!({
            "QueueUrl": queue_url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0,
            "WaitTimeSeconds": wait_seconds,
        });
        let answer = self.client.call("ReceiveMessage", &members).await.unwrap();
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
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

    /// The command with these queues' endpoint.
    pub(crate) fn sluice(&self, arguments: &[&str]) -> Command {
        let mut command = sluice(arguments);
        command.env("AWS_ENDPOINT_URL_SQS", self.client.url());
        command
    }

    /// What the command says.
    pub(crate) async fn say(&self, arguments: &[&str]) -> Said {
        Said::of(self.sluice(arguments).output().await.unwrap())
    }
}

/// The command, without anything of this process's environment that is AWS's.
pub(crate) fn sluice(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
}

/// How the command ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
