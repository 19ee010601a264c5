//! Message move tasks.

use std::time::Duration;

use local::sqs::Embedded;
use serde_json::{Value, json};

use crate::servers::{self, Server, arn, bodies, both};
use crate::time::Hands;

/// Sends these messages through the queue into its dead-letter queue.
async fn give_up(server: &Server, queue: &str, sent: &[&str]) {
    for body in sent {
        server.send(queue, body).await;
    }
    for message in server.receive(queue).await {
        server.hide(queue, &message, 0).await;
    }
    assert_eq!(server.receive(queue).await.len(), 0);
}

async fn latest(server: &Server, source: &str) -> Value {
    let answer = server.done("ListMessageMoveTasks", json!({"SourceArn": arn(source)})).await;
    answer["Results"][0].clone()
}

/// Waits until the latest task has ended.
async fn ended(server: &Server, source: &str) -> Value {
    loop {
        let task = latest(server, source).await;
        if task["Status"] != "RUNNING" {
            return task;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn messages_go_back_to_where_they_came_from() {
    for server in both().await {
        let (queue, dead) = server.with_dead_letters("moved", 1).await;
        give_up(&server, &queue, &["one", "two"]).await;
        assert_eq!(server.counts(&dead).await, [2, 0]);
        let members = json!({"SourceArn": arn("moved-dead")});
        let started = server.done("StartMessageMoveTask", members).await;
        assert!(started["TaskHandle"].is_string());
        let task = ended(&server, "moved-dead").await;
        assert_eq!(task["Status"], "COMPLETED");
        assert_eq!(task["ApproximateNumberOfMessagesMoved"], 2);
        assert_eq!(server.counts(&dead).await, [0, 0]);
        let mut messages = server.receive(&queue).await;
        messages.sort_by_key(|message| message["Body"].to_string());
        assert_eq!(bodies(&messages), ["one", "two"]);
        for message in &messages {
            assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
        }
    }
}

#[tokio::test]
async fn messages_go_to_the_destination_that_is_given() {
    for server in both().await {
        let (queue, dead) = server.with_dead_letters("elsewhere", 1).await;
        let other = server.queue("elsewhere-other", &[]).await;
        give_up(&server, &queue, &["one"]).await;
        server.send(&dead, "direct").await;
        let members = json!({
            "SourceArn": arn("elsewhere-dead"),
            "DestinationArn": arn("elsewhere-other"),
        });
        server.done("StartMessageMoveTask", members).await;
        let task = ended(&server, "elsewhere-dead").await;
        assert_eq!(task["ApproximateNumberOfMessagesMoved"], 2);
        assert_eq!(task["DestinationArn"], arn("elsewhere-other"));
        assert_eq!(server.counts(&other).await, [2, 0]);
    }
}

async fn embedded() -> (Server, Hands) {
    let hands = Hands::at(1_709_296_496_789);
    let embedded = Embedded::with_clock(hands.clock()).await.unwrap();
    (servers::embedded(embedded), hands)
}

#[tokio::test]
async fn a_moved_message_is_a_new_one() {
    let (server, hands) = embedded().await;
    let (queue, dead) = server.with_dead_letters("q", 1).await;
    give_up(&server, &queue, &["one"]).await;
    let before = server.receive_with(&dead, json!({"VisibilityTimeout": 0})).await;
    hands.advance(Duration::from_secs(5));
    server.done("StartMessageMoveTask", json!({"SourceArn": arn("q-dead")})).await;
    let after = server.receive_one(&queue).await;
    assert_ne!(after["MessageId"], before[0]["MessageId"]);
    let sent = |message: &Value| message["Attributes"]["SentTimestamp"].clone();
    assert_eq!(sent(&before[0]), "1709296496789");
    assert_eq!(sent(&after), "1709296501789");
    assert_eq!(after["Attributes"].get("DeadLetterQueueSourceArn"), None);
}

#[tokio::test]
async fn a_task_moves_no_more_in_a_second_than_it_is_told() {
    let (server, hands) = embedded().await;
    let (queue, _) = server.with_dead_letters("q", 1).await;
    give_up(&server, &queue, &["1", "2", "3", "4", "5"]).await;
    let start = json!({"SourceArn": arn("q-dead"), "MaxNumberOfMessagesPerSecond": 2});
    let handle = server.done("StartMessageMoveTask", start.clone()).await["TaskHandle"].clone();
    for (seconds, moved) in [(0, 0), (1, 2), (1, 4)] {
        hands.advance(Duration::from_secs(seconds));
        let task = latest(&server, "q-dead").await;
        assert_eq!(task["Status"], "RUNNING");
        assert_eq!(task["ApproximateNumberOfMessagesMoved"], moved);
        assert_eq!(task["ApproximateNumberOfMessagesToMove"], 5);
        assert_eq!(task["TaskHandle"], handle);
        assert_eq!(task["MaxNumberOfMessagesPerSecond"], 2);
    }
    let second = server.refused("StartMessageMoveTask", start).await;
    assert_eq!(second, "AWS.SimpleQueueService.UnsupportedOperation");
    let cancelled = server.done("CancelMessageMoveTask", json!({"TaskHandle": handle})).await;
    assert_eq!(cancelled, json!({"ApproximateNumberOfMessagesMoved": 4}));
    hands.advance(Duration::from_secs(9));
    let task = latest(&server, "q-dead").await;
    assert_eq!((&task["Status"], task.get("TaskHandle")), (&json!("CANCELLED"), None));
    assert_eq!(server.counts(&queue).await, [4, 0]);
    let again = server.refused("CancelMessageMoveTask", json!({"TaskHandle": handle})).await;
    assert_eq!(again, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_message_without_a_source_stops_a_task_without_a_destination() {
    let (server, _) = embedded().await;
    let (queue, dead) = server.with_dead_letters("q", 1).await;
    give_up(&server, &queue, &["one"]).await;
    server.send(&dead, "direct").await;
    server.done("StartMessageMoveTask", json!({"SourceArn": arn("q-dead")})).await;
    let task = latest(&server, "q-dead").await;
    assert_eq!(task["Status"], "FAILED");
    assert_eq!(task["FailureReason"], "CouldNotDetermineMessageSource");
    assert_eq!(server.counts(&queue).await, [1, 0]);
    assert_eq!(bodies(&server.receive(&dead).await), ["direct"]);
}

#[tokio::test]
async fn only_a_dead_letter_queue_is_a_source() {
    let (server, _) = embedded().await;
    server.with_dead_letters("q", 1).await;
    for (members, code) in [
        (json!({"SourceArn": arn("q")}), "InvalidParameterValue"),
        (json!({"SourceArn": arn("missing")}), "ResourceNotFoundException"),
        (
            json!({"SourceArn": arn("q-dead"), "DestinationArn": arn("missing")}),
            "ResourceNotFoundException",
        ),
        (json!({}), "MissingParameter"),
    ] {
        assert_eq!(server.refused("StartMessageMoveTask", members).await, code);
    }
}
