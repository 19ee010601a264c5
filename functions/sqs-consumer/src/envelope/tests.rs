use super::*;

#[test]
fn reads_an_event_of_sqs() {
    let event = br#" {"Records":[
      {"messageId":"m-1","receiptHandle":"r\/1","body":"{\"a\":1}","attributes":{
         "ApproximateReceiveCount":"3","SentTimestamp":"1709296496789","SenderId":"s",
         "ApproximateFirstReceiveTimestamp":"1709296497000","AWSTraceHeader":"Root=1"},
       "messageAttributes":{"kind":{"stringValue":"x","dataType":"String"}},
       "md5OfBody":"e4","eventSource":"aws:sqs",
       "eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:music","awsRegion":"eu-west-1"},
      {"eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:music.fifo","messageId":"m-2",
       "body":"plain","attributes":{"MessageGroupId":"g"}}],"more":[{}]} "#;
    let messages = parse(event).unwrap();
    let [first, second] = messages[..] else { panic!("2 messages") };
    let expected = Message {
        id: "m-1",
        source_arn: "arn:aws:sqs:eu-west-1:123456789012:music",
        is_fifo: false,
        receipt_handle: Some(r"r\/1"),
        body: Body { content: r#"{\"a\":1}"#, escaped: true },
        attributes: r#"{"kind":{"stringValue":"x","dataType":"String"}}"#,
        receive_count: 3,
        first_received_ms: Some(1_709_296_497_000),
        sent: Timestamp::from_milliseconds(b"1709296496789"),
        group_id: None,
    };
    assert_eq!(first, expected);
    assert!(first.sent.is_some());
    let expected = Message {
        id: "m-2",
        source_arn: "arn:aws:sqs:eu-west-1:123456789012:music.fifo",
        is_fifo: true,
        receipt_handle: None,
        body: Body { content: "plain", escaped: false },
        attributes: "",
        receive_count: 1,
        first_received_ms: None,
        sent: None,
        group_id: Some("g"),
    };
    assert_eq!(second, expected);
}

#[test]
fn a_group_does_not_make_a_queue_fifo() {
    let event = br#"{"Records":[{"messageId":"1","eventSourceARN":"arn:fair",
        "attributes":{"MessageGroupId":"tenant"}}]}"#;
    assert!(!parse(event).unwrap()[0].is_fifo);
}

#[test]
fn odd_attributes_are_as_good_as_none() {
    for (attributes, count) in [
        (r#"{"ApproximateReceiveCount":"many","SentTimestamp":"soon","MessageGroupId":5}"#, 1),
        (r#"{"ApproximateReceiveCount":"0","ApproximateFirstReceiveTimestamp":null}"#, 1),
        (r#"{"ApproximateReceiveCount":7}"#, 7),
        (r#"{"ApproximateReceiveCount":"99999999999999999999"}"#, u32::MAX),
        ("null", 1),
        ("[]", 1),
    ] {
        let event = format!(
            "{{\"Records\":[{{\"messageId\":\"1\",\"eventSourceARN\":\"q\",\
             \"attributes\":{attributes}}}]}}"
        );
        let messages = parse(event.as_bytes()).unwrap();
        let Message { receive_count, first_received_ms, sent, group_id, .. } = messages[0];
        assert_eq!(receive_count, count, "{attributes}");
        assert_eq!((first_received_ms, sent, group_id), (None, None, None), "{attributes}");
    }
}

#[test]
fn a_body_that_is_no_text_is_what_it_is() {
    let body = |body: &str| {
        let record = format!("{{\"messageId\":\"1\",\"eventSourceARN\":\"q\"{body}}}");
        let event = format!("{{\"Records\":[{record}]}}");
        parse(event.as_bytes()).unwrap()[0].body.content.to_owned()
    };
    assert_eq!(body(""), "");
    assert_eq!(body(",\"body\":null"), "");
    assert_eq!(body(",\"body\":5"), "5");
    assert_eq!(body(",\"body\":{\"a\":1}"), "{\"a\":1}");
}

#[test]
fn says_what_is_wrong() {
    for (event, problem) in [
        ("", "not valid JSON"),
        ("{\"Records\":[", "not valid JSON"),
        ("[]", "it is not an object"),
        ("null", "it is not an object"),
        ("{}{}", "it continues after its end"),
        ("{}", "it has no list `Records`"),
        ("{\"records\":[]}", "it has no list `Records`"),
        ("{\"Records\":{}}", "it has no list `Records`"),
        ("{\"Records\":[1]}", "Records[0] is not an object"),
        ("{\"Records\":[{}]}", "Records[0] has no `messageId`"),
        ("{\"Records\":[{\"messageId\":\"\"}]}", "Records[0] has no `messageId`"),
        ("{\"Records\":[{\"messageId\":1}]}", "Records[0] has no `messageId`"),
        ("{\"Records\":[{\"messageId\":\"1\"}]}", "Records[0] has no `eventSourceARN`"),
        (
            "{\"Records\":[{\"messageId\":\"1\",\"eventSourceARN\":\"a\"},{\"messageId\":\"2\"}]}",
            "Records[1] has no `eventSourceARN`",
        ),
        (
            "{\"Records\":[{\"messageId\":\"1\",\"eventSourceARN\":\"a\",\"eventSource\":\"aws:s3\"}]}",
            "Records[0] is not from SQS",
        ),
    ] {
        let expected = format!("not an SQS event: {problem}");
        assert_eq!(parse(event.as_bytes()).unwrap_err().to_string(), expected, "{event}");
    }
    assert_eq!(parse(b"{\"\xff\":1}"), Err(invalid("it is not UTF-8")));
}

#[test]
fn no_messages_are_an_event() {
    assert_eq!(parse(b"{\"Records\":[]}"), Ok(vec![]));
}
