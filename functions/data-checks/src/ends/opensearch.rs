//! Counts documents in OpenSearch with a search.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::opensearch::{Auth, Client, Place, Settings};
use shared::url::Url;

use super::Unread;
use crate::measured::Measured;
use crate::window::Window;

/// Characters that are not encoded in the name of an index, or in a pattern or list of them.
const INDEX: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b',');

pub(super) fn client(url: &Url, auth: &Auth, aws: &Aws) -> Client {
    let settings = Settings { place: Place::Endpoint(url.clone()), auth: auth.clone() };
    Client::new(settings, aws.clone())
}

/// The number of documents of a window, and the highest value of the time field.
pub(super) async fn measured(
    client: &Client,
    index: &str,
    time_field: &str,
    window: Option<Window>,
    limit: Duration,
) -> Result<Measured, Unread> {
    // A result of only some shards is not accepted.
    let index = utf8_percent_encode(index, INDEX);
    let path = format!("/{index}/_search?allow_partial_search_results=false");
    let body = search(time_field, window).to_string();
    let request = Request::post(path).header(CONTENT_TYPE, "application/json");
    let request = request.body(Bytes::from(body)).map_err(Unread::new)?;
    let answer = client.send(request, limit).await.map_err(Unread::new)?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status != 200 {
        let error = &json["error"];
        let kind = error["type"].as_str().unwrap_or_default();
        let reason = error["reason"].as_str().unwrap_or_default();
        return Err(Unread::new(format!("status {}: {kind}: {reason}", answer.status)));
    }
    read(&json).map_err(Unread::new)
}

fn search(time_field: &str, window: Option<Window>) -> Value {
    let mut search = json!({
        "size": 0,
        "track_total_hits": true,
        "aggs": {"newest": {"max": {"field": time_field}}},
    });
    if let Some(Window { from, to }) = window {
        let range = json!({
            "gte": from.to_string(), "lt": to.to_string(), "format": "strict_date_optional_time",
        });
        search["query"] = json!({"range": {time_field: range}});
    }
    search
}

/// Reads the answer to a search. Times are milliseconds since 1970, whatever the format of the field.
fn read(answer: &Value) -> Result<Measured, &'static str> {
    let shards = |name: &str| answer["_shards"][name].as_u64();
    // A search of other clusters leaves out those that are unavailable: `skip_unavailable`.
    let skipped_clusters = answer["_clusters"]["skipped"].as_u64().unwrap_or_default();
    let is_whole = shards("failed") == Some(0)
        && shards("successful") >= shards("total")
        && skipped_clusters == 0;
    if answer["timed_out"] != false || !is_whole {
        return Err("the answer is of some shards only");
    }
    let rows = answer["hits"]["total"]["value"].as_f64();
    let is_count = |rows: &f64| *rows >= 0.0 && rows.fract() == 0.0;
    let rows = rows.filter(|_| answer["hits"]["total"]["relation"] == "eq").filter(is_count);
    let rows = rows.ok_or("the answer has no number of documents")?;
    let newest = match answer.pointer("/aggregations/newest/value") {
        // If no index matches a pattern, the answer has no aggregation.
        None if rows > 0.0 => return Err("the answer has no newest value of the time field"),
        None | Some(Value::Null) => None,
        Some(value) => {
            let time = value.as_f64().and_then(time);
            Some(time.ok_or("the newest value of the time field is not a time")?)
        }
    };
    Ok(Measured { rows, newest })
}

fn time(milliseconds: f64) -> Option<Timestamp> {
    let seconds = Duration::try_from_secs_f64(milliseconds / 1_000.0).ok()?;
    Timestamp::from_millisecond(i64::try_from(seconds.as_millis()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with another value at this position.
    fn answer(pointer: &str, value: Value) -> Value {
        let mut answer = json!({
            "took": 3, "timed_out": false,
            "_shards": {"total": 5, "successful": 5, "skipped": 2, "failed": 0},
            "_clusters": {"total": 2, "successful": 2, "skipped": 0},
            "hits": {"total": {"value": 990, "relation": "eq"}, "max_score": null, "hits": []},
            "aggregations": {
                "newest": {
                    "value": 1_795_849_200_250.0, "value_as_string": "2026-11-28T07:00:00.250Z",
                },
            },
        });
        if let Some(member) = answer.pointer_mut(pointer).filter(|_| !pointer.is_empty()) {
            *member = value;
        }
        answer
    }

    #[test]
    fn reads_the_number_of_documents_and_the_newest() {
        let newest = "2026-11-28T07:00:00.25Z".parse().ok();
        assert_eq!(read(&answer("", json!(null))), Ok(Measured { rows: 990.0, newest }));
        let without = answer("/aggregations/newest/value", json!(null));
        assert_eq!(read(&without), Ok(Measured { rows: 990.0, newest: None }));
        let mut nothing = answer("/hits/total/value", json!(0));
        nothing["aggregations"].take();
        assert_eq!(read(&nothing), Ok(Measured { rows: 0.0, newest: None }));
    }

    #[test]
    fn an_answer_of_some_shards_is_none() {
        for (pointer, value) in [
            ("/_shards/failed", json!(1)),
            ("/_shards/successful", json!(4)),
            ("/_shards", json!({})),
            ("/timed_out", json!(true)),
            ("/_clusters/skipped", json!(1)),
        ] {
            let error = read(&answer(pointer, value)).unwrap_err();
            assert_eq!(error, "the answer is of some shards only", "{pointer}");
        }
        for (pointer, value) in [
            ("/hits/total/relation", json!("gte")),
            ("/hits/total", json!(990)),
            ("/hits/total/value", json!(-1)),
            ("/hits/total/value", json!(1.5)),
        ] {
            let error = read(&answer(pointer, value)).unwrap_err();
            assert_eq!(error, "the answer has no number of documents", "{pointer}");
        }
        let without = answer("/aggregations", json!(null));
        assert_eq!(read(&without), Err("the answer has no newest value of the time field"));
        for value in [json!("now"), json!(1e300), json!(-1e300)] {
            let error = read(&answer("/aggregations/newest/value", value)).unwrap_err();
            assert_eq!(error, "the newest value of the time field is not a time");
        }
    }

    #[test]
    fn only_a_window_limits_the_documents() {
        let aggs = json!({"newest": {"max": {"field": "at"}}});
        let all = json!({"size": 0, "track_total_hits": true, "aggs": aggs});
        assert_eq!(search("at", None), all);
        let window = Window::new("2026-11-28T07:00:00Z".parse().unwrap(), 24, 15);
        let range = json!({
            "gte": "2026-11-27T06:45:00Z", "lt": "2026-11-28T06:45:00Z",
            "format": "strict_date_optional_time",
        });
        assert_eq!(search("at", Some(window))["query"], json!({"range": {"at": range}}));
    }
}
