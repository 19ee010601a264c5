//! Records that do not fit in the answer are put back into their source: the real binary
//! against a scripted endpoint of Firehose and Kinesis.

mod support {
    pub(crate) mod endpoint;
    pub(crate) mod function;
    pub(crate) mod request;
}

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use support::endpoint::{Call, Endpoint, Reply};
use support::function::{Binary, Observed};
use support::request::{Answer, Answered, direct_put, record_id};

/// An event whose entry in the answer takes about 730 bytes with its document, and 106 without.
fn event(number: usize) -> String {
    let note = "x".repeat(300);
    format!(r#"{{"event_id":"e-{number}","ts":1709296496,"note":"{note}"}}"#)
}

fn events(count: usize) -> Vec<String> {
    (0..count).map(event).collect()
}

/// The payload with this count.
fn counted(payload: &str, count: u32) -> Vec<u8> {
    let inside = payload.strip_suffix('}').unwrap();
    format!(r#"{inside},"__sluice_reingests":{count}}}"#).into_bytes()
}

/// A budget that holds the answer to so many [`event`]s with one document.
fn budget_for_one(count: usize) -> String {
    (count * 106 + 1_000).to_string()
}

/// The binary with room for one of `count` [`event`]s, putting back to `endpoint`.
async fn binary(endpoint: &Endpoint, count: usize, timeout: Duration) -> Binary {
    let budget = budget_for_one(count);
    let variables = [
        ("RESPONSE_BUDGET_BYTES", budget.as_str()),
        ("AWS_ENDPOINT_URL_FIREHOSE", endpoint.url.as_str()),
        ("AWS_ENDPOINT_URL_KINESIS", endpoint.url.as_str()),
        ("LOG_LEVEL", "trace"),
    ];
    Binary::with_timeout(&variables, timeout).await
}

const LONG: Duration = Duration::from_mins(1);

/// Time for half a second of putting back.
const SHORT: Duration = Duration::from_millis(2_500);

/// The results of the records after the first, which must have its document. None of them may
/// have data: the answer is full.
fn results(observed: &Observed) -> Vec<String> {
    let mut records = Answer::read(observed.body()).records.into_iter();
    let Answered { record_id: id, result, data } = records.next().unwrap();
    assert_eq!((id, result.as_str(), data.is_some()), (record_id(0), "Ok", true));
    let rest = records.enumerate().map(|(index, record)| {
        assert_eq!((record.record_id, record.data), (record_id(index + 1), None));
        record.result
    });
    let results: Vec<_> = rest.collect();
    let count = |result| results.iter().filter(|known| *known == result).count() as u64;
    let metrics = observed.metrics();
    assert_eq!(metrics["RecordsIn"], results.len() as u64 + 1);
    assert_eq!(metrics["RecordsOk"], 1);
    assert_eq!(metrics["RecordsReingested"], count("Dropped"));
    assert_eq!(metrics["RecordsFailed"], count("ProcessingFailed"));
    assert_eq!(metrics["RecordsDropped"], 0);
    results
}

fn failure(reason: &str, count: u64, first: usize) -> Vec<(String, (u64, String))> {
    vec![(reason.to_owned(), (count, record_id(first)))]
}

fn failures(observed: &Observed) -> Vec<(String, (u64, String))> {
    observed.failures().into_iter().collect()
}

#[tokio::test]
async fn records_of_direct_put_go_back_into_the_delivery_stream() {
    let endpoint = Endpoint::replying([]).await;
    let mut binary = binary(&endpoint, 3, LONG).await;
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert_eq!(results(&observed), ["Dropped", "Dropped"]);
    assert_eq!(failures(&observed), []);
    let call = Call {
        target: "Firehose_20150804.PutRecordBatch".to_owned(),
        stream: "music-events".to_owned(),
        payloads: vec![counted(&event(1), 1), counted(&event(2), 1)],
        partition_keys: vec![],
    };
    assert_eq!(endpoint.calls(), [call]);
}

#[tokio::test]
async fn records_of_kinesis_go_back_into_the_stream_with_their_partition_key() {
    let endpoint = Endpoint::replying([
        Reply::Error(400, "ProvisionedThroughputExceededException"),
        Reply::Except(vec![0]),
    ])
    .await;
    let mut binary = binary(&endpoint, 4, LONG).await;
    let mut request: Value = serde_json::from_slice(&direct_put(&events(4))).unwrap();
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/listening-events";
    request["sourceKinesisStreamArn"] = json!(arn);
    let keys = ["u-0", "사용자 \"1\"\n", "u-2", "k".repeat(256).as_str()].map(str::to_owned);
    for (record, key) in request["records"].as_array_mut().unwrap().iter_mut().zip(&keys) {
        record["kinesisRecordMetadata"] = json!({"shardId": "s", "partitionKey": key});
    }
    let observed = binary.invoke(request.to_string()).await;
    assert_eq!(results(&observed), ["Dropped"; 3]);
    let call = |numbers: &[usize]| Call {
        target: "Kinesis_20131202.PutRecords".to_owned(),
        stream: arn.to_owned(),
        payloads: numbers.iter().map(|number| counted(&event(*number), 1)).collect(),
        partition_keys: numbers.iter().map(|number| keys[*number].clone()).collect(),
    };
    assert_eq!(endpoint.calls(), [call(&[1, 2, 3]), call(&[1, 2, 3]), call(&[1])]);
}

#[tokio::test]
async fn a_kinesis_record_without_a_key_gets_one() {
    let endpoint = Endpoint::replying([]).await;
    let mut binary = binary(&endpoint, 2, LONG).await;
    let mut request: Value = serde_json::from_slice(&direct_put(&events(2))).unwrap();
    request["sourceKinesisStreamArn"] = json!("arn:aws:kinesis:us-east-1:1:stream/s");
    let observed = binary.invoke(request.to_string()).await;
    assert_eq!(results(&observed), ["Dropped"]);
    assert_eq!(endpoint.calls()[0].partition_keys, [record_id(1)]);
}

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

#[tokio::test]
async fn nothing_is_answered_dropped_before_it_was_taken() {
    let (release, released) = oneshot::channel();
    let endpoint = Endpoint::replying([Reply::AcceptAfter(released)]).await;
    let mut binary = binary(&endpoint, 2, LONG).await;
    let invocation = tokio::spawn(async move { binary.invoke(direct_put(&events(2))).await });
    endpoint.called().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!invocation.is_finished());
    release.send(()).unwrap();
    assert_eq!(results(&invocation.await.unwrap()), ["Dropped"]);
}

#[tokio::test]
async fn putting_back_can_be_off() {
    let endpoint = Endpoint::replying([]).await;
    let variables = [
        ("RESPONSE_BUDGET_BYTES", &*budget_for_one(3)),
        ("AWS_ENDPOINT_URL", &endpoint.url),
        ("REINGEST", "off"),
    ];
    let mut binary = Binary::new(&variables).await;
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_off", 2, 1));
    assert_eq!(endpoint.calls(), []);
}

#[tokio::test]
async fn a_request_that_does_not_tell_its_source_puts_nothing_back() {
    let endpoint = Endpoint::replying([]).await;
    let mut binary = binary(&endpoint, 3, LONG).await;
    let mut request: Value = serde_json::from_slice(&direct_put(&events(3))).unwrap();
    request.as_object_mut().unwrap().remove("deliveryStreamArn").unwrap();
    let observed = binary.invoke(request.to_string()).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_no_source", 2, 1));
    assert_eq!(endpoint.calls(), []);
}

#[tokio::test]
async fn a_record_is_put_back_max_reingests_times() {
    let endpoint = Endpoint::replying([]).await;
    let budget = budget_for_one(6);
    let payload = |index: usize| {
        event(index).replacen('{', &format!(r#"{{"__sluice_reingests":{index},"#), 1)
    };
    let payloads: Vec<_> = (0..5).map(payload).chain([event(5)]).collect();
    for (max, put_back) in [("3", vec![2, 3, 1]), ("0", vec![]), ("2", vec![2, 1])] {
        let variables = [
            ("RESPONSE_BUDGET_BYTES", &*budget),
            ("AWS_ENDPOINT_URL", &endpoint.url),
            ("MAX_REINGESTS", max),
        ];
        let before = endpoint.payloads().len();
        let observed = Binary::new(&variables).await.invoke(direct_put(&payloads)).await;
        let dropped = results(&observed).iter().filter(|result| *result == "Dropped").count();
        assert_eq!(dropped, put_back.len());
        let (_, (count, _)) = &failures(&observed)[0];
        assert_eq!(*count, 5 - put_back.len() as u64);
        assert_eq!(failures(&observed)[0].0, "reingest_limit");
        let counts: Vec<_> = endpoint.payloads()[before..]
            .iter()
            .map(|payload| {
                let payload: Value = serde_json::from_slice(payload).unwrap();
                payload["__sluice_reingests"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(counts, put_back, "MAX_REINGESTS={max}");
    }
}

#[tokio::test]
async fn a_put_back_record_keeps_its_derived_id() {
    let endpoint = Endpoint::replying([]).await;
    let mut small = binary(&endpoint, 5, LONG).await;
    let mut large = Binary::new(&[]).await;
    let note = "x".repeat(300);
    let payloads = [
        event(0),
        format!(r#"{{"ts":1709296496,"note":"{note}"}}"#),
        format!("\n {{ \"ts\" : 1709296496 , \"note\" : \"{note}\"\n }} \n"),
        format!("\u{feff}{{\"__sluice_reingests\":0,\"note\":\"{note}\",\"ts\":1}}"),
        format!(r#"{{"note":"{note}","__sluice_reingests":0}}"#),
    ];
    let ids = async |large: &mut Binary, payloads: &[Vec<u8>]| {
        let observed = large.invoke(direct_put(payloads)).await;
        let id = |record: &Answered| {
            assert!(!record.document().contains("__sluice_reingests"));
            let document: Value = serde_json::from_str(&record.document()).unwrap();
            document["event"]["id"].as_str().unwrap().to_owned()
        };
        Answer::read(observed.body()).records.iter().map(id).collect::<Vec<_>>()
    };
    let mut payloads = payloads.map(String::into_bytes).to_vec();
    let original = ids(&mut large, &payloads).await;
    assert!(original[1..].iter().all(|id| id.len() == 32), "{original:?}");
    for round in 1..=3_usize {
        let observed = small.invoke(direct_put(&payloads)).await;
        assert_eq!(results(&observed), ["Dropped"; 4]);
        let put_back = endpoint.calls()[round - 1].payloads.clone();
        for payload in &put_back {
            let count = format!(r#""__sluice_reingests":{round}}}"#);
            assert!(payload.ends_with(count.as_bytes()), "{}", String::from_utf8_lossy(payload));
        }
        payloads.splice(1.., put_back);
        assert_eq!(ids(&mut large, &payloads).await, original, "round {round}");
    }
}

#[tokio::test]
async fn a_record_of_more_than_1000_kib_is_not_put_back() {
    const FIREHOSE_RECORD_BYTES: usize = 1_024_000;
    let endpoint = Endpoint::replying([]).await;
    let variables =
        [("RESPONSE_BUDGET_BYTES", "1400000"), ("AWS_ENDPOINT_URL", endpoint.url.as_str())];
    let mut binary = Binary::new(&variables).await;
    let payload = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    let with_count = counted(&payload(100), 1).len() - 100;
    let payloads = [
        payload(1_000_000),
        payload(FIREHOSE_RECORD_BYTES - with_count),
        payload(FIREHOSE_RECORD_BYTES - with_count + 1),
    ];
    let observed = binary.invoke(direct_put(&payloads)).await;
    assert_eq!(results(&observed), ["Dropped", "ProcessingFailed"]);
    assert_eq!(failures(&observed), failure("reingest_too_large", 1, 2));
    let lengths: Vec<_> = endpoint.payloads().iter().map(Vec::len).collect();
    assert_eq!(lengths, [FIREHOSE_RECORD_BYTES]);
}

#[tokio::test]
async fn a_call_takes_at_most_500_records() {
    let endpoint = Endpoint::replying([Reply::Except((0..500).filter(|at| at % 2 == 0).collect())]);
    let endpoint = endpoint.await;
    let mut binary = binary(&endpoint, 1_201, LONG).await;
    let observed = binary.invoke(direct_put(&events(1_201))).await;
    let dropped = results(&observed).iter().filter(|result| *result == "Dropped").count();
    assert_eq!(dropped, 1_200);
    let sizes: Vec<_> = endpoint.calls().iter().map(|call| call.payloads.len()).collect();
    // The 250 that failed come again first.
    assert_eq!(sizes, [500, 500, 450]);
    let again = &endpoint.calls()[1].payloads;
    assert_eq!(again[..2], [counted(&event(1), 1), counted(&event(3), 1)]);
    assert_eq!(again[250], counted(&event(501), 1));
}

#[tokio::test]
async fn a_call_takes_at_most_4_mib() {
    let endpoint = Endpoint::replying([]).await;
    let variables =
        [("RESPONSE_BUDGET_BYTES", "200000"), ("AWS_ENDPOINT_URL", endpoint.url.as_str())];
    let mut binary = Binary::new(&variables).await;
    let payload = |index: usize| format!(r#"{{"id":"e-{index}","a":"{}"}}"#, "x".repeat(100_000));
    let payloads: Vec<_> = (0..46).map(payload).collect();
    let observed = binary.invoke(direct_put(&payloads)).await;
    assert_eq!(results(&observed), ["Dropped"; 45]);
    let bytes: Vec<usize> =
        endpoint.calls().iter().map(|call| call.payloads.iter().map(Vec::len).sum()).collect();
    assert_eq!(bytes.len(), 2);
    assert!(bytes[0] <= 4 * 1_048_576, "{bytes:?}");
    assert!(bytes[0] + endpoint.calls()[1].payloads[0].len() > 4 * 1_048_576, "{bytes:?}");
    let expected: Vec<_> = payloads[1..].iter().map(|payload| counted(payload, 1)).collect();
    assert!(endpoint.payloads() == expected, "each once, in order");
}

#[tokio::test]
async fn the_budget_is_counted_to_the_byte() {
    let payloads = events(4);
    let request = direct_put(&payloads);
    let whole = Binary::new(&[]).await.invoke(request.clone()).await;
    let length = whole.body().len();
    let endpoint = Endpoint::replying([]).await;
    let with_budget = async |budget: usize| {
        let budget = budget.to_string();
        let variables = [("RESPONSE_BUDGET_BYTES", &*budget), ("AWS_ENDPOINT_URL", &*endpoint.url)];
        Binary::new(&variables).await.invoke(request.clone()).await
    };

    let same = with_budget(length).await;
    assert_eq!(same.body().len(), length);
    assert_eq!(same.metrics()["RecordsOk"], 4);
    assert_eq!(endpoint.calls(), []);

    let less = with_budget(length - 1).await;
    assert!(less.body().len() < length);
    let results: Vec<_> =
        Answer::read(less.body()).records.into_iter().map(|record| record.result).collect();
    assert_eq!(results, ["Ok", "Ok", "Ok", "Dropped"]);
    assert_eq!(endpoint.payloads(), [counted(&event(3), 1)]);
}

#[tokio::test]
async fn a_budget_below_the_bare_answer_fails_the_invocation() {
    let endpoint = Endpoint::replying([]).await;
    let variables = [("RESPONSE_BUDGET_BYTES", "1000"), ("AWS_ENDPOINT_URL", &*endpoint.url)];
    let mut binary = Binary::new(&variables).await;
    let observed = binary.invoke(direct_put(&events(20))).await;
    let error = observed.answer.as_ref().unwrap_err();
    assert_eq!(error.error_type(), "BudgetTooSmall");
    let bare = r#"{"recordId":"","result":"ProcessingFailed"},"#.len() + record_id(0).len();
    let needed = r#"{"records":[]}"#.len() + 20 * bare - 1;
    assert_eq!(
        error.message(),
        format!(
            "the answer needs {needed} bytes without any data, but RESPONSE_BUDGET_BYTES is 1000"
        )
    );
    assert_eq!(endpoint.calls(), []);
    assert_eq!(observed.metrics()["RecordsIn"], 0);
}

#[tokio::test]
async fn a_document_that_alone_exceeds_the_budget_fails_and_is_not_put_back() {
    let endpoint = Endpoint::replying([]).await;
    let variables = [("RESPONSE_BUDGET_BYTES", "1000"), ("AWS_ENDPOINT_URL", &*endpoint.url)];
    let mut binary = Binary::new(&variables).await;
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(700));
    let observed = binary.invoke(direct_put(&[event(0), large])).await;
    assert_eq!(results(&observed), ["ProcessingFailed"]);
    assert_eq!(failures(&observed), failure("document_too_large", 1, 1));
    assert_eq!(endpoint.calls(), []);
}

#[tokio::test]
async fn no_log_line_of_putting_back_holds_a_payload_at_any_level() {
    const MARKER: &str = "PayloadMarker";
    let endpoint = Endpoint::replying([
        Reply::Error(500, "InternalFailure"),
        Reply::Text("<html>"),
        Reply::Except(vec![0]),
        Reply::Error(403, "AccessDeniedException"),
    ])
    .await;
    let mut binary = binary(&endpoint, 3, LONG).await;
    let payloads: Vec<_> = events(3)
        .iter()
        .map(|event| event.replace("\"note\":\"", &format!("\"{MARKER}\":\"{MARKER}")))
        .collect();
    let request = direct_put(&payloads);
    let observed = binary.invoke(request).await;
    assert_eq!(results(&observed), ["ProcessingFailed", "Dropped"]);
    let mut payloads = endpoint.payloads();
    payloads.dedup();
    let mut secrets = vec![MARKER.to_owned()];
    secrets.extend(
        payloads.iter().map(|payload| base64_simd::STANDARD.encode_to_string(&payload[..24])),
    );
    assert!(observed.stderr.len() >= 4, "{:?}", observed.stderr);
    for line in observed.stderr.iter().chain(&observed.stdout) {
        assert!(secrets.iter().all(|secret| !line.contains(secret)), "{line}");
    }
}
