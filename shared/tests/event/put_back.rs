//! Putting an event back into its source, with the count in it.

use shared::event::{REINGESTS, Reader};

use crate::support::{document, model};

fn put_back(payload: &str, count: u32) -> String {
    let model = model(&[]);
    let mut reader = Reader::default();
    let event = reader.read(&model, payload.as_bytes()).unwrap();
    String::from_utf8(event.put_back(count, b"")).unwrap()
}

fn reingests(payload: &str) -> u32 {
    let model = model(&[]);
    let mut reader = Reader::default();
    reader.read(&model, payload.as_bytes()).unwrap().reingests()
}

#[test]
fn the_count_is_the_last_member() {
    for (payload, expected) in [
        ("{}", r#"{"__sluice_reingests":7}"#),
        ("{ }", r#"{ "__sluice_reingests":7}"#),
        ("{\n}", "{\n\"__sluice_reingests\":7}"),
        (r#"{"a":1}"#, r#"{"a":1,"__sluice_reingests":7}"#),
        (r#"{"a":1 }"#, r#"{"a":1 ,"__sluice_reingests":7}"#),
        (r#"{"a":{}}"#, r#"{"a":{},"__sluice_reingests":7}"#),
        (r#"{"a":"{"}"#, r#"{"a":"{","__sluice_reingests":7}"#),
        (
            r#"{"a":[1,{"b":2,"b":3}],"a":4}"#,
            r#"{"a":[1,{"b":2,"b":3}],"a":4,"__sluice_reingests":7}"#,
        ),
        // Text around the event is removed.
        ("\u{feff} {\"a\":1}\r\n", r#"{"a":1,"__sluice_reingests":7}"#),
        // The earlier count is removed.
        (r#"{"__sluice_reingests":2}"#, r#"{"__sluice_reingests":7}"#),
        (r#"{"a":1,"__sluice_reingests":2}"#, r#"{"a":1,"__sluice_reingests":7}"#),
        (r#"{"__sluice_reingests":2,"a":1}"#, r#"{"a":1,"__sluice_reingests":7}"#),
        (
            r#"{"a":1, "__sluice_reingests":2, "b":2, "__sluice\u005freingests":[{}]}"#,
            r#"{"a":1, "b":2,"__sluice_reingests":7}"#,
        ),
        (
            r#"{"a":{"__sluice_reingests":2}}"#,
            r#"{"a":{"__sluice_reingests":2},"__sluice_reingests":7}"#,
        ),
    ] {
        let once = put_back(payload, 7);
        assert_eq!(once, expected, "{payload}");
        assert_eq!(reingests(&once), 7);
        assert_eq!(document(&once), document(payload));
        // Again, as in the next invocation.
        assert_eq!(put_back(&once, 8), expected.replace("s\":7}", "s\":8}"));
    }
}

#[test]
fn the_arrival_goes_along_where_the_id_depends_on_it() {
    let model = model(&[]);
    let put_back = |payload: &str, arrival: &str| {
        let mut reader = Reader::default();
        let event = reader.read(&model, payload.as_bytes()).unwrap();
        String::from_utf8(event.put_back(1, arrival.as_bytes())).unwrap()
    };
    for (payload, arrival, expected) in [
        ("{}", "17", r#"{"__sluice_arrival":17,"__sluice_reingests":1}"#),
        (r#"{"a":1}"#, "17", r#"{"a":1,"__sluice_arrival":17,"__sluice_reingests":1}"#),
        (r#"{"a":1}"#, "", r#"{"a":1,"__sluice_reingests":1}"#),
        (r#"{"id":"a"}"#, "17", r#"{"id":"a","__sluice_reingests":1}"#),
        // The first arrival stays.
        (
            r#"{"a":1,"__sluice_arrival":5,"__sluice_reingests":2}"#,
            "17",
            r#"{"a":1,"__sluice_arrival":5,"__sluice_reingests":1}"#,
        ),
        (
            r#"{"__sluice_arrival":"x","a":1}"#,
            "17",
            r#"{"a":1,"__sluice_arrival":17,"__sluice_reingests":1}"#,
        ),
        // An envelope is put back unchanged.
        (
            r#"{"detail-type":"t","id":"e","detail":{}}"#,
            "17",
            r#"{"detail-type":"t","id":"e","detail":{},"__sluice_reingests":1}"#,
        ),
        (
            r#"{"detail-type":"t","detail":{},"__sluice_arrival":5}"#,
            "17",
            r#"{"detail-type":"t","detail":{},"__sluice_arrival":5,"__sluice_reingests":1}"#,
        ),
        // For a string, its content.
        (r#""{\"id\":1}""#, "17", r#"{"id":1,"__sluice_reingests":1}"#),
    ] {
        assert_eq!(put_back(payload, arrival), expected, "{payload}");
    }
    for payload in [r#"{"a":1}"#, r#"{"a":1,"__sluice_arrival":5}"#] {
        assert!(!document(payload).contains("sluice"), "{payload}");
    }
    assert_ne!(document(r#"{"a":1}"#), document(r#"{"a":1,"__sluice_arrival":5}"#));
}

#[test]
fn the_count_is_a_whole_number() {
    for (value, count) in [
        ("0", 0),
        ("3", 3),
        ("4294967295", u32::MAX),
        ("4294967296", u32::MAX),
        ("99999999999999999999999999", u32::MAX),
        ("-1", 0),
        ("1.0", 0),
        ("1e3", 0),
        ("\"3\"", 0),
        ("null", 0),
        ("true", 0),
        ("[3]", 0),
        ("{\"a\":3}", 0),
    ] {
        assert_eq!(reingests(&format!(r#"{{"{REINGESTS}":{value}}}"#)), count, "{value}");
        assert_eq!(reingests(&format!(r#"{{"a":1,"{REINGESTS}" : {value} ,"b":2}}"#)), count);
    }
    assert_eq!(reingests("{}"), 0);
    assert_eq!(reingests(r#"{"a":{"__sluice_reingests":3}}"#), 0);
    assert_eq!(reingests(r#"{"artist":{"__sluice_reingests":3}}"#), 0);
}

#[test]
fn no_duplicate_makes_the_count_smaller() {
    assert_eq!(reingests(r#"{"__sluice_reingests":3,"__sluice_reingests":1}"#), 3);
    assert_eq!(reingests(r#"{"__sluice_reingests":1,"__sluice_reingests":3}"#), 3);
    assert_eq!(reingests(r#"{"__sluice_reingests":3,"\u005f_sluice_reingests":"x"}"#), 3);
}

#[test]
fn an_action_is_one_of_a_list_by_its_meaning() {
    let model = model(&[]);
    let is_one_of = |payload: &str, actions: &[&str]| {
        let actions: Vec<_> = actions.iter().map(|action| (*action).to_owned()).collect();
        let mut reader = Reader::default();
        reader.read(&model, payload.as_bytes()).unwrap().action_is_one_of(&actions)
    };
    for (payload, action) in [
        (r#"{"event_type":"ping"}"#, "ping"),
        (r#"{"type":"ping"}"#, "ping"),
        (r#"{"type":"p\u0069ng"}"#, "ping"),
        (r#"{"type":"\ud55c\uad6d"}"#, "한국"),
        (r#"{"type":""}"#, ""),
        (r#"{"type":1.50}"#, "1.50"),
        (r#"{"type":true}"#, "true"),
        (r#"{"type":"x","type":"ping"}"#, "ping"),
        (r#"{"event_type":{},"type":"ping"}"#, "ping"),
    ] {
        assert!(is_one_of(payload, &["pong", action]), "{payload}");
        assert!(!is_one_of(payload, &["pong", "Ping", "pin", "pings"]), "{payload}");
        assert!(!is_one_of(payload, &[]), "{payload}");
    }
    for payload in ["{}", r#"{"type":null}"#, r#"{"type":{}}"#, r#"{"action":"x","type":"ping"}"#] {
        assert!(!is_one_of(payload, &["ping", ""]), "{payload}");
    }
}
