//! A service that does not take the records, or not at once.

use std::time::Duration;

use serde_json::json;
use testkit::Endpoint;

use crate::support::request::direct_put;
use crate::support::source::{Act, calls, reply, source};
use crate::{
    LONG, SHORT, assert_failed, binary, counted, event, events, failure, failures, put_back,
    results,
};

/// What is put back of these events.
fn payloads(numbers: &[usize]) -> Vec<Vec<u8>> {
    numbers.iter().map(|number| counted(&event(*number), 1)).collect()
}

#[tokio::test]
async fn entries_that_fail_are_tried_again_until_each_was_taken_once() {
    let acts = [Act::Except(vec![1, 3]), Act::Except(vec![0]), Act::Accept];
    let (observed, endpoint) = put_back(6, acts, LONG).await;
    assert_eq!(results(&observed), ["Dropped"; 5]);
    let expected = [payloads(&[1, 2, 3, 4, 5]), payloads(&[2, 4]), payloads(&[2])];
    assert_eq!(calls(&endpoint), expected);
}

#[tokio::test]
async fn a_record_that_an_answer_does_not_mention_was_not_taken() {
    let acts = [Act::Mention(3), Act::Mention(0), Act::Mention(9)];
    let (observed, endpoint) = put_back(6, acts, LONG).await;
    assert_eq!(results(&observed), ["Dropped"; 5]);
    let sizes: Vec<_> = calls(&endpoint).iter().map(Vec::len).collect();
    assert_eq!(sizes, [5, 2, 2]);
}

#[tokio::test]
async fn failed_calls_are_tried_again_where_that_can_help() {
    let (again, denied) = (true, false);
    let table = [
        (500, "ServiceUnavailableException", again),
        (503, "ServiceUnavailableException", again),
        (500, "InternalFailure", again),
        (429, "TooManyRequestsException", again),
        (400, "ThrottlingException", again),
        (400, "LimitExceededException", again),
        (400, "ProvisionedThroughputExceededException", again),
        (403, "AccessDeniedException", denied),
        (400, "AccessDeniedException", denied),
        (400, "ResourceNotFoundException", denied),
        (400, "InvalidArgumentException", denied),
        (403, "ExpiredTokenException", denied),
    ];
    for (status, code, again) in table {
        let (observed, endpoint) = put_back(3, [Act::Error(status, code)], LONG).await;
        if again {
            assert_eq!(results(&observed), ["Dropped"; 2], "{status} {code}");
        } else {
            assert_failed(&observed, "reingest_denied");
        }
        assert_eq!(calls(&endpoint).len(), if again { 2 } else { 1 }, "{status} {code}");
        let log = observed.log();
        let line = log.iter().find(|line| line["code"] == code).expect("a log line");
        assert_eq!(line["status"], json!(status), "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_takes_no_record() {
    for text in [
        "",
        "<html>",
        "{}",
        "[]",
        "{\"RequestResponses\":null}",
        "{\"RequestResponses\":[{},{}]}",
        "{\"RequestResponses\":[null,null]}",
        "{\"FailedPutCount\":0,\"RequestResponses\":[{\"RecordId\":\"1\"",
        "{\"RequestResponses\":[{\"RecordId\":\"1\",\"ErrorCode\":\"E\"},{\"ErrorCode\":\"E\"}]}",
    ] {
        let (observed, endpoint) = put_back(3, [Act::Text(text)], LONG).await;
        assert_eq!(results(&observed), ["Dropped"; 2], "{text}");
        assert_eq!(calls(&endpoint), [payloads(&[1, 2]), payloads(&[1, 2])], "{text}");
    }
}

#[tokio::test]
async fn a_service_that_always_fails_is_given_up_2_s_before_the_deadline() {
    let fails = |call: &_| reply(call, Act::Error(500, "InternalFailure"));
    let endpoint = Endpoint::start(fails).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    assert_failed(&binary.invoke(direct_put(&events(3))).await, "reingest_deadline");
    let calls = endpoint.calls().len();
    assert!((1..=8).contains(&calls), "{calls} calls");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_2_s_before_the_deadline() {
    let endpoint = source([Act::Never]).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    assert_failed(&binary.invoke(direct_put(&events(3))).await, "reingest_deadline");
    assert_eq!(endpoint.calls().len(), 1);
    // The call that was given up is in nobody's way.
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert!(!observed.cold);
    assert_eq!(results(&observed), ["Dropped"; 2]);
    assert_eq!(endpoint.calls().len(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_given_up() {
    let endpoint = source([]).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    drop(endpoint);
    assert_failed(&binary.invoke(direct_put(&events(3))).await, "reingest_deadline");
}

#[tokio::test]
async fn nothing_is_put_back_with_less_than_2_s_left() {
    let (observed, endpoint) = put_back(3, [], Duration::from_millis(1_990)).await;
    assert_failed(&observed, "reingest_deadline");
    assert_eq!(endpoint.calls().len(), 0);
}

#[tokio::test]
async fn what_was_taken_before_the_deadline_is_dropped_and_the_rest_fails() {
    let (observed, _) = put_back(5, [Act::Except(vec![0, 2]), Act::Never], SHORT).await;
    let (dropped, failed) = ("Dropped", "ProcessingFailed");
    assert_eq!(results(&observed), [failed, dropped, failed, dropped]);
    assert_eq!(failures(&observed), failure("reingest_deadline", 2, 1));
}
