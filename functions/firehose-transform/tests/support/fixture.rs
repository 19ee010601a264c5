//! The golden answers in `events/firehose-transform/answers/`.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::event::Timestamp;
use testkit::{Call, Reply};

use super::request::Answered;

/// A golden answer, with the settings that it requires: either records or an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Golden {
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// The metric, if the documents do not have `timestamp_source`.
    pub(crate) timestamp_fallbacks: Option<u64>,
    pub(crate) records: Option<Vec<GoldenRecord>>,
    /// The payloads of the records that are put back.
    #[serde(default)]
    pub(crate) put_back: Vec<String>,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
}

/// The answer to one record, with the exact bytes of its document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GoldenRecord {
    record_id: String,
    result: String,
    document: Option<Box<RawValue>>,
    data: Option<String>,
    /// The member with the data, if not `data`.
    member: Option<String>,
    reason: Option<String>,
}

/// The reply of a source that accepts all records.
pub(crate) fn accept(call: &Call) -> Reply {
    let accepted = vec![json!({"RecordId": "r"}); payloads(call).len()];
    Reply::json(200, &json!({"FailedPutCount": 0, "RequestResponses": accepted}))
}

/// The payloads of the records in a call.
pub(crate) fn payloads(call: &Call) -> Vec<String> {
    let body = call.json();
    let data = body["Records"].as_array().unwrap().iter().map(|record| record["Data"].as_str());
    let payload = |data: Option<&str>| STANDARD.decode_to_vec(data.unwrap()).unwrap();
    data.map(|data| String::from_utf8(payload(data)).unwrap()).collect()
}

/// The failures that the log reports: reason, number of records, and the first record's id.
pub(crate) fn failures(records: &[GoldenRecord]) -> BTreeMap<String, (u64, String)> {
    let mut failures = BTreeMap::new();
    for GoldenRecord { reason, record_id, .. } in records {
        let Some(reason) = reason else { continue };
        failures.entry(reason.clone()).or_insert((0, record_id.clone())).0 += 1;
    }
    failures
}

impl GoldenRecord {
    /// Asserts that `actual` matches this golden record.
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

/// The golden document with the time of ingestion instead of `<now>`, `<hour>` and `<weekday>`.
fn with_time_of(actual: &str, golden: &str) -> String {
    if !golden.contains("<now>") {
        return golden.to_owned();
    }
    // No value before it can contain these bytes: a quote in a string is escaped.
    let ingested = actual.split_once(",\"ingested\":\"").map_or("", |(_, after)| after);
    let ingested = &ingested[..ingested.find('"').unwrap_or(0)];
    let time = Timestamp::from_text(ingested.as_bytes()).expect("a time of ingestion");
    golden
        .replace("<now>", ingested)
        .replace("\"<hour>\"", &time.hour().to_string())
        .replace("\"<weekday>\"", &time.weekday().to_string())
}
