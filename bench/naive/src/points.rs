//! `sensor-points` as a competent user writes it, with common crates and without tricks:
//! `lambda_runtime`, `serde_json::Value`, `base64`, `chrono` and `influxdb`, with one request per
//! batch. The event has its own structs: `aws_lambda_events` does not parse the time of a record
//! with `serde_json`'s feature `arbitrary_precision`, which this workspace needs.
//!
//! It writes the same points. It omits what a user would not write on the first day: quarantine,
//! partial answers, requests that are halved, aggregates, envelopes, configuration, metrics and
//! logs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use influxdb::{Client, Timestamp, WriteQuery};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct KinesisEvent {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    kinesis: Kinesis,
}

#[derive(Deserialize)]
struct Kinesis {
    data: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "as one writes it")]
    let url = std::env::var("TSDB_WRITE_URL")?;
    let (server, _) = url.split_once("/write").ok_or("the URL is not of /write")?;
    let client = &Client::new(server, "sensors");
    run(service_fn(async |event: LambdaEvent<KinesisEvent>| write(client, event.payload).await))
        .await
}

async fn write(client: &Client, event: KinesisEvent) -> Result<Value, Error> {
    let mut points = Vec::new();
    for record in &event.records {
        let payload: Value = serde_json::from_slice(&STANDARD.decode(&record.kinesis.data)?)?;
        let readings = match &payload {
            Value::Array(readings) => readings.as_slice(),
            reading => std::slice::from_ref(reading),
        };
        for reading in readings {
            points.push(point(reading).ok_or("not a reading")?);
        }
    }
    client.query(points).await?;
    Ok(json!({"batchItemFailures": []}))
}

/// The point of a reading.
fn point(reading: &Value) -> Option<WriteQuery> {
    let time_ms = match reading.get("timestamp")? {
        Value::String(text) => DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis(),
        number => number.as_i64()?,
    };
    let mut time = u128::try_from(time_ms).ok()? * 1_000_000;
    if let Some(id) = first(reading, &["event_id", "eventId", "id"]).and_then(Value::as_str) {
        let hash: [u8; 8] = Sha256::digest(id)[..8].try_into().ok()?;
        time += u128::from(u64::from_be_bytes(hash) % 1_000_000);
    }
    let mut point = WriteQuery::new(Timestamp::Nanoseconds(time), "line");
    for (tag, names) in [
        ("line", &["line_id", "lineId", "line"][..]),
        ("machine", &["machine_id", "machineId", "machine", "equipment_id"]),
    ] {
        point = point.add_tag(tag, first(reading, names).and_then(Value::as_str));
    }
    for (field, names) in [
        ("items", &["items", "item_count", "produced"][..]),
        ("defects", &["defects", "defect_count"]),
        ("energy_kwh", &["energy_kwh", "energyKwh", "energy"]),
    ] {
        let number = first(reading, names).map(|value| match value {
            Value::String(text) => text.parse().ok(),
            number => number.as_f64(),
        });
        point = point.add_field(field, number.flatten());
    }
    let state = first(reading, &["state", "status"]).and_then(Value::as_str);
    let running = state.map(|state| f64::from(u8::from(matches!(state, "RUN" | "RUNNING"))));
    Some(point.add_field("running", running))
}

/// The value of the first of these members that exists.
fn first<'a>(reading: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().filter_map(|name| reading.get(name)).find(|value| !value.is_null())
}
