//! The golden answers in `events/log-metrics/answers/`, and the decoded events.

use std::fs;

use serde::Deserialize;
use serde_json::Value;
use testkit::events;

/// The expected result.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Golden {
    pub(crate) answer: Option<Value>,
    #[serde(default)]
    pub(crate) metrics: Vec<Value>,
    #[serde(default)]
    pub(crate) failures: Vec<Value>,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
}

/// The decoded `awslogs.data` of an event, if it can be decoded.
pub(crate) fn batch(name: &str) -> Option<Value> {
    let path = events("log-metrics").join("decoded").join(name).with_extension("json");
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
}
