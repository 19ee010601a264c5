//! The handler with S3, OpenSearch and SQS in memory.

#![cfg(test)]

#[path = "../support"]
mod support {
    pub(crate) mod outside;
}

mod continuing;
mod failures;
mod history;
mod reloading;
mod unavailable;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use object_loader::ObjectError;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::on_paused_clock;

use support::outside::{Bulk, Get, Handler, load, refused};

fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// The first 32 hexadecimal digits of the SHA-256 of these texts, separated by zero bytes.
fn derived(parts: &[&str]) -> String {
    let hash = Sha256::digest(parts.join("\0"));
    hash[..16].iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The ids in the index.
fn ids(handler: &Handler) -> Vec<String> {
    handler.index().into_keys().collect()
}

/// Events `e<from>` to `e<to>`, one per line.
fn lines(from: u32, to: u32) -> String {
    (from..to).fold(String::new(), |mut lines, number| {
        writeln!(lines, "{{\"id\":\"e{number:05}\"}}").unwrap();
        lines
    })
}

#[test]
fn the_records_of_an_object_become_documents_whatever_it_is_packed_in() {
    on_paused_clock(async {
        let text = lines(0, 2_500);
        for body in [
            text.clone().into_bytes(),
            gzip(&text),
            [gzip(&lines(0, 7)), gzip(&lines(7, 2_500))].concat(),
            compress_to_vec(text.as_bytes(), CompressionLevel::Fastest),
        ] {
            let mut handler = Handler::new(&[]);
            let length = body.len() as u64;
            handler.put("k", body);
            let (again, _) = handler.handle_within(&load("k"), Duration::from_mins(15)).await;
            assert!(!again);
            let metrics = handler.metrics();
            assert_eq!(metrics["BytesRead"], length);
            assert_eq!((metrics["RecordsIn"], metrics["BulkRequests"]), (2_500, 3));
            assert!(metrics["BulkBytes"] > 2_500 * 100, "{metrics:?}");
            let sizes: Vec<_> = handler.requests().iter().map(Vec::len).collect();
            assert_eq!(sizes, [1_000, 1_000, 500]);
            let (index, document) = handler.index()["e02499"].clone();
            assert_eq!((&*index, &document["event"]["id"]), ("events", &json!("e02499")));
            assert_eq!(document["@timestamp"], "2024-03-01T12:34:58.000Z", "Last-Modified");
            assert_eq!(document["event"]["timestamp_source"], "arrival");
            // After a second delivery, nothing exists twice.
            let (again, counted) = handler.handle(&load("k")).await;
            assert_eq!(
                (again, counted),
                (false, counts(&[("DocumentsDuplicate", 2_500), ("ObjectsDone", 1)]))
            );
        }
    });
}

#[test]
fn a_record_without_an_id_is_known_by_its_place_and_its_text() {
    on_paused_clock(async {
        for how in ["event", "id"] {
            let mut handler = Handler::new(&[("DOCUMENT_ID", how)]);
            let object = "{\"a\":1}\n{\"a\":1}\n [ {\"b\": 2}]";
            handler.put("k/1", object);
            handler.handle(&load("k/1")).await;
            let mut expected = vec![
                derived(&["b", "k/1", "0", "{\"a\":1}"]),
                derived(&["b", "k/1", "8", "{\"a\":1}"]),
                derived(&["b", "k/1", "19", "{\"b\": 2}"]),
            ];
            expected.sort();
            assert_eq!(ids(&handler), expected);
            // Uploaded again with more lines, each event exists once.
            handler.put("k/1", format!("{object}\n{{\"c\":3}}"));
            let (_, counted) = handler.handle(&load("k/1")).await;
            let indexed = [("DocumentsDuplicate", 3), ("DocumentsIndexed", 1), ("ObjectsDone", 1)];
            assert_eq!(counted, counts(&indexed));
        }
    });
}

#[test]
fn lines_of_text_are_messages_with_their_time() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("FORMAT", "text")]);
        handler.put("k", gzip("\u{feff}2024-02-01T00:00:00Z first\n\n{\"id\":\"x\"}\n"));
        handler.handle(&load("k")).await;
        let index = handler.index();
        let first = &index[&derived(&["b", "k", "3", "2024-02-01T00:00:00Z first"])].1;
        assert_eq!(first["@timestamp"], "2024-02-01T00:00:00.000Z");
        assert_eq!(first["extra"], json!({"message": "first"}));
        let second = &index[&derived(&["b", "k", "31", "{\"id\":\"x\"}"])].1;
        assert_eq!(second["extra"], json!({"message": "{\"id\":\"x\"}"}));
        assert_eq!(index.len(), 2);
    });
}

#[test]
fn events_in_an_envelope_are_found_in_every_form() {
    on_paused_clock(async {
        for events in [
            "{\"id\":\"a\"}{\"id\":\"b\"}",
            "{\"id\":\"a\"}\n{\n  \"id\": \"b\"\n}\n",
            "{\"id\":\"a\"}\n{\"id\":\"b\"}{\"id\":\"c\"}\noops\n",
        ] {
            let mut handler = Handler::new(&[]);
            let sns = json!({"Type": "Notification", "MessageId": "m", "Message": events});
            handler.put("k", format!("{{\"id\":\"_\"}}\n{sns}\n"));
            handler.handle(&load("k")).await;
            let refused: Vec<_> = handler.kept().into_values().flatten().collect();
            assert_eq!(refused.len(), events.matches("oops").count(), "{events}: {refused:?}");
            assert_eq!(handler.index().len(), 1 + events.matches("id").count(), "{events}");
        }
    });
}

#[test]
fn envelopes_around_records_are_opened() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let event = json!({"detail-type": "Play", "source": "app", "id": "x", "detail": {"a": 1}});
        let several =
            json!({"Type": "Notification", "MessageId": "s", "Message": "[{\"id\":1},{\"id\":2}]"});
        let cut_off = json!({"Type": "Notification", "MessageId": "t", "Message": ""});
        handler.put("k", format!("{event}{several}{cut_off}"));
        let (_, counted) = handler.handle(&load("k")).await;
        let expected = [("DocumentsIndexed", 3), ("ObjectsDone", 1), ("RecordsRefused", 1)];
        assert_eq!(counted, counts(&expected));
        assert_eq!(ids(&handler), ["1", "2", "x"]);
        let (_, document) = &handler.index()["x"];
        assert_eq!(
            document["envelope"],
            json!({"kind": "eventbridge", "id": "x", "source": "app", "type": "Play"})
        );
    });
}

#[test]
fn events_of_one_record_are_never_one_document() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let message = "[{\"a\":1},{\"a\":1},{\"a\":2}]";
        let record = json!({"Type": "Notification", "Message": message});
        handler.put("k", format!("{record}"));
        for (indexed, duplicate) in [(3, 0), (0, 3)] {
            handler.handle_within(&load("k"), Duration::from_mins(15)).await;
            let metrics = handler.metrics();
            let found = (metrics["DocumentsIndexed"], metrics["DocumentsDuplicate"]);
            assert_eq!(found, (indexed, duplicate));
        }
    });
}

#[test]
fn log_events_of_cloudwatch_logs_are_events() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let message = json!({
            "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/app",
            "logStream": "s", "subscriptionFilters": [], "logEvents": [
                {"id": "37", "timestamp": 1_709_290_000_000_u64, "message": "started"},
                {"id": "38", "timestamp": 1_709_290_000_001_u64, "message": "{\"n\":1,\"id\":\"own\"}"},
            ],
        });
        let control = json!({
            "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "",
            "logStream": "", "subscriptionFilters": [], "logEvents": [],
        });
        handler.put("k", gzip(&format!("{message}{control}{{\"id\":\"x\"}}")));
        let (_, counted) = handler.handle(&load("k")).await;
        let expected = [("DocumentsIndexed", 3), ("ObjectsDone", 1), ("RecordsDropped", 1)];
        assert_eq!(counted, counts(&expected));
        assert_eq!(ids(&handler), ["37", "own", "x"]);
        let (_, document) = &handler.index()["37"];
        assert_eq!(document["@timestamp"], "2024-03-01T10:46:40.000Z");
        assert_eq!(document["extra"], json!({"message": "started"}));
        let envelope = json!({
            "kind": "cloudwatch_logs", "id": "37", "source": "/app", "type": "s",
            "time": 1_709_290_000_000_u64, "account": "123456789012",
        });
        assert_eq!(document["envelope"], envelope);
    });
}

#[test]
fn documents_can_be_the_events_as_they_are() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("DOCUMENT", "passthrough")]);
        handler.put("k", "{\"id\":\"a\",\"n\":null}\n{\"b\":1.50}");
        handler.handle(&load("k")).await;
        let index = handler.index();
        let time = "2024-03-01T12:34:58.000Z";
        assert_eq!(index["a"].1, json!({"@timestamp": time, "id": "a", "n": null}));
        let derived = derived(&["b", "k", "20", "{\"b\":1.50}"]);
        assert_eq!(index[&derived].1, json!({"@timestamp": time, "b": 1.5}));
    });
}

#[test]
fn metrics_of_documents_count_what_is_new() {
    on_paused_clock(async {
        let rules = r#"[{"metric":"Plays","when":{"event.action":["play"]}}]"#;
        let mut handler = Handler::new(&[("METRIC_RULES", rules)]);
        handler.put("k", r#"{"id":"a","type":"play"}{"id":"b","type":"play"}{"id":"c"}"#);
        for expected in [Some(2), None] {
            handler.handle_within(&load("k"), Duration::from_mins(15)).await;
            let lines = handler.lines();
            assert_eq!(lines.get(1).map(|line| line["Plays"].as_u64().unwrap()), expected);
        }
    });
}

#[test]
fn actions_that_are_listed_are_dropped() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("DROP_ACTIONS", "ping")]);
        handler.put("k", r#"{"id":"a","type":"ping"}{"id":"b","type":"play"}"#);
        let (_, counted) = handler.handle(&load("k")).await;
        let expected = [("DocumentsIndexed", 1), ("ObjectsDone", 1), ("RecordsDropped", 1)];
        assert_eq!((counted, ids(&handler)), (counts(&expected), vec!["b".to_owned()]));
    });
}

#[test]
fn refused_records_are_kept_and_can_be_loaded_again() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let large = format!("{{\"id\":\"{}\"}}", "x".repeat(1_100_000));
        handler
            .put("a/k", format!("{{\"id\":\"a\"}}\noops\n{{\"id\":\"b\"}}\n{large}\n{{\"n\":1}}"));
        handler.opensearch([Bulk::Items(&[1], 400, "mapper_parsing_exception")]);
        let (again, counted) = handler.handle(&load("a/k")).await;
        let expected = [("DocumentsIndexed", 2), ("ObjectsDone", 1), ("RecordsRefused", 3)];
        assert_eq!((again, counted), (false, counts(&expected)));
        let kept = handler.kept();
        let name = derived(&["b", "a/k", ""]);
        let key = format!("object-loader-failed/2024/03/01/12/{name}-00000000000000000011.json");
        assert_eq!(kept.keys().collect::<Vec<_>>(), [&key]);
        let [broken, mapped, too_large] = &kept[&key][..] else { panic!("{kept:?}") };
        assert_eq!(refused(broken), ("invalid_json".to_owned(), "oops".to_owned()));
        assert_eq!(
            *broken,
            json!({
                "attemptsMade": 1, "arrivalTimestamp": 1_709_296_498_000_u64,
                "errorCode": "invalid_json", "errorMessage": "it is not one JSON value",
                "attemptEndingTimestamp": 1_709_296_500_000_u64, "rawData": "b29wcw==",
                "eventId": derived(&["b", "a/k", "11", "oops"]),
                "source": {"bucket": "b", "key": "a/k", "offset": 11},
            })
        );
        let reason = "mapper_parsing_exception".to_owned();
        assert_eq!(refused(mapped), (reason, "{\"id\":\"b\"}".to_owned()));
        assert_eq!((&mapped["eventId"], &mapped["source"]["offset"]), (&json!("b"), &json!(16)));
        assert_eq!(too_large["errorCode"], "too_large");
        assert_eq!((&too_large["rawData"], &too_large["bytes"]), (&Value::Null, &json!(1_100_009)));

        // A second delivery overwrites it.
        handler.opensearch([Bulk::Items(&[1], 400, "mapper_parsing_exception")]);
        handler.handle(&load("a/k")).await;
        assert_eq!(handler.kept().len(), 1);
        // Kept records are loaded with their original ids.
        let line = kept[&key].iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        handler.put("refused", line.replace("b29wcw==", "eyJuIjoyfQ=="));
        let request = json!({"sluice": "load", "bucket": "b", "key": "refused", "failures": true});
        let (_, counted) = handler.handle(&request).await;
        let expected = [("DocumentsIndexed", 2), ("ObjectsDone", 1), ("RecordsRefused", 1)];
        assert_eq!(counted, counts(&expected));
        assert!(handler.index().contains_key("b"));
        assert!(handler.index().contains_key(&derived(&["b", "a/k", "11", "oops"])));
    });
}

#[test]
fn a_broken_packing_loses_nothing_that_comes_out_of_it() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let packed = gzip(&lines(0, 1_000));
        handler.put("k", packed[..packed.len() / 2].to_vec());
        let (again, _) = handler.handle(&load("k")).await;
        let indexed = u32::try_from(handler.index().len()).unwrap();
        assert!(!again && indexed > 100, "{indexed}");
        assert_eq!(
            ids(&handler),
            lines(0, indexed)
                .replace(['{', '}', '"'], "")
                .replace("id:", "")
                .lines()
                .collect::<Vec<_>>()
        );
        let [line] = &handler.kept().into_values().next().unwrap()[..] else { panic!() };
        assert_eq!(refused(line).0, "invalid_gzip");
        assert!(lines(indexed, indexed + 1).starts_with(&refused(line).1), "{line}");
    });
}

#[test]
fn notifications_below_the_failures_and_folders_are_ignored() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let notification = |bucket: &str, key: &str| {
            json!({"Records": [{"eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})
        };
        for body in [
            notification("backup", "object-loader-failed/x.json"),
            notification("b", "folder/"),
            load("folder/"),
            json!({"Event": "s3:TestEvent"}),
        ] {
            let expected = (false, counts(&[("ObjectsIgnored", 1)]));
            assert_eq!(handler.handle(&body).await, expected, "{body}");
        }
        assert_eq!(handler.ranges(), []);
        // In another bucket, or on request, an object with such a key is loaded.
        let (again, _) = handler.handle(&notification("b", "object-loader-failed/x.json")).await;
        assert!(again && handler.ranges().len() == 1);
    });
}
