//! Payloads that are designed to be slow. The cost per byte of each shape must stay within a factor
//! of that of ordinary events.

use local::sample::{self, Size};

use crate::request::Request;

/// Size of each request, in bytes: that of Firehose's default buffer.
const REQUEST_BYTES: usize = 1_000_000;
/// Size of one long payload, with which its request has about [`REQUEST_BYTES`].
const LONG_BYTES: usize = 740_000;

/// Ordinary events of the same size, for comparison.
pub(crate) fn ordinary() -> Request {
    let events = sample::events_of(Size::Small, 11, 5_000);
    Request::filled("ordinary small events", REQUEST_BYTES, events)
}

/// All the shapes.
pub(crate) fn hostile() -> Vec<Request> {
    [texts(), depths(), keys(), values(), refused_and_empty()]
        .into_iter()
        .flatten()
        .map(|(name, payload)| {
            let payloads = std::iter::repeat(payload.into_bytes());
            Request::filled(name, REQUEST_BYTES, payloads)
        })
        .collect()
}

type Shapes = Vec<(&'static str, String)>;

fn texts() -> Shapes {
    let text = |unit: &str| format!(r#"{{"x":"{}"}}"#, unit.repeat(LONG_BYTES / unit.len()));
    vec![
        ("one huge string", text("a")),
        ("one huge string in Korean", text("밤")),
        ("only escapes", text(r"\n\u00e9\\")),
        ("only surrogate pairs", text(r"\ud83c\udfb5")),
    ]
}

fn depths() -> Shapes {
    let deep = "[".repeat(126) + &"]".repeat(126);
    let key = "k".repeat(400);
    let long_keys = format!(r#"{{"{key}":"#).repeat(100);
    vec![
        ("128 levels, short", nested(128)),
        ("128 levels, again and again", array("x", |_| deep.clone())),
        ("one level too many", nested(129)),
        ("opening brackets only", "[".repeat(LONG_BYTES)),
        ("long keys, nested", long_keys + "1" + &"}".repeat(100)),
    ]
}

fn keys() -> Shapes {
    let distinct = |index: usize| format!(r#""k{index}":1"#);
    let twice = |index: usize| format!(r#""k{}":1"#, index / 2);
    // Below the surrogates.
    let escaped = |index: usize| format!(r#""\u006b\u{:04x}":1"#, 0x20 + index % 50_000);
    let long = |index: usize| format!(r#""{}{index}":1"#, "k".repeat(400));
    vec![
        ("one key, many times", object(|_| r#""a":1"#.into())),
        ("a mapped key, many times", object(|_| r#""event_id":"a""#.into())),
        ("many keys, each once", object(distinct)),
        ("many keys, each twice", object(twice)),
        ("many keys in a group", format!(r#"{{"track":{}}}"#, object(distinct))),
        ("many escaped keys", object(escaped)),
        ("many long keys", object(long)),
        ("one key of all the bytes", format!(r#"{{"{}":1}}"#, "k".repeat(LONG_BYTES))),
    ]
}

fn values() -> Shapes {
    let times = ["@timestamp", "timestamp", "event_time", "eventTime", "occurred_at"]
        .map(|name| format!(r#""{name}":"2024-03-01T12:34:56.123456789+99:99""#));
    vec![
        ("a claimed array of small numbers", array("artist", |_| "1".into())),
        ("long numbers", array("x", |_| "7".repeat(999))),
        ("nulls", object(|index| format!(r#""{index}":null"#))),
        ("small objects in an array", array("x", |_| r#"{"a":1}"#.into())),
        ("timestamps that are refused", format!("{{{}}}", times.join(","))),
    ]
}

fn refused_and_empty() -> Shapes {
    vec![
        ("white space", format!("{{{}}}", " \n".repeat(LONG_BYTES / 2))),
        ("broken at the last byte", format!(r#"{{"x":"{}"#, "a".repeat(LONG_BYTES))),
        ("empty objects", "{}".into()),
        ("empty records", String::new()),
    ]
}

fn nested(levels: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
}

fn object(member: impl Fn(usize) -> String) -> String {
    format!("{{{}}}", listed(member))
}

fn array(name: &str, item: impl Fn(usize) -> String) -> String {
    format!(r#"{{"{name}":[{}]}}"#, listed(item))
}

/// Items with commas between them, up to [`LONG_BYTES`].
fn listed(item: impl Fn(usize) -> String) -> String {
    let mut text = item(0);
    for index in 1.. {
        let item = item(index);
        if text.len() + item.len() >= LONG_BYTES {
            break;
        }
        text.push(',');
        text.push_str(&item);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_fill_a_request_and_are_what_they_are_called() {
        for request in hostile().into_iter().chain([ordinary()]) {
            let bytes = request.body.len();
            assert!((700_000..=REQUEST_BYTES).contains(&bytes), "{}: {bytes}", request.name);
        }
        for (name, payload) in keys().into_iter().chain(values()).chain(texts()) {
            let parsed = serde_json::from_str::<serde_json::Value>(&payload);
            assert!(parsed.is_ok_and(|it| it.is_object()), "{name}");
        }
    }
}
