//! The handler: properties of all events.

#![cfg(test)]

mod support {
    pub(crate) mod app;
    pub(crate) mod payload;
    pub(crate) mod story;
}

use std::collections::BTreeMap;

use log_metrics::batch::{self, Batch};
use log_metrics::error::{Damage, HandlerError};
use log_metrics::line::Line;
use log_metrics::payload::Source;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use testkit::{Output, holds};

use support::app::{NOW_MS, invoke};
use support::payload::{batch as batch_of, event, event_of, gzip};
use support::story::{Fate, as_json, as_text, story};

/// Invokes the function and returns its lines of metrics.
fn metrics(event: &[u8]) -> Result<Vec<Value>, HandlerError> {
    let mut written = Vec::new();
    let answer = invoke(event, &mut written);
    let lines = written.split_inclusive(|byte| *byte == b'\n');
    let lines: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    // A failed invocation emits nothing.
    assert!(answer.is_ok() || lines.is_empty(), "{lines:?}");
    answer.map(|_| lines)
}

/// A text that is returned in pieces of these sizes, repeatedly.
struct Pieces<'a> {
    text: &'a [u8],
    sizes: Vec<usize>,
}

impl Source for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Damage> {
        self.sizes.rotate_left(1);
        let count = self.sizes[0].min(buffer.len()).min(self.text.len());
        let (piece, rest) = self.text.split_at(count);
        buffer[..count].copy_from_slice(piece);
        self.text = rest;
        Ok(count)
    }
}

/// Reads a text in pieces of these sizes.
fn read(text: &[u8], sizes: &[usize]) -> Result<(Batch, Vec<(Line, u64)>), Damage> {
    let mut lines = Vec::new();
    let source = Pieces { text, sizes: sizes.to_vec() };
    let batch = batch::read(source, |line, time_ms| lines.push((line, time_ms)))?;
    Ok((batch, lines))
}

/// A batch with the order of members that CloudWatch Logs uses.
fn as_usual(log_events: &[(u64, String)]) -> String {
    let log_event = |(index, (time_ms, message)): (usize, &(u64, String))| {
        let message = json!(message);
        format!(r#"{{"id":"{index:056}","timestamp":{time_ms},"message":{message}}}"#)
    };
    let log_events: Vec<_> = log_events.iter().enumerate().map(log_event).collect();
    let batch = batch_of::<&str>(&[]).to_string();
    batch.replace("\"logEvents\":[", &format!("\"logEvents\":[{}", log_events.join(",")))
}

/// Batches, similar texts, and any bytes.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => story().prop_map(|story| as_text(&story, NOW_MS)),
        4 => story().prop_map(|story| as_json(&story, NOW_MS)),
        2 => vec((any::<u64>(), "\\PC{0,20}"), 0..4),
        1 => vec((Just(1), "[\u{0}-\u{7f}é€😀]{0,20}"), 0..4),
    ];
    let member = prop_oneof![
        Just("\"policyLevel\":\"ACCOUNT_LEVEL_POLICY\""),
        Just("\"a\":[{\"b\":[1,-2.5e3,true,false,null,\"\\ud83d\\ude00\"]},[],{}]"),
        Just("\"\\u006dessageType\":\"DATA_MESSAGE\""),
    ];
    let batch = (line, member, any::<bool>()).prop_map(|(lines, member, is_usual)| {
        let batch = if is_usual { as_usual(&lines) } else { batch_of(&lines).to_string() };
        format!("{{{member},{}", &batch[1..]).into_bytes()
    });
    prop_oneof![
        4 => batch,
        1 => "[\\[\\]{}\",:0-9a-z\\\\ \n.-]{0,60}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..100),
    ]
}

/// A text with some bytes replaced, added and removed.
fn damaged_text() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![any::<u8>(), "[\\[\\]{}\",:0-9\\\\u \n.-]".prop_map(|c| c.as_bytes()[0])];
    (text(), vec((any::<prop::sample::Index>(), 0..3_u8, byte), 0..3)).prop_map(
        |(mut text, edits)| {
            for (index, edit, byte) in edits {
                if text.is_empty() {
                    break;
                }
                let at = index.index(text.len());
                match edit {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    _ => drop(text.remove(at)),
                }
            }
            text
        },
    )
}

fn is_json(text: &[u8]) -> bool {
    let text = str::from_utf8(text);
    text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[test]
fn no_event_causes_a_panic() {
    holds(300, &vec(any::<u8>(), 0..300), |bytes| {
        let error = invoke(&bytes, Vec::new()).unwrap_err();
        assert_eq!(error, HandlerError::InvalidEvent(Damage::NoData));
        assert!(matches!(metrics(&event_of(&bytes)), Err(HandlerError::InvalidEvent(_))));
    });
    holds(300, &damaged_text(), |text| match metrics(&event_of(&gzip(&text))) {
        Ok(_) => assert!(is_json(&text), "{}", text.escape_ascii()),
        Err(error) => assert!(matches!(error, HandlerError::InvalidEvent(_)), "{error}"),
    });
}

#[test]
fn invalid_json_is_detected() {
    holds(2_000, &damaged_text(), |text| {
        let is_json = is_json(&text);
        match read(&text, &[usize::MAX]) {
            Err(Damage::NotJson) => assert!(!is_json, "{}", text.escape_ascii()),
            Err(damage) => assert!(matches!(damage, Damage::NoLogEvents(_)), "{damage}"),
            Ok(_) => assert!(is_json, "{}", text.escape_ascii()),
        }
    });
}

#[test]
fn the_size_of_pieces_does_not_matter() {
    holds(1_000, &(damaged_text(), vec(1..40_usize, 1..5)), |(text, sizes)| {
        // If the data is corrupted in several places, any of them may be found first.
        let whole = read(&text, &[usize::MAX]).ok();
        assert_eq!(read(&text, &sizes).ok(), whole, "{}", text.escape_ascii());
    });
}

fn metrics_of(log_events: &[(u64, String)]) -> Vec<Value> {
    metrics(&event(&batch_of(log_events).to_string())).unwrap()
}

#[test]
fn the_order_of_lines_does_not_matter() {
    let shuffled = story().prop_flat_map(|story| {
        let mut lines = as_text(&story, NOW_MS - 30_000);
        lines.extend(as_json(&story, NOW_MS - 10_000));
        (Just(lines.clone()), Just(lines).prop_shuffle())
    });
    holds(500, &shuffled, |(lines, shuffled)| {
        assert_eq!(metrics_of(&shuffled), metrics_of(&lines), "{lines:#?}");
    });
}

#[test]
fn text_and_json_have_the_same_metrics_and_each_failure_counts_once() {
    holds(500, &story(), |story| {
        let start_ms = NOW_MS - 30_000;
        let text = as_text(&story, start_ms);
        let without_times = |mut lines: Vec<Value>| {
            // They have different numbers of lines, and therefore different times.
            for line in &mut lines {
                line["_aws"]["Timestamp"].take();
            }
            lines
        };
        let of_text = without_times(metrics_of(&text));
        assert_eq!(of_text, without_times(metrics_of(&as_json(&story, start_ms))), "{text:#?}");
        let mut expected = BTreeMap::<_, u64>::new();
        for counted in story.iter().filter_map(|invocation| invocation.fate.counted()) {
            *expected.entry(counted).or_default() += 1;
        }
        let sums = of_text.iter().filter(|line| line.get("FunctionName").is_none());
        let counts = sums
            .flat_map(|line| line.as_object().unwrap())
            .filter_map(|(name, value)| Some((name.as_str(), value.as_u64()?)));
        let mut counted = BTreeMap::<_, u64>::new();
        for (name, count) in counts {
            *counted.entry(name).or_default() += count;
        }
        assert_eq!(counted, expected, "{text:#?}");
    });
    assert_eq!(Fate::Success.counted(), None);
}

#[test]
fn the_order_of_members_does_not_matter() {
    holds(300, &story(), |story| {
        let lines = as_text(&story, NOW_MS - 30_000);
        assert_eq!(metrics(&event(&as_usual(&lines))).unwrap(), metrics_of(&lines));
    });
}

fn report(id: &str, status: &str) -> String {
    format!("REPORT RequestId: {id}\tDuration: 3000.00 ms\tStatus: {status}")
}

#[test]
fn a_line_that_is_too_long_is_skipped() {
    // Longer than the window, longer than a line of the platform, and just short enough.
    let long = "x\\\"é".repeat(1 << 20);
    let padded = format!("{}\tNote: {}", report("a", "timeout"), "x".repeat(65 << 10));
    let wide = format!("{}\tNote: {}", report("b", "timeout"), "x".repeat(60 << 10));
    let lines = [(NOW_MS, long), (NOW_MS, padded), (NOW_MS, wide), (NOW_MS, report("c", "error"))];
    let lines = metrics_of(&lines);
    assert_eq!(lines[1]["Timeouts"], 1);
    assert_eq!(lines[1]["UnhandledErrors"], 1);
}

#[test]
fn unknown_members_of_any_size_are_skipped() {
    let mut batch = batch_of(&[(NOW_MS, report("a", "timeout"))]);
    batch["logEvents"][0]["extractedFields"] = json!({"a".repeat(1 << 20): "b".repeat(1 << 20)});
    batch["a"] = json!([[[{"b": ["c", []]}, 1.5e300, true, null]]]);
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    batch["deep"] = serde_json::from_str(&deep).unwrap();
    assert_eq!(metrics(&event(&batch.to_string())).unwrap()[1]["Timeouts"], 1);
    let too_deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let error = metrics(&event(&too_deep)).unwrap_err();
    assert_eq!(error, HandlerError::InvalidEvent(Damage::NotJson));
}

#[test]
fn an_error_names_what_is_missing() {
    let whole = batch_of(&[(NOW_MS, report("a", "timeout"))]);
    for (pointer, value, missing) in [
        ("/messageType", json!("TEST"), "messageType"),
        ("/messageType", json!(null), "messageType"),
        ("/logGroup", json!(1), "logGroup"),
        ("/logStream", json!({}), "logStream"),
        ("/logEvents", json!({"a": []}), "logEvents"),
        ("/logEvents/0", json!([1]), "logEvents[]"),
        ("/logEvents/0/timestamp", json!("1"), "logEvents[].timestamp"),
        ("/logEvents/0/timestamp", json!(-1), "logEvents[].timestamp"),
        ("/logEvents/0/timestamp", json!(1.5), "logEvents[].timestamp"),
        ("/logEvents/0/message", json!(null), "logEvents[].message"),
    ] {
        let mut batch = whole.clone();
        *batch.pointer_mut(pointer).unwrap() = value;
        let error = metrics(&event(&batch.to_string())).unwrap_err();
        assert_eq!(error, HandlerError::InvalidEvent(Damage::NoLogEvents(missing)), "{pointer}");
    }
    let error = metrics(&event("[1]")).unwrap_err();
    assert_eq!(error, HandlerError::InvalidEvent(Damage::NoLogEvents("messageType")));
}

#[test]
fn metrics_that_cannot_be_written_fail_the_invocation() {
    let failing = event(&batch_of(&[(NOW_MS, report("a", "timeout"))]).to_string());
    let full = Output::default();
    full.set_full(true);
    assert_eq!(invoke(&failing, full.clone()), Err(HandlerError::MetricsNotWritten));
    // Without metrics nothing is written.
    let nothing = event(&batch_of(&[(NOW_MS, "played")]).to_string());
    assert_eq!(invoke(&nothing, full), Ok(json!({"logEvents": 1, "failures": 0})));
}

#[test]
fn more_than_256_mib_are_rejected() {
    let blank = vec![b' '; 1 << 20];
    let batch = batch_of(&[(NOW_MS, report("a", "timeout"))]).to_string().into_bytes();
    let mut parts = vec![&*batch];
    parts.extend(std::iter::repeat_n(&*blank, 255));
    let fits = gzip(&parts.concat());
    assert_eq!(metrics(&event_of(&fits)).unwrap().len(), 2);
    parts.push(&blank);
    let error = metrics(&event_of(&gzip(&parts.concat()))).unwrap_err();
    assert_eq!(error, HandlerError::InvalidEvent(Damage::TooLarge));
}
