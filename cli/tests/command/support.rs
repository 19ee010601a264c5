//! Runs the real command.

use std::net::TcpListener;
use std::ops::Deref;
use std::process::Stdio;

use local::sqs::embedded::Embedded;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// Creates the command, without the AWS variables of this process.
pub(crate) fn sluice(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    // Neither the user's profiles nor the role of this machine.
    let none = [("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")];
    command.envs(none).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

pub(crate) async fn run(arguments: &[&str]) -> Finished {
    finish(sluice(arguments).spawn().unwrap()).await
}

pub(crate) async fn finish(command: Child) -> Finished {
    let output = command.wait_with_output().await.unwrap();
    Finished {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A finished command.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that the command failed without a report, and that its error contains a text and no
    /// secret.
    pub(crate) fn assert_error(&self, code: i32, expected: &str) {
        assert_eq!((self.code, &*self.stdout), (code, ""), "{self:?}");
        assert!(self.stderr.contains(expected), "{expected}: {self:?}");
        assert!(!self.stderr.contains("secret"), "{self:?}");
    }
}

/// Sends Ctrl-C to the command.
pub(crate) async fn interrupt(command: &Child) {
    let id = command.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
}

/// Returns the URL of a free port, with user and password.
pub(crate) fn unavailable_url() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://ada:secret@127.0.0.1:{port}")
}

/// A queue `music`, whose messages move to its dead-letter queue after one receive, that
/// dead-letter queue, and a queue `parking`.
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

    /// Creates the queues in an embedded SQS.
    pub(crate) async fn embedded() -> (Embedded, Self) {
        let sqs = Embedded::start().await.unwrap();
        let queues = Self::create(sqs.url()).await;
        (sqs, queues)
    }

    /// Creates dead letters `{"n":0,"kind":"even"}`, `{"n":1,"kind":"odd"}` and so on. The odd ones
    /// have the reason `timeout`.
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

    /// Waits for messages and receives up to ten, which stay visible.
    pub(crate) async fn wait_for(&self, queue_url: &str) -> Vec<Value> {
        let members = json!({"VisibilityTimeout": 0, "WaitTimeSeconds": 20});
        self.receive_with(queue_url, &members).await
    }

    /// Starts the command with the endpoint of these queues.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        sluice(arguments).env("AWS_ENDPOINT_URL_SQS", self.client.url()).spawn().unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.start(arguments)).await
    }
}
