//! Wrong use: exit code 2, and a message that helps. Nothing is built and nothing started.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn sluice(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The message on standard error, after the checks that hold for all wrong use.
fn message(arguments: &[&str]) -> String {
    let output = sluice(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    message
}

fn events(folder: &Path, content: &[u8]) -> String {
    let file = folder.join("my.ndjson");
    fs::write(&file, content).unwrap();
    message(&["demo", "--events", file.to_str().unwrap()])
}

#[test]
fn no_command_and_unknown_commands() {
    assert!(message(&[]).contains("Usage: sluice <COMMAND>"));
    assert!(message(&["dmeo"]).contains("a similar subcommand exists: 'demo'"));
}

#[test]
fn help_has_examples_and_exit_codes() {
    for (arguments, expected) in [
        (&["--help"][..], "Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted"),
        (&["demo", "--help"], "cargo sluice demo --events my-events.ndjson"),
        (&["invoke", "--help"], "cargo sluice invoke firehose-transform events/"),
        (&["doctor", "-h"], "cargo sluice doctor --function sluice-dev-sqs-consumer"),
        (&["inspect", "-h"], "cargo sluice inspect music-dlq --min-age 7d"),
        (&["redrive", "-h"], "cargo sluice redrive music-dlq --canary 10 --canary-wait 2m --yes"),
        (&["redrive", "--help"], "eval \"$(aws configure export-credentials --profile NAME"),
        (&["setup", "--help"], "cargo sluice setup --opensearch http://127.0.0.1:9200"),
        (&["setup", "--help"], "eval \"$(aws configure export-credentials --format env)\""),
    ] {
        let output = sluice(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(expected), "{arguments:?}: {help}");
    }
}

#[test]
fn the_demo_of_failures_has_no_events_and_the_other_no_card() {
    for other in [&["--keep"][..], &["--events", "my.ndjson"], &["--sqs", "real"]] {
        let message = message(&[&["demo", "--health"], other].concat());
        assert!(message.contains("'--health' cannot be used with"), "{message}");
    }
    assert!(message(&["demo", "--card", "card.html"]).contains("--health"));
}

#[test]
fn a_server_that_is_none_of_the_choices() {
    for option in ["--opensearch", "--sqs"] {
        let message = message(&["demo", option, "ada:secret@localhost:9200"]);
        let expected = format!("{option}: expected auto, embedded, real or a URL");
        assert!(message.contains(&expected), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn files_that_are_no_events() {
    let folder = tempfile::tempdir().unwrap();
    for (content, expected) in [
        (&b""[..], "my.ndjson: holds no events"),
        (b"[{\"type\":\"play\"},{\"type\":\"skip\"}]", "my.ndjson, line 1: begins a JSON array"),
        (b"\x1f\x8b\x08\0\0", "my.ndjson: is compressed with gzip"),
        (b"\x7fELF\x02\0\0", "my.ndjson: is a binary file"),
        (b"\nuser,artist\n", "my.ndjson, line 2: is no JSON object: user,artist"),
    ] {
        let message = events(folder.path(), content);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("one JSON object a line"), "{message}");
        assert!(message.contains("{\"event_type\":\"play\""), "{message}");
    }
}

#[test]
fn a_folder_and_a_missing_file_are_no_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert!(message(&["demo", "--events", path]).contains("is a folder, not a file"));
    let missing = format!("{path}/none.ndjson");
    assert!(message(&["demo", "--events", &missing]).contains("there is no such file"));
}

#[test]
fn an_unknown_function_lists_the_known_ones() {
    let message = message(&["invoke", "firehose", "event.json"]);
    assert!(message.contains("there is no function \"firehose\""), "{message}");
    assert!(message.contains("firehose-transform"), "{message}");
}

#[test]
fn an_event_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    let path = file.to_str().unwrap();
    let invoke = |path: &str| message(&["invoke", "firehose-transform", path]);
    assert!(invoke(path).contains("event.json: there is no such file"));
    assert!(invoke(folder.path().to_str().unwrap()).contains("is a folder"));
    assert!(invoke("-").contains("-: is empty"));
    fs::write(&file, "{\"records\":[}").unwrap();
    assert!(invoke(path).contains("event.json: is not one JSON value"));
}

#[test]
fn a_variable_without_a_value() {
    let message = message(&["invoke", "firehose-transform", "event.json", "--env", "LOG_LEVEL"]);
    assert!(message.contains("expected NAME=VALUE"), "{message}");
}

#[test]
fn a_url_that_is_none_is_not_repeated_with_its_password() {
    let message = message(&["setup", "--opensearch", "search.example:secret@host"]);
    assert!(message.contains("http[s]://[user:password@]host"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}
