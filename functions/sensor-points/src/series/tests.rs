use sha2::{Digest, Sha256};
use shared::config::Environment;
use shared::event::{Reader, model_of_times};
use testkit::code_blocks;

use super::*;

/// 2024-03-01T12:34:58.123Z
const ARRIVED_MS: u64 = 1_709_296_498_123;

fn time(milliseconds: u64) -> Timestamp {
    Timestamp::from_nanos(u128::from(milliseconds) * 1_000_000).unwrap()
}

/// The point of a reading, and whether its time is not its own; or the reason.
fn write(series: &str, reading: &str) -> Result<(String, bool), String> {
    let mut model = model_of_times(&Environment::default()).unwrap();
    let series = Series::parse(series, &mut model).unwrap();
    let arrived = Some(time(ARRIVED_MS));
    let record = Record { sequence_number: "4959", arrived, ..Record::default() };
    let origin = Origin { record: &record, place: 7, now: time(ARRIVED_MS + 5) };
    let (mut reader, mut line) = (Reader::default(), Vec::new());
    let mut event = reader.read(&model, reading.as_bytes()).unwrap();
    let written = series.write(&mut event, &origin, &mut Vec::new(), &mut line);
    match written {
        Ok(is_fallback) => Ok((String::from_utf8(line).unwrap(), is_fallback)),
        Err(reason) => {
            assert!(!reason.detail.is_empty());
            Err(reason.code.into_owned())
        }
    }
}

/// The point of a reading in the built-in series, without its time.
fn point(members: &str) -> Result<String, String> {
    let reading = format!("{{\"ts\":1709296496000,{members}}}");
    let (line, is_fallback) = write(BUILT_IN, &reading)?;
    assert!(!is_fallback);
    Ok(line.strip_suffix(" 1709296496000000000\n").unwrap_or_else(|| panic!("{line}")).to_owned())
}

fn refused(reason: &str) -> Result<String, String> {
    Err(reason.to_owned())
}

/// The digits below the millisecond, from what identifies a reading.
fn below(known_by: &str) -> u64 {
    let hash = Sha256::digest(known_by);
    u64::from_be_bytes(hash[..8].try_into().unwrap()) % 1_000_000
}

#[test]
fn the_built_in_series_is_that_of_the_readme() {
    let readme = include_str!("../../README.md");
    let json = code_blocks(readme, "json")[0];
    let parse = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
    assert_eq!(parse(json), parse(BUILT_IN));
}

#[test]
fn the_first_path_with_a_value_other_than_null_counts() {
    for (members, expected) in [
        (
            r#""line_id":"L1","machine":"M1","items":3,"defects":0,"energy":1.50,"state":"RUN""#,
            "line,line=L1,machine=M1 items=3,defects=0,energy_kwh=1.50,running=1",
        ),
        (r#""line":"c","lineId":"b","line_id":null,"produced":1"#, "line,line=b items=1"),
        (r#""line_id":"a","lineId":"b","items":1,"item_count":2"#, "line,line=a items=1"),
        (r#""equipment_id":"E","status":"IDLE""#, "line,machine=E running=0"),
        (r#""defect_count":2,"energyKwh":1e-3"#, "line defects=2,energy_kwh=1e-3"),
        // Of equal names, the last one is used, however it is escaped.
        (r#""items":1,"\u0069tems":2"#, "line items=2"),
    ] {
        assert_eq!(point(members).unwrap(), expected);
    }
    let nested = r#"{"measurement":"m","tags":{"t":["a.b"]},"fields":{"f":["a.c","d"]}}"#;
    let (line, _) = write(nested, r#"{"ts":1709296496000,"a":{"b":"x","c":null},"d":1}"#).unwrap();
    assert_eq!(line, "m,t=x f=1 1709296496000000000\n");
    // One value may be several tags and fields.
    let twice = r#"{"measurement":"m","tags":{"z":["s"],"a":["s"]},"fields":{"f":{"from":["s"],"is":["x"]}}}"#;
    let (line, _) = write(twice, r#"{"ts":1709296496000,"s":"x"}"#).unwrap();
    assert_eq!(line, "m,a=x,z=x f=1 1709296496000000000\n");
}

#[test]
fn a_field_is_a_number_as_it_was_written() {
    let digits = "1".repeat(1_000);
    let of_digits = "1".repeat(308);
    for (value, expected) in [
        ("3", Some("3")),
        ("3.0", Some("3.0")),
        ("-0.5E-3", Some("-0.5E-3")),
        ("123456789012345678901234567890", Some("123456789012345678901234567890")),
        ("\"2.50\"", Some("2.50")),
        ("\"\\u0031e3\"", Some("1e3")),
        ("true", Some("1")),
        ("false", Some("0")),
        ("1e308", Some("1e308")),
        ("1e-400", Some("1e-400")),
        (&of_digits, Some(&*of_digits)),
        ("1e400", None),
        ("\"1e400\"", None),
        (&digits, None),
        ("\"3i\"", None),
        ("\" 3\"", None),
        ("\"+3\"", None),
        ("\"\"", None),
        ("\"NaN\"", None),
        ("\"many\"", None),
        ("[3]", None),
        ("{}", None),
        ("{\"a\":1}", None),
    ] {
        let expected = expected.map(|number| format!("line items={number}"));
        assert_eq!(point(&format!("\"items\":{value}")), expected.ok_or("bad_field".to_owned()));
    }
    assert_eq!(point("\"items\":null"), refused("no_fields"));
    assert_eq!(point("\"other\":1"), refused("no_fields"));
    // The others do not make up for it.
    assert_eq!(point("\"items\":\"x\",\"defects\":1"), refused("bad_field"));
}

#[test]
fn a_switch_is_one_where_the_value_is_one_of_the_texts() {
    let series = r#"{"measurement":"m","tags":{},"fields":{"f":{"from":["s"],"is":["RUN","1","true","1.0"]}}}"#;
    for (value, expected) in [
        ("\"RUN\"", Ok("1")),
        ("\"R\\u0055N\"", Ok("1")),
        ("\"run\"", Ok("0")),
        ("\"\"", Ok("0")),
        ("1", Ok("1")),
        ("1.0", Ok("1")),
        ("1.00", Ok("0")),
        ("1e400", Ok("0")),
        ("true", Ok("1")),
        ("false", Ok("0")),
        ("[\"RUN\"]", Err("bad_field")),
        ("{}", Err("bad_field")),
        ("null", Err("no_fields")),
    ] {
        let written = write(series, &format!("{{\"ts\":1709296496000,\"s\":{value}}}"));
        let written = written.map(|(line, _)| line);
        let expected = expected.map(|value| format!("m f={value} 1709296496000000000\n"));
        assert_eq!(written, expected.map_err(str::to_owned), "{value}");
    }
}

#[test]
fn a_tag_is_text_without_what_the_line_protocol_does_not_take() {
    let (longest, too_long) = ("é".repeat(128), "é".repeat(128) + "a");
    let escaped = "\\u0041".repeat(256);
    for (value, expected) in [
        ("\"L 1,a=b\"", Some("line,line=L\\ 1\\,a\\=b items=1")),
        ("\"a\\\\\"", Some("line,line=a_ items=1")),
        ("\"a\\nb\\tc\\u0000d\\u007fe\\u0085f\"", Some("line,line=a_b_c_d_e_f items=1")),
        ("\"é😀\\\"\"", Some("line,line=é😀\" items=1")),
        ("\"\"", Some("line items=1")),
        ("1.50", Some("line,line=1.50 items=1")),
        ("true", Some("line,line=true items=1")),
        (&format!("\"{longest}\""), Some(&*format!("line,line={longest} items=1"))),
        (&format!("\"{escaped}\""), Some(&*format!("line,line={} items=1", "A".repeat(256)))),
        (&format!("\"{too_long}\""), None),
        ("[\"a\"]", None),
        ("{\"a\":1}", None),
    ] {
        let expected = expected.map(str::to_owned).ok_or("bad_tag".to_owned());
        assert_eq!(point(&format!("\"line\":{value},\"items\":1")), expected);
    }
}

#[test]
fn digits_below_the_millisecond_are_those_of_the_id() {
    let at = |reading: &str| {
        let (line, is_fallback) = write(BUILT_IN, reading).unwrap();
        let time: u64 = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
        (time, is_fallback)
    };
    let own = 1_709_296_496_000_000_000;
    for (members, expected) in [
        ("\"id\":\"r-1\"", below("r-1")),
        ("\"id\":\"r\\u002d1\"", below("r-1")),
        ("\"id\":17", below("17")),
        ("\"id\":1.70e1", below("1.70e1")),
        ("\"event_id\":null,\"eventId\":\"a\",\"id\":\"b\"", below("a")),
        // Not an id, which must be a non-empty text or a number.
        ("\"id\":\"\"", 0),
        ("\"id\":[1]", 0),
        ("\"id\":true", 0),
        ("\"a\":1", 0),
    ] {
        let reading = format!("{{\"ts\":1709296496000,\"items\":1,{members}}}");
        assert_eq!(at(&reading), (own + expected, false), "{members}");
    }
    // A time with digits below the millisecond is unchanged.
    for (time, expected) in [
        ("1709296496000001", 1_709_296_496_000_001_000),
        ("1709296496123456789", 1_709_296_496_123_456_789),
        ("\"2024-03-01T12:34:56.0001Z\"", own + 100_000),
    ] {
        assert_eq!(at(&format!("{{\"ts\":{time},\"items\":1,\"id\":1}}")), (expected, false));
    }
    let arrived = ARRIVED_MS * 1_000_000;
    assert_eq!(at("{\"items\":1,\"id\":\"r\"}"), (arrived + below("r"), true));
    assert_eq!(at("{\"items\":1}"), (arrived + below("4959/7"), true));
    assert_eq!(at("{\"items\":1,\"ts\":\"never\"}"), (arrived + below("4959/7"), true));
    // An envelope lends its id and its time.
    let envelope = |detail: &str| {
        let head = r#""detail-type":"t","source":"s","id":"e-1","time":"2024-03-01T12:34:56Z""#;
        format!("{{{head},\"detail\":{detail}}}")
    };
    assert_eq!(at(&envelope("{\"items\":1}")), (own + below("e-1"), false));
    assert_eq!(at(&envelope("{\"items\":1,\"id\":\"r\"}")), (own + below("r"), false));
    // Without paths of an id.
    let series = r#"{"measurement":"m","tags":{},"fields":{"f":["f"]}}"#;
    let (line, _) = write(series, "{\"ts\":1709296496000,\"f\":1,\"id\":1}").unwrap();
    assert_eq!(line, "m f=1 1709296496000000000\n");
}

#[test]
fn a_wrong_series_is_refused_with_its_member() {
    let parse = |json: &str| {
        let mut model = model_of_times(&Environment::default()).unwrap();
        Series::parse(json, &mut model).map(drop).unwrap_err()
    };
    let with = |tags: &str, fields: &str| {
        parse(&format!("{{\"measurement\":\"m\",\"tags\":{{{tags}}},\"fields\":{{{fields}}}}}"))
    };
    let list = |count: usize, name: &str| {
        let entry = |number| format!("\"{name}{number}\":[\"a\"]");
        (0..count).map(entry).collect::<Vec<_>>().join(",")
    };
    let one = "\"f\":[\"f\"]";
    for (error, expected) in [
        (parse("[]"), "invalid"),
        (parse("{}"), "missing field `measurement`"),
        (parse(r#"{"measurement":"m","tags":{},"fields":{"f":["f"]},"x":1}"#), "unknown field `x`"),
        (
            parse(r#"{"measurement":"1m","tags":{},"fields":{"f":["f"]}}"#),
            "`measurement`: \"1m\" is not a name of 1 to 64 letters, digits and _ that begin with a letter",
        ),
        (with("\"a-b\":[\"a\"]", one), "`tags`: \"a-b\" is not a name"),
        (with("", "\"_f\":[\"a\"]"), "`fields`: \"_f\" is not a name"),
        (with("", &format!("\"{}\":[\"a\"]", "a".repeat(65))), "is not a name"),
        (with("\"a\":[\"a\"],\"a\":[\"b\"]", one), "`tags`: a is there twice"),
        (with("\"f\":[\"a\"]", one), "`fields`: f is there twice"),
        (with(&list(11, "t"), one), "`tags`: 11 tags, but at most 10 are allowed"),
        (with("", ""), "`fields`: 0 fields, but 1 to 20 are allowed"),
        (with("", &list(21, "f")), "`fields`: 21 fields, but 1 to 20 are allowed"),
        (with("\"a\":[]", one), "`a`: has an empty list"),
        (with("\"a\":[\"a.b.c\"]", one), "`a`: a.b.c: an input path has one or two segments"),
        (with("", "\"f\":[1]"), "`f`: must be a list of paths, or {\"from\""),
        (with("", "\"f\":{\"from\":[\"a\"]}"), "`f`: must be a list of paths, or {\"from\""),
        (with("", "\"f\":{\"from\":[\"a\"],\"is\":[]}"), "`f`: has an empty list"),
        (with("", "\"f\":{\"from\":[\"\"],\"is\":[\"x\"]}"), "`f`: : an input path has one or two"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_most_tags_and_fields_and_the_longest_names_are_taken() {
    let list = |count: usize, name: &str| {
        let entry = |number| format!("\"{name}{number:02}\":[\"a\",\"b.c\"]");
        (0..count).map(entry).collect::<Vec<_>>().join(",")
    };
    let (tags, fields) = (list(10, &"t".repeat(62)), list(20, &"f".repeat(62)));
    let series = format!("{{\"measurement\":\"M_1\",\"tags\":{{{tags}}},\"fields\":{{{fields}}}}}");
    let (line, _) = write(&series, "{\"a\":1,\"ts\":1709296496000}").unwrap();
    assert_eq!(line.matches('=').count(), 30);
}
