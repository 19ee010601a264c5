//! The events in `events/log-metrics/`, what is in them, and their golden answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// One situation.
pub(crate) struct Fixture {
    /// The name of its files.
    pub(crate) name: String,
    /// The event, as the function gets it.
    pub(crate) event: Vec<u8>,
    /// What its `awslogs.data` holds, if it holds anything.
    pub(crate) batch: Option<Value>,
    pub(crate) golden: Golden,
}

/// What the function does with it.
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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/log-metrics")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect()
}

impl Fixture {
    /// All situations, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = folder();
        let fixtures = names(&folder);
        assert_eq!(fixtures, names(&folder.join("answers")));
        assert!(names(&folder.join("decoded")).is_subset(&fixtures));
        let read = |path: PathBuf| -> Option<Value> {
            let text = fs::read_to_string(&path).ok()?;
            let value = serde_json::from_str(&text);
            Some(value.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        };
        let fixture = |name: String| {
            let file = format!("{name}.json");
            let golden = read(folder.join("answers").join(&file)).unwrap();
            Self {
                event: fs::read(folder.join(&file)).unwrap(),
                batch: read(folder.join("decoded").join(&file)),
                golden: serde_json::from_value(golden)
                    .unwrap_or_else(|error| panic!("{name}: {error}")),
                name,
            }
        };
        fixtures.into_iter().map(fixture).collect()
    }
}
