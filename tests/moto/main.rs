#![cfg(test)]
//! moto as a second opinion on the answers of the fakes in other tests: the real binaries call its
//! services, and Amazon's own client for Python sets it up and checks the results.

use std::collections::BTreeMap;

use local::bigquery::{BigQuery, expensive_job};
use local::binaries;
use local::monitoring::Monitoring;
use local::moto::Moto;
use local::opensearch::Environment;
use local::warehouse::{Engine, Table, Warehouse};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Binary, Observed};

const SCRIPT: &str = include_str!("account.py");
/// The call of a webhook, with the secret of the callers.
const FLOW_RUN_FAILED: &[u8] = include_bytes!("../../events/pipeline-alerts/flow-run-failed.json");
const WEBHOOK_SECRET: &str = "music-pipelines-1-8f2c41";

/// The resources that the script created in the account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filled {
    topic: String,
    webhook_secret: String,
    google_secret: String,
    running: String,
    stopped: String,
    /// Ids of idle resources by kind.
    idle: BTreeMap<String, String>,
}

/// The state of the account as the script found it.
#[derive(Debug, Deserialize)]
struct Found {
    instances: BTreeMap<String, String>,
    databases: BTreeMap<String, String>,
    /// The resources with the tag `sluice:idle-since`.
    marked: Vec<String>,
    /// The subjects of the messages in the queue that is subscribed to the topic.
    subjects: Vec<String>,
}

/// A running moto, and the topic of the alerts.
struct Scene {
    moto: Moto,
    topic: String,
}

impl Scene {
    async fn invoke(
        &self,
        function: &'static str,
        variables: &[(&str, &str)],
        event: &[u8],
    ) -> Observed {
        let built = tokio::task::spawn_blocking(|| binaries::function(function)).await.unwrap();
        let own = [("AWS_ENDPOINT_URL", self.moto.url()), ("ALERTS_TOPIC_ARN", &self.topic)];
        let variables = [&own, variables].concat();
        let mut binary = Binary::new(built.unwrap().to_str().unwrap(), &variables).await;
        binary.invoke(event).await
    }
}

#[tokio::test]
async fn functions_and_moto_understand_each_other() {
    let moto = match Moto::start().await {
        Ok(moto) => moto,
        Err(error) if !Environment::read().require_real => {
            eprintln!("NOT RUN, because {error}");
            return;
        }
        Err(error) => panic!("no moto, because {error}"),
    };
    let bigquery = BigQuery::start(vec![expensive_job()]).await.unwrap();
    let no_rows = json!([[{"longValue": 0}, {"isNull": true}]]);
    let columns = ["count", "max"].map(str::to_owned).into();
    let rows = serde_json::from_value(no_rows).unwrap();
    let tables = [("FROM plays", Table { columns, rows })].into();
    let warehouse = Warehouse::start(Engine::Fixed(tables)).await.unwrap();
    // moto does not support the protocol of CloudWatch.
    let cloudwatch = Monitoring::start().await.unwrap();
    let sql = "SELECT COUNT(*), MAX(played_at) FROM plays";
    let target = json!({"kind": "redshift", "workgroup": "lake", "database": "dev", "sql": sql});
    let check = json!({"target": target, "max_age_minutes": 60}).to_string();
    let arguments = ["fill", WEBHOOK_SECRET, &bigquery.credentials(), &check];
    let filled = moto.run(SCRIPT, &arguments).await.unwrap();
    let filled: Filled = serde_json::from_str(&filled).unwrap();
    let scene = Scene { moto, topic: filled.topic.clone() };

    // No grace period: everything was started just now.
    let parked = scene.invoke("parking", &[("KEEP_HOURS", "0")], b"{}").await.json();
    assert_eq!(parked["started"], json!([filled.stopped]), "{parked}");
    assert_eq!(sorted(&parked["stopped"]), sorted(&json!([filled.running, "orders"])), "{parked}");
    assert_eq!((&parked["failed"], &parked["notRead"]), (&json!([]), &json!([])), "{parked}");

    // moto has no DescribeImageReferences.
    let kinds =
        "address,bucket,database,instance,load-balancer,log-group,nat-gateway,snapshot,volume";
    let variables = [
        ("KINDS", kinds),
        ("ACTION", "mark"),
        ("MIN_AGE_DAYS", "0"),
        ("STOPPED_DAYS", "0"),
        ("SNAPSHOT_DAYS", "0"),
        ("OBJECT_DAYS", "0"),
        ("MIN_USD", "0"),
    ];
    let idle = scene.invoke("idle-resources", &variables, b"{}").await.json();
    assert_eq!(idle["notRead"], json!([]), "{idle}");
    let findings = idle["findings"].as_array().unwrap();
    let found =
        |kind: &str, id: &str| findings.iter().any(|one| one["kind"] == kind && one["id"] == id);
    for (kind, id) in &filled.idle {
        assert!(found(kind, id), "{kind} {id}: {idle}");
    }

    let secret = [("WEBHOOK_SECRET_ARN", &*filled.webhook_secret)];
    let called = scene.invoke("pipeline-alerts", &secret, FLOW_RUN_FAILED).await;
    assert_eq!(called.json()["statusCode"], 200);
    let variables = [
        ("BIGQUERY_ENDPOINT_URL", bigquery.url()),
        ("BIGQUERY_PROJECTS", "music-analytics"),
        ("GOOGLE_CREDENTIALS_SECRET_ARN", &filled.google_secret),
    ];
    let watched = scene.invoke("warehouse-watch", &variables, b"{}").await;
    assert!(watched.answer.is_ok(), "{watched:?}");
    let variables = [
        ("CHECKS_PATH", "/sluice/checks"),
        ("AWS_ENDPOINT_URL_CLOUDWATCH", cloudwatch.url()),
        ("AWS_ENDPOINT_URL_REDSHIFT_DATA", warehouse.url()),
    ];
    let checked = scene.invoke("data-checks", &variables, b"{}").await;
    assert!(checked.answer.is_ok(), "{checked:?}");

    let found: Found =
        serde_json::from_str(&scene.moto.run(SCRIPT, &["look"]).await.unwrap()).unwrap();
    let state = |id: &str| &*found.instances[id];
    assert_eq!((state(&filled.running), state(&filled.stopped)), ("stopped", "running"));
    assert_eq!(found.databases, BTreeMap::from([("orders".to_owned(), "stopped".to_owned())]));
    let marked = ["address", "volume"].map(|kind| &filled.idle[kind]);
    assert!(found.marked.iter().eq(marked), "{found:?}");
    assert_eq!(
        found.subjects,
        [
            "7 idle resources, about 33.88 USD a month",
            "A query of ada@example.com cost 12.50 USD in music-analytics",
            "Data check plays - no rows in the target",
            "Flow run nightly-load/international-gaur: Failed",
            "Started 1, stopped 2",
        ]
    );
    scene.moto.stop().await;
}

fn sorted(list: &Value) -> Vec<&str> {
    let mut texts: Vec<_> = list.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    texts.sort_unstable();
    texts
}
