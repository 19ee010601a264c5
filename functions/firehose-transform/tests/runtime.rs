//! The real binary behind a Lambda Runtime API.

#![cfg(test)]

mod support {
    pub(crate) mod fixture;
    pub(crate) mod function;
    pub(crate) mod request;
}

use std::collections::BTreeMap;
use std::process::Command;

use local::runtime_api::{InvokeError, REQUEST_LIMIT_BYTES};
use serde_json::{Value, json};
use shared::event::Timestamp;
use tokio::net::TcpListener;

use support::fixture::{Expected, Fixture};
use support::function::{Binary, NAME, Observed};
use support::request::{Answer, direct_put, envelope, record_id};

const PLAY: &str = r#"{"event_id":"e-1","event_type":"play","ts":1709296496}"#;

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    let fixtures = Fixture::all();
    assert!(fixtures.len() >= 25, "only {} fixtures", fixtures.len());
    let mut binaries: BTreeMap<BTreeMap<String, String>, Binary> = BTreeMap::new();
    for Fixture { name, request, answer } in fixtures {
        if !binaries.contains_key(&answer.environment) {
            let variables: Vec<_> =
                answer.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
            binaries.insert(answer.environment.clone(), Binary::new(&variables).await);
        }
        let binary = binaries.get_mut(&answer.environment).unwrap();
        let observed = binary.invoke(request).await;
        match &answer.expected {
            Expected::Error { error_type, message } => {
                let error = observed.answer.as_ref().unwrap_err();
                assert_eq!((error.error_type(), &error.message()), (&**error_type, message));
                let metrics = observed.metrics();
                assert_eq!(metrics["RecordsIn"], 0, "{name}");
            }
            Expected::Records(records) => {
                assert_eq!(Answer::read(observed.body()).records.len(), records.len(), "{name}");
                for (expected, actual) in records.iter().zip(Answer::read(observed.body()).records)
                {
                    expected.check(&name, &actual);
                }
                let failures = answer.failures();
                assert_eq!(observed.failures(), failures, "{name}");
                check_metrics(&name, &observed);
            }
        }
    }
}

/// What the metrics say of records is what the answer says, and what they say of bytes too.
fn check_metrics(name: &str, observed: &Observed) {
    let records = Answer::read(observed.body()).records;
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
    assert_eq!(metrics["TimestampFallbacks"], fallback("arrival") + fallback("now"), "{name}");
    let bytes_out: usize = documents.iter().map(|record| record.document().len()).sum();
    assert_eq!(metrics["BytesOut"], bytes_out as u64, "{name}");
}

#[tokio::test]
async fn metrics_are_one_line_of_embedded_metric_format() {
    let mut binary = Binary::new(&[("METRICS_NAMESPACE", "Team/Music")]).await;
    let before = now_ms();
    let observed = binary.invoke(direct_put(&[PLAY, "{}", "", "oops", PLAY])).await;
    let after = now_ms();
    let [line] = &observed.stdout[..] else { panic!("{:?}", observed.stdout) };
    let mut line: Value = serde_json::from_str(line).unwrap();
    let timestamp = line["_aws"]["Timestamp"].take().as_u64().unwrap();
    assert!((before..=after).contains(&timestamp), "{timestamp}");
    let documents = Answer::read(observed.body()).records;
    let bytes_out: usize =
        [0, 1, 4].map(|index: usize| documents[index].document().len()).iter().sum();
    let count = |name| json!({"Name": name, "Unit": "Count"});
    let bytes = |name| json!({"Name": name, "Unit": "Bytes"});
    let expected = json!({
        "_aws": {
            "Timestamp": null,
            "CloudWatchMetrics": [{
                "Namespace": "Team/Music",
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    count("RecordsIn"), count("RecordsOk"), count("RecordsDropped"),
                    count("RecordsFailed"), count("RecordsReingested"),
                    count("TimestampFallbacks"), bytes("BytesIn"), bytes("BytesOut"),
                ],
            }],
        },
        "FunctionName": NAME,
        "RecordsIn": 5,
        "RecordsOk": 3,
        "RecordsDropped": 1,
        "RecordsFailed": 1,
        "RecordsReingested": 0,
        "TimestampFallbacks": 1,
        "BytesIn": 2 * PLAY.len() + 2 + 4,
        "BytesOut": bytes_out,
    });
    assert_eq!(line, expected);
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[tokio::test]
async fn the_time_of_ingestion_is_now() {
    let mut binary = Binary::new(&[]).await;
    let before = now_ms();
    let observed = binary.invoke(direct_put(&[PLAY])).await;
    let after = now_ms();
    let document = Answer::read(observed.body()).records[0].document();
    let document: Value = serde_json::from_str(&document).unwrap();
    let ingested = document["event"]["ingested"].as_str().unwrap();
    let ingested = Timestamp::from_text(ingested.as_bytes()).unwrap().milliseconds();
    assert!((before..=after).contains(&ingested), "{ingested}");
}

#[tokio::test]
async fn one_log_line_for_each_reason_has_how_many_and_the_first_record() {
    let mut binary = Binary::new(&[]).await;
    let payloads = ["[1]", "oops", "", "[2]", PLAY, "oops", "[3]"];
    let observed = binary.invoke(direct_put(&payloads)).await;
    let expected = [("invalid_json", 2, 1), ("not_an_object", 3, 0)];
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(reason, count, first)| (reason.to_owned(), (count, record_id(first))))
        .collect();
    assert_eq!(observed.failures(), expected);
    assert_eq!(observed.stderr.len(), 2, "{:?}", observed.stderr);
    for line in &observed.stderr {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "records failed");
        assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    }
}

#[tokio::test]
async fn no_log_line_holds_a_payload_at_any_level() {
    const MARKER: &str = "PayloadMarker";
    let mut binary = Binary::new(&[
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
        format!("{MARKER} is no JSON"),
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
    let answer = Answer::read(observed.body());
    assert_eq!(answer.records.len(), 10);
    let reasons: Vec<_> = observed.failures().into_keys().collect();
    for reason in ["document_too_large", "invalid_base64", "invalid_json", "reingest_off"] {
        assert!(reasons.iter().any(|met| met == reason), "{reason} is not among {reasons:?}");
    }
    // A request that is none, with the marker all over it.
    let wrong = format!(r#"{{"{MARKER}":"{MARKER}","records":[{{"data":"{MARKER}"}}]}}"#);
    let wrong = binary.invoke(wrong).await;
    let error = wrong.answer.as_ref().unwrap_err().to_string();
    assert!(!error.contains(MARKER), "{error}");
    for line in [&observed, &wrong].iter().flat_map(|seen| seen.stderr.iter().chain(&seen.stdout)) {
        assert!(seen.iter().all(|part| !line.contains(part)), "{line}");
    }
}

#[tokio::test]
async fn a_wrong_setting_ends_the_start_and_is_named() {
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
        ("RESPONSE_BUDGET_BYTES", "999", "a whole number from 1000 to "),
        ("REINGEST", "yes", "on or off"),
        ("MAX_REINGESTS", "three", "a whole number from 0 to "),
    ];
    let known = [
        shared::telemetry::VARIABLES,
        shared::event::VARIABLES,
        firehose_transform::config::VARIABLES,
    ];
    for variable in known.into_iter().flatten() {
        // Any text is a list of actions.
        let listed = table.iter().any(|(name, ..)| name == variable);
        assert!(listed || *variable == "DROP_ACTIONS", "{variable} is not in the table");
    }
    for (variable, value, allowed) in table {
        let mut binary = Binary::new(&[(variable, value)]).await;
        let observed = binary.invoke(direct_put(&[PLAY])).await;
        let Err(InvokeError::Init { error_type, message }) = &observed.answer else {
            panic!("{variable}={value}: {:?}", observed.answer);
        };
        assert_eq!(error_type, "InvalidConfiguration");
        assert!(
            message.starts_with(&format!("{variable} is {value:?}, but must be ")),
            "{message}"
        );
        assert!(message.contains(allowed), "{message}");
        let [line] = &observed.stderr[..] else { panic!("{:?}", observed.stderr) };
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["level"], &line["error"]), (&json!("ERROR"), &json!(message)));
    }
}

#[test]
fn outside_of_lambda_it_says_how_to_run_it() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_firehose-transform")).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let log = String::from_utf8(output.stderr).unwrap();
    let line: Value = serde_json::from_str(&log).unwrap();
    let error = line["error"].as_str().unwrap();
    assert_eq!(
        error,
        "AWS_LAMBDA_RUNTIME_API is \"\", but must be set by AWS Lambda: on one machine, run the \
         function with `cargo sluice invoke firehose-transform EVENT.json` or `cargo lambda watch`"
    );
}

#[tokio::test]
async fn the_largest_request_is_answered_within_the_budget() {
    let mut binary = Binary::new(&[("REINGEST", "off")]).await;
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
    let records = Answer::read(body).records;
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
    let (logged, first) = &observed.failures()["reingest_off"];
    assert!(failed > 0);
    assert_eq!(*logged, failed as u64);
    let first_failed = records.iter().find(|record| record.result != "Ok").unwrap();
    assert_eq!(*first, first_failed.record_id);
    assert_eq!(observed.metrics()["RecordsFailed"], failed as u64);
}

#[tokio::test]
async fn one_process_serves_many_invocations() {
    let mut binary = Binary::new(&[]).await;
    for number in 0..300_usize {
        let payloads: Vec<_> =
            (0..number % 7).map(|index| format!(r#"{{"id":"{number}-{index}"}}"#)).collect();
        let observed = binary.invoke(direct_put(&payloads)).await;
        assert_eq!(observed.cold, number == 0, "invocation {number}");
        let records = Answer::read(observed.body()).records;
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
    let mut binary = Binary::new(&[]).await;
    assert!(binary.invoke(direct_put(&[PLAY])).await.cold);
    let wrong = binary.invoke("{}").await;
    let message = "not a Firehose transformation event: it has no list `records`".to_owned();
    let error = InvokeError::Function { error_type: "InvalidEvent".to_owned(), message };
    assert_eq!(wrong.answer, Err(error));
    assert_eq!(wrong.metrics()["RecordsIn"], 0);
    let [line] = &wrong.stderr[..] else { panic!("{:?}", wrong.stderr) };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["error_type"], "InvalidEvent");
    let next = binary.invoke(direct_put(&[PLAY])).await;
    assert_eq!((next.cold, Answer::read(next.body()).records.len()), (false, 1));
}

#[tokio::test]
async fn a_process_that_is_killed_is_replaced() {
    // Putting back to somebody who takes the call and never answers is where it is killed.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut binary =
        Binary::new(&[("RESPONSE_BUDGET_BYTES", "1000"), ("AWS_ENDPOINT_URL_FIREHOSE", &url)])
            .await;
    let large = format!(r#"{{"event_id":"e-1","a":"{}"}}"#, "x".repeat(400));
    let request = direct_put(&[&large, &large]);
    let function = binary.function.clone();
    let running = tokio::spawn(async move { function.invoke(request).await });
    let (_connection, _) = listener.accept().await.unwrap();
    binary.function.kill().await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error, InvokeError::Exit { status: "signal: killed".to_owned() });
    let next = binary.invoke(direct_put(&[PLAY])).await;
    assert!(next.cold);
    assert_eq!(Answer::read(next.body()).records[0].result, "Ok");
}

#[tokio::test]
async fn a_payload_of_more_than_1_mib_is_refused() {
    let mut binary = Binary::new(&[]).await;
    let payload = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    let payloads = [payload(1_048_576), payload(1_048_577)];
    let observed = binary.invoke(direct_put(&payloads)).await;
    let results: Vec<_> =
        Answer::read(observed.body()).records.into_iter().map(|record| record.result).collect();
    assert_eq!(results, ["Ok", "ProcessingFailed"]);
    assert_eq!(observed.failures(), [("too_large".to_owned(), (1, record_id(1)))].into());
}

#[tokio::test]
async fn data_that_is_no_text_fails_its_record_only() {
    let mut binary = Binary::new(&[]).await;
    let record = |id: &str, data: Value| json!({"recordId": id, "data": data});
    let request = envelope(&[
        record("1", json!(5)),
        record("2", json!({"a": 1})),
        record("3", json!("e30=")),
    ]);
    let observed = binary.invoke(request.to_string()).await;
    let records = Answer::read(observed.body()).records;
    let results: Vec<_> = records.iter().map(|record| record.result.as_str()).collect();
    assert_eq!(results, ["ProcessingFailed", "ProcessingFailed", "Ok"]);
    assert_eq!((&records[0].data, &records[1].data), (&None, &None));
    assert_eq!(observed.failures(), [("invalid_base64".to_owned(), (2, "1".to_owned()))].into());
}
