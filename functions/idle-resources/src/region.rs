//! The clients of one region, and reading lists.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_s3 as s3;
use cloudwatch::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use cloudwatch::error::{ProvideErrorMetadata, SdkError};
use shared::aws::query::{
    EC2, ELASTIC_LOAD_BALANCING_V2, Element, ErrorKind, Listed, Parameters, QueryApi, QueryClient,
    RDS,
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

/// Maximum number of pages of a list.
const MAX_PAGES: usize = 1_000;

/// Maximum number of attempts, after 5xx and throttling.
const ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The code of a call that hung.
const TIMEOUT: &str = "Timeout";

/// The services of a region. Each client is built for its first call.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) time: CallTime,
    aws: Aws,
    /// Operations that hung: they are not called again.
    hung: Mutex<BTreeSet<String>>,
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
    /// Whether to read another page; none is read beyond [`MAX_RESOURCES`].
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

/// The tokens of the pages of a list.
#[derive(Debug, Default)]
pub(crate) struct Pages(BTreeSet<String>);

impl Pages {
    /// The token of the next page, if there is one.
    ///
    /// # Errors
    /// If it is that of an earlier page, or there are too many.
    pub(crate) fn next(&mut self, token: Option<String>) -> Result<Option<String>, CallFailure> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        let is_new = self.0.len() < MAX_PAGES && self.0.insert(token.clone());
        if is_new { Ok(Some(token)) } else { Err(invalid("the pages of the list do not end")) }
    }
}

/// Removes items that are on two pages of a list because they moved while it was read.
pub(crate) fn deduplicate<T>(items: &mut Vec<T>, id: impl Fn(&T) -> Option<&str>) {
    let mut seen = BTreeSet::new();
    items.retain(|item| id(item).is_none_or(|id| seen.insert(id.to_owned())));
}

impl Region {
    pub(crate) fn new(name: &str, aws: &Aws, time: CallTime) -> Self {
        let mut aws = aws.clone();
        aws.region = Some(name.to_owned());
        let (cloudwatch, logs, s3) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let hung = Mutex::default();
        Self { name: name.to_owned(), time, aws, hung, cloudwatch, logs, s3 }
    }

    fn query(&self, api: QueryApi) -> QueryClient {
        QueryClient::new(api, &self.aws)
    }

    /// Calls an operation of a service that uses the Query protocol.
    pub(crate) async fn call(
        &self,
        api: QueryApi,
        action: &str,
        parameters: Parameters,
    ) -> Result<Element, CallFailure> {
        self.unless_hung(action, async {
            let called = self.query(api).call(action, &parameters, self.time.until).await;
            called.map_err(CallFailure::from)
        })
        .await
    }

    /// Calls an operation of EC2 once, because it must not run twice. Also returns whether EC2
    /// throttled or failed, so that a later attempt may succeed.
    pub(crate) async fn ec2_once(
        &self,
        action: &str,
        parameters: &Parameters,
    ) -> (Result<Element, CallFailure>, bool) {
        let mut is_temporary = false;
        let called = self.unless_hung(action, async {
            let called = self.query(EC2).call_once(action, parameters, self.time.until).await;
            is_temporary = matches!(&called, Err(error) if error.kind == ErrorKind::Temporary);
            called.map_err(CallFailure::from)
        });
        let called = called.await;
        (called, is_temporary)
    }

    /// Makes a call, unless one of this operation hung before: waiting for each of thousands of
    /// resources would take too long.
    async fn unless_hung<T>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<T, CallFailure>>,
    ) -> Result<T, CallFailure> {
        let hung = || self.hung.lock().unwrap_or_else(PoisonError::into_inner);
        if hung().contains(operation) {
            let message = format!("{operation} hung before");
            return Err(CallFailure { code: Some(TIMEOUT.to_owned()), message });
        }
        let result = call.await;
        if matches!(&result, Err(failure) if failure.code.as_deref() == Some(TIMEOUT)) {
            hung().insert(operation.to_owned());
        }
        result
    }

    /// Returns the result of an operation that is called with an SDK.
    pub(crate) async fn sent<T, E>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, CallFailure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // Boxed: the SDK's state is large.
        let call = Box::pin(call);
        let call = async { call.await.map_err(|error| CallFailure::from(&error)) };
        self.unless_hung(operation, self.time.call(call)).await
    }

    /// Lists with an operation of EC2.
    pub(crate) async fn ec2<T>(
        &self,
        action: &str,
        parameters: Parameters,
        path: &[&str],
        id: &str,
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        self.list(EC2, action, parameters, (path, id), read).await
    }

    /// Lists with an operation of RDS.
    pub(crate) async fn rds<T>(
        &self,
        action: &str,
        path: &[&str],
        id: &str,
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        // The largest page (source: Amazon RDS API reference, `DescribeDBInstances`).
        let parameters = Parameters::new().with("MaxRecords", "100");
        self.list(RDS, action, parameters, (path, id), read).await
    }

    /// Lists with an operation of Elastic Load Balancing.
    pub(crate) async fn balancing<T>(
        &self,
        action: &str,
        parameters: Parameters,
        path: &[&str],
        id: &str,
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        self.list(ELASTIC_LOAD_BALANCING_V2, action, parameters, (path, id), read).await
    }

    /// `path` leads to the items, and `id` names their ids.
    async fn list<T>(
        &self,
        api: QueryApi,
        action: &str,
        parameters: Parameters,
        (path, id): (&[&str], &str),
        read: fn(&Element) -> Option<T>,
    ) -> List<T> {
        let mut listed = Listed::default();
        let called = self.unless_hung(action, async {
            listed = self.query(api).list(action, &parameters, path, self.time.until).await;
            listed.failure.take().map_or(Ok(()), |error| Err(CallFailure::from(error)))
        });
        let failure = called.await.err();
        deduplicate(&mut listed.items, |item| item.text(id));
        let total = listed.items.len();
        let items: Vec<_> = listed.items.iter().filter_map(read).collect();
        let odd = (items.len() < total)
            .then(|| invalid("an item of the list lacks its id or what its cost depends on"));
        List { items, failure: failure.or(odd) }
    }

    pub(crate) fn cloudwatch(&self) -> &cloudwatch::Client {
        self.cloudwatch.get_or_init(|| {
            let config =
                cloudwatch::config::Builder::from(&self.aws.sdk_config(CLOUDWATCH, retry()));
            cloudwatch::Client::from_conf(config.retry_partition(unlimited()).build())
        })
    }

    pub(crate) fn logs(&self) -> &logs::Client {
        self.logs.get_or_init(|| {
            let config = logs::config::Builder::from(&self.aws.sdk_config(LOGS, retry()));
            logs::Client::from_conf(config.retry_partition(unlimited()).build())
        })
    }

    pub(crate) fn s3(&self) -> &s3::Client {
        self.s3.get_or_init(|| {
            let config = s3::config::Builder::from(&self.aws.sdk_config(S3, retry()));
            // At other endpoints than S3 itself, buckets have no host names.
            let path_style = self.aws.endpoint(S3).is_some();
            let config = config.retry_partition(unlimited()).force_path_style(path_style);
            s3::Client::from_conf(config.build())
        })
    }
}

fn retry() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_WAIT)
}

/// Retries without the quota that the SDK shares among all clients of the process: one failing
/// operation would use it up for the others.
fn unlimited() -> RetryPartition {
    RetryPartition::custom("idle-resources").token_bucket(TokenBucket::unlimited()).build()
}

/// The failure for an invalid answer.
pub(crate) fn invalid(message: &str) -> CallFailure {
    CallFailure { code: Some("InvalidAnswer".to_owned()), message: message.to_owned() }
}

/// Whether a service does not know a resource any more: it was deleted after it was listed.
pub(crate) fn is_gone(failure: &CallFailure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    code.contains("NotFound") || ["InvalidAMIID.Unavailable", "NoSuchBucket"].contains(&code)
}

/// What to ask for if a resource of a chunk is gone: each alone, or nothing if it was alone.
pub(crate) fn each_alone<T>(chunk: &[T]) -> impl Iterator<Item = &[T]> {
    chunk.chunks(1).filter(|one| one.len() < chunk.len())
}

/// The failure for more than [`MAX_RESOURCES`].
fn too_many() -> CallFailure {
    let message = format!("only the first {MAX_RESOURCES} are read");
    CallFailure { code: Some("TooMany".to_owned()), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end() {
        let mut pages = Pages::default();
        let mut next = |token: &str| pages.next(Some(token.to_owned())).map_err(|error| error.code);
        assert_eq!(next("a"), Ok(Some("a".to_owned())));
        assert_eq!(next(""), Ok(None));
        assert_eq!(next("a"), Err(Some("InvalidAnswer".to_owned())));
        assert!((1..1_000).all(|number| next(&number.to_string()).is_ok()));
        assert!(next("b").is_err());
    }

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
