//! The real binary with a Lambda Runtime API, EC2, RDS and SNS in this process.

#![cfg(test)]

mod faults;
mod notifying;
#[path = "../support"]
mod support {
    pub(crate) mod outside;
}

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use local::account::Account;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    ALERTS_TOPIC, Binary, Fixture, Observed, fixtures, metric_line, outside_of_lambda, pairs,
    published, refusal,
};

use support::outside::{Outside, account, resolved, schedules, without_times};

const BINARY: &str = env!("CARGO_BIN_EXE_parking");
/// The event of the schedule.
const EVENT: &str = include_str!("../../../../events/parking/window-begins.json");

/// The expected results of a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Golden {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// The machines, with times such as `@-90`, in minutes from now.
    #[serde(default)]
    account: Value,
    answer: Option<Value>,
    error: Option<(String, String)>,
    /// The calls that change something, in order.
    #[serde(default)]
    changes: Vec<String>,
    /// `ResourcesParked`
    #[serde(default)]
    parked: usize,
    /// The notice: title, state, facts and lines.
    notice: Option<Value>,
}

/// The binary with its services.
struct Scene {
    outside: Outside,
    binary: Binary,
}

impl Scene {
    async fn new(account: Account, variables: &[(&str, &str)], timeout: Duration) -> Self {
        let outside = Outside::start(account).await;
        let schedules = schedules(Timestamp::now());
        let own = [
            ("AWS_ENDPOINT_URL", &*outside.endpoint.url),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
            ("SCHEDULES", &schedules),
        ];
        let binary = Binary::with_timeout(BINARY, &[&own, variables].concat(), timeout).await;
        Self { outside, binary }
    }

    async fn run(&mut self) -> Observed {
        self.binary.invoke(EVENT).await
    }
}

/// An account with these machines, with times such as `@-90`.
fn machines(value: &Value) -> Account {
    account(value, Timestamp::now())
}

/// A metric of the run.
fn metric(observed: &Observed, name: &str) -> u64 {
    observed.metrics()[name]
}

fn count(value: &Value, list: &str) -> u64 {
    u64::try_from(value[list].as_array().unwrap().len()).unwrap()
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("parking", 20) {
        let now = Timestamp::now();
        let account = match &golden.account {
            Value::Null => Account::default(),
            value => account(value, now),
        };
        let environment: BTreeMap<_, _> = golden
            .environment
            .iter()
            .map(|(name, value)| {
                (name.clone(), resolved(&json!(value), now).as_str().unwrap().to_owned())
            })
            .collect();
        let mut scene = Scene::new(account, &pairs(&environment), Duration::from_mins(1)).await;
        let observed = scene.binary.invoke(event.clone()).await;
        let notices = published(&scene.outside.endpoint);
        let seen = notices.first().map(|one| {
            let notice = &one.notice;
            json!({
                "title": notice["title"], "state": notice["state"], "facts": notice["facts"],
                "lines": notice.get("lines"),
            })
        });
        assert!(notices.len() <= 1, "{name}");
        let expected = golden.notice.as_ref().map(|notice| {
            let facts = notice["facts"].as_array().unwrap().iter();
            let facts: Vec<_> =
                facts.map(|fact| json!({"label": fact[0], "value": fact[1]})).collect();
            json!({
                "title": notice["title"], "state": notice["state"], "facts": facts,
                "lines": notice["lines"],
            })
        });
        assert_eq!(seen.as_ref().map(without_times), expected, "{name}");
        let is_explained = event.starts_with(b"{\n  \"explain\"");
        assert!(!is_explained || scene.outside.endpoint.calls().is_empty(), "{name}");
        assert_eq!(scene.outside.take_changes(), golden.changes, "{name}");
        if let Some(error) = golden.error {
            assert_eq!(observed.error(), error, "{name}");
            continue;
        }
        let answer = observed.json();
        if answer.get("transitions").is_some() {
            assert_eq!(Some(answer), golden.answer, "{name}");
            assert!(observed.stdout.is_empty(), "{name}");
            continue;
        }
        assert_eq!(Some(without_times(&answer)), golden.answer, "{name}: {answer:#}");
        let counts = [
            ("ParkingRuns", "Count", 1),
            ("ResourcesStarted", "Count", count(&answer, "started")),
            ("ResourcesStopped", "Count", count(&answer, "stopped")),
            ("ResourcesKept", "Count", count(&answer, "kept")),
            ("ResourcesParked", "Count", u64::try_from(golden.parked).unwrap()),
            ("ParkingFailures", "Count", count(&answer, "failed")),
            ("ParkingProblems", "Count", count(&answer, "problems")),
        ];
        assert_eq!(observed.metric_line(), metric_line("Sluice", &[], &counts), "{name}");
        // A second delivery changes nothing, and reports nothing again.
        let before = scene.outside.account();
        let again = scene.binary.invoke(event).await;
        assert_eq!(scene.outside.account(), before, "{name}");
        assert_eq!(published(&scene.outside.endpoint), [], "{name}");
        if answer["dryRun"] == false {
            assert_eq!(
                (&again.json()["started"], &again.json()["stopped"]),
                (&json!([]), &json!([]))
            );
        }
    }
}

#[tokio::test]
async fn a_day_and_a_week_of_a_database() {
    let database = json!({"databases": [
        {"id": "db", "status": "available", "engine": "postgres", "created": "@-90000",
         "tags": {"sluice:office-hours": "off"}},
    ]});
    let mut scene = Scene::new(machines(&database), &[], Duration::from_mins(1)).await;
    let state = |scene: &Scene| scene.outside.account().databases[0].status.clone();
    assert_eq!(scene.run().await.json()["stopped"], json!(["db"]));
    for expected in ["stopping", "stopped"] {
        assert_eq!(state(&scene), expected);
        let observed = scene.run().await;
        assert_eq!(metric(&observed, "ResourcesParked"), 1);
        scene.outside.settle();
    }
    // RDS starts it itself.
    scene.outside.change(|account| account.databases[0].restart = Some(Timestamp::now()));
    scene.outside.settle();
    scene.outside.settle();
    assert_eq!(state(&scene), "available");
    assert_eq!(scene.run().await.json()["stopped"], json!(["db"]));
    scene.outside.settle();
    // Somebody starts it.
    scene.outside.change(|account| account.databases[0].status = "starting".to_owned());
    scene.outside.settle();
    let observed = scene.run().await.json();
    assert_eq!((&observed["stopped"], &observed["kept"][0]["id"]), (&json!([]), &json!("db")));
}

#[tokio::test]
async fn fifty_instances_are_changed_with_one_request() {
    let instance = |number: usize| {
        json!({"id": format!("i-{number:03}"), "state": "running", "launchTime": "@-1000",
               "tags": {"sluice:office-hours": "off"}})
    };
    let instances = json!({"instances": (0..120).map(instance).collect::<Vec<_>>()});
    let mut scene = Scene::new(machines(&instances), &[], Duration::from_mins(1)).await;
    // One is rejected: 49 are stopped anyway.
    scene.outside.change(|account| {
        account.instances[7].refuses = Some("OperationNotPermitted".to_owned());
    });
    let answer = scene.run().await.json();
    assert_eq!(count(&answer, "stopped"), 119);
    assert_eq!(answer["failed"], json!([{"id": "i-007", "error": "OperationNotPermitted"}]));
    let changes = scene.outside.take_changes();
    let sizes = changes.iter().map(|change| change.split(' ').count() - 1).collect::<Vec<_>>();
    // It is in the last batch of 20.
    assert_eq!(sizes[..3], [50, 50, 20]);
    assert_eq!(
        (changes.len(), sizes.iter().filter(|size| **size == 1).count()),
        (11, 1),
        "{sizes:?}"
    );
}

#[tokio::test]
async fn a_machine_on_two_pages_is_one() {
    let mut account = machines(&json!({"instances": [
        {"id": "i-1", "state": "running", "launchTime": "@-1000", "tags": {"sluice:office-hours": "off"}},
    ]}));
    account.instances.push(account.instances[0].clone());
    let mut scene = Scene::new(account, &[], Duration::from_mins(1)).await;
    let answer = scene.run().await.json();
    assert_eq!((&answer["watched"], &answer["stopped"]), (&json!(1), &json!(["i-1"])));
    assert_eq!(scene.outside.take_changes(), ["StopInstances i-1"]);
}

#[tokio::test]
async fn requests_to_explain_that_are_wrong_are_refused() {
    let mut scene = Scene::new(Account::default(), &[], Duration::from_mins(1)).await;
    for (request, message) in [
        (json!({"explain": "ofice"}), "invalid request: the schedule `ofice` is unknown"),
        (
            json!({"explain": "Mon 19:00-19:00"}),
            "invalid request: the schedule `Mon 19:00-19:00` is wrong: `19:00-19:00` start and end at \
             the same time",
        ),
        (
            json!({"explain": "never", "days": 61}),
            "invalid request: `days` is 61, but must be a whole number from 1 to 60",
        ),
        (
            json!({"explain": "never", "days": 0}),
            "invalid request: `days` is 0, but must be a whole number from 1 to 60",
        ),
        (
            json!({"explain": "never", "from": "today"}),
            "invalid request: `from` is \"today\", but must be a time such as 2026-03-06T00:00:00Z",
        ),
        (json!({"explain": 7}), "invalid request: invalid type: integer `7`, expected a string"),
        (
            json!({"explain": "never", "day": 7}),
            "invalid request: unknown field `day`, expected one of `explain`, `from`, `days`",
        ),
    ] {
        let observed = scene.binary.invoke(request.to_string()).await;
        assert_eq!(observed.error(), ("InvalidRequest".to_owned(), message.to_owned()));
        assert!(observed.stdout.is_empty());
    }
    assert!(scene.outside.endpoint.calls().is_empty());
}

#[tokio::test]
async fn an_invalid_setting_fails_the_start() {
    let topic = ("ALERTS_TOPIC_ARN", ALERTS_TOPIC);
    // Other variables: see the tests of `Config`.
    for (variable, value, shown) in [
        ("SCHEDULES", r#"{"office":"Mon-Fri 9-17"}"#, "Mon-Fri 9-17"),
        ("HOLIDAYS", "25.12.", "25.12."),
        ("TIME_ZONE", "Mars/Base", "Mars/Base"),
        ("ALERTS_TOPIC_ARN", "alerts", "alerts"),
    ] {
        let message = refusal(BINARY, &[topic, (variable, value)]).await;
        let expected = format!("{variable} is {shown:?}, but must be ");
        assert!(message.starts_with(&expected), "{message}");
    }
    let outside = outside_of_lambda(BINARY);
    assert!(outside.contains("cargo sluice invoke parking EVENT.json"), "{outside}");
}
