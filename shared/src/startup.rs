//! How a function's process ends when it cannot start: the reason goes to the log and to
//! Lambda, so that whoever invokes the function sees it too.

use std::io;
use std::process::ExitCode;

use tracing::Level;

use crate::config::{ConfigError, Environment};
use crate::runtime_api::{self, RuntimeApi};
use crate::telemetry;

/// Why a function's process ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Lambda's Runtime API cannot be used.
    #[error(transparent)]
    RuntimeApi(#[from] runtime_api::Error),
    /// The operating system gives what is needed to wait for I/O to nobody.
    #[error("the operating system failed: {0}")]
    System(#[from] io::Error),
}

impl Error {
    const fn error_type(&self) -> &'static str {
        match self {
            Self::Config(_) => "InvalidConfiguration",
            Self::RuntimeApi(_) => "RuntimeApiFailed",
            Self::System(_) => "SystemFailed",
        }
    }
}

/// The exit code for how a function's process went, after an error was told to whom it
/// concerns. `function` is the name of the function's crate.
#[must_use]
pub fn exit_code(function: &'static str, result: Result<(), Error>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // Does nothing where logging was started before the error came.
    telemetry::start(function, Level::INFO);
    tracing::error!(error_type = error.error_type(), %error, "cannot start");
    let environment = Environment::of_this_process();
    let mut lambda = RuntimeApi::new(environment.runtime_api());
    if let Err(failure) = lambda.fail_to_start(error.error_type(), &error.to_string()) {
        tracing::debug!(%failure, "the error could not be told to Lambda");
    }
    ExitCode::FAILURE
}
