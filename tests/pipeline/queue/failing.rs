//! SQS fails.

use std::collections::BTreeSet;

use local::opensearch;
use local::sqs::embedded::{Fault, Lasting, Operation};

use super::{Line, bodies_with_poison, expected};
use crate::account::assert_same;
use crate::servers::Server;

/// Sends valid and invalid events with these faults: each becomes a document or is in quarantine.
async fn check(name: &str, operation: Operation, faults: &[(Fault, u32)]) -> local::sqs::Report {
    let server = Server::embedded().await;
    let line = Line::new(name, 1_000).await;
    let sent = bodies_with_poison(65, 60);
    line.send(&sent).await;
    for (fault, requests) in faults {
        line.sqs.fail(operation, fault.clone(), Lasting::Requests(*requests));
        let none = Fault::Slow(std::time::Duration::ZERO);
        line.sqs.fail(operation, none, Lasting::Requests(1));
    }
    // Some messages are redelivered for another reason.
    for _ in 0..4 {
        let busy = opensearch::Fault::Status(429);
        server.faults().fail(busy, opensearch::embedded::Lasting::Requests(1));
        let well = opensearch::Fault::Slow(std::time::Duration::ZERO);
        server.faults().fail(well, opensearch::embedded::Lasting::Requests(1));
    }
    let function = line.function(&server).await;
    let mapping = line.mapping(&function).await;
    line.drained_by_the_clock(&mapping).await;
    let met: u32 = faults.iter().map(|(_, requests)| requests).sum();
    assert!(line.sqs.calls(operation) >= u64::from(met), "not every fault was met");

    let expected = expected(&sent);
    assert_same(line.ids(&server).await, expected.ids);
    let quarantined: BTreeSet<_> = line.quarantined().await.into_iter().collect();
    // Each at least once.
    assert_same(quarantined, expected.quarantined);
    assert_eq!(line.count(&line.dead).await, 0);
    mapping.report()
}

#[tokio::test]
async fn a_quarantine_that_fails_loses_nothing() {
    // The SDK itself tries three times.
    let faults = [
        (Fault::Fail, 3),
        (Fault::Throttle, 3),
        (Fault::Deny, 1),
        (Fault::Drop, 3),
        (Fault::DropAfterDoing, 3),
        (Fault::Entries(vec![0]), 1),
    ];
    let report = check("quarantine-fails", Operation::SendMessageBatch, &faults).await;
    assert!(report.failed > 0);
}

#[tokio::test]
async fn a_backoff_that_fails_loses_nothing() {
    let faults = [(Fault::Fail, 3), (Fault::Deny, 1), (Fault::Entries(vec![0, 1]), 1)];
    check("backoff-fails", Operation::ChangeMessageVisibilityBatch, &faults).await;
}

#[tokio::test]
async fn messages_that_come_again_after_they_were_done_are_documents_once() {
    // The mapping itself tries four times.
    let faults = [(Fault::Fail, 4), (Fault::DropAfterDoing, 1), (Fault::Throttle, 4)];
    let report = check("delete-fails", Operation::DeleteMessageBatch, &faults).await;
    assert!(report.undeleted > 0);
}
