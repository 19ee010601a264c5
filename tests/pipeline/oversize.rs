//! Requests of the maximum size of an invocation, 6 MB: their documents do not all fit into an
//! answer of 6 MB.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use local::firehose::{PutCall, PutFault, PutFaults, Service};
use local::runtime_api::REQUEST_LIMIT_BYTES;
use local::sample;
use serde_json::Value;

use crate::account::{assert_same, data, found, pairs};
use crate::events::{Fate, documents, fate};
use crate::run::{ARRIVAL_MS, Exchange, Plan, Watched, failures, metric};
use crate::servers::Server;

/// The default of `RESPONSE_BUDGET_BYTES`.
const BUDGET_BYTES: usize = 6_000_000;

/// Kinesis's metadata makes up so much of a request that its documents would fit.
const KINESIS_BUDGET_BYTES: usize = 4_000_000;

/// More small events than fit into a request.
const EVENTS: usize = 9_800;

/// With a buffer this large, the limit of a request applies.
const BUFFER_BYTES: usize = 6 << 20;

const SOURCE_ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/source";

fn payloads() -> Vec<Vec<u8>> {
    sample::events(61, EVENTS).collect()
}

/// The first request is as full as possible, and every answer stays within the budget.
fn check_sizes(seen: &[Exchange], budget: usize) {
    let largest = seen[0].request.len();
    assert!((REQUEST_LIMIT_BYTES - 4_096..=REQUEST_LIMIT_BYTES).contains(&largest), "{largest}");
    let answers = seen.iter().map(|exchange| exchange.answer.as_ref().unwrap().len());
    let answers: Vec<_> = answers.collect();
    assert!(answers.iter().all(|bytes| *bytes <= budget), "{answers:?}");
    // No room is wasted: less than the entry of a record.
    assert!(answers[0] > budget - 2_048, "{answers:?}");
}

/// Records that do not fit are put back and arrive again: in the end every event is exactly one
/// document.
#[tokio::test]
async fn a_request_of_6_mb_becomes_documents_all_of_it() {
    let server = Server::real_if_possible().await;
    let mut plan = Plan::new("oversize").await;
    plan.options.processor_buffer_bytes = BUFFER_BYTES;
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&sizes);
    // Putting records back has faults, too.
    plan.options.put_faults = PutFaults::new(move |call: &PutCall| {
        assert_eq!(call.service, Service::Firehose);
        recorded.lock().unwrap().push(call.records);
        match call.number {
            0 => PutFault::Entries(vec![0, 7, call.records - 1]),
            1 => PutFault::Throttle,
            2 => PutFault::Fail,
            _ => PutFault::None,
        }
    });
    let function = plan.function(&[]).await;
    let watched = Watched::new(function.clone());
    let pipeline = plan.start(&server.url, watched.clone()).await;
    let payloads = payloads();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;

    check_sizes(&watched.seen(), BUDGET_BYTES);
    let report = &ended.report;
    assert!(report.reingested > 1_000, "{}", report.reingested);
    assert_eq!((report.dropped, report.failed_invocations), (report.reingested, 0));
    assert_eq!(metric(&function, "RecordsReingested"), report.reingested);
    assert!(sizes.lock().unwrap().iter().all(|records| *records <= 500));
    assert_eq!((ended.backup.unprocessed.len(), ended.backup.undelivered.len()), (0, 0));
    // Their texts, too: the count of reingests leaves no trace, and derived ids do not change.
    assert_same(found(&ended.documents), pairs(&documents(&payloads, ARRIVAL_MS)));
}

/// With `REINGEST=off`, or if the stream denies the function putting records back, the records that
/// do not fit are in the backup, unchanged.
#[tokio::test]
async fn what_is_not_put_back_is_in_the_backup() {
    let server = Server::embedded().await;
    for (name, reingest, reason) in
        [("off", "off", "reingest_off"), ("denied", "on", "reingest_denied")]
    {
        let mut plan = Plan::new(name).await;
        plan.options.processor_buffer_bytes = BUFFER_BYTES;
        plan.options.put_faults = PutFaults::new(|_| PutFault::Deny);
        let function = plan.function(&[("REINGEST", reingest)]).await;
        let watched = Watched::new(function.clone());
        let pipeline = plan.start(&server.url, watched.clone()).await;
        let payloads = payloads();
        pipeline.put(&payloads).await;
        let ended = pipeline.end(&server).await;

        check_sizes(&watched.seen(), BUDGET_BYTES);
        assert_eq!((ended.report.reingested, ended.report.dropped), (0, 0));
        let lines = &ended.backup.unprocessed;
        assert!(lines.len() > 1_000, "{}", lines.len());
        assert_eq!(failures(&function), [(reason.to_owned(), lines.len() as u64)].into());
        for failed in lines {
            assert_eq!(failed.line["errorCode"], "Lambda.ProcessingFailedStatus");
        }
        let lost = data(lines);
        let in_backup = pairs(&documents(&lost, ARRIVAL_MS));
        assert_same(
            found(&ended.documents).into_iter().chain(in_backup),
            pairs(&documents(&payloads, ARRIVAL_MS)),
        );
        let sent: BTreeSet<_> = payloads.into_iter().collect();
        assert!(lost.iter().all(|payload| sent.contains(payload)), "byte for byte");
    }
}

/// A record is not put back forever: after `MAX_REINGESTS` times it is in the backup, and still
/// contains its event, with the same `event.id`.
#[tokio::test]
async fn what_was_put_back_often_enough_is_in_the_backup() {
    const TIMES: u32 = 2;
    let server = Server::embedded().await;
    let mut plan = Plan::new("limit").await;
    plan.options.processor_buffer_bytes = 64 << 10;
    let budget: usize = 20_000;
    let variables =
        [("RESPONSE_BUDGET_BYTES", &*budget.to_string()), ("MAX_REINGESTS", &TIMES.to_string())];
    let function = plan.function(&variables).await;
    let watched = Watched::new(function.clone());
    let pipeline = plan.start(&server.url, watched.clone()).await;
    let payloads: Vec<_> = sample::events(62, 600).collect();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;

    let answers = watched.seen().into_iter().map(|exchange| exchange.answer.unwrap().len());
    assert!(answers.into_iter().all(|bytes| bytes <= budget));
    let lost = data(&ended.backup.unprocessed);
    assert!(lost.len() > 20, "{}", lost.len());
    assert_eq!(failures(&function), [("reingest_limit".to_owned(), lost.len() as u64)].into());
    let count = format!(",\"__sluice_reingests\":{TIMES}}}");
    let arrival = format!(",\"__sluice_arrival\":{ARRIVAL_MS}");
    let originals = lost.iter().map(|payload| {
        let text = std::str::from_utf8(payload).unwrap().strip_suffix(&count).unwrap();
        // An event without an id keeps the arrival time on which its id depends.
        format!("{}}}", text.strip_suffix(&arrival).unwrap_or(text)).into_bytes()
    });
    let originals: BTreeSet<_> = originals.collect();
    let sent: BTreeSet<_> = payloads.iter().cloned().collect();
    assert!(originals.is_subset(&sent), "count and arrival are all that was added");
    let in_backup = pairs(&documents(&lost, ARRIVAL_MS));
    assert_same(
        found(&ended.documents).into_iter().chain(in_backup),
        pairs(&documents(&payloads, ARRIVAL_MS)),
    );
}

/// With a Kinesis source, records that do not fit are put back into the Kinesis stream, with their
/// own key.
#[tokio::test]
async fn a_request_of_6_mb_from_kinesis_goes_back_to_kinesis() {
    let server = Server::embedded().await;
    let mut plan = Plan::new("kinesis").await;
    plan.options.processor_buffer_bytes = BUFFER_BYTES;
    plan.options.source_kinesis_stream_arn = Some(SOURCE_ARN.to_owned());
    plan.options.put_faults = PutFaults::new(|call: &PutCall| {
        assert_eq!(call.service, Service::Kinesis);
        if call.number == 1 { PutFault::Throttle } else { PutFault::None }
    });
    let function =
        plan.function(&[("RESPONSE_BUDGET_BYTES", &KINESIS_BUDGET_BYTES.to_string())]).await;
    let watched = Watched::new(function.clone());
    let pipeline = plan.start(&server.url, watched.clone()).await;
    let payloads = payloads();
    for (number, payload) in payloads.iter().enumerate() {
        let key = format!("key \"{number}\"");
        pipeline.stream.put_record_with_key(payload.clone(), key).await.unwrap();
    }
    let ended = pipeline.end(&server).await;

    let seen = watched.seen();
    check_sizes(&seen, KINESIS_BUDGET_BYTES);
    assert!(ended.report.reingested > 1_000, "{}", ended.report.reingested);
    assert_eq!(ended.report.dropped, ended.report.reingested);
    assert_eq!((ended.backup.unprocessed.len(), ended.backup.undelivered.len()), (0, 0));
    assert_same(found(&ended.documents), pairs(&documents(&payloads, ARRIVAL_MS)));

    // In every request, a record has the key with which its event was put.
    let id = |payload: &[u8]| match fate(payload, ARRIVAL_MS) {
        Fate::Document(document) => document.id,
        fate => panic!("{fate:?}"),
    };
    let keys = payloads.iter().enumerate();
    let keys: BTreeMap<_, _> =
        keys.map(|(number, payload)| (id(payload), format!("key \"{number}\""))).collect();
    let mut records = 0;
    for exchange in &seen {
        let request: Value = serde_json::from_slice(&exchange.request).unwrap();
        assert_eq!(request["sourceKinesisStreamArn"], SOURCE_ARN);
        for record in request["records"].as_array().unwrap() {
            let data = record["data"].as_str().unwrap();
            let payload = base64_simd::STANDARD.decode_to_vec(data).unwrap();
            let key = record["kinesisRecordMetadata"]["partitionKey"].as_str().unwrap();
            assert_eq!(key, keys[&id(&payload)]);
            records += 1;
        }
    }
    assert_eq!(records, payloads.len() as u64 + ended.report.reingested);
}
