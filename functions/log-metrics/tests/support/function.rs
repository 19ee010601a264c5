//! The function's real binary behind a Runtime API, and what it is seen to do.

use local::runtime_api::{Function, FunctionOptions, InvokeError, LogStream};
use serde_json::{Map, Value};

/// The function's name in these tests.
pub(crate) const NAME: &str = "log-metrics-test";

/// The binary with some settings.
pub(crate) struct Binary {
    function: Function,
    seen: usize,
}

/// What one invocation did.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) answer: Result<Value, InvokeError>,
    /// Lines on standard output: metrics.
    pub(crate) stdout: Vec<Value>,
    /// Lines on standard error: logs.
    pub(crate) stderr: Vec<Value>,
}

impl Binary {
    /// The binary with these variables besides Lambda's own.
    pub(crate) async fn new(variables: &[(&str, &str)]) -> Self {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let options = FunctionOptions {
            environment: variables.iter().map(own).collect(),
            ..FunctionOptions::new(NAME, env!("CARGO_BIN_EXE_log-metrics"))
        };
        Self { function: Function::start(options).await.unwrap(), seen: 0 }
    }

    /// One invocation.
    pub(crate) async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        let answer = self.function.invoke(event.into()).await;
        let answer = answer.map(|answer| serde_json::from_slice(&answer.body).unwrap());
        let logs = self.function.logs();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        for line in &logs[self.seen..] {
            let value = serde_json::from_str(&line.text)
                .unwrap_or_else(|error| panic!("no line of JSON: {error}: {}", line.text));
            match line.stream {
                LogStream::Stdout => stdout.push(value),
                LogStream::Stderr => stderr.push(value),
            }
        }
        self.seen = logs.len();
        Observed { answer, stdout, stderr }
    }
}

impl Observed {
    /// The metrics, line by line: dimensions and values, with their definition checked.
    pub(crate) fn metrics(&self) -> Vec<Value> {
        self.stdout.iter().map(metrics_of).collect()
    }

    /// What the log says of failures: their members but for level, message, target and times.
    pub(crate) fn failures(&self) -> Vec<Value> {
        let own = |line: &Value| {
            assert_eq!(line["level"], "WARN", "{line}");
            assert_eq!(line["message"], "invocation failed", "{line}");
            let members = line.as_object().unwrap().clone().into_iter();
            let common = ["level", "message", "target", "time_ms", "timestamp"];
            members.filter(|(name, _)| !common.contains(&&**name)).collect()
        };
        self.stderr.iter().map(own).collect()
    }
}

/// `{"FunctionName": …, "Timeouts": 1}`: what a line of embedded metric format says.
fn metrics_of(line: &Value) -> Value {
    let mut line = line.as_object().unwrap().clone();
    let aws = line.remove("_aws").unwrap();
    let [directive] = &aws["CloudWatchMetrics"].as_array().unwrap()[..] else { panic!("{aws}") };
    assert!(aws["Timestamp"].is_u64(), "{aws}");
    let defined: Map<String, Value> = directive["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| (metric["Name"].as_str().unwrap().to_owned(), metric["Unit"].clone()))
        .collect();
    for (name, unit) in &defined {
        let expected = match &**name {
            "Timeouts" | "OutOfMemory" | "InitFailures" | "UnhandledErrors" => "Count",
            "MaxMemoryUsedPercent" => "Percent",
            "InitDuration" => "Milliseconds",
            other => panic!("{other}"),
        };
        assert_eq!(unit, expected, "{name}");
    }
    let dimensions = if line.contains_key("FunctionName") { "FunctionName" } else { "" };
    let sets = serde_json::json!([if dimensions.is_empty() { vec![] } else { vec![dimensions] }]);
    assert_eq!(directive["Dimensions"], sets);
    assert_eq!(line.len(), defined.len() + usize::from(!dimensions.is_empty()), "{line:?}");
    assert!(defined.keys().all(|name| line[name].is_number()), "{line:?}");
    Value::Object(line)
}
