//! A notice is published once, or the invocation fails and the next one publishes it.

use std::time::Duration;

use serde_json::json;
use testkit::published;

use crate::support::outside::Fault;
use crate::{Scene, machines, metric};

/// A machine that is stopped.
fn running() -> serde_json::Value {
    json!({"instances": [
        {"id": "i-1", "state": "running", "launchTime": "@-200", "tags": {"sluice:office-hours": "off"}},
    ]})
}

#[tokio::test]
async fn the_notice_is_that_of_the_account_and_region() {
    let mut scene = Scene::new(machines(&running()), &[], Duration::from_mins(1)).await;
    let time = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    scene.binary.invoke(json!({"time": time.to_string()}).to_string()).await;
    let notices = published(&scene.outside.endpoint);
    let notice = &notices[0].notice;
    assert_eq!((&notice["source"], &notice["kind"]), (&json!("parking"), &json!("parking")));
    let thread = notice["thread"].as_str().unwrap();
    let parts: Vec<_> = thread.split('/').collect();
    assert_eq!((parts[0], parts[1].len(), parts.len()), ("parking", 12, 3), "{thread}");
    assert_eq!(notice["at"], json!(time.to_string()));
}

#[tokio::test]
async fn a_notice_that_sns_refuses_is_published_by_the_next_run() {
    let mut scene = Scene::new(machines(&running()), &[], Duration::from_mins(1)).await;
    scene.outside.fail("Publish", &[Some(Fault::Error(403, "AuthorizationError")), None]);
    let observed = scene.run().await;
    let expected = "failed to publish the notice: AuthorizationError: no";
    assert_eq!(observed.error(), ("NotPublished".to_owned(), expected.to_owned()));
    // The rest was done.
    assert_eq!(metric(&observed, "ResourcesStopped"), 1);
    let first = published(&scene.outside.endpoint);
    assert_eq!(scene.outside.take_changes(), ["StopInstances i-1"]);
    assert_eq!(scene.run().await.json()["stopped"], json!([]));
    assert_eq!(published(&scene.outside.endpoint), first);
    scene.outside.take_changes();
    scene.run().await;
    assert_eq!(published(&scene.outside.endpoint), []);
}

#[tokio::test]
async fn a_notice_that_sns_refuses_keeps_no_other_waiting() {
    let mut scene = Scene::new(machines(&running()), &[], Duration::from_mins(1)).await;
    let refused = Some(Fault::Error(400, "InvalidParameter"));
    scene.outside.fail("Publish", &[refused, refused, None]);
    scene.run().await;
    scene.outside.change(|account| "running".clone_into(&mut account.instances[0].state));
    scene.outside.take_changes();
    let (error_type, message) = scene.run().await.error();
    assert_eq!((&*error_type, message.contains("InvalidParameter")), ("NotPublished", true));
    // The first notice again, and the second one.
    assert_eq!(published(&scene.outside.endpoint).len(), 2);
    scene.outside.take_changes();
    scene.run().await;
    assert_eq!(published(&scene.outside.endpoint).len(), 1);
}

#[tokio::test]
async fn publishing_is_retried_until_the_margin() {
    for fault in [Fault::Error(400, "Throttling"), Fault::Error(503, "ServiceUnavailable")] {
        let mut scene = Scene::new(machines(&running()), &[], Duration::from_mins(1)).await;
        scene.outside.fail("Publish", &[Some(fault), Some(fault), None]);
        assert_eq!(scene.run().await.json()["stopped"], json!(["i-1"]));
        let published = published(&scene.outside.endpoint);
        assert!(published.len() >= 3 && published.iter().all(|one| *one == published[0]));
    }
}

#[tokio::test]
async fn without_a_topic_or_with_nothing_to_report_nothing_is_published() {
    for (variables, is_logged) in [
        (&[("ALERTS_TOPIC_ARN", "")][..], true),
        (&[("NOTIFY", "failures")], false),
        (&[("DRY_RUN", "on")], false),
    ] {
        let mut scene = Scene::new(machines(&running()), variables, Duration::from_mins(1)).await;
        let observed = scene.run().await;
        assert_eq!(observed.json()["stopped"], json!(["i-1"]));
        assert_eq!(published(&scene.outside.endpoint), []);
        let has_notice = observed.log().iter().any(|line| line.get("notice").is_some());
        assert_eq!(has_notice, is_logged, "{variables:?}");
    }
}

#[tokio::test]
async fn a_failure_is_reported_once_until_it_changes() {
    let machine = json!({"instances": [
        {"id": "i-1", "state": "running", "launchTime": "@-200", "refuses": "OperationNotPermitted",
         "tags": {"sluice:office-hours": "off", "Name": "build"}},
    ]});
    let mut scene =
        Scene::new(machines(&machine), &[("NOTIFY", "failures")], Duration::from_mins(1)).await;
    let mut titles = Vec::new();
    for refuses in [
        Some("OperationNotPermitted"),
        Some("OperationNotPermitted"),
        Some("UnsupportedOperation"),
        None,
        Some("UnsupportedOperation"),
    ] {
        scene.outside.change(|account| {
            account.instances[0].refuses = refuses.map(str::to_owned);
            "running".clone_into(&mut account.instances[0].state);
        });
        let observed = scene.run().await;
        assert_eq!(metric(&observed, "ParkingFailures"), u64::from(refuses.is_some()));
        let notices = published(&scene.outside.endpoint);
        titles.push(notices.first().map(|one| one.notice["facts"][0]["value"].clone()));
        scene.outside.take_changes();
    }
    let reported = Some(json!("build"));
    assert_eq!(titles, [reported.clone(), None, reported.clone(), None, reported]);
}
