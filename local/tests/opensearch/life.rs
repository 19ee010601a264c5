//! How servers are chosen, started and stopped.

use crate::servers;
use local::opensearch::{Choice, Kept, Kind, OpenSearch, VERSION};

#[tokio::test]
async fn the_embedded_server_is_taken_when_asked_for() {
    let mut said = Vec::new();
    let opensearch =
        OpenSearch::start(Choice::Embedded, |line| said.push(line.to_owned())).await.unwrap();
    assert_eq!(said, ["OpenSearch: embedded, as asked."]);
    assert_eq!(opensearch.kind(), Kind::Embedded);
    assert_eq!(opensearch.client().info().await.unwrap().distribution, "opensearch");
    let Kept::InProcess(kept) = opensearch.keep().await.unwrap() else { panic!("not in process") };
    kept.client().info().await.unwrap();
    kept.stop().await;
}

#[tokio::test]
async fn a_given_url_is_taken_and_left_alone() {
    let (embedded, client) = testkit::opensearch().await;
    let url = embedded.url().replace("http://", "http://user:secret@");
    let mut said = Vec::new();
    let opensearch =
        OpenSearch::start(Choice::Url(url), |line| said.push(line.to_owned())).await.unwrap();
    assert_eq!(said, [format!("OpenSearch: opensearch 2.19.3 at {}.", embedded.url())]);
    assert_eq!((opensearch.kind(), opensearch.url()), (Kind::Url, embedded.url()));
    opensearch.stop().await;
    client.info().await.unwrap();
}

#[tokio::test]
async fn a_url_where_nothing_answers_is_an_error_without_the_password() {
    let (embedded, _) = testkit::opensearch().await;
    let url = embedded.url().replace("http://", "http://user:secret@");
    let address = embedded.url().to_owned();
    embedded.stop().await;
    let error = OpenSearch::start(Choice::Url(url), |_| {}).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("no OpenSearch at {address}: no answer: ")), "{error}");
    assert!(!error.contains("secret"));
}

#[tokio::test]
async fn the_real_server_is_the_version_that_is_pinned() {
    let Some(client) = servers::real().await else { return };
    let info = client.info().await.unwrap();
    assert_eq!((info.distribution.as_str(), info.version.as_str()), ("opensearch", VERSION));
}
