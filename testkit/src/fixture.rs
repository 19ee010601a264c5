//! The events in `events/FUNCTION/` and the golden answers in `events/FUNCTION/answers/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// An event with its golden answer.
#[derive(Debug)]
pub struct Fixture<G> {
    /// The name of both files, without `.json`.
    pub name: String,
    /// The event that the function receives.
    pub event: Vec<u8>,
    /// The golden answer, with the settings that it requires.
    pub golden: G,
}

/// The folder of a function's events.
#[must_use]
pub fn events(function: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(function)
}

/// All fixtures of a function, sorted by name. Fails the test if there are fewer than `least`, or
/// if an event or an answer has no counterpart.
#[must_use]
pub fn fixtures<G: DeserializeOwned>(function: &str, least: usize) -> Vec<Fixture<G>> {
    let folder = events(function);
    let names = names(&folder);
    assert!(names.len() >= least, "only {} fixtures", names.len());
    assert_eq!(names, self::names(&folder.join("answers")));
    names.iter().map(|name| fixture(function, name)).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let name = |file: String| file.strip_suffix(".json").map(str::to_owned);
    files.filter_map(|file| name(file.into_string().unwrap())).collect()
}

/// One fixture of a function.
#[must_use]
pub fn fixture<G: DeserializeOwned>(function: &str, name: &str) -> Fixture<G> {
    let file = format!("{name}.json");
    let event = fs::read(events(function).join(&file)).unwrap();
    let golden = fs::read(events(function).join("answers").join(&file)).unwrap();
    let golden = serde_json::from_slice(&golden);
    let golden = golden.unwrap_or_else(|error| panic!("{name}: {error}"));
    Fixture { name: name.to_owned(), event, golden }
}

/// The variables of a golden answer, in the form that [`Binary`](crate::Binary) accepts.
#[must_use]
pub fn pairs(variables: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (&**name, &**value)).collect()
}
