//! Calls of SQS, and the results of their entries.

use std::fmt;
use std::sync::OnceLock;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{BuildError, SdkError};
use aws_sdk_sqs::types::BatchResultErrorEntry;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::queue_url;
use crate::aws::{Aws, CallFailure, Service};
use crate::text::shown;

/// SQS, in `AWS_ENDPOINT_URL_SQS`.
pub const SQS: Service = "SQS";

/// A client that retries as the SDK does.
#[must_use]
pub fn client(aws: &Aws) -> Client {
    Client::new(&aws.sdk_config(SQS, RetryConfig::standard()))
}

/// A client that is built for its first call, because most invocations never need it.
#[derive(Debug)]
pub struct LazyClient {
    aws: Aws,
    client: OnceLock<Client>,
}

impl LazyClient {
    /// Makes no calls.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, client: OnceLock::new() }
    }

    /// The client.
    pub fn get(&self) -> &Client {
        self.client.get_or_init(|| client(&self.aws))
    }

    /// The URL of the queue that a message's `eventSourceARN` names.
    ///
    /// # Errors
    /// [`Failure`] if it does not name a queue.
    pub fn source_url(&self, queue_arn: &str) -> Result<String, Failure> {
        queue_url(queue_arn, self.aws.endpoint(SQS)).ok_or_else(|| {
            Failure::new("InvalidArn", "the message's eventSourceARN names no queue")
        })
    }
}

/// Why a call of SQS, or an entry of one, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// SQS's code, or why it was not called.
    pub code: String,
    /// SQS's message.
    pub message: String,
}

impl Failure {
    /// A failure with this code and this text.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The failure of a call without an answer before the time was up.
    #[must_use]
    pub fn late() -> Self {
        Self::new("Deadline", "no answer came before the time was up")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl<E> From<SdkError<E>> for Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let CallFailure { code, message } = CallFailure::from(&error);
        Self { code: code.unwrap_or_else(|| "NoAnswer".to_owned()), message }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new("NotSent", error.to_string())
    }
}

impl From<&BatchResultErrorEntry> for Failure {
    fn from(failed: &BatchResultErrorEntry) -> Self {
        Self::new(shown(failed.code()), shown(failed.message().unwrap_or_default()))
    }
}

/// The result of each entry of a call whose entry ids are their indices from 0. `done` returns the
/// answer's data on an entry that succeeded. An entry that is missing in the answer failed.
pub fn by_entry<T>(
    entries: usize,
    failed: &[BatchResultErrorEntry],
    done: impl Fn(&str) -> Option<T>,
) -> Vec<Result<T, Failure>> {
    let result = |id: usize| {
        let id = id.to_string();
        if let Some(failed) = failed.iter().find(|failed| failed.id() == id) {
            return Err(failed.into());
        }
        let missing = || Failure::new("Missing", "the answer lacks this entry");
        done(&id).ok_or_else(missing)
    };
    (0..entries).map(result).collect()
}
