//! Settings of the functions.

use shared::config::{ConfigError, Environment};
use shared::event::{self, Arrival, Identity, Model, Reader};
use testkit::LAMBDA;

use crate::invocation::now;
use crate::opinion::Opinion;

/// The required settings of the functions.
const REQUIRED: [(&str, &str); 10] = [
    ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts"),
    ("CHECKS_PATH", "/sluice/checks"),
    ("CONTINUE_QUEUE_URL", "http://127.0.0.1:9324/1/objects"),
    ("FAILURES_BUCKET", "backup"),
    ("GOOGLE_CHAT_WEBHOOK_URL", "https://chat.example/v1/spaces/A/messages?key=hush-hush-hush"),
    ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
    ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9324/1/quarantine"),
    ("TSDB_TOKEN", "hush-hush-hush"),
    ("TSDB_WRITE_URL", "http://127.0.0.1:8086/write?db=d"),
    ("WEBHOOK_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbCdEf"),
];

/// Variables with JSON values: if a function accepts them, `serde_json` must also parse them.
const JSON: [&str; 4] = ["CHECKS", "MAPPING", "METRIC_RULES", "SERIES"];

/// An event with members of every kind.
const EVENT: &[u8] = br#"{"id":1,"ts":1709296496789,"type":"play","artist":{"id":"a","name":null},
    "user":{"country":"KR","plan":{"a":[1]}},"duration_ms":2.5e3,"listened_ms":1,"x":[],"y":{},"z":true}"#;

/// Maximum size of an error about a setting, in bytes.
const MAX_ERROR_BYTES: usize = 4_000;

/// A variable, in the first line, with a value, in the other lines: the functions that read the
/// variable accept the value, or return an error that names the variable. An accepted mapping can
/// make documents.
pub fn settings(setting: &[u8]) {
    let Ok(setting) = std::str::from_utf8(setting) else { return };
    let Some((name, value)) = setting.split_once('\n') else { return };
    // The path of a file.
    if value.starts_with('@') {
        return;
    }
    let environment: Environment = LAMBDA.into_iter().chain(REQUIRED).collect();
    let environment = match name {
        "CHECKS" => environment.with("CHECKS_PATH", "").without_blanks(),
        _ => environment,
    };
    let environment = environment.with(name, value);
    let errors = [
        alert_notifier::config::Config::from_environment(&environment).err(),
        data_checks::Config::from_environment(&environment).err(),
        firehose_transform::config::Config::from_environment(&environment).err(),
        log_metrics::config::Config::from_environment(&environment).err(),
        object_loader::Config::from_environment(&environment).err(),
        pipeline_alerts::Config::from_environment(&environment).err(),
        sensor_points::Config::from_environment(&environment).err(),
        sqs_consumer::Config::from_environment(&environment).err(),
    ];
    for error in errors.iter().flatten() {
        check_error(error);
        let text = error.to_string();
        assert!(value.contains("hush") || !text.contains("hush"), "{text}");
    }
    let is_taken = errors.iter().all(Option::is_none);
    if is_taken && JSON.contains(&name) && !value.is_empty() {
        assert_ne!(Opinion::of(value.as_bytes()), Opinion::Invalid, "{value}");
    }
    if let Ok(model) = event::model(&environment) {
        check_document(&model);
    }
}

fn check_error(error: &ConfigError) {
    let text = error.to_string();
    assert!(text.starts_with(&error.variable) && !error.allowed.is_empty(), "{text}");
    assert!(text.len() <= MAX_ERROR_BYTES, "{} bytes: {text}", text.len());
}

fn check_document(model: &Model) {
    let mut reader = Reader::default();
    let mut event = reader.read(model, EVENT).unwrap();
    let mut document = Vec::new();
    let arrival = Arrival { time: None, now: now(), identity: Identity::Delivery(b"1") };
    event.write_document(&arrival, &mut document);
    let value = Opinion::of_valid(&document).unwrap();
    assert!(value["@timestamp"].is_string());
}
