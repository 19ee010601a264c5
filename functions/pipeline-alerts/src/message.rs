//! Notices of calls that are not events of Prefect.

use jiff::Timestamp;
use serde_json::Value;
use shared::notice::{Notice, State};
use uuid::Uuid;

use crate::event::Event;
use crate::notices::{MAX_TEXT, SOURCE, beginning, first_text, masked};

/// Maximum size of a body that is parsed, 1 MiB; of a larger one, only the beginning is used.
const MAX_BODY_BYTES: usize = 1_048_576;

/// Maximum length of a title that is the first line of a text, in characters.
const MAX_TITLE: usize = 100;

/// The payload of Prefect's webhook action; by default, it has none.
const NO_BODY: &str = "The call has no body. If it is of Prefect's webhook action, set the payload of the \
                       action's webhook block to:\n{{ event.model_dump_json() }}";

/// A call's body.
#[derive(Debug)]
pub(crate) struct Body {
    text: String,
    value: Option<Value>,
}

impl Body {
    /// Reads a body, as JSON if it is JSON of at most 1 MiB. Invalid UTF-8 is replaced.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_BODY_BYTES)]);
        let text = text.trim_start_matches('\u{feff}').trim().to_owned();
        let is_small = bytes.len() <= MAX_BODY_BYTES;
        let value = if is_small { serde_json::from_str(&text).ok() } else { None };
        Self { text, value }
    }

    /// The event of Prefect, if the body is one.
    pub(crate) fn event(&self) -> Option<Event<'_>> {
        Event::parse(self.value.as_ref()?)
    }

    /// The id of the flow run in the body, in the form of Prefect's notification blocks.
    pub(crate) fn flow_run_id(&self) -> Option<Uuid> {
        let uuid = |rest: &str| {
            let start = rest.trim_start_matches(['\\', '"', '\'', ' ', ':', '=']);
            Uuid::try_parse(start.get(..36)?).ok()
        };
        let after = |name: &str| {
            self.text.match_indices(name).find_map(|(at, _)| uuid(&self.text[at + name.len()..]))
        };
        after("flow_run_id").or_else(|| after("flow-run/"))
    }

    /// The notice of the body.
    pub(crate) fn notice(&self, at: Timestamp) -> Notice {
        let (title, text, state, thread) = self.parts();
        Notice {
            source: SOURCE.to_owned(),
            kind: "message".to_owned(),
            state,
            thread: format!("pipeline/{}", thread.unwrap_or(&title)),
            title,
            at: at.to_string(),
            since: None,
            text: Some(text),
            facts: Vec::new(),
            lines: Vec::new(),
            links: Vec::new(),
        }
    }

    fn parts(&self) -> (String, String, State, Option<&str>) {
        if self.text.is_empty() {
            return ("A call without a body".to_owned(), NO_BODY.to_owned(), State::Info, None);
        }
        let value = self.value.as_ref().filter(|value| value.is_object()).unwrap_or(&Value::Null);
        let given = first_text(value, &["text", "body", "message"]);
        let text = beginning(&masked(given.unwrap_or(&self.text)), MAX_TEXT);
        let title = match first_text(value, &["title", "subject", "summary"]) {
            Some(title) => masked(title),
            None => beginning(first_line(&text), MAX_TITLE),
        };
        let state = match value["state"].as_str() {
            Some("ALARM") => State::Alarm,
            Some("OK") => State::Ok,
            _ => State::Info,
        };
        (title, text, state, first_text(value, &["thread"]))
    }
}

/// The first meaningful line: the first line of formatted JSON is only a bracket.
fn first_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.chars().any(char::is_alphanumeric)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use testkit::code_blocks;

    use super::*;

    fn notice(body: impl AsRef<[u8]>) -> Notice {
        Body::read(body.as_ref()).notice(Timestamp::UNIX_EPOCH)
    }

    fn told(body: impl AsRef<[u8]>) -> (String, String, State, String) {
        let Notice { title, text, state, thread, .. } = notice(body);
        (title, text.unwrap_or_default(), state, thread)
    }

    fn expected(
        title: &str,
        text: &str,
        state: State,
        thread: &str,
    ) -> (String, String, State, String) {
        (title.to_owned(), text.to_owned(), state, thread.to_owned())
    }

    #[test]
    fn an_object_has_title_text_state_and_thread() {
        for (body, title, text, state, thread) in [
            (json!({"title": "a", "text": "b"}), "a", "b", State::Info, "a"),
            (json!({"subject": "a", "body": "b", "state": "ALARM"}), "a", "b", State::Alarm, "a"),
            (json!({"summary": "a", "message": "b", "state": "OK"}), "a", "b", State::Ok, "a"),
            (
                json!({"title": "a", "subject": "x", "text": "b", "body": "x"}),
                "a",
                "b",
                State::Info,
                "a",
            ),
            (
                json!({"title": "a", "text": "b", "thread": "t", "state": "INFO"}),
                "a",
                "b",
                State::Info,
                "t",
            ),
            (json!({"title": "a", "text": "b", "state": "alarm"}), "a", "b", State::Info, "a"),
            (json!({"title": "", "text": "b\nc", "state": 7}), "b", "b\nc", State::Info, "b"),
            (
                json!({"title": 7, "subject": "a", "text": null, "message": "b"}),
                "a",
                "b",
                State::Info,
                "a",
            ),
        ] {
            let expected = expected(title, text, state, &format!("pipeline/{thread}"));
            assert_eq!(told(body.to_string()), expected, "{body}");
        }
    }

    #[test]
    fn anything_else_is_told_as_it_is() {
        let only_title = r#"{"title":"a","n":1}"#;
        assert_eq!(told(only_title), expected("a", only_title, State::Info, "pipeline/a"));
        for body in ["load failed\nat 3", "[1]", "7", "\"load\"", "{\"a\": 1", "{\"a\":\n1}"] {
            let title = body.lines().next().unwrap();
            let expected = expected(title, body, State::Info, &format!("pipeline/{title}"));
            assert_eq!(told(body), expected);
        }
        assert_eq!(told("{\n  \"a\": 1\n}").0, "\"a\": 1");
        assert_eq!(told("!!").0, "!!");
        assert_eq!(told(b"caf\xe9 \xff").1, "caf\u{fffd} \u{fffd}");
    }

    #[test]
    fn long_texts_are_cut() {
        let (title, text, ..) = told("가".repeat(5_000));
        assert_eq!((title.chars().count(), text.chars().count()), (100, 4_000));
    }

    #[test]
    fn an_empty_body_is_told_with_the_payload_to_set() {
        for body in ["", " \n", "\u{feff}"] {
            let (title, text, state, _) = told(body);
            assert_eq!((&*title, state), ("A call without a body", State::Info));
            assert!(text.ends_with("\n{{ event.model_dump_json() }}"), "{text}");
        }
    }

    #[test]
    fn what_is_too_large_too_deep_or_cut_off_is_text() {
        let event = r#"{"event":"a","resource":{"prefect.resource.id":"b"}"#;
        let deep = format!("{event},\"c\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let large = format!("{event},\"c\":\"{}\"}}", "x".repeat(MAX_BODY_BYTES));
        for body in [event, &deep, &large] {
            assert!(Body::read(body.as_bytes()).event().is_none());
            assert!(told(body).1.starts_with(event));
        }
        let fits = MAX_BODY_BYTES - event.len() - r#","c":""}"#.len();
        let fits = format!("{event},\"c\":\"{}\"}}", "x".repeat(fits));
        assert!(Body::read(fits.as_bytes()).event().is_some());
    }

    #[test]
    fn a_flow_run_is_found_as_notification_blocks_name_it() {
        let id = "fb1424a4-9c94-414f-ace3-0e8ae6b3e070";
        let found = |body: String| Body::read(body.as_bytes()).flow_run_id();
        for body in [
            format!(r#"{{"flow_run_id":"{id}"}}"#),
            format!(r#"{{"a":"{{\"flow_run_id\": \"{id}\"}}"}}"#),
            format!("flow_run_id = {id}"),
            format!("http://prefect.test/runs/flow-run/{id}\nflow-run/x"),
            format!("flow-run/x http://prefect.test/flow-runs/flow-run/{id}?a=b"),
        ] {
            assert_eq!(found(body.clone()), Some(Uuid::try_parse(id).unwrap()), "{body}");
        }
        for body in [
            id.to_owned(),
            format!("task-run/{id}"),
            format!("flow-run/{}", &id[1..]),
            format!("flow_run_id of {id}"),
            "flow-run/재생재생재생재생재생재생재생재생재생재생".to_owned(),
        ] {
            assert_eq!(found(body.clone()), None, "{body}");
        }
    }

    #[test]
    fn the_calls_of_the_document_are_understood() {
        let document = include_str!("../../../docs/connect.md");
        let shell = code_blocks(document, "sh").concat();
        let (_, body) = shell.split_once("URL -d '").unwrap();
        let (body, _) = body.split_once('\'').unwrap();
        let backup = expected("Backup failed", body, State::Alarm, "pipeline/backup");
        assert_eq!(told(body), backup);
        // Each member of the callback for Airflow has an effect.
        let python = code_blocks(document, "python").concat();
        let (_, members) = python.split_once("json={\n").unwrap();
        let (members, _) = members.split_once("\n        },").unwrap();
        let names = members.lines().map(|line| line.split('"').nth(1).unwrap());
        let values: BTreeMap<_, _> = names.map(|name| (name, "ALARM")).collect();
        let all = expected("ALARM", "ALARM", State::Alarm, "pipeline/ALARM");
        assert_eq!(told(serde_json::to_string(&values).unwrap()), all);
    }

    #[test]
    fn a_secret_is_masked_before_its_text_is_cut() {
        // If it were cut before masking, `ada:hush` would not be recognized as user and password.
        let body = format!("{} https://ada:hush-hush@host/", "x".repeat(3_970));
        let notice = notice(body);
        assert!(!notice.text.unwrap().contains("hush"));
        assert_eq!(told("password=hushhush").3, "pipeline/password=***");
    }
}
