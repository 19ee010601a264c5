//! An S3 with failed records, and an OpenSearch for the replay.

use std::fs;
use std::path::PathBuf;

use base64_simd::STANDARD;
use local::opensearch::{Client, Embedded};
use local::s3;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;

use super::support::{Finished, finish, sluice};

/// 2024-03-01T12:34:58Z
pub(crate) const NOON_MS: i64 = 1_709_296_498_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// The location of the three failed events and the document of [`Scene::failed`].
pub(crate) const FAILED: &str = "s3://backup/processing-failed/";

/// A folder to work in, an S3 and an OpenSearch.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) s3: s3::Embedded,
    pub(crate) opensearch: Embedded,
    pub(crate) documents: Client,
    variables: Vec<(&'static str, String)>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
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

    /// Failed events and a failed document, in three objects, and one object without failures.
    pub(crate) async fn failed() -> Self {
        let scene = Self::new().await;
        let put = |key: &str, body: String| scene.s3.put("backup", key, body, NOON_MS);
        let noon = [failed("timeout", NOON_MS, event("a")), failed("oom", NOON_MS, event("b"))];
        put("processing-failed/2024/03/01/12/one", noon.concat());
        let later = failed("timeout", NOON_MS + HOUR_MS, event("c"));
        put("processing-failed/2024/03/01/13/two", later);
        put("processing-failed/3-AmazonOpenSearchService_failed/three", document("d"));
        put("raw/four", event("e"));
        scene
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = sluice(arguments);
        command.current_dir(&self.folder).envs(self.variables.iter().cloned());
        command.spawn().unwrap()
    }

    /// Runs a command.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Finished {
        finish(self.spawn(arguments)).await
    }

    /// Starts `replay`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.spawn(&[&["replay"], arguments].concat())
    }

    /// Runs `replay`.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.start(arguments)).await
    }

    /// Runs it with `--yes --json` and asserts the exit code and the counts that are not 0.
    pub(crate) async fn sends(&self, arguments: &[&str], code: i32, expected: &Value) -> Finished {
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

    pub(crate) async fn ids(&self) -> Vec<String> {
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

    pub(crate) fn ledgers(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder.path().join(".sluice/replay")).ok();
        let mut paths: Vec<_> =
            files.into_iter().flatten().map(|file| file.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

pub(crate) fn event(id: &str) -> String {
    json!({"id": id, "ts": 1_709_296_496}).to_string()
}

/// A line of Firehose.
pub(crate) fn failed(code: &str, arrived_ms: i64, data: impl AsRef<[u8]>) -> String {
    let data = STANDARD.encode_to_string(data);
    let line = json!({"errorCode": code, "arrivalTimestamp": arrived_ms, "rawData": data});
    format!("{line}\n")
}

/// A line with a document.
pub(crate) fn document(id: &str) -> String {
    let data = STANDARD.encode_to_string(event(id));
    let line = json!({
        "errorCode": "400", "arrivalTimestamp": NOON_MS, "rawData": data,
        "esDocumentId": format!("id of {id}"), "esIndexName": "old-2024",
    });
    format!("{line}\n")
}
