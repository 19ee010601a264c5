//! The real binary behind a Lambda Runtime API, with scripted stores and a scripted SQS.

#![cfg(test)]

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use aws_lambda_events::kinesis::KinesisEvent;
use aws_lambda_events::streams::KinesisEventResponse;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    Binary, Call, Endpoint, FUNCTION_NAME, Fixture, Observed, Reply, fixtures, metric_line,
    outside_of_lambda, pairs, refusal, resident_kb,
};

const BINARY: &str = env!("CARGO_BIN_EXE_sensor-points");

/// The reply of a store: a status and a text, or none.
type Status = Option<(u16, &'static str)>;

/// The binary with a store that replies like this, request by request, and then accepts everything.
struct Scene {
    store: Endpoint,
    queue: Endpoint,
    secrets: Endpoint,
    binary: Binary,
}

impl Scene {
    async fn new(variables: &[(&str, &str)], replies: &[Status]) -> Self {
        Self::with_timeout(variables, replies, Duration::from_mins(1)).await
    }

    async fn with_timeout(
        variables: &[(&str, &str)],
        replies: &[Status],
        timeout: Duration,
    ) -> Self {
        let replies: Vec<_> = replies.iter().map(|reply| Some(*reply)).collect();
        let store = Endpoint::replying(replies, |call, reply: Option<Status>| {
            let Some((status, text)) = reply.unwrap_or(Some((204, ""))) else {
                return Reply::Never;
            };
            // As a store does that rejects a point and stores the others.
            match lines(call).iter().find(|line| status == 204 && line.contains("poison")) {
                Some(line) => Reply::new(400, "text/plain", format!("partial write: {line}")),
                None => Reply::new(status, "text/plain", text),
            }
        })
        .await;
        let queue = Endpoint::start(sqs).await;
        let tokens = ["first", r#"{"token":"second"}"#].map(Some);
        let secrets = Endpoint::replying(tokens, |_, text| match text {
            Some(text) => Reply::json(200, &json!({"SecretString": text})),
            None => Reply::aws_error(400, "AccessDeniedException"),
        })
        .await;
        let url = format!("{}/api/v2/write?org=o&bucket=b", store.url);
        let quarantine = format!("{}/123456789012/quarantine", queue.url);
        let own = [
            ("TSDB_WRITE_URL", &*url),
            ("TSDB_TOKEN", "hush"),
            ("QUARANTINE_QUEUE_URL", &quarantine),
            ("AWS_ENDPOINT_URL_SQS", &queue.url),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets.url),
        ];
        let all = [&own[..], variables].concat();
        let binary = Binary::with_timeout(BINARY, &all, timeout).await;
        Self { store, queue, secrets, binary }
    }

    async fn invoke(&mut self, event: impl Into<Vec<u8>>) -> Observed {
        self.binary.invoke(event).await
    }

    /// The lines of the requests to the store since the last time.
    fn requests(&self) -> Vec<Vec<String>> {
        self.store.take_calls().iter().map(lines).collect()
    }

    /// The entries of the calls to quarantine since the last time, without their ids.
    fn quarantined(&self) -> Vec<Value> {
        let entries = |call: Call| {
            let mut entries = call.json()["Entries"].as_array().unwrap().clone();
            for entry in &mut entries {
                entry.as_object_mut().unwrap().remove("Id");
            }
            entries
        };
        self.queue.take_calls().into_iter().flat_map(entries).collect()
    }
}

fn sqs(call: &Call) -> Reply {
    assert_eq!(call.operation, "SendMessageBatch");
    let call = call.json();
    let sent = call["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!({"Id": entry["Id"], "MessageId": "q", "MD5OfMessageBody": ""}));
    Reply::json(200, &json!({"Successful": sent.collect::<Vec<_>>(), "Failed": []}))
}

fn lines(call: &Call) -> Vec<String> {
    let mut bytes = Vec::new();
    if call.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        io::copy(&mut GzDecoder::new(&call.body[..]), &mut bytes).unwrap();
    } else {
        bytes.extend_from_slice(&call.body);
    }
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

/// The golden answers in `events/sensor-points/answers/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Golden {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    error_type: Option<String>,
    error_message: Option<String>,
    /// The sequence number in the answer.
    retry: Option<String>,
    /// The lines in the order of the requests.
    #[serde(default)]
    lines: Vec<String>,
    /// `Entries` of the calls to quarantine, without their ids.
    #[serde(default)]
    quarantine: Vec<Value>,
    /// The reasons, each with the number of readings and the first `eventID`.
    #[serde(default)]
    reasons: BTreeMap<String, (u64, String)>,
    #[serde(default)]
    metrics: BTreeMap<String, u64>,
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("sensor-points", 10) {
        let mut scene = Scene::new(&pairs(&golden.environment), &[]).await;
        let observed = scene.invoke(event.clone()).await;
        if let Some(error) = golden.error_type.zip(golden.error_message) {
            assert_eq!(observed.error(), error, "{name}");
        } else {
            let items: Vec<_> =
                golden.retry.iter().map(|first| json!({"itemIdentifier": first})).collect();
            assert_eq!(observed.json(), json!({"batchItemFailures": items}), "{name}");
            // The types that other Lambda functions in Rust use.
            serde_json::from_slice::<KinesisEvent>(&event).unwrap();
            serde_json::from_slice::<KinesisEventResponse>(observed.body()).unwrap();
        }
        assert_eq!(scene.requests().concat(), golden.lines, "{name}");
        assert_eq!(json!(scene.quarantined()), json!(golden.quarantine), "{name}");
        assert_eq!(observed.reasons("first_event_id"), golden.reasons, "{name}");
        let mut metrics = observed.metrics();
        metrics.retain(|name, _| !["StoredLatency", "WriteBytes"].contains(&&**name));
        assert_eq!(metrics, golden.metrics, "{name}");
    }
}

const READING: &str = r#"{"line":"L1","items":3,"ts":1709296496000}"#;
const LINE: &str = "line,line=L1 items=3 1709296496000000000";

/// An event whose records have these payloads and the numbers 0, 1, …
fn event(payloads: &[&str]) -> String {
    let record = |(number, payload): (usize, &&str)| {
        let data = base64_simd::STANDARD.encode_to_string(payload);
        json!({
            "eventID": format!("shardId-000000000000:{number}"), "eventSource": "aws:kinesis",
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/sensors",
            "kinesis": {
                "sequenceNumber": number.to_string(), "data": data,
                "approximateArrivalTimestamp": 1_709_296_497.5,
            },
        })
    };
    let records: Vec<_> = payloads.iter().enumerate().map(record).collect();
    json!({"Records": records}).to_string()
}

fn answered(observed: &Observed) -> Option<String> {
    let answer = observed.json();
    answer["batchItemFailures"][0]["itemIdentifier"].as_str().map(str::to_owned)
}

/// Lambda sends another trace id with each invocation, and `setenv` never frees them: see
/// `shared::gzip`.
#[tokio::test]
async fn memory_does_not_grow_with_the_number_of_invocations() {
    const MARK: (&str, &str) = ("TEST", "sensor-points: memory");
    let mut scene = Scene::new(&[MARK], &[]).await;
    let mut resident = Vec::new();
    for _ in 0..2 {
        for _ in 0..100 {
            assert_eq!(answered(&scene.invoke(event(&[READING])).await), None);
        }
        resident.push(resident_kb(MARK));
    }
    // With a new encoder each time it is 23 MB.
    assert!(resident[1] < resident[0] + 2_000, "{resident:?}");
}

#[tokio::test]
async fn lines_are_posted_with_precision_and_token() {
    let mut scene = Scene::new(&[], &[]).await;
    let observed = scene.invoke(event(&[READING, "oops"])).await;
    assert_eq!(answered(&observed), None);
    let calls = scene.store.take_calls();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((call.method.as_str(), &*call.path), ("POST", "/api/v2/write"));
    assert_eq!(call.query, "org=o&bucket=b&precision=ns");
    assert_eq!(call.headers["authorization"], "Token hush");
    assert_eq!(call.headers["content-encoding"], "gzip");
    assert_eq!(call.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(lines(call), [LINE]);
    let bytes = LINE.len() as u64 + 1;
    let latency = observed.metrics()["StoredLatency"];
    let count = |name, value| (name, "Count", value);
    let expected = metric_line(
        "Sluice",
        &[("FunctionName", FUNCTION_NAME)],
        &[
            count("RecordsIn", 2),
            count("RecordsDone", 2),
            count("RecordsRetried", 0),
            count("ReadingsIn", 2),
            count("PointsWritten", 1),
            count("ReadingsRefused", 1),
            count("ReadingsDropped", 0),
            count("TimestampFallbacks", 0),
            count("WriteRequests", 1),
            ("WriteBytes", "Bytes", bytes),
            ("StoredLatency", "Milliseconds", latency),
        ],
    );
    assert_eq!(observed.metric_line(), expected);
    let earliest = observed.during_ms.start() - 1_709_296_497_500;
    assert!((earliest..earliest + 60_000).contains(&latency), "{latency}");
    let id = "shardId-000000000000:1".to_owned();
    assert_eq!(observed.reasons("first_event_id"), [("invalid_json".to_owned(), (1, id))].into());
    observed.assert_hidden(&["oops", "L1", "hush", "org=o"]);
}

#[tokio::test]
async fn signs_in_as_the_store_wants_it() {
    let user = [("TSDB_USERNAME", "ada"), ("TSDB_PASSWORD", "p@ss:w/rd")];
    for (variables, expected) in [
        (vec![("TSDB_AUTH", "bearer"), ("TSDB_GZIP", "off")], Some("Bearer hush")),
        ([&[("TSDB_AUTH", "basic")], &user[..]].concat(), Some("Basic YWRhOnBAc3M6dy9yZA==")),
        (vec![("TSDB_AUTH", "none")], None),
    ] {
        let mut scene = Scene::new(&variables, &[]).await;
        assert_eq!(answered(&scene.invoke(event(&[READING])).await), None);
        let [call] = &scene.store.take_calls()[..] else { panic!("one call") };
        let header = call.headers.get("authorization").map(|header| header.to_str().unwrap());
        assert_eq!(header, expected);
        let is_packed = call.headers.contains_key("content-encoding");
        assert_eq!(is_packed, !variables.contains(&("TSDB_GZIP", "off")));
        assert_eq!(lines(call), [LINE]);
    }
}

#[tokio::test]
async fn a_token_that_has_changed_is_read_again() {
    let secret = [("TSDB_TOKEN", ""), ("TSDB_SECRET_ARN", "arn:secret")];
    let denied = Some((401, "hush"));
    let mut scene =
        Scene::new(&secret, &[Some((204, "")), denied, Some((204, "")), denied, denied]).await;
    for _ in 0..2 {
        assert_eq!(answered(&scene.invoke(event(&[READING])).await), None);
    }
    let tokens = |scene: &Scene| -> Vec<String> {
        let calls = scene.store.take_calls();
        calls
            .iter()
            .map(|call| call.headers["authorization"].to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(tokens(&scene), ["Token first", "Token first", "Token second"]);
    assert_eq!(scene.secrets.take_calls().len(), 2);
    // It is read again, which now fails.
    let observed = scene.invoke(event(&[READING])).await;
    assert_eq!(answered(&observed).as_deref(), Some("0"));
    assert_eq!(tokens(&scene), ["Token second"]);
    let line = &observed.log()[0];
    assert_eq!((&line["level"], &line["reason"]), (&json!("ERROR"), &json!("secret_not_read")));
    observed.assert_hidden(&["first\"", "second", "hush"]);
}

#[tokio::test]
async fn only_a_wrong_set_up_is_an_error_and_no_text_of_the_store_is_logged() {
    for (reply, level, reason, said) in [
        (Some((401, "hush")), "ERROR", "denied", "status 401"),
        (Some((403, "hush")), "ERROR", "denied", "status 403"),
        (Some((404, "hush")), "ERROR", "not_found", "status 404"),
        (Some((405, "hush")), "ERROR", "rejected", "status 405"),
        (Some((302, "hush")), "ERROR", "rejected", "status 302"),
        (Some((429, "hush")), "WARN", "throttled", "status 429"),
        (Some((500, "hush")), "WARN", "unavailable", "status 500"),
    ] {
        let mut scene = Scene::new(&[], &[reply]).await;
        let observed = scene.invoke(event(&[READING, READING])).await;
        assert_eq!(answered(&observed).as_deref(), Some("0"));
        assert_eq!(scene.requests().len(), 1);
        let [line] = &observed.log()[..] else { panic!("{:?}", observed.stderr) };
        let found = ["level", "reason", "said", "first_event_id"].map(|name| line[name].clone());
        let id = "shardId-000000000000:0";
        assert_eq!(found, [level, reason, said, id].map(Value::from));
        assert_eq!((&line["count"], line["advice"].is_string()), (&json!(2), level == "ERROR"));
        observed.assert_hidden(&["hush", "L1"]);
    }
    let poison = READING.replace("L1", "poison");
    let mut scene = Scene::new(&[], &[]).await;
    let observed = scene.invoke(event(&[READING, &poison])).await;
    assert_eq!(answered(&observed), None);
    let [entry] = &scene.quarantined()[..] else { panic!("one entry") };
    let detail = &entry["MessageAttributes"]["sluice.detail"]["StringValue"];
    assert!(detail.as_str().unwrap().contains("partial write: line,line=poison"), "{detail}");
    observed.assert_hidden(&["poison", "partial write"]);
}

#[tokio::test]
async fn the_answer_is_given_before_the_time_out() {
    let timeout = Duration::from_secs(3);
    let mut scene = Scene::with_timeout(&[], &[None], timeout).await;
    let observed = scene.invoke(event(&[READING])).await;
    assert_eq!(answered(&observed).as_deref(), Some("0"));
    assert_eq!(observed.log()[0]["reason"], "no_answer");
    // It leaves nothing behind.
    assert_eq!(answered(&scene.invoke(event(&[READING])).await), None);
}

#[tokio::test]
async fn another_event_fails_the_invocation() {
    let mut scene = Scene::new(&[], &[]).await;
    let observed = scene.invoke(r#"{"Records":[{"body":"secret"}]}"#).await;
    let message = "not a Kinesis event: Records[0] has no `kinesis.sequenceNumber`";
    assert_eq!(observed.error(), ("InvalidEvent".to_owned(), message.to_owned()));
    observed.assert_hidden(&["secret"]);
    assert_eq!(observed.metrics()["RecordsIn"], 0);
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start() {
    let own = [
        ("TSDB_WRITE_URL", "http://127.0.0.1:9/write?p=hush"),
        ("TSDB_AUTH", "none"),
        ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9/1/quarantine"),
    ];
    for (variable, value, expected) in [
        ("SERIES", "{", "SERIES is \"{\", but must be a series in JSON"),
        (
            "TSDB_WRITE_URL",
            "http://127.0.0.1:9/write?p=hush&precision=ms",
            "TSDB_WRITE_URL is \"…\", but must be the whole URL",
        ),
        ("TSDB_AUTH", "magic", "TSDB_AUTH is \"magic\", but must be token, bearer, basic or none"),
        (
            "QUARANTINE_QUEUE_URL",
            "",
            "QUARANTINE_QUEUE_URL is \"\", but must be the URL of a queue",
        ),
    ] {
        let message = refusal(BINARY, &[&own[..], &[(variable, value)]].concat()).await;
        assert!(message.starts_with(expected) && !message.contains("hush"), "{message}");
    }
}

#[test]
fn outside_of_lambda_it_says_how_to_run_it() {
    let message = outside_of_lambda(BINARY);
    assert!(message.contains("cargo sluice invoke sensor-points"), "{message}");
}
