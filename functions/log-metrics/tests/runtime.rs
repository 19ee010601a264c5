//! The real binary behind a Lambda Runtime API.

#![cfg(test)]

mod support {
    pub(crate) mod fixture;
    pub(crate) mod output;
    pub(crate) mod payload;
}

use std::io;

use aws_lambda_events::event::cloudwatch_logs::LogsEvent;
use base64_simd::STANDARD;
use flate2::bufread::GzDecoder;
use serde_json::{Value, json};
use testkit::{
    Binary, Fixture, Observed, events, fixtures, now_ms, outside_of_lambda, refusal, resident_kb,
};

use support::fixture::{Golden, batch as decoded_batch};
use support::output::{failures, metrics};
use support::payload::{batch, event, event_of, gzip};

const BINARY: &str = env!("CARGO_BIN_EXE_log-metrics");

const ID: &str = "8f507cfc-6a1d-4a1b-9c39-0d7a0e2f9f21";

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    let mut binary = Binary::new(BINARY, &[("METRICS_NAMESPACE", "Team/Music")]).await;
    for Fixture { name, event, golden } in fixtures::<Golden>("log-metrics", 30) {
        let observed = binary.invoke(event).await;
        if let Some(error) = golden.error_type.zip(golden.error_message) {
            assert_eq!(observed.error(), error, "{name}");
            assert_eq!(observed.stdout, [""; 0], "{name}");
            continue;
        }
        assert_eq!(Some(observed.json()), golden.answer, "{name}");
        assert_eq!(metrics(&observed), golden.metrics, "{name}");
        assert_eq!(failures(&observed), golden.failures, "{name}");
        for line in observed.metric_lines() {
            let aws = &line["_aws"];
            assert_eq!(aws["CloudWatchMetrics"][0]["Namespace"], "Team/Music", "{name}");
            // The log events are old.
            assert!(observed.during_ms.contains(&aws["Timestamp"].as_u64().unwrap()), "{name}");
        }
    }
}

/// Lambda sends another trace id with each invocation, and `setenv` never frees them: see
/// `shared::gzip`.
#[tokio::test]
async fn memory_does_not_grow_with_the_number_of_invocations() {
    const MARK: (&str, &str) = ("TEST", "log-metrics: memory");
    let mut binary = Binary::new(BINARY, &[MARK]).await;
    let payload = event(&batch::<&str>(&[]).to_string());
    let mut resident = Vec::new();
    for _ in 0..2 {
        for _ in 0..200 {
            assert_eq!(binary.invoke(payload.clone()).await.json()["logEvents"], 0);
        }
        resident.push(resident_kb(MARK));
    }
    // With a new decoder each time it is 7 MB.
    assert!(resident[1] < resident[0] + 2_000, "{resident:?}");
}

#[test]
fn every_event_has_its_decoded_form() {
    let mut batches = 0;
    for Fixture { name, event, golden } in fixtures::<Golden>("log-metrics", 30) {
        let batch = decoded_batch(&name);
        batches += usize::from(batch.is_some());
        let event: Value = serde_json::from_slice(&event).unwrap();
        let decoded = || {
            let gzip = STANDARD.decode_to_vec(event["awslogs"]["data"].as_str()?).ok()?;
            let mut text = Vec::new();
            let mut decoder = GzDecoder::new(&*gzip);
            io::copy(&mut decoder, &mut text).ok()?;
            let is_whole = decoder.into_inner().is_empty();
            serde_json::from_slice::<Value>(&text).ok().filter(|_| is_whole)
        };
        assert_eq!(decoded(), batch, "{name}");
        assert!(batch.is_some() || golden.error_type.is_some(), "{name}");
    }
    let files = events("log-metrics").join("decoded").read_dir().unwrap().count();
    assert_eq!(batches, files, "an event for each file");
}

/// The crate's type rejects unknown members, which this function skips.
const WITH_UNKNOWN_MEMBERS: &str = "event-with-escapes-and-white-space";

#[test]
fn aws_lambda_events_reads_the_fixtures() {
    for Fixture { name, event, golden } in fixtures::<Golden>("log-metrics", 30) {
        let event = serde_json::from_slice::<LogsEvent>(&event);
        let batch = decoded_batch(&name).filter(|_| golden.answer.is_some());
        let Some(batch) = batch else { continue };
        if name == WITH_UNKNOWN_MEMBERS {
            assert!(event.is_err());
            continue;
        }
        let data = event.unwrap_or_else(|error| panic!("{name}: {error}")).aws_logs.data;
        for (value, member) in [
            (data.message_type, "messageType"),
            (data.owner, "owner"),
            (data.log_group, "logGroup"),
            (data.log_stream, "logStream"),
        ] {
            assert_eq!(Value::from(value), batch[member], "{name}");
        }
        assert_eq!(Value::from(data.subscription_filters), batch["subscriptionFilters"], "{name}");
        let log_events = batch["logEvents"].as_array().unwrap();
        assert_eq!(data.log_events.len(), log_events.len(), "{name}");
        for (entry, expected) in data.log_events.iter().zip(log_events) {
            assert_eq!(entry.timestamp, expected["timestamp"], "{name}");
            assert_eq!(entry.message, expected["message"], "{name}");
        }
    }
}

fn timestamps(observed: &Observed) -> Vec<u64> {
    let stamp = |line: &Value| line["_aws"]["Timestamp"].as_u64().unwrap();
    observed.metric_lines().iter().map(stamp).collect()
}

fn timeout(time_ms: u64, id: usize) -> (u64, String) {
    (time_ms, format!("REPORT RequestId: {ID}-{id}\tDuration: 3000.00 ms\tStatus: timeout\n"))
}

#[tokio::test]
async fn metrics_are_stamped_with_the_time_of_the_log_events() {
    const HOUR_MS: u64 = 60 * 60 * 1_000;
    let mut binary = Binary::new(BINARY, &[]).await;
    let minute_ms = (now_ms() / 60_000 - 10) * 60_000;
    let lines = [timeout(minute_ms + 7, 1), timeout(minute_ms + 59_999, 2)];
    let observed = binary.invoke(event(&batch(&lines).to_string())).await;
    assert_eq!(timestamps(&observed), [minute_ms + 59_999; 2]);
    let expected = [json!({"FunctionName": "plays", "Timeouts": 2}), json!({"Timeouts": 2})];
    assert_eq!(metrics(&observed), expected);

    let lines = [timeout(minute_ms + 60_000, 3), timeout(minute_ms + 59_999, 2)];
    let observed = binary.invoke(event(&batch(&lines).to_string())).await;
    let (first, second) = (minute_ms + 59_999, minute_ms + 60_000);
    assert_eq!(timestamps(&observed), [first, first, second, second]);

    // Times that CloudWatch would reject are replaced by now.
    for (time_ms, is_accepted) in [
        (now_ms() - 13 * 24 * HOUR_MS + 60_000, true),
        (now_ms() - 13 * 24 * HOUR_MS - 60_000, false),
        (now_ms() + 2 * HOUR_MS - 60_000, true),
        (now_ms() + 2 * HOUR_MS + 60_000, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let observed = binary.invoke(event(&batch(&[timeout(time_ms, 1)]).to_string())).await;
        let [stamp, _] = timestamps(&observed)[..] else { panic!("{observed:?}") };
        assert_eq!(stamp == time_ms, is_accepted, "{time_ms}");
        assert!(is_accepted || observed.during_ms.contains(&stamp), "{time_ms} {stamp}");
    }
}

#[tokio::test]
async fn every_failure_has_a_line_with_a_link_and_no_payload() {
    const MARKER: &str = "PayloadMarker";
    let mut binary =
        Binary::new(BINARY, &[("LOG_LEVEL", "trace"), ("AWS_REGION", "eu-west-1")]).await;
    let quoted = format!("RequestId: {ID} Error: {MARKER}\nRuntime.ExitError\n");
    let lines = [timeout(1, 1), (2, MARKER.to_owned()), (3, quoted), (4, format!("{{{MARKER}"))];
    let observed = binary.invoke(event(&batch(&lines).to_string())).await;
    let link = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
                #logsV2:log-groups/log-group/$252Faws$252Flambda$252Fplays/log-events/\
                2024$252F03$252F01$252F$255B$2524LATEST$255D0123456789abcdef0123456789abcdef";
    let failure =
        |kind, id: &str| json!({"function": "plays", "request_id": id, "kind": kind, "link": link});
    let expected = [failure("timeout", &format!("{ID}-1")), failure("unhandled_error", ID)];
    assert_eq!(failures(&observed), expected);
    let wrong = [
        event(&format!("{{\"{MARKER}\":")),
        event_of(MARKER.as_bytes()),
        format!("{{\"awslogs\":{{\"data\":\"{MARKER}\"}}}}").into_bytes(),
        format!("{{\"{MARKER}\":\"{MARKER}\"}}").into_bytes(),
    ];
    observed.assert_hidden(&[MARKER]);
    for event in wrong {
        let observed = binary.invoke(event).await;
        assert_eq!(observed.error().0, "InvalidEvent");
        observed.assert_hidden(&[MARKER]);
    }
}

#[tokio::test]
async fn nothing_is_emitted_before_the_whole_batch_is_read() {
    let mut binary = Binary::new(BINARY, &[]).await;
    let whole = gzip(batch(&[timeout(1, 1)]).to_string().as_bytes());
    for length in 0..whole.len() {
        let observed = binary.invoke(event_of(&whole[..length])).await;
        assert_eq!(observed.error().0, "InvalidEvent", "{length} bytes");
        assert_eq!(observed.stdout, [""; 0], "{length} bytes");
    }
    let observed = binary.invoke(event_of(&whole)).await;
    assert_eq!(observed.json(), json!({"logEvents": 1, "failures": 1}));
}

#[tokio::test]
async fn an_invalid_setting_stops_the_start_and_is_named() {
    for (variable, value) in [("LOG_LEVEL", "verbose"), ("METRICS_NAMESPACE", "")] {
        let message = refusal(BINARY, &[(variable, value)]).await;
        let start = format!("{variable} is {value:?}, but must be ");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn outside_of_lambda_the_error_explains_how_to_run_it() {
    assert_eq!(
        outside_of_lambda(BINARY),
        "AWS_LAMBDA_RUNTIME_API is \"\", but must be set by AWS Lambda: on one machine, run the \
         function with `cargo sluice invoke log-metrics EVENT.json` or `cargo lambda watch`"
    );
}
