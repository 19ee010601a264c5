//! Three hours without OpenSearch, and the commands that docs/operations.md has for it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use local::firehose::{self, DeliveryStream, DeliveryStreamOptions};
use local::opensearch::Fault;
use local::opensearch::embedded::Lasting;
use local::runtime_api::{Function, FunctionOptions};
use local::sqs::{self, Clock, EventSourceMapping, EventSourceMappingOptions};
use serde_json::json;

use super::scene::{HOUR_MS, NOON_MS, Scene};

/// The commands, in this order.
const COMMANDS: [&str; 4] = [
    "replay s3://backup/AmazonOpenSearchService_failed/",
    "replay s3://backup/AmazonOpenSearchService_failed/ --yes",
    "replay s3://backup/processing-failed/ --yes",
    "redrive sluice-dev-events-dlq --yes",
];

/// The real binary of a function.
async fn function(name: &'static str, variables: &[(&str, &str)]) -> Function {
    let binary = tokio::task::spawn_blocking(|| local::binaries::function(name));
    let binary = binary.await.unwrap().unwrap();
    let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let environment = environment.collect();
    Function::start(FunctionOptions { environment, ..FunctionOptions::new(name, binary) })
        .await
        .unwrap()
}

/// The ids of the events that arrive on this way in this hour.
fn ids(way: &str, hour: u64) -> Vec<String> {
    (0..20).map(|number| format!("{way}-{hour}-{number:02}")).collect()
}

fn event(id: &str) -> String {
    json!({"event_id": id, "ts": NOON_MS}).to_string()
}

/// Puts the files of the backup folder into the bucket.
fn upload(scene: &Scene, folder: &Path, below: &Path) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            upload(scene, folder, &path);
        } else {
            let key = path.strip_prefix(folder).unwrap().to_str().unwrap();
            scene.s3.put("backup", key, fs::read(&path).unwrap(), NOON_MS);
        }
    }
}

#[tokio::test]
async fn what_three_hours_without_opensearch_left_behind_is_there_after_the_commands() {
    let scene = Scene::new().await;
    let sqs = sqs::Embedded::start().await.unwrap();
    let client = sqs::Client::new(sqs.url()).unwrap();
    let dead = client.create_queue("sluice-dev-events-dlq", &[]).await.unwrap();
    let arn = client.queue_attribute(&dead, "QueueArn").await.unwrap();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string();
    let attributes = [("RedrivePolicy", &*policy)];
    let queue = client.create_queue("sluice-dev-events", &attributes).await.unwrap();
    let scene = scene.with("AWS_ENDPOINT_URL_SQS", sqs.url());

    let now = Arc::new(AtomicU64::new(NOON_MS.unsigned_abs()));
    let hands = Arc::clone(&now);
    let clock = Clock::new(move || {
        SystemTime::UNIX_EPOCH + Duration::from_millis(hands.load(Ordering::Relaxed))
    });
    let backup = tempfile::tempdir().unwrap();
    let endpoint = firehose::Endpoint::bind().await.unwrap();
    let url = endpoint.url();
    let transform = function("firehose-transform", &[("AWS_ENDPOINT_URL_FIREHOSE", &url)]).await;
    let options = DeliveryStreamOptions {
        retry_duration: Duration::from_millis(10),
        longest_pause: Duration::from_millis(1),
        clock,
        ..DeliveryStreamOptions::new("events", "music-events", backup.path())
    };
    let stream = DeliveryStream::start(options, endpoint, transform, scene.opensearch.url());
    let stream = stream.await.unwrap();
    let variables = [
        ("OPENSEARCH_ENDPOINT", scene.opensearch.url()),
        ("OPENSEARCH_AUTH", "none"),
        ("AWS_ENDPOINT_URL_SQS", sqs.url()),
        ("RETRY_BASE_SECONDS", "0"),
    ];
    let consumer = function("sqs-consumer", &variables).await;
    let options = EventSourceMappingOptions::new(&queue);
    let mapping = EventSourceMapping::start(options, client.clone(), consumer).await.unwrap();
    let send = async |id: &str| {
        let message = json!({"QueueUrl": queue, "MessageBody": event(id)});
        client.call("SendMessage", &message).await.unwrap();
    };

    // The first hour is normal. In the next three OpenSearch is unavailable; in the last of them it
    // writes without confirming.
    let mut expected = Vec::new();
    let faults = [Fault::Status(503), Fault::Drop, Fault::DropAfterWriting];
    for (hour, fault) in (0..).zip([None].into_iter().chain(faults.map(Some))) {
        now.store(NOON_MS.unsigned_abs() + hour * HOUR_MS.unsigned_abs(), Ordering::Relaxed);
        if let Some(fault) = fault {
            scene.opensearch.fail(fault, Lasting::UntilCleared);
        }
        for id in ids("firehose", hour) {
            stream.put_record(event(&id)).await.unwrap();
            expected.push(id);
        }
        for id in ids("sqs", hour) {
            send(&id).await;
            expected.push(id);
        }
        stream.flush().await.unwrap();
        // Each message succeeded or was tried three times.
        let tried = if hour == 0 { 20 } else { 20 + hour * 60 };
        mapping.until(|report| report.deleted + report.failed >= tried).await;
        scene.opensearch.clear_faults();
    }
    upload(&scene, backup.path(), backup.path());
    assert_eq!(stream.report().delivery_failed, 60);
    assert_eq!(client.queue_attribute(&dead, "ApproximateNumberOfMessages").await.unwrap(), "60");
    scene.s3.put("backup", "processing-failed/none", "", NOON_MS);

    let operations = include_str!("../../../docs/operations.md");
    for command in COMMANDS {
        assert!(operations.contains(&format!("cargo sluice {command}\n")), "{command}");
        let arguments: Vec<_> = command.split(' ').collect();
        let finished = scene.command(&arguments).await;
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    mapping.until(|report| report.deleted >= 80).await;
    scene.documents.refresh("*").await.unwrap();
    let found = scene.documents.search("*", &json!({"size": 1_000})).await.unwrap();
    let hits = found.body()["hits"]["hits"].as_array().unwrap().clone();
    let mut found: Vec<_> =
        hits.iter().map(|hit| hit["_source"]["event"]["id"].as_str().unwrap()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
