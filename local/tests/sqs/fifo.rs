//! FIFO queues: order, groups, deduplication.

use serde_json::{Value, json};

use crate::servers::{bodies, both};

const FIFO: [(&str, &str); 2] = [("FifoQueue", "true"), ("VisibilityTimeout", "600")];

#[tokio::test]
async fn a_group_is_blocked_while_one_of_its_messages_is_in_flight() {
    for server in both().await {
        let queue = server.queue("groups.fifo", &FIFO).await;
        for (group, body) in [("g", "g1"), ("h", "h1"), ("g", "g2"), ("h", "h2")] {
            server.send_to_group(&queue, group, body).await;
        }
        let one = json!({"MaxNumberOfMessages": 1});
        let first = server.receive_with(&queue, one.clone()).await;
        assert_eq!(bodies(&first), ["g1"]);
        let rest = server.receive(&queue).await;
        assert_eq!(bodies(&rest), ["h1", "h2"], "in order, and none of the blocked group");
        assert_eq!(server.receive(&queue).await.len(), 0);
        server.delete(&queue, &first[0]).await;
        assert_eq!(bodies(&server.receive(&queue).await), ["g2"]);
    }
}

#[tokio::test]
async fn a_message_that_comes_back_is_the_first_of_its_group_again() {
    for server in both().await {
        let queue = server.queue("back.fifo", &FIFO).await;
        for body in ["1", "2", "3"] {
            server.send_to_group(&queue, "g", body).await;
        }
        let all = server.receive(&queue).await;
        assert_eq!(bodies(&all), ["1", "2", "3"]);
        server.delete(&queue, &all[0]).await;
        server.hide(&queue, &all[2], 0).await;
        assert_eq!(server.receive(&queue).await.len(), 0, "2 is still in flight");
        server.hide(&queue, &all[1], 0).await;
        assert_eq!(bodies(&server.receive(&queue).await), ["2", "3"]);
    }
}

#[tokio::test]
async fn a_duplicate_is_taken_once() {
    for server in both().await {
        let queue = server.queue("twice.fifo", &FIFO).await;
        let first = server.send_to_group(&queue, "g", "same").await;
        let again = server.send_to_group(&queue, "g", "same").await;
        for name in ["MessageId", "SequenceNumber"] {
            assert_eq!(first[name], again[name]);
            assert!(first[name].is_string());
        }
        let message = server.receive_one(&queue).await;
        let system = &message["Attributes"];
        assert_eq!(system["MessageGroupId"], "g");
        assert_eq!(system["MessageDeduplicationId"], "same");
        assert_eq!(system["SequenceNumber"], first["SequenceNumber"]);
    }
}

#[tokio::test]
async fn a_fifo_queue_asks_for_group_and_id() {
    for server in both().await {
        let queue = server.queue("asks.fifo", &FIFO).await;
        let refused = async |mut members: Value| {
            members["QueueUrl"] = queue.clone().into();
            members["MessageBody"] = "x".into();
            let code = server.refused("SendMessage", members).await;
            code.rsplit('#').next().unwrap().to_owned()
        };
        assert_eq!(refused(json!({})).await, "MissingParameter");
        assert_eq!(refused(json!({"MessageGroupId": "g"})).await, "InvalidParameterValue");
    }
}
