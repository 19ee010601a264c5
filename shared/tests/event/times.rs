//! Times in text, compared with those that jiff reads.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use shared::event::Timestamp;

use testkit::holds;

/// The time that jiff reads, in nanoseconds since 1970. Forms that it does not support are
/// converted: fractions of more than nine digits, leap seconds and names of UTC.
fn by_jiff(text: &str) -> Option<i128> {
    if let Some(milliseconds) = text.strip_prefix("/Date(").and_then(|it| it.strip_suffix(")/")) {
        // The offset does not change the moment.
        let offset = milliseconds.rfind(['+', '-']).filter(|at| *at > 0);
        let milliseconds = milliseconds[..offset.unwrap_or(milliseconds.len())].parse().ok()?;
        return Some(jiff::Timestamp::from_millisecond(milliseconds).ok()?.as_nanosecond());
    }
    let text = text.replace("Z[UTC]", "Z").replace(" UTC", " +0000").replace(" GMT", " +0000");
    let text = text.strip_suffix(" Z").map_or(text.clone(), |text| format!("{text} +0000"));
    let text = text.strip_suffix('z').map_or(text.clone(), |text| format!("{text}Z"));
    if let Some((local, offset)) = text.rsplit_once(' ') {
        let hours_only = offset.len() == 3;
        let offset = if hours_only { format!("{offset}00") } else { offset.replace(':', "") };
        for format in ["%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z"] {
            let time = strtime::parse(format, format!("{local} {offset}"));
            if let Ok(time) = time.and_then(|time| time.to_timestamp()) {
                return Some(time.as_nanosecond());
            }
        }
    }
    let text = text.replace(" +", "+").replace(" -", "-");
    let cut = match text.find(['.', ',']) {
        Some(point) => {
            let digits = |it: &str| it.bytes().take_while(u8::is_ascii_digit).count();
            let count = digits(&text[point + 1..]);
            let end = point + 1 + count;
            format!("{}{}", &text[..point + 1 + count.min(9)], &text[end..])
        }
        None => text,
    };
    let timestamp = cut.parse::<jiff::Timestamp>();
    let local = || cut.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|time| time.timestamp());
    Some(timestamp.or_else(|_| local()).ok()?.as_nanosecond())
}

/// The time that this project reads, in nanoseconds since 1970.
fn by_us(text: &str) -> Option<i128> {
    let mut out = Vec::new();
    Timestamp::from_text(text.as_bytes())?.write(&mut out);
    let written = String::from_utf8(out).unwrap();
    Some(written.parse::<jiff::Timestamp>().unwrap().as_nanosecond())
}

fn two(range: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = String> {
    range.prop_map(|number| format!("{number:02}"))
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(texts).prop_map(str::to_owned)
}

fn offset() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => one_of(&["", "Z", "z", " Z", " UTC", " GMT", "Z[UTC]", "UTC", "[UTC]", " PST"]),
        3 => (one_of(&["", " "]), one_of(&["+", "-"]), two(0..=24), one_of(&["", ":"]), two(0..=60))
            .prop_map(|(space, sign, hours, colon, minutes)| format!("{space}{sign}{hours}{colon}{minutes}")),
        1 => (one_of(&["", " "]), one_of(&["+", "-"]), two(0..=24))
            .prop_map(|(space, sign, hours)| format!("{space}{sign}{hours}")),
    ]
}

const MONTHS: [&str; 13] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Foo"];
const WEEKDAYS: [&str; 8] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Day"];

/// Texts in all supported forms, and similar ones.
fn text() -> impl Strategy<Value = String> {
    let clock = || (two(0..=24), two(0..=60), two(0..=61));
    let near_rfc3339 = (
        (1960..2270_u16, two(0..=13), two(0..=32)),
        one_of(&["T", "t", " ", "_"]),
        clock(),
        prop_oneof![Just(String::new()), "[.,][0-9]{0,11}"],
        offset(),
    )
        .prop_map(
            |((year, month, day), separator, (hour, minute, second), fraction, offset)| {
                format!("{year}-{month}-{day}{separator}{hour}:{minute}:{second}{fraction}{offset}")
            },
        );
    let short = (1960..2270_u16, two(1..=12), two(1..=31), clock(), offset(), any::<bool>())
        .prop_map(|(year, month, day, (hour, minute, _), offset, date)| {
            if date {
                format!("{year}-{month}-{day}")
            } else {
                format!("{year}-{month}-{day}T{hour}:{minute}{offset}")
            }
        });
    let http = (0..7_i64 * 15_000, clock(), offset(), select(&WEEKDAYS[..]), 0..8_u8).prop_map(
        |(days, (hour, minute, second), offset, weekday, wrong)| {
            let date = DateTime::constant(1965, 1, 1, 0, 0, 0, 0)
                .checked_add(jiff::Span::new().days(days))
                .unwrap();
            let weekday =
                if wrong == 0 { weekday.to_owned() } else { date.strftime("%a").to_string() };
            let date = date.strftime(if wrong == 1 { "%-d %b %Y" } else { "%d %b %Y" });
            let weekday = if wrong == 2 { String::new() } else { format!("{weekday}, ") };
            format!("{weekday}{date} {hour}:{minute}:{second}{offset}")
        },
    );
    let log = (two(0..=32), select(&MONTHS[..]), 1960..2270_u16, clock(), offset()).prop_map(
        |(day, month, year, (hour, minute, second), offset)| {
            format!("{day}/{month}/{year}:{hour}:{minute}:{second}{offset}")
        },
    );
    let date = "-?[0-9]{0,16}([+-][0-9]{4})?".prop_map(|digits| format!("/Date({digits})/"));
    let form = prop_oneof![4 => near_rfc3339, 1 => short, 2 => http, 2 => log, 1 => date];
    let damage = (any::<Index>(), select(&b"0 +-:TZ/,.x"[..]), any::<bool>());
    (form, vec(damage, 0..2), 0..4_u8).prop_map(|(text, damages, damaged)| {
        let mut bytes = text.into_bytes();
        for (at, byte, replaced) in damages.into_iter().filter(|_| damaged == 0) {
            let at = at.index(bytes.len());
            if replaced {
                bytes[at] = byte;
            } else {
                bytes.insert(at, byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    })
}

fn without_leap_second(text: &str) -> Option<String> {
    let (before, after) = text.split_once(":60")?;
    let fraction = after.strip_prefix(['.', ',']);
    let digit = |character: char| character.is_ascii_digit();
    let after = fraction.map_or(after, |fraction| fraction.trim_start_matches(digit));
    Some(format!("{before}:59{after}"))
}

#[test]
fn a_time_that_is_taken_is_what_jiff_reads() {
    let taken = std::cell::Cell::new(0);
    holds(20_000, &text(), |text| {
        let Some(ours) = by_us(&text) else { return };
        taken.set(taken.get() + 1);
        // A leap second is the last nanosecond of its minute here, and its 59th second there.
        let theirs = match without_leap_second(&text) {
            Some(text) => by_jiff(&text).map(|time| time + 999_999_999),
            None => by_jiff(&text),
        };
        assert_eq!(Some(ours), theirs, "{text}");
    });
    // Most of the texts are times, so that the test is meaningful.
    assert!(taken.get() > 5_000, "{}", taken.get());
}

#[test]
fn every_form_is_taken() {
    for text in [
        "2024-02-28T23:59:58.000+0900",
        "2024-02-28 23:59:58.123456+00",
        "2024-02-28T23:59:58-05",
        "2024-02-28 23:59:58 +0000",
        "2024-02-28 23:59:58 UTC",
        "2024-02-28 23:59:58 GMT",
        "2024-02-28T23:59:58 Z",
        "2024-02-28T23:59:58Z[UTC]",
        "2024-02-28T23:59:58+09:00[Asia/Seoul]",
        "Wed, 28 Feb 2024 23:59:58 GMT",
        "28/Feb/2024:23:59:58 +0000",
        "28 Feb 2024 23:59:58 +0900",
        "/Date(1709164798789)/",
        "/Date(1709164798789+0900)/",
    ] {
        assert!(by_us(text).is_some(), "{text}");
        assert_eq!(by_us(text), by_jiff(text), "{text}");
    }
}
