//! The interface to AWS, which tests also implement.
//!
//! Calls have no time limit: the caller drops them.

use shared::aws::CallFailure;

use crate::query::{Measure, Query};
use crate::watch::{Settings, Tag};
use crate::window::Window;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// The token of the next page, if one exists.
    pub next: Option<String>,
}

/// Maximum concurrent executions in the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// `ConcurrentExecutions`: of all functions.
    pub total: u32,
    /// `UnreservedConcurrentExecutions`: of the functions without reserved concurrency.
    pub unreserved: u32,
}

/// A function, alias or version that has a metric in CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// `FunctionName`: the function.
    pub function: String,
    /// `Resource`: an alias or version of it, such as `plays:live`; `None` is the whole function.
    pub resource: Option<String>,
}

/// The result of one query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The query's id.
    pub id: String,
    /// `StatusCode`
    pub status: Option<String>,
    /// Times, in milliseconds since 1970, and values, in any order.
    pub points: Vec<(u64, f64)>,
    /// Messages about this result.
    pub messages: Vec<String>,
}

/// A page of results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataPage {
    /// The results.
    pub series: Vec<Series>,
    /// The token of the next page, if one exists.
    pub next: Option<String>,
    /// Messages about the whole operation.
    pub messages: Vec<String>,
}

/// Lambda, the tagging service and CloudWatch. Errors are those of the service, or that it did not
/// respond.
pub trait Services {
    /// The functions of the account and region.
    fn functions(
        &self,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page<(String, Settings)>, CallFailure>>;

    /// The names of the functions with a tag.
    fn tagged(
        &self,
        tag: &Tag,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page<String>, CallFailure>>;

    /// The functions, aliases and versions that have a metric in CloudWatch.
    fn measured(
        &self,
        measure: Measure,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page<Measured>, CallFailure>>;

    /// The reserved concurrency of a function, if any.
    fn reserved_concurrency(
        &self,
        function: &str,
    ) -> impl Future<Output = Result<Option<u32>, CallFailure>>;

    /// The account's limits.
    fn account_limits(&self) -> impl Future<Output = Result<AccountLimits, CallFailure>>;

    /// The values of metrics, at most [`MAX_QUERIES`](crate::MAX_QUERIES) of them.
    fn metric_data(
        &self,
        queries: &[Query<'_>],
        window: Window,
        page: Option<&str>,
    ) -> impl Future<Output = Result<DataPage, CallFailure>>;
}
