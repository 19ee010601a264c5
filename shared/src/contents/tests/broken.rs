//! Malformed parts, and the events around them.

use std::cell::RefCell;

use proptest::prelude::*;
use serde_json::json;
use testkit::holds;

use super::*;
use crate::config::Environment;
use crate::event::{self, Reader};

#[test]
fn after_an_element_whose_end_is_not_known_the_array_is_read_on_where_it_can_be() {
    let (a, c, d) = (r#"{"a":1}"#, r#"{"c":3}"#, "4");
    for broken in [
        r#"{"b":"q"uote"}"#,
        r#"{"b":"x}"#,
        r#"{"b":2"#,
        r#"{"b":2]"#,
        r#"{"b":"q"uote","list":[{"x":1},{"x":2}]}"#,
    ] {
        for array in [format!("[{a},{broken},{c},{d}]"), format!("[{a},{broken} ,\n{c} , {d} ]")] {
            assert_eq!(events(&array).unwrap(), [a, broken, c, d], "{array}");
        }
        assert_eq!(events(&format!("[{broken},{c}]")).unwrap(), [broken, c], "{broken}");
        // With line breaks more events are found, also in a truncated array.
        let open = "{\"o\":{";
        let lines = format!("[\n{a},\n{broken},\n{c},\n{open},\n{a}\n]");
        assert_eq!(events(&lines).unwrap(), [a, broken, c, open, a], "{broken}");
        let cut_off = format!("[\n{a},\n{broken},\n{c},\n{{\"d");
        assert_eq!(events(&cut_off).unwrap(), [a, broken, c, "{\"d"], "{broken}");
    }
    let many = format!("[{{\"b\":\"q\"uote\"}}{}]", format!(",{a},x").repeat(MANY));
    assert_eq!(events(&many).unwrap().len(), 1, "tried a hundred times");
}

/// More positions than those from which a malformed array is read again.
const MANY: usize = 1_000;

/// The separator between the pieces of a body, and whether they are in an array.
const FORMS: [&str; 7] = ["\n", "\r\n", " ", "", "[,", "[,\n", "[,]"];

/// Pieces of bodies.
fn pieces() -> impl Strategy<Value = Vec<String>> {
    let event = |id: u8| format!("{{\"event_id\":\"{id}\"}}");
    let piece = (0..9_u8, any::<u8>()).prop_map(move |(kind, id)| match kind {
        0..=2 => json!(event(id)).to_string(),
        3 | 4 => event(id),
        5 => "broken".to_owned(),
        6 => "\"{\\\"event".to_owned(),
        7 => format!("{} x", json!(event(id))),
        _ => "\"text\"".to_owned(),
    });
    prop::collection::vec(piece, 1..8)
}

#[test]
fn what_is_found_again_is_all_of_the_text_and_the_same_before_what_is_refused() {
    let model = event::model(&Environment::default()).unwrap();
    let mut reader = Reader::default();
    let mut read = |contents: &mut Contents| {
        let count = contents.count();
        let is_read = |at: &usize| {
            let found = contents.event(*at);
            found.is_some_and(|(event, _)| reader.read(&model, event).is_ok())
        };
        (0..count).take_while(is_read).count()
    };
    let read = RefCell::new(&mut read);
    holds(2_000, &(pieces(), prop::sample::select(&FORMS[..])), |(pieces, form)| {
        let body = match form {
            "[," | "[,\n" => format!("[{}", pieces.join(&form[1..])),
            "[,]" => format!("[{}]", pieces.join(",")),
            between => pieces.join(between),
        };
        let mut contents = Contents::default();
        contents.open(|text| text.extend_from_slice(body.as_bytes())).unwrap();
        let (found, good) = (contents.events.clone(), read.borrow_mut()(&mut contents));
        contents.look_again();
        assert_eq!(contents.events[..good], found[..good], "{body}");
        let mut after = contents.inside.start;
        let end = Span { start: contents.inside.end, end: contents.inside.end };
        for event in contents.events.iter().chain([&end]) {
            let between = str::from_utf8(&contents.text[after..event.start]).unwrap();
            assert!(between.chars().all(|it| " \r\n,[]".contains(it)), "{body}: {between}");
            after = event.end;
        }
        // If one line is an event, the others are known to be lines.
        let is_event = |piece: &String| piece.ends_with('}') || piece.ends_with("}\"");
        if form.ends_with('\n') && !form.starts_with('[') && pieces.iter().any(is_event) {
            assert!(contents.count() >= pieces.len(), "{body}");
        }
    });
}

#[test]
fn strings_that_hold_events_are_found_like_events() {
    let [a, b] = [r#"{"a":1}"#, r#"{"b":2}"#].map(|event| json!(event).to_string());
    for broken in ["broken", "{\"x\":1}}", "5", "\"x\"", "\"{\\\"x", "\"x"] {
        let lines = format!("{a}\n{broken}\n{b}");
        assert_eq!(events(&lines).unwrap(), [&*a, broken, &b], "{lines}");
    }
    for broken in ["broken", "{\"x\":1}}", "5", "\"x\""] {
        let array = format!("[{a},{broken},{b}]");
        assert_eq!(events(&array).unwrap(), [&*a, broken, &b], "{array}");
    }
    assert_eq!(events(&format!("{a}{b}")).unwrap(), [&*a, &b]);
    assert_eq!(events(&format!("{a} x\n{{")).unwrap(), [&*a, "x\n{"]);
    assert_eq!(events(&format!("[{a},{b},\"{{")).unwrap(), [&*a, &b, "\"{"]);
    // A string is not an event.
    assert_eq!(events("\"x\"\nbroken").unwrap(), ["\"x\"\nbroken"]);
}
