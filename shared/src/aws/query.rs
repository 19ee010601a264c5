//! Calls services that use the Query protocol, without their SDKs.
//!
//! The functions call a dozen of the 700 operations of EC2. Its SDK (`aws-sdk-ec2` 1.274) is 88 MB
//! of source: a debug build of it alone, at low priority on two busy cores, was not finished after
//! six minutes.
//!
//! Sources: "AWS Query protocol" and "Amazon EC2 Query protocol", Smithy; "Making API requests using
//! Query requests", Amazon EC2 Developer Guide; "Error retries", AWS SDKs and Tools Reference Guide.

mod element;
mod error;
mod parameters;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use tokio::time::{Instant, sleep, timeout};

use super::{Aws, Connections, Service, Signer};

pub use element::Element;
pub use error::{ErrorKind, QueryError};
pub use parameters::Parameters;

/// Maximum time that one request waits for its answer; a third of the remaining time if that is
/// less.
const MAX_ATTEMPT: Duration = Duration::from_secs(10);
/// Waits before the second and the third attempt, after throttling and 5xx.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Maximum number of items of a list.
pub const MAX_ITEMS: usize = 10_000;
/// Maximum number of pages of a list. A filter leaves pages with few items, or none.
const MAX_PAGES: usize = 1_000;

/// A service that uses the Query protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryApi {
    /// The service's name in `AWS_ENDPOINT_URL_…`.
    pub service: Service,
    /// The service's name in signatures and host names.
    name: &'static str,
    version: &'static str,
    /// The parameter of a request that names the next page.
    token_parameter: &'static str,
    /// The element of a response that names the next page.
    token_element: &'static str,
}

/// Amazon EC2.
pub const EC2: QueryApi = QueryApi {
    service: "EC2",
    name: "ec2",
    version: "2016-11-15",
    token_parameter: "NextToken",
    token_element: "nextToken",
};

/// Amazon RDS.
pub const RDS: QueryApi = QueryApi {
    service: "RDS",
    name: "rds",
    version: "2014-10-31",
    token_parameter: "Marker",
    token_element: "Marker",
};

/// Elastic Load Balancing, version 2: application, network and gateway load balancers.
pub const ELASTIC_LOAD_BALANCING_V2: QueryApi = QueryApi {
    service: "ELASTIC_LOAD_BALANCING_V2",
    name: "elasticloadbalancing",
    version: "2015-12-01",
    token_parameter: "Marker",
    token_element: "NextMarker",
};

/// The items of a list, as far as they could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The items of all pages before the failure.
    pub items: Vec<Element>,
    /// Why the list is incomplete.
    pub failure: Option<QueryError>,
}

/// Calls one service in one region.
#[derive(Clone, Debug)]
pub struct QueryClient {
    api: QueryApi,
    aws: Aws,
    region: String,
    /// Ends with a slash.
    url: String,
    connections: Connections,
}

impl QueryClient {
    /// Creates a client of `api` in the region of `aws`, without opening a connection.
    #[must_use]
    pub fn new(api: QueryApi, aws: &Aws) -> Self {
        Self::in_region(api, aws, aws.region.as_deref().unwrap_or("us-east-1"))
    }

    /// Creates a client of `api` in another region. An endpoint from the environment is used for
    /// all regions.
    #[must_use]
    pub fn in_region(api: QueryApi, aws: &Aws, region: &str) -> Self {
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let url = aws.endpoint(api.service).map_or_else(
            || format!("https://{}.{region}.amazonaws.com{suffix}", api.name),
            |endpoint| endpoint.trim_end_matches('/').to_owned(),
        );
        Self {
            api,
            aws: aws.clone(),
            region: region.to_owned(),
            url: format!("{url}/"),
            connections: Connections::default(),
        }
    }

    /// The region that it calls.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Calls an operation and returns its result. After throttling and 5xx, it is tried up to three
    /// times, until `until`; a request without an answer is not repeated.
    ///
    /// # Errors
    /// [`QueryError`] with the service's code and message, or why there is no answer.
    pub async fn call(
        &self,
        action: &str,
        parameters: &Parameters,
        until: Instant,
    ) -> Result<Element, QueryError> {
        let (mut waits, mut may_be_done) = (WAITS.into_iter(), false);
        loop {
            let attempt = self.attempt(&self.connections, action, parameters, until).await;
            let Err(error) = attempt else { return attempt };
            let is_temporary = error.kind == ErrorKind::Temporary;
            match waits.next().filter(|wait| is_temporary && Instant::now() + *wait < until) {
                Some(wait) => sleep(wait).await,
                None => return Err(QueryError { may_be_done, ..error }),
            }
            may_be_done |= !error.is_throttled();
        }
    }

    /// Reads all pages of a list, up to [`MAX_ITEMS`]: `path` names the elements that lead to the
    /// items, such as `reservationSet`, `instancesSet` for the instances of all reservations.
    pub async fn list(
        &self,
        action: &str,
        parameters: &Parameters,
        path: &[&str],
        until: Instant,
    ) -> Listed {
        let mut listed = Listed::default();
        let mut parameters = parameters.clone();
        let mut tokens = BTreeSet::new();
        loop {
            let result = match self.call(action, &parameters, until).await {
                Ok(result) => result,
                Err(error) => return Listed { failure: Some(error), ..listed },
            };
            let (items, is_complete) = result.items(path);
            listed.items.extend(items.into_iter().cloned());
            let token = result.text(self.api.token_element).map(str::to_owned);
            let is_over = listed.items.len() > MAX_ITEMS || tokens.len() >= MAX_PAGES;
            listed.items.truncate(MAX_ITEMS);
            let error = match token {
                _ if is_over => QueryError::new("TooMany", "the list has more than 10,000 items"),
                _ if !is_complete => QueryError::invalid("the answer has no list"),
                None => return listed,
                Some(token) if tokens.insert(token.clone()) => {
                    parameters = parameters.with(self.api.token_parameter, token);
                    continue;
                }
                Some(_) => QueryError::invalid("the service returns the same page again"),
            };
            return Listed { failure: Some(error), ..listed };
        }
    }

    /// Calls an operation with one attempt, for operations that must not run twice. It uses a new
    /// connection: on one that was used before, a request that breaks off is sent again.
    ///
    /// # Errors
    /// As [`QueryClient::call`].
    pub async fn call_once(
        &self,
        action: &str,
        parameters: &Parameters,
        until: Instant,
    ) -> Result<Element, QueryError> {
        self.attempt(&Connections::default(), action, parameters, until).await
    }

    async fn attempt(
        &self,
        connections: &Connections,
        action: &str,
        parameters: &Parameters,
        until: Instant,
    ) -> Result<Element, QueryError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(QueryError::new("Deadline", "no time is left"));
        }
        let request = self.request(action, parameters)?;
        let limit = MAX_ATTEMPT.min(left / 3);
        let answer = timeout(limit, connections.exchange(request)).await;
        let answer = answer.map_err(|_| QueryError::new("Timeout", "no answer in time"))?;
        let answer = answer.map_err(|error| QueryError::no_answer(&error.to_string()))?;
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        let root = Element::parse(text);
        if !(200..300).contains(&answer.status) {
            return Err(QueryError::of_answer(answer.status, root.as_ref()));
        }
        let root = root.filter(|root| root.name().strip_suffix("Response") == Some(action));
        let result = match root {
            // EC2's protocol does not wrap the result in an element.
            Some(root) if self.api == EC2 => Some(root),
            // Operations without a result do not have this element.
            Some(root) => Some(root.child(&format!("{action}Result")).cloned().unwrap_or_default()),
            None => None,
        };
        result.ok_or_else(|| QueryError::invalid("the answer is not one of this operation"))
    }

    fn request(&self, action: &str, parameters: &Parameters) -> Result<Request<Bytes>, QueryError> {
        let invalid = |error: &dyn std::fmt::Display| QueryError::no_answer(&error.to_string());
        let mut request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
            .body(Bytes::from(parameters.form(action, self.api.version)))
            .map_err(|error| invalid(&error))?;
        if let Some(credentials) = self.aws.credentials.clone() {
            let signer =
                Signer { service: self.api.name, region: self.region.clone(), credentials };
            signer.sign(&mut request, SystemTime::now()).map_err(|error| invalid(&error))?;
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_host() {
        let url = |api, variables: &[(&str, &str)], region| {
            let environment = variables.iter().copied().collect();
            let aws = Aws::from_environment(&environment, &[EC2.service, RDS.service]);
            QueryClient::in_region(api, &aws, region).url
        };
        assert_eq!(url(EC2, &[], "eu-west-1"), "https://ec2.eu-west-1.amazonaws.com/");
        assert_eq!(url(RDS, &[], "cn-north-1"), "https://rds.cn-north-1.amazonaws.com.cn/");
        let balancing = url(ELASTIC_LOAD_BALANCING_V2, &[], "us-gov-west-1");
        assert_eq!(balancing, "https://elasticloadbalancing.us-gov-west-1.amazonaws.com/");
        let own = [("AWS_ENDPOINT_URL", "http://all/"), ("AWS_ENDPOINT_URL_RDS", "http://rds")];
        assert_eq!(url(EC2, &own, "eu-west-1"), "http://all/");
        assert_eq!(url(RDS, &own, "eu-west-1"), "http://rds/");
    }
}
