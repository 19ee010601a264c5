//! Objects as producers write them to S3: one of each format that object-loader reads, one that is
//! corrupt, and one that it cannot read.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::json;

/// Number of events in each object.
const EVENTS: usize = 300;
const SEED: u64 = 20_240_302;

/// One byte more than the maximum size of a record.
const TOO_LARGE_BYTES: usize = (1 << 20) + 1;

/// 2024-03-01T12:00:00Z
const NOON_MS: u64 = 1_709_294_400_000;

/// An object and its expected content.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its key.
    pub key: &'static str,
    /// Its format, for display.
    pub form: &'static str,
    /// The format setting that reads it.
    pub content: Content,
    /// Number of records in it.
    pub records: u64,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// The format setting that reads an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `FORMAT=auto`
    Json,
    /// `FORMAT=text`
    Text,
    /// None: its message becomes a dead letter.
    Unknown,
}

/// Returns the objects. The function is expected to drop events with the action `heartbeat`.
///
/// # Errors
/// If compressing in memory fails, which does not happen.
pub fn objects() -> io::Result<Vec<Object>> {
    let mut events = super::events(SEED, EVENTS * 7).map(|event| lossy(&event));
    let mut some = || events.by_ref().take(EVENTS).collect::<Vec<_>>();
    let object =
        |key, form, records, body| Object { key, form, content: Content::Json, records, body };
    let full = EVENTS as u64;

    let too_large = json!({"type": "play", "payload": "x".repeat(TOO_LARGE_BYTES)}).to_string();
    let others = [
        r#"{"type":"heartbeat"}"#,
        r#"{"type":"heartbeat"}"#,
        r#"{"type":"play","artist":"Nova Kim",}"#,
        "play,Nova Kim",
        "42",
        &too_large,
    ];
    let plain = lines(&some()) + &lines(&others);
    let gzip = lines(&some());
    let gzip: io::Result<Vec<_>> =
        gzip.as_bytes().chunks(gzip.len().div_ceil(3)).map(packed).collect();
    let zstd = compress_to_vec(lines(&some()).as_bytes(), CompressionLevel::Fastest);
    let array = format!("[{}]", some().join(",\n"));
    let within = format!(r#"{{"version":1,"Records":[{}]}}"#, some().join(","));
    let events_of_logs = some();
    let messages = events_of_logs.chunks(EVENTS / 3).zip((NOON_MS..).step_by(1_000));
    let messages: Vec<_> = messages.map(|(events, time_ms)| log_message(events, time_ms)).collect();
    let control = json!({
        "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "",
        "logStream": "", "subscriptionFilters": [], "logEvents": [
            {"id": "", "timestamp": NOON_MS, "message": "CWL CONTROL MESSAGE: Checking health."},
        ],
    });
    let logs: io::Result<Vec<_>> =
        [control.to_string()].iter().chain(&messages).map(|text| packed(text.as_bytes())).collect();
    // The second member has a valid header, and content that cannot be decompressed.
    let broken = [packed(lines(&some()).as_bytes())?, b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xff".to_vec()];
    let text = "2024-03-01T12:00:00Z GET /plays 200\n\nstarted\n".repeat(EVENTS / 2);

    Ok(vec![
        object("plays/plain.ndjson", "lines", full + others.len() as u64, plain.into_bytes()),
        object("plays/gzip.ndjson.gz", "lines, gzip of three members", full, gzip?.concat()),
        object("plays/zstd.ndjson.zst", "lines, zstd", full, zstd),
        object("plays/array.json", "a JSON array", full, array.into_bytes()),
        object("plays/records.json", "an object with Records", full, within.into_bytes()),
        object("logs/messages.gz", "CloudWatch Logs messages, gzip", full + 1, logs?.concat()),
        object("plays/broken.ndjson.gz", "lines, a broken gzip", full + 1, broken.concat()),
        Object {
            content: Content::Text,
            ..object("text/access.log", "text", full, text.into_bytes())
        },
        Object {
            content: Content::Unknown,
            ..object("unknown/report.pdf", "an unknown format", 0, b"%PDF-1.7\n".to_vec())
        },
    ])
}

fn lossy(event: &[u8]) -> String {
    String::from_utf8_lossy(event).into_owned()
}

fn lines<T: AsRef<str>>(lines: &[T]) -> String {
    lines.iter().fold(String::new(), |text, line| text + line.as_ref() + "\n")
}

fn packed(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text)?;
    encoder.finish()
}

/// The message of a CloudWatch Logs subscription, with one event per millisecond.
fn log_message(events: &[String], first_ms: u64) -> String {
    let log_events = events.iter().zip(first_ms..).map(|(event, time_ms)| {
        json!({"id": format!("{time_ms:056}"), "timestamp": time_ms, "message": event})
    });
    json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/plays",
        "logStream": "one", "subscriptionFilters": ["all"],
        "logEvents": log_events.collect::<Vec<_>>(),
    })
    .to_string()
}
