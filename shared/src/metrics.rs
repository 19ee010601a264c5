//! Metrics in CloudWatch's embedded metric format: a line of JSON on standard output that
//! CloudWatch Logs turns into metrics, without a call to any service.
//!
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

/// What a metric counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `Count`
    Count,
    /// `Percent`: 0 to 100.
    Percent,
    /// `Bytes`
    Bytes,
    /// `Milliseconds`
    Milliseconds,
    /// `Seconds`
    Seconds,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Percent => "Percent",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// A metric's name, unit and value: whole numbers, or finite ones of floating point.
pub type Metric<Value = u64> = (&'static str, Unit, Value);

/// Metrics of one moment, under one set of dimensions.
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'a, Value = u64> {
    /// The CloudWatch namespace.
    pub namespace: &'a str,
    /// Names and values of the dimensions, or none.
    pub dimensions: &'a [(&'a str, &'a str)],
    /// When: milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The metrics, at most 100.
    pub metrics: &'a [Metric<Value>],
}

impl<Value: Serialize> Metrics<'_, Value> {
    /// Writes the line, with its newline, in one piece.
    ///
    /// # Errors
    /// Where writing to `out` fails.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        out.write_all(&line)?;
        out.flush()
    }
}

impl<Value: Serialize> Serialize for Metrics<'_, Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let definition =
            |(name, unit, _): &Metric<Value>| json!({"Name": name, "Unit": unit.name()});
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "_aws",
            &json!({
                "Timestamp": self.timestamp_ms,
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    "Dimensions": [self.dimensions.iter().map(|(name, _)| name).collect::<Vec<_>>()],
                    "Metrics": self.metrics.iter().map(definition).collect::<Vec<_>>(),
                }],
            }),
        )?;
        for (name, value) in self.dimensions {
            map.serialize_entry(name, value)?;
        }
        for (name, _, value) in self.metrics {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_line_as_the_specification_shows() {
        let metrics = Metrics {
            namespace: "Sluice",
            dimensions: &[("FunctionName", "a\"b")],
            timestamp_ms: 1_709_296_496_789,
            metrics: &[("RecordsIn", Unit::Count, 3), ("BytesIn", Unit::Bytes, 1_200)],
        };
        let mut line = Vec::new();
        metrics.write(&mut line).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            concat!(
                r#"{"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName"]],"#,
                r#""Metrics":[{"Name":"RecordsIn","Unit":"Count"},{"Name":"BytesIn","Unit":"Bytes"}],"#,
                r#""Namespace":"Sluice"}],"Timestamp":1709296496789},"#,
                r#""FunctionName":"a\"b","RecordsIn":3,"BytesIn":1200}"#,
                "\n"
            )
        );
    }
    #[test]
    fn takes_fractions_and_no_dimension() {
        let metrics = Metrics {
            namespace: "Sluice",
            dimensions: &[],
            timestamp_ms: 1_709_296_440_000,
            metrics: &[
                ("ErrorRate", Unit::Percent, 12.5),
                ("InitDuration", Unit::Milliseconds, 7.0),
            ],
        };
        let mut line = Vec::new();
        metrics.write(&mut line).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            concat!(
                r#"{"_aws":{"CloudWatchMetrics":[{"Dimensions":[[]],"#,
                r#""Metrics":[{"Name":"ErrorRate","Unit":"Percent"},{"Name":"InitDuration","Unit":"Milliseconds"}],"#,
                r#""Namespace":"Sluice"}],"Timestamp":1709296440000},"#,
                r#""ErrorRate":12.5,"InitDuration":7.0}"#,
                "\n"
            )
        );
    }
}
