//! The embedded server's clock: what is hidden, delayed, remembered and forgotten, and when.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use local::sqs::{Clock, Embedded};
use serde_json::json;

use crate::servers::{self, Server, bodies};

/// A clock that a test sets.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<SystemTime>>);

impl Hands {
    /// At so many milliseconds since 1970.
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
    assert_eq!(server.counts(&queue).await, [0, 1, 0]);
    hands.advance(MILLISECOND);
    assert_eq!(server.counts(&queue).await, [1, 0, 0]);
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
    // The one who had it is too late now.
    let members = json!({
        "QueueUrl": queue,
        "ReceiptHandle": message["ReceiptHandle"],
        "VisibilityTimeout": 10,
    });
    let late = server.refused("ChangeMessageVisibility", members.clone()).await;
    assert_eq!(late, "AWS.SimpleQueueService.MessageNotInflight");
    server.receive_one(&queue).await;
    let other = server.refused("ChangeMessageVisibility", members).await;
    assert_eq!(other, "InvalidParameterValue", "another has it");
}

#[tokio::test]
async fn a_message_is_in_flight_for_twelve_hours_in_all() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "43200")]).await;
    server.send(&queue, "x").await;
    let message = server.receive_one(&queue).await;
    hands.advance(Duration::from_hours(11));
    let members = |seconds: u64| {
        json!({
            "QueueUrl": queue,
            "ReceiptHandle": message["ReceiptHandle"],
            "VisibilityTimeout": seconds,
        })
    };
    let beyond = server.refused("ChangeMessageVisibility", members(3601)).await;
    assert_eq!(beyond, "InvalidParameterValue");
    server.done("ChangeMessageVisibility", members(3600)).await;
    server.done("ChangeMessageVisibility", members(0)).await;
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
    assert_eq!(server.counts(&queue).await, [0, 1, 0], "no error, and nothing done");
    hands.advance(Duration::from_secs(30));
    server.delete(&queue, &second).await;
    assert_eq!(server.counts(&queue).await, [0, 0, 0], "the latest handle does, though late");
    server.delete(&queue, &second).await;

    let fifo = server.queue("q.fifo", &[("FifoQueue", "true")]).await;
    server.send_to_group(&fifo, "g", "x").await;
    let message = server.receive_one(&fifo).await;
    hands.advance(Duration::from_secs(30));
    let members = json!({"QueueUrl": fifo, "ReceiptHandle": message["ReceiptHandle"]});
    assert_eq!(server.refused("DeleteMessage", members).await, "InvalidParameterValue");
}

#[tokio::test]
async fn a_delayed_message_comes_when_it_is_due() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("DelaySeconds", "5")]).await;
    server.send(&queue, "by the queue").await;
    let own = json!({"QueueUrl": queue, "MessageBody": "by itself", "DelaySeconds": 2});
    server.done("SendMessage", own).await;
    assert_eq!(server.counts(&queue).await, [0, 0, 2]);
    hands.advance(Duration::from_secs(2));
    assert_eq!(bodies(&server.receive(&queue).await), ["by itself"]);
    hands.advance(Duration::from_secs(3));
    assert_eq!(bodies(&server.receive(&queue).await), ["by the queue"]);
}

#[tokio::test]
async fn a_message_goes_when_its_retention_is_over() {
    let (server, hands) = started().await;
    let (queue, dead) = server.with_dead_letters("q", 1).await;
    let members = json!({"QueueUrl": dead, "Attributes": {"MessageRetentionPeriod": "120"}});
    server.done("SetQueueAttributes", members).await;
    server.send(&queue, "x").await;
    hands.advance(Duration::from_mins(1));
    let message = server.receive_one(&queue).await;
    server.hide(&queue, &message, 0).await;
    assert_eq!(server.receive(&queue).await.len(), 0);
    hands.advance(Duration::from_millis(59_999));
    assert_eq!(server.counts(&dead).await, [1, 0, 0]);
    hands.advance(MILLISECOND);
    assert_eq!(server.counts(&dead).await, [0, 0, 0], "counted from its first sending");
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
    assert_eq!(server.counts(&queue).await, [0, 0, 0]);
    hands.advance(MILLISECOND);
    let later = server.send_to_group(&queue, "g", "x").await;
    assert_ne!(later["MessageId"], first["MessageId"]);
    assert_eq!(server.counts(&queue).await, [1, 0, 0]);
}

#[tokio::test]
async fn a_waiting_poll_sees_the_clock() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[("DelaySeconds", "60")]).await;
    server.send(&queue, "x").await;
    let poll = server.receive_with(&queue, json!({"WaitTimeSeconds": 20}));
    let (messages, ()) = tokio::join!(poll, async { hands.advance(Duration::from_mins(1)) });
    assert_eq!(bodies(&messages), ["x"]);
}

#[tokio::test]
async fn a_queue_is_purged_once_a_minute() {
    let (server, hands) = started().await;
    let queue = server.queue("q", &[]).await;
    let purge = || json!({"QueueUrl": queue});
    server.done("PurgeQueue", purge()).await;
    hands.advance(Duration::from_millis(59_999));
    let code = server.refused("PurgeQueue", purge()).await;
    assert_eq!(code, "AWS.SimpleQueueService.PurgeQueueInProgress");
    hands.advance(MILLISECOND);
    server.done("PurgeQueue", purge()).await;
}
