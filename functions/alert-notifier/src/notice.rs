//! A notice of another function of the suite.
//!
//! A function that detects something publishes a notice to the SNS topic of the alerts; this
//! function posts it as a card.

use serde::Deserialize;
use serde_json::Value;

use crate::identity::digest;
use crate::moment;

/// The version of notices that this function reads.
const VERSION: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Notice {
    version: u64,
    /// The function that published it.
    pub(crate) source: String,
    /// What it detects, such as `long_query`.
    pub(crate) kind: String,
    pub(crate) state: State,
    pub(crate) title: String,
    /// Stable key of the subject: notices with the same key are in one thread.
    pub(crate) thread: String,
    /// When it happened, RFC 3339.
    at: String,
    /// Since when, RFC 3339.
    since: Option<String>,
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) facts: Vec<Fact>,
    /// Lines of a log or of a query.
    pub(crate) lines: Option<Vec<String>>,
    pub(crate) links: Option<Vec<Link>>,
}

/// The state of a notice's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Alarm,
    Ok,
    Info,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) url: String,
}

impl Notice {
    /// Parses a notice. `None` if the value is not a notice of this version: members of another
    /// type, an unknown state, or times that are not RFC 3339.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        if value.get("sluice")? != "notice" {
            return None;
        }
        let notice = Self::deserialize(value).ok()?;
        let is_time = |text: &String| moment::parse_ms(text).is_some();
        let is_valid = notice.version == VERSION
            && is_time(&notice.at)
            && notice.since.iter().all(is_time)
            && ![&notice.title, &notice.thread].iter().any(|text| text.trim().is_empty());
        is_valid.then_some(notice)
    }

    /// Returns the id under which the notice is posted. Two notices of the same source, kind,
    /// thread, state and time are one notice.
    pub(crate) fn id(&self) -> String {
        let state = match self.state {
            State::Alarm => "ALARM",
            State::Ok => "OK",
            State::Info => "INFO",
        };
        digest([&self.source, &self.kind, &self.thread, state, &self.at])
    }

    /// Returns when it happened, in milliseconds since 1970.
    pub(crate) fn at_ms(&self) -> Option<u64> {
        moment::parse_ms(&self.at)
    }

    /// Returns since when, in milliseconds since 1970.
    pub(crate) fn since_ms(&self) -> Option<u64> {
        moment::parse_ms(self.since.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        assert_eq!((notice.text.as_ref(), notice.lines.as_ref()), (None, None));
        assert_eq!((notice.at_ms(), notice.since_ms()), (Some(1_709_297_400_000), None));
        assert_eq!(Notice::parse(&with("lines", Value::Null)), Some(notice));
        let since = Notice::parse(&with("since", json!("2024-03-01T13:50:00+09:00"))).unwrap();
        assert_eq!(since.since_ms(), Some(1_709_268_600_000));
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
}
