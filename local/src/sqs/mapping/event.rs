//! The event that a function gets: records as Lambda writes them.
//!
//! Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", with its examples of events
//! of standard and FIFO queues.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::runtime_api::REQUEST_LIMIT_BYTES;

/// A message as `ReceiveMessage` answers it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes")]
    md5_of_message_attributes: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    data_type: String,
    string_value: Option<String>,
    /// Base64.
    binary_value: Option<String>,
}

/// A message in the mapping's hands, as the function gets it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) message_id: String,
    pub(super) receipt_handle: String,
    json: String,
}

impl Record {
    pub(super) fn new(message: Received, queue_arn: &str) -> Self {
        let attributes = message.message_attributes.iter();
        let attributes: serde_json::Map<_, _> =
            attributes.map(|(name, attribute)| (name.clone(), attribute.shown())).collect();
        let mut record = json!({
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": message.attributes,
            "messageAttributes": attributes,
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            // arn:aws:sqs:REGION:…
            "awsRegion": queue_arn.split(':').nth(3),
        });
        if let Some(md5) = message.md5_of_message_attributes {
            record["md5OfMessageAttributes"] = md5.into();
        }
        Self {
            message_id: message.message_id,
            receipt_handle: message.receipt_handle,
            json: record.to_string(),
        }
    }
}

impl Attribute {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": self.data_type,
        });
        if let Some(text) = &self.string_value {
            shown["stringValue"] = text.clone().into();
        }
        if let Some(base64) = &self.binary_value {
            shown["binaryValue"] = base64.clone().into();
        }
        shown
    }
}

/// The records of one invocation, which have room in its payload.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    /// Of the records and a comma after each.
    bytes: usize,
}

const START: &str = "{\"Records\":[";
const END: &str = "]}";

impl Batch {
    /// Adds a record, or gives it back: a batch is never larger than an invocation may be, unless
    /// by a single record.
    pub(super) fn add(&mut self, record: Record) -> Option<Record> {
        let bytes = self.bytes + record.json.len() + 1;
        // The last record has no comma.
        if !self.records.is_empty() && START.len() + bytes - 1 + END.len() > REQUEST_LIMIT_BYTES {
            return Some(record);
        }
        self.bytes = bytes;
        self.records.push(record);
        None
    }

    pub(super) fn payload(&self) -> Bytes {
        let mut payload = String::with_capacity(START.len() + self.bytes + END.len());
        payload.push_str(START);
        for (position, record) in self.records.iter().enumerate() {
            if position > 0 {
                payload.push(',');
            }
            payload.push_str(&record.json);
        }
        payload.push_str(END);
        payload.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:123456789012:q";

    fn record(body: &str) -> Record {
        let message = json!({
            "MessageId": "id",
            "ReceiptHandle": "handle",
            "Body": body,
            "MD5OfBody": "md5",
        });
        Record::new(Received::deserialize(message).unwrap(), ARN)
    }

    #[test]
    fn a_record_is_written_as_lambda_does() {
        let message = json!({
            "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "ReceiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "Body": "Test \"message\".",
            "MD5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "MD5OfMessageAttributes": "00484c68cc1e3d1e1b1b1b1b1b1b1b1b",
            "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
            "MessageAttributes": {
                "text": {"DataType": "String", "StringValue": "x"},
                "bytes": {"DataType": "Binary", "BinaryValue": "AAE="},
            },
        });
        let record = Record::new(Received::deserialize(message).unwrap(), ARN);
        let mut batch = Batch::default();
        assert!(batch.add(record).is_none());
        let payload: Value = serde_json::from_slice(&batch.payload()).unwrap();
        let expected = json!({"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": "Test \"message\".",
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
            "messageAttributes": {
                "text": {
                    "stringValue": "x",
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": "String",
                },
                "bytes": {
                    "binaryValue": "AAE=",
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": "Binary",
                },
            },
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "md5OfMessageAttributes": "00484c68cc1e3d1e1b1b1b1b1b1b1b1b",
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
            "awsRegion": "us-east-1",
        }]});
        assert_eq!(payload, expected);
    }

    #[test]
    fn a_batch_is_as_large_as_an_invocation_may_be() {
        let frame = record("").json.len();
        // Two records, whose bodies and frames fill the payload to the last byte.
        let room = REQUEST_LIMIT_BYTES - START.len() - END.len() - 2 * frame - 1;
        let mut batch = Batch::default();
        assert!(batch.add(record(&"x".repeat(room - 1))).is_none());
        assert!(batch.add(record("xx")).is_some(), "one byte too many");
        assert!(batch.add(record("x")).is_none());
        assert_eq!(batch.payload().len(), REQUEST_LIMIT_BYTES);
        assert!(batch.add(record("")).is_some());

        let mut large = Batch::default();
        assert!(large.add(record(&"x".repeat(REQUEST_LIMIT_BYTES))).is_none(), "alone, always");
    }
}
