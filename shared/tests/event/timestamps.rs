//! `@timestamp`: which candidate is used, and what happens to the others. The forms of times have
//! their tests next to the code that reads them.

use shared::event::{Arrival, Model, Timestamp, TimestampSource};

use crate::support::expected::TIMESTAMPS;
use crate::support::{arrival, model, rest_by, time, transform};

/// `@timestamp` of the document of an event with these members, its source, and `extra`.
fn timestamp_by(
    model: &Model,
    arrival: &Arrival<'_>,
    members: &str,
) -> (String, TimestampSource, String) {
    let payload = format!(r#"{{"id":"x",{members}}}"#);
    let (document, source) = transform(model, arrival, payload.as_bytes()).unwrap();
    let (time, rest) = document
        .strip_prefix(r#"{"@timestamp":""#)
        .and_then(|rest| rest.split_once(r#"","event":{"id":"x","ingested":""#))
        .unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    let (written, rest) = rest.split_once('}').unwrap();
    let expected = match source {
        TimestampSource::Event => "",
        TimestampSource::Arrival => r#","timestamp_source":"arrival""#,
        TimestampSource::Now => r#","timestamp_source":"now""#,
    };
    assert_eq!(written, expected, "{document}");
    let (_, extra) = rest.split_once('}').unwrap();
    (time.to_owned(), source, extra.strip_suffix('}').unwrap().to_owned())
}

fn timestamp(members: &str) -> (String, TimestampSource, String) {
    timestamp_by(&model(&[]), &arrival(), members)
}

/// The event's own time, with nothing left for `extra`.
fn own(time: &str) -> (String, TimestampSource, String) {
    (time.to_owned(), TimestampSource::Event, String::new())
}

/// The arrival's time, with these members in `extra`.
fn fallback(extra: &str) -> (String, TimestampSource, String) {
    let extra = if extra.is_empty() { String::new() } else { format!(r#","extra":{{{extra}}}"#) };
    ("2024-03-01T12:34:58.000Z".to_owned(), TimestampSource::Arrival, extra)
}

#[test]
fn each_candidate_alone_is_taken() {
    for name in TIMESTAMPS {
        let own = own("2024-03-01T12:34:56.789Z");
        assert_eq!(timestamp(&format!(r#""{name}":1709296496789"#)), own);
        assert_eq!(timestamp(&format!(r#""{name}":"2024-03-01T12:34:56.789Z""#)), own);
    }
}

#[test]
fn the_first_candidate_is_taken_and_the_others_stay() {
    for first in 0..TIMESTAMPS.len() {
        let members: Vec<_> = TIMESTAMPS[first..]
            .iter()
            .enumerate()
            .rev()
            .map(|(second, name)| format!(r#""{name}":17092964{:02}"#, first + second))
            .collect();
        let (time, source, extra) = timestamp(&members.join(","));
        assert_eq!(time, format!("2024-03-01T12:33:{:02}.000Z", 20 + first));
        assert_eq!(source, TimestampSource::Event);
        let others = &members[..members.len() - 1];
        let expected = match others {
            [] => String::new(),
            others => format!(r#","extra":{{{}}}"#, others.join(",")),
        };
        assert_eq!(extra, expected);
    }
}

#[test]
fn a_refused_candidate_stays_and_leaves_it_to_the_next() {
    for refused in [
        r#""""#,
        r#""soon""#,
        r#""2024-02-30""#,
        "0",
        "-1709296496",
        "true",
        "1e400",
        "{}",
        r#"{"a":1}"#,
        "[1709296496]",
        r#"["2024-03-01"]"#,
        // Not plausible.
        "946684799",
        r#""1999-12-31T23:59:59.999999999Z""#,
        r#""2024-03-02T12:34:58.001000001Z""#,
        r#""2262-04-11T23:47:16.854775808Z""#,
    ] {
        let member = format!(r#""timestamp":{refused}"#);
        assert_eq!(timestamp(&member), fallback(&member));
        let (time, source, extra) = timestamp(&format!(r#"{member},"ts":1709296496"#));
        assert_eq!((time.as_str(), source), ("2024-03-01T12:34:56.000Z", TimestampSource::Event));
        assert_eq!(extra, format!(r#","extra":{{{member}}}"#));
    }
    assert_eq!(timestamp(r#""timestamp":null,"time":null"#), fallback(""));
    assert_eq!(
        timestamp(r#""timestamp":null,"created_at":1709296496"#),
        own("2024-03-01T12:34:56.000Z")
    );
}

#[test]
fn strings_and_numbers_are_read() {
    for (candidate, time) in [
        (r#""2024-03-01T12:34:56.789Z""#, "2024-03-01T12:34:56.789Z"),
        (r#""2024-03-01T21:34:56.789+09:00""#, "2024-03-01T12:34:56.789Z"),
        (r#""2024-02-29T22:34:56-14:00""#, "2024-03-01T12:34:56.000Z"),
        (r#""2024-03-01T12:34:56""#, "2024-03-01T12:34:56.000Z"),
        (r#""2024-03-01t12:34:56z""#, "2024-03-01T12:34:56.000Z"),
        (r#""2024-03-01 12:34:56""#, "2024-03-01T12:34:56.000Z"),
        (r#""2024-03-01 12:34""#, "2024-03-01T12:34:00.000Z"),
        (r#""2024-03-01T12:34:56,5Z""#, "2024-03-01T12:34:56.500Z"),
        (r#""2024-03-01T12:34:56.123456789Z""#, "2024-03-01T12:34:56.123456789Z"),
        (r#""2024-03-01T12:34:56.12345678987654321Z""#, "2024-03-01T12:34:56.123456789Z"),
        (r#""2024-03-01T12:34:56.1200000Z""#, "2024-03-01T12:34:56.120Z"),
        (r#""2024-03-01T12:34:56.0001000Z""#, "2024-03-01T12:34:56.0001Z"),
        (r#""2024-03-01""#, "2024-03-01T00:00:00.000Z"),
        (r#""2016-12-31T23:59:60Z""#, "2016-12-31T23:59:59.999999999Z"),
        (r#""1709296496789""#, "2024-03-01T12:34:56.789Z"),
        (r#""1709296496.789""#, "2024-03-01T12:34:56.789Z"),
        (r#""2024-03-01T21:34:56.789+0900""#, "2024-03-01T12:34:56.789Z"),
        (r#""2024-03-01 12:34:56.123456+00""#, "2024-03-01T12:34:56.123456Z"),
        (r#""2024-03-01 12:34:56 UTC""#, "2024-03-01T12:34:56.000Z"),
        (r#""Fri, 01 Mar 2024 12:34:56 GMT""#, "2024-03-01T12:34:56.000Z"),
        (r#""01/Mar/2024:12:34:56 +0000""#, "2024-03-01T12:34:56.000Z"),
        (r#""\/Date(1709296496789)\/""#, "2024-03-01T12:34:56.789Z"),
        (r#""2024\u002d03-01T12\u003A34:56Z""#, "2024-03-01T12:34:56.000Z"),
        ("1709296496", "2024-03-01T12:34:56.000Z"),
        ("1709296496.5", "2024-03-01T12:34:56.500Z"),
        ("1.709296496789e9", "2024-03-01T12:34:56.789Z"),
        ("1709296496789", "2024-03-01T12:34:56.789Z"),
        ("1709296496789.25", "2024-03-01T12:34:56.78925Z"),
        ("1709296496789123", "2024-03-01T12:34:56.789123Z"),
        ("1709296496789123456", "2024-03-01T12:34:56.789123456Z"),
        ("17092964967891234560E-1", "2024-03-01T12:34:56.789123456Z"),
    ] {
        assert_eq!(timestamp(&format!(r#""ts":{candidate}"#)), own(time), "{candidate}");
    }
}

#[test]
fn plausible_is_from_2000_to_a_day_after_now() {
    for (border, outside) in [
        (r#""2000-01-01T00:00:00Z""#, r#""1999-12-31T23:59:59.999999999Z""#),
        ("946684800", "946684799.999999999"),
        (r#""2024-03-02T12:34:58.001Z""#, r#""2024-03-02T12:34:58.001000001Z""#),
    ] {
        assert_eq!(timestamp(&format!(r#""ts":{border}"#)).1, TimestampSource::Event);
        let member = format!(r#""ts":{outside}"#);
        assert_eq!(timestamp(&member), fallback(&member));
    }
}

#[test]
fn the_settings_move_the_borders() {
    let strict = model(&[
        ("TIMESTAMP_MIN", "2024-03-01T12:00:00+09:00"),
        ("TIMESTAMP_MAX_AHEAD_SECONDS", "2"),
    ]);
    for (inside, outside) in [
        ("2024-03-01T03:00:00Z", "2024-03-01T02:59:59.999999999Z"),
        ("2024-03-01T12:35:00.001Z", "2024-03-01T12:35:00.001000001Z"),
    ] {
        let source = |time: &str| timestamp_by(&strict, &arrival(), &format!(r#""ts":"{time}""#)).1;
        assert_eq!(source(inside), TimestampSource::Event);
        assert_eq!(source(outside), TimestampSource::Arrival);
    }
    let lax = model(&[
        ("TIMESTAMP_MIN", "1970-01-01T00:00:00Z"),
        ("TIMESTAMP_MAX_AHEAD_SECONDS", "18446744073709551615"),
    ]);
    for (members, time) in [
        (r#""ts":0"#, "1970-01-01T00:00:00.000Z"),
        (r#""ts":"1970-01-01""#, "1970-01-01T00:00:00.000Z"),
        (r#""ts":9223372036854775807"#, "2262-04-11T23:47:16.854775807Z"),
        (r#""ts":"2262-04-11T23:47:16.854775807Z""#, "2262-04-11T23:47:16.854775807Z"),
    ] {
        assert_eq!(timestamp_by(&lax, &arrival(), members), own(time));
    }
    // Nothing moves the ends of `date_nanos`.
    for members in [
        r#""ts":9223372036854775808"#,
        r#""ts":"2262-04-11T23:47:16.854775808Z""#,
        r#""ts":"1969-12-31T23:59:59.999999999Z""#,
        r#""ts":-1"#,
    ] {
        assert_eq!(timestamp_by(&lax, &arrival(), members), fallback(members));
    }
    let now_only = model(&[("TIMESTAMP_MAX_AHEAD_SECONDS", "0")]);
    let source = |members: &str| timestamp_by(&now_only, &arrival(), members).1;
    assert_eq!(source(r#""ts":1709296498.001"#), TimestampSource::Event);
    assert_eq!(source(r#""ts":1709296498.001000001"#), TimestampSource::Arrival);
}

#[test]
fn the_fields_are_those_that_the_setting_lists() {
    let listed = model(&[("TIMESTAMP_FIELDS", "meta.time, when,artist.seen")]);
    let by = |members: &str| timestamp_by(&listed, &arrival(), members);
    let time = "2024-03-01T12:34:56.000Z";
    assert_eq!(by(r#""when":1709296496"#), own(time));
    assert_eq!(by(r#""meta":{"time":1709296496}"#), own(time));
    assert_eq!(by(r#""artist":{"seen":1709296496}"#), own(time));
    assert_eq!(by(r#""ts":1709296496"#), fallback(r#""ts":1709296496"#));
    assert_eq!(by(r#""meta.time":1709296496"#), fallback(r#""meta.time":1709296496"#));
    assert_eq!(
        by(r#""when":1709296497,"meta":{"time":1709296496,"a":1}"#),
        (
            time.to_owned(),
            TimestampSource::Event,
            r#","extra":{"when":1709296497,"meta":{"a":1}}"#.to_owned()
        )
    );
    // A null is removed at the path's end only; an empty group is left out.
    assert_eq!(by(r#""meta":{"time":null},"when":null"#), fallback(""));
    assert_eq!(by(r#""meta":{}"#), fallback(""));
    assert_eq!(by(r#""meta":null"#), fallback(r#""meta":null"#));
    assert_eq!(by(r#""meta":[{"time":1709296496}]"#), fallback(r#""meta":[{"time":1709296496}]"#));
}

#[test]
fn a_time_may_be_a_field_as_well() {
    let both = model(&[("TIMESTAMP_FIELDS", "ts"), ("MAPPING", r#"{"song.played":["ts"]}"#)]);
    let payload = r#"{"ts":"2024-03-01T12:34:56Z"}"#;
    let (document, source) = transform(&both, &arrival(), payload.as_bytes()).unwrap();
    assert_eq!(source, TimestampSource::Event);
    assert!(
        document.ends_with(
            r#""song":{"played":"2024-03-01T12:34:56Z"},"analytics":{"hour":12,"weekday":5}}"#
        ),
        "{document}"
    );
}

#[test]
fn a_candidate_that_was_not_used_is_still_its_fields() {
    let both = model(&[("TIMESTAMP_FIELDS", "ts,title")]);
    assert_eq!(rest_by(&both, r#""title":"soon""#), r#","song":{"title":"soon"}"#);
}

#[test]
fn without_an_arrival_it_is_now() {
    let now = Arrival { time: None, now: time("2024-03-01T12:34:58.0015Z"), ..arrival() };
    let by = |members: &str| timestamp_by(&model(&[]), &now, members);
    assert_eq!(
        by(r#""a":1"#),
        (
            "2024-03-01T12:34:58.0015Z".to_owned(),
            TimestampSource::Now,
            r#","extra":{"a":1}"#.to_owned()
        )
    );
    // Plausible is then a day from now.
    assert_eq!(by(r#""ts":"2024-03-02T12:34:58.0015Z""#).1, TimestampSource::Event);
    assert_eq!(by(r#""ts":"2024-03-02T12:34:58.001500001Z""#).1, TimestampSource::Now);
}

#[test]
fn the_clock_counts_not_the_arrival() {
    // Read a year after it arrived.
    let late = Arrival { now: time("2025-03-01"), ..arrival() };
    let by = |members: &str| timestamp_by(&model(&[]), &late, members);
    assert_eq!(by(r#""a":1"#), fallback(r#""a":1"#));
    assert_eq!(by(r#""ts":"2024-06-01""#), own("2024-06-01T00:00:00.000Z"));
    assert_eq!(by(r#""ts":"2025-03-02""#), own("2025-03-02T00:00:00.000Z"));
    let ahead = r#""ts":"2025-03-02T00:00:00.000000001Z""#;
    assert_eq!(by(ahead), fallback(ahead));
}

#[test]
fn an_arrival_counts_where_it_is_plausible() {
    let strict = [("TIMESTAMP_MIN", "2018-01-01"), ("TIMESTAMP_MAX_AHEAD_SECONDS", "60")];
    for (variables, arrived, expected) in [
        (&[][..], "2024-03-01T12:34:58Z", Some("2024-03-01T12:34:58.000Z")),
        (&[], "2000-01-01", Some("2000-01-01T00:00:00.000Z")),
        (&[], "1999-12-31T23:59:59.999Z", None),
        (&[], "1970-01-20T18:48:16.498Z", None),
        (&[], "2024-03-02T12:34:58.001Z", Some("2024-03-02T12:34:58.001Z")),
        (&[], "2024-03-02T12:34:58.002Z", None),
        (&[], "2262-04-11T23:47:16.854775807Z", None),
        (&strict, "2018-01-01", Some("2018-01-01T00:00:00.000Z")),
        (&strict, "2017-12-31T23:59:59Z", None),
        (&strict, "2024-03-01T12:35:58.001Z", Some("2024-03-01T12:35:58.001Z")),
        (&strict, "2024-03-01T12:35:58.002Z", None),
    ] {
        let arrival = Arrival { time: Some(time(arrived)), ..arrival() };
        let (written, source, _) = timestamp_by(&model(variables), &arrival, r#""a":1"#);
        let now = ("2024-03-01T12:34:58.001Z", TimestampSource::Now);
        let expected = expected.map_or(now, |time| (time, TimestampSource::Arrival));
        assert_eq!((written.as_str(), source), expected, "{arrived}");
        // An event's own time does not depend on it.
        let own = timestamp_by(&model(variables), &arrival, r#""ts":1709296496"#);
        assert_eq!(own.1, TimestampSource::Event, "{arrived}");
    }
    // A day after the last possible time: the sum is capped.
    let last = Arrival { now: Timestamp::MAX, ..arrival() };
    let own = timestamp_by(&model(&[]), &last, r#""ts":9223372036854775807"#);
    assert_eq!(own.1, TimestampSource::Event);
}
