//! Which server is taken.

use local::sqs::{Choice, Kind, Sqs};
use serde_json::json;

#[tokio::test]
async fn the_embedded_server_is_taken_when_asked_for() {
    let mut said = Vec::new();
    let sqs = Sqs::start(Choice::Embedded, |line| said.push(line.to_owned())).await.unwrap();
    assert_eq!(said, ["SQS: embedded, as asked."]);
    assert_eq!((sqs.kind(), sqs.description().as_str()), (Kind::Embedded, "the embedded SQS"));
    let url = sqs.url().to_owned();
    let client = sqs.client();
    assert_eq!(client.call("ListQueues", &json!({})).await.unwrap(), json!({"QueueUrls": []}));

    let mut said = Vec::new();
    let choice = Choice::Url(url.clone());
    let elsewhere = Sqs::start(choice.clone(), |line| said.push(line.to_owned())).await.unwrap();
    assert_eq!(said, [format!("SQS: the one at {url}.")]);
    assert_eq!((elsewhere.kind(), elsewhere.url()), (Kind::Url, url.as_str()));
    elsewhere.stop().await;
    client.call("ListQueues", &json!({})).await.unwrap();

    let with_password = Choice::Url("http://user:secret@127.0.0.1".to_owned());
    let error = Sqs::start(with_password, |_| {}).await.unwrap_err().to_string();
    let expected = "no SQS at the given URL: expected a URL that starts with http://, without user \
                    and password";
    assert_eq!(error, expected);

    sqs.stop().await;
    let error = Sqs::start(choice, |_| {}).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("no SQS at {url}: no answer: ")), "{error}");
}
