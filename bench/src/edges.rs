//! Payloads at the limits of the specification, for comparing implementations; many are refused.

use std::sync::LazyLock;

use fastrand::Rng;
use local::sample;

/// The sample's hostile payloads, and payloads derived from the sentences of the specification.
pub(crate) fn listed() -> impl Iterator<Item = Vec<u8>> {
    let hostile = sample::hostile().into_iter().map(|(_, payload)| payload);
    let timestamps = TIMESTAMPS.iter().flat_map(|value| {
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

/// Random objects of meaningful names and difficult values, with random white space; in some, one
/// byte is corrupted. The same seed returns the same payloads.
pub(crate) fn random(seed: u64) -> impl Iterator<Item = Vec<u8>> {
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

/// Payloads at a limit and just beyond it: `@` stands for the text, repeated.
const LIMITS: &[(&str, &str, &[usize])] = &[
    // The bytes of an id: as text, in Korean, escaped and as a number.
    (r#"{"id":"@"}"#, "x", &[512]),
    (r#"{"event_id":"@","id":"low"}"#, "x", &[0, 512, 513]),
    (r#"{"id":"@"}"#, "밤", &[170, 171]),
    (r#"{"id":"@"}"#, r"\u0041", &[512, 513]),
    (r#"{"id":@}"#, "7", &[512, 513]),
    // The characters of a number.
    (r#"{"x":[@]}"#, "7", &[1_000, 1_001]),
    (r#"{"artist":@}"#, "7", &[1_001]),
    // The bytes of `extra`: `{"k":"…"}` adds eight to the value.
    (r#"{"k":"@"}"#, "x", &[16_376, 16_377]),
    // The bytes of a path.
    (r#"{"@":0}"#, "x", &[512, 513]),
    (r#"{"@":0}"#, r"\u0041", &[512, 513]),
    (r#"{"a":[0,{"@":{}}]}"#, "x", &[510, 511]),
    (r#"{"track":{"@":null}}"#, "x", &[506, 507]),
];

fn limits() -> impl Iterator<Item = String> {
    let repeated = LIMITS.iter().flat_map(|(around, unit, counts)| {
        counts.iter().map(|&count| around.replace('@', &unit.repeat(count)))
    });
    let depth = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let deep = [126, 127, 128].map(|levels| format!(r#"{{"x":{}}}"#, depth(levels)));
    let others = [depth(128), depth(129), r#"{"event_id":"","eventId":false,"id":["a"]}"#.into()];
    repeated.chain(deep).chain(others)
}

/// Arrival times in JSON: most as Firehose writes them, the others in seconds, as text, or invalid.
pub(crate) static ARRIVALS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    items(
        r#"
    1709901300123 | 1709901300123 | 1709901300124 | 1709901300 | 1709901300.25 | -1 | 0 | null | [1]
    946684799999 | 946684800000 | 9223372036854 | 9223372036855
    "1709901300123" | "1709901300" | "soon" | ""
    "#,
    )
});

/// Values and names as JSON, separated by ` | ` or a line break.
fn items(list: &'static str) -> Vec<&'static str> {
    list.lines()
        .flat_map(|line| line.trim_start().split(" | "))
        .filter(|it| !it.is_empty())
        .collect()
}

static TIMESTAMPS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    items(
        r#"
    "2024-03-01T12:34:56.789Z" | "2024-03-01t12:34:56z" | "2024-03-01 12:34:56,5"
    "2024-03-01T12:34" | "2024-03-01T12:34+05:30" | "2024-03-01T12:34.5" | "2024-03-01"
    "2024-03-01Z" | "2024-03-01T" | "2024-03-01T12" | "2024-03-01T12:34:5"
    "2024-03-01T12:34:56." | "2024-03-01T12:34:56.123456789Z"
    "2024-03-01T12:34:56.1234567899999Z" | "2024-03-01T12:34:56.100000Z"
    "2024-03-01T12:34:56.0001-00:00" | "2024-03-01T12:34:56+0900" | "2024-03-01T12:34:56+09"
    "2024-03-01T12:34:56 +09:00" | "2024-03-01T12:34:56+23:59" | "2024-03-01T12:34:56+24:00"
    "2024-03-01T12:34:56-09:60" | "2024-03-01T12:34:56\u221209:00"
    "2024-03-01T12:34:56\u002b09:00" | "2024-03-01T12:34:56UTC" | "2024-03-01T12:34:56Zz"
    "2024-03-01  12:34:56" | " 2024-03-01" | "2024-03-01_12:34:56" | "2024-03-01T24:00:00Z"
    "2024-03-01T12:60:00Z" | "2024-03-01T12:34:61Z" | "2016-12-31T23:59:60Z"
    "2016-12-31T23:59:60.5+00:00" | "2017-01-01 08:59:60+09:00" | "2024-02-29" | "2023-02-29"
    "2024-13-01" | "2024-00-01" | "2024-1-01" | "20240301T123456Z" | "+2024-03-01"
    "1999-12-31T23:59:59.999Z" | "2000-01-01T00:00:00Z" | "2000-01-01T00:00:00+00:01"
    "9999-12-31T23:59:59Z" | "0000-01-01T00:00:00Z" | "1709296496" | "0001709296496"
    "1709296496789" | "1709296496.789" | "-1709296496" | "1.7e9" | "" | "now" | "２０２４-03-01"
    "2024-03-01T12:34:56.25+0930" | "2024-03-01T12:34:56 UTC" | "2024-03-01T12:34:56 GMT"
    "2024-03-01T12:34:56 -0530" | "2024-03-01T12:34:56 Z" | "2024-03-01T12:34:56  +0900"
    "2024-03-01T12:34:56 " | "2024-03-01T12:34:56Z[UTC]" | "2024-03-01T12:34:56Z[UTC"
    "2024-03-01T12:34:56.5+09:00[Asia/Seoul]" | "2024-03-01T12:34:56[Asia/Seoul]"
    "2024-03-01T12:34:56+9" | "2024-03-01T12:34:56+090" | "2024-03-01T12:34:56+09:"
    "2024-03-01T12:34:56+2400" | "2024-03-01T12:34 UTC" | "2024-03-01T12:34+09" | "2024-03-01 UTC"
    "Fri, 01 Mar 2024 12:34:56 GMT" | "Fri, 1 Mar 2024 12:34:56 +0900"
    "Thu, 01 Mar 2024 12:34:56 GMT" | "Sat, 31 Dec 2016 23:59:60 GMT"
    "Fri, 30 Feb 2024 12:34:56 GMT" | "Fri, 01 Mar 2024 24:00:00 GMT" | "Fri, 01 Mar 2024"
    "01/Mar/2024:12:34:56 +0000" | "01/Mar/2024:23:34:56 -0530" | "01/Mar/2024:12:34:56"
    "30/Feb/2024:12:34:56 +0000" | "01/03/2024 12:34:56" | "/Date(1709296496789)/"
    "/Date(1709296496)/" | "/Date(-1)/" | "/Date()/" | "/Date(1709296496789)" | "1709296496."
    ".5" | "1709296496789.25" | "1709296496.1234567899" | "1709296496.7.8" | 1709296496
    1709296496789 | 1709296496789123 | 1709296496789123456 | 1709296496789123456.9
    1709296496.789 | 1709296496.7891234567 | 1709296496789.123456789 | 1.709296496789e12
    1.709296496789E+12 | 1709296496789e-3 | 17092964967890e-1 | 0.1709296496e10 | 1709296496e0
    1e9 | 9.9999999999e10 | 99999999999 | 100000000000 | 946684800 | 946684799.999999999
    9223372036854775807 | 9223372036854775808 | 1e400 | 1e-400 | 1e99999999999999999999 | 0 | -0
    -1 | -1709296496 | null | true | [1709296496] | {"seconds":1709296496}
    "#,
    )
});

static NUMBERS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    items(
        "
    0 | -0 | 0.0 | 1 | -5 | 1.50 | 1e2 | 1E-2 | 120000 | 215000 | 3e5 | 200000.5 | 12.00
    0.00001e9 | 10 | 9007199254740993 | 123456789012345678901234567890
    0.1000000000000000055511151231257827 | -1e-7 | 1e999 | 1e-999
    ",
    )
});

static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    items(
        r#"
    "event_id" | "eventId" | "id" | "event_type" | "action" | "type" | "artist" | "artist_id"
    "artistName" | "name" | "genre" | "genres" | "song" | "track" | "song_id" | "trackId"
    "song_title" | "title" | "duration_ms" | "album" | "user" | "user_id" | "country" | "device"
    "session_id" | "listened_ms" | "play_duration_ms" | "position_ms" | "shuffle" | "@timestamp"
    "timestamp" | "eventTime" | "ts" | "time" | "extra" | "overflow" | "event" | "analytics"
    "interaction" | "__sluice_reingests" | "__sluice_arrival" | "" | "artist.id" | "이름"
    "\u0069d" | "tr\u0061ck" | "x" | "y\n\""
    "#,
    )
});

static TEXTS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    items(
        r#"
    "" | "a" | "아이유" | "\ud83c\udfb5 \u00e9 \/ \\ \" \b\f\n\r\t" | "🎵 { [ : , ] }" | "120000"
    "\u0000"
    "#,
    )
});

fn put_object(rng: &mut Rng, out: &mut String, level: u8) {
    let members = rng.u8(..if level == 0 { 14 } else { 6 });
    put_list(rng, out, ['{', '}'], members, |rng, out| {
        out.push_str(pick(rng, &NAMES));
        put_space(rng, out);
        out.push(':');
        put_space(rng, out);
        put_value(rng, out, level + 1);
    });
}

fn put_value(rng: &mut Rng, out: &mut String, level: u8) {
    match rng.u8(..16) {
        0..3 => out.push_str(pick(rng, &NUMBERS)),
        3..6 => out.push_str(pick(rng, &TEXTS)),
        6..9 => out.push_str(pick(rng, &TIMESTAMPS)),
        9 => out.push_str("null"),
        10 => out.push_str(if rng.bool() { "true" } else { "false" }),
        11..13 if level < 5 => {
            let (items, scalars) = (rng.u8(..4), rng.bool());
            put_list(rng, out, ['[', ']'], items, |rng, out| match rng.bool() {
                _ if !scalars => put_value(rng, out, level + 1),
                true => out.push_str(pick(rng, &NUMBERS)),
                false => out.push_str(pick(rng, &TEXTS)),
            });
        }
        _ if level < 5 => put_object(rng, out, level),
        _ => out.push_str("{}"),
    }
}

/// Items with commas between them and random white space around them.
fn put_list(
    rng: &mut Rng,
    out: &mut String,
    [open, close]: [char; 2],
    count: u8,
    mut put_item: impl FnMut(&mut Rng, &mut String),
) {
    out.push(open);
    put_space(rng, out);
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        put_space(rng, out);
        put_item(rng, out);
        put_space(rng, out);
    }
    out.push(close);
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
    fn everything_listed_is_json() {
        for text in
            TIMESTAMPS.iter().chain(&*NUMBERS).chain(&*NAMES).chain(&*TEXTS).chain(&*ARRIVALS)
        {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
    }
}
