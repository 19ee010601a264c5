//! The event that a function receives: records in the form in which Lambda writes them.
//!
//! Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", with its examples of events
//! of standard and FIFO queues.

use serde_json::{Map, Value, json};

use crate::mapping::Json;

/// A message that the mapping has received, in the form that the function receives.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) message_id: String,
    pub(super) receipt_handle: String,
    json: String,
}

impl Record {
    pub(super) fn new(message: &Value, queue_arn: &str) -> Option<Self> {
        let message_id = message["MessageId"].as_str()?.to_owned();
        let receipt_handle = message["ReceiptHandle"].as_str()?.to_owned();
        let members = |name: &str| message[name].as_object().cloned().unwrap_or_default();
        let attributes = members("MessageAttributes").into_iter().map(|(name, attribute)| {
            let mut shown = json!({
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": attribute["DataType"],
            });
            for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
                if let Some(value) = attribute[from].as_str() {
                    shown[to] = value.into();
                }
            }
            (name, shown)
        });
        let mut record = json!({
            "messageId": message_id,
            "receiptHandle": receipt_handle,
            "body": message["Body"].as_str()?,
            "attributes": members("Attributes"),
            "messageAttributes": attributes.collect::<Map<_, _>>(),
            "md5OfBody": message["MD5OfBody"].as_str()?,
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            // arn:aws:sqs:REGION:…
            "awsRegion": queue_arn.split(':').nth(3),
        });
        if let Some(md5) = message["MD5OfMessageAttributes"].as_str() {
            record["md5OfMessageAttributes"] = md5.into();
        }
        Some(Self { message_id, receipt_handle, json: record.to_string() })
    }
}

impl Json for Record {
    fn json(&self) -> &str {
        &self.json
    }
}
