use super::*;

mod large;

/// What is found in an object that is fed in pieces of `size`: offset and text; `…` and the number
/// of bytes for a record that is too large, `!` and the text for the rest of corrupt compressed
/// data, `?` for an unknown format.
fn found_in(
    format: Format,
    object: &[u8],
    size: usize,
    ended: Result<(), BrokenPacking>,
) -> Vec<(u64, String)> {
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let paths = RecordsPaths::parse("Records, logEvents, detail.items").unwrap();
    let mut records = Records::new(format, &paths, 0).with_limit(120);
    let mut pieces = object.chunks(size);
    let mut found = Vec::new();
    loop {
        found.push(match records.next() {
            Next::Record { offset, text: record } => (offset, text(record)),
            Next::TooLarge { offset, bytes } => (offset, format!("…{bytes}")),
            Next::Rest { offset, text: rest, .. } => (offset, format!("!{}", text(rest))),
            Next::UnknownFormat => return vec![(0, "?".to_owned())],
            Next::End => return found,
            Next::Feed => {
                match pieces.next() {
                    Some(piece) => records.buffer().extend_from_slice(piece),
                    None => records.end(ended),
                }
                continue;
            }
        });
    }
}

/// What is found in an object, regardless of how it is fed.
fn found(format: Format, object: &str) -> Vec<(u64, String)> {
    let whole = found_in(format, object.as_bytes(), object.len().max(1), Ok(()));
    for size in [1, 2, 7, 64] {
        assert_eq!(found_in(format, object.as_bytes(), size, Ok(())), whole, "{size}: {object}");
    }
    whole
}

fn check(format: Format, object: &str, expected: &[&str]) {
    let found = found(format, object);
    let texts: Vec<_> = found.iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts, expected, "{object}");
    for (offset, text) in &found {
        let at = usize::try_from(*offset).unwrap();
        let is_there = object[at..].starts_with(&**text) || text.starts_with(['…', '?']);
        assert!(is_there, "{text} at {at} of {object}");
    }
}

#[test]
fn values_stand_one_after_another_on_lines_or_not() {
    let values = [r#"{"a":1}"#, r#"{"b":"}\"{"}"#, "{\n  \"c\": [1]\n}"];
    for between in ["", "\n", " \r\n\n", "\t"] {
        check(Format::Auto, &values.join(between), &values);
        check(Format::Auto, &format!("\u{feff} {}\n", values.join(between)), &values);
    }
    check(Format::Auto, "", &[]);
    check(Format::Auto, " \n", &[]);
    check(Format::Auto, r#"{"a":1}2 "x" null"#, &[r#"{"a":1}"#, "2", "\"x\"", "null"]);
}

#[test]
fn elements_of_arrays_and_of_lists_are_records_and_nothing_around_them() {
    check(Format::Auto, r#"[{"a":1} , {"b":[2]},3]"#, &[r#"{"a":1}"#, r#"{"b":[2]}"#, "3"]);
    check(Format::Auto, "[]", &[]);
    check(Format::Auto, "[[1],[2]] {\"a\":1}[4]", &["[1]", "[2]", "{\"a\":1}", "4"]);
    let records = r#"{"v":{"Records":[7]},"Records":[{"a":1},{"b":2}],"x":["y",{"z":"]}"}]}"#;
    check(Format::Auto, records, &[r#"{"a":1}"#, r#"{"b":2}"#]);
    check(Format::Auto, &format!("{records}\n{records}"), &[r#"{"a":1}"#, r#"{"b":2}"#].repeat(2));
    check(Format::Auto, r#"{"\u0052ecords":[1],"items":"Records"}"#, &["1"]);
    check(
        Format::Auto,
        r#"{"detail":{"x":1,"items":[1,2],"y":{}},"z":1}{"c":3}"#,
        &["1", "2", r#"{"c":3}"#],
    );
    // No lists at these paths.
    for value in [r#"{"Records":{"a":[1]}}"#, r#"{"a":{"Records":[1]}}"#, r#"{"items":[1]}"#] {
        check(Format::Auto, value, &[value]);
    }
    check(Format::Auto, r#"{"Records":[],"a":1}"#, &[]);
}

#[test]
fn a_list_is_read_before_its_object_is_all_there() {
    let element = format!("{{\"a\":\"{}\"}}", "x".repeat(50));
    let list =
        format!("{{\"n\":1,\"Records\":[{}],\"after\":2}}{{\"b\":1}}", [&*element; 9].join(","));
    let mut expected = vec![&*element; 9];
    expected.push("{\"b\":1}");
    check(Format::Auto, &list, &expected);
}

#[test]
fn a_message_of_cloudwatch_logs_is_one_record_unless_it_is_too_large() {
    let head = r#"{"messageType":"DATA_MESSAGE","logGroup":"g","logEvents":["#;
    let message = format!("{head}{{\"id\":\"1\"}},{{\"id\":\"2\"}}],\"x\":1}}");
    check(Format::Auto, &message, &[&message]);
    let other = r#"{"messageType":1,"logGroup":"g","logEvents":[{"id":"1"}]}"#;
    check(Format::Auto, other, &[r#"{"id":"1"}"#]);
    let event = format!("{{\"id\":\"{}\"}}", "1".repeat(40));
    let large = format!("{head}{event},{event}],\"x\":1}}{{\"Records\":[1]}}");
    let found = found(Format::Auto, &large);
    let one = format!("{head}{event}]}}");
    let first = head.len() as u64;
    let second = first + event.len() as u64 + 1;
    let last = large.len() as u64 - 3;
    let expected = [(first, &*one), (second, &*one), (last, "1")];
    assert_eq!(found, expected.map(|(at, text)| (at, text.to_owned())));
}

#[test]
fn what_cannot_be_read_ends_at_the_next_line_break() {
    check(
        Format::Auto,
        "{\"a\":1}\n{\"b\":oops}\n{\"c\":3}",
        &["{\"a\":1}", "{\"b\":oops}", "{\"c\":3}"],
    );
    check(
        Format::Auto,
        "{\"a\":1\n{\"b\":\"x\n{\"c\":3}\noops",
        &["{\"a\":1", "{\"b\":\"x", "{\"c\":3}", "oops"],
    );
    check(Format::Auto, "{\"a\":1} x\n{\"c\":3}", &["{\"a\":1}", "x", "{\"c\":3}"]);
    check(Format::Auto, "{\"a\":1}\n{\"b\":", &["{\"a\":1}", "{\"b\":"]);
    // A list whose object is truncated does not affect the next lines.
    check(Format::Auto, "{\"Records\":[1]\n{\"a\":1}\n", &["1", "{\"a\":1}"]);
    check(Format::Auto, "{\"Records\":[1],oops\n{\"a\":1}", &["1", "oops", "{\"a\":1}"]);
}

#[test]
fn what_cannot_be_read_within_a_list_ends_the_object() {
    for (list, expected) in [
        ("[1,oops,2]\n{\"a\":1}", ["1", "oops,2]\n{\"a\":1}"]),
        ("{\"Records\":[1 2]}\n", ["1", "2]}\n"]),
        ("[{\"a\":1},{\"b\":", ["{\"a\":1}", "{\"b\":"]),
    ] {
        check(Format::Auto, list, &expected);
    }
    check(Format::Auto, "[1,", &["1"]);
    check(Format::Auto, "[1,]{\"a\":1}", &["1", "{\"a\":1}"]);
}

#[test]
fn lines_that_are_not_blank_are_records_of_text() {
    check(Format::Text, "a b\r\n\n \t\n{\"c\":\n", &["a b", "{\"c\":"]);
    check(Format::Text, " a\t-\t\t\r\nb \n \r\nc\r", &[" a\t-\t\t", "b ", "c"]);
    check(Format::Text, "a\nb", &["a", "b"]);
    check(Format::Text, "", &[]);
}

#[test]
fn what_begins_otherwise_is_of_an_unknown_format() {
    for object in ["oops", "2024-03-01T00:00:00Z line", "PAR1", "\u{1}", "<a/>", "1"] {
        check(Format::Auto, object, &["?"]);
    }
}

#[test]
fn the_rest_of_a_broken_packing_is_one_record() {
    for (format, object, expected) in [
        (Format::Auto, "{\"a\":1}\n{\"b\":", vec!["{\"a\":1}", "!{\"b\":"]),
        (Format::Auto, "{\"a\":1}\n", vec!["{\"a\":1}", "!"]),
        (Format::Auto, "[1,2,", vec!["1", "2", "!"]),
        (Format::Auto, "[1,{\"a", vec!["1", "!{\"a"]),
        (Format::Auto, "", vec!["!"]),
        (Format::Text, "a\nb", vec!["a", "!b"]),
        (Format::Text, "a\n", vec!["a", "!"]),
    ] {
        for size in [1, 3, 100] {
            let found = found_in(format, object.as_bytes(), size, Err(BrokenPacking::Gzip));
            let texts: Vec<_> = found.iter().map(|(_, text)| &**text).collect();
            assert_eq!(texts, expected, "{object}");
        }
    }
}

#[test]
fn only_white_space_between_values_is_before_the_next_offset() {
    for (format, object, expected) in [
        (Format::Auto, "{\"a\":1}\n {\"b\":2}", 9),
        // A malformed line, starting at its comma.
        (Format::Auto, "{\"a\":1} , oops\n", 8),
        (Format::Text, "one\n  two\n", 4),
    ] {
        let mut records = Records::new(format, &RecordsPaths::default(), 0);
        records.buffer().extend_from_slice(object.as_bytes());
        records.end(Ok(()));
        assert!(matches!(records.next(), Next::Record { .. }));
        assert_eq!(records.next_offset(), expected, "{object}");
        let Next::Record { offset, .. } = records.next() else { panic!("{object}") };
        assert_eq!(offset, expected, "{object}");
    }
}
