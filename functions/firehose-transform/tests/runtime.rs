//! The real binary behind a Lambda Runtime API.

#![cfg(test)]

mod support {
    pub(crate) mod fixture;
    pub(crate) mod request;
}

use std::collections::BTreeMap;

use aws_lambda_events::firehose::{KinesisFirehoseEvent, KinesisFirehoseResponse};
use local::runtime_api::{InvokeError, REQUEST_LIMIT_BYTES};
use serde_json::{Value, json};
use shared::event::Timestamp;
use testkit::{
    Binary, Endpoint, FUNCTION_NAME, Fixture, Observed, Reply, fixtures, metric_line,
    outside_of_lambda, pairs, refusal,
};

use support::fixture::{Golden, accept, failures, payloads};
use support::request::{answers, direct_put, record_id};

const BINARY: &str = env!("CARGO_BIN_EXE_firehose-transform");

const PLAY: &str = r#"{"event_id":"e-1","event_type":"play","ts":1709296496}"#;

async fn binary(variables: &[(&str, &str)]) -> Binary {
    Binary::new(BINARY, variables).await
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    let endpoint = Endpoint::start(accept).await;
    let mut binaries = BTreeMap::new();
    for Fixture { name, event, golden } in fixtures::<Golden>("firehose-transform", 25) {
        if !binaries.contains_key(&golden.environment) {
            let mut variables = pairs(&golden.environment);
            variables.push(("AWS_ENDPOINT_URL_FIREHOSE", &endpoint.url));
            let binary = binary(&variables).await;
            binaries.insert(golden.environment.clone(), binary);
        }
        let binary = binaries.get_mut(&golden.environment).unwrap();
        let observed = binary.invoke(event.clone()).await;
        let error = golden.error_type.zip(golden.error_message);
        let Some(records) = golden.records else {
            assert_eq!(Some(observed.error()), error, "{name}");
            assert_eq!(observed.metrics()["RecordsIn"], 0, "{name}");
            continue;
        };
        assert_eq!(error, None, "{name}");
        let answers = answers(observed.body());
        assert_eq!(answers.len(), records.len(), "{name}");
        for (expected, actual) in records.iter().zip(&answers) {
            expected.check(&name, actual);
        }
        assert_eq!(observed.reasons("first_record_id"), failures(&records), "{name}");
        let put_back: Vec<_> = endpoint.take_calls().iter().flat_map(payloads).collect();
        assert_eq!(put_back, golden.put_back, "{name}");
        check_metrics(&name, &observed, put_back.len(), golden.timestamp_fallbacks);
        if !REFUSED_BY_TYPES.contains(&&*name) {
            check_types(&name, &event, &observed);
        }
    }
}

/// Requests with members that are missing, null, or of another type than in `aws_lambda_events`,
/// and with data that is not base64. The crate rejects such a request as a whole.
const REFUSED_BY_TYPES: &[&str] = &[
    "arrival-in-seconds",
    "arrival-not-plausible",
    "invalid-base64",
    "kafka-source",
    "kinesis-source",
    "mixed-batch",
    "record-without-data",
    "timestamp-and-arrival-missing",
];

/// Checks that request and answer can be parsed with the types of `aws_lambda_events`.
fn check_types(name: &str, event: &[u8], observed: &Observed) {
    let request: KinesisFirehoseEvent =
        serde_json::from_slice(event).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut answer = observed.json();
    for record in answer["records"].as_array_mut().unwrap() {
        // Required by the type, and optional in Firehose.
        record["metadata"] = json!({});
        record.as_object_mut().unwrap().entry("data").or_insert(json!(""));
    }
    let answer: KinesisFirehoseResponse = serde_json::from_value(answer).unwrap();
    let sent: Vec<_> = request.records.iter().map(|record| &record.record_id).collect();
    let answered: Vec<_> = answer.records.iter().map(|record| &record.record_id).collect();
    assert_eq!(answered, sent, "{name}");
}

/// Checks that the metrics of records and bytes match the answer.
fn check_metrics(name: &str, observed: &Observed, put_back: usize, fallbacks: Option<u64>) {
    let records = answers(observed.body());
    let count = |result| records.iter().filter(|record| record.result == result).count() as u64;
    let documents: Vec<_> = records.iter().filter(|record| record.result == "Ok").collect();
    let fallback = |source: &str| {
        let member = format!(",\"timestamp_source\":\"{source}\"}}");
        documents.iter().filter(|record| record.document().contains(&member)).count() as u64
    };
    let metrics = observed.metrics();
    assert_eq!(metrics["RecordsIn"], records.len() as u64, "{name}");
    assert_eq!(metrics["RecordsOk"], count("Ok"), "{name}");
    assert_eq!(metrics["RecordsDropped"], count("Dropped"), "{name}");
    assert_eq!(metrics["RecordsFailed"], count("ProcessingFailed"), "{name}");
    assert_eq!(metrics["RecordsReingested"], 0, "{name}");
    assert_eq!(metrics.get("EventsPutBack").copied().unwrap_or(0), put_back as u64, "{name}");
    let fallbacks = fallbacks.unwrap_or_else(|| fallback("arrival") + fallback("now"));
    assert_eq!(metrics["TimestampFallbacks"], fallbacks, "{name}");
    let bytes_out: usize = documents.iter().map(|record| record.document().len()).sum();
    assert_eq!(metrics["BytesOut"], bytes_out as u64, "{name}");
}

#[tokio::test]
async fn metrics_are_one_line_of_embedded_metric_format() {
    let mut binary = binary(&[("METRICS_NAMESPACE", "Team/Music")]).await;
    let observed = binary.invoke(direct_put(&[PLAY, "{}", "", "oops", PLAY])).await;
    let documents = answers(observed.body());
    let bytes_out = [0, 1, 4].map(|index: usize| documents[index].document().len()).iter().sum();
    let metrics = [
        ("RecordsIn", "Count", 5),
        ("RecordsOk", "Count", 3),
        ("RecordsDropped", "Count", 1),
        ("RecordsFailed", "Count", 1),
        ("RecordsReingested", "Count", 0),
        ("TimestampFallbacks", "Count", 1),
        ("BytesIn", "Bytes", 2 * PLAY.len() + 2 + 4),
        ("BytesOut", "Bytes", bytes_out),
    ];
    let expected = metric_line("Team/Music", &[("FunctionName", FUNCTION_NAME)], &metrics);
    assert_eq!(observed.metric_line(), expected);
}

#[tokio::test]
async fn the_time_of_ingestion_is_now() {
    let observed = binary(&[]).await.invoke(direct_put(&[PLAY])).await;
    let document = answers(observed.body())[0].document();
    let document: Value = serde_json::from_str(&document).unwrap();
    let ingested = document["event"]["ingested"].as_str().unwrap();
    let ingested = Timestamp::from_text(ingested.as_bytes()).unwrap().milliseconds();
    assert!(observed.during_ms.contains(&ingested), "{ingested}");
}

#[tokio::test]
async fn each_reason_has_one_log_line_with_count_and_first_record() {
    let mut binary = binary(&[]).await;
    let payloads = ["[1]", "oops", "", "[2]", PLAY, "oops", "[3]"];
    let observed = binary.invoke(direct_put(&payloads)).await;
    let expected = [("invalid_json", 2, 1), ("not_an_object", 3, 0)];
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(reason, count, first)| (reason.to_owned(), (count, record_id(first))))
        .collect();
    assert_eq!(observed.reasons("first_record_id"), expected);
    assert_eq!(observed.stderr.len(), 2, "{:?}", observed.stderr);
    for line in observed.log() {
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "records failed");
        assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    }
}

#[tokio::test]
async fn a_failure_that_split_would_prevent_says_so() {
    let mut binary = binary(&[]).await;
    let observed = binary.invoke(direct_put(&["oops", "5", "{}\n{}", "\"x\""])).await;
    let lines = observed.log();
    let advice = |reason: &str| {
        let line = lines.iter().find(|line| line["reason"] == reason);
        line.unwrap().get("advice").map(|advice| advice.as_str().unwrap().to_owned())
    };
    assert_eq!(advice("not_an_object"), None);
    assert!(advice("invalid_json").unwrap().contains("set SPLIT=on"));
}

#[tokio::test]
async fn no_log_line_contains_a_payload() {
    const MARKER: &str = "PayloadMarker";
    let mut binary = binary(&[
        ("LOG_LEVEL", "trace"),
        ("DROP_ACTIONS", "ping"),
        ("REINGEST", "off"),
        ("RESPONSE_BUDGET_BYTES", "4000"),
    ])
    .await;
    let payloads = [
        format!(r#"{{"{MARKER}":"{MARKER}","event_id":"{MARKER}","event_type":"{MARKER}"}}"#),
        format!(r#"{{"event_type":"ping","x":"{MARKER}"}}"#),
        format!(r#"{{"timestamp":"{MARKER}","artist":{{"{MARKER}":1}}}}"#),
        format!("{MARKER} is not JSON"),
        format!(r#"["{MARKER}"]"#),
        format!(r#"{{"{MARKER}":"\ud800"}}"#),
        format!(r#"{{"{MARKER}":{}}}"#, "[".repeat(200)),
        format!(r#"{{"a":"{}"}}"#, MARKER.repeat(200)),
        format!(r#"{{"a":"{}"}}"#, MARKER.repeat(400)),
    ];
    let mut request: Value = serde_json::from_slice(&direct_put(&payloads)).unwrap();
    let records = request["records"].as_array_mut().unwrap();
    let mut bad = records[0].clone();
    bad["recordId"] = json!("bad");
    bad["data"] = json!(format!("{MARKER}*"));
    records.push(bad);
    let mut seen: Vec<String> = records
        .iter()
        .map(|record| record["data"].as_str().unwrap().chars().take(24).collect())
        .collect();
    seen.push(MARKER.to_owned());
    let observed = binary.invoke(request.to_string()).await;
    assert_eq!(answers(observed.body()).len(), 10);
    let reasons: Vec<_> = observed.reasons("first_record_id").into_keys().collect();
    for reason in ["document_too_large", "invalid_base64", "invalid_json", "reingest_off"] {
        assert!(reasons.iter().any(|met| met == reason), "{reason} is not among {reasons:?}");
    }
    // An invalid request with the marker.
    let wrong = format!(r#"{{"{MARKER}":"{MARKER}","records":[{{"data":"{MARKER}"}}]}}"#);
    let wrong = binary.invoke(wrong).await;
    wrong.answer.as_ref().unwrap_err();
    observed.assert_hidden(&seen);
    wrong.assert_hidden(&seen);
}

#[tokio::test]
async fn an_invalid_setting_stops_the_start_and_is_named() {
    let table: &[(&str, &str, &str)] = &[
        ("LOG_LEVEL", "verbose", "error, warn, info, debug or trace"),
        ("METRICS_NAMESPACE", "", "1 to 255 letters, digits and .-_/#: and spaces"),
        ("MAPPING", "{\"artist\":[\"x\"]}", "artist: a document field has two segments"),
        ("MAPPING", "{\"extra.x\":[\"x\"]}", "extra.x: the document field is sluice's own"),
        ("MAPPING", "@no/such/file.json", "no/such/file.json: No such file"),
        ("TIMESTAMP_FIELDS", "ts,a.b.c", "a.b.c: an input path has one or two segments"),
        ("TIMESTAMP_MIN", "1969-12-31T23:59:59Z", "an RFC 3339 time, not before 1970"),
        ("TIMESTAMP_MIN", "long ago", "an RFC 3339 time, not before 1970"),
        ("TIMESTAMP_MAX_AHEAD_SECONDS", "-1", "a whole number from 0 to "),
        ("EXTRA_MAX_BYTES", "32001", "a whole number from 0 to 32000"),
        ("DOCUMENT", "raw", "mapped or passthrough"),
        ("METRIC_RULES", "[{\"metric\":\"Plays\",\"sum\":5}]", "(rule 1 (Plays): `sum`: must be a"),
        (
            "METRIC_RULES",
            "[{\"metric\":\"RecordsOk\"}]",
            "(rule 1 (RecordsOk): `metric`: it is a metric",
        ),
        ("RESPONSE_BUDGET_BYTES", "999", "a whole number from 1000 to "),
        ("REINGEST", "yes", "on or off"),
        ("MAX_REINGESTS", "three", "a whole number from 0 to "),
        ("SPLIT", "lines", "on or off"),
    ];
    let known = [
        shared::telemetry::VARIABLES,
        shared::event::VARIABLES,
        shared::metric_rules::VARIABLES,
        firehose_transform::config::VARIABLES,
    ];
    for variable in known.into_iter().flatten() {
        // Any text is a list of actions.
        let listed = table.iter().any(|(name, ..)| name == variable);
        assert!(listed || *variable == "DROP_ACTIONS", "{variable} is not in the table");
    }
    for (variable, value, allowed) in table {
        let message = refusal(BINARY, &[(variable, value)]).await;
        let start = format!("{variable} is {value:?}, but must be ");
        assert!(message.starts_with(&start) && message.contains(allowed), "{message}");
    }
}

#[test]
fn outside_of_lambda_the_error_explains_how_to_run_it() {
    assert_eq!(
        outside_of_lambda(BINARY),
        "AWS_LAMBDA_RUNTIME_API is \"\", but must be set by AWS Lambda: on one machine, run the \
         function with `cargo sluice invoke firehose-transform EVENT.json` or `cargo lambda watch`"
    );
}

#[tokio::test]
async fn the_largest_request_is_answered_within_the_budget() {
    let mut binary = binary(&[("REINGEST", "off")]).await;
    // Small events grow most.
    let payload = |index: usize| {
        format!(
            r#"{{"event_id":"{index:08}","event_type":"play","ts":1709296496,"user_id":"u-1","artist_name":"Hyukoh","song_title":"TOMBOY","duration_ms":215000,"listened_ms":120000}}"#
        )
    };
    let request_of = |count| direct_put(&(0..count).map(payload).collect::<Vec<_>>());
    let (one, two) = (request_of(1).len(), request_of(2).len());
    let count = (REQUEST_LIMIT_BYTES - one) / (two - one) + 1;
    let request = request_of(count);
    assert!((REQUEST_LIMIT_BYTES - 500..=REQUEST_LIMIT_BYTES).contains(&request.len()));
    let observed = binary.invoke(request).await;
    let body = observed.body();
    assert!((5_990_000..=6_000_000).contains(&body.len()), "{} bytes", body.len());
    let records = answers(observed.body());
    assert_eq!(records.len(), count);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record.record_id, record_id(index));
        assert!(match record.result.as_str() {
            "Ok" => record.data.is_some(),
            "ProcessingFailed" => record.data.is_none(),
            _ => false,
        });
    }
    let failed = records.iter().filter(|record| record.result != "Ok").count();
    let (logged, first) = &observed.reasons("first_record_id")["reingest_off"];
    assert!(failed > 0);
    assert_eq!(*logged, failed as u64);
    let first_failed = records.iter().find(|record| record.result != "Ok").unwrap();
    assert_eq!(*first, first_failed.record_id);
    assert_eq!(observed.metrics()["RecordsFailed"], failed as u64);
}

#[tokio::test]
async fn one_process_serves_many_invocations() {
    let mut binary = binary(&[]).await;
    for number in 0..300_usize {
        let payloads: Vec<_> =
            (0..number % 7).map(|index| format!(r#"{{"id":"{number}-{index}"}}"#)).collect();
        let observed = binary.invoke(direct_put(&payloads)).await;
        assert_eq!(observed.cold, number == 0, "invocation {number}");
        let records = answers(observed.body());
        assert_eq!(records.len(), payloads.len());
        for (index, record) in records.iter().enumerate() {
            let id = format!(r#""event":{{"id":"{number}-{index}","#);
            assert!(record.document().contains(&id), "{}", record.document());
        }
        assert_eq!(observed.metrics()["RecordsIn"], payloads.len() as u64);
    }
}

#[tokio::test]
async fn an_invocation_that_fails_does_not_end_the_process() {
    let mut binary = binary(&[]).await;
    assert!(binary.invoke(direct_put(&[PLAY])).await.cold);
    let wrong = binary.invoke("{}").await;
    let message = "not a Firehose transformation event: it has no list `records`".to_owned();
    let error = InvokeError::Function { error_type: "InvalidEvent".to_owned(), message };
    assert_eq!(wrong.answer, Err(error));
    assert_eq!(wrong.metrics()["RecordsIn"], 0);
    let [line] = &wrong.log()[..] else { panic!("{:?}", wrong.stderr) };
    assert_eq!(line["error_type"], "InvalidEvent");
    let next = binary.invoke(direct_put(&[PLAY])).await;
    assert_eq!((next.cold, answers(next.body()).len()), (false, 1));
}

#[tokio::test]
async fn a_process_that_is_killed_is_replaced() {
    // The process is killed while it waits for the response to the records that it puts back.
    let endpoint = Endpoint::start(|_| Reply::Never).await;
    let variables =
        [("RESPONSE_BUDGET_BYTES", "1000"), ("AWS_ENDPOINT_URL_FIREHOSE", &endpoint.url)];
    let mut binary = binary(&variables).await;
    let large = format!(r#"{{"event_id":"e-1","a":"{}"}}"#, "x".repeat(400));
    let request = direct_put(&[&large, &large]);
    let function = binary.function.clone();
    let running = tokio::spawn(async move { function.invoke(request).await });
    endpoint.called().await;
    binary.function.kill().await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error, InvokeError::Exit { status: "signal: killed".to_owned() });
    let next = binary.invoke(direct_put(&[PLAY])).await;
    assert!(next.cold);
    assert_eq!(answers(next.body())[0].result, "Ok");
}

#[tokio::test]
async fn a_payload_of_more_than_1_mib_fails() {
    let mut binary = binary(&[]).await;
    let payload = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    let payloads = [payload(1_048_576), payload(1_048_577)];
    let observed = binary.invoke(direct_put(&payloads)).await;
    let results: Vec<_> =
        answers(observed.body()).into_iter().map(|record| record.result).collect();
    assert_eq!(results, ["Ok", "ProcessingFailed"]);
    assert_eq!(
        observed.reasons("first_record_id"),
        [("too_large".to_owned(), (1, record_id(1)))].into()
    );
}
