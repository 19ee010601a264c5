//! The function's real binary behind a Runtime API, and what it is seen to do.

use std::time::Duration;

use local::runtime_api::{Function, FunctionOptions, InvokeError, LogStream};
use serde_json::Value;

use crate::support::endpoint::{Endpoint, KEY, TOKEN};

/// The function's name in these tests.
pub(crate) const NAME: &str = "notifier-test";

/// The binary with some settings.
pub(crate) struct Binary {
    function: Function,
    seen: usize,
}

/// What one invocation did.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) answer: Result<Vec<u8>, InvokeError>,
    /// Lines on standard output.
    pub(crate) stdout: Vec<String>,
    /// Lines on standard error.
    pub(crate) stderr: Vec<String>,
}

impl Binary {
    /// The binary with these variables besides Lambda's own, and a timeout. Its AWS is `endpoint`.
    pub(crate) async fn start(
        endpoint: &Endpoint,
        variables: &[(&str, &str)],
        timeout: Duration,
    ) -> Self {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let aws = [("AWS_ENDPOINT_URL", &*endpoint.url), ("LOG_LEVEL", "trace")];
        let options = FunctionOptions {
            environment: aws.iter().chain(variables).map(own).collect(),
            timeout,
            ..FunctionOptions::new(NAME, env!("CARGO_BIN_EXE_alert-notifier"))
        };
        Self { function: Function::start(options).await.unwrap(), seen: 0 }
    }

    /// One invocation, in which nobody sees the webhook's key.
    pub(crate) async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        let answer = self.function.invoke(event.into()).await;
        let logs = self.function.logs();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        for line in &logs[self.seen..] {
            for secret in [KEY, TOKEN, "hush"] {
                assert!(!line.text.contains(secret), "{}", line.text);
            }
            match line.stream {
                LogStream::Stdout => stdout.push(line.text.clone()),
                LogStream::Stderr => stderr.push(line.text.clone()),
            }
        }
        self.seen = logs.len();
        let answer = answer.map(|answer| answer.body.to_vec());
        if let Err(error) = &answer {
            assert!(!error.message().contains("hush"), "{}", error.message());
        }
        Observed { answer, stdout, stderr }
    }
}

impl Observed {
    /// How many alerts the answer says were posted.
    pub(crate) fn posted(&self) -> u64 {
        let answer = self.answer.as_ref();
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {:?}", self.stderr));
        let answer: Value = serde_json::from_slice(answer).unwrap();
        answer["posted"].as_u64().unwrap()
    }

    /// The error's type and text.
    pub(crate) fn error(&self) -> (String, String) {
        let error = self.answer.as_ref().unwrap_err();
        (error.error_type().to_owned(), error.message())
    }

    /// The metrics of the one line on standard output: alerts, posted, failed, requests.
    pub(crate) fn metrics(&self) -> [u64; 4] {
        let [line] = &self.stdout[..] else { panic!("one line: {:?}", self.stdout) };
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["FunctionName"], NAME);
        ["AlertsIn", "AlertsPosted", "AlertsFailed", "ChatRequests"]
            .map(|name| line[name].as_u64().unwrap())
    }
}
