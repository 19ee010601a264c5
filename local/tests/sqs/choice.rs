//! Which server is used.

use local::sqs::{Choice, Client, ClientError, InvalidChoice, Kind, Sqs};
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

#[test]
fn choices_and_urls_are_read() {
    assert_eq!("auto".parse(), Ok(Choice::Auto));
    assert_eq!("embedded".parse(), Ok(Choice::Embedded));
    assert_eq!("real".parse(), Ok(Choice::Real));
    let url = "https://user:secret@search.example:9200";
    assert_eq!(url.parse(), Ok(Choice::Url(url.to_owned())));
    for text in ["localhost:9200", ""] {
        assert_eq!(text.parse::<Choice>(), Err(InvalidChoice));
    }
    for url in ["http://127.0.0.1:9324", "http://localhost:9324/"] {
        assert_eq!(Client::new(url).unwrap().url(), url.trim_end_matches('/'));
    }
    let amazon = "https://sqs.eu-west-1.amazonaws.com";
    for url in [amazon, "localhost:9324", "http://", "http://a:b@host", ""] {
        assert!(matches!(Client::new(url), Err(ClientError::Url)), "{url}");
    }
}
