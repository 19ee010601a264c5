//! Passthrough documents.

use shared::event::{DocumentId, Reader};

use crate::support::{document_by, ids_by, model};

/// The document of a payload with these settings.
fn document_with(variables: &[(&str, &str)], payload: &str) -> String {
    document_by(&model(&[&[("DOCUMENT", "passthrough")], variables].concat()), payload)
}

fn document(payload: &str) -> String {
    document_with(&[], payload)
}

/// The document of an event with these members and a time, without the common beginning.
fn rest(members: &str) -> String {
    let document = document(&format!(r#"{{"ts":1709296496789,{members}}}"#));
    let head = r#"{"@timestamp":"2024-03-01T12:34:56.789Z","ts":1709296496789"#;
    let rest = document.strip_prefix(head).unwrap_or_else(|| panic!("{document}"));
    rest.strip_suffix('}').unwrap().to_owned()
}

/// The document of an event without a plausible time.
fn arrived(members: &str) -> String {
    let document = document(&format!("{{{members}}}"));
    let rest = document.strip_prefix(r#"{"@timestamp":"2024-03-01T12:34:58.000Z""#);
    let rest = rest.unwrap_or_else(|| panic!("{document}"));
    rest.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn every_member_is_as_it_was_written() {
    for members in [
        // Members in the mapping, and others.
        r#""artist":{"id":1,"x":2},"song_title":"t","track":{"isrc":"i"},"user":"u","app":"a""#,
        r#""event_id":"e","id":17,"event_type":"play","type":["a"]"#,
        r#""event":{"id":"x"},"extra":{"a":1},"overflow":2,"analytics":{"hour":3}"#,
        r#""a":null,"title":null,"timestamp":null,"artist":{"id":null},"b":[null]"#,
        r#""a":123456789012345678901234567890,"b":1.50,"c":-1e400,"d":true"#,
        r#""\u0061\n":"\u00e9\ud834\udd1e\r\n","":"","한국":"𝄞""#,
        r#""a": 1 , "b" :[1, {"c" : 2}]	,"artist": { "id" : 3 }"#,
        r#""artist":{},"b":{},"c":[]"#,
    ] {
        assert_eq!(rest(members), format!(",{members}"));
    }
    assert_eq!(arrived(""), "");
    assert_eq!(arrived(" "), "");
}

#[test]
fn the_time_is_by_the_same_rules_and_the_member_that_has_it_stays() {
    for (payload, expected) in [
        (
            r#"{"a":1,"time":"2024-03-01 12:00+09:00","ts":1}"#,
            r#"{"@timestamp":"2024-03-01T03:00:00.000Z","a":1,"time":"2024-03-01 12:00+09:00","ts":1}"#,
        ),
        // The own `@timestamp` becomes the document's.
        (
            r#"{"a":1,"@timestamp":1709296496,"ts":1709296497}"#,
            r#"{"@timestamp":"2024-03-01T12:34:56.000Z","a":1,"ts":1709296497}"#,
        ),
        (
            r#"{"\u0040timestamp":1709296496,"a":1}"#,
            r#"{"@timestamp":"2024-03-01T12:34:56.000Z","a":1}"#,
        ),
        (
            r#"{"@timestamp":"soon","@timestamp":1709296496}"#,
            r#"{"@timestamp":"2024-03-01T12:34:56.000Z"}"#,
        ),
        (r#"{"a":1}"#, r#"{"@timestamp":"2024-03-01T12:34:58.000Z","a":1}"#),
    ] {
        assert_eq!(document(payload), expected);
    }
    let fields = [("TIMESTAMP_FIELDS", "meta.at")];
    assert_eq!(
        document_with(&fields, r#"{"meta":{"at":1709296496,"x":1}}"#),
        r#"{"@timestamp":"2024-03-01T12:34:56.000Z","meta":{"at":1709296496,"x":1}}"#
    );
    let min = [("TIMESTAMP_MIN", "2024-03-02")];
    assert!(
        document_with(&min, r#"{"ts":1709296496}"#)
            .starts_with(r#"{"@timestamp":"2024-03-01T12:34:58.001Z","ts""#)
    );
}

#[test]
fn a_rejected_own_timestamp_is_kept_under_another_name() {
    for (value, kept) in [
        (r#""soon""#, r#""soon""#),
        ("1709296496e99", "1709296496e99"),
        ("[1709296496]", "[1709296496]"),
        ("{\"a\":1,\n\"a\":2}", r#"{"a":2}"#),
        // It is not used as the time either.
        ("null", "null"),
    ] {
        let expected = format!(r#","@timestamp_original":{kept},"a":1"#);
        assert_eq!(arrived(&format!(r#""a":1,"@timestamp":{value}"#)), expected);
        assert_eq!(arrived(&format!(r#""@timest\u0061mp": {value},"a":1"#)), expected);
    }
    // Another candidate becomes the time.
    assert_eq!(
        document(r#"{"@timestamp":"soon","ts":1709296496}"#),
        r#"{"@timestamp":"2024-03-01T12:34:56.000Z","@timestamp_original":"soon","ts":1709296496}"#
    );
    // It is not a candidate, or has lower priority.
    for fields in ["ts", "ts,@timestamp", "ts,@timestamp.x"] {
        assert_eq!(
            document_with(
                &[("TIMESTAMP_FIELDS", fields)],
                r#"{"a":1,"@timestamp":1709296497,"ts":1709296496}"#
            ),
            r#"{"@timestamp":"2024-03-01T12:34:56.000Z","@timestamp_original":1709296497,"a":1,"ts":1709296496}"#
        );
    }
    // The time is in it.
    assert_eq!(
        document_with(
            &[("TIMESTAMP_FIELDS", "@timestamp.x")],
            r#"{"@timestamp":{"x":1709296496}}"#
        ),
        r#"{"@timestamp":"2024-03-01T12:34:56.000Z","@timestamp_original":{"x":1709296496}}"#
    );
    // The last one of several.
    assert_eq!(
        arrived(r#""@timestamp":1709296496,"@timestamp":"soon""#),
        r#","@timestamp_original":"soon""#
    );
    // Not added if the event has a member of this name.
    for name in ["@timestamp_original", "@timestamp\\u005foriginal"] {
        assert_eq!(
            arrived(&format!(r#""@timestamp":"soon","a":1,"{name}":2"#)),
            format!(r#","a":1,"{name}":2"#)
        );
    }
    assert_eq!(rest(r#""@timestamp_original":2"#), r#","@timestamp_original":2"#);
    let nested = r#""a":{"@timestamp_original":2,"@timestamp":3}"#;
    assert_eq!(
        arrived(&format!(r#""@timestamp":"soon",{nested}"#)),
        format!(r#","@timestamp_original":"soon",{nested}"#)
    );
}

#[test]
fn members_that_a_put_back_adds_are_left_out() {
    for (members, expected) in [
        (r#""a":1,"__sluice_reingests":2"#, r#","a":1"#),
        (r#""__sluice_arrival":5,"a":1,"__sluice_reingests":2,"b":3"#, r#","a":1,"b":3"#),
        (r#""\u005f_sluice_reingests":2,"__sluice\u005farrival":3,"a":1"#, r#","a":1"#),
        // Also those of other versions.
        (r#""__sluice_":2,"__sluice_x":{"a":[1]},"a":1"#, r#","a":1"#),
        (
            r#""__sluice":2,"_id":3,"\\u005f_sluice_x":4"#,
            r#","__sluice":2,"_id":3,"\\u005f_sluice_x":4"#,
        ),
        (
            r#""a":{"__sluice_x":2},"artist":{"__sluice_x":2}"#,
            r#","a":{"__sluice_x":2},"artist":{"__sluice_x":2}"#,
        ),
    ] {
        assert_eq!(rest(members), expected, "{members}");
    }
    // Also if the mapping reads it.
    let mapping = [("MAPPING", r#"{"a.b":["__sluice_x"]}"#)];
    assert!(document_with(&mapping, r#"{"__sluice_x":1}"#).ends_with("Z\"}"));
}

#[test]
fn of_duplicates_the_last_one_stays_at_any_level() {
    for (members, expected) in [
        (r#""a":1,"b":2,"a":3"#, r#","b":2,"a":3"#),
        (r#""a":1,"\u0061":2"#, r#","\u0061":2"#),
        (r#""album":"a","album":null"#, r#","album":null"#),
        (r#""a":{"b":1,"c":2,"b":[{"d":3,"d":4}]}"#, r#","a":{"c":2,"b":[{"d":4}]}"#),
        (r#""a":{"b":1,"b":2},"a":{"c":1,"c":2}"#, r#","a":{"c":2}"#),
        (r#""a":1,"__sluice_x":2,"a":3,"b":4"#, r#","a":3,"b":4"#),
        // Groups that the mapping looks into.
        (r#""artist":{"id":1,"x":2,"id":3}"#, r#","artist":{"x":2,"id":3}"#),
        (r#""artist":{"x":1,"\u0078":2,"y":3}"#, r#","artist":{"\u0078":2,"y":3}"#),
        (
            r#""artist":{"id":1,"id":2},"b":3,"artist":{"id":4,"id":5}"#,
            r#","b":3,"artist":{"id":5}"#,
        ),
        (r#""artist":{"id":1,"id":2},"artist":"a""#, r#","artist":"a""#),
        (r#""artist":"a","artist":{"id":1}"#, r#","artist":{"id":1}"#),
        (
            "\"a\" : 1 \n , \"artist\":{\"id\" :1\n\t,\"id\":2},\"a\":3",
            r#", "artist":{"id":2},"a":3"#,
        ),
    ] {
        assert_eq!(rest(members), expected, "{members}");
    }
    let around_its_time = r#""a":1,"@timestamp":"soon","a":2"#;
    assert_eq!(arrived(around_its_time), r#","@timestamp_original":"soon","a":2"#);
    let many: Vec<_> = (0..3_000).map(|index| format!(r#""k{}":{index}"#, index % 1_000)).collect();
    let (many, last) = (many.join(","), many[2_000..].join(","));
    for name in ["a", "artist"] {
        let expected = format!(r#",{last},"{name}":{{{last}}}"#);
        assert_eq!(rest(&format!(r#"{many},"{name}":{{{many}}}"#)), expected);
    }
}

#[test]
fn line_breaks_between_tokens_are_removed() {
    assert_eq!(
        document(
            "\r\n{\n  \"a\": 1,\n  \"artist\": {\n    \"id\": [\n1\r,2\n]\n  },\n\"b\"\n:\n\"\\n\"\n,\"__sluice_x\":1\n}\n"
        ),
        r#"{"@timestamp":"2024-03-01T12:34:58.000Z","a": 1,"artist": {"id": [1,2]},"b":"\n"}"#
    );
}

#[test]
fn the_event_inside_an_envelope_is_the_document() {
    let envelope =
        r#""envelope":{"kind":"eventbridge","id":"e","type":"t","time":"2024-03-01T12:00:00Z"}"#;
    for (event, expected) in [
        (r#"{"a":1}"#, format!(r#"{{"@timestamp":"2024-03-01T12:00:00.000Z",{envelope},"a":1}}"#)),
        ("{}", format!(r#"{{"@timestamp":"2024-03-01T12:00:00.000Z",{envelope}}}"#)),
        (
            r#"{"@timestamp":"soon"}"#,
            format!(
                r#"{{"@timestamp":"2024-03-01T12:00:00.000Z","@timestamp_original":"soon",{envelope}}}"#
            ),
        ),
        // The event has a member of this name.
        (
            r#"{"envelope":null,"ts":1709296496}"#,
            r#"{"@timestamp":"2024-03-01T12:34:56.000Z","envelope":null,"ts":1709296496}"#
                .to_owned(),
        ),
        (
            r#"{"\u0065nvelope":1}"#,
            r#"{"@timestamp":"2024-03-01T12:00:00.000Z","\u0065nvelope":1}"#.to_owned(),
        ),
    ] {
        let payload = format!(
            r#"{{"detail-type":"t","id":"e","time":"2024-03-01T12:00:00Z","x":1,"detail":{event}}}"#
        );
        assert_eq!(document(&payload), expected);
    }
    assert_eq!(rest(r#""envelope":{"kind":"x"}"#), r#","envelope":{"kind":"x"}"#);
}

#[test]
fn the_own_id_makes_the_document_id_and_is_not_written() {
    let (mapped, as_it_is) = (model(&[]), model(&[("DOCUMENT", "passthrough")]));
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(512));
    for (payload, own) in [
        (r#"{"id":"a"}"#, true),
        (r#"{"eventId":"\u00e9","id":"a"}"#, true),
        (r#"{"id":1.50,"id":17}"#, true),
        (&long, true),
        (r#"{"id":""}"#, false),
        ("{}", false),
        (r#"{"__sluice_arrival":5,"a":1}"#, false),
        (r#"{"detail-type":"t","id":"e","detail":{"a":1}}"#, true),
        (r#"{"detail-type":"t","detail":{"a":1}}"#, false),
    ] {
        for how in [DocumentId::Event, DocumentId::Id, DocumentId::None] {
            let (id, is_own) = ids_by(&as_it_is, how, payload);
            assert_eq!((id, is_own), ids_by(&mapped, how, payload), "{payload}");
            assert_eq!(is_own, own, "{payload}");
        }
    }
    assert_eq!(ids_by(&as_it_is, DocumentId::Id, r#"{"uuid":"u","id":"a"}"#).0, "a");
    let mapping = [("DOCUMENT", "passthrough"), ("MAPPING", r#"{"event.id":["uuid"]}"#)];
    assert_eq!(ids_by(&model(&mapping), DocumentId::Id, r#"{"uuid":"u","id":"a"}"#).0, "u");
}

#[test]
fn actions_are_found_by_their_paths() {
    let as_it_is = model(&[("DOCUMENT", "passthrough")]);
    let mapping = [("DOCUMENT", "passthrough"), ("MAPPING", r#"{"event.action":["do"]}"#)];
    for (model, payload, expected) in [
        (&as_it_is, r#"{"type":"ping"}"#, true),
        (&as_it_is, r#"{"type":"ping","action":"play"}"#, false),
        (&as_it_is, r#"{"do":"ping"}"#, false),
        (&model(&mapping), r#"{"do":"ping"}"#, true),
    ] {
        let mut reader = Reader::default();
        let mut event = reader.read(model, payload.as_bytes()).unwrap();
        assert_eq!(event.action_is_one_of(&["ping".to_owned()]), expected, "{payload}");
    }
}

#[test]
fn nothing_is_too_long_for_it() {
    let long = "k".repeat(600);
    let members = format!(r#""{long}":{{"{long}":"{}"}}"#, "x".repeat(40_000));
    let payload = format!("{{{members}}}");
    for bytes in ["0", "32000"] {
        let document = document_with(&[("EXTRA_MAX_BYTES", bytes)], &payload);
        assert!(document.ends_with(&format!("Z\",{members}}}")));
    }
}
