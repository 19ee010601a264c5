//! The requests in `events/firehose-transform/` and their golden answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::event::Timestamp;

use super::request::Answered;

/// One situation.
pub(crate) struct Fixture {
    /// The name of its files.
    pub(crate) name: String,
    /// The request, as the function gets it.
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Golden,
}

/// A golden answer, with the settings that it needs.
pub(crate) struct Golden {
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) expected: Expected,
}

/// What the function answers.
pub(crate) enum Expected {
    Records(Vec<GoldenRecord>),
    Error { error_type: String, message: String },
}

/// What it answers to one record. A document stands there as it is, byte by byte.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GoldenRecord {
    record_id: String,
    result: String,
    document: Option<Box<RawValue>>,
    data: Option<String>,
    /// The member that the data is in, where that is not `data`.
    member: Option<String>,
    reason: Option<String>,
}

/// A golden answer's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    records: Option<Vec<GoldenRecord>>,
    error_type: Option<String>,
    error_message: Option<String>,
}

impl Fixture {
    /// All situations, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/firehose-transform");
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".json").map(str::to_owned)
            })
            .collect();
        names.sort();
        let mut answers = fs::read_dir(folder.join("answers")).unwrap().count();
        let fixture = |name: String| {
            let request = fs::read(folder.join(&name).with_extension("json")).unwrap();
            let answer = folder.join("answers").join(&name).with_extension("json");
            let answer = fs::read_to_string(&answer)
                .unwrap_or_else(|error| panic!("{}: {error}", answer.display()));
            let answer = Golden::read(&answer).unwrap_or_else(|error| panic!("{name}: {error}"));
            answers -= 1;
            Self { name, request, answer }
        };
        let fixtures = names.into_iter().map(fixture).collect();
        assert_eq!(answers, 0, "answers without a request");
        fixtures
    }
}

impl Golden {
    fn read(text: &str) -> Result<Self, serde_json::Error> {
        let File { environment, records, error_type, error_message } = serde_json::from_str(text)?;
        let expected = match (records, error_type, error_message) {
            (Some(records), None, None) => Expected::Records(records),
            (None, Some(error_type), Some(message)) => Expected::Error { error_type, message },
            _ => panic!("either records, or errorType and errorMessage"),
        };
        Ok(Self { environment, expected })
    }

    /// The failures that the log tells: reason, how many, and the first record's id.
    pub(crate) fn failures(&self) -> BTreeMap<String, (u64, String)> {
        let Expected::Records(records) = &self.expected else { return BTreeMap::new() };
        let mut failures = BTreeMap::new();
        for GoldenRecord { reason, record_id, .. } in records {
            let Some(reason) = reason else { continue };
            failures.entry(reason.clone()).or_insert((0, record_id.clone())).0 += 1;
        }
        failures
    }
}

impl GoldenRecord {
    /// Whether `actual` is what this says.
    pub(crate) fn check(&self, situation: &str, actual: &Answered) {
        let Self { record_id, result, document, data, member, .. } = self;
        assert_eq!(actual.record_id, *record_id, "{situation}");
        assert_eq!(actual.result, *result, "{situation}: {record_id}");
        let (held, empty) = match member.as_deref() {
            None => (&actual.data, &actual.kafka_record_value),
            Some("kafkaRecordValue") => (&actual.kafka_record_value, &actual.data),
            Some(other) => panic!("{situation}: a member {other}"),
        };
        assert_eq!(*empty, None, "{situation}: {record_id}");
        let Some(document) = document else {
            assert_eq!(held, data, "{situation}: {record_id}");
            return;
        };
        let actual = actual.document();
        assert_eq!(actual, with_time_of(&actual, document.get()), "{situation}: {record_id}");
    }
}

/// The golden document with the time of ingestion in the place of `<now>`, and its `<hour>` and
/// `<weekday>`.
fn with_time_of(actual: &str, golden: &str) -> String {
    // No claimed value before it can hold these bytes: a quote inside a string is escaped.
    let ingested = actual.split_once(",\"ingested\":\"").map_or("", |(_, after)| after);
    let ingested = &ingested[..ingested.find('"').unwrap_or(0)];
    let time = Timestamp::from_text(ingested.as_bytes()).expect("a time of ingestion");
    golden
        .replace("<now>", ingested)
        .replace("\"<hour>\"", &time.hour().to_string())
        .replace("\"<weekday>\"", &time.weekday().to_string())
}
