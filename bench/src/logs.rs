//! Log events in the form of a subscription, and a check that all functions count the same.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::Error;
use crate::functions::Function;
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::request::{ARRIVAL_MS, Request};
use crate::runtime_api::Invocation;

/// Size of a batch after decompression: ten times as much as Lambda accepts.
pub(crate) const INFLATED_BYTES: usize = 60_000_000;

/// Number of lines that an application writes in an invocation.
const LINES: usize = 20;

/// The log format of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `REPORT RequestId: …`
    Text,
    /// `{"time":…,"type":"platform.report",…}`
    Json,
}

/// Log events of one function that have this size after decompression.
pub(crate) fn batch(format: Format, inflated_bytes: usize, seed: u64) -> Result<Request, Error> {
    let mut random = Rng::with_seed(seed);
    let mut text = concat!(
        r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/plays","#,
        r#""logStream":"2024/03/08/[$LATEST]7f3a9c1e84b74d2a80b6e5f0c2d19a7e","#,
        r#""subscriptionFilters":["log-metrics"],"logEvents":["#
    )
    .as_bytes()
    .to_vec();
    let mut log_events = 0;
    while text.len() < inflated_bytes {
        for message in invocation(format, &mut random) {
            let comma = if log_events == 0 { "" } else { "," };
            let time_ms = ARRIVAL_MS + i64::try_from(log_events / 10)?;
            let message = Value::from(message);
            write!(
                text,
                r#"{comma}{{"id":"{log_events:056}","timestamp":{time_ms},"message":{message}}}"#
            )?;
            log_events += 1;
        }
    }
    text.extend_from_slice(b"]}");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&text)?;
    let data = STANDARD.encode(gzip.finish()?);
    Ok(Request {
        name: format!("{format:?}, inflated {} MB", text.len() / 1_000_000),
        records: log_events,
        body: json!({"awslogs": {"data": data}}).to_string().into_bytes(),
    })
}

/// The lines of one invocation: some invocations time out, run out of memory or fail.
fn invocation(format: Format, random: &mut Rng) -> Vec<String> {
    let id = format!("{:08x}-87a3-44ab-83d2-{:012x}", random.u32(..), random.u64(..1 << 48));
    let (status, error_type) = match random.u32(..100) {
        0 => ("timeout", None),
        1 => ("error", Some("Runtime.OutOfMemory")),
        2 => ("error", Some("Runtime.ExitError")),
        _ => ("success", None),
    };
    let memory_mb = 64 + random.u32(..32);
    let line = |_| {
        let song = SONGS[random.usize(..SONGS.len())];
        let (user, took_ms) = (random.u32(..100_000), random.u32(..100));
        match format {
            Format::Text => format!(
                "{TIME}\t{id}\tINFO\tsong played: {song} for user u-{user} with player 4.2.1 \
                 (shuffle off, quality high, region eu-west-1) in {took_ms} ms\n"
            ),
            Format::Json => format!(
                r#"{{"timestamp":"{TIME}","level":"INFO","requestId":"{id}","message":"song played","song":"{song}","user":"u-{user}","player":{{"version":"4.2.1","shuffle":false}},"took_ms":{took_ms}}}"#
            ),
        }
    };
    let lines = (0..LINES).map(line).collect();
    let (first, last) = match format {
        Format::Text => {
            let status = match (status, error_type) {
                ("success", _) => String::new(),
                (status, None) => format!("Status: {status}"),
                (status, Some(error_type)) => format!("Status: {status}\tError Type: {error_type}"),
            };
            let report = format!(
                "REPORT RequestId: {id}\tDuration: 42.50 ms\tBilled Duration: 43 ms\tMemory Size: \
                 128 MB\tMax Memory Used: {memory_mb} MB\t{status}\n"
            );
            let start = format!("START RequestId: {id} Version: $LATEST\n");
            (start, vec![format!("END RequestId: {id}\n"), report])
        }
        Format::Json => {
            let platform = |kind: &str, mut record: Value| {
                record["requestId"] = id.as_str().into();
                json!({"time": TIME, "type": format!("platform.{kind}"), "record": record})
                    .to_string()
            };
            let metrics = json!({"durationMs": 42.5, "billedDurationMs": 43, "memorySizeMB": 128, "maxMemoryUsedMB": memory_mb});
            let mut report = json!({"metrics": metrics, "status": status});
            if let Some(error_type) = error_type {
                report["errorType"] = error_type.into();
            }
            (platform("start", json!({"version": "$LATEST"})), vec![platform("report", report)])
        }
    };
    [vec![first], lines, last].concat()
}

const TIME: &str = "2024-03-08T12:35:00.123Z";
const SONGS: [&str; 8] = [
    "Hyukoh - TOMBOY",
    "Nova Kim - Northern Lights",
    "The Paper Lanterns - Slow Tram",
    "STARLIT9 - Orbit",
    "The Midnight - Days of Thunder",
    "Ada Vale - Glass Harbour",
    "Low Tide - Seventeen Steps",
    "Kestrel - Morning Static",
];

/// Compares the numbers of log events and failures in the answers of all functions.
pub(crate) fn check(functions: &[Function], batch: &Request, cores: Cores) -> Result<(), Error> {
    let mut first = None;
    for function in functions {
        let invoked = Running::start(function, cores)?.invoke(&Invocation::new(&batch.body)?)?;
        let answer: Value = serde_json::from_slice(&invoked.answer)?;
        if answer["logEvents"] != batch.records || answer["failures"].as_u64().unwrap_or(0) == 0 {
            return Err(format!("of {} log events: {answer}", batch.records).into());
        }
        let first = first.get_or_insert_with(|| answer.clone());
        if *first != answer {
            return Err(format!("{}: {answer} instead of {first}", function.name).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    #[test]
    fn a_batch_holds_what_it_says_and_fits_into_an_invocation() {
        for format in [Format::Text, Format::Json] {
            let batch = batch(format, 1_000_000, 3).unwrap();
            let event: Value = serde_json::from_slice(&batch.body).unwrap();
            let gzip = STANDARD.decode(event["awslogs"]["data"].as_str().unwrap()).unwrap();
            let inflated: Value = serde_json::from_reader(GzDecoder::new(&*gzip)).unwrap();
            assert_eq!(inflated["logEvents"].as_array().unwrap().len(), batch.records);
            assert!(batch.name.ends_with("inflated 1 MB"), "{}", batch.name);
            // Lambda's limit is 6 MB, and the measured batches are 60 times as large.
            assert!(batch.body.len() < 6_291_556 / 60, "{}", batch.body.len());
        }
    }
}
