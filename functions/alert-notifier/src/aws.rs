//! CloudWatch and CloudWatch Logs, with the AWS SDK.

use std::sync::OnceLock;

use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_cloudwatchlogs as cloudwatchlogs;
use aws_smithy_types::DateTime;
use aws_smithy_types::retry::RetryConfig;
use cloudwatch::types::{AlarmType, HistoryItemType, ScanBy};
use shared::aws::{Aws, CallFailure, Service};

use crate::history::{Histories, Item, Question};
use crate::logs::{ERROR_LINES, Line, Logs, Page, Search};

/// CloudWatch, in `AWS_ENDPOINT_URL_CLOUDWATCH`.
pub const CLOUDWATCH: Service = "CLOUDWATCH";
/// CloudWatch Logs, in `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`.
pub const CLOUDWATCH_LOGS: Service = "CLOUDWATCH_LOGS";

/// The most items of one answer (source: CloudWatch API reference, `DescribeAlarmHistory`).
const MAX_ITEMS: i32 = 100;

/// Calls both. A client is built when it is first called for.
#[derive(Debug)]
pub struct CloudWatch {
    aws: Aws,
    alarms: OnceLock<cloudwatch::Client>,
    logs: OnceLock<cloudwatchlogs::Client>,
}

impl CloudWatch {
    /// Calls nobody yet.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, alarms: OnceLock::new(), logs: OnceLock::new() }
    }
}

impl Logs for CloudWatch {
    async fn page(&self, search: &Search, next: Option<&str>) -> Result<Page, CallFailure> {
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
            .set_start_from_head(search.from_the_end().then_some(false))
            .set_next_token(next.map(str::to_owned));
        let mut region = cloudwatchlogs::config::Builder::new();
        region.set_region(search.region.clone().map(cloudwatchlogs::config::Region::new));
        let call = call.customize();
        let call = if search.region.is_some() { call.config_override(region) } else { call };
        let answer = call.send().await.map_err(|error| CallFailure::from(&error))?;
        let line = |event: &cloudwatchlogs::types::FilteredLogEvent| Line {
            at_ms: event.timestamp().and_then(|at| u64::try_from(at).ok()).unwrap_or_default(),
            id: event.event_id().unwrap_or_default().to_owned(),
            text: event.message().unwrap_or_default().to_owned(),
        };
        let lines = answer.events().iter().map(line).collect();
        Ok(Page { lines, next: answer.next_token().map(str::to_owned) })
    }
}

impl Histories for CloudWatch {
    async fn changes(&self, question: &Question) -> Result<Vec<Item>, CallFailure> {
        let client = self.alarms.get_or_init(|| {
            let config = self.aws.sdk_config(CLOUDWATCH, RetryConfig::standard());
            cloudwatch::Client::new(&config)
        });
        let kind = match question.contributor {
            Some(_) => HistoryItemType::AlarmContributorStateUpdate,
            None => HistoryItemType::StateUpdate,
        };
        let call = client
            .describe_alarm_history()
            .alarm_name(&question.alarm)
            // Without it, metric alarms only.
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .history_item_type(kind)
            .set_alarm_contributor_id(question.contributor.clone())
            .scan_by(ScanBy::TimestampDescending)
            .end_date(DateTime::from_millis(signed(question.recovered_ms.saturating_add(999))))
            .max_records(MAX_ITEMS);
        let mut region = cloudwatch::config::Builder::new();
        region.set_region(question.region.clone().map(cloudwatch::config::Region::new));
        let call = call.customize();
        let call = if question.region.is_some() { call.config_override(region) } else { call };
        let answer = call.send().await.map_err(|error| CallFailure::from(&error))?;
        let item = |item: &cloudwatch::types::AlarmHistoryItem| {
            let at_ms = item.timestamp()?.to_millis().ok()?;
            Some(Item {
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
