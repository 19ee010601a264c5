//! `sluice demo` with the embedded OpenSearch and SQS.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use local::opensearch::{Client, Environment};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::support::{finish, interrupt, run, sluice};

const EMBEDDED: [&str; 5] = ["demo", "--opensearch", "embedded", "--sqs", "embedded"];

/// Six events, of which the function drops one as empty and two are invalid, with blank lines and a
/// line that is too large for Firehose.
fn events() -> Vec<u8> {
    let mut events = b"\
{\"type\":\"play\",\"artist\":\"Nova Kim\",\"ts\":1709295296}

{\"type\":\"play\",\"artist\":\"\xeb\x8b\xac\xeb\xb9\x9b\xec\xa0\x95\xec\x9b\x90\",\"ts\":1709295297}\r
{\"type\":\"skip\",\"artist\":\"Nova Kim\"
  \t\r
[1,2,3]
\xef\xbb\xbf
{\"type\":\"skip\",\"artist\":\"Nova Kim\"}
"
    .to_vec();
    events.resize(events.len() + 1_024_001, b'x');
    events
}

fn count_lines(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
    entries.map(|path| if path.is_dir() { count_lines(&path) } else { count(&path) }).sum()
}

#[tokio::test]
async fn every_event_of_a_file_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.ndjson");
    fs::write(&file, events()).unwrap();
    let arguments = ["--json", "--events", file.to_str().unwrap()];
    let finished = run(&[&EMBEDDED[..], &arguments].concat()).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = finished.json();
    assert_eq!(
        report["events"],
        json!({"source": file, "sent": 6, "blank_lines": 2, "too_large": 1})
    );
    assert_eq!(
        report["account"],
        json!({
            "events_in": 6, "documents": 3, "dropped": 1, "in_backup": 2,
            "unaccounted": 0, "discrepancies": [],
        })
    );
    assert_eq!(
        report["actions"],
        json!([{"name": "play", "documents": 2}, {"name": "skip", "documents": 1}])
    );
    assert_eq!(
        report["top_artists"],
        json!([{"name": "Nova Kim", "documents": 2}, {"name": "달빛정원", "documents": 1}])
    );
    assert_eq!(report["failed_by_reason"], json!({"invalid_json": 1, "not_an_object": 1}));
    assert_eq!(report["put_back"], 0);
    assert_eq!(report["invocations"]["count"], 1);
    assert_eq!(report["invocations"]["failed"], 0);
    assert!(report["invocations"]["median_ms"].is_f64(), "{report}");
    let sqs = &report["sqs"];
    // The line that is too large for Firehose is accepted by SQS.
    assert_eq!(
        sqs["account"],
        json!({
            "messages_in": 7, "done": 3, "quarantined": 4, "dead": 0, "left": 0, "documents": 3,
            "unaccounted": 0, "discrepancies": [],
        })
    );
    assert_eq!(
        sqs["quarantined_by_reason"],
        json!({"empty": 1, "invalid_json": 2, "not_an_object": 3})
    );
    assert_eq!(sqs["documents_duplicate"], 0);
    let by_error_code = report["backup"]["by_error_code"].as_object().unwrap();
    assert_eq!(by_error_code.values().filter_map(Value::as_u64).sum::<u64>(), 2);
    let backup = Path::new(report["backup"]["folder"].as_str().unwrap());
    assert_eq!(count_lines(backup), 2);
    fs::remove_dir_all(backup).unwrap();
}

#[tokio::test]
async fn keep_leaves_the_documents_until_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.ndjson");
    fs::write(&file, "{\"type\":\"play\"}\n".repeat(20)).unwrap();
    let arguments = ["--keep", "--events", file.to_str().unwrap()];
    let mut command = sluice(&[&EMBEDDED[..], &arguments].concat()).spawn().unwrap();
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    let mut logged = String::new();
    while !logged.contains("until you press Ctrl-C") {
        logged.push_str(&lines.next_line().await.unwrap().unwrap());
    }
    let example = logged.split_once("curl -s '").unwrap().1;
    let (address, _) = example.split_once("/_search").unwrap();
    let (url, indices) = address.rsplit_once('/').unwrap();
    let client = Client::new(url).unwrap();
    // Twenty through Firehose and twenty through SQS: equal events without an id are separate.
    assert_eq!(client.count(indices).await.unwrap(), 40, "{logged}");

    interrupt(&command).await;
    let finished = finish(command).await;
    assert_eq!(finished.code, 0, "{logged}");
    for expected in [
        "20 events in = 20 documents + 0 dropped + 0 in backup",
        "20 messages in = 20 done + 0 quarantined + 0 dead letters",
        "\nGiven up            7  in an outage of OpenSearch",
    ] {
        assert!(finished.stdout.contains(expected), "{finished:?}");
    }
    assert!(client.count(indices).await.is_err());
}

#[tokio::test]
async fn every_failure_is_counted_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("card.html");
    let arguments = ["demo", "--health", "--json", "--card", page.to_str().unwrap()];
    let finished = run(&arguments).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = finished.json();
    assert_eq!(
        report["caused"],
        json!({"succeeded": 1, "failed": 1, "timed_out": 1, "out_of_memory": 1, "throttled": 1})
    );
    let of_the_function = |metrics: &str, name: &str| {
        let measured = &report[metrics]["of_the_function"][name];
        (measured["value"].as_f64(), measured["unit"].as_str())
    };
    for name in ["UnhandledErrors", "Timeouts", "OutOfMemory"] {
        assert_eq!(of_the_function("log_metrics", name), (Some(1.0), Some("Count")), "{name}");
    }
    for (name, value, unit) in [
        ("Errors", 3.0, "Count"),
        ("Throttles", 1.0, "Count"),
        ("ErrorRate", 75.0, "Percent"),
        ("ThrottleRate", 20.0, "Percent"),
        ("TimeoutHeadroom", 0.0, "Percent"),
    ] {
        assert_eq!(of_the_function("lambda_metrics", name), (Some(value), Some(unit)), "{name}");
    }
    assert_eq!(report["messages"].as_array().unwrap().len(), 1);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("ALARM: sluice-demo-plays-errors"), "{page}");
    assert!(page.contains("Runtime exited with error: signal: killed"), "{page}");
}

#[tokio::test]
async fn pipelines_and_warehouses_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("cards.html");
    let finished = run(&["demo", "--watch", "--json", "--card", page.to_str().unwrap()]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = finished.json();
    let part = |name: &str| report[name].as_str().unwrap();
    let (flow, statements) = (part("pipelines"), part("warehouses"));
    if Environment::read().require_real {
        assert_eq!(flow, "a flow in Prefect", "{finished:?}");
        assert_eq!(statements, "Redshift's statements over a PostgreSQL", "{finished:?}");
    }
    // Notices are published concurrently, so their order varies.
    let of_notices = |name: &str| -> BTreeSet<_> {
        let notices = report["notices"].as_array().unwrap();
        notices.iter().map(|notice| notice[name].as_str().unwrap()).collect()
    };
    assert_eq!(report["notices"].as_array().unwrap().len(), 5, "{report}");
    let caused =
        ["prefect-failure", "redshift-long-query", "redshift-lock", "data-check", "bigquery-cost"];
    assert_eq!(of_notices("kind"), BTreeSet::from(caused));
    assert_eq!(of_notices("state"), BTreeSet::from(["ALARM"]));
    for thread in ["redshift/music/locks", "data-check/plays", "bigquery/music-analytics/job_a1"] {
        assert!(of_notices("thread").contains(thread), "{thread}: {report}");
    }
    let page = fs::read_to_string(page).unwrap();
    for title in of_notices("title") {
        assert!(page.contains(title), "{title}: {page}");
    }
    // The log of a real run is in its card.
    let line = "plays, part 2: artist_id is null in 3 of 4,812 rows";
    assert_eq!(page.contains(line), flow == "a flow in Prefect", "{page}");
    assert!(page.contains("AccessShareLock on plays"), "{page}");
    let rows = "180 rows fewer in the target (13.04 %), the target is 3 h behind the source";
    assert!(of_notices("title").contains(&*format!("Data check plays - {rows}")), "{report}");
}

#[tokio::test]
async fn what_costs_too_much_is_reported_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("cards.html");
    let finished = run(&["demo", "--cost", "--json", "--card", page.to_str().unwrap()]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = finished.json();
    let answers = &report["answers"];
    for (function, usd) in [("idle-resources", 95.225), ("rightsizing", 46.55)] {
        assert_eq!(answers[function]["usd"], usd, "{function}: {answers}");
        assert_eq!(answers[function]["notRead"], json!([]), "{function}: {answers}");
    }
    let parking = &answers["parking"];
    assert_eq!(parking["started"], json!(["i-0batch"]));
    assert_eq!(parking["stopped"], json!(["i-0web", "orders"]));
    assert_eq!(parking["kept"][0]["id"], "i-0late");
    assert_eq!(
        report["changes"],
        json!([
            "SendCommand i-0web",
            "StartInstances i-0batch",
            "StopInstances i-0web",
            "StopDBInstance orders",
        ])
    );
    let notices = report["notices"].as_array().unwrap();
    let notices: Vec<_> = notices.iter().map(|one| (&one["kind"], &one["state"])).collect();
    assert_eq!(
        json!(notices),
        json!([
            ["idle-resources", "INFO"],
            ["rightsizing", "INFO"],
            ["parking", "ALARM"],
            ["cost-report", "ALARM"],
        ])
    );
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("nat-0old") && page.contains("stopped orders"), "{page}");
}

#[tokio::test]
async fn what_failed_and_objects_of_every_format_are_loaded() {
    let finished = run(&[&EMBEDDED[..], &["--objects", "--json"]].concat()).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = finished.json();
    let outage = &report["outage"];
    assert_eq!(
        outage["account"],
        json!({
            "events_in": 4_999, "documents": 0, "dropped": 3, "in_backup": 4_996,
            "unaccounted": 0, "discrepancies": [],
        })
    );
    assert_eq!(
        outage["backup"]["by_error_code"],
        json!({"Lambda.ProcessingFailedStatus": 38, "OS.ServiceException": 4_958})
    );
    let loads = report["loads"].as_array().unwrap();
    let sources = loads.iter().map(|load| load["source"].as_str().unwrap());
    let expected = ["AmazonOpenSearchService_failed", "processing-failed", "objects"];
    for (source, name) in sources.zip(expected) {
        assert!(source.contains(name), "{source}");
    }
    let books = |load: usize| {
        let mut load = loads[load].as_object().unwrap().clone();
        for name in ["source", "destination", "objects_in", "objects_done", "held", "again"] {
            load.remove(name).unwrap();
        }
        Value::from(load)
    };
    // Every document of the outage exists, and none twice.
    let expected = json!({
        "records_in": 4_958, "indexed": 4_958, "duplicates": 0, "refused": 0, "dropped": 0,
        "refused_by_reason": {}, "not_loaded": 0, "not_loaded_reasons": [],
        "unaccounted": 0, "discrepancies": [],
    });
    assert_eq!(books(0), expected);
    let again = json!({"indexed": 0, "duplicate": 4_958, "refused": {}});
    assert_eq!(loads[0]["again"], again);
    // Records of several events, which firehose-transform refuses.
    let refused = json!({
        "invalid_gzip": 1, "invalid_json": 25, "invalid_utf8": 4, "not_an_object": 3,
        "number_too_long": 1, "too_deep": 2,
    });
    let expected = json!({
        "records_in": 42, "indexed": 6, "duplicates": 0, "refused": 36, "dropped": 0,
        "refused_by_reason": refused, "not_loaded": 0, "not_loaded_reasons": [],
        "unaccounted": 0, "discrepancies": [],
    });
    assert_eq!(books(1), expected);
    let again = json!({"indexed": 0, "duplicate": 6, "refused": refused});
    assert_eq!(loads[1]["again"], again);
    let refused = json!({"invalid_gzip": 1, "invalid_json": 2, "not_an_object": 1, "too_large": 1});
    let expected = json!({
        "records_in": 2_708, "indexed": 2_400, "duplicates": 300, "refused": 5, "dropped": 3,
        "refused_by_reason": refused, "not_loaded": 1, "not_loaded_reasons": ["unknown_format"],
        "unaccounted": 0, "discrepancies": [],
    });
    assert_eq!(books(2), expected);
    assert_eq!((&loads[2]["objects_in"], &loads[2]["objects_done"]), (&json!(10), &json!(9)));
    fs::remove_dir_all(outage["backup"]["folder"].as_str().unwrap()).unwrap();
}

#[tokio::test]
async fn every_window_of_the_store_is_that_of_the_readings() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("panels.html");
    let arguments = ["--store", "embedded", "--seconds", "9", "--card", page.to_str().unwrap()];
    let finished = run(&[&["demo", "--sensors", "--json"], &arguments[..]].concat()).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = finished.json();
    assert_eq!(report["store"], "the embedded time series store");
    assert_eq!(report["readings"], 3 * 8 * 10 * 9);
    assert_eq!(report["discrepancies"], json!([]));
    let odd = ["sent_twice", "sent_late", "sent_out_of_order", "aggregates", "read_again"];
    assert!(odd.iter().all(|name| report[name].as_u64().unwrap() > 0), "{report}");
    // Nine hostile readings, one per second.
    let refused = json!({
        "invalid_json": 2, "invalid_utf8": 1, "not_an_object": 1, "bad_field": 4, "no_fields": 1,
    });
    assert_eq!(report["refused_by_reason"], refused);
    assert!(report["partial_answers"].as_u64().unwrap() > 0, "the outage");
    assert!(report["failed_invocations"].as_u64().unwrap() > 0, "the kill");
    let windows = report["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 8);
    for compared in windows {
        assert!(compared["windows"].as_u64().unwrap() > 0, "{compared}");
        assert_eq!(compared["different"], 0, "{compared}");
    }
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<figure>").count(), 8, "{page}");
    assert!(page.contains(">L3-M8</text>"), "{page}");
    let records = report["records"].as_u64().unwrap();
    assert_eq!(report["latency"]["records"].as_u64().unwrap(), records);
    assert!(report["latency"]["p50_ms"].as_u64().unwrap() > 0, "{report}");
}

#[tokio::test]
async fn keep_leaves_the_store_and_says_how_to_show_it() {
    let arguments = ["demo", "--sensors", "--store", "embedded", "--seconds", "6", "--keep"];
    let mut command = sluice(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    let mut logged = String::new();
    while !logged.contains("until you press Ctrl-C") {
        logged.push_str(&lines.next_line().await.unwrap().unwrap());
        logged.push('\n');
    }
    let (_, after) = logged.split_once("the URL ").unwrap();
    let (url, after) = after.split_once(" and the database ").unwrap();
    let (database, _) = after.split_once(", and import dashboards/sensors.json").unwrap();
    let client = local::timeseries::Client::new(url).unwrap();
    let found = client.query(database, "SELECT count(items) FROM line").await.unwrap();
    assert_eq!(found[0].rows[0].1, [Some(f64::from(3 * 8 * 10 * 6))], "{logged}");

    interrupt(&command).await;
    let finished = finish(command).await;
    assert_eq!(finished.code, 0, "{logged}");
    assert!(finished.stdout.contains("every one is the producer's."), "{finished:?}");
    client.query(database, "SELECT count(items) FROM line").await.unwrap_err();
}
