//! `sluice inspect --export` and `sluice redrive --import`: messages in a file that a person edits.

use std::fs;

use serde_json::{Value, json};

use super::support::Queues;

#[tokio::test]
async fn what_a_person_has_edited_is_moved_as_it_is_in_the_file() {
    let (_sqs, queues) = Queues::embedded().await;
    queues.give_up(12).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mended.ndjson");
    let path = file.to_str().unwrap();
    let finished =
        queues.run(&["inspect", "music-dlq", "--reason", "timeout", "--export", path]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line["reason"] == "timeout"), "{text}");
    // The file is not overwritten.
    let again = queues.run(&["inspect", "music-dlq", "--export", path]).await;
    again.assert_error(2, "mended.ndjson: ");
    // An export without messages leaves no file.
    let none = folder.path().join("none.ndjson");
    let arguments = ["inspect", "music-dlq", "--reason", "no", "--export", none.to_str().unwrap()];
    assert_eq!((queues.run(&arguments).await.code, none.exists()), (0, false));
    lines.truncate(2);
    lines[0]["body"] = json!("{\"mended\":1}");
    let mended = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    // Some editors put a byte order mark before it.
    fs::write(&file, format!("\u{feff}{mended}")).unwrap();
    let arguments = ["redrive", "music-dlq", "--import", path, "--json"];
    let dry = queues.run(&arguments).await;
    assert_eq!((&dry.json()["moved"], &dry.json()["dryRun"]), (&json!(2), &json!(true)));
    let finished = queues.run(&[&arguments[..], &["--yes"]].concat()).await;
    assert_eq!((finished.code, &finished.json()["moved"]), (0, &json!(2)), "{finished:?}");
    assert_eq!(queues.counts().await, [10, 2, 0]);
    let moved = queues.take(&queues.main).await;
    let mut bodies: Vec<_> = moved.iter().map(|message| message["Body"].clone()).collect();
    bodies.sort_by_key(ToString::to_string);
    let mut expected = vec![lines[0]["body"].clone(), lines[1]["body"].clone()];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(bodies, expected);
    let attributes = &moved[0]["MessageAttributes"];
    assert_eq!(attributes["sluice.redrives"]["StringValue"], "1", "{attributes}");

    // They are no longer in the queue.
    let again = queues.run(&arguments).await;
    assert_eq!((again.code, &again.json()["moved"]), (0, &json!(0)), "{again:?}");
    assert!(again.stderr.contains("2 messages were in the file of --import, but not"), "{again:?}");
    assert!(!finished.stderr.contains("not received"), "{finished:?}");

    for (text, error) in [
        (
            "{\"id\":\"a\"}",
            "line 1: missing field `body` at line 1 column 10: not a line of `inspect",
        ),
        ("{\"id\":\"a\",\"body\":\"\"}", "line 1: a body has 1 to 1048576 bytes"),
        ("{\"id\":\"a\",\"body\":\"b\"}\n{\"id\":\"a\",\"body\":\"b\"}", "line 2: its id"),
    ] {
        fs::write(&file, text).unwrap();
        queues.run(&arguments).await.assert_error(2, error);
    }
    fs::write(&file, "").unwrap();
    let native = [&arguments[..], &["--mode", "native"]].concat();
    queues.run(&native).await.assert_error(2, "--import and --invoke need --mode selective");
}
