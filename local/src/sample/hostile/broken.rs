//! Payloads that are no JSON object: to be refused, or dropped where they are empty.

use super::{Payloads, texts};

/// Nothing, or bytes that are not UTF-8.
pub(super) fn not_text() -> Payloads {
    let utf_16 = r#"{"type":"play"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("empty", Vec::new()),
        ("only-white-space", b" \t\r\n ".to_vec()),
        ("only-a-byte-order-mark", b"\xef\xbb\xbf".to_vec()),
        ("invalid-utf-8", b"{\"type\":\"play\",\"artist\":\"Caf\xe9\"}".to_vec()),
        ("overlong-utf-8", b"{\"type\":\"play\",\"artist\":\"\xc0\xaf\"}".to_vec()),
        ("surrogate-in-utf-8", b"{\"type\":\"play\",\"artist\":\"\xed\xa0\x80\"}".to_vec()),
        ("truncated-utf-8", b"{\"type\":\"play\",\"artist\":\"\xf0\x9f\x8c\"}".to_vec()),
        ("utf-16", utf_16),
        (
            "gzip",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xabV*\xa9,HU\xb2R*\xc8I\xac\x04".to_vec(),
        ),
    ]
}

/// Text that is no JSON, or not quite.
pub(super) fn not_json() -> Payloads {
    texts([
        ("plain-text", "play 달빛정원 u100017"),
        ("csv", "play,art_0001,trk_00003,u100017,2024-03-01T12:00:00Z"),
        ("html", "<html><body>502 Bad Gateway</body></html>"),
        ("truncated", r#"{"type":"play","artist":"Nova Kim","song":"Paper Let"#),
        ("trailing-comma", r#"{"type":"play","artist":"Nova Kim",}"#),
        ("single-quotes", "{'type':'play','artist':'Nova Kim'}"),
        ("names-without-quotes", r#"{type:"play",artist:"Nova Kim"}"#),
        ("comment", "{\"type\":\"play\" /* really */}"),
        ("not-a-number", r#"{"type":"play","duration_ms":NaN}"#),
        ("infinity", r#"{"type":"play","duration_ms":-Infinity}"#),
        ("leading-zero", r#"{"type":"play","duration_ms":0215000}"#),
        ("plus-sign", r#"{"type":"play","duration_ms":+215000}"#),
        ("point-without-digits", r#"{"type":"play","duration_ms":215000.}"#),
        ("python-literals", r#"{"type":"play","shuffle":True,"album":None}"#),
        ("raw-line-break-in-text", "{\"type\":\"play\",\"song\":\"Paper\nLetters\"}"),
        ("raw-nul-in-text", "{\"type\":\"play\",\"song\":\"Paper\0Letters\"}"),
        ("unknown-escape", r#"{"type":"play","song":"Paper\xLetters"}"#),
        ("truncated-escape", r#"{"type":"play","song":"Paper\u00e"}"#),
        ("lone-high-surrogate", r#"{"type":"play","song":"wave \ud83c"}"#),
        ("lone-low-surrogate", r#"{"type":"play","song":"wave \udf0a"}"#),
        ("surrogates-reversed", r#"{"type":"play","song":"wave \udf0a\ud83c"}"#),
        ("lone-surrogate-in-a-name", r#"{"type":"play","\ud83c":1}"#),
        ("two-objects-in-a-row", r#"{"type":"play","user":"u1"}{"type":"skip","user":"u1"}"#),
        ("text-behind-the-object", r#"{"type":"play","user":"u2"};"#),
        ("bulk-request", "{\"index\":{\"_index\":\"music-events\"}}\n{\"type\":\"play\"}\n"),
    ])
}

/// JSON, but not an object at the top.
pub(super) fn not_objects() -> Payloads {
    texts([
        ("array-at-the-top", r#"[{"type":"play","artist":"Nova Kim"}]"#),
        ("text-at-the-top", r#""{\"type\":\"play\"}""#),
        ("number-at-the-top", "1709295296789"),
        ("true-at-the-top", "true"),
        ("null-at-the-top", "null"),
    ])
}
