//! Searches of the demo and the tests, with which both servers are checked.

use crate::servers;
use local::opensearch::Client;
use serde_json::{Value, json};

const INDEX: &str = "music-events-search";

async fn fill(client: &Client) {
    client.delete_index(INDEX).await.unwrap();
    let events = [
        ("1", "IU", "play"),
        ("2", "IU", "skip"),
        ("3", "BTS", "play"),
        ("4", "IU", "play"),
        ("5", "Aespa", "like"),
    ];
    let mut body = String::new();
    for (id, artist, action) in events {
        let document = json!({
            "@timestamp": "2024-03-01T10:00:00.000Z",
            "event": { "id": id, "action": action },
            "artist": { "name": artist, "genre": ["pop", artist] },
            "overflow": { "app": "hidden" },
        });
        let action = json!({ "index": { "_index": INDEX, "_id": id } });
        body.extend([action.to_string(), "\n".to_owned(), document.to_string(), "\n".to_owned()]);
    }
    bulk(client, body).await;
    client.refresh(INDEX).await.unwrap();
}

/// Sends a request whose operations must all succeed.
async fn bulk(client: &Client, body: String) {
    let answer: Value = serde_json::from_slice(&client.bulk(body).await.unwrap().body).unwrap();
    assert_eq!(answer["errors"], false, "{answer}");
}

async fn queries(client: &Client) {
    for (query, expected) in [
        (json!({ "match_all": {} }), "12345"),
        (json!({ "term": { "event.action": "play" } }), "134"),
        (json!({ "term": { "artist.genre": "BTS" } }), "3"),
        (json!({ "term": { "overflow.app": "hidden" } }), ""),
        (json!({ "term": { "artist.unknown": "IU" } }), ""),
    ] {
        let answer = client.search(INDEX, &json!({ "query": query })).await.unwrap();
        let hits = answer.body()["hits"]["hits"].as_array().unwrap();
        let mut ids: Vec<_> = hits.iter().map(|hit| hit["_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!((ids.concat().as_str(), ids.len() as u64), (expected, answer.total()));
    }
    let page = client.search(INDEX, &json!({ "size": 2 })).await.unwrap();
    assert_eq!((page.total(), page.body()["hits"]["hits"].as_array().unwrap().len()), (5, 2));
}

async fn aggregations(client: &Client) {
    let search = json!({
        "size": 0,
        "aggs": {
            "artists": { "terms": { "field": "artist.name", "size": 2 } },
            "actions": { "terms": { "field": "event.action" } },
        },
    });
    let answer = client.search(INDEX, &search).await.unwrap();
    let pairs = |pairs: &[(&str, u64)]| {
        pairs.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect::<Vec<_>>()
    };
    // Equal counts are in the order of their keys.
    assert_eq!(answer.buckets("artists"), pairs(&[("IU", 3), ("Aespa", 1)]));
    assert_eq!(answer.buckets("actions"), pairs(&[("play", 3), ("like", 1), ("skip", 1)]));
    assert_eq!(answer.body()["aggregations"]["artists"]["sum_other_doc_count"], 1);
    assert_eq!(answer.body()["hits"]["hits"], json!([]));
}

/// Names match patterns; among matching templates, the one with the highest priority applies.
async fn patterns(client: &Client) {
    for (pattern, expected) in
        [("music-events-search*", 5), ("music-events-search", 5), ("music-events-searc", 0)]
    {
        let pattern = format!("{pattern},music-none*");
        let counted = client.count(&pattern).await;
        assert_eq!(counted.unwrap_or_default(), expected, "{pattern}");
    }
    for (name, priority, kind) in [("low", 1, "integer"), ("high", 2, "keyword")] {
        let mappings = json!({ "properties": { "a": { "type": kind } } });
        let template = json!({
            "index_patterns": ["priority-*"],
            "priority": priority,
            "template": { "mappings": mappings },
        });
        client.put_index_template(name, &template.to_string()).await.unwrap();
    }
    client.delete_index("priority-1").await.unwrap();
    let body = "{\"index\":{\"_index\":\"priority-1\"}}\n{\"a\":\"text\"}\n";
    bulk(client, body.to_owned()).await;
}

async fn refusals(client: &Client) {
    let query = json!({ "query": { "guess": {} } });
    let error = client.search(INDEX, &query).await.unwrap_err();
    assert_eq!(error.kind(), Some("parsing_exception"));
    let error = client.count("music-events-nowhere").await.unwrap_err();
    assert_eq!(error.kind(), Some("index_not_found_exception"));
    assert_eq!(
        error.to_string(),
        "/music-events-nowhere/_count answered 404 Not Found (index_not_found_exception)"
    );
    assert_eq!(client.refresh("music-events-nowhere").await.unwrap_err().status(), error.status());
    let error = client.put_index_template("wrong", "{}").await.unwrap_err();
    assert_eq!(error.kind(), Some("illegal_argument_exception"));
    assert_eq!(client.count("music-events-nowhere*").await.unwrap(), 0);
}

async fn answers(client: &Client) {
    assert_eq!(client.info().await.unwrap().version, "2.19.3");
    assert_ne!(client.health(5).await.unwrap(), "red");
    fill(client).await;
    queries(client).await;
    aggregations(client).await;
    patterns(client).await;
    refusals(client).await;
    client.delete_index(INDEX).await.unwrap();
    client.delete_index(INDEX).await.unwrap();
    assert!(client.count(INDEX).await.is_err());
}

#[tokio::test]
async fn the_embedded_server_answers_searches() {
    let (_embedded, client) = testkit::opensearch().await;
    answers(&client).await;
}

#[tokio::test]
async fn the_real_server_answers_searches() {
    if let Some(client) = servers::real().await {
        answers(&client).await;
    }
}
