//! The function's real binary behind a Runtime API, and what it is seen to do.

use std::collections::BTreeMap;
use std::time::Duration;

use local::runtime_api::{Function, FunctionOptions, InvokeError, LogStream};
use serde_json::Value;

/// The function's name in these tests.
pub(crate) const NAME: &str = "transform-test";

/// The binary with some settings.
pub(crate) struct Binary {
    pub(crate) function: Function,
    seen: usize,
}

/// What one invocation did.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) answer: Result<Vec<u8>, InvokeError>,
    /// Whether a process was started for it.
    pub(crate) cold: bool,
    /// Lines on standard output.
    pub(crate) stdout: Vec<String>,
    /// Lines on standard error.
    pub(crate) stderr: Vec<String>,
}

impl Binary {
    /// The binary with these variables besides Lambda's own, and a timeout of 60 s.
    pub(crate) async fn new(variables: &[(&str, &str)]) -> Self {
        Self::with_timeout(variables, Duration::from_mins(1)).await
    }

    /// The binary with these variables and a timeout.
    pub(crate) async fn with_timeout(variables: &[(&str, &str)], timeout: Duration) -> Self {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let options = FunctionOptions {
            environment: variables.iter().map(own).collect(),
            timeout,
            ..FunctionOptions::new(NAME, env!("CARGO_BIN_EXE_firehose-transform"))
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
        let cold = answer.as_ref().is_ok_and(|answer| answer.init_duration.is_some());
        let answer = answer.map(|answer| answer.body.to_vec());
        Observed { answer, cold, stdout, stderr }
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

    /// The failures in the log: reason, how many, and the first record's id.
    pub(crate) fn failures(&self) -> BTreeMap<String, (u64, String)> {
        let mut failures = BTreeMap::new();
        for line in &self.stderr {
            let line: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("no line of JSON: {error}: {line}"));
            let Some(reason) = line["reason"].as_str() else { continue };
            let count = line["count"].as_u64().unwrap();
            let first = line["first_record_id"].as_str().unwrap().to_owned();
            let again = failures.insert(reason.to_owned(), (count, first));
            assert_eq!(again, None, "one line for each reason");
        }
        failures
    }
}
