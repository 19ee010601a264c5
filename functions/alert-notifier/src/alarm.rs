//! A change of a CloudWatch alarm's state, from SNS, EventBridge or a Lambda action.
//!
//! Sources: "Notifying users on alarm changes" (SNS), "Alarm events and EventBridge" and "Invoke
//! a Lambda function from an alarm", Amazon CloudWatch User Guide. Any member but the alarm's name
//! may be missing or of another type.

mod reading;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::arn::{self, AlarmArn};
use crate::fields::{items, member, pairs, scalar, text};
use crate::moment;

pub(crate) use self::reading::Reading;

/// The state of an alarm that fires.
pub(crate) const ALARM: &str = "ALARM";
/// The state of an alarm that recovered.
pub(crate) const OK: &str = "OK";

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) state: Option<String>,
    pub(crate) old_state: Option<String>,
    /// The reason for the change.
    pub(crate) reason: Option<String>,
    pub(crate) description: Option<String>,
    /// When the state changed, in milliseconds since 1970.
    pub(crate) changed_ms: Option<u64>,
    /// When the previous state began.
    pub(crate) previous_ms: Option<u64>,
    pub(crate) metrics: Vec<Metric>,
    /// The rule of a composite alarm.
    pub(crate) rule: Option<String>,
    /// ARNs of the alarms that changed a composite alarm.
    pub(crate) children: Vec<String>,
    /// The time series that changed, if the alarm has many.
    pub(crate) contributor: Option<Contributor>,
    pub(crate) reading: Reading,
    /// The lines that a log alarm matched.
    pub(crate) lines: Vec<String>,
}

/// The place of an alarm, as far as the message contains it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The alarm's ARN, as received or composed.
    pub(crate) arn: String,
    pub(crate) partition: String,
    /// The region's code.
    pub(crate) region: Option<String>,
    /// The region's name, such as `EU (Ireland)`.
    pub(crate) region_name: Option<String>,
    pub(crate) account: Option<String>,
}

/// A metric of an alarm, or an expression of metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) dimensions: Vec<(String, String)>,
    pub(crate) statistic: Option<String>,
    pub(crate) period_s: Option<u64>,
    pub(crate) expression: Option<String>,
    /// The name of the expression.
    pub(crate) label: Option<String>,
    pub(crate) account: Option<String>,
}

/// One of many time series of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contributor {
    pub(crate) id: Option<String>,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Alarm {
    /// Parses the message that an alarm sends to SNS. The ARN of the topic has the alarm's region.
    pub(crate) fn of_sns(message: &Value, topic_arn: Option<&str>) -> Option<Self> {
        let arn = text(message, &["AlarmArn"]);
        let name = text(message, &["AlarmName"])?;
        let account = text(message, &["AWSAccountId"]);
        let trigger = message.get("Trigger").unwrap_or(&Value::Null);
        let reason = text(message, &["NewStateReason"]);
        let data = member(message, &["NewStateReasonData"]);
        let contributor = member(message, &["AlarmContributorId", "AlarmContributorAttributes"]);
        Some(Self {
            place: Place {
                region_name: text(message, &["Region"]),
                ..Place::of(arn.as_deref(), topic_arn, account, None, &name)
            },
            state: text(message, &["NewStateValue"]),
            old_state: text(message, &["OldStateValue"]),
            description: text(message, &["AlarmDescription"]),
            changed_ms: time(message, "StateChangeTime"),
            previous_ms: None,
            metrics: Metric::of_trigger(trigger),
            rule: text(message, &["AlarmRule"]),
            children: texts(message, "TriggeringChildren", "Arn"),
            contributor: contributor.map(|_| Contributor {
                id: text(message, &["AlarmContributorId"]),
                attributes: pairs(message, &["AlarmContributorAttributes"]),
            }),
            reading: Reading::of(trigger, reason.as_deref(), data),
            lines: items(trigger, &["LogLines"]).iter().filter_map(scalar).collect(),
            reason,
            name,
        })
    }

    /// Parses an event of EventBridge (`detail`) or of a Lambda action (`alarmData`).
    pub(crate) fn of_event(event: &Value) -> Option<Self> {
        let detail = member(event, &["detail", "alarmData"])?;
        // The alarm itself was created, updated or deleted.
        if member(detail, &["operation"]).is_some() {
            return None;
        }
        let resource = event.get("resources").and_then(|all| all.get(0)).and_then(scalar);
        let arn = text(event, &["alarmArn"]).or(resource);
        let named = || Some(AlarmArn::parse(arn.as_deref()?)?.name);
        let name = text(detail, &["alarmName"]).or_else(named)?;
        let part = |name| detail.get(name).unwrap_or(&Value::Null);
        let (state, previous) = (part("state"), part("previousState"));
        let configuration = part("configuration");
        let reason = text(state, &["reason"]);
        let account = text(event, &["account", "accountId"]);
        let region = text(event, &["region"]);
        let metrics = items(configuration, &["metrics"]).iter().map(Metric::of_query);
        let triggering = text(state, &["reasonData"])
            .and_then(|data| serde_json::from_str::<Value>(&data).ok())
            .unwrap_or_default();
        Some(Self {
            place: Place::of(arn.as_deref(), None, account, region, &name),
            state: text(state, &["value"]),
            old_state: text(previous, &["value"]),
            description: text(configuration, &["description"]),
            changed_ms: time(state, "timestamp").or_else(|| time(event, "time")),
            previous_ms: time(previous, "timestamp"),
            metrics: metrics.filter(Metric::is_known).collect(),
            rule: text(configuration, &["alarmRule"]),
            children: texts(&triggering, "triggeringAlarms", "arn"),
            contributor: member(detail, &["alarmContributor"]).map(|contributor| Contributor {
                id: text(contributor, &["id"]),
                attributes: pairs(contributor, &["attributes"]),
            }),
            reading: Reading::of(configuration, reason.as_deref(), member(state, &["reasonData"])),
            lines: Vec::new(),
            reason,
            name,
        })
    }

    /// Returns the Lambda function that the alarm watches, if it is in the alarm's account. A replica
    /// of Lambda@Edge is `us-east-1.<name>`.
    pub(crate) fn function(&self) -> Option<&str> {
        if !self.other_accounts().is_empty() {
            return None;
        }
        let dimensions = self.metrics.iter().flat_map(|metric| &metric.dimensions);
        let named = dimensions.chain(self.attributes()).find(|(name, _)| name == "FunctionName");
        named.map(|(_, value)| value.as_str()).filter(|value| is_function_name(value))
    }

    /// Returns the accounts of its metrics other than its own.
    pub(crate) fn other_accounts(&self) -> BTreeSet<&str> {
        let accounts = self.metrics.iter().filter_map(|metric| metric.account.as_ref());
        // Metrics Insights groups by this name.
        let grouped = self.attributes().filter(|(name, _)| name == "AWS.AccountId");
        let all = accounts.chain(grouped.map(|(_, account)| account)).map(String::as_str);
        all.filter(|account| self.place.account.as_deref() != Some(account)).collect()
    }

    fn attributes(&self) -> impl Iterator<Item = &(String, String)> {
        self.contributor.iter().flat_map(|contributor| &contributor.attributes)
    }

    pub(crate) fn fires(&self) -> bool {
        self.state.as_deref() == Some(ALARM)
    }

    /// Whether it fired before and no longer fires.
    pub(crate) fn recovered(&self) -> bool {
        self.state.as_deref() == Some(OK)
            && self.old_state.as_deref().is_none_or(|old| old == ALARM)
    }

    /// Returns the time that the alarm evaluated before its state changed, in milliseconds.
    pub(crate) fn evaluated_ms(&self) -> u64 {
        let longest_s = self.metrics.iter().filter_map(|metric| metric.period_s).max();
        let periods = self.reading.periods.unwrap_or(1);
        longest_s.unwrap_or(60).saturating_mul(periods).saturating_mul(1_000)
    }
}

impl Place {
    fn of(
        arn: Option<&str>,
        topic_arn: Option<&str>,
        account: Option<String>,
        region: Option<String>,
        name: &str,
    ) -> Self {
        if let Some(parsed) = arn.and_then(AlarmArn::parse) {
            return Self {
                arn: parsed.to_string(),
                partition: parsed.partition,
                region: Some(parsed.region),
                region_name: None,
                account: Some(parsed.account),
            };
        }
        // An alarm notifies topics of its own region.
        let (partition, topic_region) = topic_arn.and_then(arn::place).unzip();
        let partition = partition.unwrap_or("aws").to_owned();
        let region = region.filter(|code| arn::is_region(code));
        let region = region.or_else(|| topic_region.map(str::to_owned));
        let arn = AlarmArn {
            partition: partition.clone(),
            region: region.clone().unwrap_or_default(),
            account: account.clone().unwrap_or_default(),
            name: name.to_owned(),
        };
        Self { arn: arn.to_string(), partition, region, region_name: None, account }
    }
}

impl Metric {
    /// Parses `Trigger` of SNS: one metric, or `Metrics`.
    fn of_trigger(trigger: &Value) -> Vec<Self> {
        let single = Self {
            namespace: text(trigger, &["Namespace"]),
            name: text(trigger, &["MetricName"]),
            dimensions: pairs(trigger, &["Dimensions"]),
            statistic: text(trigger, &["ExtendedStatistic", "Statistic"]),
            period_s: number(trigger, &["Period"]),
            // The query of a log alarm.
            expression: text(trigger, &["QueryString"]),
            ..Self::default()
        };
        let queries = items(trigger, &["Metrics"]).iter().map(Self::of_query);
        std::iter::once(single).chain(queries).filter(Self::is_known).collect()
    }

    /// Parses one of `Metrics` of SNS, or of `configuration.metrics` of EventBridge.
    fn of_query(query: &Value) -> Self {
        let stat = member(query, &["MetricStat", "metricStat"]).unwrap_or(&Value::Null);
        let metric = member(stat, &["Metric", "metric"]).unwrap_or(&Value::Null);
        let period = |value| number(value, &["Period", "period"]);
        Self {
            namespace: text(metric, &["Namespace", "namespace"]),
            name: text(metric, &["MetricName", "name"]),
            dimensions: pairs(metric, &["Dimensions", "dimensions"]),
            statistic: text(stat, &["Stat", "stat"]),
            period_s: period(stat).or_else(|| period(query)),
            expression: text(query, &["Expression", "expression"]),
            label: text(query, &["Label", "label"]),
            account: text(query, &["AccountId", "accountId"]),
        }
    }

    fn is_known(&self) -> bool {
        self.name.is_some() || self.expression.is_some()
    }
}

fn number(value: &Value, names: &[&str]) -> Option<u64> {
    member(value, names)?.as_u64()
}

fn time(value: &Value, name: &str) -> Option<u64> {
    moment::parse_ms(&text(value, &[name])?)
}

/// Returns the member `name` of the objects in the array `list`.
fn texts(value: &Value, list: &str, name: &str) -> Vec<String> {
    items(value, &[list]).iter().filter_map(|item| text(item, &[name])).collect()
}

/// Whether a text is the name of a function (source: AWS Lambda API reference, `CreateFunction`) or
/// of a replica of Lambda@Edge.
fn is_function_name(text: &str) -> bool {
    let name = match text.split_once('.') {
        Some((region, name)) if arn::is_region(region) => name,
        _ => text,
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
