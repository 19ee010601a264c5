//! The lines that the Lambda platform writes to a function's log, and the event of a log
//! subscription.
//!
//! Sources: AWS Lambda developer guide, "Lambda Telemetry API Event schema reference"; Amazon
//! CloudWatch Logs user guide, "Using subscription filters".

use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use base64_simd::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::{Clock, utc};
use crate::runtime_api::{ACCOUNT, InvokeError};

/// An event of a log: a line of the function or of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Its time, in milliseconds since 1970.
    pub at_ms: u64,
    /// The line.
    pub message: String,
}

/// An invocation that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The lines that the function wrote meanwhile.
    pub lines: Vec<String>,
    /// Why it failed, if it did.
    pub error: Option<&'a InvokeError>,
}

impl Ended<'_> {
    /// The log of the invocation, in JSON format, with its own request id. It does not contain the
    /// memory used, which is not measured here.
    #[must_use]
    pub fn log(&self) -> Vec<LogEvent> {
        let began_ms = milliseconds(self.began);
        let ended_ms = milliseconds(self.began + self.duration);
        let request_id = Uuid::new_v4().to_string();
        let at = |at_ms, message: String| LogEvent { at_ms, message };
        let start = json!({"requestId": request_id, "version": "$LATEST"});
        let mut log = vec![at(began_ms, platform(began_ms, "platform.start", &start))];
        log.extend(self.lines.iter().map(|line| at(began_ms, line.clone())));
        if let Some(error @ InvokeError::Exit { .. }) = self.error {
            let (message, error_type) = (error.message(), error.error_type());
            log.push(at(ended_ms, format!("RequestId: {request_id} {message}\n{error_type}\n")));
        }
        let report = platform(ended_ms, "platform.report", &self.report(&request_id));
        log.push(at(ended_ms, report));
        log
    }

    fn report(&self, request_id: &str) -> Value {
        let duration_ms = self.duration.as_secs_f64() * 1_000.0;
        let metrics = json!({
            "durationMs": (duration_ms * 1_000.0).round() / 1_000.0,
            "billedDurationMs": u64::try_from(self.duration.as_micros().div_ceil(1_000)).ok(),
        });
        let mut record = json!({"requestId": request_id, "metrics": metrics, "status": "success"});
        match self.error {
            None => {}
            Some(InvokeError::Timeout { .. }) => record["status"] = json!("timeout"),
            Some(error) => {
                record["status"] = json!("error");
                record["errorType"] = json!(error.error_type());
            }
        }
        record
    }
}

fn platform(at_ms: u64, kind: &str, record: &Value) -> String {
    let time = timestamp(at_ms);
    format!(r#"{{"time":"{time}","type":"{kind}","record":{record}}}"#)
}

fn milliseconds(time: SystemTime) -> u64 {
    Clock::new(move || time).milliseconds()
}

/// `2024-03-01T12:34:56.789Z`
#[must_use]
pub fn timestamp(at_ms: u64) -> String {
    utc(at_ms, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// The event with which a subscription passes events of a function's log.
///
/// # Errors
/// If compressing in memory fails, which does not happen.
pub fn subscription(function: &str, log: &[LogEvent]) -> io::Result<Bytes> {
    let first_ms = log.first().map_or(0, |event| event.at_ms);
    let events: Vec<_> = log
        .iter()
        .enumerate()
        .map(|(at, LogEvent { at_ms, message })| {
            json!({"id": format!("{at:056}"), "timestamp": at_ms, "message": message})
        })
        .collect();
    let batch = json!({
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": format!("/aws/lambda/{function}"),
        "logStream": format!("{}/[$LATEST]{}", utc(first_ms, "%Y/%m/%d"), Uuid::new_v4().simple()),
        "subscriptionFilters": ["log-metrics"],
        "logEvents": events,
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(batch.to_string().as_bytes())?;
    let data = STANDARD.encode_to_string(gzip.finish()?);
    Ok(json!({"awslogs": {"data": data}}).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_logged_as_the_platform_does() {
        let exit = InvokeError::Exit { status: "signal: killed".to_owned() };
        let began = SystemTime::UNIX_EPOCH + Duration::from_millis(1_709_296_496_789);
        let duration = Duration::from_millis(1_500);
        for (error, status) in [
            (None, "success"),
            (Some(InvokeError::Timeout { after: Duration::from_secs(1) }), "timeout"),
            (Some(exit), "error"),
        ] {
            let lines = vec!["own".to_owned()];
            let log = Ended { began, duration, lines, error: error.as_ref() }.log();
            let messages: Vec<_> = log.iter().map(|event| event.message.as_str()).collect();
            let [start, "own", end @ .., report] = &messages[..] else { panic!("{messages:?}") };
            let (start, report): (Value, Value) = (start.parse().unwrap(), report.parse().unwrap());
            assert_eq!(
                (&start["type"], &report["type"]),
                (&json!("platform.start"), &json!("platform.report"))
            );
            assert_eq!(start["time"], "2024-03-01T12:34:56.789Z");
            assert_eq!(report["time"], "2024-03-01T12:34:58.289Z");
            let mut expected = json!({
                "requestId": start["record"]["requestId"], "status": status,
                "metrics": {"durationMs": 1_500.0, "billedDurationMs": 1_500},
            });
            if status == "error" {
                expected["errorType"] = json!("Runtime.ExitError");
                let told = " Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n";
                assert!(end[0].starts_with("RequestId: ") && end[0].ends_with(told), "{end:?}");
            }
            assert_eq!(report["record"], expected);
        }
    }
}
