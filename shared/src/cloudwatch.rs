//! Reads from CloudWatch the metrics that a function emitted in earlier runs: its memory across
//! processes.
//!
//! Source: Amazon CloudWatch API reference, `GetMetricData`.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::Builder;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};

use crate::aws::{Aws, CallFailure, Service};

/// CloudWatch, in `AWS_ENDPOINT_URL_CLOUDWATCH`.
pub const CLOUDWATCH: Service = "CLOUDWATCH";

/// Maximum time that one request waits for its answer.
const MAX_ATTEMPT: Duration = Duration::from_secs(5);

/// Maximum number of queries in one call.
const MAX_QUERIES: usize = 500;

/// Maximum number of pages of one call: 500 metrics of 15 days have at most 108 pages of 100,800
/// values each.
const MAX_PAGES: usize = 120;

/// The shortest period, in seconds: CloudWatch keeps its values for 15 days.
const PERIOD_SECONDS: i32 = 60;

/// Times, in milliseconds since 1970, and values.
pub type Values = Vec<(u64, f64)>;

/// A metric with one dimension.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// `Namespace`
    pub namespace: &'a str,
    /// `MetricName`
    pub metric: &'a str,
    /// The name of its dimension.
    pub dimension: &'a str,
}

/// Reads metrics. The client is built for the first call.
#[derive(Debug)]
pub struct CloudWatch {
    aws: Aws,
    client: OnceLock<Client>,
}

impl CloudWatch {
    /// Makes no calls. `aws` must know the endpoint of [`CLOUDWATCH`].
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, client: OnceLock::new() }
    }

    /// Returns the maximum of each minute in `range_ms`, ascending, for each of these values of the
    /// dimension. It has no time limit.
    ///
    /// # Errors
    /// If a call fails or a result is incomplete: partial values are meaningless.
    pub async fn maxima(
        &self,
        query: Query<'_>,
        subjects: &[&str],
        range_ms: Range<u64>,
    ) -> Result<Vec<Values>, CallFailure> {
        let mut all = Vec::with_capacity(subjects.len());
        for subjects in subjects.chunks(MAX_QUERIES) {
            all.extend(self.read(query, subjects, &range_ms).await?);
        }
        Ok(all)
    }

    /// As `maxima`, for at most [`MAX_QUERIES`].
    async fn read(
        &self,
        query: Query<'_>,
        subjects: &[&str],
        range_ms: &Range<u64>,
    ) -> Result<Vec<Values>, CallFailure> {
        let time = |ms: u64| DateTime::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        let queries = subjects.iter().enumerate().map(|(index, subject)| query.of(index, subject));
        let call = self
            .client()
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(time(range_ms.start))
            .end_time(time(range_ms.end))
            .scan_by(ScanBy::TimestampAscending);
        let mut found = vec![Found::default(); subjects.len()];
        let mut token = None;
        for _ in 0..MAX_PAGES {
            // Boxed: the SDK's state is large.
            let page = Box::pin(call.clone().set_next_token(token.take()).send()).await;
            let page = page.map_err(|error| CallFailure::from(&error))?;
            token = page.next_token.filter(|token| !token.is_empty());
            for result in page.metric_data_results.unwrap_or_default() {
                add(&mut found, result)?;
            }
            if token.is_none() {
                break;
            }
        }
        if token.is_some() {
            return Err(incomplete("the pages do not end"));
        }
        found.into_iter().map(Found::whole).collect()
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let config = self.aws.sdk_config(CLOUDWATCH, RetryConfig::standard());
            let timeouts = TimeoutConfig::builder().operation_attempt_timeout(MAX_ATTEMPT).build();
            Client::from_conf(Builder::from(&config).timeout_config(timeouts).build())
        })
    }
}

impl Query<'_> {
    fn of(&self, index: usize, subject: &str) -> MetricDataQuery {
        let dimension = Dimension::builder().name(self.dimension).value(subject).build();
        let metric = Metric::builder()
            .namespace(self.namespace)
            .metric_name(self.metric)
            .dimensions(dimension)
            .build();
        let stat =
            MetricStat::builder().metric(metric).period(PERIOD_SECONDS).stat("Maximum").build();
        MetricDataQuery::builder().id(format!("m{index}")).metric_stat(stat).build()
    }
}

/// The values of one metric on the pages read so far.
#[derive(Clone, Debug, Default)]
struct Found {
    values: Values,
    /// `None` if no page has a result; a metric without values has an empty one.
    status: Option<StatusCode>,
}

impl Found {
    /// All values, ascending.
    fn whole(mut self) -> Result<Values, CallFailure> {
        match self.status {
            Some(StatusCode::Complete) => {}
            Some(other) => return Err(incomplete(other.as_str())),
            None => return Err(incomplete("a result is missing")),
        }
        self.values.sort_by_key(|(at_ms, _)| *at_ms);
        Ok(self.values)
    }
}

/// Adds the values of a page. The last status counts: after `PartialData`, another page has the rest.
fn add(found: &mut [Found], result: MetricDataResult) -> Result<(), CallFailure> {
    let index = result.id.as_deref().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
    let Some(found) = index.and_then(|index| found.get_mut(index)) else { return Ok(()) };
    let (times, values) =
        (result.timestamps.unwrap_or_default(), result.values.unwrap_or_default());
    if times.len() != values.len() {
        return Err(incomplete("the numbers of times and values differ"));
    }
    found.status = Some(result.status_code.unwrap_or(StatusCode::Complete));
    let milliseconds = |time: DateTime| u64::try_from(time.to_millis().ok()?).ok();
    let pairs = times.into_iter().zip(values);
    found.values.extend(pairs.filter_map(|(time, value)| Some((milliseconds(time)?, value))));
    Ok(())
}

fn incomplete(message: &str) -> CallFailure {
    CallFailure { code: Some("Incomplete".to_owned()), message: message.to_owned() }
}
