//! The options that select messages.

use std::time::Duration;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::CliError;

/// Maximum visibility timeout (source: Amazon SQS API reference, `ChangeMessageVisibility`).
const MAX_RUN_SECONDS: u64 = 43_200;

/// The request's `filter`.
#[derive(Debug, Default, clap::Args, Serialize)]
#[command(next_help_heading = "Conditions (a message must match all of them)")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filter {
    /// The attribute sluice.reason has this value; repeat it for alternatives
    #[arg(long, value_name = "REASON")]
    reason: Option<Vec<String>>,
    /// An attribute of the type String or Number has this value; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    #[serde(serialize_with = "members")]
    attribute: Vec<(String, Value)>,
    /// The body has this value, JSON or else text, at a JSON pointer; can be repeated
    #[arg(long, value_name = "/POINTER=VALUE", value_parser = body)]
    #[serde(serialize_with = "members")]
    body: Vec<(String, Value)>,
    /// The body contains this text (case-sensitive)
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// The source queue has this ARN
    #[arg(long, value_name = "ARN")]
    source_arn: Option<String>,
    /// The message was first sent at least this long ago: 90s, 15m, 2h, 7d
    #[arg(long, value_name = "AGE", value_parser = seconds)]
    #[serde(rename = "minAgeSeconds")]
    min_age: Option<u64>,
    /// The message was first sent at most this long ago
    #[arg(long, value_name = "AGE", value_parser = seconds)]
    #[serde(rename = "maxAgeSeconds")]
    max_age: Option<u64>,
}

impl Filter {
    /// Returns the request's `filter`, or null without conditions.
    ///
    /// # Errors
    /// [`CliError::Usage`] for two values of one attribute or JSON pointer.
    pub(super) fn request(&self) -> Result<Value, CliError> {
        let filter = serde_json::to_value(self).map_err(CliError::usage)?;
        let is_empty = filter.as_object().is_some_and(|all| all.values().all(Value::is_null));
        Ok(if is_empty { Value::Null } else { filter })
    }
}

fn members<S: Serializer>(pairs: &[(String, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut members = Map::new();
    for (name, value) in pairs {
        if members.insert(name.clone(), value.clone()).is_some() {
            return Err(S::Error::custom(format_args!("{name} is given twice")));
        }
    }
    (!members.is_empty()).then_some(members).serialize(serializer)
}

fn attribute(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.into())),
        _ => Err("expected NAME=VALUE, such as tenant=a".to_owned()),
    }
}

fn body(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((pointer, value)) if pointer.starts_with('/') => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            Ok((pointer.to_owned(), value))
        }
        _ => Err("expected /POINTER=VALUE, such as /event_type=play".to_owned()),
    }
}

/// Parses a time with its unit and returns seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let parsed = units.iter().find_map(|(unit, length)| {
        let number = text.strip_suffix(*unit)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(*length)
    });
    parsed.ok_or_else(|| "expected a number with a unit: 90s, 15m, 2h or 7d".to_owned())
}

/// Parses the maximum time of a run: SQS hides messages no longer than [`MAX_RUN_SECONDS`].
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    if !(1..=MAX_RUN_SECONDS).contains(&seconds) {
        return Err("expected a time from 1s to 12h".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_become_the_fields_of_a_request() {
        assert_eq!(Filter::default().request().unwrap(), Value::Null);
        let filter = Filter {
            reason: Some(vec!["timeout".to_owned(), "denied".to_owned()]),
            attribute: ["tenant=a=b", "attempt=3"].map(|text| attribute(text).unwrap()).to_vec(),
            body: ["/event_type=play", "/count=3", "/code=\"3\"", "/empty="]
                .map(|text| body(text).unwrap())
                .to_vec(),
            text: Some("Nova".to_owned()),
            source_arn: Some("arn:main".to_owned()),
            min_age: Some(0),
            max_age: Some(7_200),
        };
        let expected = json!({
            "reason": ["timeout", "denied"],
            "attribute": {"tenant": "a=b", "attempt": "3"},
            "body": {"/event_type": "play", "/count": 3, "/code": "3", "/empty": ""},
            "text": "Nova", "sourceArn": "arn:main", "minAgeSeconds": 0, "maxAgeSeconds": 7200,
        });
        assert_eq!(filter.request().unwrap(), expected);
    }

    #[test]
    fn an_attribute_has_one_value() {
        let attribute = ["tenant=a", "tenant=b"].map(|text| attribute(text).unwrap()).to_vec();
        let error = Filter { attribute, ..Filter::default() }.request().unwrap_err();
        assert_eq!(error.to_string(), "error: tenant is given twice");
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, expected) in
            [("0s", 0), ("90s", 90), ("15m", 900), ("2h", 7_200), ("7d", 604_800)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in
            ["", "s", "90", "-1s", "+1s", "1.5h", "1w", "2 h", "99999999999999999999d", "9é"]
        {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!(time_limit("12h"), Ok(Duration::from_hours(12)));
        for text in ["0s", "43201s", "400d", "9999999999999999s", "15"] {
            assert!(time_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn invalid_pairs() {
        for text in ["", "tenant", "=a"] {
            assert!(attribute(text).is_err(), "{text}");
        }
        for text in ["", "event_type=play", "/event_type", "=play"] {
            assert!(body(text).is_err(), "{text}");
        }
    }
}
