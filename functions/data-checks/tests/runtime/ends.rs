//! The requests to ends, their timing and their concurrency.

use serde_json::{Value, json};
use testkit::Call;

use crate::support::outside::{Answer, Outside};
use crate::{Scene, metrics, not_run};

const RESOURCE: &str = "arn:aws:rds:eu-west-1:123456789012:cluster:plays";
const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:plays-AbCdEf";

/// The four kinds of ends, whose statement or index is the name.
fn end(kind: &str, name: &str) -> Value {
    match kind {
        "redshift" => json!({
            "kind": kind, "workgroup": "lake", "database": "dev", "secret_arn": SECRET, "sql": name,
        }),
        "rds" => json!({
            "kind": kind, "resource_arn": RESOURCE, "secret_arn": SECRET, "database": "plays",
            "sql": name,
        }),
        "bigquery" => json!({"kind": kind, "project": "music", "location": "EU", "sql": name}),
        _ => json!({"kind": kind, "endpoint": "http://here", "index": name, "time_field": "at"}),
    }
}

/// One check for each of these definitions, with the same name.
fn outside<'a>(
    checks: impl IntoIterator<Item = (&'a str, Value)>,
    ends: impl IntoIterator<Item = (&'a str, Answer)>,
) -> Outside {
    let parameter = |(name, check): (&str, Value)| (format!("/sluice/checks/{name}"), check);
    Outside {
        parameters: checks.into_iter().map(parameter).collect(),
        ends: ends.into_iter().map(|(name, answer)| (name.to_owned(), answer)).collect(),
        ..Outside::default()
    }
}

fn sql_rows() -> Answer {
    Answer::Is(json!([[{"longValue": 7}]]))
}

fn bigquery_rows() -> Answer {
    Answer::Is(json!([["7"]]))
}

fn search(rows: u64) -> Answer {
    Answer::Is(json!({
        "timed_out": false, "_shards": {"total": 1, "successful": 1, "failed": 0},
        "hits": {"total": {"value": rows, "relation": "eq"}},
        "aggregations": {"newest": {"value": null}},
    }))
}

/// The call with this operation or path.
fn call(scene: &Scene, name: &str) -> Call {
    let calls = scene.endpoint.calls().into_iter();
    let mut found = calls.filter(|call| call.operation == name || call.path == name);
    let first = found.next().unwrap_or_else(|| panic!("{name}"));
    assert!(found.next().is_none(), "{name}");
    first
}

#[tokio::test]
async fn each_kind_of_end_is_asked_in_its_own_way() {
    let checks = [
        ("a", json!({"target": end("redshift", "SELECT a")})),
        ("b", json!({"target": end("rds", "SELECT b")})),
        ("c", json!({"target": end("bigquery", "SELECT c")})),
        ("d", json!({"target": end("opensearch", "plays-*,skips 1/2")})),
    ];
    let ends = [
        ("SELECT a", sql_rows()),
        ("SELECT b", sql_rows()),
        ("SELECT c", bigquery_rows()),
        ("plays-*,skips%201%2F2", search(7)),
    ];
    let mut scene = Scene::new(outside(checks, ends), Vec::new(), &[]).await;
    let observed = scene.invoke().await;
    let (checks, counts) = metrics(&observed, scene.now);
    assert_eq!(counts, [4, 0, 0, 0, 0]);
    let expected = json!({"TargetRows": 7.0, "CheckFailures": 0.0});
    assert_eq!(checks, ["a", "b", "c", "d"].map(|name| (name.to_owned(), expected.clone())).into());

    let mut redshift = call(&scene, "ExecuteStatement").json();
    redshift["ClientToken"].take();
    assert_eq!(
        redshift,
        json!({
            "Sql": "SELECT a", "WorkgroupName": "lake", "Database": "dev", "SecretArn": SECRET,
            "ClientToken": null,
        })
    );
    assert_eq!(
        call(&scene, "/Execute").json(),
        json!({
            "resourceArn": RESOURCE, "secretArn": SECRET, "database": "plays", "sql": "SELECT b",
        })
    );
    let mut bigquery = call(&scene, "/bigquery/v2/projects/music/queries").json();
    assert_eq!(bigquery["requestId"].take().as_str().unwrap().len(), 36);
    assert_eq!(
        bigquery,
        json!({
            "query": "SELECT c", "useLegacySql": false, "maximumBytesBilled": "10737418240",
            "maxResults": 1, "timeoutMs": 500, "location": "EU", "requestId": null,
        })
    );
    let search = call(&scene, "/plays-*,skips%201%2F2/_search");
    assert_eq!(
        (search.method.as_str(), &*search.query),
        ("POST", "allow_partial_search_results=false")
    );
    let authorization = search.headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 "), "{authorization}");
    assert_eq!(search.json()["aggs"], json!({"newest": {"max": {"field": "at"}}}));
}

#[tokio::test]
async fn opensearch_is_called_without_a_signature_if_the_setting_says_so() {
    let checks = [("a", json!({"target": end("opensearch", "plays")}))];
    let variables = [("OPENSEARCH_AUTH", "none")];
    let mut scene =
        Scene::new(outside(checks, [("plays", search(7))]), Vec::new(), &variables).await;
    assert!(scene.invoke().await.answer.is_ok());
    assert!(!call(&scene, "/plays/_search").headers.contains_key("authorization"));
}

#[tokio::test]
async fn what_takes_its_time_is_asked_again() {
    let resuming = "DatabaseResumingException".to_owned();
    let awake = json!([[{"longValue": 7}]]);
    let checks = [
        ("a", json!({"target": end("rds", "SELECT a")})),
        ("b", json!({"target": end("bigquery", "SELECT b")})),
    ];
    let ends = [
        ("SELECT a", Answer::AfterFailures(1, resuming, awake)),
        ("SELECT b", Answer::Is(json!("goes on"))),
        ("goes on", bigquery_rows()),
    ];
    let mut scene = Scene::new(outside(checks, ends), Vec::new(), &[]).await;
    let observed = scene.invoke().await;
    let (checks, counts) = metrics(&observed, scene.now);
    assert_eq!((counts, &checks["a"]["TargetRows"]), ([2, 0, 0, 0, 0], &json!(7.0)));
    assert_eq!(checks["b"]["TargetRows"], 7.0);
    let question = call(&scene, "/bigquery/v2/projects/music/queries/job_1");
    assert_eq!(question.query, "timeoutMs=10000&maxResults=1&location=EU");
    let executed = scene.calls().into_iter().filter(|name| name == "/Execute");
    assert_eq!(executed.count(), 2);
}

#[tokio::test]
async fn what_is_late_is_cancelled() {
    let checks = [
        ("a", json!({"target": end("redshift", "SELECT a")})),
        ("b", json!({"target": end("rds", "SELECT b")})),
        ("c", json!({"target": end("bigquery", "SELECT c")})),
        ("d", json!({"target": end("opensearch", "plays")})),
    ];
    let ends = [
        ("SELECT a", Answer::Hangs),
        ("SELECT b", Answer::Hangs),
        ("SELECT c", Answer::Is(json!("goes on"))),
        ("goes on", Answer::Hangs),
        ("plays", Answer::Hangs),
    ];
    let variables = [("CHECK_TIMEOUT_SECONDS", "1")];
    let mut scene = Scene::new(outside(checks, ends), Vec::new(), &variables).await;
    let observed = scene.invoke().await;
    let (_, counts) = metrics(&observed, scene.now);
    assert_eq!((counts, observed.error().0), ([4, 0, 4, 0, 0], "ChecksNotRun".to_owned()));
    let reasons: Vec<_> =
        not_run(&observed).into_iter().map(|[check, _, reason]| (check, reason)).collect();
    assert_eq!(reasons[0], ("a".to_owned(), "the statement was not done in time".to_owned()));
    assert_eq!(reasons[1], ("b".to_owned(), "no answer in time".to_owned()));
    assert_eq!(reasons[2], ("c".to_owned(), "no answer in time".to_owned()));
    assert!(reasons[3].1.starts_with("no answer within "), "{reasons:?}");
    assert_eq!(call(&scene, "CancelStatement").json(), json!({"Id": "0"}));
    let cancel = call(&scene, "/bigquery/v2/projects/music/jobs/job_1/cancel");
    assert_eq!((cancel.method.as_str(), &*cancel.query), ("POST", "location=EU"));
}

#[tokio::test]
async fn both_ends_of_eight_checks_are_asked_at_the_same_time() {
    let check = json!({
        "source": end("opensearch", "plays"), "target": end("opensearch", "plays"),
    });
    let names: Vec<_> = (0..9).map(|number| format!("check-{number}")).collect();
    let checks = names.iter().map(|name| (&**name, check.clone()));
    let outside = outside(checks, [("plays", Answer::Hangs)]);
    let variables = [("CHECK_TIMEOUT_SECONDS", "2")];
    let scene = Scene::new(outside, Vec::new(), &variables).await;
    let asked =
        |scene: &Scene| scene.calls().iter().filter(|path| *path == "/plays/_search").count();
    let (event, function) = (crate::EVENT, scene.binary.function.clone());
    let invocation = tokio::spawn(async move { function.invoke(event.to_vec()).await });
    // No call is answered, so all of them are concurrent.
    while asked(&scene) < 16 {
        scene.endpoint.called().await;
    }
    assert_eq!(asked(&scene), 16);
    let error = invocation.await.unwrap().unwrap_err();
    assert_eq!((error.error_type(), asked(&scene)), ("ChecksNotRun", 18));
}
