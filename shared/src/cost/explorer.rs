//! Cost Explorer. Each request costs money, so pages and retries count against a maximum.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::config::{Builder, Region};
use aws_sdk_costexplorer::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_costexplorer::types::{
    DateInterval, Expression, Granularity, GroupDefinition, GroupDefinitionType, MetricValue,
    ResultByTime,
};
use aws_smithy_types::retry::RetryConfig;
use jiff::ToSpan;
use jiff::civil::Date;
use tokio::time::sleep;

use super::CallTime;
use crate::aws::{Aws, CallFailure, Connections, Service};

/// Cost Explorer, in `AWS_ENDPOINT_URL_COST_EXPLORER`.
pub const COST_EXPLORER: Service = "COST_EXPLORER";

/// The only region that answers (source: AWS General Reference, "AWS Cost Explorer endpoints").
const REGION: Region = Region::from_static("us-east-1");
/// Maximum number of times that one request is sent.
const MAX_ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Cost Explorer. The client is built at the first request.
#[derive(Debug)]
pub struct CostExplorer {
    aws: Aws,
    client: OnceLock<Client>,
}

/// The requests of one run.
#[derive(Debug)]
pub struct CostRequests<'a> {
    explorer: &'a CostExplorer,
    max: u32,
    made: u32,
    time: CallTime,
}

/// Why something could not be read from Cost Explorer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// The maximum number of requests was made.
    #[error("the maximum of {0} requests to Cost Explorer was made")]
    Spent(u32),
    /// Cost Explorer rejected a request or did not answer it.
    #[error("{0}")]
    Failed(CallFailure),
}

/// A query with `GetCostAndUsage`.
#[derive(Debug)]
pub struct CostQuery<'a> {
    /// The first day.
    pub start: Date,
    /// The day after the last one.
    pub end: Date,
    /// `DAILY` or `MONTHLY`.
    pub granularity: Granularity,
    /// The metric, such as `UnblendedCost`.
    pub metric: &'a str,
    /// Restricts the costs; `None`: all costs.
    pub filter: Option<Expression>,
    /// At most two dimensions, such as `SERVICE`.
    pub group_by: &'a [&'a str],
}

/// The costs of one day or month, or of a part of its groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// The first day.
    pub start: Date,
    /// The total; only if no groups were requested.
    pub total: Option<Amount>,
    /// The values of the dimensions of each group, and what it cost.
    pub groups: Vec<(Vec<String>, Amount)>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    /// A finite number.
    pub value: f64,
    /// Such as `USD`.
    pub unit: String,
}

impl CostExplorer {
    /// Makes no calls.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, client: OnceLock::new() }
    }

    /// Allows at most `max` requests.
    #[must_use]
    pub const fn requests(&self, max: u32, time: CallTime) -> CostRequests<'_> {
        CostRequests { explorer: self, max, made: 0, time }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            // Retries count, so they are made here, and no request is sent again on another connection.
            let config = self.aws.sdk_config(COST_EXPLORER, RetryConfig::disabled());
            let config = Builder::from(&config).region(REGION);
            Client::from_conf(config.http_client(Connections::for_sdk_without_reuse()).build())
        })
    }
}

impl CostRequests<'_> {
    /// Number of requests that were sent.
    #[must_use]
    pub const fn made(&self) -> u32 {
        self.made
    }

    /// Sends a request, and sends it again after 5xx and throttling.
    ///
    /// # Errors
    /// [`CostError`] of the last attempt.
    pub async fn send<T, E, F>(&mut self, request: impl Fn(&Client) -> F) -> Result<T, CostError>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            if self.made >= self.max {
                return Err(CostError::Spent(self.max));
            }
            let mut is_passing = false;
            // Boxed: the SDK's state is large.
            let sent = self.time.call(Box::pin(async {
                self.made += 1;
                let sent = request(self.explorer.client()).await;
                sent.map_err(|error| {
                    is_passing = passes(&error);
                    CallFailure::from(&error)
                })
            }));
            match sent.await {
                Err(_) if is_passing && attempt < MAX_ATTEMPTS && wait < self.time.left() => {
                    sleep(wait).await;
                }
                sent => return sent.map_err(CostError::Failed),
            }
            wait *= 2;
        }
        Err(CostError::Spent(self.max))
    }

    /// Reads all pages of `GetCostAndUsage`. A day or month may be in several pages.
    ///
    /// # Errors
    /// [`CostError`], with the code `InvalidAnswer` if a day or an amount is invalid or missing:
    /// Cost Explorer returns a result even for days without costs.
    pub async fn costs(&mut self, query: &CostQuery<'_>) -> Result<Vec<Costs>, CostError> {
        let group = |dimension: &&str| {
            GroupDefinition::builder()
                .r#type(GroupDefinitionType::Dimension)
                .key(*dimension)
                .build()
        };
        let interval = DateInterval::builder().start(query.start.to_string());
        let interval = interval.end(query.end.to_string()).build().ok();
        let groups: Vec<_> = query.group_by.iter().map(group).collect();
        let mut all = Vec::new();
        let mut page = None;
        loop {
            let response = self.send(|client| {
                client
                    .get_cost_and_usage()
                    .set_time_period(interval.clone())
                    .granularity(query.granularity.clone())
                    .metrics(query.metric)
                    .set_filter(query.filter.clone())
                    .set_group_by(Some(groups.clone()).filter(|groups| !groups.is_empty()))
                    .set_next_page_token(page.clone())
                    .send()
            });
            let response = response.await?;
            for result in response.results_by_time.unwrap_or_default() {
                let costs = costs(result, query.metric);
                all.push(costs.ok_or_else(|| invalid("a day or an amount is not one"))?);
            }
            page = response.next_page_token.filter(|token| !token.is_empty());
            if page.is_none() {
                break;
            }
        }
        let days: BTreeSet<_> = all.iter().map(|costs| costs.start).collect();
        let is_daily = query.granularity == Granularity::Daily;
        let mut asked = query.start.series(1.day()).take_while(|day| *day < query.end);
        if days.is_empty() || is_daily && !asked.all(|day| days.contains(&day)) {
            return Err(invalid("a day is missing"));
        }
        Ok(all)
    }
}

/// The error for an invalid answer of Cost Explorer.
#[must_use]
pub fn invalid(message: &str) -> CostError {
    let code = Some("InvalidAnswer".to_owned());
    CostError::Failed(CallFailure { code, message: message.to_owned() })
}

/// An amount of an answer; `None` if it is not a number.
#[must_use]
pub fn amount(metric: &MetricValue) -> Option<Amount> {
    let value: f64 = metric.amount()?.trim().parse().ok()?;
    let unit = metric.unit().unwrap_or("USD").to_owned();
    value.is_finite().then_some(Amount { value, unit })
}

fn costs(result: ResultByTime, metric: &str) -> Option<Costs> {
    let start = result.time_period?.start.parse().ok()?;
    let total = match result.total.as_ref().and_then(|metrics| metrics.get(metric)) {
        Some(total) => Some(amount(total)?),
        None => None,
    };
    let groups = result.groups.unwrap_or_default().into_iter().map(|group| {
        let cost = amount(group.metrics?.get(metric)?)?;
        Some((group.keys?, cost))
    });
    Some(Costs { start, total, groups: groups.collect::<Option<_>>()? })
}

/// Whether the same request may succeed later: after 5xx and throttling (source: AWS Cost Explorer
/// API reference, "Common errors", and `LimitExceededException`).
fn passes<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    status >= 500
        || status == 429
        || ["LimitExceededException", "ThrottlingException", "Throttling"].contains(&code)
}
