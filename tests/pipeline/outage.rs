//! OpenSearch rejects requests, closes connections and becomes unavailable.

use std::time::Duration;

use local::firehose::DeliveryStream;
use local::opensearch::Fault;
use local::opensearch::embedded::{Lasting, Which};
use local::sample;

use crate::account::{assert_same, found, pairs, undelivered};
use crate::events::documents;
use crate::run::{ARRIVAL_MS, Ended, Pipeline, Plan};
use crate::servers::Server;
use local::door::{Door, Passage};

const EVENTS: usize = 160;

/// Time limit of a wait.
const HANG: Duration = Duration::from_mins(1);

/// Asserts that every event is exactly one document.
fn assert_all_delivered(ended: &Ended, payloads: &[Vec<u8>]) {
    assert_eq!((ended.backup.unprocessed.len(), ended.backup.undelivered.len()), (0, 0));
    assert_eq!(ended.report.dropped, 0);
    assert_same(found(&ended.documents), pairs(&documents(payloads, ARRIVAL_MS)));
}

/// A stream of small deliveries, more than twelve for [`EVENTS`].
async fn started(name: &str, url: &str) -> Pipeline {
    let mut plan = Plan::new(name).await;
    plan.options.destination_buffer_bytes = 6 << 10;
    let function = plan.function(&[]).await;
    plan.start(url, function).await
}

#[tokio::test]
async fn every_fault_that_passes_loses_and_doubles_nothing() {
    let server = Server::embedded().await;
    let items = |status, which| Fault::Items { status, which };
    let faults = [
        Fault::Status(429),
        Fault::Status(503),
        Fault::Status(500),
        Fault::Status(403),
        items(429, Which::OneOf(3)),
        items(503, Which::OneOf(2)),
        items(429, Which::All),
        items(503, Which::All),
        Fault::Drop,
        Fault::DropAfterWriting,
        Fault::Truncate,
        Fault::Garbage,
    ];
    // One fault per delivery: its first two attempts fail, the third succeeds.
    let pipeline = started("faults", &server.url).await;
    for fault in &faults {
        server.faults().fail(fault.clone(), Lasting::Requests(2));
        server.faults().fail(Fault::Slow(Duration::ZERO), Lasting::Requests(1));
    }
    let payloads: Vec<_> = sample::events(41, EVENTS).collect();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;
    assert_all_delivered(&ended, &payloads);
    let requests = ended.report.delivery_requests;
    // A request on a connection that is dropped is sent again immediately, which is not a separate
    // attempt: both dropped requests of `Drop` and `DropAfterWriting` are one attempt.
    let dropped = 2;
    assert_eq!(server.faults().bulk_requests(), requests + dropped);
    // Every faulty request is sent again; if some items failed, with those alone.
    assert_eq!(ended.report.delivery_retries, 2 * faults.len() as u64 - dropped);
    assert!(requests >= 3 * faults.len() as u64, "{requests}: not every fault was met");
}

/// Unavailable from the start, then while it receives a request, then while it answers one.
#[tokio::test]
async fn an_opensearch_that_goes_away_and_comes_back_gets_everything() {
    let server = Server::real_if_possible().await;
    let passages = vec![Passage::HoldRequest, Passage::HoldAnswer];
    let (mut door, mut held) = Door::with_passages(&server.url, passages).unwrap();
    let pipeline = started("away", &door.url()).await;
    let payloads: Vec<_> = sample::events(42, EVENTS).collect();
    let stream = pipeline.stream.clone();
    let outages = async {
        for _ in 0..2 {
            retried_twice(&stream).await;
            door.open().unwrap();
            held.recv().await.unwrap();
            door.close().await;
        }
        retried_twice(&stream).await;
        door.open().unwrap();
    };
    let work = async {
        pipeline.put(&payloads).await;
        pipeline.end(&server).await
    };
    let (ended, ()) = tokio::join!(work, outages);
    assert!(ended.report.delivery_retries >= 6, "{}", ended.report.delivery_retries);
    assert_all_delivered(&ended, &payloads);
}

/// Waits until the stream has sent a request without success, and again.
async fn retried_twice(stream: &DeliveryStream) {
    let before = stream.report().delivery_retries;
    let again = async {
        while stream.report().delivery_retries < before + 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, again).await.expect("the stream tries again");
}

#[tokio::test]
async fn an_opensearch_that_stays_away_leaves_every_document_in_the_backup() {
    let server = Server::embedded().await;
    let door = Door::closed(&server.url).unwrap();
    for (name, url, code) in
        [("refused", door.url(), "OS.ServiceException"), ("ill", server.url.clone(), "503")]
    {
        let mut plan = Plan::new(name).await;
        plan.options.destination_buffer_bytes = 6 << 10;
        plan.options.retry_duration = Duration::from_millis(10);
        server.faults().fail(Fault::Status(503), Lasting::UntilCleared);
        let function = plan.function(&[]).await;
        let pipeline = plan.start(&url, function).await;
        let payloads: Vec<_> = sample::events(43, EVENTS).collect();
        pipeline.put(&payloads).await;
        let ended = pipeline.end(&server).await;
        assert_eq!((ended.report.delivered, ended.report.dropped), (0, 0));
        assert_eq!(ended.backup.unprocessed.len(), 0);
        let expected = pairs(&documents(&payloads, ARRIVAL_MS));
        assert_same(undelivered(&ended.backup.undelivered), expected);
        for failed in &ended.backup.undelivered {
            assert_eq!(failed.line["errorCode"], code, "{}", failed.line);
            assert!(failed.line["attemptsMade"].as_u64().unwrap() >= 1);
        }
        assert!(ended.report.delivery_retries > 0);
    }
}
