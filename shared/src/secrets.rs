//! Reads secrets from AWS Secrets Manager, and makes headers for signing in.

use aws_sdk_secretsmanager::Client;
use aws_smithy_types::retry::RetryConfig;
use base64_simd::STANDARD;
use http::HeaderValue;

use crate::aws::{Aws, CallFailure, Service};
use crate::config::{ConfigError, Environment};

/// Secrets Manager, in `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
pub const SECRETS_MANAGER: Service = "SECRETS_MANAGER";

/// The allowed value of a variable with the ARN of a secret, for messages.
pub const ARN_OF_SECRET: &str = "the ARN of a secret of AWS Secrets Manager";

/// The ARN of a secret in the variable `name`, if it is set.
///
/// # Errors
/// [`ConfigError`] if it is not an ARN. It never shows the value, which may be the secret itself by
/// mistake.
pub fn arn(environment: &Environment, name: &str) -> Result<Option<String>, ConfigError> {
    let parse = |text: &str| is_arn(text).then(|| text.to_owned());
    let hidden = |_| ConfigError::new(name, "…", ARN_OF_SECRET);
    environment.parse_with(name, ARN_OF_SECRET, parse).map_err(hidden)
}

fn is_arn(text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some("secretsmanager")
}

/// The ARN of a secret as errors show it. Any other text is hidden, because it may be the secret
/// itself by mistake.
#[must_use]
pub fn shown(arn: &str) -> &str {
    if is_arn(arn) { arn } else { "…" }
}

/// Reads the text of a secret. The client is built for this call, because a secret is read once per
/// process.
///
/// # Errors
/// If the service does not answer or return it, or if it is binary. The error never quotes the
/// secret.
pub async fn text(aws: &Aws, arn: &str) -> Result<String, CallFailure> {
    let config = aws.in_region_of(arn).sdk_config(SECRETS_MANAGER, RetryConfig::standard());
    let answer = Client::new(&config).get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| CallFailure::from(&error))?;
    let bytes = || CallFailure { code: None, message: "it holds no text".to_owned() };
    answer.secret_string().map(str::to_owned).ok_or_else(bytes)
}

/// The header `Authorization` of basic authentication (RFC 7617); `None` for a user with a colon.
#[must_use]
pub fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let pair = STANDARD.encode_to_string(format!("{user}:{password}"));
    if user.contains(':') { None } else { authorization("Basic", &pair) }
}

/// The header `Authorization` with these credentials; `None` if they are not valid in a header.
#[must_use]
pub fn authorization(scheme: &str, credentials: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {credentials}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arn_of_a_secret_is_shown() {
        let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:search";
        for (text, expected) in [(arn, arn), ("hush", "…"), ("arn:aws:s3:::hush", "…"), ("", "…")]
        {
            assert_eq!(shown(text), expected);
        }
    }
}
