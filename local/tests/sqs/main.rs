//! A real SQS.

#![cfg(test)]

mod servers;

#[tokio::test]
async fn the_real_server_is_up() {
    let Some(client) = servers::real().await else { return };
    let url = client.create_queue("up", &[("VisibilityTimeout", "7")]).await.unwrap();
    assert_eq!(url, format!("{}/123456789012/up", client.url()));
    let arn = client.queue_attribute(&url, "QueueArn").await.unwrap();
    assert_eq!(arn, "arn:aws:sqs:us-east-1:123456789012:up");
    assert_eq!(client.message_count(&url).await.unwrap(), 0);
}
