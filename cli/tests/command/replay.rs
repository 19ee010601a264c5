//! `sluice replay` to OpenSearch.

use std::fs;
use std::path::PathBuf;

use local::opensearch::embedded::{Fault, Lasting, Which};
use serde_json::{Value, json};

use super::scene::{FAILED, HOUR_MS, NOON_MS, Scene, event, failed};

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
    // A new object, and a changed one.
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
    // A file whose name does not show that it contains failures.
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
    assert!(finished.stderr.contains("\nadvice: OpenSearch does not let"), "{finished:?}");
    assert!(finished.stderr.contains("run the same command again to go on"), "{finished:?}");
    let text = fs::read_to_string(&ledger).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let offset = lines[..4].concat().len();
    assert_eq!(last["object"], "s3://backup/processing-failed/1");
    assert_eq!((&last["offset"], &last["done"]), (&json!(offset), &json!(false)), "{text}");
    // The dry run uses the ledger, and an incomplete line does not matter.
    fs::write(&ledger, text + "{\"object\":\"s3://back").unwrap();
    scene.opensearch.clear_faults();
    let plan = scene.run(&[&arguments[..], &["--json"]].concat()).await.json();
    assert_eq!(plan["to_send"], 5);
    scene.sends(&arguments, 0, &json!({"objects": 2, "indexed": 5})).await;
    assert_eq!(scene.ids().await.len(), 9);
    // The ledger can be used for this replay only.
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
    // The ledger, and the file beside it.
    let [_, refused] = scene.ledgers().try_into().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = refused.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only its owner can read it");
    }
    let name = refused.strip_prefix(scene.folder.path()).unwrap().to_str().unwrap();
    assert!(name.ends_with(".refused.jsonl"), "{name}");
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

#[tokio::test]
async fn the_ledger_in_the_source_is_not_an_object() {
    let scene = Scene::new().await;
    let folder = scene.folder.path().join("backup");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.json"), event("a") + "\nnot an event\n").unwrap();
    let arguments = ["backup", "--ledger", "backup/ledger.jsonl"];
    let refused = json!({"invalid_json": 1});
    let expected = json!({"objects": 1, "indexed": 1, "refused": refused});
    scene.sends(&arguments, 1, &expected).await;
    assert!(folder.join("ledger.refused.jsonl").exists());
    let expected = json!({"objects": 1, "finished_before": 1, "refused": refused});
    let finished = scene.sends(&arguments, 1, &expected).await;
    let advice = "1 records were refused and are kept: when the cause is gone, replay ";
    assert!(finished.stderr.contains(advice), "{finished:?}");
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
    let plan = scene.run(&["s3://backup/"]).await;
    assert!(plan.stdout.contains("Not read            1  objects: see below\n"), "{plan:?}");
    assert!(plan.stderr.contains("s3://backup/a: it holds neither JSON"), "{plan:?}");
}

#[tokio::test]
async fn keys_of_objects_name_no_files() {
    let scene = Scene::new().await;
    for key in ["../../../evil", "/tmp/../evil\u{9b}2J", "..\\evil\u{202e}gpj"] {
        scene.s3.put("backup", key, "%PDF-1.7", NOON_MS);
    }
    let refused = failed("timeout", NOON_MS, "not an event");
    scene.s3.put("backup", "processing-failed/../../../evil", refused, NOON_MS);
    let finished = scene.run(&["s3://backup/", "--yes"]).await;
    let shown = finished.stdout + &finished.stderr;
    assert!(shown.contains("s3://backup//tmp/../evil\u{fffd}2J: unknown_format"), "{shown}");
    let is_control = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!shown.contains(is_control), "{shown:?}");
    // Only the ledger and the refused records exist, and no other file.
    let names = |path: PathBuf| -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let folder = scene.folder.path();
    assert_eq!(names(folder.to_owned()), [".sluice"]);
    assert_eq!(names(folder.join(".sluice")), ["replay"]);
    assert_eq!(scene.ledgers().len(), 2);
}
