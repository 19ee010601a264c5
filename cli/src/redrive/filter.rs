//! Which messages are meant: the options of `filter`.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::failure::Failure;

/// The longest visibility timeout (source: Amazon SQS API reference, `ChangeMessageVisibility`).
const LONGEST_RUN_SECONDS: u64 = 43_200;

/// All given conditions hold for a message that is meant.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Which messages (all that is given must hold)")]
pub(crate) struct Filter {
    /// The attribute sluice.reason is this; given again: or that
    #[arg(long, value_name = "REASON")]
    reason: Vec<String>,
    /// An attribute of the type String or Number has this value; may be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    attribute: Vec<(String, Value)>,
    /// The body has this value at a JSON pointer; what is no JSON is a text; may be given again
    #[arg(long, value_name = "/POINTER=VALUE", value_parser = body)]
    body: Vec<(String, Value)>,
    /// The body contains this text, upper and lower case as they are
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// It was given up by the queue with this ARN
    #[arg(long, value_name = "ARN")]
    source_arn: Option<String>,
    /// It was first sent at least so long ago: 90s, 15m, 2h, 7d
    #[arg(long, value_name = "AGE", value_parser = seconds)]
    min_age: Option<u64>,
    /// It was first sent at most so long ago
    #[arg(long, value_name = "AGE", value_parser = seconds)]
    max_age: Option<u64>,
}

impl Filter {
    /// The request's `filter`, if anything is asked for.
    ///
    /// # Errors
    /// [`Failure::Usage`] where two values are given for one place.
    pub(super) fn request(self) -> Result<Option<Value>, Failure> {
        let mut filter = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            filter.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("reason", (!self.reason.is_empty()).then(|| self.reason.into()));
        set("attribute", object("--attribute", self.attribute)?);
        set("body", object("--body", self.body)?);
        set("text", self.text.map(Value::from));
        set("sourceArn", self.source_arn.map(Value::from));
        set("minAgeSeconds", self.min_age.map(Value::from));
        set("maxAgeSeconds", self.max_age.map(Value::from));
        Ok((!filter.is_empty()).then_some(Value::Object(filter)))
    }
}

fn object(option: &str, pairs: Vec<(String, Value)>) -> Result<Option<Value>, Failure> {
    let mut members = Map::new();
    for (name, value) in pairs {
        if members.contains_key(&name) {
            return Err(Failure::usage(format_args!("{option}: {name} is given twice")));
        }
        members.insert(name, value);
    }
    Ok((!members.is_empty()).then_some(Value::Object(members)))
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

/// A time with its unit, in seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let expected = || "expected a number with a unit: 90s, 15m, 2h or 7d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(expected()),
    };
    let number = &text[..text.len() - 1];
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u64> = is_number.then(|| number.parse().ok()).flatten();
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(expected)
}

/// How long a run may take: no longer than SQS lets anyone hide a message.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    if !(1..=LONGEST_RUN_SECONDS).contains(&seconds) {
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
        assert_eq!(Filter::default().request().unwrap(), None);
        let filter = Filter {
            reason: vec!["timeout".to_owned(), "denied".to_owned()],
            attribute: vec![attribute("tenant=a=b").unwrap(), attribute("attempt=3").unwrap()],
            body: vec![
                body("/event_type=play").unwrap(),
                body("/count=3").unwrap(),
                body("/code=\"3\"").unwrap(),
                body("/empty=").unwrap(),
            ],
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
        assert_eq!(filter.request().unwrap(), Some(expected));
    }

    #[test]
    fn one_place_has_one_value() {
        let attribute = vec![attribute("tenant=a").unwrap(), attribute("tenant=b").unwrap()];
        let error = Filter { attribute, ..Filter::default() }.request().unwrap_err();
        assert_eq!(error.to_string(), "--attribute: tenant is given twice");
    }

    #[test]
    fn ages_have_a_unit() {
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
    }

    #[test]
    fn a_run_takes_some_time_and_not_for_ever() {
        assert_eq!(time_limit("12h"), Ok(Duration::from_hours(12)));
        for text in ["0s", "43201s", "400d", "9999999999999999s", "15"] {
            assert!(time_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_have_a_name_or_a_pointer() {
        for text in ["", "tenant", "=a"] {
            assert!(attribute(text).is_err(), "{text}");
        }
        for text in ["", "event_type=play", "/event_type", "=play"] {
            assert!(body(text).is_err(), "{text}");
        }
    }
}
