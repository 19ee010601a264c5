//! Nothing is lost and nothing is reported twice, whatever fails.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Observed, Published, Reply, published, schedule, with_times};

use crate::support::outside::{Answer, Outside};
use crate::{Scene, metrics, not_run};

/// Checks with these names, whose target has one row more than the source.
fn failing(names: &[&str]) -> Outside {
    let end = |sql: &str| json!({"kind": "redshift", "cluster": "c", "database": "d", "sql": sql});
    let check = json!({"source": end("SELECT 1"), "target": end("SELECT 2")});
    let parameter = |name: &&str| (format!("/sluice/checks/{name}"), check.clone());
    let rows = |rows: u64| Answer::Is(json!([[{ "longValue": rows }]]));
    Outside {
        parameters: names.iter().map(parameter).collect(),
        ends: [("SELECT 1".to_owned(), rows(1)), ("SELECT 2".to_owned(), rows(2))].into(),
        ..Outside::default()
    }
}

/// The metric of each check that the next run reads as its memory; null if it is missing.
fn remembered(observed: &Observed, scene: &Scene) -> Vec<(String, Value)> {
    let (checks, _) = metrics(observed, scene.now);
    checks.into_iter().map(|(name, metrics)| (name, metrics["CheckFailures"].clone())).collect()
}

#[tokio::test]
async fn a_second_delivery_publishes_the_same_notice() {
    let mut scene = Scene::new(failing(&["plays"]), Vec::new(), &[]).await;
    for _ in 0..2 {
        let observed = scene.invoke().await;
        assert_eq!(metrics(&observed, scene.now).1, [1, 1, 0, 1, 0]);
    }
    let published = published(&scene.endpoint);
    assert_eq!((published.len(), &published[0]), (2, &published[1]));
    let Published { subject, mail, notice } = &published[0];
    assert_eq!(notice["at"], scene.now.to_string());
    assert_eq!(subject, "Data check plays - 1 row more in the target (100 %)");
    assert_eq!(
        *mail,
        "Data check plays - 1 row more in the target (100 %)\n\n\
         rows: 1 row more in the target (100 %), 0 allowed.\n\n\
         Source rows: 1\nTarget rows: 2\nDifference: 1 (100 %)\nAllowed: 0"
    );
}

#[tokio::test]
async fn what_an_earlier_attempt_of_the_same_run_emitted_is_not_remembered() {
    let memory = [("plays".to_owned(), [(0, 1.0)].into())].into();
    let outside = Outside { memory, ..failing(&["plays"]) };
    let mut scene = Scene::new(outside, Vec::new(), &[]).await;
    let observed = scene.invoke().await;
    assert_eq!(metrics(&observed, scene.now).1, [1, 1, 0, 1, 0]);
}

#[tokio::test]
async fn a_notice_that_is_refused_is_due_again_and_the_others_are_published() {
    let sns = vec![Reply::query_error(403, "AuthorizationError")];
    let mut scene = Scene::new(failing(&["plays", "skips"]), sns, &[]).await;
    let observed = scene.invoke().await;
    let (error_type, message) = observed.error();
    assert_eq!(error_type, "NotPublished");
    let expected = "failed to publish 1 notices, the first one: AuthorizationError: no";
    assert_eq!(message, expected);
    assert_eq!(metrics(&observed, scene.now).1, [2, 2, 0, 1, 1]);
    let log = observed.log();
    let lines: Vec<_> =
        log.iter().filter(|line| line["message"] == "notice not published").collect();
    let [line] = lines[..] else { panic!("{log:?}") };
    let refused = line["thread"].as_str().unwrap().trim_start_matches("data-check/");
    // Without the metric, the next run publishes the notice.
    for (name, failures) in remembered(&observed, &scene) {
        let expected = if name == refused { json!(null) } else { json!(1.0) };
        assert_eq!(failures, expected, "{name}");
    }
    assert_eq!(scene.notices().len(), 2);
    // Lambda's retry.
    let retried = scene.invoke().await;
    assert_eq!(metrics(&retried, scene.now).1, [2, 2, 0, 2, 0]);
    assert!(retried.answer.is_ok());
}

#[tokio::test]
async fn publishing_is_retried_until_the_margin_and_holds_up_no_other_notice() {
    // The first notice is never accepted.
    let throttled = Outside { ..failing(&["plays", "skips"]) };
    let sns = (0..200).map(|_| Reply::query_error(500, "InternalFailure")).collect();
    let timeout = Duration::from_secs(8);
    let mut scene = Scene::with_timeout(throttled, sns, &[], timeout).await;
    let observed = scene.invoke().await;
    assert_eq!(observed.error().0, "NotPublished");
    let (checks, counts) = metrics(&observed, scene.now);
    assert_eq!((checks.len(), counts), (2, [2, 2, 0, 0, 2]));
    assert!(remembered(&observed, &scene).iter().all(|(_, failures)| failures.is_null()));
    let threads: std::collections::BTreeSet<_> =
        scene.notices().iter().map(|notice| notice["thread"].to_string()).collect();
    assert_eq!(threads.len(), 2);
    for code in ["Throttling", "KMSThrottling"] {
        let sns = vec![Reply::query_error(400, code)];
        let mut scene = Scene::new(failing(&["plays"]), sns, &[]).await;
        assert_eq!(metrics(&scene.invoke().await, scene.now).1, [1, 1, 0, 1, 0]);
    }
}

#[tokio::test]
async fn an_ok_that_is_refused_is_due_again() {
    let memory = [("plays".to_owned(), [(60, 1.0)].into())].into();
    let mut outside = Outside { memory, ..failing(&["plays"]) };
    outside.ends.insert("SELECT 2".to_owned(), Answer::Is(json!([[{"longValue": 1}]])));
    let sns = vec![Reply::query_error(404, "NotFound")];
    let mut scene = Scene::new(outside, sns, &[]).await;
    let observed = scene.invoke().await;
    assert_eq!(observed.error().0, "NotPublished");
    assert_eq!(metrics(&observed, scene.now).1, [1, 0, 0, 0, 1]);
    assert_eq!(remembered(&observed, &scene), [("plays".to_owned(), json!(null))]);
}

#[tokio::test]
async fn without_a_topic_a_notice_is_only_logged() {
    let mut scene = Scene::new(failing(&["plays"]), Vec::new(), &[("ALERTS_TOPIC_ARN", "")]).await;
    let observed = scene.invoke().await;
    assert_eq!(metrics(&observed, scene.now).1, [1, 1, 0, 1, 0]);
    assert!(scene.notices().is_empty());
    let log = observed.log();
    let line = log.iter().find(|line| line["level"] == "WARN").unwrap();
    let notice: Value = serde_json::from_str(line["notice"].as_str().unwrap()).unwrap();
    assert_eq!(notice["thread"], "data-check/plays");
}

#[tokio::test]
async fn all_pages_of_parameters_are_read() {
    let names: Vec<_> = (10..35).map(|number| format!("check-{number}")).collect();
    let names: Vec<_> = names.iter().map(|name| &**name).collect();
    let mut scene = Scene::new(failing(&names), Vec::new(), &[]).await;
    let observed = scene.invoke().await;
    assert_eq!(metrics(&observed, scene.now).1, [25, 25, 0, 25, 0]);
    // A page that fails is an error; the checks before it are run.
    for (failing_page, expected) in [(0, [0, 0, 1, 0, 0]), (2, [20, 20, 1, 20, 0])] {
        let outside = Outside { failing_page: Some(failing_page), ..failing(&names) };
        let mut scene = Scene::new(outside, Vec::new(), &[]).await;
        let observed = scene.invoke().await;
        assert_eq!(observed.error().0, "ChecksNotRun");
        assert_eq!(metrics(&observed, scene.now).1, expected);
        let log = observed.log();
        let message = "failed to read the definitions of checks";
        let line = log.iter().find(|line| line["message"] == message).unwrap();
        assert_eq!(line["error"], "AccessDeniedException: no");
    }
}

#[tokio::test]
async fn more_than_100_pages_of_parameters_are_not_read() {
    for (count, is_whole) in [(1_000, true), (1_001, false)] {
        // These must not be run: all the time is needed for the pages.
        let parameter = |number| (format!("/sluice/checks/check-{number:04}"), json!("no check"));
        let parameters = (0..count).map(parameter).collect();
        let mut scene =
            Scene::new(Outside { parameters, ..Outside::default() }, Vec::new(), &[]).await;
        let observed = scene.invoke().await;
        assert_eq!(observed.error().0, "ChecksNotRun");
        let calls = scene.endpoint.calls();
        let pages = calls.iter().filter(|call| call.operation == "GetParametersByPath").count();
        assert_eq!((pages, not_run(&observed).len()), (100, 1_000));
        let log = observed.log();
        let mut errors = log.iter().filter_map(|line| line["error"].as_str());
        assert_eq!(errors.any(|error| error == "there are more than 100 pages"), !is_whole);
    }
}

#[tokio::test]
async fn a_path_without_parameters_is_a_warning() {
    let mut scene = Scene::new(Outside::default(), Vec::new(), &[]).await;
    let observed = scene.invoke().await;
    assert_eq!(observed.json(), json!({"checks": 0, "failures": 0, "errors": 0}));
    let log = observed.log();
    let line = log.iter().find(|line| line["level"] == "WARN").unwrap();
    assert_eq!(line["message"], "there is no check");
}

#[tokio::test]
async fn parameters_are_read_in_every_run() {
    let mut scene = Scene::new(failing(&["plays"]), Vec::new(), &[]).await;
    for _ in 0..2 {
        assert!(scene.invoke().await.answer.is_ok());
    }
    let reads = scene.calls().into_iter().filter(|name| name == "GetParametersByPath");
    assert_eq!(reads.count(), 2);
}

#[tokio::test]
async fn checks_without_time_are_not_run_and_the_run_ends_before_its_deadline() {
    let names: Vec<_> = (10..20).map(|number| format!("check-{number}")).collect();
    let names: Vec<_> = names.iter().map(|name| &**name).collect();
    let mut outside = failing(&names);
    outside.ends.insert("SELECT 2".to_owned(), Answer::Hangs);
    let timeout = Duration::from_secs(6);
    let mut scene = Scene::with_timeout(outside, Vec::new(), &[], timeout).await;
    let observed = scene.invoke().await;
    assert_eq!(observed.error().0, "ChecksNotRun");
    assert_eq!(metrics(&observed, scene.now).1, [10, 0, 10, 0, 0]);
    let not_asked = not_run(&observed)
        .into_iter()
        .filter(|[.., reason]| reason == "not asked: no time was left");
    // Both ends of the two checks that did not fit.
    assert_eq!(not_asked.count(), 4);
}

#[tokio::test]
async fn services_that_hang_cost_no_check_that_is_known() {
    let timeout = Duration::from_secs(8);
    // Its memory is requested concurrently with the ends, one of which uses all of their time.
    let mut hanging = failing(&["plays", "skips"]);
    let end = json!({"kind": "redshift", "cluster": "c", "database": "d", "sql": "SELECT 3"});
    hanging.parameters.insert("/sluice/checks/hangs".to_owned(), json!({"target": end}));
    hanging.ends.insert("SELECT 3".to_owned(), Answer::Hangs);
    hanging.memory_fails = Some("hangs".to_owned());
    let mut scene = Scene::with_timeout(hanging, Vec::new(), &[], timeout).await;
    assert_eq!(metrics(&scene.invoke().await, scene.now).1, [3, 2, 2, 2, 0]);
    // The checks of a page before one that hangs are run.
    let names: Vec<_> = (10..25).map(|number| format!("check-{number}")).collect();
    let names: Vec<_> = names.iter().map(|name| &**name).collect();
    let outside = Outside { failing_page: Some(1), parameters_hang: true, ..failing(&names) };
    let mut scene = Scene::with_timeout(outside, Vec::new(), &[], timeout).await;
    assert_eq!(metrics(&scene.invoke().await, scene.now).1, [10, 10, 1, 10, 0]);
}

#[tokio::test]
async fn no_margin_leaves_time_for_the_answer() {
    let sns = (0..200).map(|_| Reply::Never).collect();
    let variables = [("DEADLINE_MARGIN_MS", "0")];
    let timeout = Duration::from_secs(4);
    let mut scene = Scene::with_timeout(failing(&["plays"]), sns, &variables, timeout).await;
    let observed = scene.invoke().await;
    assert_eq!(observed.error().0, "NotPublished");
    assert_eq!(metrics(&observed, scene.now).1, [1, 1, 0, 0, 1]);
}

#[tokio::test]
async fn an_event_without_a_time_is_one_of_now() {
    let mut scene = Scene::new(failing(&["plays"]), Vec::new(), &[]).await;
    for event in ["{}", r#"{"time":"2024-03-01T12:00:00Z"}"#] {
        let observed = scene.binary.invoke(event).await;
        for line in observed.metric_lines() {
            let stamp = line["_aws"]["Timestamp"].as_u64().unwrap();
            assert!(observed.during_ms.contains(&stamp), "{stamp}");
        }
    }
}

#[test]
fn times_of_fixtures_are_relative() {
    let now = schedule();
    let text = with_times("a <-60> b < c <sql 0> <epoch 0>", now);
    let sql = now.strftime("%Y-%m-%d %H:%M:%S");
    assert!(text.starts_with("a 20") && text.contains(&format!(" b < c {sql} ")), "{text}");
}
