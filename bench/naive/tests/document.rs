//! Checks the oracle itself against the sentences of the specification.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{DateTime, Utc};
use naive::{Delivery, Document};
use serde_json::{Value, json};

/// 2024-03-01T12:34:58Z.
const ARRIVAL: &str = "1709296498000";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_709_296_498_001).unwrap()
}

fn delivered<'a>(payload: &'a [u8], arrival: &str) -> Result<Document<'a>, &'static str> {
    Document::of(payload, &Delivery { arrival, identity: arrival.as_bytes(), place: b"" }, now())
}

fn document(payload: &str) -> Value {
    delivered(payload.as_bytes(), ARRIVAL).unwrap().json
}

fn refusal(payload: impl AsRef<[u8]>) -> &'static str {
    delivered(payload.as_ref(), ARRIVAL).unwrap_err()
}

fn timestamp(value: &str) -> Option<String> {
    let document = document(&format!(r#"{{"timestamp":{value}}}"#));
    let own = document["event"].get("timestamp_source").is_none();
    own.then(|| document["@timestamp"].as_str().unwrap().to_owned())
}

#[test]
fn a_whole_event() {
    let document = document(
        r#"{"event_id":"e1","action":"play","timestamp":"2024-03-01T12:34:56.789Z",
            "artist":{"id":"a1","name":"IU","genre":["pop"]},
            "track":{"id":"t1","title":"Celebrity","duration_ms":215000,"isrc":"KR1"},
            "user":{"id":"u1","country":"KR","device":null},"listened_ms":120000,
            "shuffle":true,"app_version":"8.1.2","price":1.50}"#,
    );
    assert_eq!(
        document,
        json!({
            "@timestamp": "2024-03-01T12:34:56.789Z",
            "event": {"id": "e1", "action": "play", "ingested": "2024-03-01T12:34:58.001Z"},
            "artist": {"id": "a1", "name": "IU", "genre": ["pop"]},
            "song": {"id": "t1", "title": "Celebrity", "duration_ms": 215_000},
            "interaction": {"user_id": "u1", "country": "KR", "listened_ms": 120_000,
                "shuffle": true},
            "analytics": {"completion": 0.5581, "hour": 12, "weekday": 5},
            "extra": {"app_version": "8.1.2", "track": {"isrc": "KR1"},
                "price": serde_json::from_str::<Value>("1.50").unwrap()},
        })
    );
}

#[test]
fn alternatives_stay_and_nulls_go() {
    let document = document(
        r#"{"event_id":7.20,"id":"lower","artist":{},"user":{"id":null},"title":null,
            "song":{"title":{"ko":"x"}},"track":"T","genre":[],"album":[null],"a":1,"\u0061":2}"#,
    );
    assert_eq!(document["event"]["id"], "7.20");
    assert_eq!(document["song"], json!({"title": "T"}));
    assert_eq!(document["artist"], json!({"genre": []}));
    assert_eq!(
        document["extra"],
        json!({"id": "lower", "song": {"title": {"ko": "x"}}, "album": [null], "a": 2})
    );
}

#[test]
fn the_derived_id_is_of_text_and_delivery() {
    let id = |payload: &str, arrival| {
        let document = delivered(payload.as_bytes(), arrival).unwrap();
        assert_eq!(document.id(), document.json["event"]["id"], "{payload:?}");
        document.id()
    };
    // printf '{}1709296498000' | sha256sum
    let expected = "77253f54b23c0e021f4d70ce8dfe08f1";
    for payload in ["{}", " {}\r\n", "\u{feff} {}", r#" "{}" "#] {
        assert_eq!(id(payload, ARRIVAL), expected, "{payload:?}");
    }
    // printf '{}' | sha256sum
    assert_eq!(id("{}", ""), "44136fa355b3678a1146ad16f7e8649e");
}

#[test]
fn an_own_id_makes_an_id_with_the_text() {
    let id = |own: &str| {
        let text = format!(r#"{{"id":{own}}}"#);
        let document = delivered(text.as_bytes(), ARRIVAL).unwrap();
        assert_eq!(document.id(), delivered(text.as_bytes(), "").unwrap().id());
        document.id()
    };
    // printf '{"id":7}' | sha256sum
    assert_eq!(id("7"), "7.a3c90e3b7448d23d");
    assert!(id(&format!("\"{}\"", "x".repeat(495))).starts_with("xxx"));
    let hash = id(&format!("\"{}\"", "x".repeat(496)));
    assert!(hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit()), "{hash}");
}

#[test]
fn timestamps() {
    for (value, expected) in [
        (r#""2024-03-01T12:34:56Z""#, Some("2024-03-01T12:34:56.000Z")),
        (r#""2024-03-01t21:34:56,7+09:00""#, Some("2024-03-01T12:34:56.700Z")),
        (r#""2024-03-01 12:34""#, Some("2024-03-01T12:34:00.000Z")),
        (r#""2024-03-01T12:34+00:30""#, Some("2024-03-01T12:04:00.000Z")),
        (r#""2024-03-01""#, Some("2024-03-01T00:00:00.000Z")),
        (r#""2024-03-01T12:34:56.1234567899Z""#, Some("2024-03-01T12:34:56.123456789Z")),
        (r#""2024-03-01T12:34:56.123400""#, Some("2024-03-01T12:34:56.1234Z")),
        (r#""2016-12-31T23:59:60Z""#, Some("2016-12-31T23:59:59.999999999Z")),
        (r#""1709296496""#, Some("2024-03-01T12:34:56.000Z")),
        ("1709296496", Some("2024-03-01T12:34:56.000Z")),
        ("1709296496.7891", Some("2024-03-01T12:34:56.7891Z")),
        ("1.709296496789e12", Some("2024-03-01T12:34:56.789Z")),
        ("1709296496789123", Some("2024-03-01T12:34:56.789123Z")),
        ("1709296496789123456", Some("2024-03-01T12:34:56.789123456Z")),
        ("17092964967891234567e-1", Some("2024-03-01T12:34:56.789123456Z")),
        (r#""2024-03-01T12:34:56.7+0030""#, Some("2024-03-01T12:04:56.700Z")),
        (r#""2024-03-01T12:34-01""#, Some("2024-03-01T13:34:00.000Z")),
        (r#""2024-03-01 12:34:56 UTC""#, Some("2024-03-01T12:34:56.000Z")),
        (r#""2024-03-01 12:34:56 +09:00""#, Some("2024-03-01T03:34:56.000Z")),
        (r#""2024-03-01T12:34:56Z[UTC]""#, Some("2024-03-01T12:34:56.000Z")),
        (r#""2024-03-01T12:34:56+09:00[Asia/Seoul]""#, Some("2024-03-01T03:34:56.000Z")),
        (r#""Fri, 01 Mar 2024 12:34:56 GMT""#, Some("2024-03-01T12:34:56.000Z")),
        (r#""Fri, 1 Mar 2024 12:34:56 +0900""#, Some("2024-03-01T03:34:56.000Z")),
        (r#""01/Mar/2024:12:34:56 +0000""#, Some("2024-03-01T12:34:56.000Z")),
        (r#""/Date(1709296496789)/""#, Some("2024-03-01T12:34:56.789Z")),
        (r#""1709296496.789""#, Some("2024-03-01T12:34:56.789Z")),
        (r#""2024-03-02T12:34:58.001Z""#, Some("2024-03-02T12:34:58.001Z")),
        (r#""2024-03-02T12:34:58.002Z""#, None),
        (r#""1999-12-31T23:59:59Z""#, None),
        (r#""2024-02-30""#, None),
        (r#""2024-03-01T12:34.5Z""#, None),
        (r#""2024-03-01T12:34:56.Z""#, None),
        (r#""2024-03-01  12:34:56""#, None),
        (r#""""#, None),
        ("1e400", None),
        ("-1709296496", None),
        ("0", None),
        ("true", None),
    ] {
        assert_eq!(timestamp(value).as_deref(), expected, "{value}");
    }
}

#[test]
fn without_a_time_of_its_own() {
    let arrived = document(r#"{"ts":"soon"}"#);
    assert_eq!(arrived["@timestamp"], "2024-03-01T12:34:58.000Z");
    assert_eq!(arrived["event"]["timestamp_source"], "arrival");
    assert_eq!(arrived["extra"], json!({"ts": "soon"}));
    let seconds = delivered(b"{}", "1709296498").unwrap().json;
    assert_eq!(seconds["@timestamp"], "2024-03-01T12:34:58.000Z");
    for arrival in ["", "-1", "0", "1909296498000"] {
        let lost = delivered(b"{}", arrival).unwrap().json;
        assert_eq!(lost["@timestamp"], "2024-03-01T12:34:58.001Z");
        assert_eq!(lost["event"]["timestamp_source"], "now");
    }
}

#[test]
fn overflow_beyond_the_limits() {
    let of = |key: usize, value: usize| {
        document(&format!(r#"{{"{}":"{}"}}"#, "k".repeat(key), "v".repeat(value)))
    };
    assert!(of(512, 1).get("extra").is_some());
    assert!(of(513, 1).get("overflow").is_some());
    // `{"k":"…"}` adds eight bytes to the value.
    assert!(of(1, 16_384 - 8).get("extra").is_some());
    assert!(of(1, 16_384 - 7).get("overflow").is_some());
    let nested = document(&format!(r#"{{"a":[1,{{"{}":{{}}}}]}}"#, "k".repeat(511)));
    assert!(nested.get("overflow").is_some());
}

#[test]
fn refusals() {
    let nested =
        |levels: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(document(&nested(128))["extra"]["a"].is_array());
    assert_eq!(refusal(nested(129)), "too_deep");
    assert_eq!(refusal(" \n"), "empty");
    assert_eq!(refusal("\u{feff}"), "empty");
    assert_eq!(refusal(b"{\"a\":\"\xff\"}"), "invalid_utf8");
    assert_eq!(refusal("{} x"), "invalid_json");
    assert_eq!(refusal(r#"{"a":"\ud800"}"#), "invalid_json");
    assert_eq!(refusal("[1]"), "not_an_object");
    assert_eq!(refusal(format!(r#"{{"a":[{}]}}"#, "1".repeat(1001))), "number_too_long");
    assert_eq!(refusal(format!(r#"{{"a":"{}"}}"#, "x".repeat(1_048_576))), "too_large");
}
