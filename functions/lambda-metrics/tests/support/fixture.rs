//! The events in `events/lambda-metrics/`, what the services answer, and what is emitted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::cloud::{Account, Data, Failing};

/// One situation.
pub(crate) struct Fixture {
    /// The name of its files.
    pub(crate) name: String,
    /// The event, as the function gets it.
    pub(crate) event: Vec<u8>,
    pub(crate) golden: Golden,
}

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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/lambda-metrics")
}

impl Fixture {
    /// All situations, by name.
    pub(crate) fn all() -> Vec<Self> {
        let mut names: Vec<_> = fs::read_dir(folder())
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".json").map(str::to_owned)
            })
            .collect();
        names.sort();
        let answers = fs::read_dir(folder().join("answers")).unwrap().count();
        assert_eq!(answers, names.len(), "an event for each answer");
        let fixture = |name: String| {
            let event = fs::read(folder().join(&name).with_extension("json")).unwrap();
            let answer = folder().join("answers").join(&name).with_extension("json");
            let answer = fs::read_to_string(&answer)
                .unwrap_or_else(|error| panic!("{}: {error}", answer.display()));
            let golden = serde_json::from_str(&answer);
            let golden = golden.unwrap_or_else(|error| panic!("{name}: {error}"));
            Self { name, event, golden }
        };
        names.into_iter().map(fixture).collect()
    }
}
