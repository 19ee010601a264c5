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

/// What a line of an error says of its invocation. The first of several counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It took longer than the function's timeout. What times out is killed, too.
    Timeout,
    /// It needed more memory than the function has.
    OutOfMemory,
    /// The runtime ended out of memory, says `platform.runtimeDone`. That is no failure without a
    /// report that failed, which can be in another batch.
    RuntimeOutOfMemory,
    /// It was ended by `signal: aborted` or with exit status 137: out of memory if its report says
    /// that all of it was used, as where Node.js reaches the limit of its heap.
    Aborted,
    /// Anything else.
    Other,
}

/// What a line of the platform says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The end of an invocation: `REPORT`, `platform.report`.
    Report(Report),
    /// An invocation's error: `Task timed out`, `RequestId: … Error: …`.
    Error {
        /// Id of the request.
        request_id: String,
        /// The cause that the line names.
        cause: Cause,
    },
    /// An execution environment that did not start: `INIT_REPORT`, `platform.initReport` and
    /// those of a restored snapshot.
    StartFailed {
        /// Whether this was in an invocation's time, which then fails with it.
        in_invocation: bool,
    },
    /// A start whose duration no report has.
    Started {
        /// Milliseconds.
        init_ms: f64,
    },
}

/// The end of an invocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Id of the request.
    pub request_id: String,
    /// How it failed, if the report says so.
    pub failure: Option<Failure>,
    /// The memory that it used.
    pub memory: Option<Memory>,
    /// How long the environment took to start, in milliseconds, if it started for this.
    pub init_ms: Option<f64>,
}

/// Memory in a report, in MB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    used_mb: f64,
    size_mb: f64,
}

impl Memory {
    pub(crate) fn of(used_mb: Option<f64>, size_mb: Option<f64>) -> Option<Self> {
        Some(Self { used_mb: used_mb?, size_mb: size_mb? })
    }

    /// The most memory used, in percent of the function's.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.used_mb / self.size_mb * 100.0
    }

    /// Whether all of it was used. A report often shows 1 MB less.
    #[must_use]
    pub fn is_used_up(self) -> bool {
        self.used_mb >= self.size_mb - 1.0
    }
}

/// Returns what a log event's message says, if it is a line of the platform that counts here.
#[must_use]
pub fn read(message: &str) -> Option<Line> {
    if message.starts_with('{') { json::read(message) } else { text::read(message) }
}

impl Failure {
    /// What a status and a type of error mean; `None` is success, or a status that is not known.
    fn of(status: Option<&str>, error_type: Option<&str>) -> Option<Self> {
        match (status, error_type) {
            (Some("success"), _) => None,
            (_, Some(error_type)) if is_out_of_memory(error_type) => Some(Self::OutOfMemory),
            (Some("timeout"), _) => Some(Self::Timeout),
            (Some("error" | "failure"), _) | (None, Some(_)) => Some(Self::Unhandled),
            _ => None,
        }
    }
}

/// `Runtime.OutOfMemory`, or a runtime's own: `java.lang.OutOfMemoryError`.
fn is_out_of_memory(error_type: &str) -> bool {
    error_type.contains("OutOfMemory")
}

/// Ids of requests are UUIDs; a line with anything else in that place is not the platform's.
fn is_request_id(text: &str) -> bool {
    let of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(of_id)
}

#[cfg(test)]
mod tests;
