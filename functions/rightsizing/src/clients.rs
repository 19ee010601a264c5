//! The services that the function calls.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_lambda as lambda;
use aws_sdk_s3 as s3;
use aws_sdk_ssm as ssm;
use s3::config::retry::RetryConfig;
use s3::error::{ProvideErrorMetadata, SdkError};
use shared::aws::query::{EC2, Element, Parameters, QueryApi, QueryClient, QueryError, RDS};
use shared::aws::{Aws, CallFailure, Service};
use shared::cost::{CallTime, CostExplorer};
use shared::s3::S3;

use crate::whole::Whole;

/// CloudWatch, in `AWS_ENDPOINT_URL_CLOUDWATCH`.
pub(crate) const CLOUDWATCH: Service = "CLOUDWATCH";
/// Lambda, in `AWS_ENDPOINT_URL_LAMBDA`.
pub(crate) const LAMBDA: Service = "LAMBDA";
/// Systems Manager, in `AWS_ENDPOINT_URL_SSM`.
pub(crate) const SSM: Service = "SSM";

/// Maximum number of attempts, after 5xx and throttling.
const ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Maximum page size of EC2's lists. Without one, EC2 returns everything at once, which it throttles in large
/// accounts (source: Amazon EC2 API reference, "Pagination").
pub(crate) const PAGE: &str = "1000";
/// Maximum number of pages of a list.
const MAX_PAGES: usize = 1_000;

/// The services of the function's region. Each client is built for its first call.
#[derive(Debug)]
pub(crate) struct Clients {
    aws: Aws,
    pub(crate) explorer: CostExplorer,
    ec2: QueryClient,
    rds: QueryClient,
    cloudwatch: OnceLock<cloudwatch::Client>,
    lambda: OnceLock<lambda::Client>,
    s3: OnceLock<s3::Client>,
    ssm: OnceLock<ssm::Client>,
}

/// The part of a list that could be read, and why items are missing.
pub(crate) type Listed<T> = (Vec<T>, Option<CallFailure>);

/// The pages of a list, none of which is read twice.
#[derive(Debug, Default)]
pub(crate) struct Pages(BTreeSet<String>);

impl Pages {
    /// The token of the next page; `None` after the last one.
    pub(crate) fn next(&mut self, token: Option<String>) -> Result<Option<String>, CallFailure> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if self.0.len() >= MAX_PAGES {
            return Err(failure("TooMany", "the list has more than 1,000 pages"));
        }
        if !self.0.insert(token.clone()) {
            return Err(invalid("the service returns the same page again"));
        }
        Ok(Some(token))
    }
}

impl Clients {
    pub(crate) fn new(aws: Aws) -> Self {
        Self {
            explorer: CostExplorer::new(aws.clone()),
            ec2: QueryClient::new(EC2, &aws),
            rds: QueryClient::new(RDS, &aws),
            cloudwatch: OnceLock::new(),
            lambda: OnceLock::new(),
            s3: OnceLock::new(),
            ssm: OnceLock::new(),
            aws,
        }
    }

    /// Calls an operation of EC2.
    pub(crate) async fn ec2(
        &self,
        action: &str,
        parameters: &Parameters,
        time: CallTime,
    ) -> Result<Element, CallFailure> {
        Ok(self.ec2.call(action, parameters, time.until).await?)
    }

    /// Calls an operation of EC2 that must not be carried out twice, once.
    pub(crate) async fn ec2_once(
        &self,
        action: &str,
        parameters: &Parameters,
        time: CallTime,
    ) -> Result<Element, QueryError> {
        self.ec2.call_once(action, parameters, time.until).await
    }

    /// Lists with an operation of EC2 or RDS. If `read` returns nothing for an item, the list is
    /// incomplete.
    pub(crate) async fn list<T>(
        &self,
        api: QueryApi,
        action: &str,
        parameters: &Parameters,
        path: &[&str],
        read: fn(&Element) -> Option<T>,
        time: CallTime,
    ) -> Listed<T> {
        let client = if api == RDS { &self.rds } else { &self.ec2 };
        let listed = client.list(action, parameters, path, time.until).await;
        let items: Vec<_> = listed.items.iter().filter_map(read).collect();
        let odd = (items.len() < listed.items.len()).then(|| invalid("an item lacks its id"));
        (items, listed.failure.map(CallFailure::from).or(odd))
    }

    pub(crate) fn cloudwatch(&self) -> &cloudwatch::Client {
        let config = || self.aws.sdk_config(CLOUDWATCH, retry());
        self.cloudwatch.get_or_init(|| cloudwatch::Client::new(&config()))
    }

    pub(crate) fn lambda(&self) -> &lambda::Client {
        let config = || self.aws.sdk_config(LAMBDA, retry());
        self.lambda.get_or_init(|| lambda::Client::new(&config()))
    }

    pub(crate) fn s3(&self) -> &s3::Client {
        self.s3.get_or_init(|| {
            let config = s3::config::Builder::from(&self.aws.sdk_config(S3, retry()));
            // At other endpoints than S3 itself, buckets have no host names.
            let path_style = self.aws.endpoint(S3).is_some();
            s3::Client::from_conf(config.force_path_style(path_style).interceptor(Whole).build())
        })
    }

    pub(crate) fn ssm(&self) -> &ssm::Client {
        let config = || self.aws.sdk_config(SSM, retry());
        self.ssm.get_or_init(|| ssm::Client::new(&config()))
    }
}

fn retry() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_WAIT)
}

/// Returns the result of a call with an SDK, which is abandoned when it takes too long.
pub(crate) async fn sent<T, E>(
    time: CallTime,
    call: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<T, CallFailure>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    // Boxed: the SDK's state is large.
    let call = Box::pin(call);
    let call = async {
        call.await.map_err(|error| {
            let mut failure = CallFailure::from(&error);
            if matches!(error, SdkError::ResponseError(_)) {
                failure.code.get_or_insert_with(|| INVALID.to_owned());
            }
            failure
        })
    };
    time.call(call).await
}

/// The code of an invalid answer.
const INVALID: &str = "InvalidAnswer";

/// The failure of an invalid answer.
pub(crate) fn invalid(message: &str) -> CallFailure {
    failure(INVALID, message)
}

/// A failure that this function detects itself.
pub(crate) fn failure(code: &str, message: &str) -> CallFailure {
    CallFailure { code: Some(code.to_owned()), message: message.to_owned() }
}

/// Whether a service rejected a call with this code.
pub(crate) fn is_code(failure: &CallFailure, code: &str) -> bool {
    failure.code.as_deref() == Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_where_a_page_repeats() {
        let mut pages = Pages::default();
        let token = |text: &str| Some(text.to_owned());
        assert_eq!(pages.next(token("a")), Ok(token("a")));
        assert_eq!((pages.next(None), pages.next(token(""))), (Ok(None), Ok(None)));
        assert!(is_code(&pages.next(token("a")).unwrap_err(), "InvalidAnswer"));
        for page in 1..MAX_PAGES {
            assert!(pages.next(Some(page.to_string())).is_ok());
        }
        assert!(is_code(&pages.next(token("b")).unwrap_err(), "TooMany"));
    }
}
