//! The lines that the Lambda platform itself writes into a function's log: what happened to an
//! invocation or to the start of an execution environment, as JSON or as text.
//!
//! Sources: "Lambda Telemetry API Event schema reference" and "Understanding the Lambda execution
//! environment lifecycle", AWS Lambda Developer Guide.

mod begin;
mod json;
mod text;

pub use begin::{BEGINNING_BYTES, may_be_platforms};

/// How something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// An invocation took longer than the function's timeout.
    Timeout,
    /// An invocation needed more memory than the function has.
    OutOfMemory,
    /// An execution environment did not start.
    Init,
    /// Any other error of an invocation.
    Unhandled,
}

/// What a line of the platform says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The end of an invocation: `REPORT`, `platform.report`.
    Report(Report),
    /// An invocation's error: `Task timed out`, `RequestId: … Error: …`.
    Failed {
        /// Of the invocation.
        request_id: String,
        /// What the line says that happened.
        failure: Failure,
    },
    /// The runtime ended for want of memory: of an invocation whose report tells an error.
    OutOfMemory {
        /// Of the invocation.
        request_id: String,
    },
    /// An execution environment that did not start: `INIT_REPORT`, `platform.initReport` and
    /// those of a restored snapshot.
    StartFailed {
        /// Whether this was in an invocation's time, which then fails with it.
        in_invocation: bool,
        /// Whether it took too long.
        timed_out: bool,
    },
    /// A start whose duration is told nowhere else.
    Started {
        /// Milliseconds.
        init_ms: f64,
    },
}

/// The end of an invocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Of the invocation.
    pub request_id: String,
    /// How it failed, if the report says so.
    pub failure: Option<Failure>,
    /// The most memory used, in percent of the function's.
    pub memory_percent: Option<f64>,
    /// How long the environment took to start, in milliseconds, if it started for this.
    pub init_ms: Option<f64>,
}

/// What a log event's message says, if it is a line of the platform that matters here.
#[must_use]
pub fn read(message: &str) -> Option<Line> {
    if message.starts_with('{') { json::read(message) } else { text::read(message) }
}

impl Failure {
    /// What a status and a type of error mean; `None` is no failure, or none that is known.
    fn of(status: Option<&str>, error_type: Option<&str>) -> Option<Self> {
        match (status, error_type) {
            (Some("success"), _) => None,
            (_, Some("Runtime.OutOfMemory")) => Some(Self::OutOfMemory),
            (Some("timeout"), _) => Some(Self::Timeout),
            (Some("error" | "failure"), _) | (None, Some(_)) => Some(Self::Unhandled),
            _ => None,
        }
    }
}

/// `used` in percent of `size`, in the same unit.
fn percent(used: Option<f64>, size: Option<f64>) -> Option<f64> {
    Some(used? / size? * 100.0).filter(|percent| percent.is_finite())
}

/// Ids of requests are UUIDs; whatever else stands in the place of one is no line of the platform.
fn is_request_id(text: &str) -> bool {
    let of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(of_id)
}

#[cfg(test)]
mod tests;
