//! Refused records that are loaded again.

use base64_simd::STANDARD;

use super::*;

/// The load request for the kept records.
fn again(handler: &Handler) -> Value {
    let kept = handler.kept();
    let key = kept.keys().next_back().expect("something is kept");
    json!({"sluice": "load", "bucket": "backup", "key": key})
}

fn sns(message: &str) -> Value {
    json!({
        "Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "Timestamp": "2024-02-20T10:00:00.000Z", "Message": message,
    })
}

/// Objects whose second event is `bad`.
fn objects() -> Vec<String> {
    let own = r#"[{"id":"a"},{"id":"bad"}]"#;
    let none = r#"[{"x":"a"},{"x":"bad"}]"#;
    let event_bridge = |detail: &str| {
        let detail: Value = serde_json::from_str(detail).unwrap();
        json!({"detail-type": "t", "source": "s", "id": "i", "time": "2024-02-20T10:00:00Z", "detail": detail})
    };
    let cloud_event = |data: &str| {
        json!({"specversion": "1.0", "id": "i", "source": "s", "type": "t", "time": "2024-02-20T10:00:00Z",
            "data_base64": STANDARD.encode_to_string(data)})
    };
    let log_events = |id: bool| {
        let event = |number: u32, message: &str| {
            let mut event = json!({"timestamp": 1_708_423_200_000_u64, "message": message});
            if id {
                event["id"] = json!(number.to_string().repeat(56));
            }
            event
        };
        json!({
            "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
            "subscriptionFilters": ["f"], "logEvents": [event(1, "a"), event(2, "bad"), event(3, "{\"x\":1}")],
        })
        .to_string()
    };
    let mut objects = vec![
        "{\"id\":\"a\"}\n{\"id\":\"bad\"}".to_owned(),
        "{\"x\":\"a\"}\n{\"x\":\"bad\"}".to_owned(),
        format!("{}\n{}", sns("{\"id\":\"a\"}"), sns("{\"x\":\"bad\"}")),
        format!("{}{}", r#"{"Records":[{"id":"a"},"#, r#"{"id":"bad"}]}"#),
        r#"[{"x":"a"},{"x":"bad","Records":[]}]"#.to_owned(),
        r#"[{"x":"a"},{"x":"bad","logEvents":[{"x":1},{"x":2}]}]"#.to_owned(),
        // Found only when the lines are looked at again.
        sns("{\"x\":\"a\"}\n{\"x\":\"bad\"}{\"x\":3}").to_string(),
    ];
    for events in [own, none] {
        objects.push(sns(events).to_string());
        objects.push(event_bridge(events).to_string());
        objects.push(cloud_event(events).to_string());
        objects.push(event_bridge(&sns(events).to_string()).to_string());
        objects.push(sns(&cloud_event(events).to_string()).to_string());
    }
    for id in [true, false] {
        objects.push(log_events(id));
        objects.push(event_bridge(&log_events(id)).to_string());
    }
    objects
}

#[test]
fn what_opensearch_refused_becomes_the_document_that_it_would_have_been() {
    on_paused_clock(async {
        for (object, how) in
            objects().iter().flat_map(|object| ["event", "id"].map(|how| (object, how)))
        {
            let variables = [("DOCUMENT_ID", how), ("INDEX", "events-%Y.%m.%d")];
            let mut handler = Handler::new(&variables);
            handler.put("k", object.clone());
            handler.handle(&load("k")).await;
            let expected = handler.index();

            let mut handler = Handler::new(&variables);
            handler.put("k", object.clone());
            handler.opensearch([Bulk::Items(&[1], 400, "document_parsing_exception")]);
            handler.handle(&load("k")).await;
            assert_eq!(handler.index().len(), expected.len() - 1, "{object}");
            // If it is refused again, it is kept unchanged.
            handler.opensearch([Bulk::Items(&[0], 400, "document_parsing_exception")]);
            let request = again(&handler);
            handler.handle(&request).await;
            let kept: Vec<_> = handler.kept().into_values().flatten().collect();
            let [first, second] = &kept[..] else { panic!("{kept:?}") };
            for name in ["rawData", "eventId", "documentId", "arrivalTimestamp"] {
                assert_eq!(first[name], second[name], "{name} of {object}");
            }
            for request in [request, again(&handler), load("k")] {
                handler.handle(&request).await;
                assert_eq!(handler.index(), expected, "{object}");
            }
        }
    });
}

#[test]
fn a_line_of_text_that_opensearch_refused_is_a_line_again() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("FORMAT", "text")]);
        handler.put("k", "one\n2024-02-01T00:00:00Z {\"id\":2}\n");
        handler.opensearch([Bulk::Items(&[0, 1], 400, "document_parsing_exception")]);
        handler.handle(&load("k")).await;
        let request = again(&handler);
        for (request, indexed) in [(request, "DocumentsIndexed"), (load("k"), "DocumentsDuplicate")]
        {
            let (_, counted) = handler.handle(&request).await;
            assert_eq!(counted, counts(&[(indexed, 2), ("ObjectsDone", 1)]));
        }
    });
}

#[test]
fn what_earlier_versions_kept_is_loaded() {
    on_paused_clock(async {
        let line = |text: &str, id: &str| {
            json!({
                "arrivalTimestamp": 5_000, "errorCode": "x", "rawData": STANDARD.encode_to_string(text),
                "eventId": id,
            })
        };
        let sns = sns("{\"x\":1}").to_string();
        let lines =
            [line("{\"a\":1}", "derived"), line("{\"id\":\"own\"}", "own"), line(&sns, "m")];
        let mut handler = Handler::new(&[]);
        handler.put("processing-failed/x", lines.map(|line| line.to_string()).join("\n"));
        handler.handle(&load("processing-failed/x")).await;
        assert_eq!(ids(&handler), ["derived", "m", "own"]);
    });
}

#[test]
fn a_record_of_which_more_comes_than_fits_in_memory_is_refused_as_a_whole() {
    on_paused_clock(async {
        let subject = "s".repeat(300_000);
        let events = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        let mut amplified = sns(&events(60));
        amplified["Subject"] = json!(subject);
        for (record, expected) in
            [(sns(&events(10_000)), 10_000), (sns(&events(10_001)), 0), (amplified, 0)]
        {
            let record = record.to_string();
            let mut handler = Handler::new(&[]);
            handler.put("k", format!("{{\"id\":\"a\"}}\n{record}\n{{\"id\":\"b\"}}\n"));
            let (again, _) = handler.handle(&load("k")).await;
            assert!(!again);
            assert_eq!(handler.index().len(), expected + 2);
            let kept: Vec<_> = handler.kept().into_values().flatten().collect();
            assert_eq!(kept.len(), usize::from(expected == 0));
            for line in kept {
                assert_eq!(refused(&line), ("too_large".to_owned(), record.clone()));
            }
        }
    });
}

#[test]
fn what_is_too_large_to_be_kept_never_becomes_an_event() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", format!("{{\"id\":\"a\",\"x\":\"{}\"}}\n", "x".repeat(1 << 20)));
        handler.handle(&load("k")).await;
        for _ in 0..3 {
            let request = again(&handler);
            handler.handle(&request).await;
        }
        assert_eq!(handler.index().len(), 0);
        let kept: Vec<_> = handler.kept().into_values().flatten().collect();
        assert!(kept.iter().all(|line| *line == kept[0]) && kept.len() > 1, "{kept:?}");
    });
}
