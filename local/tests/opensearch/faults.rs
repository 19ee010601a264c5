//! The embedded server's faults on demand.

use local::opensearch::Client;
use local::opensearch::ClientError;
use local::opensearch::embedded::{Embedded, Fault, Lasting, Which};
use serde_json::Value;
use std::time::Duration;

const INDEX: &str = "music-events-faults";

/// Four documents with the ids 0 to 3.
fn body() -> String {
    let one = |id: u32| {
        format!(
            "{{\"index\":{{\"_index\":\"{INDEX}\",\"_id\":\"{id}\"}}}}\n{{\"song\":{{\"id\":\"s{id}\"}}}}\n"
        )
    };
    (0..4).map(one).collect()
}

async fn count(client: &Client) -> u64 {
    client.count("music-events-fault*").await.unwrap()
}

/// The statuses of the items of a request.
async fn statuses(client: &Client) -> Vec<u64> {
    let answer: Value = serde_json::from_slice(&client.bulk(body()).await.unwrap().body).unwrap();
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["index"]["status"].as_u64().unwrap()).collect()
}

async fn failing(fault: Fault) -> (Embedded, Client) {
    let (embedded, client) = testkit::opensearch().await;
    embedded.fail(fault, Lasting::Requests(1));
    (embedded, client)
}

#[tokio::test]
async fn whole_requests_are_refused_and_not_done() {
    for (status, kind) in [
        (400, "illegal_argument_exception"),
        (403, "security_exception"),
        (413, "content_too_long_exception"),
        (429, "rejected_execution_exception"),
        (503, "cluster_manager_not_discovered_exception"),
    ] {
        let (_embedded, client) = failing(Fault::Status(status)).await;
        let refused = client.bulk(body()).await.unwrap();
        assert_eq!(refused.status.as_u16(), status);
        assert_eq!(refused.error_type().as_deref(), Some(kind));
        assert_eq!(count(&client).await, 0);
        assert_eq!(statuses(&client).await, [201; 4]);
        assert_eq!(count(&client).await, 4);
    }
}

#[tokio::test]
async fn operations_fail_and_the_others_are_done() {
    for (which, statuses) in [
        (Which::All, [429, 429, 429, 429]),
        (Which::OneOf(2), [429, 201, 429, 201]),
        (Which::Containing("\"s3\"".to_owned()), [201, 201, 201, 429]),
    ] {
        let (_embedded, client) = failing(Fault::Items { status: 429, which }).await;
        assert_eq!(self::statuses(&client).await, statuses);
        let written = statuses.iter().filter(|status| **status == 201).count();
        assert_eq!(count(&client).await, written as u64);
    }
}

#[tokio::test]
async fn a_dropped_connection_may_have_written() {
    for (fault, written) in [(Fault::Drop, 0), (Fault::DropAfterWriting, 4)] {
        let (embedded, client) = failing(fault).await;
        // On a connection that has already answered, it would be sent again.
        let fresh = Client::new(embedded.url()).unwrap();
        let error = fresh.bulk(body()).await.unwrap_err();
        assert!(matches!(error, ClientError::Exchange(_)), "{error}");
        assert_eq!(count(&client).await, written);
        assert_eq!(embedded.bulk_requests(), 1);
    }
}

#[tokio::test]
async fn answers_come_broken_after_the_work() {
    let (_embedded, client) = failing(Fault::Truncate).await;
    let error = client.bulk(body()).await.unwrap_err();
    assert!(matches!(error, ClientError::Body(_)), "{error}");
    assert_eq!(count(&client).await, 4);
    let (_embedded, client) = failing(Fault::Garbage).await;
    assert_eq!(client.bulk(body()).await.unwrap().body[..6], *b"<html>");
    assert_eq!(count(&client).await, 4);
}

#[tokio::test]
async fn a_lasting_fault_ends_when_it_is_cleared_and_a_slow_answer_is_an_answer() {
    let (embedded, client) = testkit::opensearch().await;
    embedded.fail(Fault::Status(503), Lasting::UntilCleared);
    for _ in 0..3 {
        assert_eq!(client.bulk(body()).await.unwrap().status, 503);
    }
    embedded.clear_faults();
    embedded.fail(Fault::Slow(Duration::from_millis(20)), Lasting::Requests(1));
    assert_eq!(statuses(&client).await, [201; 4]);
    assert_eq!(embedded.bulk_requests(), 4);
}

#[tokio::test]
async fn a_stopped_server_does_not_answer() {
    let (embedded, client) = testkit::opensearch().await;
    embedded.stop().await;
    assert!(matches!(client.info().await, Err(ClientError::Exchange(_))));
}
