//! Why a function or an invocation failed.

use std::path::PathBuf;
use std::time::Duration;

use super::{REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES};

/// Why a function could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The binary is missing, or is not a file.
    #[error("the function's binary {} is not a file", .0.display())]
    NoBinary(PathBuf),
    /// The options ask for no environment at all.
    #[error("a function needs a concurrency of at least 1")]
    NoConcurrency,
    /// The files for the function's logs could not be created.
    #[error("failed to create files for the function's logs: {0}")]
    Logs(#[source] std::io::Error),
}

/// Why an invocation failed. Displayed as its type and its message, both in Lambda's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.error_type(), self.message())]
#[non_exhaustive]
pub enum InvokeError {
    /// The function answered with an error (`POST …/error`).
    Function {
        /// `errorType` of the error's body, else of the `Lambda-Runtime-Function-Error-Type` header.
        error_type: String,
        /// `errorMessage` of the error's body.
        message: String,
    },
    /// The runtime could not start (`POST …/init/error`).
    Init {
        /// `errorType` of the error's body, else of the `Lambda-Runtime-Function-Error-Type` header.
        error_type: String,
        /// `errorMessage` of the error's body.
        message: String,
    },
    /// The process ended without an answer, in an invocation or before its first.
    Exit {
        /// `exit status 1` or `signal: killed`, as Lambda words it.
        status: String,
    },
    /// The invocation took too long; its environment was killed.
    Timeout {
        /// The function's timeout.
        after: Duration,
    },
    /// The runtime did not ask for its first event in time; its environment was killed.
    InitTimeout {
        /// The limit of the init phase.
        after: Duration,
    },
    /// The payload is larger than [`REQUEST_LIMIT_BYTES`].
    RequestTooLarge {
        /// Size of the payload in bytes.
        bytes: usize,
    },
    /// The answer is larger than [`RESPONSE_LIMIT_BYTES`].
    ResponseTooLarge,
    /// The environment could not be started (no process, no port).
    Start {
        /// What the operating system said.
        message: String,
    },
    /// The function was stopped.
    Stopped,
}

impl InvokeError {
    /// `errorType` as Lambda answers it.
    #[must_use]
    pub fn error_type(&self) -> &str {
        match self {
            Self::Function { error_type, .. } | Self::Init { error_type, .. } => error_type,
            Self::Exit { .. } => "Runtime.ExitError",
            Self::Timeout { .. } | Self::InitTimeout { .. } => "Sandbox.Timedout",
            Self::RequestTooLarge { .. } => "RequestEntityTooLargeException",
            Self::ResponseTooLarge => "Function.ResponseSizeTooLarge",
            Self::Start { .. } => "Runtime.InvalidEntrypoint",
            Self::Stopped => "Function.Stopped",
        }
    }

    /// `errorMessage` as Lambda answers it, without the request id before it.
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
            Self::InitTimeout { after } => {
                format!("Init timed out after {:.2} seconds", after.as_secs_f64())
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
