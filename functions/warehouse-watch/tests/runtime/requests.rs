//! The requests to the services.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{Call, scheduled};

use crate::support::outside::{Outside, parameter};
use crate::{BIGQUERY, EVENT, REDSHIFT, Scene};

const SECRET_ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:redshift-AbCdEf";

/// The statements that were sent, by their SQL.
fn executed(calls: &[Call]) -> Vec<Value> {
    let calls = calls.iter().filter(|call| call.operation == "ExecuteStatement");
    let mut statements: Vec<_> = calls.map(Call::json).collect();
    statements.sort_by_key(|statement| statement["Sql"].to_string());
    statements
}

fn sql_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[tokio::test]
async fn the_statements_are_the_files_and_only_one_has_parameters() {
    let mut scene = Scene::new(&[REDSHIFT, ("LONG_QUERY_SECONDS", "600")]).await;
    for (minutes, since) in [(0, -10), (5, 0), (60, 5)] {
        scene.invoke(minutes, Outside::default()).await;
        let statements = executed(&scene.endpoint.take_calls());
        let [locks, queries, queues] = &statements[..] else { panic!("{statements:?}") };
        for (statement, file) in [
            (locks, include_str!("../../sql/locks.sql")),
            (queries, include_str!("../../sql/queries.sql")),
            (queues, include_str!("../../sql/queues.sql")),
        ] {
            assert_eq!(statement["Sql"].as_str().unwrap(), file.trim_end());
            assert_eq!(statement["Database"], "dev");
            assert_eq!(statement["ClusterIdentifier"], "music");
        }
        // The Data API rejects parameters that a statement does not use.
        assert_eq!((&locks["Parameters"], &queues["Parameters"]), (&Value::Null, &Value::Null));
        let since = sql_time(scene.now + SignedDuration::from_mins(since));
        assert_eq!(
            queries["Parameters"],
            json!([{"name": "since", "value": since}, {"name": "seconds", "value": "600"}])
        );
    }
}

#[tokio::test]
async fn a_window_does_not_begin_in_the_future() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    for is_first in [true, false] {
        let ahead = Timestamp::now() + SignedDuration::from_secs(40);
        let observed = scene.binary.invoke(scheduled(EVENT, ahead)).await;
        assert!(observed.answer.is_ok(), "{observed:?}");
        let statements = executed(&scene.endpoint.take_calls());
        let since = statements[1]["Parameters"][0]["value"].as_str().unwrap();
        assert!(is_first || *since < *sql_time(ahead - SignedDuration::from_secs(20)), "{since}");
    }
}

#[tokio::test]
async fn a_workgroup_is_not_asked_for_queues() {
    let variables = [
        ("REDSHIFT_WORKGROUP", "music"),
        ("REDSHIFT_DATABASE", "prod"),
        ("REDSHIFT_SECRET_ARN", SECRET_ARN),
    ];
    let mut scene = Scene::new(&variables).await;
    scene.succeed(0, Outside::default()).await;
    let statements = executed(&scene.endpoint.take_calls());
    assert_eq!(statements.len(), 2);
    for statement in statements {
        assert!(!statement["Sql"].as_str().unwrap().contains("sluice:queues"));
        assert_eq!(statement["WorkgroupName"], "music");
        assert_eq!(
            (&statement["Database"], &statement["SecretArn"]),
            (&json!("prod"), &json!(SECRET_ARN))
        );
        assert_eq!(
            (&statement["ClusterIdentifier"], &statement["DbUser"]),
            (&Value::Null, &Value::Null)
        );
    }
}

#[tokio::test]
async fn a_cluster_may_be_asked_as_a_user() {
    let mut scene = Scene::new(&[REDSHIFT, ("REDSHIFT_DB_USER", "watcher")]).await;
    scene.succeed(0, Outside::default()).await;
    for statement in executed(&scene.endpoint.take_calls()) {
        assert_eq!(
            (&statement["DbUser"], &statement["SecretArn"]),
            (&json!("watcher"), &Value::Null)
        );
    }
}

#[tokio::test]
async fn jobs_of_all_users_are_listed_from_six_hours_before_the_first_day() {
    let mut scene = Scene::new(&[BIGQUERY, ("POLL_SECONDS", "43200")]).await;
    scene.succeed(0, Outside::default()).await;
    let calls = scene.endpoint.take_calls();
    let jobs: Vec<_> = calls.iter().filter(|call| call.path.starts_with("/bigquery/")).collect();
    let [call] = jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(call.path, "/bigquery/v2/projects/music-prod/jobs");
    // The window of a new process covers two periods: it began yesterday.
    let midnight = scene.now.as_second().div_euclid(86_400) * 86_400;
    let created = (midnight - 86_400 - 6 * 3_600) * 1_000;
    for (name, value) in
        [("allUsers", "true"), ("projection", "full"), ("minCreationTime", &*created.to_string())]
    {
        assert_eq!(parameter(call, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(parameter(call, "pageToken"), None);
}

#[tokio::test]
async fn the_last_wait_is_read_once_a_process_for_a_day_before_the_run() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    for (minutes, expected) in [(0, 1), (5, 0)] {
        scene.succeed(minutes, Outside::default()).await;
        let calls = scene.endpoint.take_calls();
        let asked = calls.iter().filter(|call| call.operation == "GetMetricData");
        let asked: Vec<_> =
            asked.map(|call| local::monitoring::cbor::decode(&call.body).unwrap()).collect();
        assert_eq!(asked.len(), expected);
        for asked in asked {
            let now = scene.now.as_second();
            let seconds = |name: &str| asked[name].as_f64().map(|time| format!("{time:.0}"));
            let times = ["StartTime", "EndTime"].map(seconds);
            assert_eq!(times, [now - 86_400, now].map(|time| Some(time.to_string())));
        }
    }
}
