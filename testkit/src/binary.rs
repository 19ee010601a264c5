//! A function's real binary, run by the Runtime API stand-in.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

use local::runtime_api::{Function, FunctionOptions, InvokeError, LogStream};
use serde_json::Value;

use crate::{now_ms, numbers};

/// The name of every function under test.
pub const FUNCTION_NAME: &str = "function-under-test";

/// A function's binary with its settings.
#[derive(Debug)]
pub struct Binary {
    /// The function, to kill it or to invoke it from another task.
    pub function: Function,
    /// Number of log lines that were already observed.
    seen: usize,
}

/// The result of one invocation.
#[derive(Debug)]
pub struct Observed {
    /// The answer's bytes.
    pub answer: Result<Vec<u8>, InvokeError>,
    /// Whether it started a process.
    pub cold: bool,
    /// Lines on standard output, which are metrics.
    pub stdout: Vec<String>,
    /// Lines on standard error, which are the log.
    pub stderr: Vec<String>,
    /// The times of the invocation and its answer, in milliseconds since 1970.
    pub during_ms: RangeInclusive<u64>,
}

impl Binary {
    /// The binary at this path (`CARGO_BIN_EXE_…`) with these variables in addition to Lambda's
    /// own, and a timeout of 60 s. The last value of a variable applies.
    pub async fn new(path: &str, variables: &[(&str, &str)]) -> Self {
        Self::with_timeout(path, variables, Duration::from_mins(1)).await
    }

    /// Like [`new`](Self::new), with another timeout.
    pub async fn with_timeout(path: &str, variables: &[(&str, &str)], timeout: Duration) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let options = FunctionOptions {
            environment: variables.iter().map(owned).collect(),
            timeout,
            ..FunctionOptions::new(FUNCTION_NAME, path)
        };
        Self::with_options(options).await
    }

    /// The function with these options.
    pub async fn with_options(options: FunctionOptions) -> Self {
        Self { function: Function::start(options).await.unwrap(), seen: 0 }
    }

    /// Invokes the function.
    pub async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        let before = now_ms();
        let answer = self.function.invoke(event.into()).await;
        let during_ms = before..=now_ms();
        let logs = self.function.logs();
        let lines = |stream| {
            let lines = logs[self.seen..].iter().filter(move |line| line.stream == stream);
            lines.map(|line| line.text.clone()).collect()
        };
        let (stdout, stderr) = (lines(LogStream::Stdout), lines(LogStream::Stderr));
        self.seen = logs.len();
        let cold = answer.as_ref().is_ok_and(|answer| answer.init_duration.is_some());
        let answer = answer.map(|answer| answer.body.to_vec());
        Observed { answer, cold, stdout, stderr, during_ms }
    }
}

impl Observed {
    /// The answer's bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.answer.as_ref().unwrap_or_else(|error| panic!("{error}: {:?}", self.stderr))
    }

    /// The answer.
    #[must_use]
    pub fn json(&self) -> Value {
        json(std::str::from_utf8(self.body()).unwrap())
    }

    /// `errorType` and `errorMessage`.
    #[must_use]
    pub fn error(&self) -> (String, String) {
        let error = self.answer.as_ref().unwrap_err();
        (error.error_type().to_owned(), error.message())
    }

    /// The lines of metrics.
    #[must_use]
    pub fn metric_lines(&self) -> Vec<Value> {
        self.stdout.iter().map(|line| json(line)).collect()
    }

    /// The only line of metrics, whose `Timestamp` must be the invocation's and is replaced by
    /// null.
    #[must_use]
    pub fn metric_line(&self) -> Value {
        let [line] = &self.stdout[..] else { panic!("one line: {:?}", self.stdout) };
        let mut line = json(line);
        let timestamp = line["_aws"]["Timestamp"].take().as_u64().unwrap();
        assert!(self.during_ms.contains(&timestamp), "{timestamp} in {:?}", self.during_ms);
        line
    }

    /// The integers in the only line of metrics.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        numbers(&self.metric_line())
    }

    /// The lines of the log.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        self.stderr.iter().map(|line| json(line)).collect()
    }

    /// The reasons in the log, each in one line, with the number of records or messages and the id
    /// of the first one in the member `first`.
    #[must_use]
    pub fn reasons(&self, first: &str) -> BTreeMap<String, (u64, String)> {
        let mut reasons = BTreeMap::new();
        for line in self.log() {
            let Some(reason) = line["reason"].as_str() else { continue };
            let count = line["count"].as_u64().unwrap();
            let first = line[first].as_str().unwrap().to_owned();
            let again = reasons.insert(reason.to_owned(), (count, first));
            assert_eq!(again, None, "one line for each reason");
        }
        reasons
    }

    /// Fails the test if a log line, a line of metrics or the error contains one of these texts.
    pub fn assert_hidden(&self, secrets: &[impl AsRef<str>]) {
        let error = self.answer.as_ref().err().map(InvokeError::message);
        for line in self.stdout.iter().chain(&self.stderr).chain(&error) {
            assert!(!secrets.iter().any(|secret| line.contains(secret.as_ref())), "{line}");
        }
    }
}

/// Starts a function with these variables, which it must reject, and returns the error.
pub async fn refusal(path: &str, variables: &[(&str, &str)]) -> String {
    let observed = Binary::new(path, variables).await.invoke("{}").await;
    let Err(InvokeError::Init { error_type, message }) = &observed.answer else {
        panic!("{variables:?}: {observed:?}");
    };
    assert_eq!(error_type, "InvalidConfiguration");
    let [line] = &observed.log()[..] else { panic!("{:?}", observed.stderr) };
    assert_eq!((&line["level"], &line["error"]), (&"ERROR".into(), &message.as_str().into()));
    message.clone()
}

/// Runs a function outside of Lambda, which must fail, and returns the error in its only log line.
#[must_use]
pub fn outside_of_lambda(path: &str) -> String {
    let output = Command::new(path).env_clear().output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    let line = json(std::str::from_utf8(&output.stderr).unwrap());
    line["error"].as_str().unwrap().to_owned()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}: {text}"))
}
