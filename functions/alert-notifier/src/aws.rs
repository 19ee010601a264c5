//! CloudWatch, CloudWatch Logs and Lambda, called with the AWS SDK.

use std::sync::OnceLock;

use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_cloudwatchlogs as cloudwatchlogs;
use aws_sdk_lambda as lambda;
use aws_smithy_types::DateTime;
use aws_smithy_types::retry::RetryConfig;
use cloudwatch::types::{AlarmType, HistoryItemType, ScanBy};
use shared::aws::{Aws, CallFailure, Service};

use crate::context::Functions;
use crate::history::{Histories, HistoryItem, HistoryQuery};
use crate::logs::{ERROR_LINES, LogLine, LogPage, LogSearch, Logs};

/// CloudWatch, at `AWS_ENDPOINT_URL_CLOUDWATCH`.
pub(crate) const CLOUDWATCH: Service = "CLOUDWATCH";
/// CloudWatch Logs, at `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`.
pub(crate) const CLOUDWATCH_LOGS: Service = "CLOUDWATCH_LOGS";
/// Lambda, at `AWS_ENDPOINT_URL_LAMBDA`.
pub(crate) const LAMBDA: Service = "LAMBDA";

/// Maximum items of one answer (source: CloudWatch API reference, `DescribeAlarmHistory`).
const MAX_ITEMS: i32 = 100;

/// Sends a call to the service in the region, or in the function's own.
macro_rules! send {
    ($service:ident, $call:expr, $region:expr) => {{
        let mut config = $service::config::Builder::new();
        config.set_region($region.map(|name: &str| $service::config::Region::new(name.to_owned())));
        let call = $call.customize();
        let call = if $region.is_some() { call.config_override(config) } else { call };
        call.send().await.map_err(|error| CallFailure::from(&error))
    }};
}

/// Calls the services. A client is created at its first call.
#[derive(Debug)]
pub struct Sdk {
    aws: Aws,
    alarms: OnceLock<cloudwatch::Client>,
    logs: OnceLock<cloudwatchlogs::Client>,
    functions: OnceLock<lambda::Client>,
}

impl Sdk {
    /// Creates no client yet.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, alarms: OnceLock::new(), logs: OnceLock::new(), functions: OnceLock::new() }
    }
}

impl Functions for Sdk {
    async fn log_group(
        &self,
        function: &str,
        region: Option<&str>,
    ) -> Result<Option<String>, CallFailure> {
        let client = self.functions.get_or_init(|| {
            let config = self.aws.sdk_config(LAMBDA, RetryConfig::standard());
            lambda::Client::new(&config)
        });
        let call = client.get_function_configuration().function_name(function);
        let answer = send!(lambda, call, region)?;
        let logging = answer.logging_config();
        Ok(logging.and_then(|logging| logging.log_group()).map(str::to_owned))
    }
}

impl Logs for Sdk {
    async fn page(&self, search: &LogSearch, next: Option<&str>) -> Result<LogPage, CallFailure> {
        let client = self.logs.get_or_init(|| {
            let config = self.aws.sdk_config(CLOUDWATCH_LOGS, RetryConfig::standard());
            cloudwatchlogs::Client::new(&config)
        });
        let call = client
            .filter_log_events()
            .log_group_name(&search.log_group)
            .filter_pattern(ERROR_LINES)
            .start_time(signed(search.from_ms))
            .end_time(signed(search.to_ms))
            .set_start_from_head(search.starts_from_end().then_some(false))
            .set_next_token(next.map(str::to_owned));
        let answer = send!(cloudwatchlogs, call, search.region.as_deref())?;
        let line = |event: &cloudwatchlogs::types::FilteredLogEvent| LogLine {
            at_ms: event.timestamp().and_then(|at| u64::try_from(at).ok()).unwrap_or_default(),
            id: event.event_id().unwrap_or_default().to_owned(),
            text: event.message().unwrap_or_default().to_owned(),
            stream: event.log_stream_name().unwrap_or_default().to_owned(),
        };
        let lines = answer.events().iter().map(line).collect();
        Ok(LogPage { lines, next: answer.next_token().map(str::to_owned) })
    }
}

impl Histories for Sdk {
    async fn changes(&self, query: &HistoryQuery) -> Result<Vec<HistoryItem>, CallFailure> {
        let client = self.alarms.get_or_init(|| {
            let config = self.aws.sdk_config(CLOUDWATCH, RetryConfig::standard());
            cloudwatch::Client::new(&config)
        });
        let kind = match query.contributor {
            Some(_) => HistoryItemType::AlarmContributorStateUpdate,
            None => HistoryItemType::StateUpdate,
        };
        let call = client
            .describe_alarm_history()
            .alarm_name(&query.alarm)
            // Without it, metric alarms only.
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .alarm_types(AlarmType::LogAlarm)
            .history_item_type(kind)
            .set_alarm_contributor_id(query.contributor.clone())
            .scan_by(ScanBy::TimestampDescending)
            .end_date(DateTime::from_millis(signed(query.recovered_ms.saturating_add(999))))
            .max_records(MAX_ITEMS);
        let answer = send!(cloudwatch, call, query.region.as_deref())?;
        let item = |item: &cloudwatch::types::AlarmHistoryItem| {
            let at_ms = item.timestamp()?.to_millis().ok()?;
            Some(HistoryItem {
                at_ms: u64::try_from(at_ms).ok()?,
                data: item.history_data().unwrap_or_default().to_owned(),
                summary: item.history_summary().unwrap_or_default().to_owned(),
            })
        };
        Ok(answer.alarm_history_items().iter().filter_map(item).collect())
    }
}

fn signed(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}
