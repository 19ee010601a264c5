//! A change of a CloudWatch alarm's state, read from SNS, EventBridge or a Lambda action.
//!
//! Sources: "Notifying users on alarm changes" (SNS), "Alarm events and EventBridge" and "Invoke
//! a Lambda function from an alarm", Amazon CloudWatch User Guide. Any member but the alarm's name
//! may be missing or of another type.

mod reading;

use std::collections::BTreeSet;

use serde_json::Value;
use shared::event::Timestamp;

use crate::arn::{self, AlarmArn};
use crate::fields::{items, member, pairs, scalar, text};

pub use self::reading::Reading;

/// `state.value` of an alarm that fires.
pub const ALARM: &str = "ALARM";
/// `state.value` of one that does not.
pub const OK: &str = "OK";

/// One change of state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarm {
    /// The alarm's name.
    pub name: String,
    /// Where it is, as far as that is told.
    pub place: Place,
    /// The new state: `ALARM`, `OK`, `INSUFFICIENT_DATA` or what the message says.
    pub state: Option<String>,
    /// The state before.
    pub old_state: Option<String>,
    /// Why the state changed.
    pub reason: Option<String>,
    /// What its owner wrote about it.
    pub description: Option<String>,
    /// When the state changed, in milliseconds since 1970.
    pub changed_ms: Option<u64>,
    /// When the state before began.
    pub previous_ms: Option<u64>,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// The rule of a composite alarm.
    pub rule: Option<String>,
    /// The alarms that made a composite alarm change.
    pub children: Vec<String>,
    /// Which of many time series changed.
    pub contributor: Option<Contributor>,
    /// The value and what it is compared with.
    pub reading: Reading,
    /// The lines that a log alarm matched.
    pub lines: Vec<String>,
}

/// Where an alarm is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The alarm's ARN, as told or put together from what is.
    pub arn: String,
    /// `aws` but in China and for the US government.
    pub partition: String,
    /// The region's code.
    pub region: Option<String>,
    /// The region as the message names it, such as `EU (Ireland)`.
    pub region_name: Option<String>,
    /// The account's id.
    pub account: Option<String>,
}

/// A metric of an alarm, or an expression of metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metric {
    /// `AWS/Lambda`
    pub namespace: Option<String>,
    /// `Errors`
    pub name: Option<String>,
    /// Names and values.
    pub dimensions: Vec<(String, String)>,
    /// `Sum`
    pub statistic: Option<String>,
    /// In seconds.
    pub period_s: Option<u64>,
    /// `m1 / m2`
    pub expression: Option<String>,
    /// The expression's name.
    pub label: Option<String>,
    /// The account of the metric, if the alarm names it.
    pub account: Option<String>,
}

/// One of many time series of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contributor {
    /// Its id.
    pub id: Option<String>,
    /// What tells it from the others.
    pub attributes: Vec<(String, String)>,
}

impl Alarm {
    /// From the message that an alarm sends to SNS; `topic` is the topic's ARN, which tells the
    /// region where the message does not.
    #[must_use]
    pub fn of_sns(message: &Value, topic: Option<&str>) -> Option<Self> {
        let arn = text(message, &["AlarmArn"]);
        let name = text(message, &["AlarmName"])?;
        let trigger = message.get("Trigger").unwrap_or(&Value::Null);
        let reason = text(message, &["NewStateReason"]);
        let data = member(message, &["NewStateReasonData"]);
        let contributor = member(message, &["AlarmContributorId", "AlarmContributorAttributes"]);
        Some(Self {
            place: Place {
                region_name: text(message, &["Region"]),
                ..Place::of(arn.as_deref(), topic, text(message, &["AWSAccountId"]), None, &name)
            },
            state: text(message, &["NewStateValue"]),
            old_state: text(message, &["OldStateValue"]),
            description: text(message, &["AlarmDescription"]),
            changed_ms: moment(message, &["StateChangeTime"]),
            previous_ms: None,
            metrics: Metric::of_trigger(trigger),
            rule: text(message, &["AlarmRule"]),
            children: items(message, &["TriggeringChildren"])
                .iter()
                .filter_map(|child| text(child, &["Arn"]))
                .collect(),
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

    /// From an event of EventBridge (`detail`), or that of an alarm's Lambda action
    /// (`alarmData`), which is the same but for what is around it.
    #[must_use]
    pub fn of_event(event: &Value) -> Option<Self> {
        let detail = member(event, &["detail", "alarmData"])?;
        // What was done to the alarm itself: `create`, `update` or `delete`.
        if member(detail, &["operation"]).is_some() {
            return None;
        }
        let resource = event.get("resources").and_then(|all| all.get(0)).and_then(scalar);
        let arn = text(event, &["alarmArn"]).or(resource);
        let named = || Some(AlarmArn::parse(arn.as_deref()?)?.name);
        let name = text(detail, &["alarmName"]).or_else(named)?;
        let (state, previous) = (detail.get("state"), detail.get("previousState"));
        let (state, previous) = (state.unwrap_or(&Value::Null), previous.unwrap_or(&Value::Null));
        let configuration = detail.get("configuration").unwrap_or(&Value::Null);
        let reason = text(state, &["reason"]);
        let account = text(event, &["account", "accountId"]);
        let region = text(event, &["region"]);
        let metrics: Vec<Metric> =
            items(configuration, &["metrics"]).iter().map(Metric::of_query).collect();
        let triggering = text(state, &["reasonData"])
            .and_then(|data| serde_json::from_str::<Value>(&data).ok())
            .unwrap_or_default();
        Some(Self {
            place: Place::of(arn.as_deref(), None, account, region, &name),
            state: text(state, &["value"]),
            old_state: text(previous, &["value"]),
            description: text(configuration, &["description"]),
            changed_ms: moment(state, &["timestamp"]).or_else(|| moment(event, &["time"])),
            previous_ms: moment(previous, &["timestamp"]),
            metrics: metrics.into_iter().filter(Metric::says_something).collect(),
            rule: text(configuration, &["alarmRule"]),
            children: items(&triggering, &["triggeringAlarms"])
                .iter()
                .filter_map(|child| text(child, &["arn"]))
                .collect(),
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

    /// Returns the Lambda function that the alarm watches, if it watches one of its own account. A
    /// replica of Lambda@Edge is `us-east-1.<name>`.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        if !self.other_accounts().is_empty() {
            return None;
        }
        let dimensions = self.metrics.iter().flat_map(|metric| &metric.dimensions);
        let named = dimensions.chain(self.attributes()).find(|(name, _)| name == "FunctionName");
        named.map(|(_, value)| value.as_str()).filter(|value| is_function_name(value))
    }

    /// Returns the accounts of its metrics other than its own.
    #[must_use]
    pub fn other_accounts(&self) -> BTreeSet<&str> {
        let accounts = self.metrics.iter().filter_map(|metric| metric.account.as_ref());
        // Metrics Insights groups by this name.
        let grouped = self.attributes().filter(|(name, _)| name == "AWS.AccountId");
        let all = accounts.chain(grouped.map(|(_, account)| account)).map(String::as_str);
        all.filter(|account| self.place.account.as_deref() != Some(account)).collect()
    }

    fn attributes(&self) -> impl Iterator<Item = &(String, String)> {
        self.contributor.iter().flat_map(|contributor| &contributor.attributes)
    }

    /// Whether it fires.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.state.as_deref() == Some(ALARM)
    }

    /// Whether it fired and does not any more.
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.state.as_deref() == Some(OK)
            && self.old_state.as_deref().is_none_or(|old| old == ALARM)
    }

    /// For how many milliseconds the metric was looked at before the state changed, as far as
    /// the longest period tells.
    #[must_use]
    pub fn evaluated_ms(&self) -> u64 {
        let longest_s = self.metrics.iter().filter_map(|metric| metric.period_s).max();
        let periods = self.reading.periods.unwrap_or(1);
        longest_s.unwrap_or(60).saturating_mul(periods).saturating_mul(1_000)
    }
}

impl Place {
    fn of(
        arn: Option<&str>,
        topic: Option<&str>,
        account: Option<String>,
        region: Option<String>,
        name: &str,
    ) -> Self {
        if let Some(parsed) = arn.and_then(AlarmArn::parse) {
            return Self {
                arn: parsed.text(),
                partition: parsed.partition,
                region: Some(parsed.region),
                region_name: None,
                account: Some(parsed.account),
            };
        }
        // An alarm notifies topics of its own region.
        let told = topic.and_then(arn::place);
        let partition = told.map_or("aws", |(partition, _)| partition).to_owned();
        let region = region.filter(|code| arn::is_region(code));
        let region = region.or_else(|| told.map(|(_, region)| region.to_owned()));
        let arn = AlarmArn {
            partition: partition.clone(),
            region: region.clone().unwrap_or_default(),
            account: account.clone().unwrap_or_default(),
            name: name.to_owned(),
        };
        Self { arn: arn.text(), partition, region, region_name: None, account }
    }
}

impl Metric {
    /// `Trigger` of SNS: one metric, or `Metrics`.
    fn of_trigger(trigger: &Value) -> Vec<Self> {
        let single = Self {
            namespace: text(trigger, &["Namespace"]),
            name: text(trigger, &["MetricName"]),
            dimensions: pairs(trigger, &["Dimensions"]),
            statistic: text(trigger, &["ExtendedStatistic", "Statistic"]),
            period_s: member(trigger, &["Period"]).and_then(Value::as_u64),
            // Of an alarm on log lines.
            expression: text(trigger, &["QueryString"]),
            ..Self::default()
        };
        let queries = items(trigger, &["Metrics"]).iter().map(Self::of_query);
        std::iter::once(single).chain(queries).filter(Self::says_something).collect()
    }

    /// One of `Metrics` of SNS, or of `configuration.metrics` of EventBridge.
    fn of_query(query: &Value) -> Self {
        let stat = member(query, &["MetricStat", "metricStat"]).unwrap_or(&Value::Null);
        let metric = member(stat, &["Metric", "metric"]).unwrap_or(&Value::Null);
        let period = |value| member(value, &["Period", "period"]).and_then(Value::as_u64);
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

    fn says_something(&self) -> bool {
        self.name.is_some() || self.expression.is_some()
    }
}

fn moment(value: &Value, names: &[&str]) -> Option<u64> {
    let mut told = text(value, names)?.trim().to_owned();
    // `+0000`, as alarms write it, is no offset of RFC 3339.
    let digits = told.len().checked_sub(4).filter(|at| told.is_char_boundary(*at));
    if let Some(at) = digits
        && told[..at].ends_with(['+', '-'])
        && told[..at].contains('T')
    {
        told.insert(at + 2, ':');
    }
    Timestamp::from_text(told.as_bytes()).map(Timestamp::milliseconds)
}

/// Whether a text is the name of a function (source: AWS Lambda API reference, `CreateFunction`) or
/// of a replica of Lambda@Edge.
fn is_function_name(text: &str) -> bool {
    let name = text.split_once('.').map_or(
        text,
        |(region, name)| {
            if arn::is_region(region) { name } else { "" }
        },
    );
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests;
