//! White space: with a line break, it is removed; otherwise, it stays as written.

use crate::support::{document, rest};

#[test]
fn between_members_none_is_written() {
    assert_eq!(
        rest(" \t\"a\" \t: \t1 \t,\n\"b\"\r:\r\n2 \n , \"title\" : \"x\" "),
        r#","song":{"title":"x"},"extra":{"a":1,"b":2}"#
    );
}

/// White space, and what remains of it in a value.
const WHITE_SPACE: [(&str, &str); 11] = [
    ("", ""),
    (" ", " "),
    ("\t", "\t"),
    (" \t  ", " \t  "),
    ("\n", ""),
    ("\r", ""),
    ("\r\n", ""),
    ("\n\n", ""),
    ("  \n", ""),
    ("\n  ", ""),
    ("\t\r\t", ""),
];

#[test]
fn in_arrays_that_fields_take_only_runs_with_a_line_break_go() {
    for (white, left) in WHITE_SPACE {
        for value in ["[$]", "[$1]", "[1$]", "[1$,2]", "[1,$2]", "[$\"a\"$,$true$,$1.0$]"] {
            let (given, expected) = (value.replace('$', white), value.replace('$', left));
            let rest = rest(&format!(r#""album":{given},"genre":{given}"#));
            assert_eq!(
                rest,
                format!(r#","artist":{{"genre":{expected}}},"song":{{"album":{expected}}}"#)
            );
        }
    }
}

#[test]
fn in_extra_only_runs_with_a_line_break_go() {
    for (white, left) in WHITE_SPACE {
        let values = r#"
            [$] [$null$,$1$] [$[$[$]$,$1]$,$[1$]$] {$} {$"b":1} {"b"$:1} {"b":$1} {"b":1$}
            {"b":1$,"c":2} {"b":1,$"c":[$]$} [{$"b"$:${$}$}$,$2]"#;
        for value in values.split_whitespace() {
            let (given, expected) = (value.replace('$', white), value.replace('$', left));
            let rest = rest(&format!(r#""artist":{{"c":{given}}},"a":{given}"#));
            assert_eq!(rest, format!(r#","extra":{{"artist":{{"c":{expected}}},"a":{expected}}}"#));
        }
    }
}

#[test]
fn in_strings_and_keys_their_escapes_stay() {
    let members = r#""a\n":"b\r\n\u000a","c":["\n"]"#;
    assert_eq!(rest(members), format!(r#","extra":{{{members}}}"#));
    assert_eq!(
        rest("\"a\":\"\u{2028}\u{85}\u{a0}\""),
        ",\"extra\":{\"a\":\"\u{2028}\u{85}\u{a0}\"}"
    );
}

#[test]
fn in_what_becomes_the_head_of_the_document_none_is_left() {
    assert_eq!(
        document(
            "\n{\n\"id\"\n:\n1\n,\n\"ts\"\n:\n1709296496789\n,\n\"type\"\n:\n[\n\"a\"\n]\n}\n"
        ),
        concat!(
            r#"{"@timestamp":"2024-03-01T12:34:56.789Z","#,
            r#""event":{"id":"1","action":["a"],"ingested":"2024-03-01T12:34:58.001Z"},"#,
            r#""analytics":{"hour":12,"weekday":5}}"#
        )
    );
}
