//! Duplicate keys: the last one wins, at every level, whatever it replaces.

use crate::support::rest;

#[test]
fn the_last_one_wins() {
    for (members, expected) in [
        // Mapped names.
        (r#""album":"a","album":"b""#, r#","song":{"album":"b"}"#),
        (r#""album":"a","album":"b","album":"c""#, r#","song":{"album":"c"}"#),
        (r#""album":"a","album":null"#, ""),
        (r#""album":"a","album":{"b":1}"#, r#","extra":{"album":{"b":1}}"#),
        (r#""album":{"b":1},"album":"a""#, r#","song":{"album":"a"}"#),
        // Unknown ones, at the place of the last.
        (r#""a":1,"b":2,"a":3"#, r#","extra":{"b":2,"a":3}"#),
        (r#""a":1,"a":null"#, r#","extra":{"a":null}"#),
        (r#""a":{"x":1},"a":{"y":2}"#, r#","extra":{"a":{"y":2}}"#),
        (r#""":1,"":2"#, r#","extra":{"":2}"#),
        // Members of groups.
        (r#""artist":{"id":1,"id":2}"#, r#","artist":{"id":2}"#),
        (r#""artist":{"id":1,"id":null}"#, ""),
        (r#""artist":{"x":1,"y":2,"x":3}"#, r#","extra":{"artist":{"y":2,"x":3}}"#),
        // Deeper down.
        (r#""a":{"b":1,"b":2}"#, r#","extra":{"a":{"b":2}}"#),
        (r#""a":{"b":1,"c":2,"b":3}"#, r#","extra":{"a":{"c":2,"b":3}}"#),
        (r#""a":{"b":1,"b":2,"b":3,"c":4}"#, r#","extra":{"a":{"b":3,"c":4}}"#),
        (r#""a":[{"b":1,"b":2},{"b":3}]"#, r#","extra":{"a":[{"b":2},{"b":3}]}"#),
        (r#""album":[{"b":1,"b":2}]"#, r#","extra":{"album":[{"b":2}]}"#),
        (
            r#""artist":{"x":{"y":[{"b":1,"b":{"c":2,"c":3}}]}}"#,
            r#","extra":{"artist":{"x":{"y":[{"b":{"c":3}}]}}}"#,
        ),
        // Inside a replaced member.
        (
            r#""a":{"b":{"c":1,"c":2},"d":0,"b":{"c":3,"c":4}}"#,
            r#","extra":{"a":{"d":0,"b":{"c":4}}}"#,
        ),
        (r#""a":{"b":[{"c":1,"c":2}],"b":5}"#, r#","extra":{"a":{"b":5}}"#),
    ] {
        assert_eq!(rest(members), expected, "{members}");
    }
}

#[test]
fn groups_replace_each_other_and_what_they_hold() {
    for (members, expected) in [
        (r#""artist":{"id":1,"x":2},"artist":{"name":"a"}"#, r#","artist":{"name":"a"}"#),
        (r#""artist":{"id":1,"x":2},"artist":"a""#, r#","artist":{"name":"a"}"#),
        (r#""artist":"a","artist":{"id":1}"#, r#","artist":{"id":1}"#),
        (r#""artist":{"id":1,"x":2},"artist":null"#, ""),
        (r#""artist":{"id":1,"x":2},"artist":{}"#, ""),
        (r#""artist":{"id":1},"artist":[{"id":2}]"#, r#","extra":{"artist":[{"id":2}]}"#),
        (r#""artist":{"id":1},"artist":{"id":2},"artist":{"id":3}"#, r#","artist":{"id":3}"#),
        // The next path is used once the group is gone.
        (
            r#""artist":{"id":1},"artist_id":2,"artist":{"x":3}"#,
            r#","artist":{"id":2},"extra":{"artist":{"x":3}}"#,
        ),
        (r#""song":{"title":"a"},"track":{"title":"b"},"song":{}"#, r#","song":{"title":"b"}"#),
        // A key of the new group does not duplicate one of the old group.
        (
            r#""artist":{"x":1,"y":2},"artist":{"y":3,"x":4}"#,
            r#","extra":{"artist":{"y":3,"x":4}}"#,
        ),
    ] {
        assert_eq!(rest(members), expected, "{members}");
    }
}

#[test]
fn keys_are_compared_by_what_they_mean() {
    for (members, expected) in [
        (r#""a":1,"\u0061":2"#, r#","extra":{"\u0061":2}"#),
        (r#""\u0061":1,"a":2"#, r#","extra":{"a":2}"#),
        (r#""\u0061":1,"\u0061":2"#, r#","extra":{"\u0061":2}"#),
        (r#""\u00E9":1,"é":2,"\u00e9":3"#, r#","extra":{"\u00e9":3}"#),
        (r#""𝄞":1,"\uD834\uDD1E":2"#, r#","extra":{"\uD834\uDD1E":2}"#),
        (r#""/":1,"\/":2"#, r#","extra":{"\/":2}"#),
        (r#""\n":1,"\u000a":2"#, r#","extra":{"\u000a":2}"#),
        (r#""a":{"x":1,"\u0078":2}"#, r#","extra":{"a":{"\u0078":2}}"#),
        (r#""a":[{"\u0078":1,"x":2}]"#, r#","extra":{"a":[{"x":2}]}"#),
        (r#""artist":{"\u0069d":1,"id":2}"#, r#","artist":{"id":2}"#),
        (r#""artist":{"id":1},"\u0061rtist":{"name":"a"}"#, r#","artist":{"name":"a"}"#),
        (r#""artist":{"x":1,"\u0078":2}"#, r#","extra":{"artist":{"\u0078":2}}"#),
        (r#""album":"a","\u0061lbum":"b""#, r#","song":{"album":"b"}"#),
        // A key that only looks alike is another key.
        (r#""a":1,"A":2,"\\u0061":3"#, r#","extra":{"a":1,"A":2,"\\u0061":3}"#),
        // Composed and decomposed are two.
        ("\"\u{e9}\":1,\"e\u{301}\":2", ",\"extra\":{\"\u{e9}\":1,\"e\u{301}\":2}"),
    ] {
        assert_eq!(rest(members), expected, "{members}");
    }
}

#[test]
fn the_same_key_in_different_objects_is_none() {
    assert_eq!(
        rest(r#""a":{"a":{"a":1},"b":[{"a":2},{"a":3}]},"b":{"a":4}"#),
        r#","extra":{"a":{"a":{"a":1},"b":[{"a":2},{"a":3}]},"b":{"a":4}}"#
    );
}

#[test]
fn replaced_times_ids_and_actions_do_not_count() {
    assert_eq!(
        crate::support::document(concat!(
            r#"{"ts":1709296496789,"event_id":"a","type":"x","type":"y","event_id":"b","#,
            r#""ts":1709296496000}"#
        )),
        concat!(
            r#"{"@timestamp":"2024-03-01T12:34:56.000Z","#,
            r#""event":{"id":"b","action":"y","ingested":"2024-03-01T12:34:58.001Z"},"#,
            r#""analytics":{"hour":12,"weekday":5}}"#
        )
    );
}

#[test]
fn white_space_goes_with_what_is_replaced() {
    assert_eq!(
        rest("\"a\":{\"b\" : 1 \n, \"c\":2 ,\t\"b\":[3 ,4] }"),
        ",\"extra\":{\"a\":{ \"c\":2 ,\t\"b\":[3 ,4] }}"
    );
}

#[test]
fn any_number_of_them() {
    let many: Vec<_> = (0..3_000).map(|index| format!(r#""k{}":{index}"#, index % 1_000)).collect();
    let last: Vec<_> =
        (2_000..3_000).map(|index| format!(r#""k{}":{index}"#, index % 1_000)).collect();
    let (many, last) = (many.join(","), last.join(","));
    let expected = format!(r#","overflow":{{{last},"a":{{{last}}}}}"#);
    assert_eq!(rest(&format!(r#"{many},"a":{{{many}}}"#)), expected);
}
