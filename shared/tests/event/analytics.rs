//! The group `analytics`.

use crate::support::{document, document_by, model};

fn analytics(document: &str) -> String {
    let (_, analytics) = document.split_once(r#","analytics":{"#).unwrap();
    analytics.split_once('}').unwrap().0.to_owned()
}

fn completion(listened: &str, duration: &str) -> String {
    let members = format!(r#""listened_ms":{listened},"duration_ms":{duration}"#);
    let document = document(format!(r#"{{"ts":"2024-03-01",{members}}}"#));
    let analytics = analytics(&document);
    analytics.strip_suffix(r#""hour":0,"weekday":5"#).unwrap().to_owned()
}

#[test]
fn completion_is_the_share_listened_to() {
    for (listened, duration, share) in [
        ("120000", "215000", "0.5581"),
        ("1", "2", "0.5"),
        ("0", "215000", "0"),
        ("215000", "215000", "1"),
        ("1", "3", "0.3333"),
        ("2", "3", "0.6667"),
        ("1", "10000", "0.0001"),
        ("1", "16", "0.0625"),
        ("1", "20", "0.05"),
        ("1", "100", "0.01"),
        ("1", "1000", "0.001"),
        ("101", "1000", "0.101"),
        ("49", "1000000", "0"),
        ("51", "1000000", "0.0001"),
        ("999949", "1000000", "0.9999"),
        ("999951", "1000000", "1"),
        ("1.5e2", "3.0E+2", "0.5"),
        ("0.25", "0.5", "0.5"),
        ("0.0001", "0.0002", "0.5"),
        // Clamped.
        ("215001", "215000", "1"),
        ("-1", "215000", "0"),
        ("-0", "1", "0"),
        ("1e400", "1", "1"),
        ("123456789012345678901234567890", "1", "1"),
        ("1", "123456789012345678901234567890", "0"),
    ] {
        let expected = format!(r#""completion":{share},"#);
        assert_eq!(completion(listened, duration), expected, "{listened} of {duration}");
    }
}

#[test]
fn completion_needs_two_numbers_and_a_duration() {
    for (listened, duration) in [
        ("1", "0"),
        ("0", "0"),
        ("1", "-0.0"),
        ("1", "-215000"),
        ("-1", "-2"),
        ("1", "null"),
        ("null", "1"),
        ("1", "\"215000\""),
        ("\"1\"", "215000"),
        ("1", "[215000]"),
        ("[1]", "215000"),
        ("true", "1"),
        ("{}", "1"),
    ] {
        assert_eq!(completion(listened, duration), "", "{listened} of {duration}");
    }
    for members in [r#""listened_ms":1"#, r#""duration_ms":1"#, r#""duration":1,"listened":1"#] {
        let document = document(format!(r#"{{"ts":"2024-03-01",{members}}}"#));
        assert_eq!(analytics(&document), r#""hour":0,"weekday":5"#);
    }
}

#[test]
fn completion_is_of_the_values_that_the_fields_took() {
    let document = document(concat!(
        r#"{"ts":"2024-03-01","song":{"duration_ms":{}},"track":{"duration_ms":4},"duration_ms":2,"#,
        r#""listened_ms":null,"listenedMs":1,"play_duration_ms":2}"#
    ));
    assert_eq!(analytics(&document), r#""completion":0.25,"hour":0,"weekday":5"#);
}

#[test]
fn completion_follows_the_mapping() {
    let mapped = model(&[(
        "MAPPING",
        r#"{"interaction.listened_ms":["played"],"song.duration_ms":["length"]}"#,
    )]);
    let payload = r#"{"ts":"2024-03-01","played":1,"length":4,"listened_ms":1,"duration_ms":1}"#;
    let document = document_by(&mapped, payload);
    assert_eq!(analytics(&document), r#""completion":0.25,"hour":0,"weekday":5"#);

    let other = model(&[("MAPPING", r#"{"a.listened_ms":["played"],"b.duration_ms":["length"]}"#)]);
    assert_eq!(analytics(&document_by(&other, payload)), r#""hour":0,"weekday":5"#);
}

#[test]
fn hour_and_weekday_are_of_the_timestamp_in_utc() {
    for (time, expected) in [
        ("2024-03-01T00:00:00Z", r#""hour":0,"weekday":5"#),
        ("2024-03-01T09:59:59.999999999Z", r#""hour":9,"weekday":5"#),
        ("2024-03-01T23:00:00Z", r#""hour":23,"weekday":5"#),
        ("2024-03-02T08:00:00Z", r#""hour":8,"weekday":6"#),
        ("2024-02-26T10:00:00Z", r#""hour":10,"weekday":1"#),
        ("2024-02-25T10:00:00Z", r#""hour":10,"weekday":7"#),
        ("2024-02-29T10:00:00Z", r#""hour":10,"weekday":4"#),
        // Locally already Friday the 1st, in UTC still the leap day.
        ("2024-03-01T08:30:00+09:00", r#""hour":23,"weekday":4"#),
        ("2024-02-29T20:30:00-05:30", r#""hour":2,"weekday":5"#),
    ] {
        let document = document(format!(r#"{{"time":"{time}"}}"#));
        assert_eq!(analytics(&document), expected, "{time}");
    }
    // That of the arrival if the event has none.
    assert_eq!(analytics(&document("{}")), r#""hour":12,"weekday":5"#);
}
