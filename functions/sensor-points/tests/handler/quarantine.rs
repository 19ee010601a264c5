//! Readings that can never become points.

use super::*;

const ID: &str = "shardId-000000000000:";

#[test]
fn refused_readings_are_kept_with_their_reason_and_place() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let deep = format!("{{\"items\":1,\"a\":{deep}}}");
        let number = format!("{{\"items\":{}}}", "1".repeat(1_001));
        let cut_off = r#"[{"items":1},{"items":"#;
        let envelope = json!({"Type": "Notification", "Message": "oops"}).to_string();
        let of_nothing = json!({"Type": "Notification", "Message": ""}).to_string();
        let around_two =
            json!({"Type": "Notification", "Message": "[{\"x\":1},{\"items\":1}]"}).to_string();
        let payloads = [
            "oops",
            "5",
            &deep,
            &number,
            cut_off,
            "[{\"items\":1},{\"items\":[]},5]",
            "{\"line\":[],\"items\":1}\n{\"line\":\"a\"}\n",
            &envelope,
            &of_nothing,
            &around_two,
        ];
        let mut event = super::payloads(&payloads);
        let mut more = |data: &str| {
            let records = event["Records"].as_array_mut().unwrap();
            let mut record = record(records.len(), "");
            record["kinesis"]["data"] = json!(data);
            records.push(record);
        };
        // Bytes that are not UTF-8, and data that is not base64.
        more("eyL/Ijox");
        more("*");
        assert_eq!(handler.handle(&event).await, None);
        let calls = handler.calls();
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 4], "ten a call");
        let row = |entry: shared::sqs::Quarantined| {
            let of = |name: &str| {
                let found = entry.attributes.iter().find(|(own, _)| own == name);
                found.and_then(|(_, value)| value.text()).unwrap_or_default().to_owned()
            };
            assert!(!of("sluice.detail").is_empty());
            assert!(of("sluice.receive_count").is_empty());
            let place = of("sluice.message_id").replace(ID, "") + "/" + &of("sluice.position");
            (of("sluice.reason"), place, entry.body.clone(), of("sluice.encoding"))
        };
        let kept: Vec<_> = calls.into_iter().flatten().map(row).collect();
        let expected = [
            ("invalid_json", "0/0", "oops", ""),
            ("not_an_object", "1/0", "5", ""),
            ("too_deep", "2/0", &deep, ""),
            ("number_too_long", "3/0", &number, ""),
            ("invalid_json", "4/1", "{\"items\":", ""),
            ("bad_field", "5/1", "{\"items\":[]}", ""),
            ("not_an_object", "5/2", "5", ""),
            ("bad_tag", "6/0", "{\"line\":[],\"items\":1}", ""),
            ("no_fields", "6/1", "{\"line\":\"a\"}", ""),
            ("invalid_json", "7/0", &envelope, ""),
            ("empty", "8/0", &of_nothing, ""),
            ("no_fields", "9/0", "{\"x\":1}", ""),
            ("invalid_utf8", "10/0", "eyL/Ijox", "base64"),
            ("invalid_base64", "11/0", "*", ""),
        ];
        let owned = |(reason, place, body, encoding): (&str, &str, &str, &str)| {
            (reason.to_owned(), place.to_owned(), body.to_owned(), encoding.to_owned())
        };
        assert_eq!(kept, expected.map(owned));
        let expected = [
            ("PointsWritten", 3),
            ("ReadingsRefused", 14),
            ("RecordsDone", 12),
            ("TimestampFallbacks", 3),
        ];
        assert_eq!(counted(&handler), counts(&expected));
    });
}

#[test]
fn too_large_a_reading_is_refused_and_cut() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let large = format!("{{\"items\":1,\"pad\":\"{}\"}}", "x".repeat(1_048_576));
        assert_eq!(handler.handle(&payloads(&[&large])).await, None);
        let calls = handler.calls();
        let entry = &calls[0][0];
        assert!(large.starts_with(&entry.body) && entry.bytes() == 1_048_576);
        let bytes = entry.attributes.iter().find(|(name, _)| name == "sluice.bytes").unwrap();
        assert_eq!(bytes.1.text(), Some(&*large.len().to_string()));
    });
}

#[test]
fn a_record_waits_for_its_quarantine() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let good = reading("m", 1);
        // SQS accepts the first, not the second.
        let records = payloads(&[&good, "oops", &good, "5", "oops", &good]);
        handler.sqs([Send::Refuse(1)]);
        assert_eq!(handler.handle(&records).await.as_deref(), Some("3"));
        let expected = [
            ("PointsWritten", 2),
            ("ReadingsRefused", 1),
            ("RecordsDone", 3),
            ("RecordsRetried", 3),
        ];
        assert_eq!(counted(&handler), counts(&expected));
        // A call that fails counts as a failure of its first record.
        handler.sqs([Send::Hang]);
        assert_eq!(handler.handle(&records).await.as_deref(), Some("1"));
        handler.sqs([Send::After(Duration::from_secs(1))]);
        assert_eq!(handler.handle(&records).await, None);
    });
}

#[test]
fn what_is_refused_after_the_first_redelivered_record_is_not_sent() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("WRITE_MAX_LINES", "1")]);
        let records = payloads(&["oops", POISON, &reading("m", 1), "5", &reading("m", 2)]);
        handler.store([Write::Store(Duration::ZERO), Write::Answer(429, "")]);
        assert_eq!(handler.handle(&records).await.as_deref(), Some("2"));
        let reasons: Vec<_> = handler.kept().into_iter().map(|[reason, ..]| reason).collect();
        assert_eq!(reasons, ["invalid_json", "store_refused"]);
    });
}

#[test]
fn of_a_thousand_refused_readings_and_more_the_record_is_kept() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let refused = vec!["5"; 1_001].join(",");
        let records: Vec<_> =
            [format!("[{},{refused}]", reading("m", 1)), format!("[{}]", &refused[..1_999])]
                .iter()
                .enumerate()
                .map(|(number, payload)| record(number, payload))
                .collect();
        assert_eq!(handler.handle(&event(&records)).await, None);
        let kept = handler.kept();
        assert_eq!(kept.len(), 1_001);
        assert_eq!(kept[0][..3], ["not_an_object", &format!("{ID}0"), "1"]);
        assert!(kept[0][3].starts_with("[{\"machine\""));
        assert_eq!(kept[1][1..], [format!("{ID}1"), "0".to_owned(), "5".to_owned()]);
        let expected = [("PointsWritten", 1), ("ReadingsRefused", 2_001), ("RecordsDone", 2)];
        assert_eq!(counted(&handler), counts(&expected));
    });
}

#[test]
fn a_record_that_one_message_cannot_hold_is_kept_in_several() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let refused: Vec<_> = (0..3_000).map(|number| format!("{number:0>345}")).collect();
        let texts: Vec<_> = refused.iter().map(String::as_str).collect();
        assert_eq!(handler.handle(&event(&[record(0, aggregate(&texts))])).await, None);
        let kept = handler.kept();
        let [first, second] = &kept[..] else { panic!("{}", kept.len()) };
        let lines: Vec<_> = [first, second].iter().flat_map(|entry| entry[3].lines()).collect();
        assert_eq!(lines, texts);
        let place = first[3].lines().count().to_string();
        assert_eq!([&*first[2], &second[2]], ["0", &place]);
        assert_eq!(counted(&handler), counts(&[("ReadingsRefused", 3_000), ("RecordsDone", 1)]));
    });
}

#[test]
fn what_waits_for_quarantine_is_bounded() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let thousand = vec!["5"; 1_000].join(",");
        let payload = format!("[{},{thousand}]", reading("m", 1));
        let records: Vec<_> = (0..12).map(|number| record(number, &payload)).collect();
        let events = event(&records);
        // The points of the first records are written before their refused readings are sent.
        assert_eq!(handler.handle_within(&events, Duration::from_mins(1)).await.unwrap(), None);
        let sizes: Vec<_> = handler.requests().iter().map(Vec::len).collect();
        assert_eq!(sizes, [6, 6]);
        assert_eq!(handler.calls().len(), 1_200);
    });
}
