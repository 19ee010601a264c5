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
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::Notice;
use super::message::Message;
use crate::aws::{Aws, CallFailure, Service};
use crate::config::{ConfigError, Environment};

/// SNS, in `AWS_ENDPOINT_URL_SNS`.
pub const SNS: Service = "SNS";

/// The variables of every function that publishes notices.
pub const VARIABLES: &[&str] = &["ALERTS_TOPIC_ARN"];

/// Maximum number of concurrent requests. A request that waits for its retry does not count.
const MAX_REQUESTS: usize = 16;

/// Maximum time that one request waits for its answer.
const MAX_ATTEMPT: Duration = Duration::from_secs(3);
/// The wait before a notice is sent again; doubles.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Publishes notices to the topic of the alerts, or only logs them. The client is built at the
/// first notice.
pub struct Publisher {
    topic_arn: Option<String>,
    aws: Aws,
    client: OnceLock<Client>,
    requests: Semaphore,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Publisher").field("topic_arn", &self.topic_arn).finish_non_exhaustive()
    }
}

impl Publisher {
    /// Reads `ALERTS_TOPIC_ARN`, which is required; if it is empty, notices are only logged.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not set, or not the ARN of an SNS topic.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        const NAME: &str = "ALERTS_TOPIC_ARN";
        let allowed = "the ARN of an SNS topic, or set to nothing to only log notices";
        let value = environment.get(NAME).ok_or_else(|| ConfigError::new(NAME, "", allowed))?;
        let value = value.trim();
        if !value.is_empty() && !is_topic(value) {
            return Err(ConfigError::new(NAME, value, allowed));
        }
        let topic_arn = (!value.is_empty()).then(|| value.to_owned());
        let aws = Aws::from_environment(environment, &[SNS]).in_region_of(value);
        let requests = Semaphore::new(MAX_REQUESTS);
        Ok(Self { topic_arn, aws, client: OnceLock::new(), requests })
    }

    /// Whether notices are published, not only logged.
    #[must_use]
    pub const fn has_topic(&self) -> bool {
        self.topic_arn.is_some()
    }

    /// Publishes a notice without its secrets; retries after throttling, 5xx and no answer, until
    /// `until`.
    ///
    /// # Errors
    /// If SNS rejects the notice, or does not accept it in time.
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
            let attempt = async {
                let _place = self.requests.acquire().await;
                // Boxed: the SDK's state is large.
                Box::pin(call.clone().send()).await
            };
            let published = timeout_at(until, attempt).await;
            let left = until.saturating_duration_since(Instant::now());
            match published.map_err(|_| CallFailure::late())? {
                Err(error) if is_passing(&error) && left > FIRST_WAIT => {
                    sleep(wait.min(left / 2)).await;
                    wait = (2 * wait).min(MAX_WAIT);
                }
                published => return published.map(drop).map_err(|error| CallFailure::from(&error)),
            }
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            // The SDK's own retries have a quota per process, which ends them long before the
            // deadline.
            let config = Builder::from(&self.aws.sdk_config(SNS, RetryConfig::disabled()));
            let timeouts = TimeoutConfig::builder().operation_attempt_timeout(MAX_ATTEMPT).build();
            Client::from_conf(config.timeout_config(timeouts).build())
        })
    }
}

/// Throttling codes that do not contain `Throttl`, and codes of late answers (source: "Retry
/// behavior", AWS SDKs and Tools Reference Guide).
const PASSING: [&str; 8] = [
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "TooManyRequests",
    "TooManyRequestsException",
];

/// Whether SNS may accept the same notice later: it throttles (also `KMSThrottling`), fails, or
/// does not answer. A success that cannot be read is not an answer of SNS.
fn is_passing(error: &SdkError<PublishError>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        SdkError::ServiceError(refused) => {
            let code = error.code().unwrap_or_default();
            matches!(refused.raw().status().as_u16(), 200..=299 | 429 | 500..)
                || code.contains("Throttl")
                || PASSING.contains(&code)
        }
        _ => false,
    }
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
        assert_eq!(publisher(arn).unwrap().aws.region.as_deref(), Some("cn-north-1"));
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
