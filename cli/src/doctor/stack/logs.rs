//! Reads log groups and their subscriptions from CloudWatch Logs.

use aws_sdk_cloudwatchlogs::Client;
use aws_smithy_types::retry::RetryConfig;
use shared::aws::Service;

use super::Reader;
use super::facts::LogGroup;

/// CloudWatch Logs, in `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`.
pub(super) const LOGS: Service = "CLOUDWATCH_LOGS";

pub(super) async fn read(reader: &Reader<'_>) -> Vec<LogGroup> {
    let client = Client::new(&reader.aws.sdk_config(LOGS, RetryConfig::standard()));
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::Logs::LogGroup") {
        let name = &*resource.physical_id;
        // A group sorts before the groups whose names begin with its name.
        let groups = client.describe_log_groups().log_group_name_prefix(name).send().await;
        let Some(groups) = reader.noted("log group", name, groups) else { continue };
        let group = groups.log_groups().iter().find(|group| group.log_group_name() == Some(name));
        let Some(group) = group else {
            reader.is_missing("log group", name);
            continue;
        };
        let filters = client.describe_subscription_filters().log_group_name(name).send().await;
        let filters = reader.noted("subscriptions of the log group", name, filters);
        let subscribers = filters.map(|filters| {
            let filters = filters.subscription_filters().iter();
            filters.filter_map(|filter| filter.destination_arn().map(str::to_owned)).collect()
        });
        let retention = group.retention_in_days().and_then(|days| u64::try_from(days).ok());
        found.push(LogGroup { name: name.to_owned(), retention_days: retention, subscribers });
    }
    found
}
