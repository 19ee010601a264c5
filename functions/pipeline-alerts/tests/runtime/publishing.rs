//! A notice is published once, or the invocation fails.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Fixture, Observed, Reply, published};

use crate::support::outside::{Act, MakeAct, Outside, sns_error};
use crate::{Scene, answered, fixture, metrics};

#[tokio::test]
async fn a_second_delivery_publishes_nothing_new() {
    for name in [
        "flow-run-failed",
        "recovery-of-the-run-before",
        "flow-run-cancelled",
        "work-pool-not-ready",
    ] {
        let Fixture { event, golden, .. } = fixture(name);
        let prefect = golden.prefect.unwrap_or_default();
        let outside = Outside { prefect: prefect.clone(), ..Outside::default() };
        let mut scene = Scene::new(outside, true, &[]).await;
        assert_eq!(answered(&scene.invoke(event.clone()).await).1, "published");
        let again = scene.invoke(event.clone()).await;
        assert_eq!(answered(&again), (200, "duplicate".to_owned()));
        assert_eq!(metrics(&again), [1, 0, 0, 0, 1, 0, 0]);
        let first = published(&scene.endpoint);
        assert_eq!(first.len(), 1);
        // Another process publishes the same notice, which alert-notifier posts once.
        let mut other = Scene::new(Outside { prefect, ..Outside::default() }, true, &[]).await;
        other.invoke(event).await;
        assert_eq!(published(&other.endpoint), first);
    }
}

#[tokio::test]
async fn publishing_is_retried_while_sns_may_recover() {
    let acts: [MakeAct; 7] = [
        || sns_error(400, "Throttling"),
        || sns_error(400, "RequestLimitExceeded"),
        || sns_error(501, "NotImplemented"),
        || sns_error(429, "ThrottledException"),
        || sns_error(503, "ServiceUnavailable"),
        || Act::Reply(Reply::Close),
        || Act::Reply(Reply::new(200, "text/html", "<html></html>")),
    ];
    for act in acts {
        let outside = Outside { sns: vec![act(), act()], ..Outside::default() };
        let mut scene = Scene::new(outside, false, &[]).await;
        let observed = scene.invoke(fixture("flow-run-failed").event).await;
        assert_eq!(metrics(&observed), [1, 1, 0, 0, 0, 0, 0]);
        let published = published(&scene.endpoint);
        assert!(published.len() >= 3 && published.iter().all(|one| *one == published[0]));
    }
}

/// The only log line about an alert that was not published.
fn not_told(observed: &Observed) -> Value {
    let log = observed.log();
    let lines: Vec<_> = log.iter().filter(|line| line["message"] == "alert not told").collect();
    assert_eq!(lines.len(), 1, "{log:?}");
    assert_eq!(lines[0]["level"], "ERROR");
    lines[0].clone()
}

#[tokio::test]
async fn an_alert_that_is_not_published_fails_the_invocation_before_its_deadline() {
    let acts: [(MakeAct, &str, bool); 7] = [
        (|| sns_error(500, "InternalFailure"), "", true),
        (|| Act::Reply(Reply::Never), "no answer before the deadline", true),
        (|| sns_error(400, "KMSThrottling"), "KMSThrottling: no", true),
        (|| sns_error(429, "Throttled"), "Throttled: no", true),
        (|| sns_error(429, "Odd"), "Odd: no", true),
        (|| sns_error(403, "AuthorizationError"), "AuthorizationError: no", false),
        (|| sns_error(404, "NotFound"), "NotFound: no", false),
    ];
    let cases = acts.map(|(act, reason, is_retried)| async move {
        let sns = std::iter::repeat_with(act).take(if is_retried { 100 } else { 1 }).collect();
        let mut scene = Scene::new(Outside { sns, ..Outside::default() }, false, &[]).await;
        let event = fixture("flow-run-failed").event;
        let started = Instant::now();
        let observed = scene.invoke(event.clone()).await;
        let (took, (error_type, message)) = (started.elapsed(), observed.error());
        assert_eq!(error_type, "NotPublished");
        let expected = format!("failed to publish the notice: {reason}");
        assert!(message.starts_with(&expected), "{message}");
        // Until a second before the deadline.
        assert!(took < Duration::from_millis(9_700), "{took:?}");
        assert_eq!(took > Duration::from_millis(8_500), is_retried, "{took:?}");
        assert_eq!(metrics(&observed), [1, 0, 1, 0, 0, 0, 0]);
        let line = not_told(&observed);
        assert_eq!(line["run"], "prefect.flow-run.fb1424a4-9c94-414f-ace3-0e8ae6b3e070");
        assert_eq!(line["state"], "ALARM");
        assert_eq!(line["thread"], "prefect/flow/803bf6f0-0945-44f3-a942-7a73f1619e4c");
        if !is_retried {
            // It was not published: a second delivery is not a duplicate.
            assert_eq!(answered(&scene.invoke(event).await).1, "published");
        }
    });
    for case in cases.map(tokio::spawn) {
        case.await.unwrap();
    }
}

#[tokio::test]
async fn without_a_topic_a_notice_is_only_logged() {
    let variables = [("ALERTS_TOPIC_ARN", "")];
    let mut scene = Scene::new(Outside::default(), false, &variables).await;
    let observed = scene.invoke(fixture("message").event).await;
    assert_eq!(metrics(&observed), [1, 1, 0, 0, 0, 0, 0]);
    assert!(published(&scene.endpoint).is_empty());
    let log = observed.log();
    let line = log.iter().find(|line| line["level"] == "WARN").unwrap();
    let notice: Value = serde_json::from_str(line["notice"].as_str().unwrap()).unwrap();
    assert_eq!(Some(notice), fixture("message").golden.notice);
}
