//! Publishes notices to Amazon SNS.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use aws_sdk_sns::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tokio::time::{Instant, sleep, timeout_at};

use super::Notice;
use super::message::Message;
use crate::aws::{Aws, CallFailure, Service};
use crate::config::{ConfigError, Environment};

/// SNS, in `AWS_ENDPOINT_URL_SNS`.
pub const SNS: Service = "SNS";

/// The variables of every function that publishes notices.
pub const VARIABLES: &[&str] = &["ALERTS_TOPIC_ARN"];

/// Maximum time that one request waits for its answer.
const MAX_ATTEMPT: Duration = Duration::from_secs(3);
/// More than fit into the time of any invocation, with waits of up to [`MAX_WAIT`].
const MAX_ATTEMPTS: u32 = 1_000;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Publishes notices to the topic of the alerts, or only logs them. The client is built at the
/// first notice.
pub struct Publisher {
    topic_arn: Option<String>,
    aws: Aws,
    client: OnceLock<Client>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Publisher").field("topic_arn", &self.topic_arn).finish_non_exhaustive()
    }
}

impl Publisher {
    /// Reads `ALERTS_TOPIC_ARN`: required; set to nothing, notices are only logged.
    ///
    /// # Errors
    /// [`ConfigError`] where it is not set, or not the ARN of an SNS topic.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        const NAME: &str = "ALERTS_TOPIC_ARN";
        let allowed = "the ARN of an SNS topic, or set to nothing to only log notices";
        let value = environment.get(NAME).ok_or_else(|| ConfigError::new(NAME, "", allowed))?;
        let value = value.trim();
        if !value.is_empty() && !is_topic(value) {
            return Err(ConfigError::new(NAME, value, allowed));
        }
        let topic_arn = (!value.is_empty()).then(|| value.to_owned());
        let aws = Aws::from_environment(environment, &[SNS]);
        Ok(Self { topic_arn, aws, client: OnceLock::new() })
    }

    /// Whether notices are published, not only logged.
    #[must_use]
    pub const fn has_topic(&self) -> bool {
        self.topic_arn.is_some()
    }

    /// Publishes a notice without its secrets, and tries again after throttling, 5xx and no answer
    /// until `until`.
    ///
    /// # Errors
    /// Where SNS refused the notice, or accepted none until then.
    pub async fn publish(&self, notice: Notice, until: Instant) -> Result<(), CallFailure> {
        let message = Message::of(notice);
        let Some(topic_arn) = &self.topic_arn else {
            tracing::warn!(
                notice = message.json,
                "ALERTS_TOPIC_ARN is empty: notice not published"
            );
            return Ok(());
        };
        let call = self
            .client()
            .publish()
            .topic_arn(topic_arn)
            .subject(message.subject.clone())
            .message(message.structure().to_string())
            .message_structure("json");
        let mut wait = FIRST_WAIT;
        loop {
            // Boxed: the SDK's state is large.
            let published = timeout_at(until, Box::pin(call.clone().send())).await;
            let left = until.saturating_duration_since(Instant::now());
            match published.map_err(|_| CallFailure::late())? {
                Err(error) if is_throttled(&error) && left > FIRST_WAIT => {
                    sleep(wait.min(left / 2)).await;
                    wait = (2 * wait).min(MAX_WAIT);
                }
                published => return published.map(drop).map_err(|error| CallFailure::from(&error)),
            }
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let retry = RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_initial_backoff(FIRST_WAIT)
                .with_max_backoff(MAX_WAIT);
            let config = Builder::from(&self.aws.sdk_config(SNS, retry));
            let timeouts = TimeoutConfig::builder().operation_attempt_timeout(MAX_ATTEMPT).build();
            Client::from_conf(config.timeout_config(timeouts).build())
        })
    }
}

/// Whether SNS refuses for a while, with a code that the SDK does not know as such (source: Amazon SNS
/// API reference, `Publish`).
fn is_throttled(error: &SdkError<PublishError>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    status == Some(429) || ["KMSThrottling", "Throttled"].contains(&code)
}

/// Whether a text is `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
fn is_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts[..] else { return false };
    let is_word = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !text.is_empty() && text.bytes().all(allowed)
    };
    [partition, region, name].into_iter().all(is_word)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topic_is_an_arn_or_nothing() {
        let publisher = |value: &str| {
            Publisher::from_environment(&[("ALERTS_TOPIC_ARN", value)].into_iter().collect())
        };
        let arn = "arn:aws-cn:sns:cn-north-1:123456789012:sluice-dev_alerts";
        assert_eq!(publisher(arn).unwrap().topic_arn.as_deref(), Some(arn));
        assert!(publisher(arn).unwrap().has_topic());
        for empty in ["", " "] {
            assert!(!publisher(empty).unwrap().has_topic());
        }
        for wrong in [
            "alerts",
            "arn:aws:sqs:eu-west-1:123456789012:alerts",
            "arn:aws:sns:eu-west-1:123456789012",
            "arn:aws:sns:eu-west-1:12345678901:alerts",
            "arn:aws:sns:eu-west-1:123456789012:alerts:34a7b0cb",
            "arn:aws:sns:eu-west-1:123456789012:",
        ] {
            let error = publisher(wrong).unwrap_err();
            let expected = format!("ALERTS_TOPIC_ARN is {wrong:?}, but must be the ARN of an SNS");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
        assert!(Publisher::from_environment(&Environment::default()).is_err());
    }
}
