//! The golden answers in `events/lambda-metrics/answers/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::cloud::{Account, Data, Failing};

/// What there is, and what the function does with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Golden {
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// What Lambda knows.
    pub(crate) lambda: Account,
    /// The event comes so often to one process.
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Run {
    /// What CloudWatch knows.
    #[serde(default)]
    pub(crate) cloudwatch: Data,
    #[serde(default)]
    pub(crate) failing: Vec<Failing>,
    pub(crate) answer: Option<Value>,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
    /// The lines of metrics, `at` in minutes as `cloudwatch` has it; the last is of `now`.
    pub(crate) emitted: Vec<Value>,
    /// How many calls of each operation there were.
    pub(crate) calls: BTreeMap<String, usize>,
    /// The messages of the log above `info`, with what they are about.
    #[serde(default)]
    pub(crate) log: Vec<String>,
}
