//! Filters that select messages.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use crate::error::Error;
use crate::message::Message;

/// Conditions, all of which must hold. An empty filter matches every message.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Filter {
    /// `sluice.reason` is one of these.
    #[serde(rename = "reason")]
    pub reasons: Option<Vec<String>>,
    /// Attributes of the type String or Number have these values.
    #[serde(rename = "attribute", deserialize_with = "attributes")]
    pub attributes: BTreeMap<String, String>,
    /// The values at these JSON pointers of the body.
    #[serde(deserialize_with = "or_default")]
    pub body: BTreeMap<String, Value>,
    /// Minimum number of seconds since the message was sent.
    pub min_age_seconds: Option<u64>,
    /// Maximum number of seconds since the message was sent.
    pub max_age_seconds: Option<u64>,
    /// The queue that the message came from.
    pub source_arn: Option<String>,
    /// A part of the body.
    pub text: Option<String>,
}

impl Filter {
    /// # Errors
    /// [`Error::InvalidRequest`] for the first condition that no message, or every message, meets.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_empty = |text: &Option<String>| text.as_deref() == Some("");
        let ages = self.min_age_seconds.zip(self.max_age_seconds);
        let is_pointer = |name: &String| name.is_empty() || name.starts_with('/');
        let (field, reason) = if self
            .reasons
            .as_ref()
            .is_some_and(|reasons| reasons.is_empty() || reasons.iter().any(String::is_empty))
        {
            ("filter.reason", "must not be empty")
        } else if is_empty(&self.source_arn) {
            ("filter.sourceArn", "must not be empty")
        } else if is_empty(&self.text) {
            ("filter.text", "must not be empty")
        } else if !self.body.keys().all(is_pointer) {
            ("filter.body", "must have JSON pointers as names, such as \"/event_type\"")
        } else if ages.is_some_and(|(min, max)| min > max) {
            ("filter.minAgeSeconds", "must not be more than maxAgeSeconds")
        } else {
            return Ok(());
        };
        Err(Error::invalid(field, reason))
    }

    /// Whether all conditions hold for a message at a time, in milliseconds since 1970.
    #[must_use]
    pub fn matches(&self, message: &Message, now_ms: u64) -> bool {
        self.reason_matches(message)
            && self.source_arn.as_deref().is_none_or(|arn| message.source_arn() == Some(arn))
            && self.age_matches(message, now_ms)
            && self.attributes.iter().all(|(name, value)| {
                message.attributes.get(name).and_then(|attribute| attribute.text()) == Some(value)
            })
            && self.text.as_deref().is_none_or(|text| message.body.contains(text))
            && self.body_matches(&message.body)
    }

    fn reason_matches(&self, message: &Message) -> bool {
        let Some(reasons) = &self.reasons else { return true };
        message.reason().is_some_and(|reason| reasons.iter().any(|one| one == reason))
    }

    fn age_matches(&self, message: &Message, now_ms: u64) -> bool {
        if self.min_age_seconds.is_none() && self.max_age_seconds.is_none() {
            return true;
        }
        let Some(sent_ms) = message.sent_ms else { return false };
        let age_ms = now_ms.saturating_sub(sent_ms);
        let in_ms = |seconds: u64| seconds.saturating_mul(1_000);
        self.min_age_seconds.is_none_or(|min| age_ms >= in_ms(min))
            && self.max_age_seconds.is_none_or(|max| age_ms <= in_ms(max))
    }

    fn body_matches(&self, body: &str) -> bool {
        if self.body.is_empty() {
            return true;
        }
        let Ok(body) = serde_json::from_str::<&RawValue>(body) else { return false };
        self.body.iter().all(|(pointer, value)| {
            value_at(body, pointer).is_some_and(|found| is_equal(&found, value))
        })
    }
}

/// Reads names and values of attributes; numbers become text, as in SQS.
fn attributes<'de, D: Deserializer<'de>>(json: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a string or a number")]
    enum Scalar {
        Text(String),
        Number(Number),
    }
    let attributes: BTreeMap<String, Scalar> = or_default(json)?;
    let text = |(name, value)| match value {
        Scalar::Text(text) => (name, text),
        Scalar::Number(number) => (name, number.to_string()),
    };
    Ok(attributes.into_iter().map(text).collect())
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    json: D,
) -> Result<T, D::Error> {
    Option::deserialize(json).map(Option::unwrap_or_default)
}

/// The value at a JSON pointer (RFC 6901). Only this value is parsed: the others may be what a
/// [`Value`] cannot hold, such as `1e400` or too many levels.
fn value_at(body: &RawValue, pointer: &str) -> Option<Value> {
    let mut value = body;
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        value = if value.get().starts_with('[') {
            let index = name.parse::<usize>().ok().filter(|index| index.to_string() == name)?;
            *serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?.get(index)?
        } else {
            serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).ok()?.remove(&name)?
        };
    }
    serde_json::from_str(value.get()).ok()
}

/// Whether two JSON values are equal: numbers by value, not by notation.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => is_equal_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has_equal = |(name, one): (&String, &Value)| {
                other.get(name).is_some_and(|other| is_equal(one, other))
            };
            one.len() == other.len() && one.iter().all(has_equal)
        }
        _ => one == other,
    }
}

fn is_equal_number(one: &Number, other: &Number) -> bool {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one == other,
        _ => one.as_f64() == other.as_f64(),
    }
}

#[cfg(test)]
mod tests;
