//! Whole documents, byte for byte.

use shared::event::{Arrival, TimestampSource};

use crate::support::{arrival, document, model, rest, time, transform};

const WHOLE: &str = r#"{"event_id":"e1","event_type":"play","ts":1709296496789,
  "artist":{"id":"a1","name":"\uc544\uc774\uc720","genre":["pop", "k-pop"],"label":"x"},
  "track":{"id":"s1","title":"Good \"Day\"","duration_ms":215000,"album":"Real","isrc":"KR"},
  "track_id":1,"user":{"id":42,"country":"KR","device":"ios","tier":null},"session_id":"u-7",
  "listened_ms":120000,"position_ms":95000,"shuffle":true,
  "a":1,"b":{"c":1.50,"d":[1e2,{"e":1,"e":2}]},"a":2,"null":null,"device":null}"#;

#[test]
fn a_whole_event() {
    assert_eq!(
        document(WHOLE),
        concat!(
            r#"{"@timestamp":"2024-03-01T12:34:56.789Z","#,
            r#""event":{"id":"e1","action":"play","ingested":"2024-03-01T12:34:58.001Z"},"#,
            r#""artist":{"id":"a1","name":"\uc544\uc774\uc720","genre":["pop", "k-pop"]},"#,
            r#""song":{"id":"s1","title":"Good \"Day\"","duration_ms":215000,"album":"Real"},"#,
            r#""interaction":{"user_id":42,"country":"KR","device":"ios","session_id":"u-7","#,
            r#""listened_ms":120000,"position_ms":95000,"shuffle":true},"#,
            r#""analytics":{"completion":0.5581,"hour":12,"weekday":5},"#,
            r#""extra":{"artist":{"label":"x"},"track":{"isrc":"KR"},"track_id":1,"#,
            r#""user":{"tier":null},"#,
            r#""b":{"c":1.50,"d":[1e2,{"e":2}]},"a":2,"null":null}}"#
        )
    );
}

#[test]
fn an_event_without_anything() {
    for payload in ["{}", " {\n} ", "\u{feff}{}", "\u{feff}\r\n{}\n"] {
        let (document, source) = transform(&model(&[]), &arrival(), payload.as_bytes()).unwrap();
        assert_eq!(source, TimestampSource::Arrival);
        let (head, tail) = document.split_once(r#""id":""#).unwrap();
        assert_eq!(head, r#"{"@timestamp":"2024-03-01T12:34:58.000Z","event":{"#);
        assert_eq!(
            &tail[32..],
            concat!(
                r#"","ingested":"2024-03-01T12:34:58.001Z","timestamp_source":"arrival"},"#,
                r#""analytics":{"hour":12,"weekday":5}}"#
            )
        );
    }
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    assert_eq!(document(format!("\u{feff}{WHOLE}")), document(WHOLE));
    assert_eq!(document(format!("\u{feff} \r\n{WHOLE}\t")), document(WHOLE));
    // Elsewhere it is a character like any other.
    assert_eq!(rest("\"a\u{feff}\":\"\u{feff}\""), ",\"extra\":{\"a\u{feff}\":\"\u{feff}\"}");
}

#[test]
fn a_document_depends_on_the_event_and_the_clock_only() {
    let arrival = Arrival { time: None, now: time("2030-12-31T23:59:59.5Z"), ..arrival() };
    let model = model(&[]);
    let first = transform(&model, &arrival, WHOLE.as_bytes()).unwrap();
    assert!(first.0.contains(r#""ingested":"2030-12-31T23:59:59.500Z"}"#), "{}", first.0);
    assert_eq!(first.1, TimestampSource::Event);
    assert_eq!(transform(&model, &arrival, WHOLE.as_bytes()).unwrap(), first);
}

#[test]
fn absent_fields_and_empty_groups_are_left_out() {
    for nothing in [
        r#""artist":{}"#,
        r#""artist":{ },"track":{},"song":{},"user":{}"#,
        r#""artist":{"id":null}"#,
        r#""artist":{"id":null,"name":null,"genre":null,"genres":null}"#,
        r#""artist":null,"song":null,"user":{"id":null}"#,
        r#""album":null,"shuffle":null,"event_type":null,"id":null"#,
        r#""@timestamp":null,"created_at":null"#,
    ] {
        assert_eq!(rest(nothing), "", "{nothing}");
    }
}

#[test]
fn an_empty_object_in_a_groups_place_is_absent() {
    assert_eq!(
        rest(r#""artist":{},"artist_name":"a","user":{"id":null},"user_id":1"#),
        r#","artist":{"name":"a"},"interaction":{"user_id":1}"#
    );
    // In a position without a group, an empty object is a value.
    assert_eq!(
        rest(r#""album":{},"a":{},"artist":{"a":{}},"song":{"title":{}}"#),
        r#","extra":{"album":{},"a":{},"artist":{"a":{}},"song":{"title":{}}}"#
    );
}

#[test]
fn only_nulls_at_paths_are_lost() {
    assert_eq!(
        rest(
            r#""a":null,"b":{"c":null},"d":[null],"artist":{"x":null},"album":[null],"event":null"#
        ),
        concat!(
            r#","extra":{"a":null,"b":{"c":null},"d":[null],"artist":{"x":null},"#,
            r#""album":[null],"event":null}"#
        )
    );
}
