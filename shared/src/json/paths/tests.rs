use super::*;

/// The values at these paths, as written, starting at `start`; empty for a missing value.
fn values<'a>(text: &'a str, start: usize, paths: &[&str]) -> Vec<&'a str> {
    let mut compiled = Paths::default();
    for (number, path) in paths.iter().enumerate() {
        compiled.add(path.split('.'), number);
    }
    let mut found = vec![Found::NOTHING; paths.len()];
    compiled.find(text.as_bytes(), start, &mut found, &mut Vec::new());
    let value = |found: &Found| match found.kind {
        Kind::Null => "",
        _ => &text[found.span.start..found.span.end],
    };
    found.iter().map(value).collect()
}

#[test]
fn finds_texts_numbers_and_booleans() {
    let text = r#"{"a":"x","b":{"c":-1.50,"d":{"e":true}},"f":1e2}"#;
    assert_eq!(values(text, 0, &["f", "b.d.e", "b.c", "a"]), ["1e2", "true", "-1.50", "x"]);
}

#[test]
fn finds_nothing_at_other_values_and_where_nothing_is() {
    let text = r#"{"a":null,"b":{"c":[1,{"c":2}]},"d":"x","e":{"f":{}}}"#;
    let paths = ["a", "b", "b.c", "b.c.c", "d.e", "e.f", "g"];
    assert_eq!(values(text, 0, &paths), [""; 7]);
}

#[test]
fn a_path_can_end_where_another_goes_on() {
    assert_eq!(values(r#"{"a":{"b":1}}"#, 0, &["a", "a.b"]), ["", "1"]);
    assert_eq!(values(r#"{"a":1}"#, 0, &["a", "a.b"]), ["1", ""]);
    assert_eq!(values(r#"{"a":{"b":{"c":1}},"d":2}"#, 0, &["a.b", "d", "a.b.c"]), ["", "2", "1"]);
}

#[test]
fn passes_all_that_is_not_looked_for() {
    let skipped = r#"[1,"]}",{"x":[{}],"a":"\"}"}], "c" : {"x":{"a":0},"y":"{"} , "d":false"#;
    let text = format!(r#"{{"b":{skipped}, "a" : {{ "x":[], "y" : 7 , "z":{{}} }} , "e":8 }}"#);
    assert_eq!(values(&text, 0, &["a.y", "e"]), ["7", "8"]);
}

#[test]
fn compares_the_meaning_of_keys() {
    let text = r#"{"\u0061":1,"b\"":{"\u0063":2},"한":3}"#;
    assert_eq!(values(text, 0, &["a", "b\".c", "한"]), ["1", "2", "3"]);
}

#[test]
fn begins_at_a_member_and_ends_with_the_object() {
    let text = r#"{"a":{"b":1},"c":{"b":2},"d":3} {"e":4}"#;
    assert_eq!(values(text, 12, &["a.b", "c.b", "d", "e"]), ["", "2", "3", ""]);
}

#[test]
fn looks_no_further_than_it_needs() {
    // The rest is not even JSON.
    for (text, path, value) in [
        (r#"{"a":1,!"#, "a", "1"),
        (r#"{"a":{"b":"x"!"#, "a.b", "x"),
        (r#"{"a":[]!"#, "a.b", ""),
        (r#"{"a":{"c":1}!"#, "a.b", ""),
    ] {
        assert_eq!(values(text, 0, &[path]), [value], "{text}");
    }
}

#[test]
fn ends_with_the_text() {
    let text = r#"{"a":{"b":[1,"x\"y"]},"c":2}"#;
    for end in 0..text.len() {
        assert_eq!(values(&text[..end], 0, &["c"]), [""]);
    }
    assert_eq!(values(text, 0, &["c"]), ["2"]);
}
