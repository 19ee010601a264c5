use serde_json::json;

use super::message::{MAX_BYTES, Message};
use super::*;

fn with(name: &str, value: Value) -> Value {
    let mut notice = json!({
        "sluice": "notice", "version": 1, "source": "warehouse-watch", "kind": "long_query",
        "state": "ALARM", "title": "Query 7", "thread": "query/7", "at": "2024-03-01T12:50:00Z",
        "facts": [{"label": "User", "value": "etl"}],
    });
    notice[name] = value;
    notice
}

#[test]
fn unknown_and_missing_optional_members_do_not_matter() {
    let notice = Notice::parse(&with("severity", json!({"a": [1]}))).unwrap();
    assert_eq!((notice.text.as_ref(), notice.since.as_ref()), (None, None));
    for optional in ["since", "text", "facts", "lines", "links"] {
        let mut other = Notice::parse(&with(optional, Value::Null)).unwrap();
        other.facts.clone_from(&notice.facts);
        assert_eq!(other, notice, "{optional}");
    }
    let since = Notice::parse(&with("since", json!("2024-03-01T13:50:00+09:00"))).unwrap();
    assert_eq!(since.since.as_deref(), Some("2024-03-01T13:50:00+09:00"));
}

#[test]
fn anything_else_is_not_a_notice() {
    for (name, value) in [
        ("sluice", json!("Notice")),
        ("version", Value::Null),
        ("version", json!(2)),
        ("version", json!("1")),
        ("state", json!("alarm")),
        ("state", json!("INSUFFICIENT_DATA")),
        ("title", json!(" ")),
        ("title", json!(["Query 7"])),
        ("thread", json!("")),
        ("at", json!("today")),
        ("at", json!(1_709_297_400)),
        ("at", json!("1709297400")),
        ("since", json!("2024-03-01")),
        ("facts", json!([{"label": "User"}])),
        ("facts", json!({"User": "etl"})),
        ("lines", json!("select 1")),
        ("links", json!(["https://console.example.com"])),
    ] {
        let notice = with(name, value);
        assert_eq!(Notice::parse(&notice), None, "{notice}");
    }
    let mut unversioned = with("kind", json!("long_query"));
    unversioned.as_object_mut().unwrap().remove("version");
    assert_eq!(Notice::parse(&unversioned), None);
}

#[test]
fn the_id_is_that_of_source_kind_thread_state_and_time() {
    let id = |name, value| Notice::parse(&with(name, value)).unwrap().id();
    let own = id("text", json!("a"));
    assert_eq!(own, id("text", json!("b")));
    assert_eq!(own, id("title", json!("Query 7 is slow")));
    for (name, value) in [
        ("source", json!("data-checks")),
        ("kind", json!("lock")),
        ("thread", json!("query/8")),
        ("state", json!("OK")),
        ("at", json!("2024-03-01T12:50:01Z")),
    ] {
        assert_ne!(own, id(name, value), "{name}");
    }
}

/// The message of a notice with these members.
fn message(members: &Value) -> Message {
    let mut notice = with("facts", json!([]));
    notice.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Message::of(Notice::parse(&notice).unwrap())
}

fn published(members: &Value) -> Value {
    let message = message(members);
    assert!(message.json.len() <= MAX_BYTES, "{}", message.json.len());
    // Amazon SNS accepts 262,144 bytes.
    assert!(message.structure().to_string().len() < 200_000);
    let json = serde_json::from_str(&message.json).unwrap();
    assert!(Notice::parse(&json).is_some(), "{json}");
    json
}

#[test]
fn is_published_as_text_for_mail_and_as_json_for_lambda() {
    let members = json!({
        "title": "Query 7 runs for 1 h", "since": "2024-03-01T11:50:00Z", "text": "select 1\nfrom a",
        "facts": [{"label": "User", "value": "etl"}, {"label": "Type", "value": "read"}],
        "lines": ["one", "two\nthree"],
        "links": [{"text": "Query", "url": "https://console.test/7"}],
    });
    let message = message(&members);
    assert_eq!(message.subject, "Query 7 runs for 1 h");
    let expected = "Query 7 runs for 1 h\n\nselect 1\nfrom a\n\nUser: etl\nType: read\n\n    one\n    \
                    two\n    three\n\nQuery: https://console.test/7";
    assert_eq!(message.text, expected);
    let mut notice = with("facts", json!([]));
    notice.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    assert_eq!(published(&members), notice);
    let expected = json!({"default": expected, "email": expected, "lambda": message.json});
    assert_eq!(message.structure(), expected);
    // Missing members are left out.
    assert_eq!(published(&json!({"facts": []})), with("facts", json!([])));
}

#[test]
fn a_subject_is_short_ascii_without_control_characters() {
    for (title, expected) in [
        ("재생\n실패: naïve\tflow", "?? ??: na?ve flow".to_owned()),
        (" a\u{7f}b ", "a b".to_owned()),
        (&"a".repeat(200), "a".repeat(99)),
        ("\u{1}", "warehouse-watch long_query".to_owned()),
    ] {
        assert_eq!(message(&json!({"title": title})).subject, expected);
    }
}

#[test]
fn no_text_from_outside_takes_the_place_of_another() {
    let hostile = "a\u{1b}]8;;https://evil.test\u{7}\u{202e}b\r\n\u{2028}Password: c\u{9b}2J";
    let members = json!({
        "title": hostile, "thread": hostile,
        "facts": [{"label": hostile, "value": hostile}, {"label": "User", "value": "etl"}],
        "lines": [hostile],
        "links": [
            {"text": hostile, "url": "https://a.test/7"},
            {"text": "b", "url": "https://a.test/\u{202e}7"},
            {"text": "c", "url": "https://a.test/\nPassword: d"},
        ],
    });
    let message = message(&members);
    let line = "a ]8;;https://evil.test b  Password: ***";
    let lines = ["a ]8;;https://evil.test b", "", "Password: ***"];
    let [first, second, third] = lines;
    // The text after a label like this one is a secret.
    let expected = format!(
        "{line}\n\n{line}: \nUser: etl\n\n    {first}\n    {second}\n    {third}\n\n{line}: https://a.test/7"
    );
    assert_eq!(message.text, expected);
    assert_eq!(message.subject, line);
    let is_controlled = |c: char| c != '\n' && (c.is_control() || crate::text::is_directional(c));
    assert!(!message.json.contains(is_controlled), "{}", message.json);
    assert!(!message.json.contains("\\u"), "nor as an escape: {}", message.json);
}

#[test]
fn secrets_are_masked_in_every_part() {
    let secret = "hunter2hunter2";
    let members = json!({
        "title": format!("failed with password={secret}"),
        "thread": format!("pipeline/token={secret}"),
        "text": format!("Authorization: Basic {secret}"),
        "facts": [{"label": "API key", "value": secret}, {"label": "Error", "value": "KeyError: 'x'"}],
        "lines": [format!("sent Bearer {secret}")],
        "links": [
            {"text": "Run", "url": format!("https://a.test/?token={secret}")},
            {"text": "Log", "url": "https://a.test/log"},
        ],
    });
    let all = format!("{:?}", message(&members));
    assert!(!all.contains(secret), "{all}");
    assert!(all.contains("KeyError: 'x'") && all.contains("API key: ***"), "{all}");
    assert_eq!(published(&members)["links"], json!([{"text": "Log", "url": "https://a.test/log"}]));
}

#[test]
fn lines_are_cut_first_and_say_so() {
    let lines: Vec<_> = (0..50).map(|at| format!("{at} {}", "\u{1f3b5}\"".repeat(400))).collect();
    let notice = published(&json!({"lines": lines, "text": "short"}));
    let kept = notice["lines"].as_array().unwrap();
    let missing = 51 - kept.len();
    let note = format!("{missing} of 50 lines are missing: a notice has at most 32,000 bytes");
    assert_eq!(kept[0], note);
    assert_eq!(kept[1], lines[missing]);
    assert_eq!(kept.last().unwrap(), &lines[49]);
    assert_eq!(notice["text"], "short");
    // Another line would not fit.
    assert!(notice.to_string().len() + lines[0].len() > MAX_BYTES);
}

#[test]
fn then_the_text_is_cut_and_says_so() {
    let text = "재생 \"실패\"\n".repeat(5_000);
    let notice = published(&json!({"lines": ["one", "two"], "text": text}));
    let note = "2 of 2 lines are missing: a notice has at most 32,000 bytes";
    assert_eq!(notice["lines"], json!([note]));
    let (kept, note) = notice["text"].as_str().unwrap().rsplit_once("…\n").unwrap();
    let total = text.trim().chars().count();
    let missing = total - kept.chars().count();
    assert!(text.starts_with(kept), "{kept}");
    let expected =
        format!("{missing} of {total} characters are missing: a notice has at most 32,000 bytes");
    assert_eq!(note, expected);
    assert!(notice.to_string().len() > MAX_BYTES - 10);
}

#[test]
fn whatever_is_too_long_fits() {
    let long = "\"".repeat(70_000);
    let facts: Vec<_> =
        (0..200).map(|at| json!({"label": format!("{at}{long}"), "value": long})).collect();
    let links: Vec<_> = (0..20).map(|_| json!({"text": long, "url": "https://a.test/"})).collect();
    let notice = published(&json!({
        "title": long, "thread": long, "text": long, "lines": [long], "facts": facts, "links": links,
    }));
    assert_eq!(notice["thread"].as_str().unwrap().len(), 64);
}

#[test]
fn every_notice_fits_and_stays_one() {
    let text = "[a-z\"\\\\\n\u{0}\u{1f3b5}]{0,4000}";
    let members = (text, proptest::collection::vec(text, 0..30), "[a-zé\u{0}]{1,400}");
    testkit::holds(64, &members, |(text, lines, title)| {
        published(&json!({"text": text, "lines": lines, "title": format!("t{title}")}));
    });
}
