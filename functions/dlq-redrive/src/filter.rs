//! Which messages are meant.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::message::Message;

/// Conditions, all of which must hold; none of them is in the way of nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// `sluice.reason` is one of these.
    pub reasons: Option<Vec<String>>,
    /// Attributes of the type String or Number have these values.
    pub attributes: BTreeMap<String, String>,
    /// The values at these JSON pointers of the body.
    pub body: BTreeMap<String, Value>,
    /// At least so many seconds since the message was sent.
    pub min_age_seconds: Option<u64>,
    /// At most so many.
    pub max_age_seconds: Option<u64>,
    /// The queue that the message came from.
    pub source_arn: Option<String>,
    /// A part of the body.
    pub text: Option<String>,
}

impl Filter {
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
        let Ok(body) = serde_json::from_str::<Value>(body) else { return false };
        self.body.iter().all(|(pointer, value)| {
            body.pointer(pointer).is_some_and(|found| is_equal(found, value))
        })
    }
}

/// Whether two JSON values are equal: numbers by what they are, not by how they are written.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => is_equal_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, one)| other.get(name).is_some_and(|other| is_equal(one, other)))
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
