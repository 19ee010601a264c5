//! A service that does not take the records, or not at once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::endpoint::{Endpoint, Reply};
use crate::support::request::direct_put;
use crate::{LONG, SHORT, binary, counted, event, events, failure, failures, results};

#[tokio::test]
async fn entries_that_fail_are_tried_again_until_each_was_taken_once() {
    let endpoint =
        Endpoint::replying([Reply::Except(vec![1, 3]), Reply::Except(vec![0]), Reply::Accept])
            .await;
    let mut binary = binary(&endpoint, 6, LONG).await;
    let observed = binary.invoke(direct_put(&events(6))).await;
    assert_eq!(results(&observed), ["Dropped"; 5]);
    let payloads =
        |numbers: &[usize]| numbers.iter().map(|n| counted(&event(*n), 1)).collect::<Vec<_>>();
    let calls: Vec<_> = endpoint.calls().into_iter().map(|call| call.payloads).collect();
    assert_eq!(calls, [payloads(&[1, 2, 3, 4, 5]), payloads(&[2, 4]), payloads(&[2])]);
}

#[tokio::test]
async fn a_record_that_an_answer_does_not_mention_was_not_taken() {
    let endpoint =
        Endpoint::replying([Reply::Mention(3), Reply::Mention(0), Reply::Mention(9)]).await;
    let mut binary = binary(&endpoint, 6, LONG).await;
    let observed = binary.invoke(direct_put(&events(6))).await;
    assert_eq!(results(&observed), ["Dropped"; 5]);
    let sizes: Vec<_> = endpoint.calls().iter().map(|call| call.payloads.len()).collect();
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
        let endpoint = Endpoint::replying([Reply::Error(status, code)]).await;
        let mut binary = binary(&endpoint, 3, LONG).await;
        let observed = binary.invoke(direct_put(&events(3))).await;
        if again {
            assert_eq!(results(&observed), ["Dropped"; 2], "{status} {code}");
            assert_eq!(endpoint.calls().len(), 2, "{status} {code}");
        } else {
            assert_eq!(results(&observed), ["ProcessingFailed"; 2], "{status} {code}");
            assert_eq!(failures(&observed), failure("reingest_denied", 2, 1), "{status} {code}");
            assert_eq!(endpoint.calls().len(), 1, "{status} {code}");
        }
        let line = observed.stderr.iter().find(|line| line.contains(code)).expect("a log line");
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["code"], &line["status"]), (&json!(code), &json!(status)));
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
        let endpoint = Endpoint::replying([Reply::Text(text)]).await;
        let mut binary = binary(&endpoint, 3, LONG).await;
        let observed = binary.invoke(direct_put(&events(3))).await;
        assert_eq!(results(&observed), ["Dropped"; 2], "{text}");
        let both = vec![counted(&event(1), 1), counted(&event(2), 1)];
        let calls: Vec<_> = endpoint.calls().into_iter().map(|call| call.payloads).collect();
        assert_eq!(calls, [both.clone(), both], "{text}");
    }
}

#[tokio::test]
async fn a_service_that_always_fails_is_given_up_2_s_before_the_deadline() {
    let endpoint = Endpoint::new(|_| Reply::Error(500, "InternalFailure")).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_deadline", 2, 1));
    let calls = endpoint.calls().len();
    assert!((1..=8).contains(&calls), "{calls} calls");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_2_s_before_the_deadline() {
    let endpoint = Endpoint::replying([Reply::Never]).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_deadline", 2, 1));
    assert_eq!(endpoint.calls().len(), 1);
    // The call that was given up is in nobody's way.
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert!(!observed.cold);
    assert_eq!(results(&observed), ["Dropped"; 2]);
    assert_eq!(endpoint.calls().len(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_given_up() {
    let endpoint = Endpoint::replying([]).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    drop(endpoint);
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_deadline", 2, 1));
}

#[tokio::test]
async fn nothing_is_put_back_with_less_than_2_s_left() {
    let endpoint = Endpoint::replying([]).await;
    let mut binary = binary(&endpoint, 3, Duration::from_millis(1_990)).await;
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_deadline", 2, 1));
    assert_eq!(endpoint.calls(), []);
}

#[tokio::test]
async fn what_was_taken_before_the_deadline_is_dropped_and_the_rest_fails() {
    let endpoint = Endpoint::replying([Reply::Except(vec![0, 2]), Reply::Never]).await;
    let mut binary = binary(&endpoint, 5, SHORT).await;
    let observed = binary.invoke(direct_put(&events(5))).await;
    let (dropped, failed) = ("Dropped", "ProcessingFailed");
    assert_eq!(results(&observed), [failed, dropped, failed, dropped]);
    assert_eq!(failures(&observed), failure("reingest_deadline", 2, 1));
}
