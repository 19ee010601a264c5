//! The memory of locks, and the number of notices about them.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::with_times;

use crate::support::outside::{Answer, Outside};
use crate::{REDSHIFT, Scene, metrics, now};

/// No lock, and the last wait in CloudWatch, in seconds.
fn after(seconds: f64) -> Outside {
    Outside { last_waits: [(5, seconds)].into(), ..Outside::default() }
}

fn states(notices: &[Value]) -> Vec<&str> {
    notices.iter().map(|notice| notice["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn without_a_limit_no_wait_is_still_no_wait() {
    for (seconds, expected) in [(0.0, &[][..]), (1.0, &["OK"])] {
        let mut scene = Scene::new(&[REDSHIFT, ("LOCK_SECONDS", "0")]).await;
        scene.succeed(0, after(seconds)).await;
        assert_eq!(states(&scene.take_notices()), expected, "{seconds}");
    }
}

#[tokio::test]
async fn a_process_that_missed_runs_asks_cloudwatch_what_the_last_one_saw() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    for (minutes, expected) in [(0, &[][..]), (10, &[]), (21, &["OK"])] {
        let outside = if minutes == 0 { Outside::default() } else { after(700.0) };
        scene.succeed(minutes, outside).await;
        assert_eq!(states(&scene.take_notices()), expected, "{minutes}");
    }
}

#[tokio::test]
async fn the_end_of_a_wait_is_published_although_another_statement_hangs() {
    let mut scene = Scene::with_timeout(&[REDSHIFT], Duration::from_secs(6)).await;
    let mut outside = after(700.0);
    outside.statements.insert("queries".to_owned(), Answer::Hangs);
    let observed = scene.invoke(0, outside).await;
    assert_eq!(states(&scene.take_notices()), ["OK"]);
    assert_eq!(metrics(&observed, scene.now).1, [1, 1, 0]);
}

#[tokio::test]
async fn the_wait_stays_in_cloudwatch_until_its_end_is_published() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    let refused_thread = Some("redshift/music/locks".to_owned());
    let observed = scene.invoke(0, Outside { refused_thread, ..after(700.0) }).await;
    assert_eq!(observed.error().0, "NotPublished");
    let wait = |gauges: &Value| gauges["LockWaitSeconds"].clone();
    let gauges = &metrics(&observed, scene.now).0["Warehouse=music"];
    assert_eq!((wait(gauges), &gauges["LockWaits"]), (Value::Null, &json!(0.0)));
    drop(scene.take_notices());
    let observed = scene.invoke(5, after(700.0)).await;
    assert_eq!(states(&scene.take_notices()), ["OK"]);
    let now = scene.now + jiff::SignedDuration::from_mins(5);
    assert_eq!(wait(&metrics(&observed, now).0["Warehouse=music"]), 0.0);
}

#[tokio::test]
async fn all_roots_are_named() {
    let lock = |session: u64, relation: u64, start: &str, is_granted: bool| {
        json!([
            1,
            session,
            "etl",
            "dev",
            start,
            "AccessExclusiveLock",
            relation,
            "plays",
            is_granted
        ])
    };
    let pair = |n| [lock(n, n, "<sql -90>", true), lock(100 + n, n, "<sql -8>", false)];
    let rows: Vec<_> = (1..=25).flat_map(pair).collect();
    let outside = json!({"statements": {"locks": {"rows": rows}}}).to_string();
    let outside = serde_json::from_str(&with_times(&outside, now())).unwrap();
    let mut scene = Scene::new(&[REDSHIFT]).await;
    scene.succeed(0, outside).await;
    let notices = scene.take_notices();
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    let facts = notice["facts"].as_array().unwrap();
    let holders = facts.iter().filter(|fact| fact["label"] == "Holds locks");
    assert_eq!(holders.count(), 25);
}
