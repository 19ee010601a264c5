//! What the function is seen to write.

use serde_json::{Map, Value};
use testkit::Observed;

/// The metrics, line by line: dimensions and values, with their definition checked.
pub(crate) fn metrics(observed: &Observed) -> Vec<Value> {
    observed.metric_lines().iter().map(metrics_of).collect()
}

/// What the log says of failures: their members but for level, message, target and times.
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
