//! The way to AWS: small, so that tests put another in its place.
//!
//! No call has a time limit of its own: who calls drops it when the time is up.

use shared::aws::CallFailure;

use crate::query::{Measure, Query};
use crate::watch::{Settings, Tag};
use crate::window::Window;

/// A page of a list, and how the next one is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// How to ask for the next page, if there is one.
    pub next: Option<String>,
}

/// How much of the account can run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// `ConcurrentExecutions`: all functions together.
    pub total: u32,
    /// `UnreservedConcurrentExecutions`: what no function has for itself.
    pub unreserved: u32,
}

/// What has a metric of its own in CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// `FunctionName`: the function.
    pub function: String,
    /// `Resource`: an alias or version of it, such as `plays:live`; the function as a whole where
    /// there is none.
    pub resource: Option<String>,
}

/// What CloudWatch answers to one query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The query's id.
    pub id: String,
    /// `StatusCode`
    pub status: Option<String>,
    /// Times, in milliseconds since 1970, and values, in any order.
    pub points: Vec<(u64, f64)>,
    /// What CloudWatch says of it.
    pub messages: Vec<String>,
}

/// A page of what CloudWatch answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataPage {
    /// One for each query that it has something of.
    pub series: Vec<Series>,
    /// How to ask for the next page, if there is one.
    pub next: Option<String>,
    /// What CloudWatch says of all of it.
    pub messages: Vec<String>,
}

/// Lambda, the tagging service and CloudWatch.
pub trait Services {
    /// The functions of the account and region.
    ///
    /// # Errors
    /// What the service says, or that it says nothing.
    fn functions(
        &self,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page<(String, Settings)>, CallFailure>>;

    /// The names of the functions with a tag.
    ///
    /// # Errors
    /// As [`functions`](Self::functions).
    fn tagged(
        &self,
        tag: &Tag,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page<String>, CallFailure>>;

    /// What CloudWatch has a metric of.
    ///
    /// # Errors
    /// As [`functions`](Self::functions).
    fn measured(
        &self,
        measure: Measure,
        page: Option<&str>,
    ) -> impl Future<Output = Result<Page<Measured>, CallFailure>>;

    /// How much concurrency a function has for itself, if any.
    ///
    /// # Errors
    /// As [`functions`](Self::functions).
    fn reserved_concurrency(
        &self,
        function: &str,
    ) -> impl Future<Output = Result<Option<u32>, CallFailure>>;

    /// The account's limits.
    ///
    /// # Errors
    /// As [`functions`](Self::functions).
    fn account_limits(&self) -> impl Future<Output = Result<AccountLimits, CallFailure>>;

    /// The values of metrics, at most [`MAX_QUERIES`](crate::query::MAX_QUERIES) of them.
    ///
    /// # Errors
    /// As [`functions`](Self::functions).
    fn metric_data(
        &self,
        queries: &[Query<'_>],
        window: Window,
        page: Option<&str>,
    ) -> impl Future<Output = Result<DataPage, CallFailure>>;
}
