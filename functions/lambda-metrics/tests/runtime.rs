//! The real binary behind a Lambda Runtime API, with a scripted cloud in this process.

#![cfg(test)]

mod support {
    pub(crate) mod cbor;
    pub(crate) mod cloud;
    pub(crate) mod fixture;
    pub(crate) mod function;
}

use std::collections::BTreeMap;
use std::time::Duration;

use local::runtime_api::InvokeError;
use serde_json::{Value, json};

use support::cloud::Cloud;
use support::fixture::{Fixture, Run};
use support::function::{Binary, Observed};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    let fixtures = Fixture::all();
    assert!(fixtures.len() >= 15, "only {} fixtures", fixtures.len());
    for Fixture { name, event, golden } in fixtures {
        let cloud = Cloud::of(golden.lambda).await;
        let variables: Vec<_> =
            golden.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut binary = Binary::start(&cloud, &variables, MINUTE).await;
        for (number, run) in golden.runs.iter().enumerate() {
            cloud.set(run.cloudwatch.clone(), run.failing.clone());
            let observed = binary.run(event.clone()).await;
            check(&format!("{name}, run {number}"), run, &observed, &cloud);
        }
    }
}

fn check(name: &str, golden: &Run, observed: &Observed, cloud: &Cloud) {
    let mut counts = BTreeMap::<_, usize>::new();
    for call in cloud.take_calls() {
        *counts.entry(call.operation).or_default() += 1;
    }
    let log: Vec<_> = observed.log.iter().filter_map(logged).collect();
    let seen = json!({
        "answer": observed.answer.as_ref().ok(),
        "errorType": observed.answer.as_ref().err().map(InvokeError::error_type),
        "errorMessage": observed.answer.as_ref().err().map(InvokeError::message),
        "emitted": emitted(observed, cloud.base()),
        "calls": counts,
        "log": log,
    });
    let golden = json!({
        "answer": golden.answer, "errorType": golden.error_type,
        "errorMessage": golden.error_message, "emitted": golden.emitted, "calls": golden.calls,
        "log": golden.log,
    });
    assert_eq!(seen, golden, "{name}: {seen:#}");
}

/// The lines of metrics, with times as fixtures have them.
fn emitted(observed: &Observed, base: f64) -> Vec<Value> {
    let line = |line: &Value| {
        let mut line = line.clone();
        let members = line.as_object_mut().unwrap();
        let aws = members.remove("_aws").unwrap();
        let at = aws["Timestamp"].as_f64().unwrap() / 1_000.0 - base;
        // A fresh period is a minute old when it is read, and two at most.
        let is_now = members.contains_key("Polls");
        assert_eq!(is_now, at >= 60.0, "{line}");
        line["at"] = if is_now { json!("now") } else { json!(at / 60.0) };
        line
    };
    observed.metrics.iter().map(line).collect()
}

/// What a line of the log above `info` says.
fn logged(line: &Value) -> Option<String> {
    if line["level"] == "INFO" || line["message"] == "invocation failed" {
        return None;
    }
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    let about = ["operation", "code", "unread", "name", "id"].into_iter().filter_map(text);
    let message = line["message"].as_str().unwrap().to_owned();
    Some([message].into_iter().chain(about).collect::<Vec<_>>().join(": "))
}
