//! Records and documents that Firehose could not deliver.

use base64_simd::STANDARD;

use super::*;

/// A line of `processing-failed/`.
fn failed(code: &str, arrival: &Value, data: &[u8]) -> Value {
    json!({
        "attemptsMade": 1, "arrivalTimestamp": arrival, "errorCode": code, "errorMessage": "m",
        "attemptEndingTimestamp": 1, "rawData": STANDARD.encode_to_string(data), "lambdaArn": "arn",
    })
}

fn object(lines: &[Value]) -> String {
    lines.iter().fold(String::new(), |object, line| object + &line.to_string() + "\n")
}

/// The id that firehose-transform generates for an event without one.
fn of_firehose(text: &str, arrival: &str) -> String {
    derived(&[&[text, arrival].concat()])
}

#[test]
fn what_failed_is_loaded_as_it_would_have_been_delivered() {
    on_paused_clock(async {
        for (key, packed) in
            [("processing-failed/2024/x", false), ("a/processing-failed/x.gz", true)]
        {
            let mut handler = Handler::new(&[]);
            let time = json!(1_709_290_000_000_u64);
            let text = object(&[
                failed("Lambda.FunctionError", &time, b"{\"a\":1}"),
                failed(
                    "Lambda.FunctionError",
                    &json!("1709290000000"),
                    b"{\"a\":2}\n{\"id\":\"own\"}",
                ),
                failed("Lambda.FunctionError", &time, &gzip("{\"a\":3}")),
            ]);
            handler.put(key, if packed { gzip(&text) } else { text.into_bytes() });
            let (_, counted) = handler.handle(&load(key)).await;
            assert_eq!(counted, counts(&[("DocumentsIndexed", 4), ("ObjectsDone", 1)]));
            let mut expected = vec!["own".to_owned()];
            for event in ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"] {
                expected.push(of_firehose(event, "1709290000000"));
            }
            expected.sort();
            assert_eq!(ids(&handler), expected);
            let (_, document) = &handler.index()["own"];
            assert_eq!(document["@timestamp"], "2024-03-01T10:46:40.000Z");
        }
    });
}

#[test]
fn a_document_is_created_as_it_is_under_its_id_in_its_index() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let mut line = failed("400", &json!(1), b"{\"@timestamp\":\n\"t\", \"x\":[1]}");
        line["esDocumentId"] = json!("4\"9");
        line["esIndexName"] = json!("music-events-2024-03-01");
        let mut broken = line.clone();
        broken["rawData"] = json!(STANDARD.encode_to_string("oops"));
        handler.put("AmazonOpenSearchService_failed/x", object(&[line, broken]));
        let (_, counted) = handler.handle(&load("AmazonOpenSearchService_failed/x")).await;
        let expected = [("DocumentsIndexed", 1), ("ObjectsDone", 1), ("RecordsRefused", 1)];
        assert_eq!(counted, counts(&expected));
        let expected = ("music-events-2024-03-01".to_owned(), json!({"@timestamp": "t", "x": [1]}));
        assert_eq!(handler.index()["4\"9"], expected);
        // A document that is refused again is kept as a document.
        let [kept] = &handler.kept().into_values().flatten().collect::<Vec<_>>()[..] else {
            panic!("one is refused")
        };
        assert_eq!(refused(kept), ("invalid_json".to_owned(), "oops".to_owned()));
        assert_eq!(
            (&kept["esDocumentId"], &kept["esIndexName"], &kept["eventId"]),
            (&json!("4\"9"), &json!("music-events-2024-03-01"), &Value::Null)
        );
    });
}

#[test]
fn every_name_of_the_folder_of_documents_is_known() {
    on_paused_clock(async {
        for folder in [
            "AmazonOpenSearchService_failed",
            "AmazonOpenSearchService-failed",
            "elasticsearch_failed",
            "elasticsearch-failed",
        ] {
            let mut line = failed("400", &json!(1), b"{\"a\":1}");
            line["esDocumentId"] = json!("d");
            line["esIndexName"] = json!("i");
            let key = format!("{folder}/2024/03/01/x");
            let mut handler = Handler::new(&[]);
            handler.put(&key, object(&[line]));
            handler.handle(&load(&key)).await;
            assert_eq!(handler.index()["d"], ("i".to_owned(), json!({"a": 1})), "{folder}");
        }
    });
}

#[test]
fn a_document_may_stand_between_white_space_and_have_no_id() {
    on_paused_clock(async {
        let line = |id: &str, document: &str| {
            let mut line = failed("400", &json!(1), document.as_bytes());
            line["esDocumentId"] = json!(id);
            line["esIndexName"] = json!("i");
            line
        };
        let lines =
            [line("1", "{\"a\":1}\n"), line("2", "\u{feff} {\"a\":2}"), line("", "{\"a\":3}")];
        let mut handler = Handler::new(&[]);
        handler.put("AmazonOpenSearchService_failed/x", object(&lines));
        let request = load("AmazonOpenSearchService_failed/x");
        for counted in ["DocumentsIndexed", "DocumentsDuplicate"] {
            let (_, counts_of_it) = handler.handle(&request).await;
            assert_eq!(counts_of_it, counts(&[(counted, 3), ("ObjectsDone", 1)]));
        }
        let derived = of_firehose("{\"a\":3}", "1");
        assert_eq!(ids(&handler), ["1", "2", &*derived]);
        assert_eq!(handler.index()["2"].1, json!({"a": 2}));
    });
}

#[test]
fn only_what_is_asked_for_is_loaded() {
    on_paused_clock(async {
        let lines = object(&[
            failed("a", &json!(1_709_251_200_000_u64), b"{\"id\":\"1\"}"),
            failed("b", &json!(1_709_254_800_000_u64), b"{\"id\":\"2\"}"),
            failed("a", &json!(1_709_258_400_000_u64), b"{\"id\":\"3\"}"),
        ]);
        for (selection, expected) in [
            (json!({}), &["1", "2", "3"][..]),
            (json!({"reason": ["a"]}), &["1", "3"]),
            (json!({"reason": ["b", "c"]}), &["2"]),
            (json!({"from": "2024-03-01T01:00:00Z"}), &["2", "3"]),
            (json!({"until": "2024-03-01T01:00:00Z"}), &["1"]),
            (json!({"from": "2024-03-01T01:00:00Z", "until": "2024-03-01T02:00:00Z"}), &["2"]),
        ] {
            let mut handler = Handler::new(&[]);
            handler.put("elasticsearch_failed/x", lines.clone());
            let mut request = load("elasticsearch_failed/x");
            request.as_object_mut().unwrap().extend(selection.as_object().unwrap().clone());
            let (again, counted) = handler.handle(&request).await;
            assert!(!again);
            assert_eq!(ids(&handler), expected);
            let dropped = counted.iter().find(|(name, _)| name == "RecordsDropped");
            assert_eq!(dropped.map_or(0, |(_, count)| *count), 3 - expected.len() as u64);
        }
    });
}

#[test]
fn what_is_refused_again_is_kept_again() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let mut known = failed("x", &json!(5_000), b"oops");
        known["eventId"] = json!("known");
        let lines = [
            json!({"errorCode": "too_large", "bytes": 2_000_000}),
            known,
            json!({"errorCode": "x", "rawData": "*"}),
            json!([1]),
            failed("x", &json!(5_000), b""),
            failed("x", &json!(5_000), &gzip("{\"id\":\"a\"}oops")[..20]),
            failed("x", &json!(5_000), &gzip(&"{}\n".repeat(10_001))),
            failed("x", &json!(5_000), &gzip(&[" ".repeat(16 << 20).as_str(), "{}"].concat())),
        ];
        handler.put("processing-failed/x", object(&lines));
        let (again, _) = handler.handle(&load("processing-failed/x")).await;
        assert!(!again);
        let kept: Vec<_> = handler.kept().into_values().flatten().collect();
        let reasons: Vec<_> = kept.iter().map(|line| line["errorCode"].as_str().unwrap()).collect();
        let expected = [
            "too_large",
            "invalid_json",
            "x",
            "not_an_object",
            "empty",
            "invalid_gzip",
            "too_large",
            "too_large",
        ];
        assert_eq!(reasons, expected);
        // The problem of a line is not stored in the line: as the error of a failure, it would be
        // loaded as an event the next time.
        assert_eq!([&kept[0], &kept[2]], [&lines[0], &lines[2]]);
        assert_eq!(refused(&kept[1]).1, "oops");
        assert_eq!(
            (&kept[1]["eventId"], &kept[1]["arrivalTimestamp"]),
            (&json!("known"), &json!(5_000_000))
        );
    });
}

#[test]
fn members_may_be_written_as_other_types() {
    on_paused_clock(async {
        let mut line = failed("", &json!(5_000), b"{\"a\":1}");
        line["errorCode"] = json!(400);
        line["eventId"] = json!(17);
        let mut of_nothing = failed("", &json!(5_000), b"{\"id\":\"b\"}");
        for name in ["errorCode", "esDocumentId", "eventId", "documentId"] {
            of_nothing[name] = Value::Null;
        }
        let mut handler = Handler::new(&[]);
        handler.put("processing-failed/x", object(&[line, of_nothing]));
        let mut request = load("processing-failed/x");
        let (_, counted) = handler.handle(&request).await;
        assert_eq!(counted, counts(&[("DocumentsIndexed", 2), ("ObjectsDone", 1)]));
        assert_eq!(ids(&handler), ["17", "b"]);
        request["reason"] = json!(["400"]);
        let (_, counted) = handler.handle(&request).await;
        let expected = [("DocumentsDuplicate", 1), ("ObjectsDone", 1), ("RecordsDropped", 1)];
        assert_eq!(counted, counts(&expected));
    });
}

#[test]
fn failures_are_records_of_their_own_elsewhere_unless_they_are_asked_for() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", object(&[failed("a", &json!(1), b"{\"id\":\"1\"}")]));
        handler.handle(&load("k")).await;
        let index = handler.index();
        let (_, document) = index.values().next().unwrap();
        assert_eq!(document["extra"]["errorCode"], "a");
        let mut request = load("k");
        request["failures"] = json!(true);
        handler.handle(&request).await;
        assert!(handler.index().contains_key("1"));
        handler.put("processing-failed/k", "{\"id\":\"2\"}");
        let mut request = load("processing-failed/k");
        request["failures"] = json!(false);
        handler.handle(&request).await;
        assert!(handler.index().contains_key("2"));
    });
}
