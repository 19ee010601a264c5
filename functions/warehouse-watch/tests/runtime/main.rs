//! The real binary with a Lambda Runtime API and all services in this process.

#![cfg(test)]

mod failures;
mod locks;
mod requests;
#[path = "../support"]
mod support {
    pub(crate) mod outside;
}

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use local::runtime_api::InvokeError;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    ALERTS_TOPIC, Binary, Endpoint, FUNCTION_NAME, Fixture, Observed, Published, fixtures,
    metric_line, pairs, published, schedule, scheduled, with_times,
};

use support::outside::{GOOGLE_SECRET_ARN, Outside, Services};

const BINARY: &str = env!("CARGO_BIN_EXE_warehouse-watch");
const MINUTE: Duration = Duration::from_mins(1);
/// The event of a schedule.
const EVENT: &[u8] = include_bytes!("../../../../events/warehouse-watch/nothing-happens.json");

const REDSHIFT: (&str, &str) = ("REDSHIFT_CLUSTER", "music");
const BIGQUERY: (&str, &str) = ("BIGQUERY_PROJECTS", "music-prod");

/// Runs of one process, and their expected results.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    environment: BTreeMap<String, String>,
    runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    /// The end of its window, in minutes from [`now`].
    minutes: i64,
    outside: Outside,
    /// The notices that alert-notifier receives, by thread and time.
    notices: Vec<Value>,
    /// The gauges by dimensions and, if it is not the end of the window, by timestamp.
    gauges: BTreeMap<String, Value>,
    /// `PollFailures`, `NoticesPublished`, `NoticesFailed`
    counts: [u64; 3],
    /// `errorType`
    error: Option<String>,
    /// Subject and reason of everything that could not be read.
    unread: Vec<[String; 2]>,
}

/// 05:00 or 17:00 UTC: runs up to an hour later are not in the future.
fn now() -> Timestamp {
    schedule() - 1.hours()
}

/// The binary with its services.
struct Scene {
    services: Services,
    endpoint: Endpoint,
    binary: Binary,
    now: Timestamp,
}

impl Scene {
    async fn new(variables: &[(&str, &str)]) -> Self {
        Self::with_timeout(variables, MINUTE).await
    }

    async fn with_timeout(variables: &[(&str, &str)], timeout: Duration) -> Self {
        let (services, endpoint) = Services::start().await;
        let own = [
            ("AWS_ENDPOINT_URL", &*endpoint.url),
            ("BIGQUERY_ENDPOINT_URL", &endpoint.url),
            ("GOOGLE_CREDENTIALS_SECRET_ARN", GOOGLE_SECRET_ARN),
            ("LOG_LEVEL", "trace"),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
        ];
        let binary = Binary::with_timeout(BINARY, &[&own, variables].concat(), timeout).await;
        Self { services, endpoint, binary, now: now() }
    }

    /// Invokes the function for the window that ends this many minutes from now, and asserts that
    /// it logs neither secrets nor SQL.
    async fn invoke(&mut self, minutes: i64, outside: Outside) -> Observed {
        self.invoke_with(EVENT, minutes, outside).await
    }

    /// Invokes the function in the same way; the invocation must succeed.
    async fn succeed(&mut self, minutes: i64, outside: Outside) {
        let observed = self.invoke(minutes, outside).await;
        assert!(observed.answer.is_ok(), "{observed:?}");
    }

    async fn invoke_with(&mut self, event: &[u8], minutes: i64, outside: Outside) -> Observed {
        let now = self.now + minutes.minutes();
        self.services.set(Outside { now: now.as_duration().as_secs_f64(), ..outside });
        let observed = self.binary.invoke(scheduled(event, now)).await;
        observed.assert_hidden(&["hush", "PRIVATE KEY", "plays_by_artist"]);
        observed
    }

    /// The notices since the last time, by thread and time.
    fn take_notices(&self) -> Vec<Value> {
        let mut published = published(&self.endpoint);
        drop(self.endpoint.take_calls());
        let key = |one: &Published| ["thread", "at"].map(|member| one.notice[member].to_string());
        published.sort_by_key(key);
        published.into_iter().map(|one| one.notice).collect()
    }
}

/// The gauges of a run whose window ended at `now`, by their dimensions and timestamps, and its
/// counts.
fn metrics(observed: &Observed, now: Timestamp) -> (BTreeMap<String, Value>, [u64; 3]) {
    let (mut gauges, mut counts) = (BTreeMap::new(), None);
    for mut line in observed.metric_lines() {
        let metadata = line["_aws"].take();
        let members = line.as_object_mut().unwrap();
        members.remove("_aws").unwrap();
        let names = metadata["CloudWatchMetrics"][0]["Dimensions"][0].as_array().unwrap();
        let dimensions: Vec<_> = names
            .iter()
            .map(|name| {
                let name = name.as_str().unwrap();
                format!("{name}={}", members.remove(name).unwrap().as_str().unwrap())
            })
            .collect();
        let stamp = metadata["Timestamp"].as_i64().unwrap();
        if names[0] == "FunctionName" {
            assert!(observed.during_ms.contains(&stamp.try_into().unwrap()));
            assert_eq!(line["Polls"], 1);
            let all = ["PollFailures", "NoticesPublished", "NoticesFailed"];
            let all = all.map(|name| line[name].as_u64().unwrap());
            assert_eq!(counts.replace(all), None, "the metrics of the run are one line");
            continue;
        }
        let stamp = Timestamp::from_millisecond(stamp).unwrap();
        let mut key = dimensions.join(" ");
        if stamp != now {
            key.push_str(&stamp.strftime(" %H:%M:%S").to_string());
        }
        assert_eq!(gauges.insert(key, line), None);
    }
    (gauges, counts.unwrap())
}

/// Subject and reason of the log lines about what could not be read.
fn unread(observed: &Observed) -> Vec<[String; 2]> {
    let log = observed.log();
    let lines = log.iter().filter(|line| line["message"] == "failed to read");
    lines
        .map(|line| {
            assert_eq!(line["level"], "ERROR");
            ["subject", "reason"].map(|name| line[name].as_str().unwrap().to_owned())
        })
        .collect()
}

/// The results of a run, in the form of a golden answer.
fn seen(observed: &Observed, notices: &[Value], now: Timestamp) -> Value {
    let (gauges, counts) = metrics(observed, now);
    if observed.answer.is_ok() {
        assert_eq!(observed.json(), json!({ "notices": counts[1] }));
    }
    json!({
        "notices": notices, "gauges": gauges, "counts": counts,
        "error": observed.answer.as_ref().err().map(InvokeError::error_type),
        "unread": unread(observed),
    })
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Value>("warehouse-watch", 17) {
        let golden: Golden = serde_json::from_str(&with_times(&golden.to_string(), now()))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut scene = Scene::new(&pairs(&golden.environment)).await;
        for (number, run) in golden.runs.into_iter().enumerate() {
            let Run { minutes, outside, notices, gauges, counts, error, unread } = run;
            let observed = scene.invoke_with(&event, minutes, outside).await;
            let now = scene.now + minutes.minutes();
            let seen = seen(&observed, &scene.take_notices(), now);
            let expected = json!({
                "notices": notices, "gauges": gauges, "counts": counts, "error": error,
                "unread": unread,
            });
            assert_eq!(seen, expected, "{name}, run {number}: {seen:#}");
        }
    }
}

#[tokio::test]
async fn metrics_are_lines_of_embedded_metric_format() {
    let variables = [REDSHIFT, BIGQUERY, ("METRICS_NAMESPACE", "Team/Music")];
    let mut scene = Scene::new(&variables).await;
    let outside = with_times(
        r#"{
            "statements": {"queues": {"rows": [[6, "Running", 1, 0]]}},
            "projects": {"music-prod": [{"jobs": [{
                "jobReference": {"jobId": "job_1"}, "user_email": "ada@music.test",
                "status": {"state": "DONE"},
                "statistics": {
                    "creationTime": "<ms -3>", "endTime": "<ms -2>",
                    "query": {"totalBytesBilled": "1099511627776"}
                }
            }]}]}
        }"#,
        scene.now,
    );
    let lines = scene.invoke(0, serde_json::from_str(&outside).unwrap()).await.metric_lines();
    let warehouse = ("Warehouse", "music");
    let project = ("Project", "music-prod");
    let gauges: [(&[_], &[_]); 4] = [
        (
            &[warehouse],
            &[
                ("QueriesRunning", "Count", 0.0),
                ("QueriesQueued", "Count", 0.0),
                ("LongestQuerySeconds", "Seconds", 0.0),
                ("LockWaits", "Count", 0.0),
                ("LockWaitSeconds", "Seconds", 0.0),
            ],
        ),
        (
            &[warehouse, ("Queue", "6")],
            &[
                ("QueriesRunning", "Count", 1.0),
                ("QueriesQueued", "Count", 0.0),
                ("QueueWaitSeconds", "Seconds", 0.0),
            ],
        ),
        (
            &[project],
            &[("QueryCost", "None", 6.25), ("QueryBytesBilled", "Bytes", 1_099_511_627_776.0)],
        ),
        (&[project, ("User", "ada@music.test")], &[("QueryCost", "None", 6.25)]),
    ];
    let counts = [
        ("Polls", "Count", 1),
        ("PollFailures", "Count", 0),
        ("NoticesPublished", "Count", 1),
        ("NoticesFailed", "Count", 0),
    ];
    let gauges =
        gauges.iter().map(|(dimensions, metrics)| metric_line("Team/Music", dimensions, metrics));
    let run = metric_line("Team/Music", &[("FunctionName", FUNCTION_NAME)], &counts);
    let expected: Vec<_> = gauges.chain([run]).collect();
    let unstamped = |mut line: Value| {
        line["_aws"]["Timestamp"] = Value::Null;
        line
    };
    assert_eq!(lines.into_iter().map(unstamped).collect::<Vec<_>>(), expected);
}
