//! The mapping while SQS fails.

use local::sqs::embedded::{Fault, Lasting, Operation};

use super::script::answering;
use super::{options, started};
use crate::servers::{self, Server};

/// A queue with these messages, on a server with this planned fault.
async fn failing(operation: Operation, fault: Fault, lasting: Lasting) -> (Server, String) {
    let server = servers::own().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "600")]).await;
    for body in ["one", "two", "three"] {
        server.send(&queue, body).await;
    }
    server.embedded().fail(operation, fault, lasting);
    (server, queue)
}

#[tokio::test]
async fn a_receive_that_fails_is_tried_again() {
    for fault in [Fault::Throttle, Fault::Fail, Fault::Drop] {
        let (server, queue) = failing(Operation::ReceiveMessage, fault, Lasting::Requests(2)).await;
        let script = answering("{}");
        let mapping = started(options(&queue), &server.client, script).await;
        let report = mapping.until(|report| report.deleted == 3).await;
        assert_eq!((report.received, report.failed_calls), (3, 2));
        let error = report.last_error.unwrap();
        assert!(error.starts_with("ReceiveMessage: "), "{error}");
    }
}

#[tokio::test]
async fn a_delete_that_fails_is_tried_again() {
    for fault in [Fault::Throttle, Fault::Drop, Fault::DropAfterDoing] {
        let (server, queue) =
            failing(Operation::DeleteMessageBatch, fault, Lasting::Requests(2)).await;
        let script = answering("{}");
        let mapping = started(options(&queue), &server.client, script).await;
        let report = mapping.until(|report| report.deleted == 3).await;
        assert_eq!((report.received, report.undeleted, report.failed_calls), (3, 0, 2));
        assert_eq!(server.counts(&queue).await, [0, 0]);
    }
}

#[tokio::test]
async fn entries_whose_delete_fails_are_tried_again() {
    let fault = Fault::Entries(vec![0]);
    let (server, queue) = failing(Operation::DeleteMessageBatch, fault, Lasting::Requests(1)).await;
    let script = answering("{}");
    let mapping = started(options(&queue), &server.client, script).await;
    let report = mapping.until(|report| report.deleted == 3).await;
    assert_eq!((report.undeleted, report.failed_calls), (0, 0));
    assert_eq!(server.embedded().calls(Operation::DeleteMessageBatch), 2);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_told_and_comes_again() {
    let (server, queue) =
        failing(Operation::DeleteMessageBatch, Fault::Fail, Lasting::UntilCleared).await;
    let script = answering("{}");
    let mapping = started(options(&queue), &server.client, script).await;
    let report = mapping.until(|report| report.undeleted == 3).await;
    assert_eq!((report.deleted, report.failed, report.in_hand), (0, 0, 0));
    assert_eq!(report.last_error.unwrap().split(':').next(), Some("DeleteMessageBatch"));
    assert_eq!(server.counts(&queue).await, [0, 3]);
}
