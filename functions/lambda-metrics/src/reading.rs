//! Reading metrics: all queries, in calls of 500, with all their pages; and what is not whole.

use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use shared::aws::CallFailure;
use tokio::time::Instant;

use crate::failures::{Failures, wrong};
use crate::inventory::in_time;
use crate::query::{MAX_QUERIES, Measure, Query};
use crate::services::{DataPage, Services};
use crate::window::Window;

const OPERATION: &str = "GetMetricData";

/// So many calls at the same time.
const CALLS_AT_ONCE: usize = 4;

/// An answer of 500 queries and 16 periods fits one page of 100,800 values (source: Amazon
/// CloudWatch API reference, `GetMetricData`).
const MAX_PAGES: usize = 100;

/// What CloudWatch told of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// By the period's start, in milliseconds since 1970.
    pub by_period: BTreeMap<u64, f64>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl Points {
    /// Whether there is a value above zero.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.by_period.values().any(|&value| value > 0.0)
    }

    /// With what is known of other aliases of the function.
    fn united(mut self, known: Option<Self>, measure: Measure) -> Self {
        let Some(known) = known else { return self };
        self.is_whole &= known.is_whole;
        for (period, other) in known.by_period {
            let value = self.by_period.get(&period).map(|&value| measure.united(value, other));
            self.by_period.insert(period, value.unwrap_or(other));
        }
        self
    }
}

/// What was read in a run.
#[derive(Debug, Default)]
pub struct Reading {
    functions: HashMap<String, [Option<Points>; Measure::ALL.len()]>,
    account: Option<Points>,
    /// How many metrics were asked for: this is what costs.
    pub asked: usize,
}

impl Reading {
    /// What is known of a function's metric, if it was asked for.
    #[must_use]
    pub fn of(&self, function: &str, measure: Measure) -> Option<&Points> {
        self.functions.get(function)?[measure as usize].as_ref()
    }

    /// What is known of `ClaimedAccountConcurrency`.
    #[must_use]
    pub const fn account(&self) -> Option<&Points> {
        self.account.as_ref()
    }

    /// Asks for these metrics until a time, and adds what comes.
    pub async fn ask(
        &mut self,
        services: &impl Services,
        queries: &[Query<'_>],
        window: Window,
        until: Instant,
        failures: &mut Failures,
    ) {
        let calls: Vec<_> =
            queries
                .chunks(MAX_QUERIES)
                .map(|queries| async move {
                    (queries, Call::read(services, queries, window, until).await)
                })
                .collect();
        let mut calls = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE);
        while let Some((queries, call)) = calls.next().await {
            self.asked += queries.len();
            call.tell(queries, failures);
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
                    function[measure as usize] = Some(points.united(known, measure));
                }
            }
        }
    }
}

/// What became of one call, over all its pages.
struct Call {
    points: Vec<Points>,
    /// The last status of each query, and what was said of it.
    statuses: Vec<Option<(String, String)>>,
    failure: Option<CallFailure>,
}

impl Call {
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
        Self { failure: Some(wrong("EndlessPages", "the answer does not end")), ..call }
    }

    /// Takes what a page holds; gives the way to the next.
    fn take(&mut self, page: DataPage, window: Window) -> Option<String> {
        for message in page.messages.iter().take(10) {
            tracing::warn!(message = &**message, "CloudWatch says");
        }
        for series in page.series {
            let place = Query::place(&series.id).filter(|&place| place < self.points.len());
            let Some(place) = place else {
                tracing::warn!(id = series.id, "CloudWatch tells what it was not asked");
                continue;
            };
            let points = &mut self.points[place];
            for (time_ms, value) in series.points {
                // CloudWatch has no other; whatever sends one, JSON could not tell it.
                let is_value = value.is_finite() && value >= 0.0;
                if let Some(period) = window.period(time_ms).filter(|_| is_value) {
                    points.by_period.insert(period, value);
                }
            }
            let status = series.status.unwrap_or_else(|| "Complete".to_owned());
            points.is_whole = status == "Complete";
            self.statuses[place] = Some((status, series.messages.join("; ")));
        }
        page.next
    }

    /// Tells what could not be read.
    fn tell(&self, queries: &[Query<'_>], failures: &mut Failures) {
        if let Some(failure) = &self.failure {
            let unread = queries.iter().zip(&self.points).filter(|(_, points)| !points.is_whole);
            let mut unread = unread.map(|(query, _)| query);
            let what = match unread.next() {
                Some(first) => format!("{first} and {} others", unread.count()),
                // The answer told of each, and did not end.
                None => "all metrics".to_owned(),
            };
            failures.add(OPERATION, failure, &what);
            return;
        }
        for (query, status) in queries.iter().zip(&self.statuses) {
            let failure = match status {
                Some((status, _)) if status == "Complete" => continue,
                Some((status, message)) => wrong(status, message),
                None => wrong("Missing", "the answer does not tell of this metric"),
            };
            failures.add(OPERATION, &failure, &query.to_string());
        }
    }
}
