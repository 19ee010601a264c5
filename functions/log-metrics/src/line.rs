//! The lines that the Lambda platform writes to a function's log about invocations and starts of
//! execution environments, as JSON or as text.
//!
//! Sources: "Lambda Telemetry API Event schema reference" and "Understanding the Lambda execution
//! environment lifecycle", AWS Lambda Developer Guide.

mod begin;
mod json;
mod text;

pub use begin::{BEGINNING_BYTES, may_be_platforms};

/// The kind of a failure.
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

/// The cause in an error line. Of several, the first in this order applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It took longer than the function's timeout. The runtime is then also killed.
    Timeout,
    /// It needed more memory than the function has.
    OutOfMemory,
    /// `platform.runtimeDone` reports that the runtime ran out of memory. This counts only with a
    /// failed report, which can be in another batch.
    RuntimeOutOfMemory,
    /// It ended with `signal: aborted` or exit status 137: out of memory if its report shows that
    /// all memory was used, for example at the heap limit of Node.js.
    Aborted,
    /// Anything else.
    Other,
}

/// A line of the platform.
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
    /// A failed start of an execution environment: `INIT_REPORT`, `platform.initReport` and those
    /// of a restored snapshot.
    StartFailed {
        /// Whether it was during an invocation, which then also fails.
        in_invocation: bool,
    },
    /// A successful start whose duration is not in a report.
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
    /// The failure, if any.
    pub failure: Option<Failure>,
    /// Its memory.
    pub memory: Option<Memory>,
    /// Duration of the start before it, in milliseconds.
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

    /// Used memory, in percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.used_mb / self.size_mb * 100.0
    }

    /// Whether all memory was used. A report often shows 1 MB less.
    #[must_use]
    pub fn is_used_up(self) -> bool {
        self.used_mb >= self.size_mb - 1.0
    }
}

/// Parses a message; `None` if it is not a line of the platform that counts here.
#[must_use]
pub fn read(message: &str) -> Option<Line> {
    if message.starts_with('{') { json::read(message) } else { text::read(message) }
}

impl Failure {
    /// The meaning of a status and an error type; `None` is success or an unknown status.
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

/// Such as `Runtime.OutOfMemory` or `java.lang.OutOfMemoryError`.
fn is_out_of_memory(error_type: &str) -> bool {
    error_type.contains("OutOfMemory")
}

/// Request ids are UUIDs; a line with another text in their place is not the platform's.
fn is_request_id(text: &str) -> bool {
    let of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(of_id)
}

#[cfg(test)]
mod tests;
