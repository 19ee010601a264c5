//! The function's real binary behind a Runtime API, and what it is seen to do.

use std::time::Duration;

use local::runtime_api::{Function, FunctionOptions, InvokeError, LogStream};
use serde_json::Value;

use super::cloud::Cloud;

/// The binary with some settings.
pub(crate) struct Binary {
    function: Function,
    seen: usize,
}

/// What one run did.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) answer: Result<Value, InvokeError>,
    /// Lines on standard output.
    pub(crate) metrics: Vec<Value>,
    /// Lines on standard error.
    pub(crate) log: Vec<Value>,
}

impl Binary {
    /// The binary with these variables besides Lambda's own and those that point to the cloud.
    pub(crate) async fn start(
        cloud: &Cloud,
        variables: &[(&str, &str)],
        timeout: Duration,
    ) -> Self {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let endpoints = [
            ("AWS_ENDPOINT_URL_CLOUDWATCH", &*cloud.url),
            ("AWS_ENDPOINT_URL_LAMBDA", &*cloud.url),
            ("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", &*cloud.url),
        ];
        let options = FunctionOptions {
            environment: endpoints.iter().chain(variables).map(own).collect(),
            timeout,
            ..FunctionOptions::new("metrics-test", env!("CARGO_BIN_EXE_lambda-metrics"))
        };
        Self { function: Function::start(options).await.unwrap(), seen: 0 }
    }

    /// One run.
    pub(crate) async fn run(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        let answer = self.function.invoke(event.into()).await;
        let logs = self.function.logs();
        let (mut metrics, mut log) = (Vec::new(), Vec::new());
        for line in &logs[self.seen..] {
            let value: Value = serde_json::from_str(&line.text)
                .unwrap_or_else(|error| panic!("no line of JSON: {error}: {}", line.text));
            match line.stream {
                LogStream::Stdout => metrics.push(value),
                LogStream::Stderr => log.push(value),
            }
        }
        self.seen = logs.len();
        let answer = answer.map(|answer| serde_json::from_slice(&answer.body).unwrap());
        Observed { answer, metrics, log }
    }
}
