//! Metrics in CloudWatch's embedded metric format: a line of JSON on standard output that
//! CloudWatch Logs turns into metrics, without a call to any service.
//!
//! Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

macro_rules! units {
    ($($unit:ident $name:literal)*) => {
        /// The unit of a metric (source: Amazon CloudWatch API Reference, `MetricDatum`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Unit {
            $(#[doc = concat!("`", $name, "`")] $unit,)*
        }

        impl Unit {
            const ALL: &[Self] = &[$(Self::$unit),*];

            /// The unit as CloudWatch names it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$unit => $name,)*
                }
            }
        }
    };
}

units! {
    None "None"
    Count "Count"
    Percent "Percent"
    Microseconds "Microseconds"
    Milliseconds "Milliseconds"
    Seconds "Seconds"
    Bits "Bits"
    Kilobits "Kilobits"
    Megabits "Megabits"
    Gigabits "Gigabits"
    Terabits "Terabits"
    Bytes "Bytes"
    Kilobytes "Kilobytes"
    Megabytes "Megabytes"
    Gigabytes "Gigabytes"
    Terabytes "Terabytes"
    CountPerSecond "Count/Second"
    BitsPerSecond "Bits/Second"
    KilobitsPerSecond "Kilobits/Second"
    MegabitsPerSecond "Megabits/Second"
    GigabitsPerSecond "Gigabits/Second"
    TerabitsPerSecond "Terabits/Second"
    BytesPerSecond "Bytes/Second"
    KilobytesPerSecond "Kilobytes/Second"
    MegabytesPerSecond "Megabytes/Second"
    GigabytesPerSecond "Gigabytes/Second"
    TerabytesPerSecond "Terabytes/Second"
}

impl Unit {
    /// The unit with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|unit| unit.name() == name)
    }
}

/// A metric's name, unit and value, which is an integer or a finite floating-point number.
pub type Metric<Value = u64> = (&'static str, Unit, Value);

/// Returns the metrics with these names and units, and the value at the same index.
#[must_use]
pub fn with_values<const N: usize>(
    names: [(&'static str, Unit); N],
    values: [u64; N],
) -> [Metric; N] {
    std::array::from_fn(|index| {
        let (name, unit) = names[index];
        (name, unit, values[index])
    })
}

/// Metrics with one time and one set of dimensions.
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'a, Value = u64> {
    /// The CloudWatch namespace.
    pub namespace: &'a str,
    /// Names and values of the dimensions, or none.
    pub dimensions: &'a [(&'a str, &'a str)],
    /// The time, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The metrics, at most 100.
    pub metrics: &'a [(&'a str, Unit, Value)],
}

impl<Value: Serialize> Metrics<'_, Value> {
    /// Writes the line, with its newline, in one piece.
    ///
    /// # Errors
    /// If writing to `out` fails.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let mut line = Vec::new();
        self.append(Total::Without, &mut line)?;
        out.write_all(&line)?;
        out.flush()
    }

    /// Appends the line, with its newline.
    pub(crate) fn append(&self, total: Total, out: &mut Vec<u8>) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &Line { metrics: self, total })?;
        out.push(b'\n');
        Ok(())
    }
}

/// Whether CloudWatch also sums the values of a line without its dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Total {
    With,
    Without,
}

/// A line, which is serialized without building a tree, because there can be hundreds of lines.
struct Line<'a, Value> {
    metrics: &'a Metrics<'a, Value>,
    total: Total,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    cloud_watch_metrics: [Directive<'a>; 1],
    timestamp: u64,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    dimensions: &'a [&'a [&'a str]],
    metrics: &'a [Definition<'a>],
    namespace: &'a str,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition<'a> {
    name: &'a str,
    unit: &'static str,
}

impl<'a, Value: Serialize> Serialize for Line<'a, Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Metrics { namespace, dimensions, timestamp_ms, metrics } = *self.metrics;
        let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
        let sets = [&names[..], &[]];
        let sets = if self.total == Total::With && !names.is_empty() { &sets } else { &sets[..1] };
        let definition =
            |(name, unit, _): &(&'a str, Unit, Value)| Definition { name, unit: unit.name() };
        let definitions: Vec<_> = metrics.iter().map(definition).collect();
        let directive = Directive { dimensions: sets, metrics: &definitions, namespace };
        let metadata = Metadata { cloud_watch_metrics: [directive], timestamp: timestamp_ms };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("_aws", &metadata)?;
        for (name, value) in dimensions {
            map.serialize_entry(name, value)?;
        }
        for (name, _, value) in metrics {
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

    #[test]
    fn a_total_is_added_up_without_the_dimensions() {
        let line = |dimensions, total| {
            let (namespace, timestamp_ms) = ("Sluice", 1_709_296_440_000);
            let metrics = &[("Plays", Unit::CountPerSecond, 2)];
            let mut line = Vec::new();
            Metrics { namespace, dimensions, timestamp_ms, metrics }
                .append(total, &mut line)
                .unwrap();
            String::from_utf8(line).unwrap()
        };
        let with = line(&[("Country", "KR")], Total::With);
        assert!(with.contains(r#""Dimensions":[["Country"],[]],"#), "{with}");
        assert!(with.ends_with("\"Country\":\"KR\",\"Plays\":2}\n"), "{with}");
        let without = line(&[("Country", "KR")], Total::Without);
        assert_eq!(without, with.replace(",[]]", "]"));
        let none = line(&[], Total::With);
        assert!(none.contains(r#""Dimensions":[[]],"#), "{none}");
    }

    #[test]
    fn units_have_the_names_of_cloudwatch() {
        for name in ["None", "Count", "Gigabits", "Kilobytes/Second"] {
            assert_eq!(Unit::parse(name).map(Unit::name), Some(name));
        }
        assert_eq!(Unit::parse("count"), None);
    }
}
