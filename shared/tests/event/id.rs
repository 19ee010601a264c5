//! `event.id`.

use crate::support::{document, document_by, id_of, model};

/// The part of a document from `event.id` to the action, and `extra`.
fn id_and_extra(members: &str) -> (String, String) {
    let document = document(format!(r#"{{"ts":"2024-03-01",{members}}}"#));
    let (_, event) = document.split_once(r#""event":{"id":"#).unwrap();
    let (id, rest) = event.split_once(r#","ingested""#).unwrap();
    let extra = rest.split_once(r#""hour":0,"weekday":5}"#).unwrap().1;
    (id.to_owned(), extra.strip_suffix('}').unwrap().to_owned())
}

fn derived(payload: &str) -> String {
    let id = id_of(&document(payload));
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    assert!(id.len() == 32 && id.bytes().all(hex), "{id}");
    id
}

#[test]
fn paths_in_order() {
    for (members, id, extra) in [
        (r#""event_id":"a""#, r#""a""#, ""),
        (r#""eventId":"a""#, r#""a""#, ""),
        (r#""id":"a""#, r#""a""#, ""),
        (r#""id":"c","event_id":"a""#, r#""a""#, r#","extra":{"id":"c"}"#),
        (r#""id":"c","eventId":"b""#, r#""b""#, r#","extra":{"id":"c"}"#),
        (
            r#""id":"c","eventId":"b","event_id":"a""#,
            r#""a""#,
            r#","extra":{"id":"c","eventId":"b"}"#,
        ),
        // A value that cannot be an id stays, a null is removed.
        (r#""event_id":"","id":"c""#, r#""c""#, r#","extra":{"event_id":""}"#),
        (r#""event_id":null,"id":"c""#, r#""c""#, ""),
        (r#""event_id":true,"id":"c""#, r#""c""#, r#","extra":{"event_id":true}"#),
        (r#""event_id":["a"],"id":"c""#, r#""c""#, r#","extra":{"event_id":["a"]}"#),
        (r#""event_id":{"a":1},"id":"c""#, r#""c""#, r#","extra":{"event_id":{"a":1}}"#),
    ] {
        let expected = (id.to_owned(), extra.to_owned());
        assert_eq!(id_and_extra(members), expected, "{members}");
    }
}

#[test]
fn a_number_becomes_a_string_of_its_digits() {
    for number in ["7", "0", "-0", "1.50", "1E+2", "-12", "123456789012345678901234567890"] {
        let (id, extra) = id_and_extra(&format!(r#""id":{number}"#));
        assert_eq!((id, extra), (format!("\"{number}\""), String::new()));
    }
}

#[test]
fn a_string_is_copied_as_it_was_written() {
    for string in [r#""\u0061""#, r#""a\/b""#, r#"" ""#, r#""\u0000""#, r#""한\n""#, r#""0""#] {
        assert_eq!(id_and_extra(&format!(r#""id":{string}"#)).0, string);
    }
}

#[test]
fn at_most_512_bytes_unescaped() {
    let fit = [
        "x".repeat(512),
        "é".repeat(256),
        r"\u00e9".repeat(256),
        r"\n".repeat(512),
        r"\uD834\uDD1E".repeat(128),
    ];
    for content in fit {
        let (id, extra) = id_and_extra(&format!(r#""id":"{content}""#));
        assert_eq!((id, extra), (format!("\"{content}\""), String::new()));

        let longer = format!(r#""id":"{content}y""#);
        let (id, extra) = id_and_extra(&longer);
        assert_eq!(id.len(), 34, "{id}");
        assert_eq!(extra, format!(r#","extra":{{{longer}}}"#));
    }
}

#[test]
fn a_number_of_at_most_512_characters() {
    let number = |length: usize| format!("-1.{}", "0".repeat(length - 3));
    let (id, extra) = id_and_extra(&format!(r#""id":{}"#, number(512)));
    assert_eq!((id, extra), (format!("\"{}\"", number(512)), String::new()));

    let longer = format!(r#""id":{}"#, number(513));
    let (id, extra) = id_and_extra(&format!(r#"{longer},"eventId":"b""#));
    assert_eq!((id.as_str(), extra), (r#""b""#, format!(r#","extra":{{{longer}}}"#)));
}

#[test]
fn derived_is_the_start_of_the_payloads_sha_256() {
    // printf %s '{}' | sha256sum
    assert_eq!(derived("{}"), "44136fa355b3678a1146ad16f7e8649e");
    // printf %s '{"title":"Good Day"}' | sha256sum
    assert_eq!(derived(r#"{"title":"Good Day"}"#), GOOD_DAY);
}

/// The derived id of `{"title":"Good Day"}`.
const GOOD_DAY: &str = "775685bcc503c58b73f8bb66b184fbbe";

#[test]
fn derived_ignores_what_stands_around_the_event() {
    let id = derived(r#"{"title":"Good Day"}"#);
    for payload in [
        " {\"title\":\"Good Day\"}",
        "{\"title\":\"Good Day\"}\n",
        "\r\n\t {\"title\":\"Good Day\"} \r\n",
        "\u{feff}{\"title\":\"Good Day\"}",
        "\u{feff}\n{\"title\":\"Good Day\"}\n",
    ] {
        assert_eq!(derived(payload), id, "{payload:?}");
    }
    // White space inside belongs to the payload.
    assert_ne!(derived(r#"{"title": "Good Day"}"#), id);
    assert_ne!(derived(r#"{"title":"Good day"}"#), id);
}

#[test]
fn derived_ignores_the_count_of_reingests() {
    for (counted, original) in [
        (r#"{"__sluice_reingests":1}"#, "{}"),
        (r#"{ "__sluice_reingests" : 1 }"#, "{  }"),
        (r#"{"a":1,"__sluice_reingests":3}"#, r#"{"a":1}"#),
        (r#"{"a":1 , "__sluice_reingests" : 3 }"#, r#"{"a":1  }"#),
        (r#"{"__sluice_reingests":3,"a":1}"#, r#"{"a":1}"#),
        (r#"{ "__sluice_reingests":3 , "a":1}"#, r#"{ "a":1}"#),
        (r#"{"a":1,"__sluice_reingests":2,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a":1,"\u005f_sluice_reingests":2,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a":1,"__sluice_reingests":{"b":[2]},"b":2}"#, r#"{"a":1,"b":2}"#),
        // More than one, next to each other or not.
        (r#"{"__sluice_reingests":1,"__sluice_reingests":2}"#, "{}"),
        (r#"{"__sluice_reingests":1,"__sluice_reingests":2,"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":1,"__sluice_reingests":1,"__sluice_reingests":2}"#, r#"{"a":1}"#),
        (
            r#"{"__sluice_reingests":1, "a":1, "__sluice_reingests":2, "b":2,"__sluice_reingests":3}"#,
            r#"{"a":1, "b":2}"#,
        ),
    ] {
        assert_eq!(derived(counted), derived(original), "{counted}");
    }
    // Inside another member, it belongs to that member.
    assert_ne!(derived(r#"{"a":{"__sluice_reingests":1}}"#), derived(r#"{"a":{}}"#));
}

#[test]
fn an_event_whose_id_cannot_be_one_has_a_derived_id() {
    for payload in [r#"{"id":""}"#, r#"{"id":null}"#, r#"{"id":false}"#, r#"{"id":{}}"#] {
        assert_ne!(derived(payload), derived("{}"));
    }
}

#[test]
fn without_a_path_every_id_is_derived() {
    let model = model(&[("MAPPING", r#"{"song.title":["title"]}"#)]);
    let id = id_of(&document_by(&model, r#"{"title":"Good Day"}"#));
    assert_eq!(id, GOOD_DAY);
    assert_eq!(id_of(&document_by(&model, r#"{"id":"x"}"#)).len(), 32);
}
