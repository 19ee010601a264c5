//! Lambda, the tagging service and CloudWatch, with the AWS SDK.

use std::sync::OnceLock;

use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_lambda as lambda;
use aws_sdk_resourcegroupstagging as tagging;
use cloudwatch::config::retry::RetryConfig;
use cloudwatch::primitives::DateTime;
use cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy};
use lambda::types::FunctionConfiguration;
use shared::aws::{Aws, CallFailure, Service};
use tagging::types::TagFilter;

use crate::failures::failure;
use crate::query::{Measure, Query};
use crate::services::{AccountLimits, DataPage, Measured, Page, Series, Services};
use crate::watch::{Settings, Tag};
use crate::window::{PERIOD_MS, Window};

/// CloudWatch, in `AWS_ENDPOINT_URL_CLOUDWATCH`.
pub(crate) const CLOUDWATCH: Service = "CLOUDWATCH";
/// Lambda, in `AWS_ENDPOINT_URL_LAMBDA`.
pub(crate) const LAMBDA: Service = "LAMBDA";
/// The tagging service, in `AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API`.
pub(crate) const TAGGING: Service = "RESOURCE_GROUPS_TAGGING_API";

/// All of them.
pub(crate) const SERVICES: [Service; 3] = [CLOUDWATCH, LAMBDA, TAGGING];

const NAMESPACE: &str = "AWS/Lambda";
/// Dimensions (source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions").
const FUNCTION_NAME: &str = "FunctionName";
const RESOURCE: &str = "Resource";

/// Calls AWS. Each client is built for its first call.
#[derive(Debug)]
pub struct AwsServices {
    aws: Aws,
    cloudwatch: OnceLock<cloudwatch::Client>,
    lambda: OnceLock<lambda::Client>,
    tagging: OnceLock<tagging::Client>,
}

impl AwsServices {
    /// Makes no calls.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, cloudwatch: OnceLock::new(), lambda: OnceLock::new(), tagging: OnceLock::new() }
    }

    fn cloudwatch(&self) -> &cloudwatch::Client {
        let config = || self.aws.sdk_config(CLOUDWATCH, RetryConfig::standard());
        self.cloudwatch.get_or_init(|| cloudwatch::Client::new(&config()))
    }

    fn lambda(&self) -> &lambda::Client {
        let config = || self.aws.sdk_config(LAMBDA, RetryConfig::standard());
        self.lambda.get_or_init(|| lambda::Client::new(&config()))
    }

    fn tagging(&self) -> &tagging::Client {
        let config = || self.aws.sdk_config(TAGGING, RetryConfig::standard());
        self.tagging.get_or_init(|| tagging::Client::new(&config()))
    }
}

impl Services for AwsServices {
    async fn functions(&self, page: Option<&str>) -> Result<Page<(String, Settings)>, CallFailure> {
        let call = self.lambda().list_functions().set_marker(page.map(str::to_owned));
        let response = call.send().await.map_err(|error| CallFailure::from(&error))?;
        let functions = response.functions.unwrap_or_default().into_iter();
        let items = functions.filter_map(settings).collect();
        Ok(Page { items, next: present(response.next_marker) })
    }

    async fn tagged(&self, tag: &Tag, page: Option<&str>) -> Result<Page<String>, CallFailure> {
        let filter = TagFilter::builder().key(&tag.key).values(&tag.value).build();
        let call = self
            .tagging()
            .get_resources()
            .resource_type_filters("lambda:function")
            .tag_filters(filter)
            .set_pagination_token(page.map(str::to_owned));
        let response = call.send().await.map_err(|error| CallFailure::from(&error))?;
        let resources = response.resource_tag_mapping_list.unwrap_or_default().into_iter();
        let name = |arn: Option<String>| function_name(&arn?).map(str::to_owned);
        let items = resources.filter_map(|resource| name(resource.resource_arn)).collect();
        Ok(Page { items, next: present(response.pagination_token) })
    }

    async fn measured(
        &self,
        measure: Measure,
        page: Option<&str>,
    ) -> Result<Page<Measured>, CallFailure> {
        let call = self
            .cloudwatch()
            .list_metrics()
            .namespace(NAMESPACE)
            .metric_name(measure.to_string())
            .set_next_token(page.map(str::to_owned));
        let response = call.send().await.map_err(|error| CallFailure::from(&error))?;
        let metrics = response.metrics.unwrap_or_default();
        let items = metrics.into_iter().filter_map(measured).collect();
        Ok(Page { items, next: present(response.next_token) })
    }

    async fn reserved_concurrency(&self, function: &str) -> Result<Option<u32>, CallFailure> {
        let call = self.lambda().get_function_concurrency().function_name(function);
        let response = call.send().await.map_err(|error| CallFailure::from(&error))?;
        Ok(response
            .reserved_concurrent_executions
            .and_then(|reserved| u32::try_from(reserved).ok()))
    }

    async fn account_limits(&self) -> Result<AccountLimits, CallFailure> {
        let call = self.lambda().get_account_settings();
        let response = call.send().await.map_err(|error| CallFailure::from(&error))?;
        let limits = response.account_limit.and_then(|limits| {
            let total = u32::try_from(limits.concurrent_executions).ok()?;
            let unreserved = u32::try_from(limits.unreserved_concurrent_executions?).ok()?;
            Some(AccountLimits { total, unreserved })
        });
        limits.ok_or_else(|| failure("Missing", "the response has no concurrency limits"))
    }

    async fn metric_data(
        &self,
        queries: &[Query<'_>],
        window: Window,
        page: Option<&str>,
    ) -> Result<DataPage, CallFailure> {
        let time = |ms: u64| DateTime::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        let queries = queries.iter().enumerate().map(|(index, query)| metric_query(index, query));
        let call = self
            .cloudwatch()
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(time(window.start_ms))
            .end_time(time(window.end_ms))
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(page.map(str::to_owned));
        let response = call.send().await.map_err(|error| CallFailure::from(&error))?;
        let messages = response.messages.unwrap_or_default().into_iter();
        let text = |message: cloudwatch::types::MessageData| {
            let value = message.value.unwrap_or_default();
            format!("{}: {value}", message.code.unwrap_or_default())
        };
        let results = response.metric_data_results.unwrap_or_default().into_iter();
        Ok(DataPage {
            series: results.map(series).collect(),
            next: present(response.next_token),
            messages: messages.map(text).collect(),
        })
    }
}

fn metric_query(index: usize, query: &Query<'_>) -> MetricDataQuery {
    let mut metric = Metric::builder().namespace(NAMESPACE).metric_name(query.metric());
    let (function, resource) = query.subject();
    for (name, value) in [(FUNCTION_NAME, function), (RESOURCE, resource)] {
        if let Some(value) = value {
            metric = metric.dimensions(Dimension::builder().name(name).value(value).build());
        }
    }
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(i32::try_from(PERIOD_MS / 1_000).unwrap_or(i32::MAX))
        .stat(query.statistic())
        .build();
    MetricDataQuery::builder().id(Query::id(index)).metric_stat(stat).build()
}

/// `None` for a metric with dimensions other than those of a function, an alias or a version.
fn measured(metric: Metric) -> Option<Measured> {
    let (mut function, mut resource) = (None, None);
    for dimension in metric.dimensions.unwrap_or_default() {
        match dimension.name?.as_str() {
            FUNCTION_NAME => function = dimension.value,
            RESOURCE => resource = dimension.value,
            _ => return None,
        }
    }
    Some(Measured { function: function?, resource })
}

fn series(result: MetricDataResult) -> Series {
    let (times, values) =
        (result.timestamps.unwrap_or_default(), result.values.unwrap_or_default());
    let status = if times.len() == values.len() {
        result.status_code.map(|status| status.as_str().to_owned())
    } else {
        Some("TimesAndValuesDiffer".to_owned())
    };
    let milliseconds = |time: DateTime| u64::try_from(time.to_millis().ok()?).ok();
    let point = |(time, value)| Some((milliseconds(time)?, value));
    let messages = result.messages.unwrap_or_default().into_iter();
    Series {
        id: result.id.unwrap_or_default(),
        status,
        points: times.into_iter().zip(values).filter_map(point).collect(),
        messages: messages.filter_map(|message| message.value).collect(),
    }
}

fn settings(function: FunctionConfiguration) -> Option<(String, Settings)> {
    let timeout_seconds = function.timeout.and_then(|seconds| u64::try_from(seconds).ok());
    let settings = Settings {
        timeout_ms: timeout_seconds.map(|seconds| seconds * 1_000),
        memory_mb: function.memory_size.and_then(|mb| u32::try_from(mb).ok()),
    };
    Some((function.function_name?, settings))
}

/// The name in a function's ARN, `arn:{partition}:lambda:{region}:{account}:function:{name}`.
fn function_name(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':').skip(2);
    let ("lambda", "function") = (parts.next()?, parts.nth(2)?) else { return None };
    parts.next().filter(|name| !name.is_empty())
}

/// An empty token also ends a list: the last page of the tagging service has one.
fn present(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_arn_has_its_name() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:plays";
        assert_eq!(function_name(arn), Some("plays"));
        assert_eq!(function_name(&format!("{arn}:7")), Some("plays"));
        for arn in [
            "",
            "plays",
            "arn:aws:lambda:eu-west-1:123456789012:layer:plays",
            "arn:aws:sqs:eu-west-1:123456789012:function:plays",
            "arn:aws:lambda:eu-west-1:123456789012:function:",
        ] {
            assert_eq!(function_name(arn), None, "{arn}");
        }
    }
}
