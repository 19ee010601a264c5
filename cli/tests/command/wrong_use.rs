//! Wrong use: exit code 2 and a message. Nothing is built or started.

use std::fs;

use super::support::{Queues, run, unavailable_url};
use local::sqs::embedded::Operation;

const URL: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn wrong_arguments_are_reported() {
    let hidden = "ada:secret@localhost:9200";
    for (arguments, expected) in [
        (&[][..], "Usage: sluice <COMMAND>"),
        (&["dmeo"], "a similar subcommand exists: 'demo'"),
        (&["demo", "--health", "--keep"], "'--health' cannot be used with"),
        (&["demo", "--health", "--events", "my.ndjson"], "'--health' cannot be used with"),
        (&["demo", "--health", "--sqs", "real"], "'--health' cannot be used with"),
        (&["demo", "--health", "--objects"], "'--health' cannot be used with"),
        (&["demo", "--watch", "--health"], "'--watch' cannot be used with"),
        (&["demo", "--watch", "--keep"], "'--watch' cannot be used with"),
        (&["demo", "--card", "card.html"], "<--sensors|--health|--watch|--cost>"),
        (&["demo", "--cost", "--card", "/no/such/card.html"], "its folder does not exist"),
        (&["demo", "--opensearch", hidden], "--opensearch: expected auto, embedded, real or a URL"),
        (&["demo", "--sqs", hidden], "--sqs: expected auto, embedded, real or a URL"),
        (&["doctor", "--json"], "required arguments were not provided"),
        (&["doctor", "--stack", "a", "--function", "b"], "cannot be used with"),
        (&["doctor", "--post", "--function", "b"], "cannot be used with"),
        (&["doctor", "--post", "--opensearch", URL], "--stack"),
        (&["doctor", "--function", "a b"], "expected the name or the ARN of a function"),
        (&["doctor", "--opensearch", hidden], "--opensearch is not a URL"),
        (&["inspect"], "QUEUE"),
        (&["invoke", "firehose", "event.json"], "unknown function \"firehose\""),
        (&["invoke", "firehose", "event.json"], "firehose-transform"),
        (&["invoke", "firehose-transform", "-"], "-: is empty"),
        (&["invoke", "firehose-transform", "-", "--env", "LOG_LEVEL"], "expected NAME=VALUE"),
        (
            &["redrive", "arn:aws:sqs:eu-west-1:1:a", "--destination", "https://sqs/1/a"],
            "--destination: must not be the source",
        ),
        (&["replay"], "SOURCE"),
        (&["replay", "/no/such/file"], "/no/such/file: No such file"),
        (&["replay", "s3://"], "\"s3://\" is not s3://BUCKET/PREFIX"),
        (&["replay", "src"], "set --opensearch URL, or OPENSEARCH_ENDPOINT"),
        (&["replay", "src", "--opensearch", hidden], "--opensearch is not a URL"),
        (&["replay", "src", "--opensearch", "http://a", "--index", "A"], "INDEX is \"A\""),
        (&["replay", "src", "--from", "yesterday"], "expected an RFC 3339 time"),
        (&["replay", "src", "--rate", "0"], "--rate"),
        (&["replay", "src", "--to", "queue"], "this --to needs --queue"),
        (&["replay", "src", "--to", "stream"], "this --to needs --stream or --delivery-stream"),
        (&["replay", "src", "--queue", "music"], "--queue is not for this --to"),
        (&["replay", "src", "--to", "loader", "--queue", "music"], "the loader reads S3 only"),
        (&["replay", "src", "--stream", "a", "--delivery-stream", "b"], "cannot be used with"),
        (&["setup", "--opensearch", hidden], "http[s]://[user:password@]host"),
        (&["setup", "--opensearch", URL, "--document", "raw"], "values: mapped, passthrough"),
        (
            &["setup", "--opensearch", URL, "--document", "passthrough", "--mapping", "{}"],
            "--mapping: the documents of --document passthrough have no mapped fields",
        ),
    ] {
        run(arguments).await.assert_error(2, expected);
    }
}

#[tokio::test]
async fn help_has_examples_and_exit_codes() {
    for (arguments, expected) in [
        (&["--help"][..], "Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted"),
        (&["--help"], "cargo sluice redrive sluice-dev-events-dlq --canary 10 --yes"),
        (&["demo", "--help"], "cargo sluice demo --events my-events.ndjson"),
        (&["invoke", "--help"], "cargo sluice invoke firehose-transform events/"),
        (&["doctor", "-h"], "cargo sluice doctor --stack sluice-dev --profile ops"),
        (&["inspect", "-h"], "cargo sluice inspect music-dlq --min-age 7d"),
        (&["redrive", "-h"], "cargo sluice redrive music-dlq --canary 10 --yes"),
        (&["redrive", "--help"], "a profile (--profile, AWS_PROFILE) with keys, SSO, an assumed"),
        (&["replay", "-h"], "cargo sluice replay s3://backup/processing-failed/ --to stream"),
        (&["setup", "--help"], "cargo sluice setup --opensearch http://127.0.0.1:9200"),
        (&["setup", "--help"], "[default: music-events-%Y.%m.%d; for passthrough events-%Y.%m.%d]"),
        (&["setup", "--help"], "a profile (--profile, AWS_PROFILE), or the role of"),
    ] {
        let help = run(arguments).await;
        assert_eq!(help.code, 0, "{arguments:?}");
        assert!(help.stdout.contains(expected), "{arguments:?}: {help:?}");
    }
}

#[tokio::test]
async fn files_in_another_format_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (content, expected) in [
        (&b""[..], "my.ndjson: has no events"),
        (b"[{\"type\":\"play\"},{\"type\":\"skip\"}]", "line 1: is the start of a JSON array"),
        (b"\x1f\x8b\x08\0\0", "my.ndjson: is compressed with gzip"),
        (b"\x7fELF\x02\0\0", "my.ndjson: is a binary file"),
        (b"\nuser,artist\n", "my.ndjson, line 2: is not a JSON object: user,artist"),
    ] {
        let file = path("my.ndjson");
        fs::write(&file, content).unwrap();
        let finished = run(&["demo", "--events", &file]).await;
        finished.assert_error(2, expected);
        finished.assert_error(2, "one JSON object a line");
        finished.assert_error(2, "{\"event_type\":\"play\"");
    }
    let rules = path("rules.json");
    fs::write(&rules, "[{\"metric\":\"x y\"}]").unwrap();
    let finished = run(&["demo", "--metric-rules", &rules]).await;
    finished.assert_error(2, "rules.json: ");
    finished.assert_error(2, "x y");
    let event = path("event.json");
    fs::write(&event, "{\"records\":[}").unwrap();
    let (missing, directory) = (path("missing"), path(""));
    let invoke = ["invoke", "firehose-transform"];
    for (arguments, expected) in [
        (["demo", "--events", &*directory], "is a folder, not a file"),
        (["demo", "--events", &missing], "missing: the file does not exist"),
        ([invoke[0], invoke[1], &event], "event.json: is not one JSON value"),
        ([invoke[0], invoke[1], &missing], "missing: the file does not exist"),
        ([invoke[0], invoke[1], &directory], "is a folder"),
    ] {
        run(&arguments).await.assert_error(2, expected);
    }
}

#[tokio::test]
async fn wrong_options_are_reported_before_a_message_is_received() {
    let (sqs, queues) = Queues::embedded().await;
    queues.give_up(1).await;
    let received = sqs.calls(Operation::ReceiveMessage);
    let own = &*queues.dlq;
    for (arguments, expected) in [
        (&["music dlq"][..], "\"music dlq\" is not the URL, ARN or name of a queue"),
        (&["arn:aws:s3:::music"], "is neither the URL nor the ARN of a queue"),
        (&["music-dlq", "--destination", own], "--destination: must not be the"),
        (&["music-dlq", "--max-age", "1"], "expected a number with a unit"),
        (&["music-dlq", "--rate", "0"], "--rate"),
        (&["music-dlq", "--parking", "parking"], "--max-redrives"),
        (&["music-dlq", "--status", "--yes"], "cannot be used with"),
        (&["music-dlq", "--status", "--cancel"], "cannot be used with"),
    ] {
        queues.run(&[&["redrive"], arguments].concat()).await.assert_error(2, expected);
    }
    assert_eq!(sqs.calls(Operation::ReceiveMessage), received);
    let missing = queues.run(&["inspect", "no-such-queue"]).await;
    missing.assert_error(1, "Check the name, the region and the account.");
}

#[tokio::test]
async fn wrong_options_are_reported_without_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (missing, existing, beyond) = (path("missing"), path("existing"), path("no/file"));
    fs::write(&existing, "{}\n").unwrap();
    let redrive = ["redrive", "music-dlq"];
    for (command, arguments, expected) in [
        (["inspect", ""], &[][..], "\"\" is not the URL, ARN or name of a queue"),
        (redrive, &["--destination", "a b"], "\"a b\" is not the URL, ARN or name of a queue"),
        (redrive, &["--import", &missing], "--import "),
        (redrive, &["--import", &existing], "line 1: missing field `id`"),
        (redrive, &["--mode", "native", "--text", "a"], "is not available in --mode native"),
        (redrive, &["--mode", "native", "--canary", "1"], "--canary: is not available in"),
        (redrive, &["--mode", "native", "--rate", "501"], "--rate: must be at most 500"),
        (redrive, &["--opensearch", "ada:secret@host"], "--opensearch is not a URL"),
        (
            redrive,
            &["--min-age", "2d", "--max-age", "1d"],
            "--min-age: must not be more than --max-age",
        ),
        (["inspect", "music-dlq"], &["--text", ""], "--text: must not be empty"),
        (["inspect", "music-dlq"], &["--export", &existing], "it exists already: name a new file"),
        (["inspect", "music-dlq"], &["--export", &beyond], "its folder does not exist"),
        (["doctor", "--queue"], &["a b"], "\"a b\" is not the URL, ARN or name of a queue"),
    ] {
        run(&[&command[..], arguments].concat()).await.assert_error(2, expected);
    }
}

#[tokio::test]
async fn missing_credentials_and_unavailable_servers_are_reported() {
    let remedy = "name a profile of the AWS CLI with --profile NAME or AWS_PROFILE";
    let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";
    let domain = "https://search-music-abc123.eu-west-1.es.amazonaws.com";
    for arguments in
        [&["inspect", queue][..], &["redrive", queue], &["setup", "--opensearch", domain]]
    {
        let finished = run(arguments).await;
        finished.assert_error(1, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
        finished.assert_error(1, remedy);
    }
    let url = unavailable_url();
    let finished = run(&["setup", "--opensearch", &url]).await;
    let shown = url.replace("ada:secret@", "");
    finished.assert_error(1, &format!("failed to set up OpenSearch at {shown}: "));
    finished.assert_error(1, "Check that it is running");
}
