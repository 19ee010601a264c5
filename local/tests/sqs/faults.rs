//! The embedded server's faults on demand.

use std::time::Duration;

use local::sqs::ClientError;
use local::sqs::embedded::{Fault, Lasting, Operation};
use serde_json::json;

use crate::servers::{self, Server};

async fn failing(operation: Operation, fault: Fault) -> (Server, String) {
    let server = servers::own().await;
    let queue = server.queue("q", &[]).await;
    server.embedded().fail(operation, fault, Lasting::Requests(1));
    (server, queue)
}

#[tokio::test]
async fn whole_calls_are_refused_and_not_done() {
    for (fault, status, code) in [
        (Fault::Throttle, 400, "RequestThrottled"),
        (Fault::Deny, 400, "AccessDenied"),
        (Fault::Fail, 500, "InternalFailure"),
    ] {
        let (server, queue) = failing(Operation::SendMessage, fault).await;
        let members = json!({"QueueUrl": queue, "MessageBody": "x"});
        let error = server.client.call("SendMessage", &members).await.unwrap_err();
        assert!(
            matches!(&error, ClientError::Service { status: s, .. } if *s == status),
            "{error}"
        );
        assert_eq!(error.code(), Some(code));
        assert_eq!(server.counts(&queue).await, [0, 0]);
        server.send(&queue, "x").await;
        assert_eq!(server.counts(&queue).await, [1, 0]);
        assert_eq!(server.embedded().calls(Operation::SendMessage), 2);
    }
}

#[tokio::test]
async fn a_dropped_connection_may_have_done_it() {
    for (fault, sent) in [(Fault::Drop, 0), (Fault::DropAfterDoing, 1)] {
        let (server, queue) = failing(Operation::SendMessage, fault).await;
        let members = json!({"QueueUrl": queue, "MessageBody": "x"});
        let error = server.client.call("SendMessage", &members).await.unwrap_err();
        assert!(matches!(error, ClientError::Exchange(_)), "{error}");
        assert_eq!(server.counts(&queue).await, [sent, 0]);
    }
}

#[tokio::test]
async fn a_slow_call_is_done_before_it_is_answered() {
    let slow = Fault::Slow(Duration::from_hours(1));
    let (server, queue) = failing(Operation::SendMessage, slow).await;
    let members = json!({"QueueUrl": queue, "MessageBody": "x"});
    let client = server.client.clone();
    let call = tokio::spawn(async move { client.call("SendMessage", &members).await });
    while server.counts(&queue).await == [0, 0] {
        tokio::task::yield_now().await;
    }
    assert!(!call.is_finished());
    call.abort();
    assert_eq!(server.receive_one(&queue).await["Body"], "x");
}

#[tokio::test]
async fn entries_fail_and_the_others_are_done() {
    let fault = Fault::Entries(vec![0, 2]);
    let (server, queue) = failing(Operation::SendMessageBatch, fault).await;
    let entries: Vec<_> = ["a", "b", "c"].map(|id| json!({"Id": id, "MessageBody": id})).to_vec();
    let members = json!({"QueueUrl": queue, "Entries": entries});
    let answer = server.done("SendMessageBatch", members).await;
    assert_eq!(answer["Successful"][0]["Id"], "b");
    let failed =
        |id: &str| json!({"Id": id, "Code": "InternalError", "Message": "", "SenderFault": false});
    assert_eq!(answer["Failed"], json!([failed("a"), failed("c")]));
    assert_eq!(server.receive_one(&queue).await["Body"], "b");
}

#[tokio::test]
async fn faults_of_an_operation_leave_the_others_alone_and_end() {
    let (server, queue) = failing(Operation::DeleteMessage, Fault::Throttle).await;
    server.embedded().fail(Operation::ReceiveMessage, Fault::Fail, Lasting::UntilCleared);
    server.send(&queue, "x").await;
    let members = json!({"QueueUrl": queue});
    for _ in 0..2 {
        let error = server.client.call("ReceiveMessage", &members).await.unwrap_err();
        assert_eq!(error.code(), Some("InternalFailure"));
    }
    server.embedded().clear_faults();
    let message = server.receive_one(&queue).await;
    server.delete(&queue, &message).await;
}
