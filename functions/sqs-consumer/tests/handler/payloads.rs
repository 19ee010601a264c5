//! Bodies that the SQS extended client stored in S3, with `LARGE_PAYLOADS=fetch`.

use shared::s3::GetError;

use super::*;

/// A message that points to a body in the bucket `b`.
fn pointer(id: &str, key: &str) -> Value {
    let class = "software.amazon.payloadoffloading.PayloadS3Pointer";
    message(id, &json!([class, {"s3BucketName": "b", "s3Key": key}]).to_string())
}

fn fetching() -> Handler {
    Handler::new(&[("LARGE_PAYLOADS", "fetch")])
}

fn fetched(key: &str) -> Done {
    Done::Payload(format!("b/{key}"))
}

#[tokio::test(start_paused = true)]
async fn a_body_in_s3_is_read_as_any_body() {
    let two = [play("a"), play("b")].join("\n");
    let mut handler = fetching().payload("b/k", Ok(&two)).payload("b/l", Ok(&play("d")));
    let event = event(&[pointer("m0", "k"), message("m1", &play("c")), pointer("m2", "l")]);
    let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
    assert_eq!(come_again, [""; 0]);
    let expected = [fetched("k"), bulk(&["a", "b", "c"]), fetched("l"), bulk(&["d"])];
    assert_eq!(handler.done(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_many_requests_is_read_once() {
    let events: Vec<_> = (0..5).map(|number| play(&format!("e{number}"))).collect();
    let mut handler = Handler::new(&[("LARGE_PAYLOADS", "fetch"), ("BULK_MAX_DOCS", "2")])
        .payload("b/k", Ok(&events.join("\n")));
    handler.handle(&event(&[pointer("m0", "k")]), MINUTE).await.unwrap();
    let expected = [fetched("k"), bulk(&["e0", "e1"]), bulk(&["e2", "e3"]), bulk(&["e4"])];
    assert_eq!(handler.done(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_of_a_body_goes_to_quarantine_as_the_message() {
    let body = [&*play("a"), "oops", "[1,", &*play("b")].join("\n");
    let message = pointer("m0", "k");
    let mut handler = fetching().payload("b/k", Ok(&body));
    let (come_again, _) =
        handler.handle(&event(std::slice::from_ref(&message)), MINUTE).await.unwrap();
    assert_eq!(come_again, [""; 0]);
    let quarantined = Done::Quarantine(vec![message["body"].as_str().unwrap().to_owned()]);
    assert_eq!(handler.done(), [fetched("k"), bulk(&["a", "b"]), quarantined]);
    assert_eq!(handler.metrics().0["DocumentsRefused"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_there_or_too_large_is_refused_and_else_the_message_is_retried() {
    for (error, is_refused) in [
        (GetError::NotFound, true),
        (GetError::TooLarge, true),
        (GetError::Status(403), false),
        (GetError::Status(503), false),
        (GetError::NoAnswer("no".to_owned()), false),
    ] {
        let mut handler = fetching().payload("b/k", Err(error.clone()));
        let event = event(&[pointer("m0", "k"), message("m1", &play("a"))]);
        let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
        let expected: &[&str] = if is_refused { &[] } else { &["m0"] };
        assert_eq!(come_again, expected, "{error}");
        let done = handler.done();
        let is_quarantined = done.iter().any(|done| matches!(done, Done::Quarantine(_)));
        assert_eq!(is_quarantined, is_refused, "{error}");
        assert!(done.contains(&bulk(&["a"])), "{done:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_in_time_is_read_again_later() {
    let mut handler = fetching().sqs(&[Call::Hang]);
    let event = event(&[pointer("m0", "k"), message("m1", &play("a"))]);
    let (come_again, _) = handler.handle(&event, seconds(10)).await.unwrap();
    assert_eq!(come_again, ["m0", "m1"]);
}

#[tokio::test(start_paused = true)]
async fn a_pointer_within_a_body_goes_to_quarantine() {
    let inner = pointer("x", "k")["body"].as_str().unwrap().to_owned();
    let mut handler = fetching().payload("b/k", Ok(&inner));
    let message = pointer("m0", "k");
    handler.handle(&event(std::slice::from_ref(&message)), MINUTE).await.unwrap();
    let quarantined = Done::Quarantine(vec![message["body"].as_str().unwrap().to_owned()]);
    assert_eq!(handler.done(), [fetched("k"), quarantined]);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_more_events_than_fit_in_memory_goes_to_quarantine() {
    let message = pointer("m0", "k");
    let quarantined = Done::Quarantine(vec![message["body"].as_str().unwrap().to_owned()]);
    let event = event(&[message, self::message("m1", &play("a"))]);
    let lines = "{}\n".repeat(1_000_001);
    for body in [lines.replace('\n', ""), format!("[{}0]", "0,".repeat(1_000_000)), lines] {
        let mut handler = fetching().payload("b/k", Ok(&body));
        let (come_again, _) = handler.handle(&event, MINUTE).await.unwrap();
        assert_eq!(come_again, [""; 0]);
        assert_eq!(handler.done(), [fetched("k"), bulk(&["a"]), quarantined.clone()]);
        assert_eq!(handler.metrics().0["DocumentsRefused"], 1);
    }
}
