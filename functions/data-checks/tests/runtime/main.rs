//! The real binary with a Lambda Runtime API and all services in this process.

#![cfg(test)]

mod ends;
mod failures;
#[path = "../support"]
mod support {
    pub(crate) mod outside;
}

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use local::runtime_api::InvokeError;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    ALERTS_TOPIC, Binary, Endpoint, FUNCTION_NAME, Fixture, Observed, Reply, fixtures, metric_line,
    outside_of_lambda, pairs, published, refusal, schedule, scheduled, with_times,
};

use support::outside::{GOOGLE_SECRET_ARN, HERE, Outside};

const BINARY: &str = env!("CARGO_BIN_EXE_data-checks");
const MINUTE: Duration = Duration::from_mins(1);
/// The event of a schedule.
const EVENT: &[u8] = include_bytes!("../../../../events/data-checks/holds.json");

/// The data of the services, and the expected results of a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    outside: Outside,
    /// The notices that alert-notifier receives, by thread.
    notices: Vec<Value>,
    /// The metrics of each check.
    metrics: BTreeMap<String, Value>,
    /// The metrics of the run: checks, failures, errors, published notices, failed notices.
    counts: [u64; 5],
    /// `errorType`
    error: Option<String>,
    /// Check, end and reason of each line about a check that was not run.
    #[serde(default)]
    not_run: Vec<[String; 3]>,
}

/// The binary with its services.
struct Scene {
    endpoint: Endpoint,
    binary: Binary,
    now: Timestamp,
}

impl Scene {
    async fn new(outside: Outside, sns: Vec<Reply>, variables: &[(&str, &str)]) -> Self {
        Self::with_timeout(outside, sns, variables, MINUTE).await
    }

    async fn with_timeout(
        outside: Outside,
        sns: Vec<Reply>,
        variables: &[(&str, &str)],
        timeout: Duration,
    ) -> Self {
        let now = schedule();
        let outside = Outside { now: now.as_duration().as_secs_f64(), ..outside };
        let endpoint = outside.start(sns).await;
        let has_checks = variables.iter().any(|(name, _)| *name == "CHECKS");
        let here = |(name, value): &(_, &str)| (*name, value.replace(HERE, &endpoint.url));
        let variables: Vec<(&str, String)> = variables.iter().map(here).collect();
        let own = [
            ("AWS_ENDPOINT_URL", &*endpoint.url),
            ("BIGQUERY_ENDPOINT_URL", &endpoint.url),
            ("GOOGLE_CREDENTIALS_SECRET_ARN", GOOGLE_SECRET_ARN),
            ("LOG_LEVEL", "trace"),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
            ("CHECKS_PATH", if has_checks { "" } else { "/sluice/checks" }),
        ];
        let variables = variables.iter().map(|(name, value)| (*name, &**value));
        let variables: Vec<_> = own.into_iter().chain(variables).collect();
        let binary = Binary::with_timeout(BINARY, &variables, timeout).await;
        Self { endpoint, binary, now }
    }

    /// Invokes the function at the time of the schedule, and asserts that it logs no secrets.
    async fn invoke(&mut self) -> Observed {
        self.invoke_with(EVENT).await
    }

    async fn invoke_with(&mut self, event: &[u8]) -> Observed {
        let observed = self.binary.invoke(scheduled(event, self.now)).await;
        observed.assert_hidden(&["hush", "PRIVATE KEY"]);
        observed
    }

    /// The notices so far, by thread.
    fn notices(&self) -> Vec<Value> {
        let mut published = published(&self.endpoint);
        published.sort_by_key(|one| one.notice["thread"].to_string());
        published.into_iter().map(|one| one.notice).collect()
    }

    /// The operations or paths of the calls, in order.
    fn calls(&self) -> Vec<String> {
        let calls = self.endpoint.calls().into_iter();
        let name = |call: testkit::Call| {
            if call.operation.is_empty() { call.path } else { call.operation }
        };
        calls.map(name).collect()
    }
}

/// The metrics of each check, as numbers, and those of the run. All have the timestamp `now`.
fn metrics(observed: &Observed, now: Timestamp) -> (BTreeMap<String, Value>, [u64; 5]) {
    let (mut checks, mut counts) = (BTreeMap::new(), None);
    for mut line in observed.metric_lines() {
        let members = line.as_object_mut().unwrap();
        let stamp = members.remove("_aws").unwrap()["Timestamp"].as_i64();
        assert_eq!(stamp, Some(now.as_millisecond()));
        if let Some(check) = members.remove("Check") {
            let again = checks.insert(check.as_str().unwrap().to_owned(), line);
            assert_eq!(again, None);
        } else {
            let names =
                ["Checks", "CheckFailures", "CheckErrors", "NoticesPublished", "NoticesFailed"];
            let all = names.map(|name| line[name].as_u64().unwrap());
            assert_eq!(counts.replace(all), None, "the metrics of the run are one line");
        }
    }
    (checks, counts.unwrap())
}

/// Check, end and reason of the lines about checks that were not run.
fn not_run(observed: &Observed) -> Vec<[String; 3]> {
    let log = observed.log();
    let lines = log.iter().filter(|line| line["message"] == "check not run");
    let mut lines: Vec<_> = lines
        .map(|line| {
            assert_eq!(line["level"], "ERROR");
            ["check", "end", "reason"].map(|name| line[name].as_str().unwrap().to_owned())
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Value>("data-checks", 18) {
        let now = schedule();
        let golden: Golden = serde_json::from_str(&with_times(&golden.to_string(), now))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut scene = Scene::new(golden.outside, Vec::new(), &pairs(&golden.environment)).await;
        let observed = scene.invoke_with(&event).await;
        assert_eq!(scene.now, now, "{name}");
        let (metrics, counts) = metrics(&observed, now);
        if observed.answer.is_ok() {
            let [checks, failures, errors, ..] = counts;
            let answer = json!({"checks": checks, "failures": failures, "errors": errors});
            assert_eq!(observed.json(), answer, "{name}");
        }
        let seen = json!({
            "notices": scene.notices(), "metrics": metrics, "counts": counts,
            "error": observed.answer.as_ref().err().map(InvokeError::error_type),
            "not_run": not_run(&observed),
        });
        let expected = json!({
            "notices": golden.notices, "metrics": golden.metrics, "counts": golden.counts,
            "error": golden.error, "not_run": golden.not_run,
        });
        assert_eq!(seen, expected, "{name}: {seen:#}");
    }
}

#[tokio::test]
async fn metrics_are_lines_of_embedded_metric_format() {
    let golden: Fixture<Value> = testkit::fixture("data-checks", "holds");
    let golden = with_times(&golden.golden["outside"].to_string(), schedule());
    let outside = serde_json::from_str(&golden).unwrap();
    let mut scene = Scene::new(outside, Vec::new(), &[("METRICS_NAMESPACE", "Team/Music")]).await;
    let lines = scene.invoke().await.metric_lines();
    let [check, run] = &lines[..] else { panic!("{lines:?}") };
    let of_check = [
        ("SourceRows", "Count", 1_000.0),
        ("TargetRows", "Count", 1_000.0),
        ("RowCountDifference", "Count", 0.0),
        ("RowCountDifferencePercent", "Percent", 0.0),
        ("FreshnessSeconds", "Seconds", 1_800.0),
        ("LagSeconds", "Seconds", 600.0),
        ("CheckFailures", "Count", 0.0),
    ];
    let of_run = [
        ("Checks", "Count", 1),
        ("CheckFailures", "Count", 0),
        ("CheckErrors", "Count", 0),
        ("NoticesPublished", "Count", 0),
        ("NoticesFailed", "Count", 0),
    ];
    let name = [("FunctionName", FUNCTION_NAME)];
    for (line, mut expected) in [
        (check, metric_line("Team/Music", &[("Check", "plays")], &of_check)),
        (run, metric_line("Team/Music", &name, &of_run)),
    ] {
        expected["_aws"]["Timestamp"] = json!(scene.now.as_millisecond());
        assert_eq!(*line, expected);
    }
}

#[tokio::test]
async fn an_invalid_setting_fails_the_start() {
    let topic = ("ALERTS_TOPIC_ARN", ALERTS_TOPIC);
    let path = ("CHECKS_PATH", "/sluice/checks");
    let wrong = r#"[{"name":"plays","target":{"kind":"hush"}}]"#;
    for (variables, expected) in [
        (
            &[path, ("ALERTS_TOPIC_ARN", "alerts")][..],
            "ALERTS_TOPIC_ARN is \"alerts\", but must be ",
        ),
        (&[topic], "CHECKS_PATH is \"\", but must be "),
        (&[topic, ("CHECKS", wrong)], "CHECKS is \"…\", but must be "),
        (&[topic, ("CHECKS", wrong)], ": check plays: `target.kind` must be redshift, rds, "),
        (
            &[topic, path, ("CHECK_TIMEOUT_SECONDS", "601")],
            "CHECK_TIMEOUT_SECONDS is \"601\", but must be a whole number from 1 to 600",
        ),
    ] {
        let message = refusal(BINARY, variables).await;
        assert!(message.contains(expected) && !message.contains("hush"), "{message}");
    }
    let outside = outside_of_lambda(BINARY);
    assert!(outside.contains("cargo sluice invoke data-checks EVENT.json"), "{outside}");
}
