//! The clients of one region, and lists as they are read.

use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_s3 as s3;
use cloudwatch::config::retry::RetryConfig;
use cloudwatch::error::{ProvideErrorMetadata, SdkError};
use shared::aws::query::{
    EC2, ELASTIC_LOAD_BALANCING_V2, Element, Parameters, QueryApi, QueryClient, QueryError, RDS,
};
use shared::aws::{Aws, CallFailure, Service};
use shared::cost::CallTime;
use shared::s3::S3;

/// CloudWatch, in `AWS_ENDPOINT_URL_CLOUDWATCH`.
pub(crate) const CLOUDWATCH: Service = "CLOUDWATCH";
/// CloudWatch Logs, in `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`.
pub(crate) const LOGS: Service = "CLOUDWATCH_LOGS";

/// Maximum number of resources of a kind that are read in a region.
const MAX_RESOURCES: usize = 10_000;

/// 5xx and throttling are tried three times.
const ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The services of a region. Each client is built at its first call.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) time: CallTime,
    aws: Aws,
    cloudwatch: OnceLock<cloudwatch::Client>,
    logs: OnceLock<logs::Client>,
    s3: OnceLock<s3::Client>,
}

/// A list as far as it could be read.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    /// Why items may be missing.
    pub(crate) failure: Option<CallFailure>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), failure: None }
    }
}

impl<T> List<T> {
    /// Whether a further page is to be read; there is none beyond [`MAX_RESOURCES`].
    pub(crate) fn continues(&mut self, has_next: bool) -> bool {
        let has_more = self.items.len() == MAX_RESOURCES && has_next;
        if self.items.len() > MAX_RESOURCES || has_more {
            self.items.truncate(MAX_RESOURCES);
            self.failure = Some(too_many());
        }
        has_next && self.failure.is_none()
    }

    /// Whether something was read.
    pub(crate) fn is_read(&self) -> bool {
        self.failure.is_none() || !self.items.is_empty()
    }
}

impl Region {
    pub(crate) fn new(name: &str, aws: &Aws, time: CallTime) -> Self {
        let mut aws = aws.clone();
        aws.region = Some(name.to_owned());
        let (cloudwatch, logs, s3) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { name: name.to_owned(), time, aws, cloudwatch, logs, s3 }
    }

    fn query(&self, api: QueryApi) -> QueryClient {
        QueryClient::new(api, &self.aws)
    }

    /// Calls an operation of a service that speaks the Query protocol.
    pub(crate) async fn call(
        &self,
        api: QueryApi,
        action: &str,
        parameters: Parameters,
    ) -> Result<Element, CallFailure> {
        let called = self.query(api).call(action, &parameters, self.time.until).await;
        called.map_err(failure)
    }

    /// The result of a call with an SDK.
    pub(crate) async fn sent<T, E>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, CallFailure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // Boxed: the SDK's state is large.
        let call = Box::pin(call);
        self.time.call(async { call.await.map_err(|error| CallFailure::from(&error)) }).await
    }

    /// Lists with an operation of EC2.
    pub(crate) async fn ec2<T>(
        &self,
        action: &str,
        parameters: Parameters,
        path: &[&str],
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        self.list(EC2, action, parameters, path, read).await
    }

    /// Lists with an operation of RDS.
    pub(crate) async fn rds<T>(
        &self,
        action: &str,
        path: &[&str],
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        // The largest page (source: Amazon RDS API reference, `DescribeDBInstances`).
        let parameters = Parameters::new().with("MaxRecords", "100");
        self.list(RDS, action, parameters, path, read).await
    }

    /// Lists with an operation of Elastic Load Balancing.
    pub(crate) async fn balancing<T>(
        &self,
        action: &str,
        parameters: Parameters,
        path: &[&str],
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        self.list(ELASTIC_LOAD_BALANCING_V2, action, parameters, path, read).await
    }

    async fn list<T>(
        &self,
        api: QueryApi,
        action: &str,
        parameters: Parameters,
        path: &[&str],
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        let listed = self.query(api).list(action, &parameters, path, self.time.until).await;
        let total = listed.items.len();
        let items: Vec<_> = listed.items.iter().filter_map(read).collect();
        let odd = (items.len() < total)
            .then(|| invalid("an item of the list lacks its id or what its cost depends on"));
        List { items, failure: listed.failure.map(failure).or(odd) }
    }

    pub(crate) fn cloudwatch(&self) -> &cloudwatch::Client {
        let config = || self.aws.sdk_config(CLOUDWATCH, retry());
        self.cloudwatch.get_or_init(|| cloudwatch::Client::new(&config()))
    }

    pub(crate) fn logs(&self) -> &logs::Client {
        let config = || self.aws.sdk_config(LOGS, retry());
        self.logs.get_or_init(|| logs::Client::new(&config()))
    }

    pub(crate) fn s3(&self) -> &s3::Client {
        self.s3.get_or_init(|| {
            let config = s3::config::Builder::from(&self.aws.sdk_config(S3, retry()));
            // Elsewhere than at S3 itself, buckets have no host of their own.
            let path_style = self.aws.endpoint(S3).is_some();
            s3::Client::from_conf(config.force_path_style(path_style).build())
        })
    }
}

fn retry() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_WAIT)
}

/// The failure of a call in the Query protocol.
pub(crate) fn failure(error: QueryError) -> CallFailure {
    CallFailure { code: Some(error.code), message: error.message }
}

/// An answer that makes no sense.
pub(crate) fn invalid(message: &str) -> CallFailure {
    CallFailure { code: Some("InvalidAnswer".to_owned()), message: message.to_owned() }
}

/// More than [`MAX_RESOURCES`].
fn too_many() -> CallFailure {
    let message = format!("only the first {MAX_RESOURCES} are read");
    CallFailure { code: Some("TooMany".to_owned()), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_at_ten_thousand() {
        for (items, has_next, continues, code) in [
            (9_999, true, true, None),
            (9_999, false, false, None),
            (10_000, false, false, None),
            (10_000, true, false, Some("TooMany")),
            (10_001, false, false, Some("TooMany")),
        ] {
            let mut list = List { items: vec![(); items], failure: None };
            assert_eq!(list.continues(has_next), continues, "{items}");
            assert_eq!(list.items.len(), items.min(10_000));
            let failure = list.failure.and_then(|failure| failure.code);
            assert_eq!(failure.as_deref(), code, "{items}");
        }
    }
}
