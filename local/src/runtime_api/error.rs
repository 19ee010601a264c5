use std::path::PathBuf;
use std::time::Duration;

use super::{REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES};

/// Why a function could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The binary is not there, or is not a file.
    #[error("the function's binary {} is not a file", path.display())]
    NoBinary {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The options ask for no environment at all.
    #[error("a function needs a concurrency of at least 1")]
    NoConcurrency,
}

/// Why an invocation failed. Displayed as Lambda words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The function answered with an error (`POST …/error`).
    #[error("{error_type}: {message}")]
    Function {
        /// `errorType` of the error's body, else of the `Lambda-Runtime-Function-Error-Type` header.
        error_type: String,
        /// `errorMessage` of the error's body.
        message: String,
    },
    /// The runtime could not start (`POST …/init/error`).
    #[error("{error_type}: {message}")]
    Init {
        /// `errorType` of the error's body, else of the `Lambda-Runtime-Function-Error-Type` header.
        error_type: String,
        /// `errorMessage` of the error's body.
        message: String,
    },
    /// The process ended without an answer, in an invocation or before its first.
    #[error("Runtime.ExitError: Error: Runtime exited with error: {status}")]
    Exit {
        /// `exit status: 1` or `signal: killed`, as Lambda words it.
        status: String,
    },
    /// The invocation took too long; its environment was killed.
    #[error("Sandbox.Timedout: Task timed out after {:.2} seconds", after.as_secs_f64())]
    Timeout {
        /// The function's timeout.
        after: Duration,
    },
    /// The payload is larger than [`REQUEST_LIMIT_BYTES`].
    #[error(
        "RequestEntityTooLargeException: Request must be smaller than {REQUEST_LIMIT_BYTES} bytes for the InvokeFunction operation"
    )]
    RequestTooLarge {
        /// Size of the payload in bytes.
        bytes: usize,
    },
    /// The answer is larger than [`RESPONSE_LIMIT_BYTES`].
    #[error(
        "Function.ResponseSizeTooLarge: Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes)."
    )]
    ResponseTooLarge,
    /// The function was stopped.
    #[error("the function was stopped")]
    Stopped,
    /// The environment could not be started (no process, no port).
    #[error("Runtime.InvalidEntrypoint: {message}")]
    Start {
        /// What the operating system said.
        message: String,
    },
}
