//! Messages that are received too often move to the dead-letter queue.

use serde_json::json;

use crate::servers::{Server, arn, bodies, both};

async fn give_up(server: &Server, queue: &str, receives: u32) {
    for _ in 0..receives {
        let message = server.receive_one(queue).await;
        server.hide(queue, &message, 0).await;
    }
    assert_eq!(server.receive(queue).await.len(), 0);
}

#[tokio::test]
async fn a_message_is_given_up_after_max_receive_count() {
    for server in both().await {
        let (queue, dead) = server.with_dead_letters("given-up", 2).await;
        let attributes = json!({"a": {"DataType": "String", "StringValue": "x"}});
        let members =
            json!({"QueueUrl": queue, "MessageBody": "poison", "MessageAttributes": attributes});
        let sent = server.done("SendMessage", members).await;
        let seen = server.receive_one(&queue).await;
        server.hide(&queue, &seen, 0).await;
        give_up(&server, &queue, 1).await;
        assert_eq!(server.counts(&queue).await, [0, 0]);

        let message = server.receive_one(&dead).await;
        assert_eq!(message["MessageId"], sent["MessageId"]);
        assert_eq!(message["Body"], "poison");
        assert_eq!(message["MessageAttributes"], attributes);
        let system = &message["Attributes"];
        assert_eq!(system["DeadLetterQueueSourceArn"], arn("given-up"));
        assert_eq!(system["ApproximateReceiveCount"], "3", "it goes on");
        for name in ["SentTimestamp", "ApproximateFirstReceiveTimestamp"] {
            assert_eq!(system[name], seen["Attributes"][name], "{name}");
        }
    }
}

#[tokio::test]
async fn a_group_goes_on_after_its_first_message_is_given_up() {
    for server in both().await {
        let (queue, dead) = server.with_dead_letters("group-goes-on.fifo", 1).await;
        for body in ["poison", "good"] {
            server.send_to_group(&queue, "g", body).await;
        }
        let one = json!({"MaxNumberOfMessages": 1});
        let first = server.receive_with(&queue, one.clone()).await;
        assert_eq!(bodies(&first), ["poison"]);
        server.hide(&queue, &first[0], 0).await;
        // ElasticMQ gives up a message in a separate receive.
        let mut next = server.receive_with(&queue, one.clone()).await;
        if server.is_real() && next.is_empty() {
            next = server.receive_with(&queue, one).await;
        }
        assert_eq!(bodies(&next), ["good"]);
        let poison = server.receive_one(&dead).await;
        assert_eq!(poison["Body"], "poison");
        assert_eq!(poison["Attributes"]["MessageGroupId"], "g");
    }
}
