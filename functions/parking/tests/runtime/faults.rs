//! Whatever fails, only machines that are due are stopped or started, and everything else is done.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::published;

use crate::support::outside::{Fault, Outside};
use crate::{Scene, machines};

/// Machines of all kinds, each in all states that matter.
fn all() -> Value {
    let tags = |schedule: &str| json!({"sluice:office-hours": schedule});
    let instance = |id: &str, state: &str, schedule: &str| json!({"id": id, "state": state, "launchTime": "@-1000", "tags": tags(schedule)});
    let database = |id: &str, kind: &str, status: &str, schedule: &str| {
        let engine = if kind == "cluster" { "aurora-mysql" } else { "mysql" };
        json!({"id": id, "kind": kind, "status": status, "engine": engine, "created": "@-90000",
               "tags": tags(schedule)})
    };
    json!({
        "instances": [
            instance("i-off", "running", "off"),
            instance("i-on", "stopped", "on"),
            instance("i-done", "stopped", "off"),
            instance("i-runs", "running", "on"),
            {"id": "i-late", "state": "running", "launchTime": "@-60", "tags": tags("off")},
            {"id": "i-wrong", "state": "running", "launchTime": "@-1000", "tags": tags("ofice")},
            {"id": "i-other", "state": "running", "launchTime": "@-1000"},
        ],
        "databases": [
            database("db-off", "instance", "available", "off"),
            database("db-on", "instance", "stopped", "on"),
            {"id": "db-late", "status": "available", "engine": "mysql", "created": "@-90000",
             "tags": tags("off"), "events": [["@-60", "DB instance started"]]},
            {"id": "db-other", "status": "available", "engine": "mysql", "created": "@-90000"},
            database("cl-off", "cluster", "available", "off"),
            database("cl-on", "cluster", "stopped", "on"),
        ],
    })
}

/// The machines that are due: they are stopped or started if nothing fails.
const DUE: [&str; 6] = ["cl-off", "cl-on", "db-off", "db-on", "i-off", "i-on"];

/// The machines whose state has changed.
fn changed(outside: &Outside, before: &local::account::Account) -> Vec<String> {
    let now = outside.account();
    let instances = now.instances.iter().zip(&before.instances);
    let instances = instances.filter(|(now, then)| now.state != then.state).map(|(now, _)| &now.id);
    let databases = now.databases.iter().zip(&before.databases);
    let databases =
        databases.filter(|(now, then)| now.status != then.status).map(|(now, _)| &now.id);
    let mut changed: Vec<_> = instances.chain(databases).cloned().collect();
    changed.sort();
    changed
}

/// The machines that fail with an operation, and whether it is the list of a kind, which fails the
/// invocation.
const TABLE: [(&str, &[&str], bool); 10] = [
    ("DescribeInstances", &["i-off", "i-on"], true),
    ("DescribeDBInstances", &["db-off", "db-on"], true),
    ("DescribeDBClusters", &["cl-off", "cl-on"], true),
    ("DescribeEvents", &["cl-off", "db-late", "db-off"], false),
    ("StartInstances", &["i-on"], false),
    ("StopInstances", &["i-off"], false),
    ("StartDBInstance", &["db-on"], false),
    ("StopDBInstance", &["db-off"], false),
    ("StartDBCluster", &["cl-on"], false),
    ("StopDBCluster", &["cl-off"], false),
];

#[tokio::test]
async fn a_call_that_fails_spoils_nothing_else() {
    let faults = [
        (Fault::Error(403, "AccessDenied"), "AccessDenied"),
        (Fault::Error(400, "Throttling"), "Throttling"),
        (Fault::Error(500, "InternalFailure"), "InternalFailure"),
        (Fault::Hangs, "Timeout"),
        (Fault::Closes, "NoAnswer"),
        (Fault::Garbage, "InvalidAnswer"),
        (Fault::OfAnother, "InvalidAnswer"),
    ];
    // Concurrently, because each waits for most of its time.
    let cases =
        TABLE.into_iter().flat_map(|row| faults.map(|fault| tokio::spawn(check(row, fault))));
    for case in cases.collect::<Vec<_>>() {
        case.await.unwrap();
    }
}

async fn check(
    (operation, failing, fails): (&'static str, &[&str], bool),
    (fault, code): (Fault, &str),
) {
    let context = format!("{operation} {fault:?}");
    let machines = machines(&all());
    let mut scene = Scene::new(machines.clone(), &[], Duration::from_secs(30)).await;
    scene.outside.fail(operation, &[Some(fault)]);
    let observed = scene.run().await;
    let done: Vec<_> = DUE.into_iter().filter(|id| !failing.contains(id)).collect();
    assert_eq!(changed(&scene.outside, &machines), done, "{context}");
    let notices = published(&scene.outside.endpoint);
    assert_eq!(notices.len(), 1, "{context}");
    assert_eq!(notices[0].notice["state"], "ALARM", "{context}");
    let failures = if fails { 1 } else { failing.len() };
    let counted = observed.metrics()["ParkingFailures"];
    assert_eq!(counted, u64::try_from(failures).unwrap(), "{context}");
    if fails {
        let (error_type, message) = observed.error();
        assert_eq!(error_type, "ParkingFailed", "{context}");
        assert!(message.ends_with(code), "{context}: {message}");
    } else {
        let expected: Vec<_> = failing.iter().map(|id| json!({"id": id, "error": code})).collect();
        assert_eq!(observed.json()["failed"], json!(expected), "{context}");
    }
    // The next run does the rest, and the one after it does nothing.
    scene.outside.heal();
    scene.run().await;
    assert_eq!(changed(&scene.outside, &machines), DUE, "{context}");
    scene.outside.take_changes();
    scene.run().await;
    assert_eq!(scene.outside.take_changes(), [""; 0], "{context}");
}

#[tokio::test]
async fn one_fault_that_passes_is_not_noticed() {
    for operation in TABLE.map(|(operation, ..)| operation) {
        let machines = machines(&all());
        let mut scene = Scene::new(machines.clone(), &[], Duration::from_mins(1)).await;
        scene.outside.fail(operation, &[Some(Fault::Error(503, "Unavailable")), None]);
        let observed = scene.run().await.json();
        assert_eq!((&observed["failed"], &observed["notRead"]), (&json!([]), &json!([])));
        assert_eq!(changed(&scene.outside, &machines), DUE, "{operation}");
    }
}

#[tokio::test]
async fn what_a_failed_attempt_did_is_reported() {
    for (operation, code, list, id) in [
        ("StartDBInstance", "InvalidDBInstanceState", "started", "db-on"),
        ("StopDBInstance", "InvalidDBInstanceState", "stopped", "db-off"),
        ("StartDBCluster", "InvalidDBClusterStateFault", "started", "cl-on"),
        ("StopDBCluster", "InvalidDBClusterStateFault", "stopped", "cl-off"),
    ] {
        let changed = Some(Fault::Error(400, code));
        for (first, is_done) in [("InternalFailure", true), ("Throttling", false)] {
            let mut scene = Scene::new(machines(&all()), &[], Duration::from_mins(1)).await;
            scene.outside.fail(operation, &[Some(Fault::Error(503, first)), changed]);
            let observed = scene.run().await.json();
            assert_eq!(observed["failed"], json!([]), "{operation}");
            let done = observed[list].as_array().unwrap().contains(&json!(id));
            assert_eq!(done, is_done, "{operation} {first}: {observed}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_lacks_something_is_a_failure() {
    let instances = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>\
        <instanceState><name>running</name></instanceState><tagSet><item>\
        <key>sluice:office-hours</key><value>off</value></item></tagSet></item></instancesSet></item>\
        </reservationSet></DescribeInstancesResponse>";
    let clusters = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>\
        <DBClusterIdentifier>cl-on</DBClusterIdentifier><TagList><Tag><Key>sluice:office-hours</Key>\
        <Value>on</Value></Tag></TagList></DBCluster></DBClusters></DescribeDBClustersResult>\
        </DescribeDBClustersResponse>";
    let events = "<DescribeEventsResponse><DescribeEventsResult><Events><Event>\
        <Message>DB instance started</Message></Event></Events></DescribeEventsResult>\
        </DescribeEventsResponse>";
    let stopped = "<StopInstancesResponse><instancesSet/></StopInstancesResponse>";
    let still_runs = "<StopInstancesResponse><instancesSet><item><instanceId>i-off</instanceId>\
        <currentState><name>running</name></currentState></item></instancesSet>\
        </StopInstancesResponse>";
    for (row, body) in [
        (TABLE[0], instances),
        (TABLE[2], clusters),
        (TABLE[3], events),
        (TABLE[5], stopped),
        (TABLE[5], still_runs),
    ] {
        check(row, (Fault::Answers(body), "InvalidAnswer")).await;
    }
}

#[tokio::test]
async fn one_page_that_fails_spoils_no_other() {
    let mut machines = machines(&all());
    machines.page_size = 1;
    let mut scene = Scene::new(machines.clone(), &[], Duration::from_mins(1)).await;
    scene.outside.fail("DescribeInstances", &[None, Some(Fault::Error(403, "AccessDenied"))]);
    let (error_type, message) = scene.run().await.error();
    assert_eq!((&*error_type, message.contains("ec2")), ("ParkingFailed", true), "{message}");
    let read: Vec<_> = DUE.into_iter().filter(|id| *id != "i-on").collect();
    assert_eq!(changed(&scene.outside, &machines), read);
}

#[tokio::test]
async fn nothing_is_started_shortly_before_the_deadline() {
    let machines = machines(&all());
    let margin = [("DEADLINE_MARGIN_MS", "900000")];
    let mut scene = Scene::new(machines.clone(), &margin, Duration::from_secs(20)).await;
    let (error_type, message) = scene.run().await.error();
    assert_eq!(error_type, "NotPublished", "{message}");
    assert_eq!(changed(&scene.outside, &machines), [""; 0]);
    assert_eq!(scene.outside.endpoint.calls().len(), 0);
}
