//! The embedded server's faults on demand.

use local::opensearch::Client;
use local::opensearch::client::ClientError;
use local::opensearch::embedded::{Embedded, Fault, Lasting, Which};
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
        let error = client.bulk(body(), false).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.kind(), Some(kind));
        assert_eq!(count(&client).await, 0);
        assert!(!client.bulk(body(), false).await.unwrap().errors);
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
        let answer = client.bulk(body(), false).await.unwrap();
        let found: Vec<_> = answer.items.iter().map(|item| item.status).collect();
        assert_eq!(found, statuses);
        assert!(answer.errors);
        let written = statuses.iter().filter(|status| **status == 201).count();
        assert_eq!(count(&client).await, written as u64);
    }
}

#[tokio::test]
async fn a_dropped_connection_may_have_written() {
    for (fault, written) in [(Fault::Drop, 0), (Fault::DropAfterWriting, 4)] {
        let (embedded, client) = failing(fault).await;
        // On a connection that has answered before, it would be sent again.
        let fresh = Client::new(embedded.url()).unwrap();
        let error = fresh.bulk(body(), false).await.unwrap_err();
        assert!(matches!(error, ClientError::Exchange(_)), "{error}");
        assert_eq!(count(&client).await, written);
        assert_eq!(embedded.bulk_requests(), 1);
    }
}

#[tokio::test]
async fn answers_come_broken_after_the_work() {
    let (_embedded, client) = failing(Fault::Truncate).await;
    let error = client.bulk(body(), false).await.unwrap_err();
    assert!(matches!(error, ClientError::Body(_)), "{error}");
    assert_eq!(count(&client).await, 4);
    let (_embedded, client) = failing(Fault::Garbage).await;
    let error = client.bulk(body(), false).await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected { .. }), "{error}");
    assert_eq!(count(&client).await, 4);
}

#[tokio::test]
async fn a_slow_answer_is_an_answer() {
    let (_embedded, client) = failing(Fault::Slow(Duration::from_millis(20))).await;
    assert!(!client.bulk(body(), false).await.unwrap().errors);
}

#[tokio::test]
async fn a_lasting_fault_ends_when_it_is_cleared() {
    let (embedded, client) = testkit::opensearch().await;
    embedded.fail(Fault::Status(503), Lasting::UntilCleared);
    for _ in 0..3 {
        assert_eq!(client.bulk(body(), false).await.unwrap_err().status().unwrap(), 503);
    }
    embedded.clear_faults();
    assert!(!client.bulk(body(), false).await.unwrap().errors);
    assert_eq!(embedded.bulk_requests(), 4);
}

#[tokio::test]
async fn what_is_not_gzip_closes_the_connection() {
    let (_embedded, client) = testkit::opensearch().await;
    let body = Some(("application/x-ndjson", body().into()));
    let sent = client.send(http::Method::POST, "/_bulk", body, Some("gzip")).await;
    assert!(matches!(sent, Err(ClientError::Exchange(_))), "{sent:?}");
}

#[tokio::test]
async fn a_stopped_server_does_not_answer() {
    let (embedded, client) = testkit::opensearch().await;
    embedded.stop().await;
    assert!(matches!(client.info().await, Err(ClientError::Exchange(_))));
}
