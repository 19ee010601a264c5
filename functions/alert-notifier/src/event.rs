//! The alerts in an event of any form.
//!
//! Nothing is left out: anything that is neither an alarm nor a notice becomes a note with the text
//! as received.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::notice::Notice;

use crate::alarm::Alarm;
use crate::fields::{items, member, text};
use crate::identity::is_id;

/// One message to post.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alert {
    /// Google Chat posts one message for each id.
    pub(crate) id: String,
    pub(crate) content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// An alarm that changed its state.
    Alarm(Box<Alarm>),
    /// A notice of another function.
    Notice(Box<Notice>),
    /// Anything else: the text as received, with the subject of the SNS message.
    Note { subject: Option<String>, text: String },
}

/// Returns the alerts of an event: at least one. `request_id` is the id of the invocation, which
/// Lambda keeps when it retries. It is the id of an alert without its own.
pub(crate) fn alerts(event: &[u8], request_id: &str) -> Vec<Alert> {
    let received = String::from_utf8_lossy(event);
    let mut alerts = if let Ok(value) = serde_json::from_slice::<Value>(event) {
        Source::default().read(&value, Some(&received), request_id)
    } else {
        // Not JSON, or nested too deeply to be parsed.
        let text = if received.trim().is_empty() { "an empty event".into() } else { received };
        vec![Source::default().note(text, request_id)]
    };
    let mut first_of = BTreeMap::new();
    for at in 0..alerts.len() {
        let first = *first_of.entry(alerts[at].id.clone()).or_insert(at);
        let is_notice = matches!(alerts[at].content, Content::Notice(_));
        // Google Chat would ignore other content under the same id.
        if alerts[first].content != alerts[at].content && !is_notice {
            alerts[at].id = format!("{}-{at}", alerts[at].id);
        }
    }
    alerts
}

/// The SNS message that contains a value, if there is one.
#[derive(Default)]
struct Source<'a> {
    subject: Option<String>,
    topic_arn: Option<&'a str>,
    is_sns: bool,
}

impl Source<'_> {
    /// Returns the alerts of a value, which is `received` as text. `id` is for an alert without its
    /// own.
    fn read(&self, value: &Value, received: Option<&str>, id: &str) -> Vec<Alert> {
        if let Some(alerts) = dead_letter(value, id) {
            return alerts;
        }
        let records = items(value, &["Records"]);
        // Other messages, such as one about an object in S3, have records too.
        if !self.is_sns && !records.is_empty() || records.iter().any(is_envelope) {
            let record = |(at, record)| of_record(record, &format!("{id}-{at}"));
            return records.iter().enumerate().flat_map(record).collect();
        }
        if text(value, &["Type"]).is_some_and(|kind| kind == "Notification")
            && member(value, &["TopicArn"]).is_some()
        {
            return of_sns(value, value, id);
        }
        let event_id = text(value, &["id"]).filter(|own| !self.is_sns && is_id(own));
        let id = event_id.as_deref().unwrap_or(id);
        if let Some(notice) = Notice::parse(value) {
            let (id, content) = (notice.id(), Content::Notice(Box::new(notice)));
            return vec![Alert { id, content }];
        }
        let alarm = match value.get("AlarmName") {
            Some(_) => Alarm::of_sns(value, self.topic_arn),
            None => Alarm::of_event(value),
        };
        // An alarm without a state has not changed its state.
        if let Some(alarm) = alarm.filter(|alarm| alarm.state.is_some()) {
            return vec![Alert { id: id.to_owned(), content: Content::Alarm(Box::new(alarm)) }];
        }
        vec![self.note(received.map_or_else(|| written(value), Cow::Borrowed), id)]
    }

    fn note(&self, text: Cow<'_, str>, id: &str) -> Alert {
        // Google Chat rejects an empty text.
        let text = if text.trim().is_empty() { json!(text).to_string() } else { text.into_owned() };
        let content = Content::Note { subject: self.subject.clone(), text };
        Alert { id: id.to_owned(), content }
    }
}

/// Returns the alerts in the event of an on-failure destination (source: "Retaining records of
/// asynchronous invocations", AWS Lambda Developer Guide). `None` if it does not contain alerts:
/// then it is the dead letter of another function, whose whole text explains more than the request
/// alone.
fn dead_letter(value: &Value, id: &str) -> Option<Vec<Alert>> {
    let (mut payload, mut id) = (value, id.to_owned());
    while let Some(inner) = member(payload, &["requestPayload"]) {
        let failed = text(member(payload, &["requestContext"])?, &["requestId"]);
        id = failed.filter(|failed| is_id(failed)).unwrap_or(id);
        payload = inner;
    }
    if std::ptr::eq(payload, value) {
        return None;
    }
    let alerts = Source::default().read(payload, None, &id);
    let is_note = |alert: &Alert| matches!(alert.content, Content::Note { .. });
    let is_event = items(payload, &["Records"]).iter().any(is_envelope);
    (is_event || !alerts.iter().any(is_note)).then_some(alerts)
}

/// Whether a record is one of SNS or SQS.
fn is_envelope(record: &Value) -> bool {
    sns(record).is_some() || sqs_body(record).is_some()
}

fn sns(record: &Value) -> Option<&Value> {
    member(record, &["Sns", "sns", "SNS"])
}

fn sqs_body(record: &Value) -> Option<&str> {
    member(record, &["messageId", "receiptHandle"])?;
    member(record, &["body"])?.as_str()
}

fn of_record(record: &Value, id: &str) -> Vec<Alert> {
    if let Some(sns) = sns(record) {
        return of_sns(sns, record, id);
    }
    let Some(body) = sqs_body(record) else {
        return Source::default().read(record, None, id);
    };
    let own = text(record, &["messageId"]).filter(|id| is_id(id));
    of_text(body, &Source::default(), own.as_deref().unwrap_or(id))
}

fn of_sns(sns: &Value, record: &Value, id: &str) -> Vec<Alert> {
    let own = text(sns, &["MessageId"]).filter(|id| is_id(id));
    let id = own.as_deref().unwrap_or(id);
    let subject = text(sns, &["Subject"]);
    let topic_arn = member(sns, &["TopicArn"]).and_then(Value::as_str);
    let source = Source { subject, topic_arn, is_sns: true };
    match member(sns, &["Message"]) {
        Some(Value::String(message)) => of_text(message, &source, id),
        Some(message) => source.read(message, None, id),
        None => vec![source.note(written(record), id)],
    }
}

fn of_text(text: &str, source: &Source<'_>, id: &str) -> Vec<Alert> {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => source.read(&value, Some(text), id),
        _ => vec![source.note(text.into(), id)],
    }
}

/// Returns a string unchanged, any other value as JSON.
fn written(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Cow::Borrowed)
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
