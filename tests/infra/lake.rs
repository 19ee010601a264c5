//! The lake: its columns are the members of documents, and all parts use the same locations of
//! objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::event::{self, Arrival, Identity, Reader, Timestamp};

use crate::resources;

fn columns(table: &Value) -> BTreeMap<String, String> {
    let columns = table["Properties"]["TableInput"]["StorageDescriptor"]["Columns"].as_array();
    let text = |column: &Value, name: &str| column[name].as_str().unwrap().to_owned();
    columns.unwrap().iter().map(|one| (text(one, "Name"), text(one, "Type"))).collect()
}

/// The members of a struct with their types; `None` for a scalar.
fn members(kind: &str) -> Option<BTreeMap<&str, &str>> {
    let members = kind.strip_prefix("struct<")?.strip_suffix('>')?;
    Some(members.split(',').map(|member| member.split_once(':').unwrap()).collect())
}

/// Documents that together contain every existing member.
fn documents() -> Vec<Value> {
    let everything = json!({
        "event_id": "1", "action": "play", "timestamp": "2024-03-01T12:34:56Z",
        "artist": {"id": "2", "name": "n", "genre": ["a", "b"]},
        "song": {"id": "3", "title": "t", "duration_ms": 200_000, "album": "a"},
        "user": {"id": "4", "country": "KR"}, "device": "ios", "session_id": "5",
        "listened_ms": 100_000, "position_ms": 0, "shuffle": true, "app_version": "8.1.2",
    });
    let in_envelope = json!({"Type": "Notification", "MessageId": "6", "Message": "{}"});
    let overflows = json!({"app_version": "x".repeat(100)});
    let environment = [("EXTRA_MAX_BYTES", "64")].into_iter().collect();
    let model = event::model(&environment).unwrap();
    let now = Timestamp::from_rfc3339(b"2024-03-01T12:34:58Z").unwrap();
    let document = |payload: Value| {
        let (payload, mut reader) = (payload.to_string(), Reader::default());
        let mut event = reader.read(&model, payload.as_bytes()).unwrap();
        let mut out = Vec::new();
        event.write_document(
            &Arrival { time: None, now, identity: Identity::Known(b"7") },
            &mut out,
        );
        serde_json::from_slice(&out).unwrap()
    };
    [everything, in_envelope, overflows].map(document).into()
}

#[test]
fn the_table_has_a_column_for_every_member_of_a_document() {
    let columns = columns(&resources("lake.yaml")["Table"]);
    let documents = documents();
    let mut seen = BTreeSet::new();
    for document in &documents {
        for (name, value) in document.as_object().unwrap() {
            let column = if name == "@timestamp" { "timestamp" } else { name };
            let kind = columns.get(column).unwrap_or_else(|| panic!("no column {column}"));
            let fields = members(kind);
            let inside = value.as_object().filter(|_| fields.is_some()).into_iter().flatten();
            for (field, value) in inside {
                let kind = fields.as_ref().and_then(|fields| fields.get(field.as_str()));
                let kind = kind.unwrap_or_else(|| panic!("no field {column}.{field}"));
                // Only computed members have a type other than text.
                assert!(*kind == "string" || value.is_number(), "{column}.{field} is {value}");
                seen.insert(format!("{column}.{field}"));
            }
            seen.insert(column.to_owned());
        }
    }
    let all: Vec<_> = columns
        .iter()
        .flat_map(|(name, kind)| {
            let fields = members(kind).unwrap_or_default();
            let fields = fields.into_keys().map(move |field| format!("{name}.{field}"));
            [name.clone()].into_iter().chain(fields)
        })
        .collect();
    let missing: Vec<_> = all.iter().filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "no document has {missing:?}");
    let unknown = seen.iter().filter(|name| !all.contains(name)).count();
    assert_eq!(unknown, 0);
}

#[test]
fn stream_table_and_projection_agree_and_failures_are_elsewhere() {
    let resources = resources("lake.yaml");
    let stream = &resources["DeliveryStream"]["Properties"]["ExtendedS3DestinationConfiguration"];
    let prefix = stream["Prefix"].as_str().unwrap();
    let by_day = "year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/";
    assert_eq!(prefix, format!("documents/{by_day}"));
    let table = &resources["Table"]["Properties"]["TableInput"];
    let location = |value: &Value| value["Fn::Sub"][0].as_str().unwrap().to_owned();
    let place = location(&table["StorageDescriptor"]["Location"]);
    assert_eq!(place, "s3://${Name}/documents/");
    let template = location(&table["Parameters"]["storage.location.template"]);
    assert_eq!(template, format!("{place}year=${{!year}}/month=${{!month}}/day=${{!day}}/"));
    let keys = table["PartitionKeys"].as_array().unwrap().iter();
    let keys: Vec<_> = keys.map(|key| key["Name"].as_str().unwrap()).collect();
    assert_eq!(keys, ["year", "month", "day"]);
    for key in keys {
        assert_eq!(table["Parameters"][format!("projection.{key}.type")], "integer", "{key}");
    }
    let failures = stream["ErrorOutputPrefix"].as_str().unwrap();
    assert_eq!(failures, format!("failed/!{{firehose:error-output-type}}/{by_day}"));
    let crawled = &resources["DailyCrawler"]["Properties"]["Targets"]["S3Targets"][0];
    assert_eq!(location(&crawled["Path"]), place);
    // Firehose converts, so the object itself is not compressed again.
    assert_eq!(stream["CompressionFormat"], "UNCOMPRESSED");
    let converted = &stream["DataFormatConversionConfiguration"];
    assert_eq!(
        converted["OutputFormatConfiguration"]["Serializer"]["ParquetSerDe"]["Compression"],
        "SNAPPY"
    );
    let names = &converted["InputFormatConfiguration"]["Deserializer"]["OpenXJsonSerDe"];
    assert_eq!(names["ColumnToJsonKeyMappings"], json!({"timestamp": "@timestamp"}));
    assert!(stream["BufferingHints"]["SizeInMBs"].as_u64().unwrap() >= 64);
}
