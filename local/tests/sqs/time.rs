//! The embedded server's clock: how long messages are hidden and remembered.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use local::sqs::{Clock, Embedded};
use serde_json::json;

use crate::servers::{self, Server, bodies};

/// A clock that a test sets.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<SystemTime>>);

impl Hands {
    /// A clock at this time, in milliseconds since 1970.
    pub(crate) fn at(milliseconds: u64) -> Self {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
        Self(Arc::new(Mutex::new(at)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = Arc::clone(&self.0);
        Clock::new(move || *hands.lock().unwrap())
    }
}

async fn started() -> (Server, Hands) {
    let hands = Hands::at(1_709_296_496_789);
    let embedded = Embedded::with_clock(hands.clock()).await.unwrap();
    (servers::embedded(embedded), hands)
}

const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_message_is_hidden_for_the_visibility_timeout() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "30")]).await;
    server.send(&queue, "x").await;
    let first = server.receive_one(&queue).await;
    let at = &first["Attributes"]["ApproximateFirstReceiveTimestamp"];
    assert_eq!(at, "1709296496789");
    hands.advance(Duration::from_millis(29_999));
    assert_eq!(server.counts(&queue).await, [0, 1]);
    hands.advance(MILLISECOND);
    assert_eq!(server.counts(&queue).await, [1, 0]);
    let second = server.receive_with(&queue, json!({"VisibilityTimeout": 5})).await;
    assert_eq!(second[0]["Attributes"]["ApproximateFirstReceiveTimestamp"], *at);
    hands.advance(Duration::from_secs(5));
    let third = server.receive_one(&queue).await;
    assert_eq!(third["Attributes"]["ApproximateReceiveCount"], "3");
}

#[tokio::test]
async fn a_message_whose_visibility_was_changed_is_hidden_from_then_on() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "30")]).await;
    server.send(&queue, "x").await;
    let message = server.receive_one(&queue).await;
    hands.advance(Duration::from_secs(29));
    server.hide(&queue, &message, 10).await;
    hands.advance(Duration::from_millis(9_999));
    assert_eq!(server.receive(&queue).await.len(), 0);
    hands.advance(MILLISECOND);
    // The previous receiver is too late now.
    let handle = &message["ReceiptHandle"];
    let late = server.try_hide(&queue, handle, 10).await;
    assert_eq!(late, "AWS.SimpleQueueService.MessageNotInflight");
    server.receive_one(&queue).await;
    let other = server.try_hide(&queue, handle, 10).await;
    assert_eq!(other, "InvalidParameterValue", "another has it");
}

#[tokio::test]
async fn a_message_is_in_flight_for_twelve_hours_in_all() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "43200")]).await;
    server.send(&queue, "x").await;
    let message = server.receive_one(&queue).await;
    hands.advance(Duration::from_hours(11));
    for (seconds, code) in [(3601, "InvalidParameterValue"), (3600, ""), (0, "")] {
        assert_eq!(server.try_hide(&queue, &message["ReceiptHandle"], seconds).await, code);
    }
    server.receive_one(&queue).await;
}

#[tokio::test]
async fn an_old_receipt_handle_deletes_nothing() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "30")]).await;
    server.send(&queue, "x").await;
    let first = server.receive_one(&queue).await;
    hands.advance(Duration::from_secs(30));
    let second = server.receive_one(&queue).await;
    server.delete(&queue, &first).await;
    assert_eq!(server.counts(&queue).await, [0, 1], "no error, and nothing done");
    hands.advance(Duration::from_secs(30));
    server.delete(&queue, &second).await;
    assert_eq!(server.counts(&queue).await, [0, 0], "the latest handle does, though late");
    server.delete(&queue, &second).await;

    let fifo = server.queue("q.fifo", &[("FifoQueue", "true")]).await;
    server.send_to_group(&fifo, "g", "x").await;
    let message = server.receive_one(&fifo).await;
    hands.advance(Duration::from_secs(30));
    let members = json!({"QueueUrl": fifo, "ReceiptHandle": message["ReceiptHandle"]});
    assert_eq!(server.refused("DeleteMessage", members).await, "InvalidParameterValue");
}

#[tokio::test]
async fn a_deduplication_id_is_remembered_for_five_minutes() {
    let (server, hands) = started().await;
    let queue = server.queue("q.fifo", &[("FifoQueue", "true")]).await;
    let first = server.send_to_group(&queue, "g", "x").await;
    let message = server.receive_one(&queue).await;
    server.delete(&queue, &message).await;
    hands.advance(Duration::from_millis(299_999));
    let again = server.send_to_group(&queue, "g", "x").await;
    assert_eq!(again["MessageId"], first["MessageId"]);
    assert_eq!(server.counts(&queue).await, [0, 0]);
    hands.advance(MILLISECOND);
    let later = server.send_to_group(&queue, "g", "x").await;
    assert_ne!(later["MessageId"], first["MessageId"]);
    assert_eq!(server.counts(&queue).await, [1, 0]);
}

#[tokio::test]
async fn a_waiting_poll_sees_the_clock() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "60")]).await;
    server.send(&queue, "x").await;
    server.receive_one(&queue).await;
    let poll = server.receive_with(&queue, json!({"WaitTimeSeconds": 20}));
    let (messages, ()) = tokio::join!(poll, async { hands.advance(Duration::from_mins(1)) });
    assert_eq!(bodies(&messages), ["x"]);
}
