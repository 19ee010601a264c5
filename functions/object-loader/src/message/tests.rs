use serde_json::json;

use super::*;

fn task(body: &Value) -> Task {
    let event = json!({"Records": [
        {"messageId": "m", "eventSourceARN": "arn:q", "body": body.to_string()},
    ]});
    parse(event.to_string().as_bytes()).unwrap()[0].task()
}

fn notification(name: &str, key: &str) -> Value {
    json!({"Records": [{
        "eventSource": "aws:s3", "eventName": name,
        "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 1, "versionId": "v"}},
    }]})
}

fn notified(key: &str) -> Request {
    Request {
        bucket: "b".to_owned(),
        key: key.to_owned(),
        version_id: Some("v".to_owned()),
        is_notified: true,
        ..Request::default()
    }
}

fn event_bridge(kind: &str, key: &str) -> Value {
    json!({
        "version": "0", "detail-type": kind, "source": "aws.s3", "id": "1",
        "detail": {"bucket": {"name": "b"}, "object": {"key": key, "version-id": "v", "etag": "e"}},
    })
}

#[test]
fn a_notification_names_its_object_encoded_and_event_bridge_names_it_as_it_is() {
    for (written, key) in [("a.json", "a.json"), ("d%3D1/a+b%2B%C3%A9", "d=1/a b+é")] {
        let expected = Task::Load(vec![notified(key)]);
        for name in ["ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"] {
            let notification = notification(name, written);
            assert_eq!(task(&notification), expected);
            let sns = json!({"Type": "Notification", "Message": notification.to_string()});
            assert_eq!(task(&sns), expected);
        }
        assert_eq!(task(&event_bridge("Object Created", key)), expected);
    }
    assert_eq!(
        task(&event_bridge("Object Created", "a+b%20")),
        Task::Load(vec![notified("a+b%20")])
    );
}

#[test]
fn a_notification_may_name_several_objects() {
    let mut all = notification("ObjectCreated:Put", "a");
    for (name, key) in [("ObjectRemoved:Delete", "b"), ("ObjectCreated:Copy", "c")] {
        let record = notification(name, key)["Records"][0].clone();
        all["Records"].as_array_mut().unwrap().push(record);
    }
    assert_eq!(task(&all), Task::Load(vec![notified("a"), notified("c")]));
}

#[test]
fn other_events_of_s3_ask_for_nothing() {
    for body in [
        notification("ObjectRemoved:Delete", "a"),
        notification("ObjectRestore:Completed", "a"),
        event_bridge("Object Deleted", "a"),
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}),
    ] {
        assert_eq!(task(&body), Task::Nothing, "{body}");
    }
}

#[test]
fn a_load_request_is_what_it_is_written_as() {
    let whole = Request {
        bucket: "b".to_owned(),
        key: "k +%20".to_owned(),
        version_id: Some("v".to_owned()),
        etag: Some("\"e\"".to_owned()),
        offset: 12,
        lists: true,
        failures: Some(true),
        reason: Some(vec!["too_large".to_owned()]),
        from: Some("2024-03-01T00:00:00Z".to_owned()),
        until: Some("2024-03-02T00:00:00Z".to_owned()),
        is_notified: false,
    };
    let expected = json!({
        "sluice": "load", "bucket": "b", "key": "k +%20", "version_id": "v", "etag": "\"e\"",
        "offset": 12, "lists": true, "failures": true, "reason": ["too_large"],
        "from": "2024-03-01T00:00:00Z", "until": "2024-03-02T00:00:00Z",
    });
    let written: Value = serde_json::from_str(&whole.to_message()).unwrap();
    assert_eq!(written, expected);
    assert_eq!(task(&written), Task::Load(vec![whole]));
    let bare = json!({"sluice": "load", "bucket": "b", "key": "k"});
    let (bucket, key) = ("b".to_owned(), "k".to_owned());
    let request = Request { bucket, key, ..Request::default() };
    assert_eq!(serde_json::from_str::<Value>(&request.to_message()).unwrap(), bare);
    assert_eq!(task(&bare), Task::Load(vec![request.clone()]));
    let mut nothing = bare;
    for name in ["version_id", "etag", "offset", "lists", "failures", "reason", "from", "until"] {
        nothing[name] = Value::Null;
    }
    assert_eq!(task(&nothing), Task::Load(vec![request]));
}

#[test]
fn what_names_no_object_is_unknown() {
    for body in [
        json!("text"),
        json!({}),
        json!({"Records": []}),
        json!({"Records": [{"eventName": "ObjectCreated:Put"}]}),
        notification("ObjectCreated:Put", ""),
        notification("ObjectCreated:Put", "%FF"),
        json!({"sluice": "load", "bucket": "b"}),
        json!({"sluice": "load", "bucket": "b", "key": ""}),
        json!({"sluice": "load", "bucket": "b", "key": "k", "offset": -1}),
        json!({"sluice": "load", "bucket": "b", "key": "k", "from": "yesterday"}),
        json!({"Type": "Notification", "Message": "text"}),
        json!({"detail-type": "Object Created", "source": "app", "detail": {}}),
    ] {
        assert_eq!(task(&body), Task::Unknown, "{body}");
    }
}

#[test]
fn an_event_names_each_message_and_its_queue() {
    let event = br#"{"Records":[{"messageId":"m","eventSourceARN":"arn","receiptHandle":"r",
        "attributes":{"ApproximateReceiveCount":"3","ApproximateFirstReceiveTimestamp":"5"}},
        {"messageId":"n","eventSourceARN":"arn","attributes":null}]}"#;
    let [first, second] = &parse(event).unwrap()[..] else { panic!() };
    assert_eq!((first.receive_count(), first.first_received_ms()), (3, Some(5)));
    assert_eq!((second.receive_count(), second.first_received_ms()), (1, None));
    assert_eq!(second.task(), Task::Unknown);
    assert_eq!(parse(br#"{"Records":[]}"#).unwrap().len(), 0);
    for event in [
        r#"{"Records":[{"messageId":"m"}]}"#,
        r#"{"Records":[{"messageId":"","eventSourceARN":"arn"}]}"#,
        r#"{"records":[]}"#,
        "[]",
        "secret",
    ] {
        let InvalidEvent(problem) = parse(event.as_bytes()).unwrap_err();
        assert!(!problem.contains("secret"), "{problem}");
    }
}
