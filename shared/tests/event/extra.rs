//! `extra` and `overflow`.

use crate::support::{model, rest, rest_by};

#[test]
fn holds_what_no_field_took_in_its_own_order() {
    assert_eq!(
        rest(concat!(
            r#""z":1,"track":{"isrc":"KR","title":"t","b":{"c":[]}},"country":"KR","a":{"country":1},"#,
            r#""artist":{"label":"l","name":"n"},"extra":{"x":1},"overflow":2,"analytics":3,"#,
            r#""event":{"id":"y","ingested":4}"#
        )),
        concat!(
            r#","artist":{"name":"n"},"song":{"title":"t"},"interaction":{"country":"KR"},"#,
            r#""extra":{"z":1,"track":{"isrc":"KR","b":{"c":[]}},"a":{"country":1},"#,
            r#""artist":{"label":"l"},"extra":{"x":1},"overflow":2,"analytics":3,"#,
            r#""event":{"id":"y","ingested":4}}"#
        )
    );
}

#[test]
fn keeps_keys_and_values_as_they_were_written() {
    let members = concat!(
        r#""\u0061\/":"\u0062\/","b":[1.50 , 1e2,	-0],"":"","{\"":"},{","#,
        r#""c":123456789012345678901234567890,"d":{ "e" : [ {"f":null} ] }"#
    );
    assert_eq!(rest(members), format!(r#","extra":{{{members}}}"#));
}

#[test]
fn the_count_of_reingests_never_shows() {
    for members in [
        r#""__sluice_reingests":1"#,
        r#""__sluice_reingests":{"a":1}"#,
        r#""__sluice_reingest\u0073":null"#,
        r#""__sluice_reingests":1,"__sluice_reingests":"x""#,
    ] {
        assert_eq!(rest(members), "", "{members}");
    }
    let inside = r#""a":{"__sluice_reingests":1},"artist":{"__sluice_reingests":1}"#;
    assert_eq!(rest(inside), format!(r#","extra":{{{inside}}}"#));
}

/// A member with a string, such that `{…}` around it has this many bytes.
fn of_length(bytes: usize) -> String {
    format!(r#""a":"{}""#, "x".repeat(bytes - r#"{"a":""}"#.len()))
}

#[test]
fn longer_than_its_limit_is_overflow() {
    for limit in [10, 16_384, 32_000] {
        let text = limit.to_string();
        let model = model(&[("EXTRA_MAX_BYTES", &text)]);
        let fits = of_length(limit);
        assert_eq!(rest_by(&model, &fits), format!(r#","extra":{{{fits}}}"#));
        let longer = of_length(limit + 1);
        assert_eq!(rest_by(&model, &longer), format!(r#","overflow":{{{longer}}}"#));
    }
    let default = of_length(16_384);
    assert_eq!(rest(&default), format!(r#","extra":{{{default}}}"#));
    let longer = of_length(16_385);
    assert_eq!(rest(&longer), format!(r#","overflow":{{{longer}}}"#));
}

#[test]
fn the_limit_counts_what_is_written() {
    let model = model(&[("EXTRA_MAX_BYTES", "20")]);
    // Claimed and replaced members do not count, nor do line breaks; escapes count as written.
    assert_eq!(
        rest_by(&model, r#""a":"long, but replaced","title":"long, but taken","a":"0123456789xy""#),
        r#","song":{"title":"long, but taken"},"extra":{"a":"0123456789xy"}"#
    );
    assert_eq!(
        rest_by(&model, "\"a\":[1,\n\n\n\n2,\r\n\r\n{\"c\":\n3}]"),
        r#","extra":{"a":[1,2,{"c":3}]}"#
    );
    assert_eq!(rest_by(&model, r#""a":"\u0041\u0042""#), r#","extra":{"a":"\u0041\u0042"}"#);
    assert_eq!(rest_by(&model, r#""a":"\u0041\u0042C""#), r#","overflow":{"a":"\u0041\u0042C"}"#);
    let none = self::model(&[("EXTRA_MAX_BYTES", "0")]);
    assert_eq!(rest_by(&none, r#""a":1"#), r#","overflow":{"a":1}"#);
    assert_eq!(rest_by(&none, r#""title":1"#), r#","song":{"title":1}"#);
}

/// Whether these members, which no field claims, are in `extra` or in `overflow`.
fn overflows(members: &str) -> bool {
    let rest = rest(members);
    let overflows = rest.starts_with(r#","overflow":{"#);
    let name = if overflows { "overflow" } else { "extra" };
    assert_eq!(rest, format!(r#","{name}":{{{members}}}"#));
    overflows
}

#[test]
fn a_path_of_more_than_512_bytes_is_overflow() {
    let k = |length: usize| "k".repeat(length);
    for (fits, path) in [
        (k(512), r#""$":1"#),
        (k(510), r#""a":{"$":1}"#),
        (k(510), r#""$":{"a":1}"#),
        (k(511), r#""$":{"":1}"#),
        (k(505), r#""artist":{"$":1}"#),
        (k(503), r#""artist":{"$":{"a":1}}"#),
        (k(508), r#""a":{"b":{"$":1}}"#),
        // It is a path wherever it ends; arrays do not add to it.
        (k(510), r#""a":{"$":{}}"#),
        (k(510), r#""a":{"$":[]}"#),
        (k(510), r#""a":{"$":null}"#),
        (k(510), r#""a":[[{"b":1},{"$":[{}]}]]"#),
        // It is measured unescaped, in bytes.
        (r"\u00e9".repeat(255), r#""a":{"$":1}"#),
        ("한".repeat(170), r#""a":{"$":1}"#),
        (r"\uD834\uDD1E".repeat(127), r#""ab":{"$x":1}"#),
        (r"\n".repeat(512), r#""$":1"#),
        // Its position does not matter either.
        (k(510), r#""b":1,"a":{"b":1,"$":1,"c":{"d":{}}},"c":2"#),
        (k(505), r#""artist":{"$":1,"b":2},"b":1"#),
    ] {
        assert!(!overflows(&path.replace('$', &fits)), "{path}");
        assert!(overflows(&path.replace('$', &format!("{fits}x"))), "{path}");
    }
}

#[test]
fn only_paths_in_extra_count() {
    let k = "k".repeat(513);
    // Replaced at each level.
    for (members, extra) in [
        (r#""a":{"$":1},"a":2"#, r#""a":2"#),
        (r#""artist":{"$":1},"artist":{"b":2}"#, r#""artist":{"b":2}"#),
        (r#""artist":{"b":{"$":1},"b":2}"#, r#""artist":{"b":2}"#),
        (r#""a":{"b":{"$":1},"b":2}"#, r#""a":{"b":2}"#),
        (r#""a":[{"b":[{"$":1,"$":2,"c":3}],"b":2}]"#, r#""a":[{"b":2}]"#),
        (r#""__sluice_reingests":{"$":1},"a":2"#, r#""a":2"#),
    ] {
        let expected = format!(r#","extra":{{{extra}}}"#);
        assert_eq!(rest(&members.replace('$', &k)), expected, "{members}");
    }
    // The replacement may be long again.
    let long = format!(r#"{{"{k}":1}}"#);
    assert_eq!(
        rest(&format!(r#""a":{{"b":{long},"b":{long}}}"#)),
        format!(r#","overflow":{{"a":{{"b":{long}}}}}"#)
    );
    assert_eq!(
        rest(&format!(r#""a":{{"{k}":1,"{k}":2}}"#)),
        format!(r#","overflow":{{"a":{{"{k}":2}}}}"#)
    );
}
