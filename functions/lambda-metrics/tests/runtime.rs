//! The real binary behind a Lambda Runtime API, with a scripted cloud in this process.

#![cfg(test)]

mod support {
    pub(crate) mod cloud;
    pub(crate) mod fixture;
    pub(crate) mod process;
}

use std::collections::BTreeMap;
use std::time::Duration;

use local::runtime_api::InvokeError;
use serde_json::{Value, json};
use testkit::{Binary, Fixture, Observed, fixtures, pairs, refusal};

use support::cloud::{Account, Cloud, Data, Failing, Function};
use support::fixture::{Golden, Run};
use support::process::{cpu_ms, peak_memory_mb, process};

const BINARY: &str = env!("CARGO_BIN_EXE_lambda-metrics");
const MINUTE: Duration = Duration::from_mins(1);

const FUNCTIONS: usize = 1_000;
/// The periods of a look-back of five minutes.
const PERIODS: i64 = 6;
const METRICS: [&str; 8] = [
    "Invocations",
    "Errors",
    "Throttles",
    "Duration",
    "ConcurrentExecutions",
    "AsyncEventsDropped",
    "DeadLetterErrors",
    "IteratorAge",
];

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("lambda-metrics", 15) {
        let cloud = Cloud::of(golden.lambda).await;
        let mut binary = binary(&cloud, &pairs(&golden.environment), MINUTE).await;
        for (number, run) in golden.runs.iter().enumerate() {
            cloud.set(run.cloudwatch.clone(), run.failing.clone());
            let observed = binary.invoke(event.clone()).await;
            check(&format!("{name}, run {number}"), run, &observed, &cloud);
        }
    }
}

fn check(name: &str, golden: &Run, observed: &Observed, cloud: &Cloud) {
    let log: Vec<_> = observed.log().iter().filter_map(logged).collect();
    let seen = json!({
        "answer": observed.answer.is_ok().then(|| observed.json()),
        "errorType": observed.answer.as_ref().err().map(InvokeError::error_type),
        "errorMessage": observed.answer.as_ref().err().map(InvokeError::message),
        "emitted": emitted(observed, cloud.base()),
        "calls": cloud.take_counts(),
        "log": log,
    });
    let golden = json!({
        "answer": golden.answer, "errorType": golden.error_type,
        "errorMessage": golden.error_message, "emitted": golden.emitted, "calls": golden.calls,
        "log": golden.log,
    });
    assert_eq!(seen, golden, "{name}: {seen:#}");
}

/// The binary with these variables, and the services of a cloud.
async fn binary(cloud: &Cloud, variables: &[(&str, &str)], timeout: Duration) -> Binary {
    let url = &*cloud.endpoint.url;
    let own = [
        ("AWS_ENDPOINT_URL_CLOUDWATCH", url),
        ("AWS_ENDPOINT_URL_LAMBDA", url),
        ("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", url),
    ];
    Binary::with_timeout(BINARY, &[&own, variables].concat(), timeout).await
}

/// The lines of metrics, with times as in fixtures.
fn emitted(observed: &Observed, base: f64) -> Vec<Value> {
    let line = |mut line: Value| {
        let members = line.as_object_mut().unwrap();
        let aws = members.remove("_aws").unwrap();
        let at = aws["Timestamp"].as_f64().unwrap() / 1_000.0 - base;
        // The latest period ended one to two minutes ago.
        let is_now = members.contains_key("Polls");
        assert_eq!(is_now, at >= 60.0, "{line}");
        line["at"] = if is_now { json!("now") } else { json!(at / 60.0) };
        line
    };
    observed.metric_lines().into_iter().map(line).collect()
}

/// The message and the subjects of a log line above `info`.
fn logged(line: &Value) -> Option<String> {
    if line["level"] == "INFO" || line["message"] == "invocation failed" {
        return None;
    }
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    let about = ["operation", "code", "unread", "name", "id", "text"].into_iter().filter_map(text);
    let message = line["message"].as_str().unwrap().to_owned();
    Some([message].into_iter().chain(about).collect::<Vec<_>>().join(": "))
}

/// One function, `plays`, that failed once in the latest minute.
async fn one_function() -> Cloud {
    let plays = Function { timeout_seconds: 3, reserved: None, tags: BTreeMap::new() };
    let functions = BTreeMap::from([("plays".to_owned(), plays)]);
    Cloud::of(Account { functions, limits: (1_000, 1_000), ..Account::default() }).await
}

fn one_error() -> Data {
    let once = BTreeMap::from([(-1, 1.0)]);
    let metrics = ["Invocations", "Errors"].map(|metric| (metric.to_owned(), once.clone()));
    let values = BTreeMap::from([("plays".to_owned(), BTreeMap::from(metrics))]);
    Data { values, ..Data::default() }
}

fn value(observed: &Observed, metric: &str) -> Vec<f64> {
    observed.metric_lines().iter().filter_map(|line| line[metric].as_f64()).collect()
}

#[tokio::test]
async fn an_invalid_setting_stops_the_start_and_is_named() {
    // Other variables: see the tests of `Config`.
    for (variable, value) in [("FUNCTION_NAMES", ""), ("MIN_INVOCATIONS", "0")] {
        let message = refusal(BINARY, &[("FUNCTION_NAMES", "plays"), (variable, value)]).await;
        assert!(message.starts_with(&format!("{variable} is {value:?}, but must be")), "{message}");
    }
}

#[tokio::test]
async fn the_event_has_no_meaning() {
    let cloud = one_function().await;
    cloud.set(one_error(), Vec::new());
    let mut binary = binary(&cloud, &[("FUNCTION_NAMES", "plays")], MINUTE).await;
    for (event, expected) in [("null", vec![100.0, 100.0]), ("no JSON", Vec::new())] {
        let observed = binary.invoke(event).await;
        assert_eq!(value(&observed, "ErrorRate"), expected, "{event}");
        assert_eq!(value(&observed, "Polls"), [1.0], "{event}");
    }
}

#[tokio::test]
async fn a_service_that_always_fails_fails_the_run_but_not_the_process() {
    let mut endings = Vec::new();
    for (status, code) in [(400, "ThrottlingException"), (500, "InternalFailure"), (503, "")] {
        endings.push(Failing::always("GetMetricData", status, code));
    }
    for body in ["", "garbage", "{\"MetricDataResults\":[]}", "\u{0}\u{1}"] {
        let body = Some(body.to_owned());
        endings.push(Failing { body, ..Failing::always("GetMetricData", 200, "") });
    }
    let cloud = one_function().await;
    let mut binary = binary(&cloud, &[("FUNCTION_NAMES", "plays")], MINUTE).await;
    for failing in endings {
        cloud.set(one_error(), vec![failing.clone()]);
        let observed = binary.invoke("{}").await;
        let error = observed.answer.as_ref().unwrap_err();
        assert_eq!(error.error_type(), "PollFailed", "{failing:?}");
        assert!(error.message().contains("GetMetricData of Invocations of plays"), "{failing:?}");
        assert_eq!(value(&observed, "Polls"), [1.0], "{failing:?}");
        assert!(value(&observed, "PollFailures")[0] >= 1.0, "{failing:?}");
    }
    cloud.set(one_error(), Vec::new());
    let observed = binary.invoke("{}").await;
    assert_eq!(value(&observed, "ErrorRate"), [100.0, 100.0]);
}

#[tokio::test]
async fn an_unreachable_service_fails_the_run() {
    let cloud = one_function().await;
    // Nothing listens there.
    let variables =
        [("FUNCTION_NAMES", "plays"), ("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:9")];
    let mut binary = binary(&cloud, &variables, MINUTE).await;
    let observed = binary.invoke("{}").await;
    assert_eq!(observed.answer.as_ref().unwrap_err().error_type(), "PollFailed");
    assert_eq!(value(&observed, "Polls"), [1.0]);
    // ListMetrics and GetMetricData.
    assert_eq!(value(&observed, "PollFailures"), [2.0]);
}

/// Prints CPU time and memory.
#[tokio::test]
async fn a_thousand_busy_functions_take_little_memory() {
    let names: Vec<_> = (0..FUNCTIONS).map(|number| format!("function-{number:04}")).collect();
    let plain = Function { timeout_seconds: 3, reserved: None, tags: BTreeMap::new() };
    let account = Account {
        functions: names.iter().map(|name| (name.clone(), plain.clone())).collect(),
        functions_per_page: 50,
        limits: (1_000, 900),
        ..Account::default()
    };
    let cloud = Cloud::of(account).await;
    let every = |value: f64| (1..=PERIODS).map(|minute| (-minute, value)).collect();
    let metrics = METRICS.map(|metric| (metric.to_owned(), every(7.0)));
    let metrics = BTreeMap::from(metrics);
    let values = names.iter().map(|name| (name.clone(), metrics.clone())).collect();
    cloud.set(Data { values, ..Data::default() }, Vec::new());
    let mut binary = binary(&cloud, &[("FUNCTION_NAMES", "*")], Duration::from_mins(5)).await;
    // In the second run, only the functions whose reserved concurrency it read have new values,
    // with one minute less if the next minute has begun.
    for (run, lines) in [("first", 6_006..=6_006), ("second", 150 * 5..=150 * 6)] {
        let before = if run == "first" { 0 } else { cpu_ms(&process().1) };
        let observed = binary.invoke("{}").await;
        let answer = observed.json();
        assert_eq!(answer["functions"], FUNCTIONS);
        assert_eq!(answer["metricsRequested"], FUNCTIONS * 8 + 1);
        let emitted = answer["linesEmitted"].as_u64().unwrap();
        assert!(lines.contains(&emitted), "{emitted} lines");
        let (status, fields) = process();
        let memory_mb = peak_memory_mb(&status);
        println!("{run} run: {} ms of CPU, {memory_mb} MB at most", cpu_ms(&fields) - before);
        assert!(memory_mb < 128, "{memory_mb} MB");
    }
}
