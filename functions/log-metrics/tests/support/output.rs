//! The output of the function.

use serde_json::Value;
use testkit::{Observed, metric_line};

/// The metrics, line by line: dimensions and values, with their definition checked.
pub(crate) fn metrics(observed: &Observed) -> Vec<Value> {
    observed.metric_lines().iter().map(metrics_of).collect()
}

/// The failures in the log, without level, message, target and times.
pub(crate) fn failures(observed: &Observed) -> Vec<Value> {
    let own = |line: &Value| {
        assert_eq!(line["level"], "WARN", "{line}");
        assert_eq!(line["message"], "invocation failed", "{line}");
        let members = line.as_object().unwrap().clone().into_iter();
        let common = ["level", "message", "target", "time_ms", "timestamp"];
        members.filter(|(name, _)| !common.contains(&&**name)).collect()
    };
    observed.log().iter().map(own).collect()
}

/// `{"FunctionName": …, "Timeouts": 1}`: the members of a line of embedded metric format.
fn metrics_of(line: &Value) -> Value {
    let dimension = line.get("FunctionName").and_then(Value::as_str);
    let dimension = dimension.map(|name| ("FunctionName", name));
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    let metric = |index: usize| {
        let name = directive["Metrics"][index]["Name"].as_str().unwrap();
        let unit = match name {
            "Timeouts" | "OutOfMemory" | "InitFailures" | "UnhandledErrors" => "Count",
            "MaxMemoryUsedPercent" => "Percent",
            "InitDuration" => "Milliseconds",
            other => panic!("{other}"),
        };
        assert!(line[name].is_number(), "{line}");
        (name, unit, line[name].clone())
    };
    let metrics: Vec<_> = (0..directive["Metrics"].as_array().unwrap().len()).map(metric).collect();
    let namespace = directive["Namespace"].as_str().unwrap();
    let mut expected = metric_line(namespace, dimension.as_slice(), &metrics);
    expected["_aws"]["Timestamp"] = line["_aws"]["Timestamp"].as_u64().into();
    assert_eq!(*line, expected);
    let mut members = line.as_object().unwrap().clone();
    members.remove("_aws");
    Value::Object(members)
}
