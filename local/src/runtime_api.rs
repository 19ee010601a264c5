//! A Lambda Runtime API that runs a function's real binary as the service does.
//!
//! Each environment is one child process with its own listener on the loopback interface, so that
//! any runtime can be identified by its port. Environments are started on demand, kept warm, and
//! replaced after a crash or a timeout.
//!
//! Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and
//! "Understanding the Lambda execution environment lifecycle".

mod environment;
mod error;
mod exchange;
mod function;
mod logs;
mod options;
mod process;
mod routes;

pub use error::InvokeError;
pub(crate) use function::invoke;
pub use function::{Answer, Function, Invoke};
pub use logs::{LogLine, LogStream};
pub(crate) use options::{ACCOUNT, REGION};
pub use options::{FunctionOptions, Logs};

/// Maximum size of the payload of a synchronous invocation, in bytes (Lambda quotas: 6 MB).
pub const REQUEST_LIMIT_BYTES: usize = 6_291_456;

/// Maximum size of the answer of a synchronous invocation, in bytes: the value in the service's own
/// error message ("exceeded maximum allowed payload size (6291556 bytes)").
pub const RESPONSE_LIMIT_BYTES: usize = 6_291_556;
