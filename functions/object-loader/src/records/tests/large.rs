//! Records that are too large: more than 120 bytes.

use super::*;

#[test]
fn what_is_too_large_is_read_over() {
    let large = format!("{{\"a\":[\"}}\\\"{}\"]}}", "x".repeat(200));
    let size = format!("…{}", large.len());
    check(Format::Auto, &format!("{large}{{\"b\":1}}"), &[&size, "{\"b\":1}"]);
    check(Format::Auto, &format!("[{large}, 1]"), &[&size, "1"]);
    check(Format::Auto, &format!("{{\"Records\":[1],\"x\":{large}}}2"), &["1", "2"]);
    let line = format!("oops{}", "x".repeat(200));
    check(Format::Auto, &format!("{{}}\n{line}\n{{\"b\":1}}"), &["{}", "…204", "{\"b\":1}"]);
    check(Format::Auto, &format!("[1,{line}]\n"), &["1", "…206"]);
    check(Format::Text, &format!("a\n{line}\nb\n{line}"), &["a", "…204", "b", "…204"]);
    // A line that is only too large with the white space at its end.
    let line = "x".repeat(120);
    check(Format::Text, &format!("{line}\n{line}\r\n{line}"), &[&line, "…121", &line]);
}

#[test]
fn a_number_that_is_too_large_ends_where_it_ends() {
    for large in ["1".repeat(300), format!("-{}.5e+9", "1".repeat(300))] {
        let size = format!("…{}", large.len());
        let [a, b] = ["{\"a\":1}", "{\"b\":2}"];
        check(Format::Auto, &format!("{a}\n{large}\n{b}\n{b}"), &[a, &size, b, b]);
        check(Format::Auto, &format!("[{a},{large},{b}]\n{a}"), &[a, &size, b, a]);
        check(Format::Auto, &format!("{{\"Records\":[{a},{large}]}}\n{b}"), &[a, &size, b]);
        check(Format::Auto, &format!("{{\"Records\":[{a}],\"n\":{large}}}\n{b}"), &[a, b]);
        check(Format::Auto, &format!("{a}\n{large}"), &[a, &size]);
    }
}

#[test]
fn what_is_too_large_and_cut_off_ends_at_its_line_break() {
    let item = r#"{"v":"a\\\"\u00e9 ] }","w":[1.5e3,true,{}],"x":{"y":null}}"#;
    let value = format!("{{\"id\":\"big\",\"items\":[{}],\"z\":\"end\"}}", [item; 5].join(" , "));
    let [a, b] = ["{\"id\":\"a\"}", "{\"id\":\"b\",\"c\":[1,{}]}"];
    for end in 121..value.len() {
        let size = format!("…{end}");
        for follow in 0..4 {
            let lines = [b].repeat(follow);
            let object = format!("{a}\n{}\n{}", &value[..end], lines.join("\n"));
            let expected = [&[a, &*size][..], &lines].concat();
            let texts = |found: Vec<(u64, String)>| {
                found.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
            };
            for size in [3, 50, usize::MAX] {
                let found = found_in(Format::Auto, object.as_bytes(), size, Ok(()));
                let found = texts(found);
                // If no line follows, its line break is part of it.
                let is_last = follow == 0 && found.len() == 2 && found[0] == a;
                assert!(found == expected || is_last, "{found:?} in {object}");
            }
        }
    }
}

#[test]
fn what_is_too_large_and_broken_ends_at_a_line_break_or_with_its_list() {
    let long = "x".repeat(200);
    for broken in ["oops", "\"a\":1,}", "\"a\" 1", "\"a\":[1}", "\"a\":\u{1}", "\"a\":\"\\", "]"] {
        let value = format!("{{\"l\":\"{long}\",{broken}");
        let size = format!("…{}", value.len());
        check(Format::Auto, &format!("{value}\n{{\"b\":1}}\n"), &[&size, "{\"b\":1}"]);
        let rest = format!("{value}\n{{\"b\":1}}]");
        let size = format!("…{}", rest.len());
        check(Format::Auto, &format!("[1,{rest}"), &["1", &size]);
        // A member that is not a record.
        let size = format!("…{}", value.len());
        let object = format!("{{\"Records\":[1],\"m\":{value}\n{{\"b\":1}}");
        check(Format::Auto, &object, &["1", &size, "{\"b\":1}"]);
    }
    // Deeper than an event may be, brackets still count.
    let deep = format!("{}1,\"]\"{}", "[".repeat(150), "]".repeat(150));
    let size = format!("…{}", deep.len() + 6);
    check(Format::Auto, &format!("{{\"a\":{deep}}}{{\"b\":1}}"), &[&size, "{\"b\":1}"]);
}

#[test]
fn a_list_is_found_behind_a_member_that_is_too_large() {
    let long = format!("{{\"x\":[\"{}\"],\"Records\":[0]}}", "x".repeat(200));
    for (object, expected) in [
        (format!("{{\"m\":{long},\"Records\":[1, {{}}],\"n\":2}}\n3"), &["1", "{}", "3"][..]),
        (format!("{{\"m\":{long},\"\\u0052ecords\":[1]}}3"), &["1", "3"]),
        (format!("{{\"detail\":{{\"m\":{long},\"items\":[1]}},\"n\":2}}3"), &["1", "3"]),
        (format!("{{\"m\":{long},\"detail\":{{\"items\":[1]}}}}3"), &["1", "3"]),
        (format!("{{\"m\":{long},\"logEvents\":[{{\"id\":1}}]}}"), &["{\"id\":1}"]),
    ] {
        check(Format::Auto, &object, expected);
    }
    for member in
        ["\"Records\":{}", "\"items\":[1]", "\"m\":{\"Records\":[1]}", "\"m\":[{\"items\":[1]}]"]
    {
        let object = format!("{{\"m\":{long},{member}}}");
        check(Format::Auto, &object, &[&format!("…{}", object.len())]);
    }
}

#[test]
fn records_do_not_depend_on_how_their_bytes_come() {
    let mut random = fastrand::Rng::with_seed(3);
    let long = "y".repeat(90);
    let pieces = [
        "{\"a\":1}",
        "{\"Records\":[",
        "{\"detail\":{\"items\":[",
        "{\"m\":\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\n",
        "\n",
        "\n",
        " ",
        "\r\n",
        "\\",
        "\\\"",
        "\"b\":",
        "\"c\",",
        "12",
        "true",
        "oops",
        "\u{1}",
        "é",
        "{\"messageType\":\"D\",\"logGroup\":\"g\",\"logEvents\":[",
        &long,
        "0000000000000000000000000",
        "{\"id\":\"big\",\"items\":[{\"v\":1},{\"v\":2},",
        "}}]}",
        "]}\n",
    ];
    for _ in 0..6_000 {
        let count = random.usize(1..30);
        let object: String = (0..count).map(|_| *random.choice(&pieces).unwrap()).collect();
        let object = format!("{}{object}", random.choice(["", "{\"a\":1}\n", "[1,"]).unwrap());
        for (format, ended) in [
            (Format::Auto, Ok(())),
            (Format::Auto, Err(BrokenPacking::Gzip)),
            (Format::Text, Ok(())),
            (Format::Text, Err(BrokenPacking::Gzip)),
        ] {
            let whole = found_in(format, object.as_bytes(), object.len(), ended);
            for size in [1, random.usize(2..30), random.usize(30..200)] {
                let found = found_in(format, object.as_bytes(), size, ended);
                assert_eq!(found, whole, "{size}: {object:?}");
            }
        }
    }
}

#[test]
fn what_is_too_large_is_before_the_next_offset_only_when_it_is_passed() {
    let value = format!("{{\"a\":\n\"{}\"}}", "x".repeat(200));
    let mut records = Records::new(Format::Auto, &RecordsPaths::default(), 0).with_limit(120);
    records.buffer().extend_from_slice(format!("{{}}\n{}", &value[..180]).as_bytes());
    assert!(matches!(records.next(), Next::Record { .. }));
    assert_eq!(records.next(), Next::Feed);
    assert_eq!(records.next_offset(), 3);
    records.buffer().extend_from_slice(&value.as_bytes()[180..]);
    let bytes = value.len() as u64;
    assert_eq!(records.next(), Next::TooLarge { offset: 3, bytes });
    assert_eq!(records.next_offset(), 3 + bytes);
}

#[test]
fn lines_that_cannot_be_read_are_passed_once() {
    // Reading each of them to the end of the available bytes took half a minute.
    for (line, lines) in [("{\n", 1 << 20), ("{\"a\":\n", 1 << 16)] {
        let object = line.repeat(lines);
        let mut records = Records::new(Format::Auto, &RecordsPaths::default(), 0);
        records.buffer().extend_from_slice(object.as_bytes());
        records.end(Ok(()));
        let started = std::time::Instant::now();
        let mut count = 0;
        while let Next::Record { .. } = records.next() {
            count += 1;
        }
        assert_eq!(count, lines, "{line:?}");
        let elapsed = started.elapsed();
        assert!(elapsed < std::time::Duration::from_secs(10), "{line:?}: {elapsed:?}");
    }
}
