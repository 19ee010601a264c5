//! Calling AWS: region, credentials and endpoints from the environment, and the HTTP client.
//!
//! Lambda passes credentials to a function in the environment, and they stay valid as long as the
//! process lives: nothing has to be looked up or renewed. Build a client only when it is first
//! needed: it costs more than the rest of a cold start.

mod connections;
#[cfg(feature = "query")]
pub mod query;
mod signer;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::config::Environment;
use crate::text::shown;
pub use connections::{Answer, Connections, ExchangeError, MAX_ANSWER_BYTES, contradicts_success};
pub use signer::{Signer, SigningError};

/// The name of an AWS service in `AWS_ENDPOINT_URL_…`.
pub type Service = &'static str;

/// Region, credentials and endpoints for calling AWS; Lambda sets all but the endpoints.
#[derive(Clone, Default)]
pub struct Aws {
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`: Lambda sets both.
    pub region: Option<String>,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub credentials: Option<Credentials>,
    /// `AWS_ENDPOINT_URL`
    endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_…`
    endpoints: BTreeMap<Service, String>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Credentials must not reach a log, and an endpoint may contain some.
        out.debug_struct("Aws").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Aws {
    /// Reads the environment, with the endpoints of these services.
    #[must_use]
    pub fn from_environment(environment: &Environment, services: &[Service]) -> Self {
        // A template sets an empty value for a variable that is not set.
        let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let owned = |name: &str| get(name).map(str::to_owned);
        let keys = get("AWS_ACCESS_KEY_ID").zip(get("AWS_SECRET_ACCESS_KEY"));
        let endpoint =
            |service: &Service| Some((*service, owned(&format!("AWS_ENDPOINT_URL_{service}"))?));
        Self {
            region: owned("AWS_REGION").or_else(|| owned("AWS_DEFAULT_REGION")),
            credentials: keys.map(|(id, secret)| {
                Credentials::new(id, secret, owned("AWS_SESSION_TOKEN"), None, "Lambda")
            }),
            endpoint: owned("AWS_ENDPOINT_URL"),
            endpoints: services.iter().filter_map(endpoint).collect(),
        }
    }

    /// Returns a copy for the region of the resource with this ARN, which can be another region than
    /// the function's.
    #[must_use]
    pub fn in_region_of(&self, arn: &str) -> Self {
        let region = arn.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
        let region = region.filter(|region| !region.is_empty()).map(str::to_owned);
        Self { region: region.or_else(|| self.region.clone()), ..self.clone() }
    }

    /// The endpoint that overrides that of `service`: `AWS_ENDPOINT_URL_…`, else
    /// `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self, service: Service) -> Option<&str> {
        self.endpoints.get(service).or(self.endpoint.as_ref()).map(String::as_str)
    }

    /// The configuration of an SDK client of `service`.
    #[must_use]
    pub fn sdk_config(&self, service: Service, retry: RetryConfig) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Connections::for_sdk())
            .retry_config(retry);
        config.set_region(self.region.clone().map(Region::new));
        config.set_endpoint_url(self.endpoint(service).map(str::to_owned));
        let provider = self.credentials.clone().map(SharedCredentialsProvider::new);
        config.set_credentials_provider(provider);
        config.build()
    }
}

/// Why a call failed, without the content of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// The service's code, or its status; `None` if it did not answer.
    pub code: Option<String>,
    /// The message of the service, or why it did not answer.
    pub message: String,
}

impl CallFailure {
    /// The failure of a call that was not answered before the deadline.
    #[must_use]
    pub fn late() -> Self {
        Self { code: None, message: "no answer before the deadline".to_owned() }
    }
}

impl<E> From<&SdkError<E, HttpResponse>> for CallFailure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    /// The code is `Status503` or similar if the service answered without one.
    fn from(error: &SdkError<E, HttpResponse>) -> Self {
        let failed = error.raw_response().map(HttpResponse::status);
        let failed = failed.filter(|status| !status.is_success());
        let status = || failed.map(|status| format!("Status{}", status.as_u16()));
        let code = error.code().map(shown).or_else(status);
        let message = error.message().map_or_else(|| cause(error), str::to_owned);
        Self { code, message: shown(&message) }
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(out, "{code}: {}", self.message),
            None => out.write_str(&self.message),
        }
    }
}

/// The innermost cause of an error: the errors around it add no information.
#[must_use]
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn aws(variables: &[(&str, &str)]) -> Aws {
        Aws::from_environment(&variables.iter().copied().collect(), &["SQS", "KINESIS"])
    }

    #[test]
    fn the_endpoint_of_a_service_is_before_that_of_all() {
        let aws = aws(&[
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_ENDPOINT_URL_SQS", "http://sqs"),
            ("AWS_ENDPOINT_URL_KINESIS", ""),
        ]);
        assert_eq!(aws.endpoint("SQS"), Some("http://sqs"));
        assert_eq!(aws.endpoint("KINESIS"), Some("http://all"));
        let config = aws.sdk_config("SQS", RetryConfig::disabled());
        assert_eq!(config.endpoint_url(), Some("http://sqs"));
        let elsewhere = Aws::default();
        assert_eq!(elsewhere.endpoint("SQS"), None);
    }

    #[test]
    fn reads_region_and_credentials() {
        let aws = aws(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_SESSION_TOKEN", "token"),
        ]);
        let config = aws.sdk_config("SQS", RetryConfig::disabled());
        assert_eq!(config.region().map(Region::as_ref), Some("eu-west-1"));
        let credentials = aws.credentials.unwrap();
        assert_eq!(credentials.access_key_id(), "AKIDEXAMPLE");
        assert_eq!(credentials.secret_access_key(), "hush");
        assert_eq!(credentials.session_token(), Some("token"));
    }

    #[test]
    fn a_resource_is_called_in_its_own_region() {
        let aws = aws(&[("AWS_REGION", "eu-west-1")]);
        for (arn, region) in [
            ("arn:aws:sns:us-east-1:123456789012:alerts", "us-east-1"),
            ("arn:aws:s3:::backup", "eu-west-1"),
            ("opensearch/credentials", "eu-west-1"),
        ] {
            assert_eq!(aws.in_region_of(arn).region.as_deref(), Some(region), "{arn}");
        }
    }

    #[test]
    fn an_answer_without_a_code_has_its_status_and_texts_are_one_short_line() {
        let failure = |status: u16, error: ErrorMetadata| {
            let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            CallFailure::from(&SdkError::service_error(error, response))
        };
        let nothing = failure(503, ErrorMetadata::builder().build());
        assert_eq!(nothing.code.as_deref(), Some("Status503"));
        let long = format!("a\n{}", "é".repeat(400));
        let hostile = failure(400, ErrorMetadata::builder().code("b\nc").message(long).build());
        assert_eq!(hostile.to_string(), format!("b c: a {}", "é".repeat(298)));
    }

    #[test]
    fn a_page_or_an_error_contradicts_success() {
        for body in ["<!doctype html>", "\n <html>", r#"{"error":"no"}"#, r#"{"error":{"code":5}}"#]
        {
            assert!(contradicts_success(body.as_bytes()), "{body}");
        }
        for body in ["", "{}", "ok", r#"{"name":"spaces/A"}"#, r#"{"error":null}"#, "[]"] {
            assert!(!contradicts_success(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn the_default_region_is_for_where_no_other_is_set() {
        let default = ("AWS_DEFAULT_REGION", "us-east-1");
        assert_eq!(aws(&[default]).region.as_deref(), Some("us-east-1"));
        let both = [default, ("AWS_REGION", "eu-west-1")];
        assert_eq!(aws(&both).region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn half_of_the_credentials_are_none() {
        assert!(aws(&[("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")]).credentials.is_none());
        let empty = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "")];
        assert!(aws(&empty).credentials.is_none());
    }

    #[test]
    fn secrets_are_in_no_debug_output() {
        let aws = aws(&[
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_SESSION_TOKEN", "hush"),
            ("AWS_ENDPOINT_URL", "http://ada:hush@127.0.0.1"),
        ]);
        assert!(!format!("{aws:?}").contains("hush"));
    }
}
