//! What an invocation is about: the alerts in whatever event it got.
//!
//! Nothing is ever left out: what is no alarm is a note, with the text as it came.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::alarm::Alarm;
use crate::fields::{items, member, text};

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// What makes a second delivery of it the same.
    pub id: String,
    /// What it tells.
    pub content: Content,
}

/// What an alert tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An alarm changed.
    Alarm(Box<Alarm>),
    /// Something else.
    Note {
        /// Its title, if it has one.
        subject: Option<String>,
        /// What it says.
        text: String,
    },
}

/// At most so many characters make an id that is taken as it is.
const MAX_ID_CHARACTERS: usize = 128;

/// The alerts of an event, at least one. `request_id` is the invocation's, which Lambda keeps
/// when it tries again: it is the id of what has none of its own.
#[must_use]
pub fn alerts(event: &[u8], request_id: &str) -> Vec<Alert> {
    let Ok(value) = serde_json::from_slice::<Value>(event) else {
        return vec![unread(event, request_id)];
    };
    let records = items(&value, &["Records"]);
    if records.is_empty() {
        let own = text(&value, &["id"]).filter(|id| is_id(id));
        let id = own.unwrap_or_else(|| request_id.to_owned());
        let as_it_came = String::from_utf8_lossy(event);
        return vec![Alert { id, content: Content::of_message(&value, &as_it_came, None, None) }];
    }
    let mut alerts: Vec<Alert> = Vec::with_capacity(records.len());
    let mut taken = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        let (own, content) = of_record(record);
        let mut id = own.unwrap_or_else(|| format!("{request_id}-{at}"));
        // The same id for another content would post nothing.
        let first = *taken.entry(id.clone()).or_insert(at);
        if first < at && alerts[first].content != content {
            id = format!("{id}-{at}");
        }
        alerts.push(Alert { id, content });
    }
    alerts
}

/// What is no JSON, or deeper than any parser goes.
fn unread(event: &[u8], request_id: &str) -> Alert {
    let text = String::from_utf8_lossy(event);
    let text = if text.trim().is_empty() { "an empty event".into() } else { text };
    let content = Content::Note { subject: None, text: text.into_owned() };
    Alert { id: request_id.to_owned(), content }
}

/// Id and content of a record of SNS, or of what stands in its place.
fn of_record(record: &Value) -> (Option<String>, Content) {
    let Some(sns) = member(record, &["Sns", "sns", "SNS"]) else {
        return (None, Content::of(record, None, None));
    };
    let id = text(sns, &["MessageId"]).filter(|id| is_id(id));
    let (subject, topic) = (text(sns, &["Subject"]), text(sns, &["TopicArn"]));
    let content = match member(sns, &["Message"]) {
        Some(Value::String(message)) => match serde_json::from_str::<Value>(message) {
            Ok(value @ Value::Object(_)) => {
                Content::of_message(&value, message, subject, topic.as_deref())
            }
            _ => Content::note(subject, message),
        },
        Some(message) => Content::of(message, subject, topic.as_deref()),
        None => Content::of(record, subject, topic.as_deref()),
    };
    (id, content)
}

impl Content {
    fn of(value: &Value, subject: Option<String>, topic: Option<&str>) -> Self {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self::of_message(value, &text, subject, topic)
    }

    /// An alarm, or the text as it is.
    fn of_message(value: &Value, text: &str, subject: Option<String>, topic: Option<&str>) -> Self {
        let alarm = if value.get("AlarmName").is_some() {
            Alarm::of_sns(value, topic)
        } else {
            Alarm::of_event(value)
        };
        // What tells no state is no change of state: the text tells more.
        match alarm.filter(|alarm| alarm.state.is_some()) {
            Some(alarm) => Self::Alarm(Box::new(alarm)),
            None => Self::note(subject, text),
        }
    }

    fn note(subject: Option<String>, text: &str) -> Self {
        let text = if text.trim().is_empty() { json!(text).to_string() } else { text.to_owned() };
        Self::Note { subject, text }
    }
}

fn is_id(text: &str) -> bool {
    let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_ID_CHARACTERS).contains(&text.len()) && text.bytes().all(taken)
}

#[cfg(test)]
mod tests;
