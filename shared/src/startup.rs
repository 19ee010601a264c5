//! Ends a process that fails to start: the reason is logged and reported to Lambda, so that the
//! invoker of the function also sees it.

use std::io;
use std::process::ExitCode;

use http::Request;
use lambda_runtime_api_client::PooledClient;
use tokio::runtime::{Builder, Runtime};
use tracing::Level;

use crate::config::{ConfigError, Environment};
use crate::report::error_request;
use crate::telemetry;

/// Why a function's process ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Lambda's Runtime API fails.
    #[error("the Lambda Runtime API failed: {0}")]
    RuntimeApi(String),
    /// The operating system provides no event queue for I/O.
    #[error("the operating system failed: {0}")]
    System(#[from] io::Error),
}

impl Error {
    pub(crate) fn runtime_api(error: &lambda_runtime::Error) -> Self {
        let mut text = error.to_string();
        let mut error: &dyn std::error::Error = &**error;
        while let Some(cause) = error.source() {
            text = format!("{text}: {cause}");
            error = cause;
        }
        Self::RuntimeApi(text)
    }

    const fn error_type(&self) -> &'static str {
        match self {
            Self::Config(_) => "InvalidConfiguration",
            Self::RuntimeApi(_) => "RuntimeApiFailed",
            Self::System(_) => "SystemFailed",
        }
    }
}

/// Builds a tokio runtime on this thread: a function handles one invocation at a time.
pub(crate) fn tokio() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Returns the process's exit code for `result`; an error is logged and reported to Lambda first.
/// `function` is the name of the function's crate.
#[must_use]
pub fn exit_code(function: &'static str, result: Result<(), Error>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // This has no effect if logging was started before the error.
    telemetry::start(function, Level::INFO);
    tracing::error!(error_type = error.error_type(), %error, "failed to start");
    if let Err(failure) = report(&error) {
        tracing::debug!(%failure, "failed to report the error to Lambda");
    }
    ExitCode::FAILURE
}

/// Reports an initialization error, if there is a Runtime API.
fn report(error: &Error) -> Result<(), lambda_runtime::Error> {
    if !Environment::of_this_process().has_runtime_api() {
        return Ok(());
    }
    let request = Request::post("/2018-06-01/runtime/init/error");
    let request = error_request(request, error.error_type(), &error.to_string())?;
    // The reply must be awaited, but need not be read.
    tokio()?.block_on(async { PooledClient::builder().build().call(request).await })?;
    Ok(())
}
