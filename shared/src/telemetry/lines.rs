//! Events of `tracing` as lines of JSON.
//!
//! `tracing-subscriber` also does this, but is prepared for spans of thousands of threads, which
//! causes a tenth of a cold start's page faults. A function has one thread and no spans.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer as _};
use serde_json::Serializer;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::event::Timestamp;
use crate::text::escaped_json;
use crate::time;

/// Writes the events of `function` and of this crate at `level` and above, and warnings and errors
/// of all others, if `level` includes these.
pub(super) struct Lines {
    /// The name of the function's crate.
    pub(super) function: &'static str,
    pub(super) level: Level,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The SDK logs an ERROR when it cannot close a connection that it did not open: every 5xx
        // answer would look like a defect.
        if metadata.target() == "aws_smithy_runtime::client::http::connection_poisoning" {
            return false;
        }
        let krate = metadata.target().split("::").next().unwrap_or_default();
        let own = [self.function, env!("CARGO_CRATE_NAME")].contains(&krate);
        let level = if own { self.level } else { self.level.min(Level::WARN) };
        metadata.is_event() && *metadata.level() <= level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.into())
    }

    fn event(&self, event: &Event<'_>) {
        if let Ok(line) = line(event, time::now()) {
            // The line is written in one piece. A failure to write cannot be logged.
            drop(io::stderr().write_all(&line));
        }
    }

    // No span is enabled.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The line, with its newline.
fn line(event: &Event<'_>, now: Timestamp) -> serde_json::Result<Vec<u8>> {
    let mut time = Vec::new();
    now.write(&mut time);
    let mut line = Vec::new();
    let mut serializer = Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", &String::from_utf8_lossy(&time))?;
    map.serialize_entry("level", event.metadata().level().as_str())?;
    let mut members = Members { map, result: Ok(()) };
    event.record(&mut members);
    members.result?;
    members.map.serialize_entry("target", event.metadata().target())?;
    members.map.end()?;
    line.push(b'\n');
    // Readers of logs may use terminals.
    Ok(match escaped_json(&String::from_utf8_lossy(&line)) {
        Cow::Owned(escaped) => escaped.into_bytes(),
        Cow::Borrowed(_) => line,
    })
}

/// An event's fields, as members of an object.
struct Members<M: SerializeMap> {
    map: M,
    result: Result<(), M::Error>,
}

impl<M: SerializeMap> Members<M> {
    fn member(&mut self, field: &Field, value: impl Serialize) {
        if self.result.is_ok() {
            self.result = self.map.serialize_entry(field.name(), &value);
        }
    }
}

impl<M: SerializeMap> Visit for Members<M> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, format_args!("{value:?}"));
    }
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.member(field, format_args!("{value}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, value);
    }
    fn record_i128(&mut self, field: &Field, value: i128) {
        self.member(field, value);
    }
    fn record_u128(&mut self, field: &Field, value: u128) {
        self.member(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::subscriber::with_default;

    use super::*;

    /// Keeps the lines that would be written.
    struct Kept(Lines, Arc<Mutex<Vec<u8>>>);

    impl Subscriber for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.0.enabled(metadata)
        }
        fn max_level_hint(&self) -> Option<LevelFilter> {
            self.0.max_level_hint()
        }
        fn event(&self, event: &Event<'_>) {
            let now = Timestamp::from_nanos(1_709_296_496_789_012_000).unwrap();
            self.1.lock().unwrap().extend(line(event, now).unwrap());
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            panic!("{span:?}")
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    /// The lines that are written for the events of `log`.
    fn lines(level: Level, log: impl FnOnce()) -> String {
        let kept = Arc::default();
        with_default(Kept(Lines { function: "f", level }, Arc::clone(&kept)), log);
        String::from_utf8(kept.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_has_time_level_fields_and_where_it_comes_from() {
        let text = lines(Level::INFO, || {
            let error = io::Error::other("a \"b\"\n");
            tracing::info!(target: "f::g", request_id = "7", count = 3, %error, "it\u{1b}\u{202e}s");
        });
        assert_eq!(
            text,
            concat!(
                r#"{"timestamp":"2024-03-01T12:34:56.789012Z","level":"INFO","message":"it\u001b\u202es","#,
                r#""request_id":"7","count":3,"error":"a \"b\"\n","target":"f::g"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn values_keep_their_types() {
        let text = lines(Level::INFO, || {
            let error: &(dyn Error + 'static) = &io::Error::other("e");
            tracing::info!(
                target: "f",
                bool = true,
                float = 0.5,
                nan = f64::NAN,
                negative = -1_i64,
                wide = 7_u128,
                none = None::<&str>,
                some = Some("s"),
                debug = ?Some("s"),
                error,
            );
        });
        assert_eq!(
            text.parse::<Value>().unwrap(),
            json!({
                "timestamp": "2024-03-01T12:34:56.789012Z", "level": "INFO", "target": "f",
                "bool": true, "float": 0.5, "nan": null, "negative": -1, "some": "s",
                "wide": 7,
                "debug": "Some(\"s\")", "error": "e",
            })
        );
    }

    #[test]
    fn only_sluice_logs_in_detail() {
        let log = || {
            tracing::debug!(target: "f", "1");
            tracing::trace!(target: "f", "-");
            tracing::debug!(target: "f::g", "2");
            tracing::debug!(target: "shared::g", "3");
            tracing::debug!(target: "fg", "-");
            tracing::info!(target: "hyper", "-");
            tracing::warn!(target: "hyper::client", "4");
            tracing::error!(target: "hyper", "5");
            tracing::error!(target: "aws_smithy_runtime::client::http::connection_poisoning", "-");
            let _entered = tracing::error_span!(target: "f", "-").entered();
        };
        let messages = |level| {
            let lines = lines(level, log);
            let values = lines.lines().map(|line| line.parse::<Value>().unwrap());
            values.map(|line| line["message"].as_str().unwrap().to_owned()).collect::<String>()
        };
        assert_eq!(messages(Level::DEBUG), "12345");
        assert_eq!(messages(Level::INFO), "45");
        assert_eq!(messages(Level::ERROR), "5");
    }
}
