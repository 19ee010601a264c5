//! The events in `events/alert-notifier/` and their golden answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::support::endpoint::Script;

/// One situation.
pub(crate) struct Fixture {
    /// The name of its files.
    pub(crate) name: String,
    /// The event, as the function gets it.
    pub(crate) event: Vec<u8>,
    pub(crate) golden: Golden,
}

/// What the function posts, with the settings that it needs and what CloudWatch knows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Golden {
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) cloudwatch: Script,
    /// Number of alerts, where a message has several.
    pub(crate) alerts: Option<u64>,
    /// What is posted, in this order.
    pub(crate) posts: Vec<Posted>,
}

/// A message in the space.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Posted {
    pub(crate) request_id: String,
    pub(crate) body: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/alert-notifier")
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
        names.into_iter().map(|name| Self::named(&name)).collect()
    }

    /// One situation.
    pub(crate) fn named(name: &str) -> Self {
        let event = fs::read(folder().join(name).with_extension("json")).unwrap();
        let answer = folder().join("answers").join(name).with_extension("json");
        let answer = fs::read_to_string(&answer)
            .unwrap_or_else(|error| panic!("{}: {error}", answer.display()));
        let golden = serde_json::from_str(&answer);
        let golden = golden.unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), event, golden }
    }
}
