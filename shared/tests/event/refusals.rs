//! Inputs that can never become documents, and the last ones that can.

use shared::event::{MAX_PAYLOAD_BYTES, Reader, Refusal};

use crate::support::{arrival, document, model, rest, transform};

fn refusal(payload: impl AsRef<[u8]>) -> Refusal {
    transform(&model(&[]), &arrival(), payload.as_ref()).unwrap_err()
}

#[test]
fn reasons_are_in_snake_case() {
    for (refusal, reason) in [
        (Refusal::NoData, "no_data"),
        (Refusal::InvalidBase64, "invalid_base64"),
        (Refusal::InvalidUtf8, "invalid_utf8"),
        (Refusal::InvalidJson, "invalid_json"),
        (Refusal::NotAnObject, "not_an_object"),
        (Refusal::Empty, "empty"),
        (Refusal::EmptyEnvelope, "empty"),
        (Refusal::TooDeep, "too_deep"),
        (Refusal::TooLarge, "too_large"),
        (Refusal::NumberTooLong, "number_too_long"),
    ] {
        assert_eq!(refusal.reason(), reason);
    }
}

#[test]
fn empty() {
    for payload in ["", " ", "\n", " \t\r\n", "\u{feff}", "\u{feff} \n"] {
        assert_eq!(refusal(payload), Refusal::Empty, "{payload:?}");
    }
}

#[test]
fn not_utf_8() {
    for payload in [
        &b"\xff"[..],
        b"{\"a\":\"\xff\"}",
        b"{\"a\xc3\":1}",
        // Truncated, overlong, a surrogate, beyond the last code point.
        b"{\"a\":\"\xed\x95\"}",
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":\"\xf4\x90\x80\x80\"}",
        b"{\"a\":1}\xff",
        b"\xef\xbb{}",
        // With other errors, too.
        b"[\xff",
        // UTF-16 with its mark.
        b"\xff\xfe{\0}\0",
    ] {
        assert_eq!(refusal(payload), Refusal::InvalidUtf8, "{payload:?}");
    }
}

#[test]
fn not_json() {
    let without_spaces = r#"
        { } {] x {}{} {}, {}x []] {a:1} {'a':1} {"a"} {"a":} {"a":1,} {,"a":1} {"a"::1} {"a":1;}
        {"a":[1,]} {"a":[,]} {"a":[1} {/**/} {"a":1}//
        {"a":01} {"a":-} {"a":+1} {"a":.5} {"a":5.} {"a":1e} {"a":1e+} {"a":0x1} {"a":1_000}
        {"a":NaN} {"a":Infinity} {"a":True} {"a":nul} {"a":nullx} {"a":undefined}
        {"a":"\"} {"a":"\a"} {"a":"\u12"} {"a":"\u12g4"} {"a":"\U0041"} {"\x":1}
        {"a":01,"a":1} {"artist":{"id":01}} {"artist":{"id":1,}} {"ts":1.} {"a":{"b":[{"c":tru}]}}"#;
    let with_spaces = [
        "\0",
        "{\0}",
        "\u{feff}\u{feff}{}",
        " \u{feff}{}",
        "{}\u{feff}",
        "\u{a0}{}",
        "\u{b}{}",
        "\u{c}{}",
        "{}\u{c}",
        "{\u{b}}",
        "{} {}",
        "{}\n{}",
        "{}\0",
        "1 2",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":\"b\nc\"}",
        "{\"a\":\"\t\"}",
        "{\"a\nb\":1}",
        "{\"a\":\"\0\"}",
    ];
    for payload in without_spaces.split_whitespace().chain(with_spaces) {
        assert_eq!(refusal(payload), Refusal::InvalidJson, "{payload:?}");
    }
}

#[test]
fn every_prefix_of_an_event_is_refused() {
    let event = r#" {"artist":{"id":-1.5e3,"x":[true,null]},"a":"\u00e9\uD834\uDD1E","ts":1}"#;
    document(event);
    for end in 1..event.len() {
        let expected = if end == 1 { Refusal::Empty } else { Refusal::InvalidJson };
        assert_eq!(refusal(&event[..end]), expected, "{}", &event[..end]);
    }
}

#[test]
fn lone_surrogates() {
    let escapes = r"\uD800 \udfff \uDBFFx \uD800\n \uD800\u0041 \uD800\uD800 \uDC00\uD800
        \uD800\\uDC00 \uD834\uDD1E\uDD1E";
    for escapes in escapes.split_whitespace() {
        for place in [r#"{"a":"$"}"#, r#"{"$":1}"#, r#"{"id":"$"}"#, r#"{"artist":{"a":["$"]}}"#] {
            let payload = place.replace('$', escapes);
            assert_eq!(refusal(&payload), Refusal::InvalidJson, "{payload}");
        }
    }
    assert_eq!(rest(r#""a":"\uD834\uDD1E""#), r#","extra":{"a":"\uD834\uDD1E"}"#);
    assert_eq!(rest(r#""a":"\uDBFF\udfff""#), r#","extra":{"a":"\uDBFF\udfff"}"#);
}

#[test]
fn not_an_object() {
    for payload in
        ["[]", "[{}]", "1", "-0.5", "\"x\"", "true", "false", "null", " [1]\n", "\u{feff}[]"]
    {
        assert_eq!(refusal(payload), Refusal::NotAnObject, "{payload}");
    }
}

#[test]
fn more_than_128_levels() {
    let nested = |levels: usize, open: &str, close: &str| {
        format!("{{\"a\":{}{}}}", open.repeat(levels - 1), close.repeat(levels - 1))
    };
    let objects = |levels: usize, name: &str| {
        let open = format!("{{\"{name}\":");
        format!("{}1{}", open.repeat(levels), "}".repeat(levels))
    };
    for (payload, name) in [
        (nested(128, "[", "]"), "extra"),
        (objects(128, "a"), "extra"),
        (objects(128, "user"), "overflow"),
    ] {
        let document = document(&payload);
        assert!(document.ends_with(&format!(r#","{name}":{payload}}}"#)), "{document}");
    }
    for payload in [
        nested(129, "[", "]"),
        nested(1_000, "[", "]"),
        nested(500_000, "[", ""),
        objects(129, "a"),
        objects(129, "artist"),
        objects(129, "user"),
        objects(50_000, "artist"),
        "[".repeat(129),
        // Also if it is replaced by something flat.
        format!("{{\"b\":{},\"b\":1}}", objects(128, "a")),
    ] {
        assert_eq!(refusal(&payload), Refusal::TooDeep, "{}", &payload[..40]);
    }
}

#[test]
fn more_than_one_mebibyte() {
    let of_length = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(MAX_PAYLOAD_BYTES, 1_048_576);
    let largest = of_length(1_048_576);
    assert!(document(&largest).contains(&format!(r#","overflow":{largest}"#)));
    assert_eq!(refusal(of_length(1_048_577)), Refusal::TooLarge);
    // As received, with white space; this is checked before anything else.
    assert_eq!(refusal(format!("{} ", of_length(1_048_576))), Refusal::TooLarge);
    assert_eq!(refusal(vec![0xFF; 1_048_577]), Refusal::TooLarge);
}

#[test]
fn a_number_of_more_than_1_000_characters() {
    for (number, digit) in [
        ("9".repeat(1_000), "9"),
        (format!("-{}", "9".repeat(999)), "9"),
        (format!("0.{}", "9".repeat(998)), "9"),
        (format!("1e-{}", "0".repeat(997)), "0"),
    ] {
        for place in [r#""a":$"#, r#""a":[{"b":$}]"#, r#""artist":{"b":$}"#] {
            let members = place.replace('$', &number);
            assert_eq!(rest(&members), format!(r#","extra":{{{members}}}"#));
        }
        for place in [
            r#"{"a":$}"#,
            r#"{"a":[{"b":$}]}"#,
            r#"{"artist":{"id":$}}"#,
            r#"{"ts":$}"#,
            r#"{"a":$,"a":1}"#,
            r#"{"__sluice_reingests":$}"#,
            "$",
        ] {
            let payload = place.replace('$', &format!("{number}{digit}"));
            assert_eq!(refusal(&payload), Refusal::NumberTooLong, "{place}");
        }
    }
    // The length of a string or key does not matter.
    let digits = "9".repeat(1_001);
    rest(&format!(r#""a":"{digits}","{digits}":1"#));
}

#[test]
fn a_reader_goes_on_after_a_refusal() {
    let model = model(&[]);
    let mut reader = Reader::default();
    let expected = document(r#"{"id":"x","a":1}"#);
    for refused in [&b"{\"id\":\"y\",\"b\":[{\n\"c\":1,\"c\":2}"[..], b"", b"\xff", b"[1]"] {
        assert!(reader.read(&model, refused).is_err());
        let mut out = Vec::new();
        let mut event = reader.read(&model, br#"{"id":"x","a":1}"#).unwrap();
        event.write_document(&arrival(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
