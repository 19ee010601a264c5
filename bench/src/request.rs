//! Payloads as Firehose brings them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local::sample::{Size, events_of};

/// When the records of every request arrived: 2024-03-08T12:35:00.123Z, in milliseconds since
/// 1970; the sample's events happened in the days before.
pub const ARRIVAL_MS: i64 = 1_709_901_300_123;

/// A transformation request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is called in tables.
    pub name: String,
    /// How many records it holds.
    pub records: usize,
    /// The JSON that the function gets.
    pub body: Vec<u8>,
}

impl Request {
    /// A request of all these payloads.
    pub fn of(name: impl Into<String>, payloads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::filled(name, usize::MAX, payloads)
    }

    /// A request of as many of the sample's events as fit into `max_bytes`.
    pub fn of_events(name: impl Into<String>, max_bytes: usize, size: Size, seed: u64) -> Self {
        // No event has fewer than 200 bytes.
        Self::filled(name, max_bytes, events_of(size, seed, max_bytes / 200))
    }

    /// A request of as many payloads as fit into `max_bytes`.
    pub fn filled(
        name: impl Into<String>,
        max_bytes: usize,
        payloads: impl IntoIterator<Item = Vec<u8>>,
    ) -> Self {
        const END: &str = "]}";
        let mut body = concat!(
            r#"{"invocationId":"5f5a3c1e-0a0f-4b0e-9f53-9d6b1f0f2a11","#,
            r#""deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/music","#,
            r#""region":"us-east-1","records":["#
        )
        .to_owned();
        let mut records = 0;
        for payload in payloads {
            let comma = if records == 0 { "" } else { "," };
            let data = STANDARD.encode(payload);
            let record = format!(
                r#"{comma}{{"recordId":"{}","approximateArrivalTimestamp":{ARRIVAL_MS},"data":"{data}"}}"#,
                record_id(records)
            );
            if body.len() + record.len() + END.len() > max_bytes {
                break;
            }
            body.push_str(&record);
            records += 1;
        }
        body.push_str(END);
        Self { name: name.into(), records, body: body.into_bytes() }
    }
}

/// A record id as long as Firehose's.
#[must_use]
pub fn record_id(index: usize) -> String {
    format!("4966{index:052}")
}
