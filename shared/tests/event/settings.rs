//! The model's settings, and the errors for invalid ones.

use std::fs;
use std::path::PathBuf;

use shared::config::ConfigError;
use shared::event::{DocumentForm, Timestamp, VARIABLES};

use crate::support::{arrival, document_by, model, rest_by, time, transform};

fn error(name: &str, value: &str) -> ConfigError {
    let error = shared::event::model(&[(name, value)].into_iter().collect()).unwrap_err();
    assert_eq!((error.variable.as_str(), error.value.as_str()), (name, value));
    error
}

#[test]
fn defaults() {
    let model = model(&[]);
    assert_eq!(model.plausible.min, time("2000-01-01"));
    assert_eq!(model.plausible.max_ahead_seconds, 86_400);
    assert_eq!(model.extra_max_bytes, 16_384);
    assert_eq!(model.form, DocumentForm::Mapped);
    assert_eq!(
        VARIABLES,
        [
            "MAPPING",
            "TIMESTAMP_FIELDS",
            "TIMESTAMP_MIN",
            "TIMESTAMP_MAX_AHEAD_SECONDS",
            "EXTRA_MAX_BYTES",
            "DOCUMENT"
        ]
    );
}

#[test]
fn numbers() {
    for (value, bytes) in [("0", 0), ("1", 1), ("16384", 16_384), ("32000", 32_000)] {
        assert_eq!(model(&[("EXTRA_MAX_BYTES", value)]).extra_max_bytes, bytes);
    }
    for value in ["32001", "", "-1", "16k", " 1", "1.0", "99999999999999999999"] {
        assert_eq!(
            error("EXTRA_MAX_BYTES", value).to_string(),
            format!("EXTRA_MAX_BYTES is {value:?}, but must be a whole number from 0 to 32000")
        );
    }
    for (value, seconds) in [("0", 0), ("3600", 3_600), ("18446744073709551615", u64::MAX)] {
        let model = model(&[("TIMESTAMP_MAX_AHEAD_SECONDS", value)]);
        assert_eq!(model.plausible.max_ahead_seconds, seconds);
    }
    for value in ["18446744073709551616", "", "-1", "1d", "24h"] {
        assert_eq!(
            error("TIMESTAMP_MAX_AHEAD_SECONDS", value).to_string(),
            format!(
                "TIMESTAMP_MAX_AHEAD_SECONDS is {value:?}, but must be a whole number from 0 to \
                 18446744073709551615"
            )
        );
    }
}

#[test]
fn the_form_of_the_document() {
    for (value, form) in
        [("mapped", DocumentForm::Mapped), ("passthrough", DocumentForm::Passthrough)]
    {
        assert_eq!(model(&[("DOCUMENT", value)]).form, form);
    }
    for value in ["", "Mapped", "passthrough ", "raw"] {
        assert_eq!(
            error("DOCUMENT", value).to_string(),
            format!("DOCUMENT is {value:?}, but must be mapped or passthrough")
        );
    }
}

#[test]
fn timestamp_min() {
    for (value, min) in [
        ("1970-01-01T00:00:00Z", "1970-01-01"),
        ("2020-01-01T09:00:00+09:00", "2020-01-01"),
        ("2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00.5"),
    ] {
        assert_eq!(model(&[("TIMESTAMP_MIN", value)]).plausible.min, time(min));
    }
    let last = "2262-04-11T23:47:16.854775807Z";
    assert_eq!(model(&[("TIMESTAMP_MIN", last)]).plausible.min, Timestamp::MAX);
    let plain = "
        2020 1577836800 yesterday 2020-02-30T00:00:00Z 1969-12-31T23:59:59Z
        1970-01-01T00:00:00+00:01 2262-04-11T23:47:16.854775808Z";
    let others = [""];
    for value in plain.split_whitespace().chain(others) {
        assert_eq!(
            error("TIMESTAMP_MIN", value).to_string(),
            format!(
                "TIMESTAMP_MIN is {value:?}, but must be an RFC 3339 time, not before 1970 and not \
                 after 2262"
            )
        );
    }
}

#[test]
fn timestamp_fields() {
    for (value, entry) in [
        ("", ": an input path has one or two segments, as in user.id"),
        ("ts,", ": an input path has one or two segments, as in user.id"),
        ("ts,,time", ": an input path has one or two segments, as in user.id"),
        ("a.b.c", "a.b.c: an input path has one or two segments, as in user.id"),
        (".ts", ".ts: an input path has one or two segments, as in user.id"),
        ("ts,meta.", "meta.: an input path has one or two segments, as in user.id"),
        ("__sluice_reingests", "__sluice_reingests: the input path is sluice's own"),
        ("__sluice_reingests.a", "__sluice_reingests.a: the input path is sluice's own"),
        ("__sluice_arrival", "__sluice_arrival: the input path is sluice's own"),
    ] {
        assert_eq!(
            error("TIMESTAMP_FIELDS", value).to_string(),
            format!(
                "TIMESTAMP_FIELDS is {value:?}, but must be names or two-segment paths, separated \
                 by commas ({entry})"
            )
        );
    }
    // Its error is not reported for the mapping, whatever that is.
    let both = [("TIMESTAMP_FIELDS", "a.b.c"), ("MAPPING", "{}")];
    let error = shared::event::model(&both.into_iter().collect()).unwrap_err();
    assert_eq!(error.variable, "TIMESTAMP_FIELDS");
}

/// The error for an invalid mapping, without the allowed values.
fn mapping_error(value: &str) -> String {
    let error = error("MAPPING", value);
    let (allowed, reason) = error.allowed.split_once(" (").unwrap();
    assert_eq!(
        allowed,
        r#"a mapping in JSON, {"artist.id":["artist.id","artist_id"],…}, or @ and the path of a file that holds one"#
    );
    reason.strip_suffix(')').unwrap().to_owned()
}

#[test]
fn a_wrong_mapping_is_refused_by_the_name_of_its_entry() {
    const TWO: &str = "a document field has two segments, as in artist.id";
    const OWN: &str = "the document field is sluice's own";
    const PATH: &str = "an input path has one or two segments, as in user.id";
    for (mapping, entry, reason) in [
        (r#"{"a":["x"]}"#, "a", TWO),
        (r#"{"":["x"]}"#, "", TWO),
        (r#"{"a.":["x"]}"#, "a.", TWO),
        (r#"{".a":["x"]}"#, ".a", TWO),
        (r#"{"a.b.c":["x"]}"#, "a.b.c", TWO),
        (r#"{"extra":["x"]}"#, "extra", TWO),
        (r#"{"extra.a":["x"]}"#, "extra.a", OWN),
        (r#"{"overflow.a":["x"]}"#, "overflow.a", OWN),
        (r#"{"@timestamp.a":["x"]}"#, "@timestamp.a", OWN),
        (r#"{"analytics.hour":["x"]}"#, "analytics.hour", OWN),
        (r#"{"analytics.a":["x"]}"#, "analytics.a", OWN),
        (r#"{"envelope.kind":["x"]}"#, "envelope.kind", OWN),
        (r#"{"envelope.a":["x"]}"#, "envelope.a", OWN),
        (r#"{"_id.a":["x"]}"#, "_id.a", OWN),
        (r#"{"a. ":["x"]}"#, "a. ", TWO),
        (r#"{"event.ingested":["x"]}"#, "event.ingested", OWN),
        (r#"{"event.timestamp_source":["x"]}"#, "event.timestamp_source", OWN),
        (r#"{"event.a":["x"]}"#, "event.a", OWN),
        (r#"{"a.b":["x"],"a.b":["y"]}"#, "a.b", "the document field is listed twice"),
        (r#"{"a.b":["x"],"\u0061.b":["y"]}"#, "a.b", "the document field is listed twice"),
        (
            r#"{"event.id":["x"],"event.id":["y"]}"#,
            "event.id",
            "the document field is listed twice",
        ),
        (r#"{"a.b":[]}"#, "a.b", "has no input path"),
        (r#"{"a.b":["x","x"]}"#, "x", "the path is listed twice"),
        (r#"{"a.b":["x.y"],"c.d":["x","x.y"]}"#, "x.y", "the path is listed twice"),
        (r#"{"event.id":["x"],"event.action":["x"]}"#, "x", "the path is listed twice"),
        (r#"{"a.b":[""]}"#, "", PATH),
        (r#"{"a.b":["x."]}"#, "x.", PATH),
        (r#"{"a.b":[".x"]}"#, ".x", PATH),
        (r#"{"a.b":["."]}"#, ".", PATH),
        (r#"{"a.b":["x.y.z"]}"#, "x.y.z", PATH),
        (
            r#"{"a.b":["__sluice_reingests"]}"#,
            "__sluice_reingests",
            "the input path is sluice's own",
        ),
    ] {
        assert_eq!(mapping_error(mapping), format!("{entry}: {reason}"));
    }
    for mapping in [
        "",
        "{",
        "[]",
        "null",
        "\"a\"",
        r#"{"a.b":"x"}"#,
        r#"{"a.b":[1]}"#,
        r#"{"a.b":null}"#,
        r#"{"a.b":["x"]} x"#,
    ] {
        assert!(mapping_error(mapping).starts_with("not a mapping in JSON: "), "{mapping}");
    }
}

#[test]
fn a_mapping_replaces_the_built_in_one() {
    let custom = model(&[(
        "MAPPING",
        r#"{"b.two":["y.z","y"],"event.id":["key"],"a.one":["x"],"b.\"q":["artist.name"],"event.action":["do"]}"#,
    )]);
    let document = document_by(
        &custom,
        r#"{"key":"k","do":"it","id":"i","type":"t","x":1,"y":{"z":2},"artist":{"name":"n","id":3},"ts":1709296496}"#,
    );
    assert_eq!(
        document,
        concat!(
            r#"{"@timestamp":"2024-03-01T12:34:56.000Z","#,
            r#""event":{"id":"k","action":"it","ingested":"2024-03-01T12:34:58.001Z"},"#,
            r#""b":{"two":2,"\"q":"n"},"a":{"one":1},"#,
            r#""analytics":{"hour":12,"weekday":5},"#,
            r#""extra":{"id":"i","type":"t","artist":{"id":3}}}"#
        )
    );
}

#[test]
fn a_mapping_may_be_empty() {
    let none = model(&[("MAPPING", "{}")]);
    let (document, _) =
        transform(&none, &arrival(), br#"{"ts":1709296496,"id":"i","artist":{}}"#).unwrap();
    assert!(document.ends_with(r#","extra":{"id":"i","artist":{}}}"#), "{document}");
}

#[test]
fn a_group_may_stand_in_more_than_one_entry() {
    let custom =
        model(&[("MAPPING", r#"{"event.id":["event_id"],"a.x":["x"],"b.x":["y"],"a.y":["z"]}"#)]);
    assert_eq!(rest_by(&custom, r#""x":1,"y":2,"z":3"#), r#","a":{"x":1,"y":3},"b":{"x":2}"#);
}

/// A file for one test alone.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_mapping_may_be_in_a_file() {
    let path =
        file("mapping.json", "{\n  \"event.id\": [\"event_id\"],\n  \"a.x\": [\"title\"]\n}\n");
    let from_file = model(&[("MAPPING", &format!("@{path}"))]);
    assert_eq!(
        rest_by(&from_file, r#""title":1,"album":2"#),
        r#","a":{"x":1},"extra":{"album":2}"#
    );
}

#[test]
fn a_wrong_file_is_named() {
    let path = file("wrong-mapping.json", r#"{"a":["x"]}"#);
    let error = mapping_error(&format!("@{path}"));
    assert_eq!(error, "a: a document field has two segments, as in artist.id");

    let missing = format!("{}/missing.json", env!("CARGO_TARGET_TMPDIR"));
    let error = mapping_error(&format!("@{missing}"));
    assert!(error.starts_with(&format!("{missing}: ")), "{error}");
    assert!(mapping_error("@").starts_with(": "));
}
