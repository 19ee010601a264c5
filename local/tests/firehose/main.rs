//! The Firehose stand-in between a scripted function and a scripted OpenSearch.

#![cfg(test)]

mod backup;
mod buffering;
mod delivery;
mod endpoint;
mod processing;
mod script;
mod sink;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use local::firehose::{Clock, DeliveryStream, DeliveryStreamOptions, Endpoint};
use local::runtime_api::Invoke;
use serde_json::Value;
use sink::Sink;
use tempfile::TempDir;

/// 2024-03-01T12:34:56.789Z, when every record of these tests arrives.
const ARRIVAL_MS: u64 = 1_709_296_496_789;

/// A stream with settings for tests: nothing is sent without a flush, and no pause is longer than a
/// millisecond.
fn options(backup: &TempDir) -> DeliveryStreamOptions {
    DeliveryStreamOptions {
        processor_buffer_interval: Duration::from_hours(1),
        destination_buffer_interval: Duration::from_hours(1),
        longest_pause: Duration::from_millis(1),
        clock: Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_millis(ARRIVAL_MS)),
        ..DeliveryStreamOptions::new("music", "events", backup.path())
    }
}

async fn started(
    options: DeliveryStreamOptions,
    transform: impl Invoke,
    sink: &Sink,
) -> DeliveryStream {
    let endpoint = Endpoint::bind().await.unwrap();
    DeliveryStream::start(options, endpoint, transform, &sink.url()).await.unwrap()
}

async fn put(stream: &DeliveryStream, records: &[&str]) {
    for record in records {
        stream.put_record((*record).to_owned()).await.unwrap();
    }
}

/// A backup's objects, by their path below its folder.
fn objects(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The lines of a backup's only object.
fn lines(folder: &Path) -> Vec<Value> {
    let objects = objects(folder);
    assert_eq!(objects.len(), 1, "{objects:?}");
    let content = std::fs::read_to_string(folder.join(&objects[0])).unwrap();
    assert!(content.ends_with('\n'), "{content}");
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn base64(text: &str) -> String {
    base64_simd::STANDARD.encode_to_string(text)
}
