//! Sums and maxima of CloudWatch's metrics.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, StatusCode};
use jiff::{SignedDuration, Timestamp};
use shared::aws::CallFailure;

use crate::region::{Pages, Region, invalid};

/// Maximum queries in a call (source: Amazon CloudWatch API reference, `GetMetricData`).
const MAX_QUERIES: usize = 500;
/// A day: long periods keep the answer small.
const PERIOD_SECONDS: i32 = 86_400;

/// A metric of a resource in CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) namespace: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) statistic: &'static str,
    pub(crate) dimension: &'static str,
    pub(crate) resource: String,
}

/// The values of a metric, one for each period that CloudWatch returned.
pub(crate) type Values = Result<Vec<f64>, CallFailure>;

/// Days that start at midnight, so that each period is complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// The last `days` until now, extended to the start of the first day.
    pub(crate) fn new(now: Timestamp, days: i64) -> Self {
        let start = now.checked_sub(SignedDuration::from_hours(24 * days));
        Self::since(start.unwrap_or(now), now)
    }

    /// From the day of `start` until now.
    pub(crate) fn since(start: Timestamp, now: Timestamp) -> Self {
        let seconds = start.as_second();
        let midnight = Timestamp::from_second(seconds - seconds.rem_euclid(86_400));
        Self { start: midnight.unwrap_or(start), end: now }
    }
}

/// Reads the values of all queries, in their order. A metric with incomplete values is a failure,
/// which does not affect others.
pub(crate) async fn read(region: &Region, queries: &[Query], window: Window) -> Vec<Values> {
    let mut all = Vec::new();
    for chunk in queries.chunks(MAX_QUERIES) {
        all.extend(read_chunk(region, chunk, window).await);
    }
    all
}

/// The values read so far for one query.
#[derive(Default)]
struct Series {
    values: Vec<f64>,
    status: Option<StatusCode>,
}

async fn read_chunk(region: &Region, queries: &[Query], window: Window) -> Vec<Values> {
    let mut series: BTreeMap<String, Series> = BTreeMap::new();
    let mut failure = None;
    let mut token = None;
    let mut pages = Pages::default();
    loop {
        let call = region
            .cloudwatch()
            .get_metric_data()
            .set_metric_data_queries(Some(
                queries
                    .iter()
                    .enumerate()
                    .map(|(index, query)| metric_query(index, query))
                    .collect(),
            ))
            .start_time(DateTime::from_secs(window.start.as_second()))
            .end_time(DateTime::from_secs(window.end.as_second()))
            .set_next_token(token.take());
        let response = match region.sent("GetMetricData", call.send()).await {
            Ok(response) => response,
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        for result in response.metric_data_results.unwrap_or_default() {
            let series = series.entry(result.id.unwrap_or_default()).or_default();
            series.values.extend(result.values.unwrap_or_default());
            series.status = result.status_code;
        }
        match pages.next(response.next_token) {
            Ok(None) => break,
            Ok(next) => token = next,
            Err(error) => {
                // Such an answer is meaningless.
                series.clear();
                failure = Some(error);
                break;
            }
        }
    }
    let is_odd = |values: &[f64]| values.iter().any(|value| !value.is_finite() || *value < 0.0);
    let values = |index: usize| match series.remove(&id(index)) {
        Some(Series { values, .. }) if is_odd(&values) => {
            Err(invalid("a value of a metric is not a count"))
        }
        Some(Series { values, status: Some(StatusCode::Complete) }) => Ok(values),
        Some(Series { status: Some(status), .. }) if failure.is_none() => Err(CallFailure {
            code: Some(status.as_str().to_owned()),
            message: "the values are not complete".to_owned(),
        }),
        _ => Err(failure.clone().unwrap_or_else(|| invalid("a metric is missing in the answer"))),
    };
    (0..queries.len()).map(values).collect()
}

fn id(index: usize) -> String {
    format!("m{index}")
}

fn metric_query(index: usize, query: &Query) -> MetricDataQuery {
    let dimension = Dimension::builder().name(query.dimension).value(&query.resource).build();
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.metric)
        .dimensions(dimension)
        .build();
    let stat =
        MetricStat::builder().metric(metric).period(PERIOD_SECONDS).stat(query.statistic).build();
    MetricDataQuery::builder().id(id(index)).metric_stat(stat).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_starts_at_midnight() {
        let window = Window::new("2026-11-28T23:59:59Z".parse().unwrap(), 14);
        assert_eq!(window.start.to_string(), "2026-11-14T00:00:00Z");
        assert_eq!(window.end.to_string(), "2026-11-28T23:59:59Z");
    }
}
