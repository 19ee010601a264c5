//! Searches that the demo and the tests ask, and both servers held to the answers.

use crate::servers;
use local::opensearch::Client;
use serde_json::{Value, json};

const INDEX: &str = "music-events-search";

async fn fill(client: &Client) {
    client.delete_index(INDEX).await.unwrap();
    let events = [
        ("1", "2024-03-01T10:00:00.000Z", "IU", "play", 100),
        ("2", "2024-03-01T10:59:59.999999999Z", "IU", "skip", 200),
        ("3", "2024-03-01T11:00:00.000Z", "BTS", "play", 300),
        ("4", "2024-03-01T13:30:00.000Z", "IU", "play", 400),
        ("5", "2024-03-01T13:30:00.001Z", "Aespa", "like", 500),
    ];
    let mut body = String::new();
    for (id, time, artist, action, duration) in events {
        let document = json!({
            "@timestamp": time,
            "event": { "id": id, "action": action },
            "artist": { "name": artist, "genre": ["pop", artist] },
            "song": { "duration_ms": duration },
            "extra": { "app": { "version": format!("8.{id}") } },
            "overflow": { "app": "hidden" },
        });
        let action = json!({ "index": { "_index": INDEX, "_id": id } });
        body.extend([action.to_string(), "\n".to_owned(), document.to_string(), "\n".to_owned()]);
    }
    assert!(!client.bulk(body, true).await.unwrap().errors);
    client.refresh(INDEX).await.unwrap();
}

async fn ids(client: &Client, query: Value) -> String {
    let search = json!({ "query": query, "sort": [{ "@timestamp": "asc" }] });
    let answer = client.search(INDEX, &search).await.unwrap();
    assert_eq!(answer.total(), answer.ids().count() as u64);
    answer.ids().collect()
}

async fn queries(client: &Client) {
    let play = json!({ "term": { "event.action": "play" } });
    let iu = json!({ "term": { "artist.name": { "value": "IU" } } });
    for (query, expected) in [
        (json!({ "match_all": {} }), "12345"),
        (play.clone(), "134"),
        (iu.clone(), "124"),
        (json!({ "terms": { "event.action": ["skip", "like"] } }), "25"),
        (json!({ "term": { "artist.genre": "BTS" } }), "3"),
        (json!({ "term": { "song.duration_ms": 300 } }), "3"),
        (json!({ "range": { "song.duration_ms": { "gte": 200, "lt": 400 } } }), "23"),
        (json!({ "term": { "extra.app.version": "8.4" } }), "4"),
        (json!({ "term": { "overflow.app": "hidden" } }), ""),
        (json!({ "term": { "artist.unknown": "IU" } }), ""),
        (json!({ "exists": { "field": "song.duration_ms" } }), "12345"),
        (json!({ "exists": { "field": "song.title" } }), ""),
        (
            json!({ "range": { "@timestamp": {
                "gte": "2024-03-01T10:59:59.999999999Z", "lt": "2024-03-01T13:30:00.001Z" } } }),
            "234",
        ),
        (
            json!({ "range": { "@timestamp": {
                "gt": "2024-03-01T10:59:59.999999999Z", "lte": "2024-03-01T13:30:00.001Z" } } }),
            "345",
        ),
        (json!({ "bool": { "filter": [play.clone(), iu.clone()] } }), "14"),
        (json!({ "bool": { "must": play.clone(), "must_not": [iu.clone()] } }), "3"),
        (json!({ "bool": { "should": [play, iu] } }), "1234"),
    ] {
        assert_eq!(ids(client, query.clone()).await, expected, "{query}");
    }
}

async fn pages(client: &Client) {
    let search = json!({ "size": 2, "from": 1, "sort": [{ "@timestamp": { "order": "desc" } }] });
    let answer = client.search(INDEX, &search).await.unwrap();
    assert_eq!((answer.total(), answer.ids().collect::<String>()), (5, "43".to_owned()));
    let durations: Vec<_> = answer.documents().map(|document| &document["song"]).collect();
    assert_eq!(durations, [&json!({ "duration_ms": 400 }), &json!({ "duration_ms": 300 })]);
}

async fn aggregations(client: &Client) {
    let search = json!({
        "size": 0,
        "aggs": {
            "artists": { "terms": { "field": "artist.name", "size": 2 } },
            "actions": { "terms": { "field": "event.action" } },
            "hours": { "date_histogram": { "field": "@timestamp", "fixed_interval": "1h" } },
        },
    });
    let answer = client.search(INDEX, &search).await.unwrap();
    let pairs = |pairs: &[(&str, u64)]| {
        pairs.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect::<Vec<_>>()
    };
    // Equal counts are in the order of their keys.
    assert_eq!(answer.buckets("artists"), pairs(&[("IU", 3), ("Aespa", 1)]));
    assert_eq!(answer.buckets("actions"), pairs(&[("play", 3), ("like", 1), ("skip", 1)]));
    assert_eq!(
        answer.buckets("hours"),
        pairs(&[
            ("2024-03-01T10:00:00.000Z", 2),
            ("2024-03-01T11:00:00.000Z", 1),
            ("2024-03-01T12:00:00.000Z", 0),
            ("2024-03-01T13:00:00.000Z", 2),
        ])
    );
    for (kind, interval, buckets) in [
        ("fixed_interval", "30m", 8),
        ("calendar_interval", "hour", 4),
        ("fixed_interval", "2d", 1),
        ("calendar_interval", "day", 1),
    ] {
        let histogram = json!({ "field": "@timestamp", kind: interval });
        let search = json!({ "size": 0, "aggs": { "h": { "date_histogram": histogram } } });
        let answer = client.search(INDEX, &search).await.unwrap();
        assert_eq!(answer.buckets("h").len(), buckets, "{interval}");
    }
    for wrong in ["", "1", "0s", "x", "1x"] {
        let histogram = json!({ "field": "@timestamp", "fixed_interval": wrong });
        let search = json!({ "aggs": { "h": { "date_histogram": histogram } } });
        assert!(client.search(INDEX, &search).await.is_err(), "{wrong}");
    }
    assert_eq!(answer.documents().count(), 0);
    assert_eq!(answer.body()["aggregations"]["artists"]["sum_other_doc_count"], 1);
}

/// Names match patterns, and of the templates that match the one of the highest priority holds.
async fn patterns(client: &Client) {
    for (pattern, expected) in [
        ("music-events-search*", 5),
        ("m*ev*search", 5),
        ("m*search*ev", 0),
        ("music-events-searc", 0),
        ("*events-search", 5),
    ] {
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
    assert!(!client.bulk(body, false).await.unwrap().errors);
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
    assert_eq!(client.count(&format!("{INDEX}*")).await.unwrap(), 5);
}

async fn answers(client: &Client) {
    assert_eq!(client.info().await.unwrap().version, "2.19.3");
    assert_ne!(client.health(5).await.unwrap(), "red");
    fill(client).await;
    queries(client).await;
    pages(client).await;
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
