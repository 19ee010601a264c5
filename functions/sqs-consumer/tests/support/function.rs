//! The function's real binary behind a Runtime API, and what it is seen to do.

use std::collections::BTreeMap;
use std::time::Duration;

use local::runtime_api::{Function, FunctionOptions, InvokeError, LogStream};
use serde_json::Value;

/// The function's name in these tests.
pub(crate) const NAME: &str = "consumer-test";

/// The binary with some settings.
pub(crate) struct Binary {
    pub(crate) function: Function,
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
    /// The binary with these variables besides Lambda's own, and a timeout.
    pub(crate) async fn with_timeout(variables: &[(&str, &str)], timeout: Duration) -> Self {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let options = FunctionOptions {
            environment: variables.iter().map(own).collect(),
            timeout,
            ..FunctionOptions::new(NAME, env!("CARGO_BIN_EXE_sqs-consumer"))
        };
        Self { function: Function::start(options).await.unwrap(), seen: 0 }
    }

    /// One invocation.
    pub(crate) async fn invoke(&mut self, body: impl Into<Vec<u8>>) -> Observed {
        let answer = self.function.invoke(body.into()).await;
        let logs = self.function.logs();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        for line in &logs[self.seen..] {
            match line.stream {
                LogStream::Stdout => stdout.push(line.text.clone()),
                LogStream::Stderr => stderr.push(line.text.clone()),
            }
        }
        self.seen = logs.len();
        let answer = answer.map(|answer| answer.body.to_vec());
        Observed { answer, stdout, stderr }
    }
}

impl Observed {
    /// The answer's bytes.
    pub(crate) fn body(&self) -> &[u8] {
        self.answer.as_ref().unwrap_or_else(|error| panic!("{error}: {:?}", self.stderr))
    }

    /// The metrics of the one line that an invocation writes to standard output.
    pub(crate) fn metrics(&self) -> BTreeMap<String, u64> {
        let [line] = &self.stdout[..] else { panic!("one line: {:?}", self.stdout) };
        let Value::Object(line) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        let number = |(name, value): (&String, &Value)| Some((name.clone(), value.as_u64()?));
        line.iter().filter_map(number).collect()
    }

    /// The ids of the messages that come again, in the order of the answer.
    pub(crate) fn come_again(&self) -> Vec<String> {
        let Value::Object(answer) = serde_json::from_slice(self.body()).unwrap() else { panic!() };
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["batchItemFailures"]);
        let failures = answer["batchItemFailures"].as_array().unwrap();
        let id = |failure: &Value| {
            let failure = failure.as_object().unwrap();
            assert_eq!(failure.keys().collect::<Vec<_>>(), ["itemIdentifier"]);
            failure["itemIdentifier"].as_str().unwrap().to_owned()
        };
        failures.iter().map(id).collect()
    }

    /// The reasons in the log: how many, and the first message's id.
    pub(crate) fn reasons(&self) -> BTreeMap<String, (u64, String)> {
        let mut reasons = BTreeMap::new();
        for line in &self.stderr {
            let line: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("no line of JSON: {error}: {line}"));
            let Some(reason) = line["reason"].as_str() else { continue };
            let count = line["count"].as_u64().unwrap();
            let first = line["first_message_id"].as_str().unwrap().to_owned();
            let again = reasons.insert(reason.to_owned(), (count, first));
            assert_eq!(again, None, "one line for each reason");
        }
        reasons
    }
}
