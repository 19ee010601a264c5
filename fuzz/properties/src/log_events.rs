//! Subscriptions of CloudWatch Logs, and the platform's lines in them.

use std::io::{self, Read};

use aws_lambda_events::cloudwatch_logs::LogData;
use base64_simd::STANDARD;
use flate2::read::GzDecoder;
use log_metrics::App;
use log_metrics::batch::{self, Batch};
use log_metrics::config::Config;
use log_metrics::error::Damage;
use log_metrics::line::{self, BEGINNING_BYTES, Line, Report, may_be_platforms};
use log_metrics::payload::{Inflate, Source};
use serde_json::{Value, json};
use testkit::{LAMBDA, Output};

use crate::invocation::invoke;
use crate::opinion::Opinion;
use crate::packing::member;

/// A line that is recognized as the platform's has its prefix and values that are valid in metrics;
/// a JSON line is also JSON for `serde_json`.
pub fn log_lines(message: &[u8]) {
    let Ok(message) = std::str::from_utf8(message) else { return };
    let Some(line) = line::read(message) else { return };
    let quoted = Value::from(message).to_string();
    let beginning = &quoted.as_bytes()[1..quoted.len() - 1];
    let beginning = &beginning[..beginning.len().min(BEGINNING_BYTES)];
    // Lambda writes no white space after the brace.
    let is_lambdas = !message.starts_with('{') || message.starts_with("{\"");
    assert!(may_be_platforms(beginning) || !is_lambdas, "{message:?}");
    // serde_json reads no lone surrogate, but ignores one in a member that it ignores.
    if message.starts_with('{') && !message.contains("\\u") {
        assert_ne!(Opinion::of(message.as_bytes()), Opinion::Invalid);
    }
    let is_id = |id: &str| {
        let of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=64).contains(&id.len()) && id.bytes().all(of_id)
    };
    let is_duration = |ms: f64| ms.is_finite() && ms >= 0.0;
    match line {
        Line::Report(Report { request_id, memory, init_ms, .. }) => {
            assert!(is_id(&request_id));
            assert!(init_ms.is_none_or(is_duration), "{init_ms:?}");
            assert!(memory.is_none_or(|memory| is_duration(memory.percent())), "{memory:?}");
        }
        Line::Error { request_id, .. } => assert!(is_id(&request_id)),
        Line::Started { init_ms } => assert!(is_duration(init_ms)),
        Line::StartFailed { .. } => {}
    }
}

/// Text in pieces of 1 to 7 bytes.
struct Pieces<'a>(&'a [u8]);

impl Source for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Damage> {
        let length = (self.0.len() % 7 + 1).min(buffer.len()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        buffer[..length].copy_from_slice(piece);
        self.0 = rest;
        Ok(length)
    }
}

type Outcome = Result<(Batch, Vec<(Line, u64)>), Damage>;

fn read(source: impl Source) -> Outcome {
    let mut lines = Vec::new();
    batch::read(source, |line, time_ms| lines.push((line, time_ms))).map(|batch| (batch, lines))
}

/// The result of a batch is the same in pieces and compressed, and the same as with
/// `aws_lambda_events`; it is an error if the batch is not JSON. Bytes are decompressed whenever
/// flate2 decompresses them. The metrics of an event are JSON.
pub fn awslogs(bytes: &[u8]) {
    let whole = read(Pieces(bytes));
    let base64 = STANDARD.encode_to_string(member(bytes));
    // The pieces determine which of several errors is found first.
    assert_eq!(read(Inflate::new(&base64)).ok(), whole.clone().ok());
    if Opinion::of(bytes) == Opinion::Invalid {
        assert!(whole.is_err(), "serde_json finds it invalid");
    }
    // serde_json does not look at the text of members that it ignores.
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(data) = serde_json::from_str::<LogData>(text)
    {
        check_read(&data, whole);
    }
    check_inflated(bytes);
    let compressed = json!({"awslogs": {"data": base64}}).to_string();
    for event in [compressed.as_bytes(), bytes] {
        let output = Output::default();
        let config = Config::from_environment(&LAMBDA.into_iter().collect()).unwrap();
        let answer = invoke(&mut App::new(config, output.clone()), event);
        let lines = output.take_lines();
        match answer {
            Ok(answer) => drop(serde_json::from_slice::<Value>(&answer).unwrap()),
            Err(_) => assert!(lines.is_empty()),
        }
    }
}

fn check_read(data: &LogData, read: Outcome) {
    let is_known = ["DATA_MESSAGE", "CONTROL_MESSAGE"].contains(&&*data.message_type);
    let expected: Option<Vec<_>> = data
        .log_events
        .iter()
        .map(|event| Some((&*event.message, u64::try_from(event.timestamp).ok()?)))
        .collect();
    let Some(expected) = expected.filter(|_| is_known) else { return };
    let (batch, lines) = read.expect("aws_lambda_events reads it");
    assert_eq!((&batch.log_group, &batch.log_stream), (&data.log_group, &data.log_stream));
    assert_eq!(batch.log_events, data.log_events.len() as u64);
    let expected = expected.into_iter().filter_map(|(text, ms)| Some((line::read(text)?, ms)));
    assert_eq!(lines, expected.collect::<Vec<_>>());
}

/// Compares the decompression of one gzip member, with nothing after it, with that of flate2.
fn check_inflated(bytes: &[u8]) {
    const MOST: u64 = 1_000_000;
    let base64 = STANDARD.encode_to_string(bytes);
    let mut decoder = GzDecoder::new(bytes).take(MOST);
    let mut expected = Vec::new();
    let is_whole = io::copy(&mut decoder, &mut expected).is_ok();
    let (mut inflate, mut found, mut buffer) = (Inflate::new(&base64), Vec::new(), [0; 1_000]);
    let ended = loop {
        match inflate.read(&mut buffer) {
            Ok(0) => break true,
            Ok(length) => found.extend_from_slice(&buffer[..length]),
            Err(_) => break false,
        }
        if found.len() as u64 > MOST {
            return;
        }
    };
    if ended {
        assert!(is_whole);
        assert_eq!(found, expected);
    }
}
