//! The events in `events/sqs-consumer/` and their golden answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use local::opensearch::Fault;
use local::opensearch::embedded::Which;
use serde::Deserialize;
use serde_json::Value;

/// One situation.
pub(crate) struct Fixture {
    /// The name of its files.
    pub(crate) name: String,
    /// The event, as the function gets it.
    pub(crate) event: Vec<u8>,
    pub(crate) golden: Golden,
}

/// What the function answers and does, with the settings that it needs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Golden {
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default, rename = "opensearch")]
    fault: Option<Planned>,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
    /// The ids of the messages that come again, in the order of the answer.
    #[serde(default)]
    pub(crate) batch_item_failures: Vec<String>,
    /// The receipt handles of the messages that are told to stay away.
    #[serde(default)]
    pub(crate) visibility_changed: Vec<String>,
    /// Index and document, in the order in which the index has them.
    #[serde(default)]
    pub(crate) documents: Vec<Value>,
    /// `Entries` of the calls to quarantine, without their ids.
    #[serde(default)]
    pub(crate) quarantine: Vec<Value>,
    /// By reason: how many, and the first message.
    #[serde(default)]
    pub(crate) reasons: BTreeMap<String, (u64, String)>,
    #[serde(default)]
    pub(crate) metrics: BTreeMap<String, u64>,
}

/// What goes wrong with OpenSearch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum Planned {
    /// Every request is refused with this status.
    Status(u16),
    /// Documents that contain a text are refused with a status.
    Documents { containing: String, status: u16 },
    /// Every answer breaks off.
    Truncated,
    /// Every answer is a page of a proxy.
    Page,
}

impl Golden {
    /// What is planned to go wrong with OpenSearch.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Some(match self.fault.clone()? {
            Planned::Status(status) => Fault::Status(status),
            Planned::Documents { containing, status } => {
                Fault::Items { status, which: Which::Containing(containing) }
            }
            Planned::Truncated => Fault::Truncate,
            Planned::Page => Fault::Garbage,
        })
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/sqs-consumer")
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
