//! Reads metrics in calls of 500 queries, with all pages, and finds incomplete results.

use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use shared::aws::CallFailure;
use shared::text::shown;
use tokio::time::Instant;

use crate::failures::{Failures, failure, in_time};
use crate::query::{MAX_QUERIES, Measure, Query};
use crate::services::{DataPage, Services};
use crate::window::Window;

const OPERATION: &str = "GetMetricData";

/// Maximum concurrent calls.
const CONCURRENT_CALLS: usize = 4;

/// Maximum number of pages: 500 queries of 16 periods fit in one page of 100,800 values (source:
/// Amazon CloudWatch API reference, `GetMetricData`).
const MAX_PAGES: usize = 100;

/// The values of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Points {
    /// By the start of the period, in milliseconds since 1970.
    pub(crate) by_period: BTreeMap<u64, f64>,
    pub(crate) is_complete: bool,
}

impl Points {
    /// Whether there is a value above zero.
    pub(crate) fn has_any(&self) -> bool {
        self.by_period.values().any(|&value| value > 0.0)
    }

    /// Combines them with those of other aliases of the function.
    fn combined(mut self, known: Option<Self>, measure: Measure) -> Self {
        let Some(known) = known else { return self };
        self.is_complete &= known.is_complete;
        for (period, other) in known.by_period {
            let value = self.by_period.get(&period).map(|&value| measure.combined(value, other));
            self.by_period.insert(period, value.unwrap_or(other));
        }
        self
    }
}

/// The metrics that a run read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    functions: HashMap<String, [Option<Points>; Measure::ALL.len()]>,
    account: Option<Points>,
    pub(crate) requested: usize,
}

impl Reading {
    /// A function's metric, if it was requested.
    pub(crate) fn of(&self, function: &str, measure: Measure) -> Option<&Points> {
        self.functions.get(function)?[measure as usize].as_ref()
    }

    /// `ClaimedAccountConcurrency`, if it was requested.
    pub(crate) const fn account(&self) -> Option<&Points> {
        self.account.as_ref()
    }

    /// Requests these metrics until a time, and adds the results.
    pub(crate) async fn request(
        &mut self,
        services: &impl Services,
        queries: &[Query<'_>],
        window: Window,
        until: Instant,
        failures: &mut Failures,
    ) {
        let calls: Vec<_> = queries
            .chunks(MAX_QUERIES)
            .map(|queries| async move {
                (queries, MetricDataCall::read(services, queries, window, until).await)
            })
            .collect();
        let mut calls = stream::iter(calls).buffer_unordered(CONCURRENT_CALLS);
        while let Some((queries, call)) = calls.next().await {
            self.requested += queries.len();
            call.report(queries, failures);
            for (query, points) in queries.iter().zip(call.points) {
                self.add(query, points);
            }
        }
    }

    pub(crate) fn add(&mut self, query: &Query<'_>, points: Points) {
        match *query {
            Query::AccountConcurrency => self.account = Some(points),
            Query::Function { name, measure, .. } => {
                if !self.functions.contains_key(name) {
                    self.functions.insert(name.to_owned(), Default::default());
                }
                if let Some(function) = self.functions.get_mut(name) {
                    let known = function[measure as usize].take();
                    function[measure as usize] = Some(points.combined(known, measure));
                }
            }
        }
    }
}

/// The result of one call with all its pages.
struct MetricDataCall {
    points: Vec<Points>,
    statuses: Vec<Option<(String, String)>>,
    failure: Option<CallFailure>,
}

impl MetricDataCall {
    async fn read(
        services: &impl Services,
        queries: &[Query<'_>],
        window: Window,
        until: Instant,
    ) -> Self {
        let mut call = Self {
            points: vec![Points::default(); queries.len()],
            statuses: vec![None; queries.len()],
            failure: None,
        };
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let page = services.metric_data(queries, window, next.as_deref());
            match in_time(until, page).await {
                Ok(page) => {
                    let after = call.take(page, window);
                    if after.is_none() {
                        return call;
                    }
                    if after == next {
                        break;
                    }
                    next = after;
                }
                Err(failure) => return Self { failure: Some(failure), ..call },
            }
        }
        Self { failure: Some(failure("EndlessPages", "the pages do not end")), ..call }
    }

    /// Takes a page, and returns the token of the next one.
    fn take(&mut self, page: DataPage, window: Window) -> Option<String> {
        for message in page.messages.iter().take(10) {
            tracing::warn!(text = shown(message), "message from CloudWatch");
        }
        for series in page.series {
            let index = Query::index(&series.id).filter(|&index| index < self.points.len());
            let Some(index) = index else {
                tracing::warn!(
                    id = series.id,
                    "CloudWatch returned a metric that was not requested"
                );
                continue;
            };
            let points = &mut self.points[index];
            for (time_ms, value) in series.points {
                // Others cannot be counts, and JSON has no NaN.
                let is_value = value.is_finite() && value >= 0.0;
                if let Some(period) = window.period(time_ms).filter(|_| is_value) {
                    points.by_period.insert(period, value);
                }
            }
            let status = series.status.unwrap_or_else(|| "Complete".to_owned());
            points.is_complete = status == "Complete";
            self.statuses[index] = Some((status, series.messages.join("; ")));
        }
        page.next
    }

    /// Adds what could not be read to `failures`.
    fn report(&self, queries: &[Query<'_>], failures: &mut Failures) {
        if let Some(problem) = &self.failure {
            let unread = queries.iter().zip(&self.points).filter(|(_, points)| !points.is_complete);
            let mut unread = unread.map(|(query, _)| query);
            let what = match unread.next() {
                Some(first) => format!("{first} and {} others", unread.count()),
                // Each has a result, but the pages do not end.
                None => "all metrics".to_owned(),
            };
            failures.add(OPERATION, problem, &what);
            return;
        }
        for (query, status) in queries.iter().zip(&self.statuses) {
            let problem = match status {
                Some((status, _)) if status == "Complete" => continue,
                Some((status, message)) => failure(status, message),
                None => failure("Missing", "the response does not contain this metric"),
            };
            failures.add(OPERATION, &problem, &query.to_string());
        }
    }
}
