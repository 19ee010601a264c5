//! Why a function or an invocation failed.

use std::time::Duration;

use super::{REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES};

/// Why an invocation failed. Its text consists of the type and the message, both as in Lambda.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.error_type(), self.message())]
#[non_exhaustive]
#[expect(missing_docs, reason = "their members are those of Lambda's errors")]
pub enum InvokeError {
    /// The function answered with an error (`POST …/error`).
    Function { error_type: String, message: String },
    /// The runtime could not start (`POST …/init/error`).
    Init { error_type: String, message: String },
    /// The process ended without an answer, during or before an invocation. The status is worded as
    /// in Lambda: `exit status 1` or `signal: killed`.
    Exit { status: String },
    /// The invocation, or the init before it, timed out; its environment was killed.
    Timeout { after: Duration },
    /// The payload is larger than [`REQUEST_LIMIT_BYTES`].
    RequestTooLarge { bytes: usize },
    /// The answer is larger than [`RESPONSE_LIMIT_BYTES`].
    ResponseTooLarge,
    /// The function or its environment could not be started (no binary, no process, no port).
    Start { message: String },
    /// The function was stopped.
    Stopped,
}

impl InvokeError {
    /// The `errorType` that Lambda returns.
    #[must_use]
    pub fn error_type(&self) -> &str {
        match self {
            Self::Function { error_type, .. } | Self::Init { error_type, .. } => error_type,
            Self::Exit { .. } => "Runtime.ExitError",
            Self::Timeout { .. } => "Sandbox.Timedout",
            Self::RequestTooLarge { .. } => "RequestEntityTooLargeException",
            Self::ResponseTooLarge => "Function.ResponseSizeTooLarge",
            Self::Start { .. } => "Runtime.InvalidEntrypoint",
            Self::Stopped => "Function.Stopped",
        }
    }

    /// The `errorMessage` that Lambda returns, without the request id before it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Function { message, .. }
            | Self::Init { message, .. }
            | Self::Start { message } => message.clone(),
            Self::Exit { status } => format!("Error: Runtime exited with error: {status}"),
            Self::Timeout { after } => {
                format!("Task timed out after {:.2} seconds", after.as_secs_f64())
            }
            Self::RequestTooLarge { bytes } => format!(
                "{bytes} byte payload is too large for the RequestResponse invocation type \
                 (limit {REQUEST_LIMIT_BYTES} bytes)"
            ),
            Self::ResponseTooLarge => format!(
                "Response payload size exceeded maximum allowed payload size \
                 ({RESPONSE_LIMIT_BYTES} bytes)."
            ),
            Self::Stopped => "the function was stopped".to_owned(),
        }
    }
}
