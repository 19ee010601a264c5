//! Payloads at the edges of the specification, for comparing implementations; many are refused.

use fastrand::Rng;
use local::sample;

/// The sample's hostile payloads, and ones that the specification's sentences suggest.
pub fn listed() -> impl Iterator<Item = Vec<u8>> {
    let hostile = sample::hostile().into_iter().map(|(_, payload)| payload);
    let timestamps = TIMESTAMPS.iter().flat_map(|value| {
        let value = *value;
        [format!(r#"{{"ts":{value}}}"#), format!(r#"{{"created_at":"1999-01-01","time":{value}}}"#)]
    });
    let numbers = NUMBERS.iter().flat_map(|number| {
        ["id", "listened_ms", "duration_ms", "x"].map(|name| {
            format!(r#"{{"{name}":{number},"song":{{"duration_ms":200000}},"listenedMs":[1]}}"#)
        })
    });
    let texts = timestamps.chain(numbers).chain(limits());
    hostile.chain(texts.map(String::into_bytes))
}

/// Random objects of the names that mean something and the values that are trouble, with random
/// white space; some are broken in one byte. The same seed gives the same payloads.
pub fn random(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    std::iter::repeat_with(move || {
        let mut payload = String::new();
        put_space(&mut rng, &mut payload);
        put_object(&mut rng, &mut payload, 0);
        put_space(&mut rng, &mut payload);
        let mut payload = payload.into_bytes();
        if rng.u8(..16) == 0 {
            let place = rng.usize(..payload.len());
            payload[place] = rng.u8(..);
        }
        payload
    })
}

/// What holds at a limit, and what is just beyond it.
fn limits() -> impl Iterator<Item = String> {
    let long = |count: usize| "x".repeat(count);
    let digits = |count: usize| "7".repeat(count);
    let depth = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    [
        // An id's bytes, as a text, in Korean, escaped and as a number.
        format!(r#"{{"id":"{}"}}"#, long(512)),
        format!(r#"{{"event_id":"{}","id":"low"}}"#, long(513)),
        format!(r#"{{"id":"{}"}}"#, "밤".repeat(170)),
        format!(r#"{{"id":"{}"}}"#, "밤".repeat(171)),
        format!(r#"{{"id":"{}"}}"#, r"\u0041".repeat(512)),
        format!(r#"{{"id":{}}}"#, digits(512)),
        format!(r#"{{"id":{}}}"#, digits(513)),
        r#"{"event_id":"","eventId":false,"id":["a"]}"#.to_owned(),
        // A number's characters.
        format!(r#"{{"x":[{}]}}"#, digits(1_000)),
        format!(r#"{{"x":[{}]}}"#, digits(1_001)),
        format!(r#"{{"artist":{}}}"#, digits(1_001)),
        // The bytes of `extra`: {"k":"…"} adds eight to the value.
        format!(r#"{{"k":"{}"}}"#, long(16_376)),
        format!(r#"{{"k":"{}"}}"#, long(16_377)),
        // A path's bytes.
        format!(r#"{{"{}":0}}"#, long(512)),
        format!(r#"{{"{}":0}}"#, long(513)),
        format!(r#"{{"{}":0}}"#, r"\u0041".repeat(512)),
        format!(r#"{{"{}":0}}"#, r"\u0041".repeat(513)),
        format!(r#"{{"a":[0,{{"{}":{{}}}}]}}"#, long(510)),
        format!(r#"{{"a":[0,{{"{}":{{}}}}]}}"#, long(511)),
        format!(r#"{{"track":{{"{}":null}}}}"#, long(506)),
        format!(r#"{{"track":{{"{}":null}}}}"#, long(507)),
        // Levels of containers.
        format!(r#"{{"x":{}}}"#, depth(126)),
        format!(r#"{{"x":{}}}"#, depth(127)),
        format!(r#"{{"x":{}}}"#, depth(128)),
        depth(128),
        depth(129),
    ]
    .into_iter()
}

const TIMESTAMPS: &[&str] = &[
    r#""2024-03-01T12:34:56.789Z""#,
    r#""2024-03-01t12:34:56z""#,
    r#""2024-03-01 12:34:56,5""#,
    r#""2024-03-01T12:34""#,
    r#""2024-03-01T12:34+05:30""#,
    r#""2024-03-01T12:34.5""#,
    r#""2024-03-01""#,
    r#""2024-03-01Z""#,
    r#""2024-03-01T""#,
    r#""2024-03-01T12""#,
    r#""2024-03-01T12:34:5""#,
    r#""2024-03-01T12:34:56.""#,
    r#""2024-03-01T12:34:56.123456789Z""#,
    r#""2024-03-01T12:34:56.1234567899999Z""#,
    r#""2024-03-01T12:34:56.100000Z""#,
    r#""2024-03-01T12:34:56.0001-00:00""#,
    r#""2024-03-01T12:34:56+0900""#,
    r#""2024-03-01T12:34:56+09""#,
    r#""2024-03-01T12:34:56 +09:00""#,
    r#""2024-03-01T12:34:56+23:59""#,
    r#""2024-03-01T12:34:56+24:00""#,
    r#""2024-03-01T12:34:56-09:60""#,
    r#""2024-03-01T12:34:56\u221209:00""#,
    r#""2024-03-01T12:34:56\u002b09:00""#,
    r#""2024-03-01T12:34:56UTC""#,
    r#""2024-03-01T12:34:56Zz""#,
    r#""2024-03-01  12:34:56""#,
    r#"" 2024-03-01""#,
    r#""2024-03-01_12:34:56""#,
    r#""2024-03-01T24:00:00Z""#,
    r#""2024-03-01T12:60:00Z""#,
    r#""2024-03-01T12:34:61Z""#,
    r#""2016-12-31T23:59:60Z""#,
    r#""2016-12-31T23:59:60.5+00:00""#,
    r#""2017-01-01 08:59:60+09:00""#,
    r#""2024-02-29""#,
    r#""2023-02-29""#,
    r#""2024-13-01""#,
    r#""2024-00-01""#,
    r#""2024-1-01""#,
    r#""20240301T123456Z""#,
    r#""+2024-03-01""#,
    r#""1999-12-31T23:59:59.999Z""#,
    r#""2000-01-01T00:00:00Z""#,
    r#""2000-01-01T00:00:00+00:01""#,
    r#""2024-03-09T12:35:00.123Z""#,
    r#""2024-03-09T12:35:00.123000001Z""#,
    r#""9999-12-31T23:59:59Z""#,
    r#""0000-01-01T00:00:00Z""#,
    r#""1709296496""#,
    r#""0001709296496""#,
    r#""1709296496789""#,
    r#""1709296496.789""#,
    r#""-1709296496""#,
    r#""1.7e9""#,
    r#""""#,
    r#""now""#,
    r#""２０２４-03-01""#,
    "1709296496",
    "1709296496789",
    "1709296496789123",
    "1709296496789123456",
    "1709296496789123456.9",
    "1709296496.789",
    "1709296496.7891234567",
    "1709296496789.123456789",
    "1.709296496789e12",
    "1.709296496789E+12",
    "1709296496789e-3",
    "17092964967890e-1",
    "0.1709296496e10",
    "1709296496e0",
    "1e9",
    "9.9999999999e10",
    "99999999999",
    "100000000000",
    "946684800",
    "946684799.999999999",
    "9223372036854775807",
    "9223372036854775808",
    "1e400",
    "1e-400",
    "1e99999999999999999999",
    "0",
    "-0",
    "-1",
    "-1709296496",
    "null",
    "true",
    "[1709296496]",
    r#"{"seconds":1709296496}"#,
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "0.0",
    "1",
    "-5",
    "1.50",
    "1e2",
    "1E-2",
    "120000",
    "215000",
    "3e5",
    "200000.5",
    "12.00",
    "0.00001e9",
    "10",
    "9007199254740993",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
    "-1e-7",
    "1e999",
    "1e-999",
];

const NAMES: &[&str] = &[
    "event_id",
    "eventId",
    "id",
    "event_type",
    "action",
    "type",
    "artist",
    "artist_id",
    "artistName",
    "name",
    "genre",
    "genres",
    "song",
    "track",
    "song_id",
    "trackId",
    "song_title",
    "title",
    "duration_ms",
    "album",
    "user",
    "user_id",
    "country",
    "device",
    "session_id",
    "listened_ms",
    "play_duration_ms",
    "position_ms",
    "shuffle",
    "@timestamp",
    "timestamp",
    "eventTime",
    "ts",
    "time",
    "extra",
    "overflow",
    "event",
    "analytics",
    "interaction",
    "__sluice_reingests",
    "",
    "artist.id",
    "이름",
    "\\u0069d",
    "tr\\u0061ck",
    "x",
    "y\\n\\\"",
];

const TEXTS: &[&str] = &[
    r#""""#,
    r#""a""#,
    r#""아이유""#,
    r#""\ud83c\udfb5 \u00e9 \/ \\ \" \b\f\n\r\t""#,
    r#""🎵 { [ : , ] }""#,
    r#""120000""#,
    r#""\u0000""#,
];

fn put_object(rng: &mut Rng, out: &mut String, level: u8) {
    out.push('{');
    for index in 0..rng.u8(..if level == 0 { 14 } else { 6 }) {
        if index > 0 {
            out.push(',');
        }
        put_space(rng, out);
        out.extend(["\"", pick(rng, NAMES), "\""]);
        put_space(rng, out);
        out.push(':');
        put_space(rng, out);
        put_value(rng, out, level + 1);
        put_space(rng, out);
    }
    put_space(rng, out);
    out.push('}');
}

fn put_value(rng: &mut Rng, out: &mut String, level: u8) {
    match rng.u8(..16) {
        0..3 => out.push_str(pick(rng, NUMBERS)),
        3..6 => out.push_str(pick(rng, TEXTS)),
        6..9 => out.push_str(pick(rng, TIMESTAMPS)),
        9 => out.push_str("null"),
        10 => out.push_str(if rng.bool() { "true" } else { "false" }),
        11..13 if level < 5 => put_array(rng, out, level),
        _ if level < 5 => put_object(rng, out, level),
        _ => out.push_str("{}"),
    }
}

fn put_array(rng: &mut Rng, out: &mut String, level: u8) {
    let scalars = rng.bool();
    out.push('[');
    put_space(rng, out);
    for index in 0..rng.u8(..4) {
        if index > 0 {
            out.push(',');
        }
        put_space(rng, out);
        if scalars {
            let from = if rng.bool() { NUMBERS } else { TEXTS };
            out.push_str(pick(rng, from));
        } else {
            put_value(rng, out, level + 1);
        }
        put_space(rng, out);
    }
    out.push(']');
}

fn put_space(rng: &mut Rng, out: &mut String) {
    if rng.u8(..8) == 0 {
        out.push_str(pick(rng, &[" ", "\n", "\r\n", "\t", "  "]));
    }
}

fn pick(rng: &mut Rng, from: &[&'static str]) -> &'static str {
    from[rng.usize(..from.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_random_payloads_are_objects() {
        let objects = random(1).take(1_000).filter(|payload| {
            serde_json::from_slice::<serde_json::Value>(payload).is_ok_and(|it| it.is_object())
        });
        assert!(objects.count() > 900);
    }

    #[test]
    fn every_listed_timestamp_and_number_is_json() {
        for text in TIMESTAMPS.iter().chain(NUMBERS).chain(TEXTS) {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
    }
}
