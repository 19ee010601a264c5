//! How a function's process ends when it cannot start: the reason goes to the log and to
//! Lambda, so that whoever invokes the function sees it too.

use std::process::ExitCode;

use http::Method;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, Client, build_request};
use serde_json::json;
use tracing::Level;

use crate::config::{ConfigError, Environment};
use crate::telemetry;

/// Why a function's process ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Lambda's Runtime API cannot be reached.
    #[error("the Lambda Runtime API failed: {0}")]
    Runtime(#[from] BoxError),
}

impl Error {
    const fn error_type(&self) -> &'static str {
        match self {
            Self::Config(_) => "InvalidConfiguration",
            Self::Runtime(_) => "RuntimeApiFailed",
        }
    }
}

/// The exit code for how a function's process went, after an error was told to whom it
/// concerns. `function` is the name of the function's crate.
pub async fn exit_code(function: &'static str, result: Result<(), Error>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // Does nothing where logging was started before the error came.
    telemetry::start(function, Level::INFO);
    tracing::error!(error_type = error.error_type(), %error, "cannot start");
    if let Err(failure) = report(&error).await {
        tracing::debug!(%failure, "the error could not be told to Lambda");
    }
    ExitCode::FAILURE
}

/// Tells Lambda that the process does not start (source: AWS Lambda Developer Guide, "Using the
/// Lambda runtime API for custom runtimes", initialization error).
async fn report(error: &Error) -> Result<(), BoxError> {
    let environment = Environment::of_this_process();
    let endpoint = environment.get("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
    let client = Client::builder().with_endpoint(endpoint.parse()?).build()?;
    let body = json!({"errorType": error.error_type(), "errorMessage": error.to_string()});
    let request = build_request()
        .method(Method::POST)
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", error.error_type())
        .body(Body::from(body.to_string()))?;
    client.call(request).await?;
    Ok(())
}
