//! `sluice replay` with S3, OpenSearch, queues and streams on this machine.

use std::fs;
use std::path::PathBuf;

use base64_simd::STANDARD;
use local::opensearch::embedded::{Fault, Lasting, Which};
use local::opensearch::{Client, Embedded};
use local::{s3, sqs};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Call, Endpoint, Reply};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::support::{Finished, Queues, finish, interrupt, sluice};

/// 2024-03-01T12:34:58Z
const NOON_MS: i64 = 1_709_296_498_000;
const HOUR_MS: i64 = 3_600_000;

/// Where Firehose left the three events and the document of [`Scene::failed`].
const FAILED: &str = "s3://backup/processing-failed/";

/// A folder to work in, an S3 and an OpenSearch.
struct Scene {
    folder: TempDir,
    s3: s3::Embedded,
    opensearch: Embedded,
    documents: Client,
    variables: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new() -> Self {
        let s3 = s3::Embedded::start().await.unwrap();
        let (opensearch, documents) = testkit::opensearch().await;
        let variables = vec![
            ("AWS_ENDPOINT_URL_S3", s3.url().to_owned()),
            ("OPENSEARCH_ENDPOINT", opensearch.url().to_owned()),
            ("OPENSEARCH_AUTH", "none".to_owned()),
            ("DOCUMENT_ID", "id".to_owned()),
        ];
        Self { folder: tempfile::tempdir().unwrap(), s3, opensearch, documents, variables }
    }

    /// Events and a document that failed, in three objects, and one that holds no failures.
    async fn failed() -> Self {
        let scene = Self::new().await;
        let put = |key: &str, body: String| scene.s3.put("backup", key, body, NOON_MS);
        let noon = [failed("timeout", NOON_MS, &event("a")), failed("oom", NOON_MS, &event("b"))];
        put("processing-failed/2024/03/01/12/one", noon.concat());
        let later = failed("timeout", NOON_MS + HOUR_MS, &event("c"));
        put("processing-failed/2024/03/01/13/two", later);
        put("processing-failed/3-AmazonOpenSearchService_failed/three", document("d"));
        put("raw/four", event("e"));
        scene
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = sluice(&[&["replay"], arguments].concat());
        command.current_dir(&self.folder).envs(self.variables.iter().cloned());
        command.spawn().unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.start(arguments)).await
    }

    /// Runs it with `--yes --json` and asserts the exit code and the counts that are not 0.
    async fn sends(&self, arguments: &[&str], code: i32, expected: &Value) -> Finished {
        let finished = self.run(&[arguments, &["--yes", "--json"]].concat()).await;
        assert_eq!(finished.code, code, "{finished:?}");
        let mut report = finished.json();
        assert_eq!(report["complete"], code == 0, "{finished:?}");
        let report = report.as_object_mut().unwrap();
        for name in ["source", "target", "ledger", "refused_file", "complete", "dry_run"] {
            report.remove(name).unwrap();
        }
        report.retain(|_, value| *value != json!(0) && *value != json!([]) && *value != json!({}));
        assert_eq!(Value::from(report.clone()), *expected, "{finished:?}");
        finished
    }

    async fn ids(&self) -> Vec<String> {
        self.documents.refresh("*").await.unwrap();
        let found = self.documents.search("*", &json!({"size": 100})).await.unwrap();
        let found = found.body();
        let mut ids: Vec<_> = found["hits"]["hits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| hit["_id"].to_string())
            .collect();
        ids.sort_unstable();
        ids
    }

    fn ledgers(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder.path().join(".sluice/replay")).ok();
        let mut paths: Vec<_> =
            files.into_iter().flatten().map(|file| file.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

fn event(id: &str) -> String {
    json!({"id": id, "ts": 1_709_296_496}).to_string()
}

/// A line of Firehose.
fn failed(code: &str, arrived_ms: i64, data: impl AsRef<[u8]>) -> String {
    let data = STANDARD.encode_to_string(data);
    let line = json!({"errorCode": code, "arrivalTimestamp": arrived_ms, "rawData": data});
    format!("{line}\n")
}

/// A line with a document.
fn document(id: &str) -> String {
    let data = STANDARD.encode_to_string(event(id));
    let line = json!({
        "errorCode": "400", "arrivalTimestamp": NOON_MS, "rawData": data,
        "esDocumentId": format!("id of {id}"), "esIndexName": "old-2024",
    });
    format!("{line}\n")
}

#[tokio::test]
async fn without_yes_nothing_is_sent() {
    let scene = Scene::failed().await;
    let finished = scene.run(&[FAILED, "--json"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stderr.contains("Dry run: nothing was sent. --yes sends it."));
    let mut plan = finished.json();
    let ledger = plan["ledger"].take();
    assert!(ledger.as_str().unwrap().starts_with(".sluice/replay/"), "{ledger}");
    let (noon, one) = ("2024-03-01T12:34:58.000Z", "2024-03-01T13:34:58.000Z");
    let row = |reason: &str, hour: &str, time: &str, records: u64| {
        let bytes = records * event("a").len() as u64;
        json!({"reason": reason, "hour": hour, "records": records, "bytes": bytes,
            "first": time, "last": time})
    };
    let target = format!("{}, index music-events-%Y.%m.%d", scene.opensearch.url());
    let expected = json!({
        "dry_run": true, "source": FAILED, "target": target, "ledger": null,
        "objects": 3, "finished_before": 0, "without_failures": 0, "to_send": 4, "documents": 1,
        "documents_skipped": 0, "unreadable": 0, "not_selected": 0, "not_read": [],
        "records": [
            row("400", "2024-03-01T12", noon, 1),
            row("oom", "2024-03-01T12", noon, 1),
            row("timeout", "2024-03-01T12", noon, 1),
            row("timeout", "2024-03-01T13", one, 1),
        ],
    });
    assert_eq!(plan, expected);
    let finished = scene.run(&[FAILED, "--reason", "timeout"]).await;
    let ledger = finished.stdout.lines().last().unwrap().to_owned();
    let expected = format!(
        "\
{FAILED}

Reason                            Hour             Records          Bytes  First                     Last
timeout                           2024-03-01T12          1             26  2024-03-01T12:34:58.000Z  2024-03-01T12:34:58.000Z
timeout                           2024-03-01T13          1             26  2024-03-01T13:34:58.000Z  2024-03-01T13:34:58.000Z

Objects             3  in the source
Not selected        2  records
To send             2  to {target}
{ledger}
"
    );
    assert_eq!((finished.code, finished.stdout), (0, expected));
    assert!(ledger.starts_with("Ledger       .sluice/replay/"), "{ledger}");
    assert_eq!(scene.opensearch.bulk_requests(), 0);
    assert_eq!(scene.ledgers(), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn what_firehose_left_behind_becomes_documents_once() {
    let scene = Scene::failed().await;
    let finished = scene.sends(&[FAILED], 0, &json!({"objects": 3, "indexed": 4})).await;
    assert_eq!(finished.stderr.lines().last().unwrap().trim_start().split(' ').nth(1), Some("of"));
    assert_eq!(scene.ids().await, [r#""a""#, r#""b""#, r#""c""#, r#""id of d""#]);
    let kept = scene.documents.count("old-2024").await.unwrap();
    assert_eq!(kept, 1, "a document goes to its index");
    let requests = scene.opensearch.bulk_requests();
    scene.sends(&[FAILED], 0, &json!({"objects": 3, "finished_before": 3})).await;
    assert_eq!(scene.opensearch.bulk_requests(), requests);
    // A new object, and one that has changed.
    scene.s3.put("backup", "processing-failed/5", failed("oom", NOON_MS, event("f")), NOON_MS);
    let two = [failed("oom", NOON_MS, event("c")), failed("oom", NOON_MS, event("g"))].concat();
    scene.s3.put("backup", "processing-failed/2024/03/01/13/two", two, NOON_MS);
    let expected = json!({"objects": 4, "finished_before": 2, "indexed": 2, "duplicate": 1});
    scene.sends(&[FAILED], 0, &expected).await;
}

#[tokio::test]
async fn failures_in_a_folder_are_selected() {
    let scene = Scene::new().await;
    let failures = scene.folder.path().join("backup/processing-failed/12");
    fs::create_dir_all(&failures).unwrap();
    let lines = [
        failed("timeout", NOON_MS, event("a")),
        failed("timeout", NOON_MS + HOUR_MS, event("b")),
        failed("oom", NOON_MS + HOUR_MS, event("c")),
        failed("denied", NOON_MS, event("d")),
    ];
    fs::write(failures.join("one"), lines.concat()).unwrap();
    fs::write(scene.folder.path().join("backup/.partial-1"), "not an object").unwrap();
    fs::write(scene.folder.path().join("backup/raw"), event("e")).unwrap();
    let reasons = ["backup", "--reason", "timeout", "--reason", "denied"];
    let from = [&reasons[..], &["--from", "2024-03-01T12:34:59Z"]].concat();
    let counts = |indexed: u64, dropped: u64| json!({"objects": 2, "without_failures": 1, "indexed": indexed, "dropped": dropped});
    scene.sends(&from, 0, &counts(1, 3)).await;
    assert_eq!(scene.ids().await, [r#""b""#]);
    // Another selection is another replay.
    let until = [&reasons[..], &["--until", "2024-03-01T12:34:59Z"]].concat();
    scene.sends(&until, 0, &counts(2, 2)).await;
    assert_eq!(scene.ids().await, [r#""a""#, r#""b""#, r#""d""#]);
    // Without a selection the other file is loaded, too.
    scene.sends(&["backup"], 0, &json!({"objects": 2, "indexed": 2, "duplicate": 3})).await;
    assert_eq!(scene.ledgers().len(), 3);
    // What holds failures by its content only.
    let path = scene.folder.path().join("lines");
    fs::write(&path, failed("timeout", NOON_MS, event("f"))).unwrap();
    scene.sends(&["lines", "--failures"], 0, &json!({"objects": 1, "indexed": 1})).await;
    assert!(scene.ids().await.contains(&r#""f""#.to_owned()));
}

#[tokio::test]
async fn a_replay_goes_on_where_it_ended() {
    let scene = Scene::new().await.with("BULK_MAX_DOCS", "2");
    let lines: Vec<_> =
        (0..9).map(|n| failed("timeout", NOON_MS, event(&format!("{n}")))).collect();
    scene.s3.put("backup", "processing-failed/1", lines[..7].concat(), NOON_MS);
    scene.s3.put("backup", "processing-failed/2", lines[7..].concat(), NOON_MS);
    let instantly = Fault::Slow(std::time::Duration::ZERO);
    scene.opensearch.fail(instantly, Lasting::Requests(2));
    scene.opensearch.fail(Fault::Status(403), Lasting::UntilCleared);
    let ledger = scene.folder.path().join("new/ledger.jsonl");
    let arguments = [FAILED, "--ledger", ledger.to_str().unwrap()];
    let finished = scene.sends(&arguments, 1, &json!({"objects": 2, "indexed": 4})).await;
    assert!(
        finished.stderr.contains("error: denied; OpenSearch refused _bulk: 403"),
        "{finished:?}"
    );
    assert!(finished.stderr.contains("run the same command again to go on"), "{finished:?}");
    let text = fs::read_to_string(&ledger).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let offset = lines[..4].concat().len();
    assert_eq!(last["object"], "s3://backup/processing-failed/1");
    assert_eq!((&last["offset"], &last["done"]), (&json!(offset), &json!(false)), "{text}");
    // The dry run knows it, and a line that is torn does not matter.
    fs::write(&ledger, text + "{\"object\":\"s3://back").unwrap();
    scene.opensearch.clear_faults();
    let plan = scene.run(&[&arguments[..], &["--json"]].concat()).await.json();
    assert_eq!(plan["to_send"], 5);
    scene.sends(&arguments, 0, &json!({"objects": 2, "indexed": 5})).await;
    assert_eq!(scene.ids().await.len(), 9);
    // The ledger serves this replay only.
    let other = scene.run(&["s3://backup/", "--ledger", arguments[2]]).await;
    other.assert_error(2, "is not the ledger of this replay");
}

#[tokio::test]
async fn refused_records_are_kept_and_can_be_replayed() {
    let scene = Scene::new().await.with("BULK_MAX_DOCS", "2");
    let lines = [
        failed("timeout", NOON_MS, "not an event"),
        failed("timeout", NOON_MS, event("bad")),
        failed("timeout", NOON_MS, event("a")),
    ];
    scene.s3.put("backup", "processing-failed/1", lines.concat(), NOON_MS);
    let items = Fault::Items { status: 400, which: Which::Containing("\"bad\"".to_owned()) };
    scene.opensearch.fail(items, Lasting::UntilCleared);
    let finished = scene.run(&[FAILED, "--yes"]).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    let refused = scene.ledgers().into_iter().find(|path| path.ends_with_refused()).unwrap();
    let name = refused.strip_prefix(scene.folder.path()).unwrap().to_str().unwrap();
    let advice =
        format!("2 records were refused and are kept: when the cause is gone, replay {name}");
    assert!(finished.stderr.contains(&advice), "{finished:?}");
    assert!(finished.stdout.contains(&format!("Refused             2  {name}\n")), "{finished:?}");
    assert!(finished.stdout.contains("                    1    invalid_json\n"), "{finished:?}");
    assert!(finished.stdout.contains("Indexed             1  "), "{finished:?}");
    scene.opensearch.clear_faults();
    let refused = json!({"invalid_json": 1});
    let expected = json!({"objects": 1, "indexed": 1, "refused": refused});
    scene.sends(&[name], 1, &expected).await;
    assert_eq!(scene.ids().await, [r#""a""#, r#""bad""#]);
}

trait Refused {
    fn ends_with_refused(&self) -> bool;
}

impl Refused for PathBuf {
    fn ends_with_refused(&self) -> bool {
        self.to_str().unwrap().ends_with(".refused.jsonl")
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_left() {
    let scene = Scene::new().await;
    scene.s3.put("backup", "a", "%PDF-1.7", NOON_MS);
    scene.s3.put("backup", "b", event("b"), NOON_MS);
    let left = json!([["s3://backup/a", "unknown_format"]]);
    let expected = json!({"objects": 2, "indexed": 1, "left": left});
    let finished = scene.sends(&["s3://backup/"], 1, &expected).await;
    assert!(finished.stderr.contains("error: 1 objects were not replayed"), "{finished:?}");
    let plan = scene.run(&["s3://backup/", "--json"]).await;
    assert_eq!((plan.code, &plan.json()["finished_before"]), (0, &json!(1)));
    assert_eq!(plan.json()["not_read"][0][0], "s3://backup/a");
}

#[tokio::test]
async fn the_loader_is_asked_for_each_object() {
    let (_sqs, queues) = Queues::embedded().await;
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let arguments = [FAILED, "--to", "loader", "--queue", "music", "--reason", "oom"];
    let plan = scene.run(&arguments).await;
    assert!(plan.stdout.contains(&format!("to the queue {}, as load requests\n", queues.main)));
    assert_eq!(queues.counts().await, [0, 0, 0]);
    scene.sends(&arguments, 0, &json!({"objects": 3, "sent": 3})).await;
    let mut bodies: Vec<Value> = queues.take(&queues.main).await.iter().map(body).collect();
    bodies.sort_by_key(|body| body["key"].to_string());
    let request = &bodies[0];
    assert_eq!(request["key"], "processing-failed/2024/03/01/12/one");
    assert_eq!((&request["sluice"], &request["bucket"]), (&json!("load"), &json!("backup")));
    assert_eq!(request["reason"], json!(["oom"]));
    assert!(request["etag"].as_str().unwrap().starts_with('"'), "{request}");
    assert_eq!(bodies.len(), 3);
    scene.sends(&arguments, 0, &json!({"objects": 3, "finished_before": 3})).await;
}

/// The body of a message, as JSON.
fn body(message: &Value) -> Value {
    serde_json::from_str(message["Body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn failed_events_become_messages() {
    let (sqs, queues) = Queues::embedded().await;
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let binary = failed("timeout", NOON_MS, b"\x1f\x8b\x08");
    scene.s3.put("backup", "processing-failed/4", binary, NOON_MS);
    let arguments = [FAILED, "--to", "queue", "--queue", &queues.main];
    let entries = sqs::embedded::Fault::Entries(vec![0]);
    sqs.fail(
        sqs::embedded::Operation::SendMessageBatch,
        entries,
        sqs::embedded::Lasting::Requests(1),
    );
    let refused = json!({"not_text": 1});
    let expected = json!({"objects": 4, "sent": 3, "documents_skipped": 1, "refused": refused});
    let finished = scene.sends(&arguments, 1, &expected).await;
    assert!(finished.stderr.contains("1 records were not sent; they are where they were"));
    let mut bodies: Vec<_> = queues.take(&queues.main).await.iter().map(body).collect();
    bodies.sort_by_key(|body| body["id"].to_string());
    let expected = ["a", "b", "c"].map(|id| serde_json::from_str::<Value>(&event(id)).unwrap());
    assert_eq!(bodies, expected);
    assert_eq!(scene.opensearch.bulk_requests(), 0);
    scene.sends(&arguments, 0, &json!({"objects": 4, "finished_before": 4})).await;
}

#[tokio::test]
async fn ctrl_c_ends_after_the_call_under_way() {
    let (_sqs, queues) = Queues::embedded().await;
    let scene = Scene::new().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let lines: Vec<_> = (0..25).map(|n| failed("x", NOON_MS, event(&n.to_string()))).collect();
    scene.s3.put("backup", "processing-failed/1", lines.concat(), NOON_MS);
    let arguments = [FAILED, "--to", "queue", "--queue", "music"];
    let slowly = ["--rate", "1", "--yes", "--json"];
    let mut command = scene.start(&[&arguments[..], &slowly].concat());
    assert!(!queues.wait_for(&queues.main).await.is_empty());
    interrupt(&command).await;
    let mut lines = BufReader::new(command.stderr.take().unwrap()).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        last = line;
    }
    assert_eq!(last, "the ledger holds what is done: run the same command again to go on");
    let finished = finish(command).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    let sent = finished.json()["sent"].as_u64().unwrap();
    assert!((1..25).contains(&sent), "{finished:?}");
    scene.sends(&arguments, 0, &json!({"objects": 1, "sent": 25 - sent})).await;
    assert_eq!(queues.visible(&queues.main).await, 25);
}

#[tokio::test]
async fn failed_events_are_put_back_into_a_stream() {
    let answer = |call: &Call| {
        let records = call.json()["Records"].as_array().unwrap().len();
        // The first of several fails.
        let entry = |at: usize| match (at, records) {
            (0, 2..) => json!({"ErrorCode": "Throttled", "ErrorMessage": "later"}),
            _ => json!({"RecordId": "r", "SequenceNumber": "1", "ShardId": "s"}),
        };
        let entries: Vec<_> = (0..records).map(entry).collect();
        let failed = usize::from(records > 1);
        Reply::json(
            200,
            &json!({"FailedPutCount": failed, "FailedRecordCount": failed,
            "RequestResponses": entries, "Records": entries}),
        )
    };
    let streams = Endpoint::start(answer).await;
    let scene = Scene::failed()
        .await
        .with("AWS_ENDPOINT_URL_FIREHOSE", &streams.url)
        .with("AWS_ENDPOINT_URL_KINESIS", &streams.url);
    let expected = json!({"objects": 3, "sent": 3, "documents_skipped": 1});
    for (option, operation, member) in [
        ("--delivery-stream", "PutRecordBatch", "DeliveryStreamName"),
        ("--stream", "PutRecords", "StreamName"),
    ] {
        scene.sends(&[FAILED, "--to", "stream", option, "events"], 0, &expected).await;
        let calls = streams.take_calls();
        let sent = calls.iter().map(|call| {
            assert!(call.operation.ends_with(operation), "{call:?}");
            let members = call.json();
            assert_eq!(members[member], "events");
            let data = |record: &Value| {
                let data = STANDARD.decode_to_vec(record["Data"].as_str().unwrap()).unwrap();
                String::from_utf8(data).unwrap()
            };
            members["Records"].as_array().unwrap().iter().map(data).collect::<Vec<_>>()
        });
        let sent: Vec<_> = sent.collect();
        // What failed is sent again, it alone.
        let expected = [vec![event("a"), event("b")], vec![event("a")], vec![event("c")]];
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn a_stream_that_takes_nothing_fails_the_replay() {
    let streams = Endpoint::start(|_: &Call| Reply::aws_error(400, "AccessDeniedException")).await;
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_FIREHOSE", &streams.url);
    let arguments = [FAILED, "--delivery-stream", "events"];
    let finished = scene.sends(&arguments, 1, &json!({"objects": 3})).await;
    let expected = "error: the service does not take the records: Denied";
    assert!(finished.stderr.contains(expected), "{finished:?}");
    assert_eq!(streams.take_calls().len(), 1);
}

#[tokio::test]
async fn the_commands_in_the_documentation() {
    let (_sqs, queues) = Queues::embedded().await;
    let scene = Scene::failed().await.with("AWS_ENDPOINT_URL_SQS", queues.client.url());
    let kept = failed("invalid_json", NOON_MS, event("k"));
    scene.s3.put("backup", "object-loader-failed/2024/03/01/12/kept.json", kept, NOON_MS);
    let operations = include_str!("../../../docs/operations.md");
    for (command, expected) in [
        ("replay s3://backup/processing-failed/", "To send             4  to http://"),
        ("replay s3://backup/processing-failed/ --reason timeout --yes", "Indexed             2  "),
        ("replay s3://backup/object-loader-failed/ --yes", "Indexed             1  "),
        (
            "replay s3://backup/object-loader-failed/ --to loader --queue music --yes",
            "Sent                1  the queue ",
        ),
    ] {
        assert!(operations.contains(&format!("cargo sluice {command}\n")), "{command}");
        let arguments: Vec<_> = command.split(' ').skip(1).collect();
        let finished = scene.run(&arguments).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        assert!(finished.stdout.contains(expected), "{finished:?}");
    }
}
