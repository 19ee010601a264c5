use super::*;

fn scan(text: &str) -> Result<Kind, Error> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.skip_white_space();
    let kind = scanner.value(0)?;
    scanner.skip_white_space();
    if scanner.position() == text.len() { Ok(kind) } else { Err(Error::Invalid) }
}

#[test]
fn takes_what_the_grammar_takes() {
    for (text, kind) in [
        ("\"\"", Kind::String),
        (r#""a\"\\\/\b\f\n\r\tA\uD834\uDD1E한국""#, Kind::String),
        ("\"\u{7f}\"", Kind::String),
        ("0", Kind::Number),
        ("-0", Kind::Number),
        ("-12.50E+07", Kind::Number),
        ("1e400", Kind::Number),
        ("true", Kind::Bool),
        ("false", Kind::Bool),
        ("null", Kind::Null),
        ("[]", Kind::Array),
        ("[ 1 , [\t2\r\n] ]", Kind::Array),
        ("{}", Kind::Object),
        (" { \"a\" : { } , \"b\":[{}] } ", Kind::Object),
    ] {
        assert_eq!(scan(text), Ok(kind), "{text}");
    }
}

#[test]
fn refuses_what_the_grammar_refuses() {
    let plain = r#"
        " "abc "\x" "\u12 "\u12G4" "\uD800" "\uD800A" "\uDC00" "\uDC00\uD800" 01 - 1. .5 +1 1e
        1e+ 0x1 tru True nul nan Infinity [ [1 [1,] [,1] { {"a"} {"a":} {"a":1,} {a:1} {1:1} ] }
        'a'"#;
    let others = [
        "",
        " ",
        "\"a\nb\"",
        "\"\u{1f}\"",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "1 2",
        "{} {}",
        "/* */ 1",
        "\u{b}1",
        "\u{a0}1",
    ];
    for text in plain.split_whitespace().chain(others) {
        assert_eq!(scan(text), Err(Error::Invalid), "{text:?}");
    }
}

#[test]
fn a_string_has_its_content_and_whether_it_is_escaped() {
    for (text, escaped) in
        [("\"\"", false), ("\"é{\"", false), (r#""\n""#, true), (r#""a\"b""#, true)]
    {
        let mut scanner = Scanner::new(text.as_bytes());
        let span = Span { start: 1, end: text.len() - 1 };
        assert_eq!(scanner.string(), Ok(Text { span, escaped }), "{text}");
        assert_eq!(scanner.position(), text.len());
    }
}

#[test]
fn finds_the_end_of_a_string_at_every_offset() {
    for special in ["\"", "\\n\"", "\u{1}"] {
        for length in 0..40 {
            let text = format!("\"{}{special}", "é".repeat(length));
            let expected = special != "\u{1}";
            assert_eq!(scan(&text).is_ok(), expected, "{text:?}");
        }
    }
}

#[test]
fn bounds_depth_and_numbers() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(scan(&nested(128)), Ok(Kind::Array));
    assert_eq!(scan(&nested(129)), Err(Error::TooDeep));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert_eq!(scan(&objects(128)), Ok(Kind::Object));
    assert_eq!(scan(&objects(129)), Err(Error::TooDeep));
    assert_eq!(scan(&"9".repeat(1_000)), Ok(Kind::Number));
    assert_eq!(scan(&"9".repeat(1_001)), Err(Error::NumberTooLong));
}

#[test]
fn notes_white_space_with_line_breaks() {
    let mut scanner = Scanner::new(b"{ \n \"a\\n \" :\t[1,\r2]}");
    scanner.value(0).unwrap();
    let runs = [Span { start: 1, end: 4 }, Span { start: 16, end: 17 }];
    assert_eq!(scanner.cuts, runs);
}

#[test]
fn unescapes() {
    let mut out = Vec::new();
    unescape(r#"a\"\\\/\b\f\n\r\tA\uD834\uDD1E한"#.as_bytes(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "a\"\\/\u{8}\u{c}\n\r\tA𝄞한");
}

#[test]
fn unescapes_at_every_distance() {
    for distance in 0..40 {
        let plain = "é".repeat(distance / 2) + &"x".repeat(distance % 2);
        for (escaped, meaning) in [(r#"\""#, "\""), (r"\\", "\\"), (r"\/", "/"), (r"\u00e9", "é")]
        {
            let written = format!("{plain}{escaped}{plain}{escaped}{escaped}{plain}");
            let expected = format!("{plain}{meaning}{plain}{meaning}{meaning}{plain}");
            assert_eq!(unescaped(written.as_bytes()), Some(expected), "{written}");
        }
    }
}

/// Strings of the characters that matter, with all lengths up to several words, mostly JSON within
/// JSON.
#[test]
fn reads_strings_as_serde_json_does() {
    let pieces = [
        r#"\""#,
        r#"\""#,
        r#"\""#,
        "x",
        "y",
        "z",
        "key",
        "é",
        "한",
        r"\\",
        r#"\\\""#,
        r"\/",
        r"\n",
        r"\u00e9",
        r"\ud834\udd1e",
        r"\ud834",
        r"\u12",
        r"\x",
        "\"",
        "\u{1f}",
        "\u{7f}",
        "\\",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    let mut strings = 0;
    for _ in 0..200_000 {
        // The last pieces end a string or make it invalid.
        let last = if random.u8(..8) == 0 { pieces.len() } else { 15 };
        let pieces = (0..random.usize(..24)).map(|_| pieces[random.usize(..last)]);
        let text = format!("\"{}\"", pieces.collect::<String>());
        let mut scanner = Scanner::new(text.as_bytes());
        let text_of = scanner.string().ok().filter(|_| scanner.peek().is_none());
        let meaning = text_of.map(|it| unescaped(it.span.of(text.as_bytes())).unwrap());
        assert_eq!(meaning, serde_json::from_str(&text).ok(), "{text}");
        strings += usize::from(meaning.is_some());
    }
    assert!((150_000..200_000).contains(&strings), "{strings}");
}
