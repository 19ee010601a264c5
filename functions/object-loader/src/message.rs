//! The messages of an invocation, and the objects that they name.
//!
//! Sources: "Using Lambda with Amazon SQS", AWS Lambda Developer Guide; "Event message structure"
//! and "EventBridge event message structure", Amazon S3 User Guide.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use shared::event::Timestamp;
use shared::sqs::InvalidEvent;

use crate::failure::Selection;
use crate::objects::Place;

/// Maximum number of nested envelopes that are opened.
const MAX_ENVELOPES: usize = 3;

/// A message of the queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    #[serde(rename = "messageId")]
    pub(crate) id: String,
    #[serde(rename = "eventSourceARN")]
    pub(crate) source_arn: String,
    pub(crate) receipt_handle: Option<String>,
    body: Option<String>,
    attributes: Option<HashMap<String, Value>>,
}

/// The task of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Load these objects.
    Load(Vec<Request>),
    /// Nothing: another event of S3.
    Nothing,
    /// A message that does not name an object.
    Unknown,
}

/// A request to load an object.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// The version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The `ETag` that the object must still have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The first record's offset in the decompressed object.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub offset: u64,
    /// Whether the object has lists before the offset: then it is parsed from the start, because
    /// the record at the offset may be in one.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub lists: bool,
    /// Whether the object contains failures of Firehose or this function, whatever its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<bool>,
    /// The codes of failures to load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Vec<String>>,
    /// The earliest arrival of failures to load: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The end of the arrivals of failures to load, exclusive: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whether the request is a notification of S3.
    #[serde(skip)]
    pub is_notified: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads a value; null becomes the default.
fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Request {
    /// The object.
    #[must_use]
    pub fn place(&self) -> Place {
        let Self { bucket, key, version_id, .. } = self.clone();
        Place { bucket, key, version_id }
    }

    /// Whether the object contains failures of Firehose or this function.
    #[must_use]
    pub fn holds_failures(&self) -> bool {
        Selection::of(self).is_some()
    }

    /// The message with this request.
    #[must_use]
    pub fn to_message(&self) -> String {
        let mut message = serde_json::to_value(self).unwrap_or_default();
        message["sluice"] = Value::from("load");
        message.to_string()
    }

    fn from_message(message: &Value) -> Option<Self> {
        let request = Self::deserialize(message).ok()?;
        let is_time = |time: &String| Timestamp::from_rfc3339(time.as_bytes()).is_some();
        let are_times = request.from.iter().chain(&request.until).all(is_time);
        (are_times && !request.bucket.is_empty() && !request.key.is_empty()).then_some(request)
    }

    /// Reads the object from a record of a notification, whose key is encoded as in a form.
    fn from_notification(object: &Value, bucket: &Value) -> Option<Self> {
        let key = object["key"].as_str()?.replace('+', " ");
        let key = percent_decode_str(&key).decode_utf8().ok()?.into_owned();
        Self::notified(bucket, key, &object["versionId"])
    }

    fn notified(bucket: &Value, key: String, version: &Value) -> Option<Self> {
        let bucket = bucket.as_str().filter(|bucket| !bucket.is_empty())?.to_owned();
        let version_id = version.as_str().filter(|version| !version.is_empty()).map(str::to_owned);
        let request = Self { bucket, key, version_id, is_notified: true, ..Self::default() };
        (!request.key.is_empty()).then_some(request)
    }
}

/// Reads the messages of an event, in order.
///
/// # Errors
/// [`InvalidEvent`] with the reason.
pub(crate) fn parse(event: &[u8]) -> Result<Vec<Message>, InvalidEvent> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "Records")]
        records: Vec<Message>,
    }
    let event = serde_json::from_slice::<Event>(event).ok();
    let is_named = |message: &Message| !message.id.is_empty() && !message.source_arn.is_empty();
    // The parser's error may quote a message.
    let event = event.filter(|event| event.records.iter().all(is_named)).ok_or_else(|| {
        let problem = "it has no list `Records` of messages with messageId and eventSourceARN";
        InvalidEvent(problem.to_owned())
    })?;
    Ok(event.records)
}

impl Message {
    /// `ApproximateReceiveCount`, at least 1.
    pub(crate) fn receive_count(&self) -> u32 {
        let count =
            self.attribute("ApproximateReceiveCount").and_then(|count| count.try_into().ok());
        count.unwrap_or(1).max(1)
    }

    /// `ApproximateFirstReceiveTimestamp`, in milliseconds since 1970.
    pub(crate) fn first_received_ms(&self) -> Option<u64> {
        self.attribute("ApproximateFirstReceiveTimestamp")
    }

    fn attribute(&self, name: &str) -> Option<u64> {
        self.attributes.as_ref()?.get(name)?.as_str()?.parse().ok()
    }

    /// The task of the message.
    pub(crate) fn task(&self) -> Task {
        let body = self.body.as_deref().unwrap_or_default();
        serde_json::from_str(body).ok().and_then(|body| task_of(&body, 0)).unwrap_or(Task::Unknown)
    }
}

fn task_of(body: &Value, depth: usize) -> Option<Task> {
    if let (Some("Notification"), Some(message)) = (body["Type"].as_str(), body["Message"].as_str())
        && depth < MAX_ENVELOPES
    {
        return task_of(&serde_json::from_str(message).ok()?, depth + 1);
    }
    if body["sluice"] == "load" {
        return Some(Task::Load(vec![Request::from_message(body)?]));
    }
    if body["Event"] == "s3:TestEvent" {
        return Some(Task::Nothing);
    }
    if body["source"] == "aws.s3" && body["detail-type"].is_string() {
        if body["detail-type"] != "Object Created" {
            return Some(Task::Nothing);
        }
        let object = &body["detail"]["object"];
        let key = object["key"].as_str()?.to_owned();
        let bucket = &body["detail"]["bucket"]["name"];
        return Some(Task::Load(vec![Request::notified(bucket, key, &object["version-id"])?]));
    }
    let mut requests = Vec::new();
    let records = body["Records"].as_array().filter(|records| !records.is_empty())?;
    for record in records {
        let s3 = record["s3"].as_object()?;
        let name = record["eventName"].as_str()?;
        if name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
            let (object, bucket) = (s3.get("object")?, &s3.get("bucket")?["name"]);
            requests.push(Request::from_notification(object, bucket)?);
        }
    }
    Some(if requests.is_empty() { Task::Nothing } else { Task::Load(requests) })
}

#[cfg(test)]
mod tests;
