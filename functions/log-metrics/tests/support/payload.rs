//! Events as CloudWatch Logs sends them.

use std::io::Write;

use base64_simd::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// The log group of the function `plays`.
pub(crate) const GROUP: &str = "/aws/lambda/plays";
/// One of its log streams.
pub(crate) const STREAM: &str = "2024/03/01/[$LATEST]0123456789abcdef0123456789abcdef";

/// Compresses the bytes as one gzip file.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The event with these bytes in `awslogs.data`.
pub(crate) fn event_of(data: &[u8]) -> Vec<u8> {
    let data = STANDARD.encode_to_string(data);
    json!({"awslogs": {"data": data}}).to_string().into_bytes()
}

/// The event of a batch, unchanged.
pub(crate) fn event(batch: &str) -> Vec<u8> {
    event_of(&gzip(batch.as_bytes()))
}

/// A batch of messages with their times.
pub(crate) fn batch<M: AsRef<str>>(messages: &[(u64, M)]) -> Value {
    let log_events: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(index, (time_ms, message))| {
            let id = format!("{index:056}");
            json!({"id": id, "timestamp": time_ms, "message": message.as_ref()})
        })
        .collect();
    json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["log-metrics"],
        "logEvents": log_events,
    })
}
