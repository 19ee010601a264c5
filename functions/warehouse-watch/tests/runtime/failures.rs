//! Nothing is lost and nothing is reported twice, whatever fails.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{
    ALERTS_TOPIC, Endpoint, Reply, outside_of_lambda, published, refusal, scheduled, with_times,
};

use crate::support::outside::{Answer, Outside, Page};
use crate::{BIGQUERY, BINARY, EVENT, REDSHIFT, Scene, metrics, now, unread};

/// This number of queries that exceeded the limit five minutes before the end of the window.
fn long_queries(count: u64) -> Outside {
    let query = |id: u64| {
        json!([id, id, "etl", "dev", "SELECT", "running", "<sql -65>", null, 0, null, "SELECT 1"])
    };
    let rows: Vec<_> = (1..=count).map(query).collect();
    let outside = json!({"statements": {"queries": {"rows": rows}}});
    serde_json::from_str(&with_times(&outside.to_string(), now())).unwrap()
}

fn threads(notices: &[Value]) -> Vec<&str> {
    notices.iter().map(|notice| notice["thread"].as_str().unwrap()).collect()
}

const THREADS: [&str; 2] = ["redshift/music/query/1", "redshift/music/query/2"];

#[tokio::test]
async fn the_same_event_publishes_the_same_notices_in_another_process_and_none_in_this_one() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    let outside = long_queries(2);
    scene.succeed(0, outside.clone()).await;
    let notices = scene.take_notices();
    assert_eq!(threads(&notices), THREADS);
    scene.succeed(0, outside.clone()).await;
    assert!(scene.take_notices().is_empty());
    let mut other = Scene::new(&[REDSHIFT]).await;
    other.succeed(0, outside).await;
    assert_eq!(other.take_notices(), notices);
}

#[tokio::test]
async fn a_notice_that_is_refused_holds_up_no_other_and_is_tried_by_the_next_run() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    let refused_thread = Some(THREADS[0].to_owned());
    let outside = Outside { refused_thread, ..long_queries(2) };
    let observed = scene.invoke(0, outside).await;
    let message = "failed to publish 1 notices, first: AuthorizationError: no";
    assert_eq!(observed.error(), ("NotPublished".to_owned(), message.to_owned()));
    let (gauges, counts) = metrics(&observed, scene.now);
    assert_eq!((gauges.len(), counts), (1, [0, 1, 1]));
    let log = observed.log();
    let line = log.iter().find(|line| line["message"] == "failed to publish a notice").unwrap();
    assert_eq!((&line["level"], &line["thread"]), (&json!("ERROR"), &json!(THREADS[0])));
    assert_eq!(threads(&scene.take_notices()), THREADS);
    // The window is not completed: it is read again, and only the rejected notices are published.
    let outside = long_queries(2);
    let observed = scene.invoke(30, outside).await;
    assert_eq!(metrics(&observed, scene.now).1, [0, 1, 0]);
    assert_eq!(threads(&scene.take_notices()), THREADS[..1]);
}

#[tokio::test]
async fn publishing_is_retried_until_the_deadline_margin() {
    let variables = [REDSHIFT, ("DEADLINE_MARGIN_MS", "500")];
    let sns = Endpoint::start(|_| Reply::query_error(500, "InternalFailure")).await;
    let variables = [&variables[..], &[("AWS_ENDPOINT_URL_SNS", &*sns.url)]].concat();
    let mut scene = Scene::with_timeout(&variables, Duration::from_secs(5)).await;
    let started = Instant::now();
    let observed = scene.invoke(0, long_queries(2)).await;
    let took = started.elapsed();
    assert_eq!(observed.error().0, "NotPublished");
    assert!((Duration::from_secs(4)..Duration::from_millis(4_900)).contains(&took), "{took:?}");
    assert_eq!(metrics(&observed, scene.now).1, [0, 0, 2]);
    // Each of the two was tried.
    let tried = published(&sns).into_iter();
    let tried: BTreeSet<_> = tried.map(|one| one.notice["thread"].to_string()).collect();
    assert_eq!(tried.len(), 2);
}

#[tokio::test]
async fn a_statement_that_hangs_is_cancelled_and_the_others_count() {
    let mut scene = Scene::with_timeout(&[REDSHIFT], Duration::from_secs(6)).await;
    let mut outside = long_queries(2);
    outside.statements.insert("locks".to_owned(), Answer::Hangs);
    let started = Instant::now();
    let observed = scene.invoke(0, outside).await;
    // Two seconds before the margin of one second.
    assert!(started.elapsed() < Duration::from_millis(3_900), "{:?}", started.elapsed());
    let message = "failed to read everything (1 failures), first statement locks: the statement was \
                   not done in time";
    assert_eq!(observed.error(), ("PollFailed".to_owned(), message.to_owned()));
    let calls = scene.endpoint.calls();
    let cancelled: Vec<_> =
        calls.iter().filter(|call| call.operation == "CancelStatement").collect();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(threads(&scene.take_notices()), THREADS);
    let (gauges, counts) = metrics(&observed, scene.now);
    assert_eq!(counts, [1, 2, 0]);
    // A statement that failed has no metrics.
    let names: Vec<_> = gauges["Warehouse=music"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["LongestQuerySeconds", "QueriesQueued", "QueriesRunning"]);
}

#[tokio::test]
async fn of_many_long_queries_the_longest_have_a_notice_of_their_own() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    scene.succeed(0, long_queries(23)).await;
    let notices = scene.take_notices();
    assert_eq!(notices.len(), 21);
    let more = &notices[0];
    assert_eq!(more["thread"], "redshift/music/queries");
    assert_eq!(
        (&more["title"], &more["state"]),
        (&json!("3 more long queries on music"), &json!("INFO"))
    );
    // The time of one of the queries.
    assert_eq!(more["at"], notices[1]["at"]);
}

#[tokio::test]
async fn long_queries_that_were_told_or_counted_hold_no_place() {
    let mut scene = Scene::new(&[REDSHIFT]).await;
    // The window is not completed.
    for (minutes, count, published) in [(0, 23, 21), (1, 24, 1), (2, 24, 0)] {
        let mut outside = long_queries(count);
        outside.statements.insert("locks".to_owned(), Answer::Fails("no".to_owned()));
        let observed = scene.invoke(minutes, outside).await;
        assert_eq!(observed.error().0, "PollFailed");
        let notices = scene.take_notices();
        assert_eq!(notices.len(), published, "{minutes}");
        if minutes == 1 {
            assert_eq!(threads(&notices), ["redshift/music/query/24"]);
        }
    }
}

#[tokio::test]
async fn sixteen_notices_are_published_at_the_same_time_and_all_are_tried() {
    let sns = Endpoint::start(|_| Reply::Never).await;
    let variables = [REDSHIFT, ("AWS_ENDPOINT_URL_SNS", &*sns.url)];
    let scene = Scene::with_timeout(&variables, Duration::from_secs(8)).await;
    scene.services.set(long_queries(20));
    let (event, function) = (scheduled(EVENT, scene.now), scene.binary.function.clone());
    let invocation = tokio::spawn(async move { function.invoke(event).await });
    while sns.calls().len() < 16 {
        sns.called().await;
    }
    // No call is answered for three seconds.
    drop(tokio::time::timeout(Duration::from_millis(500), sns.called()).await);
    assert_eq!(sns.calls().len(), 16);
    assert_eq!(invocation.await.unwrap().unwrap_err().error_type(), "NotPublished");
    let tried = published(&sns).into_iter();
    let tried: BTreeSet<_> = tried.map(|one| one.notice["thread"].to_string()).collect();
    assert_eq!(tried.len(), 20);
}

/// A query that cost 6.25 USD.
fn job() -> Value {
    let job = json!({
        "jobReference": {"jobId": "job_1", "location": "EU"}, "user_email": "ada@music.test",
        "status": {"state": "DONE"},
        "statistics": {
            "creationTime": "<ms -3>", "endTime": "<ms -2>",
            "query": {"totalBytesBilled": "1099511627776"},
        },
    });
    serde_json::from_str(&with_times(&job.to_string(), now())).unwrap()
}

#[tokio::test]
async fn what_is_read_of_a_list_of_jobs_is_told_once_and_the_rest_is_a_failure() {
    let odd = json!({"statistics": {"query": {}}});
    let load = json!({"statistics": {"load": {}}});
    for (second, reason) in [
        (json!({"jobs": [job()], "nextPageToken": "1"}), "a page token is repeated"),
        (json!({"jobs": [odd, job(), load]}), "1 of 3 jobs are not understood"),
        (json!({"jobs": 7}), "the answer is not a list of jobs"),
        (json!({"error": {"message": "no"}}), "the answer is not a list of jobs"),
    ] {
        let pages = vec![Page::Jobs(vec![job()]), Page::Is(second)];
        let projects = [("music-prod".to_owned(), pages)].into();
        let mut scene = Scene::new(&[BIGQUERY]).await;
        let observed = scene.invoke(0, Outside { projects, ..Outside::default() }).await;
        assert_eq!(unread(&observed), [["project music-prod".to_owned(), reason.to_owned()]]);
        let (gauges, counts) = metrics(&observed, scene.now);
        assert_eq!(gauges["Project=music-prod"]["QueryCost"], 6.25, "{reason}");
        assert_eq!((counts, scene.take_notices().len()), ([1, 1, 0], 1), "{reason}");
    }
}

#[tokio::test]
async fn more_than_100_pages_are_not_read() {
    let mut scene = Scene::new(&[BIGQUERY]).await;
    let pages = vec![Page::Jobs(Vec::new()); 101];
    let projects = [("music-prod".to_owned(), pages)].into();
    let observed = scene.invoke(0, Outside { projects, ..Outside::default() }).await;
    assert_eq!(observed.error().0, "PollFailed");
    let expected = ["project music-prod", "more than 100 pages of jobs"].map(str::to_owned);
    assert_eq!(unread(&observed), [expected]);
    let calls = scene.endpoint.take_calls();
    assert_eq!(calls.iter().filter(|call| call.path.ends_with("/jobs")).count(), 100);
    assert_eq!(metrics(&observed, scene.now).0.len(), 1);
}

#[tokio::test]
async fn an_event_without_a_time_is_of_now() {
    for event in ["{}", "null", "no JSON"] {
        let mut scene = Scene::new(&[REDSHIFT]).await;
        let observed = scene.binary.invoke(event).await;
        assert!(observed.answer.is_ok(), "{observed:?}");
        for line in observed.metric_lines() {
            let stamp = line["_aws"]["Timestamp"].as_u64().unwrap();
            assert!(observed.during_ms.contains(&stamp));
        }
    }
}

#[tokio::test]
async fn without_a_topic_notices_are_only_logged() {
    let mut scene = Scene::new(&[REDSHIFT, ("ALERTS_TOPIC_ARN", "")]).await;
    let now = scene.now;
    scene.services.set(long_queries(2));
    let observed = scene.binary.invoke(scheduled(EVENT, now)).await;
    assert_eq!(metrics(&observed, now).1, [0, 2, 0]);
    assert!(scene.take_notices().is_empty());
    assert_eq!(observed.log().iter().filter(|line| line["level"] == "WARN").count(), 2);
}

#[tokio::test]
async fn an_invalid_setting_fails_the_start() {
    let topic = ("ALERTS_TOPIC_ARN", ALERTS_TOPIC);
    for (variables, beginning) in [
        (vec![topic], "REDSHIFT_CLUSTER is \"\", but must be set, or REDSHIFT_WORKGROUP"),
        (vec![topic, REDSHIFT, ("LOCK_SECONDS", "-1")], "LOCK_SECONDS is \"-1\", but must be"),
        (vec![REDSHIFT], "ALERTS_TOPIC_ARN is \"\", but must be the ARN of an SNS topic"),
    ] {
        let message = refusal(BINARY, &variables).await;
        assert!(message.starts_with(beginning), "{message}");
    }
    let outside = outside_of_lambda(BINARY);
    assert!(outside.contains("cargo sluice invoke warehouse-watch EVENT.json"), "{outside}");
}
