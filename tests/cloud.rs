//! The stack in [MiniStack](Cloud), as far as that supports its resources.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use http::Method;
use local::binaries;
use local::cloud::Cloud;
use local::opensearch::Client;
use serde_json::{Map, json};
use tempfile::TempDir;

use crate::stack::FUNCTION;
use crate::text;

/// The name of the stack, and the prefix of all names: those of the documents.
pub const STACK: &str = "sluice-dev";

/// The bucket of objects to load.
pub const BUCKET: &str = "local-objects";
const TO_EVENT_BRIDGE: &str =
    "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";

/// The functions that run there.
pub const FUNCTIONS: [&str; 3] = ["dlq-redrive", "object-loader", "sqs-consumer"];

/// Why the stack is not deployed, for display.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Deploys the stack with the binaries of [`FUNCTIONS`], in that order, which write to the
/// OpenSearch at `opensearch`. It loads the objects of [`BUCKET`].
///
/// # Errors
/// Whatever prevents it, with the last lines that MiniStack printed.
pub async fn deploy(
    cloud: &Cloud,
    binaries: &[PathBuf],
    opensearch: &str,
    parameters: &[(&str, &str)],
) -> Result<(), Failure> {
    let http = Client::new(cloud.url())?;
    put(&http, &format!("/{BUCKET}"), "").await?;
    put(&http, &format!("/{BUCKET}?notification"), TO_EVENT_BRIDGE).await?;
    let given = [
        ("EnvironmentName", "dev"),
        ("ConsumerEndpoint", opensearch),
        ("ConsumerBatchSeconds", "1"),
        ("ObjectBucketName", BUCKET),
    ];
    let folder = build(binaries)?;
    let deployed = cloud.deploy(folder.path(), STACK, &[&given, parameters].concat()).await;
    deployed.map_err(|error| format!("{error}\n{}", cloud.last_lines()).into())
}

/// Puts a bucket, a setting of a bucket, or an object.
///
/// # Errors
/// If the cloud refuses it.
pub async fn put(http: &Client, path: &str, body: &'static str) -> Result<(), Failure> {
    let body = Some(("application/octet-stream", body.into()));
    let status = http.send(Method::PUT, path, body).await?.status;
    if status.is_success() { Ok(()) } else { Err(format!("{path}: {status}").into()) }
}

/// The output of `sam build`, but for this machine: the template, and the binaries of
/// [`FUNCTIONS`] as `bootstrap`, each in a folder. MiniStack creates nothing for a nested
/// stack, so the template contains their resources directly.
///
/// The other functions get an empty file: compressing them would take longer than the deployment.
///
/// # Errors
/// If a file cannot be read or written.
pub fn build(binaries: &[PathBuf]) -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    let mut template = crate::template();
    for (function, size, concurrency) in
        [("SqsConsumerFunction", 1000, 10), ("ObjectsLoaderFunction", 1, 5)]
    {
        let mapping =
            &mut template["Resources"][function]["Properties"]["Events"]["Messages"]["Properties"];
        // Only here, MiniStack does not accept the text of a parameter as a number.
        mapping["BatchSize"] = json!(size);
        mapping["ScalingConfig"]["MaximumConcurrency"] = json!(concurrency);
    }
    for function in template["Resources"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if function["Type"] == FUNCTION {
            let name = text(&function["Metadata"]["BuildProperties"]["Binary"]);
            function["Properties"]["CodeUri"] = json!(format!("functions/{name}"));
        }
    }
    // JSON is valid YAML.
    fs::write(folder.path().join("template.yaml"), template.to_string())?;
    for function in binaries::functions()? {
        let code = folder.path().join("functions").join(function);
        fs::create_dir_all(&code)?;
        fs::write(code.join("bootstrap"), "")?;
    }
    for (function, binary) in FUNCTIONS.iter().zip(binaries) {
        let bootstrap = folder.path().join("functions").join(function).join("bootstrap");
        fs::copy(binary, bootstrap)?;
    }
    Ok(folder)
}
