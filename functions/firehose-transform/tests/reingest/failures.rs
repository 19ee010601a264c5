//! A service that does not accept the records, or not immediately.

use serde_json::json;

use crate::support::request::direct_put;
use crate::support::source::{Act, calls, source};
use crate::{LONG, SHORT, assert_failed, binary, counted, event, events, put_back, results};

/// The payloads of these events after they were put back.
fn payloads(numbers: &[usize]) -> Vec<Vec<u8>> {
    numbers.iter().map(|number| counted(&event(*number), 1)).collect()
}

#[tokio::test]
async fn failed_entries_are_retried_until_each_is_accepted_once() {
    let acts = [Act::Except(vec![1, 3]), Act::Except(vec![0]), Act::Accept];
    let (observed, endpoint) = put_back(6, acts, LONG).await;
    assert_eq!(results(&observed), ["Dropped"; 5]);
    let expected = [payloads(&[1, 2, 3, 4, 5]), payloads(&[2, 4]), payloads(&[2])];
    assert_eq!(calls(&endpoint), expected);
}

#[tokio::test]
async fn failed_calls_are_retried_if_that_can_help() {
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
async fn an_invalid_response_accepts_no_record() {
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
async fn a_call_without_a_response_ends_2_s_before_the_deadline() {
    let endpoint = source([Act::Never]).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    assert_failed(&binary.invoke(direct_put(&events(3))).await, "reingest_deadline");
    assert_eq!(endpoint.calls().len(), 1);
    // The abandoned call does not affect the next invocation.
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert!(!observed.cold);
    assert_eq!(results(&observed), ["Dropped"; 2]);
    assert_eq!(endpoint.calls().len(), 2);
}

#[tokio::test]
async fn an_unreachable_service_fails_the_records() {
    let endpoint = source([]).await;
    let mut binary = binary(&endpoint, 3, SHORT).await;
    drop(endpoint);
    assert_failed(&binary.invoke(direct_put(&events(3))).await, "reingest_deadline");
}
