//! Metrics, from the lines that functions wrote in the embedded metric format.
//!
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::collections::BTreeMap;

use local::runtime_api::{LogLine, LogStream};
use serde::Serialize;
use serde_json::Value;

/// A value with its unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) value: f64,
    pub(super) unit: String,
}

/// Metrics by name.
pub(super) type Metrics = BTreeMap<String, Measured>;

/// What was emitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Emitted {
    /// With the function's name as their dimension.
    pub(super) of_the_function: Metrics,
    /// Without dimension.
    pub(super) of_all: Metrics,
}

impl Emitted {
    /// What was emitted of `function` and of all.
    pub(super) fn read(lines: &[LogLine], function: &str) -> Self {
        let mut emitted = Self::default();
        for line in lines.iter().filter(|line| line.stream == LogStream::Stdout) {
            let line: Value = serde_json::from_str(&line.text).unwrap_or_default();
            for directive in items(&line["_aws"]["CloudWatchMetrics"]) {
                for dimensions in items(&directive["Dimensions"]) {
                    let metrics = match items(dimensions) {
                        [] => &mut emitted.of_all,
                        [name] if *name == "FunctionName" && line["FunctionName"] == function => {
                            &mut emitted.of_the_function
                        }
                        _ => continue,
                    };
                    for metric in items(&directive["Metrics"]) {
                        add(metrics, metric, &line);
                    }
                }
            }
        }
        emitted
    }
}

/// Counts of several lines are of several minutes, and add up; of other values the highest counts.
fn add(metrics: &mut Metrics, metric: &Value, line: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, unit) = (text(&metric["Name"]), text(&metric["Unit"]));
    let Some(value) = line[&name].as_f64() else { return };
    let total = metrics.get(&name).map_or(value, |before| match &*unit {
        "Count" => before.value + value,
        _ => before.value.max(value),
    });
    metrics.insert(name, Measured { value: total, unit });
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_told_apart_by_their_dimensions() {
        let line = |text: &str| LogLine { stream: LogStream::Stdout, text: text.to_owned() };
        let of = |name: &str| {
            line(&format!(
                r#"{{"_aws":{{"CloudWatchMetrics":[{{"Namespace":"S","Dimensions":[["FunctionName"]],"Metrics":[{{"Name":"Timeouts","Unit":"Count"}},{{"Name":"Init","Unit":"Milliseconds"}}]}}]}},"FunctionName":"{name}","Timeouts":2,"Init":5.5}}"#
            ))
        };
        let all = r#"{"_aws":{"CloudWatchMetrics":[{"Dimensions":[[]],"Metrics":[{"Name":"Timeouts","Unit":"Count"}]}]},"Timeouts":7}"#;
        let lines = [of("plays"), of("plays"), of("other"), line(all), line("no JSON")];
        let emitted = Emitted::read(&lines, "plays");
        let count = |value| Measured { value, unit: "Count".to_owned() };
        let init = Measured { value: 5.5, unit: "Milliseconds".to_owned() };
        assert_eq!(
            emitted.of_the_function,
            Metrics::from([("Timeouts".to_owned(), count(4.0)), ("Init".to_owned(), init)])
        );
        assert_eq!(emitted.of_all, Metrics::from([("Timeouts".to_owned(), count(7.0))]));
    }
}
