//! OpenSearch rejects requests, closes connections and becomes unavailable.

use local::opensearch::Fault;
use local::opensearch::embedded::{Lasting, Which};
use serde_json::json;

use super::{Line, bodies, expected};
use crate::account::assert_same;
use crate::servers::Server;

#[tokio::test]
async fn every_fault_that_passes_loses_and_doubles_nothing() {
    let server = Server::embedded().await;
    let line = Line::new("faults", 1_000).await;
    let items = |status, which| Fault::Items { status, which };
    let faults = [
        Fault::Status(429),
        Fault::Status(503),
        Fault::Status(500),
        Fault::Status(403),
        Fault::Status(413),
        Fault::Status(400),
        items(429, Which::OneOf(3)),
        items(503, Which::OneOf(2)),
        items(403, Which::OneOf(2)),
        items(404, Which::OneOf(4)),
        items(429, Which::All),
        Fault::Drop,
        Fault::DropAfterWriting,
        Fault::Truncate,
        Fault::Garbage,
    ];
    for fault in &faults {
        server.faults().fail(fault.clone(), Lasting::Requests(1));
        server.faults().fail(Fault::Slow(std::time::Duration::ZERO), Lasting::Requests(1));
    }
    let sent = bodies(62, 200);
    line.send(&sent).await;
    let function = line.function(&server).await;
    let mapping = line.mapping(&function).await;
    let report = line.drained(&mapping).await;

    assert_eq!(report.deleted, 200);
    assert!(report.failed > 0);
    assert!(server.faults().bulk_requests() >= 2 * faults.len() as u64, "not every fault was met");
    assert_same(line.ids(&server).await, expected(&sent).ids);
    assert_eq!((line.count(&line.quarantine).await, line.count(&line.dead).await), (0, 0));
}

#[tokio::test]
async fn what_was_given_up_is_a_document_after_it_was_put_back() {
    let server = Server::embedded().await;
    let line = Line::new("given-up", 3).await;
    let sent = bodies(63, 60);
    line.send(&sent).await;
    server.faults().fail(Fault::Status(503), Lasting::UntilCleared);
    let function = line.function(&server).await;
    let mapping = line.mapping(&function).await;
    let report = line.drained(&mapping).await;
    assert_eq!((report.deleted, report.failed), (0, 3 * 60), "each was tried three times");
    assert_eq!(line.count(&line.dead).await, 60);

    server.faults().clear_faults();
    let source = json!({"SourceArn": "arn:aws:sqs:us-east-1:123456789012:dead"});
    line.client.call("StartMessageMoveTask", &source).await.unwrap();
    assert_eq!(line.count(&line.dead).await, 0);
    let report = line.drained(&mapping).await;
    assert_eq!(report.deleted, 60);
    assert_same(line.ids(&server).await, expected(&sent).ids);
}

#[tokio::test]
async fn what_is_given_up_is_as_it_was_sent() {
    let server = Server::embedded().await;
    let line = Line::new("as-sent", 2).await;
    let sent = bodies(64, 30);
    line.send(&sent).await;
    server.faults().fail(Fault::Drop, Lasting::UntilCleared);
    let function = line.function(&server).await;
    let mapping = line.mapping(&function).await;
    line.drained(&mapping).await;
    let dead = line.messages(&line.dead).await;
    let found = dead.iter().map(|message| message["Body"].as_str().unwrap());
    let sent = sent.iter().map(String::as_str);
    assert_same(found, sent);
}
