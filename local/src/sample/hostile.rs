//! Payloads with unusual or broken content, each named after its situation.

/// One situation per line, followed by a tab and its payload, unless it is [`special`].
const SITUATIONS: &str = include_str!("hostile.tsv");

/// Unexpected payloads: broken ones, which must be refused, and unusual ones, which must still
/// become documents. Each has its own situation. A few are large; the largest exceeds 1 MiB.
#[must_use]
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let payload = |line: &'static str| match line.split_once('\t') {
        Some((situation, payload)) => (situation, payload.as_bytes().to_vec()),
        None => (line, special(line)),
    };
    SITUATIONS.lines().map(payload).collect()
}

/// Payloads that are not text, not on one line, or too long to read.
fn special(situation: &str) -> Vec<u8> {
    const PRETTY: &str = "{\n\t\"type\": \"play\",\n\t\"artist\": {\n\t\t\"name\": \"Nova Kim\"\n\t},\n\t\"list\": [\n\t\t1,\n\t\t2\n\t]\n}\n";
    let with = |name: &str, value: &str| format!(r#"{{"type":"play","{name}":{value}}}"#);
    let nested =
        |levels: usize| with("x", &format!("{}1{}", r#"{"x":"#.repeat(levels), "}".repeat(levels)));
    let padded = |bytes: usize| {
        let padding = bytes - with("payload", "\"\"").len();
        with("payload", &format!("\"{}\"", "x".repeat(padding)))
    };
    let joined = |count: usize, item: fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(",")
    };
    let text = match situation {
        "only-white-space" => " \t\r\n ".to_owned(),
        "only-a-byte-order-mark" => "\u{feff}".to_owned(),
        "invalid-utf-8" => return b"{\"type\":\"play\",\"artist\":\"Caf\xe9\"}".to_vec(),
        "overlong-utf-8" => return b"{\"type\":\"play\",\"artist\":\"\xc0\xaf\"}".to_vec(),
        "surrogate-in-utf-8" => return b"{\"type\":\"play\",\"artist\":\"\xed\xa0\x80\"}".to_vec(),
        "truncated-utf-8" => return b"{\"type\":\"play\",\"artist\":\"\xf0\x9f\x8c\"}".to_vec(),
        "utf-16" => {
            return r#"{"type":"play"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        "gzip" => {
            return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\xabV*\xa9,HU\xb2R*\xc8I\xac\x04".to_vec();
        }
        "raw-line-break-in-text" => with("song", "\"Paper\nLetters\""),
        "raw-nul-in-text" => with("song", "\"Paper\0Letters\""),
        "bulk-request" => {
            "{\"index\":{\"_index\":\"music-events\"}}\n{\"type\":\"play\"}\n".to_owned()
        }
        "pretty-printed-with-crlf" => PRETTY.replace('\n', "\r\n"),
        "pretty-printed-with-lf" => PRETTY.to_owned(),
        "byte-order-mark" => format!("\u{feff}{}", with("artist", "\"Nova Kim\"")),
        "trailing-line-break" => "{\"type\":\"like\",\"artist\":\"Nova Kim\"}\n".to_owned(),
        "blank-names" => "{\" \":1,\"\u{a0}\":2,\"\\t\":3,\"type\":\"play\"}".to_owned(),
        "name-of-40-kb" => with(&"n".repeat(40_000), "1"),
        "noncharacters" => with("song", "\"\u{fffe}\u{ffff}\u{10ffff}\u{202e}evas\""),
        // Longer than 32,766 bytes, Lucene's maximum term length.
        "text-of-60-kb" => with("artist", &format!("\"{}\"", "달".repeat(20_000))),
        "number-of-1000-digits" => with("duration_ms", &"9".repeat(1_000)),
        "number-of-1001-digits" => with("duration_ms", &"9".repeat(1_001)),
        // The top-level object is the first level.
        "nested-128-levels-deep" => nested(127),
        "nested-129-levels-deep" => nested(128),
        "brackets-100000-levels-deep" => {
            format!(r#"{{"type":"play","x":{}"#, "[".repeat(100_000))
        }
        "thousands-of-unknown-fields" => {
            let unknown = joined(5_000, |number| format!(r#""unknown_{number}":{number}"#));
            format!(r#"{{"type":"play",{unknown}}}"#)
        }
        "list-of-20000-numbers" => {
            with("list", &format!("[{}]", joined(20_000, |number| number.to_string())))
        }
        "payload-of-100-kb" => padded(100_000),
        // Firehose's maximum record, and one byte more than the maximum of the model.
        "payload-of-1000-kib" => padded(1_000 * 1_024),
        "payload-over-1-mib" => padded(1_024 * 1_024 + 1),
        _ => String::new(),
    };
    text.into_bytes()
}
