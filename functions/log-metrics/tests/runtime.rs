//! The real binary behind a Lambda Runtime API.

#![cfg(test)]

mod support {
    pub(crate) mod fixture;
    pub(crate) mod function;
    pub(crate) mod payload;
}

use std::io;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lambda_events::event::cloudwatch_logs::LogsEvent;
use base64_simd::STANDARD;
use flate2::bufread::GzDecoder;
use local::runtime_api::InvokeError;
use serde_json::{Value, json};

use support::fixture::Fixture;
use support::function::{Binary, Observed};
use support::payload::{batch, event, event_of, gzip};

const ID: &str = "8f507cfc-6a1d-4a1b-9c39-0d7a0e2f9f21";

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    let fixtures = Fixture::all();
    assert!(fixtures.len() >= 30, "only {} fixtures", fixtures.len());
    let mut binary = Binary::new(&[("METRICS_NAMESPACE", "Team/Music")]).await;
    for Fixture { name, event, golden, .. } in fixtures {
        let before = now_ms();
        let observed = binary.invoke(event).await;
        let after = now_ms();
        if let Some(error_type) = golden.error_type {
            let error = observed.answer.as_ref().unwrap_err();
            let message = golden.error_message.unwrap();
            assert_eq!((error.error_type(), error.message()), (&*error_type, message), "{name}");
            assert_eq!(observed.stdout, Vec::<Value>::new(), "{name}");
            continue;
        }
        assert_eq!(observed.answer.as_ref().ok(), golden.answer.as_ref(), "{name}");
        assert_eq!(observed.metrics(), golden.metrics, "{name}");
        assert_eq!(observed.failures(), golden.failures, "{name}");
        for line in &observed.stdout {
            let aws = &line["_aws"];
            assert_eq!(aws["CloudWatchMetrics"][0]["Namespace"], "Team/Music", "{name}");
            // They are of long ago.
            assert!((before..=after).contains(&aws["Timestamp"].as_u64().unwrap()), "{name}");
        }
    }
}

#[test]
fn the_decoded_form_of_every_event_is_beside_it() {
    for Fixture { name, event, batch, golden } in Fixture::all() {
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
}

/// The crate's type refuses members that it does not know, which this function passes.
const WITH_UNKNOWN_MEMBERS: &str = "event-with-escapes-and-white-space";

#[test]
fn fixtures_are_what_aws_lambda_events_knows() {
    for Fixture { name, event, batch, golden } in Fixture::all() {
        let event = serde_json::from_slice::<LogsEvent>(&event);
        let Some(batch) = batch.filter(|_| golden.answer.is_some()) else { continue };
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

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

fn timestamps(observed: &Observed) -> Vec<u64> {
    observed.stdout.iter().map(|line| line["_aws"]["Timestamp"].as_u64().unwrap()).collect()
}

fn timeout(time_ms: u64, id: usize) -> (u64, String) {
    (time_ms, format!("REPORT RequestId: {ID}-{id}\tDuration: 3000.00 ms\tStatus: timeout\n"))
}

#[tokio::test]
async fn metrics_are_stamped_with_the_time_of_the_log_events() {
    const HOUR_MS: u64 = 60 * 60 * 1_000;
    let mut binary = Binary::new(&[]).await;
    let minute_ms = (now_ms() / 60_000 - 10) * 60_000;
    let lines = [timeout(minute_ms + 7, 1), timeout(minute_ms + 59_999, 2)];
    let observed = binary.invoke(event(&batch(&lines).to_string())).await;
    assert_eq!(timestamps(&observed), [minute_ms + 59_999; 2]);
    let expected = [json!({"FunctionName": "plays", "Timeouts": 2}), json!({"Timeouts": 2})];
    assert_eq!(observed.metrics(), expected);

    let lines = [timeout(minute_ms + 60_000, 3), timeout(minute_ms + 59_999, 2)];
    let observed = binary.invoke(event(&batch(&lines).to_string())).await;
    let (first, second) = (minute_ms + 59_999, minute_ms + 60_000);
    assert_eq!(timestamps(&observed), [first, first, second, second]);

    // What CloudWatch would not take is stamped with now.
    for (time_ms, is_taken) in [
        (now_ms() - 13 * 24 * HOUR_MS + 60_000, true),
        (now_ms() - 13 * 24 * HOUR_MS - 60_000, false),
        (now_ms() + 2 * HOUR_MS - 60_000, true),
        (now_ms() + 2 * HOUR_MS + 60_000, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let before = now_ms();
        let observed = binary.invoke(event(&batch(&[timeout(time_ms, 1)]).to_string())).await;
        let [stamp, _] = timestamps(&observed)[..] else { panic!("{observed:?}") };
        assert_eq!(stamp == time_ms, is_taken, "{time_ms}");
        assert!(is_taken || (before..=now_ms()).contains(&stamp), "{time_ms} {stamp}");
    }
}

#[tokio::test]
async fn every_failure_gives_a_line_with_a_link_and_no_payload() {
    const MARKER: &str = "PayloadMarker";
    let mut binary = Binary::new(&[("LOG_LEVEL", "trace"), ("AWS_REGION", "eu-west-1")]).await;
    let quoted = format!("RequestId: {ID} Error: {MARKER}\nRuntime.ExitError\n");
    let lines = [timeout(1, 1), (2, MARKER.to_owned()), (3, quoted), (4, format!("{{{MARKER}"))];
    let observed = binary.invoke(event(&batch(&lines).to_string())).await;
    let link = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
                #logsV2:log-groups/log-group/$252Faws$252Flambda$252Fplays/log-events/\
                2024$252F03$252F01$252F$255B$2524LATEST$255D0123456789abcdef0123456789abcdef";
    let failure =
        |kind, id: &str| json!({"function": "plays", "request_id": id, "kind": kind, "link": link});
    let expected = [failure("timeout", &format!("{ID}-1")), failure("unhandled_error", ID)];
    assert_eq!(observed.failures(), expected);
    let wrong = [
        event(&format!("{{\"{MARKER}\":")),
        event_of(MARKER.as_bytes()),
        format!("{{\"awslogs\":{{\"data\":\"{MARKER}\"}}}}").into_bytes(),
        format!("{{\"{MARKER}\":\"{MARKER}\"}}").into_bytes(),
    ];
    let mut all = vec![observed];
    for event in wrong {
        let observed = binary.invoke(event).await;
        let error = observed.answer.as_ref().unwrap_err();
        assert_eq!(error.error_type(), "InvalidEvent");
        assert!(!error.to_string().contains(MARKER), "{error}");
        all.push(observed);
    }
    for line in all.iter().flat_map(|observed| observed.stderr.iter().chain(&observed.stdout)) {
        assert!(!line.to_string().contains(MARKER), "{line}");
    }
}

#[tokio::test]
async fn nothing_is_emitted_before_the_batch_is_known_to_be_whole() {
    let mut binary = Binary::new(&[]).await;
    let whole = gzip(batch(&[timeout(1, 1)]).to_string().as_bytes());
    for length in 0..whole.len() {
        let observed = binary.invoke(event_of(&whole[..length])).await;
        let error = observed.answer.as_ref().unwrap_err();
        assert_eq!(error.error_type(), "InvalidEvent", "{length} bytes");
        assert_eq!(observed.stdout, Vec::<Value>::new(), "{length} bytes");
    }
    let observed = binary.invoke(event_of(&whole)).await;
    assert_eq!(observed.answer, Ok(json!({"logEvents": 1, "failures": 1})));
}

#[tokio::test]
async fn a_wrong_setting_ends_the_start_and_is_named() {
    for (variable, value) in [("LOG_LEVEL", "verbose"), ("METRICS_NAMESPACE", "")] {
        let mut binary = Binary::new(&[(variable, value)]).await;
        let observed = binary.invoke(event(&batch::<&str>(&[]).to_string())).await;
        let Err(InvokeError::Init { error_type, message }) = &observed.answer else {
            panic!("{variable}: {:?}", observed.answer);
        };
        assert_eq!(error_type, "InvalidConfiguration");
        let start = format!("{variable} is {value:?}, but must be ");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn outside_of_lambda_it_says_how_to_run_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_log-metrics")).env_clear().output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    let line: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(
        line["error"],
        "AWS_LAMBDA_RUNTIME_API is \"\", but must be set by AWS Lambda: on one machine, run the \
         function with `cargo sluice invoke log-metrics EVENT.json`"
    );
}
