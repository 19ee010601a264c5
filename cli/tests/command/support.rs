//! Queues in a SQS on this machine, and the real command that works on them.

pub(crate) mod lambda;

use std::ops::Deref;
use std::process::{Output, Stdio};

use local::sqs::embedded::Embedded;
use serde_json::{Value, json};
use tokio::process::Command;

/// A queue `music`, which gives messages up after one receive, its dead-letter queue, and one more.
pub(crate) struct Queues(testkit::Queues);

impl Deref for Queues {
    type Target = testkit::Queues;

    fn deref(&self) -> &testkit::Queues {
        &self.0
    }
}

impl Queues {
    pub(crate) async fn create(url: &str) -> Self {
        Self(testkit::Queues::create(url, "", &[]).await)
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
        let reason = json!({"DataType": "String", "StringValue": "timeout"});
        let message = |n| match n % 2 {
            0 => json!({"MessageBody": json!({"n": n, "kind": "even"}).to_string()}),
            _ => json!({
                "MessageBody": json!({"n": n, "kind": "odd"}).to_string(),
                "MessageAttributes": {"sluice.reason": reason},
            }),
        };
        self.0.give_up(&(0..messages).map(message).collect::<Vec<_>>()).await;
    }

    /// Receives up to ten messages, which stay visible; waits for the first.
    pub(crate) async fn wait_for(&self, queue_url: &str) -> Vec<Value> {
        let members = json!({"VisibilityTimeout": 0, "WaitTimeSeconds": 20});
        self.receive_with(queue_url, &members).await
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
