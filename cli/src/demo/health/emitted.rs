//! Parses metrics in embedded metric format.
//!
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::collections::BTreeMap;

use local::runtime_api::{LogLine, LogStream};
use serde::Serialize;
use serde_json::Value;

use crate::demo::logs::json_lines;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) value: f64,
    pub(super) unit: String,
}

/// Metrics by name.
pub(super) type Metrics = BTreeMap<String, Measured>;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Emitted {
    /// Metrics with the dimension `FunctionName`.
    pub(super) of_the_function: Metrics,
    /// Metrics without dimensions.
    pub(super) of_all: Metrics,
}

impl Emitted {
    /// Returns the metrics of `function` and those without dimensions.
    pub(super) fn parse(lines: &[LogLine], function: &str) -> Self {
        let mut emitted = Self::default();
        for line in json_lines::<Value>(lines, LogStream::Stdout) {
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

/// Adds a metric. Different lines are for different minutes: counts are summed, and for other
/// values the maximum is kept.
fn add(metrics: &mut Metrics, metric: &Value, line: &Value) {
    let [name, unit] = ["Name", "Unit"].map(|name| metric[name].as_str().unwrap_or_default());
    let Some(value) = line[name].as_f64() else { return };
    let value = metrics.get(name).map_or(value, |before| match unit {
        "Count" => before.value + value,
        _ => before.value.max(value),
    });
    metrics.insert(name.to_owned(), Measured { value, unit: unit.to_owned() });
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metrics_are_separated_by_their_dimensions() {
        let line = |dimensions: Value, function: &str, timeouts: u64| {
            let metrics = json!([
                {"Name": "Timeouts", "Unit": "Count"}, {"Name": "Init", "Unit": "Milliseconds"},
            ]);
            let directive = json!({"Dimensions": [dimensions], "Metrics": metrics});
            let line = json!({
                "_aws": {"CloudWatchMetrics": [directive]}, "FunctionName": function,
                "Timeouts": timeouts, "Init": 5.5,
            });
            LogLine { stream: LogStream::Stdout, text: line.to_string() }
        };
        let by_function = || json!(["FunctionName"]);
        let lines = [
            line(by_function(), "plays", 2),
            line(by_function(), "plays", 2),
            line(by_function(), "other", 2),
            line(json!([]), "", 7),
            LogLine { stream: LogStream::Stdout, text: "no JSON".to_owned() },
        ];
        let expected = |timeouts| {
            let measured = |value, unit: &str| Measured { value, unit: unit.to_owned() };
            Metrics::from([
                ("Timeouts".to_owned(), measured(timeouts, "Count")),
                ("Init".to_owned(), measured(5.5, "Milliseconds")),
            ])
        };
        let emitted = Emitted::parse(&lines, "plays");
        assert_eq!((emitted.of_the_function, emitted.of_all), (expected(4.0), expected(7.0)));
    }
}
