//! Nothing fails except the sample's hostile events.

use std::collections::BTreeMap;

use local::firehose::{self, RECORD_LIMIT_BYTES};
use local::sample;
use serde_json::json;

use crate::account::{assert_same, data};
use crate::events::{Fate, fate, id};
use crate::run::{Ended, Plan, failures, metric};
use crate::servers::Server;

/// The last millisecond of a day in UTC, and the first of the next.
const LAST_MS: u64 = 1_709_337_599_999;
const FIRST_MS: u64 = LAST_MS + 1;

/// The hostile situations that do not become documents, by their fate. All others are unusual but
/// valid.
const REFUSED: [(&str, &[&str]); 6] = [
    ("dropped", &["empty", "only-white-space", "only-a-byte-order-mark"]),
    (
        "invalid_utf8",
        &["invalid-utf-8", "overlong-utf-8", "surrogate-in-utf-8", "truncated-utf-8", "gzip"],
    ),
    (
        "invalid_json",
        &[
            "utf-16",
            "plain-text",
            "csv",
            "html",
            "truncated",
            "trailing-comma",
            "single-quotes",
            "names-without-quotes",
            "comment",
            "not-a-number",
            "infinity",
            "leading-zero",
            "plus-sign",
            "point-without-digits",
            "python-literals",
            "raw-line-break-in-text",
            "raw-nul-in-text",
            "unknown-escape",
            "truncated-escape",
            "lone-high-surrogate",
            "lone-low-surrogate",
            "surrogates-reversed",
            "lone-surrogate-in-a-name",
            "two-objects-in-a-row",
            "text-behind-the-object",
            "bulk-request",
        ],
    ),
    (
        "not_an_object",
        &["array-at-the-top", "number-at-the-top", "true-at-the-top", "null-at-the-top"],
    ),
    ("too_deep", &["nested-129-levels-deep", "brackets-100000-levels-deep"]),
    ("number_too_long", &["number-of-1001-digits"]),
];

/// Firehose does not accept it.
const TOO_LARGE: &str = "payload-over-1-mib";

/// The table's fate of each hostile payload that does not become a document.
fn refused_by_payload() -> BTreeMap<Vec<u8>, &'static str> {
    let hostile: BTreeMap<_, _> = sample::hostile().into_iter().collect();
    let all = REFUSED.iter().flat_map(|(fate, situations)| {
        situations.iter().map(|situation| (hostile[situation].clone(), *fate))
    });
    all.collect()
}

#[tokio::test]
async fn every_event_of_the_sample_is_where_it_belongs() {
    let server = Server::real_if_possible().await;
    let plan = Plan::new("ordinary").await;
    let (function, hands) = (plan.function(&[]).await, plan.hands.clone());
    let pipeline = plan.start(&server.url, function.clone()).await;

    // One half arrives on one day, the other half on the next.
    let events = sample::demo();
    assert_eq!(events.len(), sample::DEMO_EVENTS);
    let (before, after) = events.split_at(events.len() / 2);
    let refused = refused_by_payload();
    let mut too_large = 0;
    let (mut documents, mut dropped) = (Vec::new(), 0);
    let (mut backup, mut reasons) = (Vec::new(), BTreeMap::<String, u64>::new());
    for (events, arrival_ms, day) in
        [(before, LAST_MS, "2024-03-01"), (after, FIRST_MS, "2024-03-02")]
    {
        hands.set(arrival_ms);
        for event in events {
            match pipeline.stream.put_record(event.clone()).await {
                Err(firehose::Error::TooLarge(_)) => {
                    assert!(event.len() > RECORD_LIMIT_BYTES);
                    too_large += 1;
                    continue;
                }
                put => put.unwrap(),
            }
            // The model and the table agree on every event.
            match (fate(event, arrival_ms), refused.get(event).copied()) {
                (Fate::Document(document), None) => {
                    let index = format!("music-events-ordinary-{day}");
                    documents.push((index, document.id, document.text));
                }
                (Fate::Dropped, Some("dropped")) => dropped += 1,
                (Fate::Refused(reason), Some(expected)) => {
                    assert_eq!(reason, expected, "{}", String::from_utf8_lossy(event));
                    *reasons.entry(reason.to_owned()).or_default() += 1;
                    backup.push(event.clone());
                }
                (fate, expected) => {
                    let event = String::from_utf8_lossy(event);
                    panic!("{fate:?}, but by the table {expected:?}: {event:.200}")
                }
            }
        }
    }
    let hostile: BTreeMap<_, _> = sample::hostile().into_iter().collect();
    assert_eq!((too_large, hostile[TOO_LARGE].len() > RECORD_LIMIT_BYTES), (1, true));
    assert_eq!(dropped + backup.len(), refused.len());

    let ended = pipeline.end(&server).await;
    let found = ended.documents.iter();
    let found = found.map(|stored| (stored.index.clone(), id(&stored.text), stored.text.clone()));
    let sent = events.len() as u64 - 1;
    let accounted = (documents.len() + dropped + backup.len()) as u64;
    assert_eq!((ended.report.put, accounted), (sent, sent));
    assert_same(found, documents);
    assert_eq!((ended.report.dropped, ended.report.reingested), (dropped as u64, 0));
    assert_same(data(&ended.backup.unprocessed), backup);
    assert_eq!(ended.backup.undelivered.len(), 0, "OpenSearch takes every hostile document");
    assert_eq!(ended.report.delivery_retries, 0);

    assert_eq!(failures(&function), reasons);
    let metrics = ["RecordsIn", "RecordsOk", "RecordsDropped", "RecordsFailed"];
    let Ended { report, .. } = &ended;
    let expected = [report.put, report.ok, report.dropped, report.processing_failed];
    assert_eq!(metrics.map(|name| metric(&function, name)), expected);
    assert_eq!(metric(&function, "RecordsReingested"), 0);

    // OpenSearch can be queried: actions are counted by it and here.
    let query =
        json!({"size": 0, "aggs": {"ids": {"terms": {"field": "event.id", "size": 20_000}}}});
    let answer = server.client.search("music-events-ordinary*", &query).await.unwrap();
    let ids: Vec<_> = answer.buckets("ids");
    assert_same(ids, ended.documents.iter().map(|stored| (id(&stored.text), 1)));
}
