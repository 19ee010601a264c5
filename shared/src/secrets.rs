//! Reading a secret from AWS Secrets Manager.

use aws_sdk_secretsmanager::Client;
use aws_smithy_types::retry::RetryConfig;

use crate::aws::{Aws, CallFailure, Service};

/// Secrets Manager, in `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
pub const SECRETS_MANAGER: Service = "SECRETS_MANAGER";

/// The text of a secret. The client is built for this call: a secret is read once in a process's
/// life.
///
/// # Errors
/// Where the service does not answer, does not give it, or it holds bytes. Never quotes it.
pub async fn text(aws: &Aws, arn: &str) -> Result<String, CallFailure> {
    let config = aws.sdk_config(SECRETS_MANAGER, RetryConfig::standard());
    let answer = Client::new(&config).get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| CallFailure::from(&error))?;
    let bytes = || CallFailure { code: None, message: "it holds no text".to_owned() };
    answer.secret_string().map(str::to_owned).ok_or_else(bytes)
}
