//! The binary in a fake account, and fixtures with times relative to now.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use testkit::{ALERTS_TOPIC, Binary, Observed};

use crate::support::account::{Account, Answers};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_idle-resources");
/// Maximum age of a time in a fixture, in days.
const MAX_DAYS: i64 = 400;

/// The expected results of a fixture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Golden {
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) account: Answers,
    /// Members of the answer; objects in it may have more members.
    pub(crate) answer: Value,
    /// `errorType`
    pub(crate) error: Option<String>,
    /// Members of the notices.
    pub(crate) notices: Vec<Value>,
    /// The metrics by kind; the empty name stands for those without a dimension.
    pub(crate) metrics: Option<Value>,
    /// Number of calls by operation.
    pub(crate) calls: Option<BTreeMap<String, usize>>,
    /// Calls that change something, in order.
    pub(crate) changes: Option<Vec<String>>,
}

/// The binary and its account.
pub(crate) struct Scene {
    pub(crate) account: Account,
    pub(crate) binary: Binary,
}

impl Scene {
    pub(crate) async fn new(answers: Answers, variables: &[(&str, &str)]) -> Self {
        let account = Account::start(answers).await;
        let own = [
            ("AWS_ENDPOINT_URL", &*account.endpoint.url),
            ("AWS_REGION", "us-east-1"),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
        ];
        let binary = Binary::new(BINARY, &[&own, variables].concat()).await;
        Self { account, binary }
    }

    pub(crate) async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        self.binary.invoke(event).await
    }
}

/// A value whose texts contain times before now: `{-8d}`, the day `{day-8}`, and `{reason-8d}` as
/// EC2 writes it.
pub(crate) fn dated(value: &Value, now: Timestamp) -> Value {
    match value {
        Value::String(text) => json!(dated_text(text, now)),
        Value::Array(list) => list.iter().map(|value| dated(value, now)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), dated(value, now)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn dated_text(text: &str, now: Timestamp) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    (0..=MAX_DAYS).fold(text.to_owned(), |text, days| {
        let time = now - SignedDuration::from_hours(24 * days);
        let utc = time.to_zoned(TimeZone::UTC);
        text.replace(&format!("{{-{days}d}}"), &time.to_string())
            .replace(&format!("{{day-{days}}}"), &utc.date().to_string())
            .replace(&format!("{{reason-{days}d}}"), &utc.strftime("%F %T GMT").to_string())
    })
}

/// Now, in whole seconds.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap()
}

/// Asserts that `seen` has these members with these values; lists must have the same length.
pub(crate) fn assert_has(name: &str, seen: &Value, expected: &Value) {
    match (seen, expected) {
        (Value::Object(seen_members), Value::Object(members)) => {
            for (member, value) in members {
                let at = format!("{name}.{member}");
                let none = Value::Null;
                assert_has(&at, seen_members.get(member).unwrap_or(&none), value);
            }
        }
        (Value::Array(list), Value::Array(values)) => {
            assert_eq!(list.len(), values.len(), "{name}: {seen:#}");
            for (index, (one, value)) in list.iter().zip(values).enumerate() {
                assert_has(&format!("{name}[{index}]"), one, value);
            }
        }
        _ => assert_eq!(seen, expected, "{name}"),
    }
}

/// The metrics, in the form of [`Golden::metrics`].
pub(crate) fn metrics(observed: &Observed) -> Value {
    let mut metrics = Map::new();
    for mut line in observed.metric_lines() {
        let members = line.as_object_mut().unwrap();
        let described = members.remove("_aws").unwrap();
        let directive = &described["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Sluice");
        let kind = members.remove("Kind").map(|kind| kind.as_str().unwrap().to_owned());
        let dimensions = if kind.is_some() { json!([["Kind"]]) } else { json!([[]]) };
        assert_eq!(directive["Dimensions"], dimensions);
        metrics.insert(kind.unwrap_or_default(), line);
    }
    Value::Object(metrics)
}
