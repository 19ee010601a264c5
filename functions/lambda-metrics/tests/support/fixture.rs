//! The golden answers in `events/lambda-metrics/answers/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::cloud::{Account, Data, Failing};

/// The state of the cloud, and the expected runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Golden {
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// The functions and limits of the account.
    pub(crate) lambda: Account,
    /// The expected invocations of one process.
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Run {
    /// The data of CloudWatch.
    #[serde(default)]
    pub(crate) cloudwatch: Data,
    #[serde(default)]
    pub(crate) failing: Vec<Failing>,
    pub(crate) answer: Option<Value>,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
    /// The lines of metrics; `at` is in minutes as in `cloudwatch`, and the last one is `now`.
    pub(crate) emitted: Vec<Value>,
    /// Number of calls of each operation.
    pub(crate) calls: BTreeMap<String, usize>,
    /// The messages of the log above `info`, with their subjects.
    #[serde(default)]
    pub(crate) log: Vec<String>,
}
