//! Reads alarms from CloudWatch, and the topics that they notify from SNS.

use std::time::SystemTime;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use aws_smithy_types::retry::RetryConfig;
use serde_json::Value;
use shared::aws::{Aws, Service};

use super::Reader;
use super::facts::{Alarm, Subscription, Topic};
use super::query::{SNS, pairs, text};

/// CloudWatch, in `AWS_ENDPOINT_URL_CLOUDWATCH`.
pub(super) const CLOUDWATCH: Service = "CLOUDWATCH";

/// Maximum number of alarms of a call (source: CloudWatch API reference, `DescribeAlarms`).
const MAX_NAMES: usize = 100;

pub(super) fn cloudwatch(aws: &Aws) -> Client {
    Client::new(&aws.sdk_config(CLOUDWATCH, RetryConfig::standard()))
}

/// Reads the alarms of the stack. One that CloudWatch does not return is missing.
pub(super) async fn read(reader: &Reader<'_>) -> Option<Vec<Alarm>> {
    let client = cloudwatch(reader.aws);
    let names = reader.of_kind("AWS::CloudWatch::Alarm").map(|alarm| alarm.physical_id.clone());
    let names: Vec<_> = names.collect();
    let mut found = Vec::new();
    for names in names.chunks(MAX_NAMES) {
        let request = client.describe_alarms().set_alarm_names(Some(names.to_vec()));
        let reply = request.max_records(100).send().await;
        let reply = reader.noted("alarms", "CloudWatch", reply)?;
        found.extend(reply.metric_alarms().iter().map(alarm));
    }
    for name in &names {
        if !found.iter().any(|alarm| alarm.name == *name) {
            reader.is_missing("alarm", name);
        }
    }
    Some(found)
}

fn alarm(alarm: &MetricAlarm) -> Alarm {
    let dimensions = alarm.dimensions().iter();
    let dimensions = dimensions.filter_map(|dimension| dimension.value().map(str::to_owned));
    let is_insufficient = alarm.state_value() == Some(&StateValue::InsufficientData);
    let since = alarm.state_updated_timestamp().filter(|_| is_insufficient);
    let since = since.and_then(|since| SystemTime::try_from(*since).ok());
    let elapsed = since.map(|since| SystemTime::now().duration_since(since).unwrap_or_default());
    Alarm {
        name: alarm.alarm_name().unwrap_or_default().to_owned(),
        metric: alarm.metric_name().unwrap_or_default().to_owned(),
        dimensions: dimensions.collect(),
        actions_enabled: alarm.actions_enabled().unwrap_or_default(),
        actions: alarm.alarm_actions().to_vec(),
        insufficient_seconds: elapsed.map(|elapsed| elapsed.as_secs()),
    }
}

pub(super) async fn read_topics(reader: &Reader<'_>) -> Vec<Topic> {
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::SNS::Topic") {
        let arn = &*resource.physical_id;
        let of = [("TopicArn", arn)];
        let attributes = reader.caller.call(SNS, "GetTopicAttributes", &of).await;
        let attributes = reader.noted("topic", arn, attributes);
        let pages = reader.caller.pages(SNS, "ListSubscriptionsByTopic", &of, "Subscriptions");
        let subscriptions = reader.noted("subscriptions of the topic", arn, pages.await);
        let subscriptions = subscriptions.map(|all| {
            let existing = all.iter().filter(|it| it["SubscriptionArn"] != "Deleted");
            existing.map(subscription).collect()
        });
        let key = attributes.map(|attributes| attribute(&attributes, "KmsMasterKeyId"));
        found.push(Topic { arn: arn.to_owned(), key, subscriptions });
    }
    found
}

/// Returns an attribute in a reply of `GetTopicAttributes`, a list of entries.
fn attribute(reply: &Value, name: &str) -> String {
    let mut attributes = pairs(&reply["Attributes"], "key", "value").into_iter();
    attributes.find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
}

fn subscription(subscription: &Value) -> Subscription {
    Subscription {
        protocol: text(subscription, "Protocol"),
        endpoint: text(subscription, "Endpoint"),
        is_confirmed: text(subscription, "SubscriptionArn") != "PendingConfirmation",
    }
}
