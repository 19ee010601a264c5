//! Compares two documents.

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

/// The first difference between two documents, except in `event.ingested`; `None` if they are the
/// same.
///
/// Numbers are the same if they have the same text (where `1E2` equals `1e+2`, as `serde_json`
/// writes it) or, if they are compared `as_doubles`, if they are the same double. A time that was a
/// number of nanoseconds is then the same if it matches to the microsecond. `analytics.completion`,
/// which is never in the input, is always compared as a double.
pub(crate) fn difference(left: &Value, right: &Value, as_doubles: bool) -> Option<String> {
    compare(left, right, as_doubles, "")
}

fn compare(left: &Value, right: &Value, as_doubles: bool, path: &str) -> Option<String> {
    let same = match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
            return keys.into_iter().find_map(|key| {
                let path = format!("{path}.{key}");
                match (left.get(key), right.get(key)) {
                    _ if path == ".event.ingested" => None,
                    (Some(left), Some(right)) => compare(left, right, as_doubles, &path),
                    (left, _) => {
                        let side = if left.is_some() { "left" } else { "right" };
                        Some(format!("{path} is on the {side} only"))
                    }
                }
            });
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            return left.iter().zip(right).enumerate().find_map(|(index, (left, right))| {
                compare(left, right, as_doubles, &format!("{path}[{index}]"))
            });
        }
        (Value::Number(left), Value::Number(right)) => {
            let as_doubles = as_doubles || path == ".analytics.completion";
            normal(left.as_str()) == normal(right.as_str())
                || as_doubles && left.as_f64().is_some() && left.as_f64() == right.as_f64()
        }
        (Value::String(left), Value::String(right)) if path == ".event.id" => {
            left == right || is_number(left) && normal(left) == normal(right)
        }
        (Value::String(left), Value::String(right)) if path == ".@timestamp" => {
            left == right || as_doubles && are_close(left, right)
        }
        (left, right) => left == right,
    };
    (!same).then(|| format!("{path} is {left} on the left, {right} on the right"))
}

/// Formats an exponent as `serde_json` does.
fn normal(number: &str) -> String {
    number.to_ascii_lowercase().replace("e+", "e")
}

fn is_number(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_number())
}

fn are_close(left: &str, right: &str) -> bool {
    let read = |text| DateTime::parse_from_rfc3339(text).ok();
    let apart = read(left).zip(read(right)).map(|(left, right)| (left - right).abs());
    apart.is_some_and(|apart| apart < TimeDelta::microseconds(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(left: &str, right: &str, as_doubles: bool) -> Option<String> {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        difference(&read(left), &read(right), as_doubles)
    }

    #[test]
    fn the_same() {
        for (left, right, as_doubles) in [
            (r#"{"a":1,"b":[2,{}]}"#, r#"{"b":[2,{}],"a":1}"#, false),
            (r#"{"event":{"ingested":"x"}}"#, r#"{"event":{"ingested":"y"}}"#, false),
            (r#"{"event":{}}"#, r#"{"event":{"ingested":"y"}}"#, false),
            (r#"{"a":1e2}"#, r#"{"a":1e+2}"#, false),
            (r#"{"event":{"id":"1E2"}}"#, r#"{"event":{"id":"1e+2"}}"#, false),
            (r#"{"analytics":{"completion":1.0}}"#, r#"{"analytics":{"completion":1}}"#, false),
            (r#"{"a":1.50}"#, r#"{"a":1.5}"#, true),
            (
                r#"{"@timestamp":"2024-03-01T00:00:00.123456789Z"}"#,
                r#"{"@timestamp":"2024-03-01T00:00:00.1234568Z"}"#,
                true,
            ),
        ] {
            assert_eq!(compared(left, right, as_doubles), None, "{left}");
        }
    }

    #[test]
    fn not_the_same() {
        for (left, right, expected) in [
            (r#"{"a":1.50}"#, r#"{"a":1.5}"#, ".a is 1.50 on the left, 1.5 on the right"),
            (
                r#"{"event":{"id":"aE"}}"#,
                r#"{"event":{"id":"ae"}}"#,
                ".event.id is \"aE\" on the left, \"ae\" on the right",
            ),
            (r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, ".a.b is on the left only"),
            (r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, ".a is [1] on the left, [1,2] on the right"),
            (r#"{"a":[1]}"#, r#"{"a":["1"]}"#, ".a[0] is 1 on the left, \"1\" on the right"),
        ] {
            assert_eq!(compared(left, right, false).as_deref(), Some(expected));
        }
    }
}
