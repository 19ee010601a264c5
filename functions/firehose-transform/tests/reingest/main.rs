//! Records that do not fit into the answer are put back into their source: the real binary with a
//! scripted endpoint of Firehose and Kinesis.

#![cfg(test)]

mod failures;
mod limits;

#[path = "../support"]
mod support {
    pub(crate) mod request;
    pub(crate) mod source;
}

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Binary, Endpoint, Observed};
use tokio::sync::oneshot;

use support::request::{Answered, answers, direct_put, record_id};
use support::source::{Act, Put, calls, puts, source};

const BINARY: &str = env!("CARGO_BIN_EXE_firehose-transform");

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

/// A budget for the answer to this number of [`event`]s with one document.
fn budget_for_one(count: usize) -> usize {
    count * 106 + 1_000
}

/// The binary with room for one of `count` [`event`]s; the others are put back to `endpoint`.
async fn binary(endpoint: &Endpoint, count: usize, timeout: Duration) -> Binary {
    let budget = budget_for_one(count).to_string();
    let variables = [
        ("RESPONSE_BUDGET_BYTES", budget.as_str()),
        ("AWS_ENDPOINT_URL_FIREHOSE", endpoint.url.as_str()),
        ("AWS_ENDPOINT_URL_KINESIS", endpoint.url.as_str()),
        ("LOG_LEVEL", "trace"),
    ];
    Binary::with_timeout(BINARY, &variables, timeout).await
}

/// Invokes the binary with `count` [`event`]s and room for one of them.
async fn put_back(
    count: usize,
    acts: impl IntoIterator<Item = Act>,
    timeout: Duration,
) -> (Observed, Endpoint) {
    let endpoint = source(acts).await;
    let observed = binary(&endpoint, count, timeout).await.invoke(direct_put(&events(count))).await;
    (observed, endpoint)
}

const LONG: Duration = Duration::from_mins(1);

/// Leaves a second for putting records back.
const SHORT: Duration = Duration::from_secs(3);

/// The results of the records after the first, which must have its document. The others must have
/// no data: the answer is full.
fn results(observed: &Observed) -> Vec<String> {
    let mut records = answers(observed.body()).into_iter();
    let Answered { record_id: id, result, data, .. } = records.next().unwrap();
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
    observed.reasons("first_record_id").into_iter().collect()
}

/// Asserts that the two records after the first failed for this reason.
fn assert_failed(observed: &Observed, reason: &str) {
    assert_eq!(results(observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(observed), failure(reason, 2, 1));
}

#[tokio::test]
async fn records_of_direct_put_go_back_into_the_delivery_stream() {
    let (observed, endpoint) = put_back(3, [], LONG).await;
    assert_eq!(results(&observed), ["Dropped", "Dropped"]);
    assert_eq!(failures(&observed), []);
    let put = Put {
        target: "Firehose_20150804.PutRecordBatch".to_owned(),
        stream: "music-events".to_owned(),
        payloads: vec![counted(&event(1), 1), counted(&event(2), 1)],
        partition_keys: vec![],
    };
    assert_eq!(puts(&endpoint), [put]);
}

#[tokio::test]
async fn records_of_kinesis_go_back_into_the_stream_with_their_partition_key() {
    let endpoint =
        source([Act::Error(400, "ProvisionedThroughputExceededException"), Act::Except(vec![0])])
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
    let put = |numbers: &[usize]| Put {
        target: "Kinesis_20131202.PutRecords".to_owned(),
        stream: arn.to_owned(),
        payloads: numbers.iter().map(|number| counted(&event(*number), 1)).collect(),
        partition_keys: numbers.iter().map(|number| keys[*number].clone()).collect(),
    };
    assert_eq!(puts(&endpoint), [put(&[1, 2, 3]), put(&[1, 2, 3]), put(&[1])]);
}

#[tokio::test]
async fn a_kinesis_record_without_a_key_gets_its_id_as_key() {
    let endpoint = source([]).await;
    let mut binary = binary(&endpoint, 2, LONG).await;
    let mut request: Value = serde_json::from_slice(&direct_put(&events(2))).unwrap();
    request["sourceKinesisStreamArn"] = json!("arn:aws:kinesis:us-east-1:1:stream/s");
    let observed = binary.invoke(request.to_string()).await;
    assert_eq!(results(&observed), ["Dropped"]);
    assert_eq!(puts(&endpoint)[0].partition_keys, [record_id(1)]);
}

#[tokio::test]
async fn a_record_is_not_dropped_before_it_is_accepted() {
    let (release, released) = oneshot::channel();
    let endpoint = source([Act::AcceptAfter(released)]).await;
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
async fn a_put_back_record_keeps_its_derived_id() {
    let endpoint = source([]).await;
    let mut small = binary(&endpoint, 5, LONG).await;
    let mut large = Binary::new(BINARY, &[]).await;
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
        answers(observed.body()).iter().map(id).collect::<Vec<_>>()
    };
    let mut payloads = payloads.map(String::into_bytes).to_vec();
    let original = ids(&mut large, &payloads).await;
    assert!(original[1..].iter().all(|id| id.len() == 32), "{original:?}");
    for round in 1..=3_usize {
        let observed = small.invoke(direct_put(&payloads)).await;
        assert_eq!(results(&observed), ["Dropped"; 4]);
        let put_back = calls(&endpoint)[round - 1].clone();
        for payload in &put_back {
            let count = format!(r#""__sluice_reingests":{round}}}"#);
            assert!(payload.ends_with(count.as_bytes()), "{}", String::from_utf8_lossy(payload));
        }
        payloads.splice(1.., put_back);
        assert_eq!(ids(&mut large, &payloads).await, original, "round {round}");
    }
}

#[tokio::test]
async fn no_log_line_of_putting_back_holds_a_payload_at_any_level() {
    const MARKER: &str = "PayloadMarker";
    let endpoint = source([
        Act::Error(500, "InternalFailure"),
        Act::Text("<html>"),
        Act::Except(vec![0]),
        Act::Error(403, "AccessDeniedException"),
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
    let mut payloads = calls(&endpoint).concat();
    payloads.dedup();
    let mut secrets = vec![MARKER.to_owned()];
    secrets.extend(
        payloads.iter().map(|payload| base64_simd::STANDARD.encode_to_string(&payload[..24])),
    );
    assert!(observed.stderr.len() >= 4, "{:?}", observed.stderr);
    observed.assert_hidden(&secrets);
}
