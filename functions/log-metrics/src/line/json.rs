//! Lines in the log format JSON: `{"time": …, "type": "platform.…", "record": …}`.

use std::borrow::Cow;

use serde::Deserialize;
use shared::event::Timestamp;

use super::{Cause, Failure, Line, Memory, Report, is_request_id};

/// The platform's lines have exactly these members; loggers of applications add a level or a
/// message, so that their lines are not mistaken for the platform's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    record: Record<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    phase: Option<Cow<'a, str>>,
    #[serde(borrow)]
    initialization_type: Option<Cow<'a, str>>,
    metrics: Option<Metrics>,
}

/// All optional: a report of a managed instance has only `durationMs`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    duration_ms: Option<f64>,
    init_duration_ms: Option<f64>,
    #[serde(rename = "memorySizeMB")]
    memory_size_mb: Option<f64>,
    #[serde(rename = "maxMemoryUsedMB")]
    max_memory_used_mb: Option<f64>,
}

/// Parses a message that begins with `{`.
pub(super) fn read(message: &str) -> Option<Line> {
    // Cheaper than parsing a line of the application.
    memchr::memmem::find(message.as_bytes(), b"platform.")?;
    let Event { time, r#type, record } = serde_json::from_str(message).ok()?;
    Timestamp::from_text(time.as_bytes())?;
    let failure = Failure::of(record.status.as_deref(), record.error_type.as_deref());
    let metrics = record.metrics.unwrap_or_default();
    let request_id = || {
        let request_id = record.request_id.as_deref().filter(|id| is_request_id(id))?;
        Some(request_id.to_owned())
    };
    match &*r#type {
        "platform.report" => Some(Line::Report(Report {
            request_id: request_id()?,
            failure,
            memory: Memory::of(metrics.max_memory_used_mb, metrics.memory_size_mb),
            init_ms: metrics.init_duration_ms,
        })),
        "platform.runtimeDone" if failure == Some(Failure::OutOfMemory) => {
            Some(Line::Error { request_id: request_id()?, cause: Cause::RuntimeOutOfMemory })
        }
        "platform.initReport" if failure.is_some() => {
            let in_invocation = record.phase.as_deref() == Some("invoke");
            Some(Line::StartFailed { in_invocation })
        }
        "platform.restoreReport" if failure.is_some() => {
            Some(Line::StartFailed { in_invocation: false })
        }
        // The reports of their invocations do not have the duration of the start.
        "platform.initReport"
            if record.initialization_type.as_deref() == Some("lambda-managed-instances") =>
        {
            Some(Line::Started { init_ms: metrics.duration_ms? })
        }
        _ => None,
    }
}
