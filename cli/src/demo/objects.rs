//! `sluice demo --objects`: loads the records that failed in an outage of OpenSearch from the
//! backup after the outage, and a bucket of objects in every format.

mod loader;
mod replay;
mod stage;

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use local::s3;
use local::sample::{self, Content, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::time;

use super::events::Source;
use super::logs::Reasons;
use super::queue::{VISIBILITY_SECONDS, unavailable_url};
use super::report::Report as FirehoseReport;
use super::{Parts, Target, backup, through_firehose};
use crate::console::log;
use crate::error::CliError;
use loader::{Loaded, load};
use replay::{Replayed, replay};
use stage::{Known, Stage};

pub(super) const FUNCTION: &str = "object-loader";

/// The bucket of Firehose's backup, where the function also keeps refused records.
const BACKUP: &str = "backup";

/// The bucket of the sample's objects.
const OBJECTS: &str = "objects";

/// The folders in which Firehose keeps documents that OpenSearch did not accept, and records that
/// firehose-transform refused. Such a record may contain several events.
const FOLDERS: [(&str, bool); 2] =
    [("AmazonOpenSearchService_failed/", false), ("processing-failed/", true)];

/// The folder in which the function keeps refused records.
const REFUSED_FOLDER: &str = "object-loader-failed/";

/// The object that S3 notifies of twice.
const NOTIFIED_TWICE: &str = "plays/array.json";

/// Maximum time that Firehose retries a document in the outage, which lasts longer.
const RETRY_DURATION: Duration = Duration::from_secs(1);

/// The visibility timeout if a message is to become a dead letter soon.
const SHORT_VISIBILITY_SECONDS: &str = "1";

#[derive(Debug, Serialize)]
pub(super) struct Report {
    outage: FirehoseReport,
    loads: Vec<Stage>,
}

impl Report {
    /// # Errors
    /// [`CliError::Failed`] if a record is unaccounted for.
    pub(super) fn check(&self) -> Result<(), CliError> {
        self.outage.check()?;
        let discrepancies: Vec<_> =
            self.loads.iter().flat_map(|load| &*load.discrepancies).map(String::as_str).collect();
        if discrepancies.is_empty() {
            return Ok(());
        }
        let discrepancies = discrepancies.join("\n  ");
        Err(CliError::failed(format_args!("the records do not add up:\n  {discrepancies}")))
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.outage)?;
        self.loads.iter().try_for_each(|load| write!(out, "\n{load}"))
    }
}

/// Runs the demo.
///
/// # Errors
/// [`CliError::Failed`] if a part fails.
pub(super) async fn run(
    source: &Source,
    parts: &Parts,
    target: &Target,
) -> Result<Report, CliError> {
    let s3 = s3::Embedded::start().await.map_err(|error| {
        CliError::failed(format_args!("failed to find a free port for S3: {error}"))
    })?;
    let client = parts.opensearch.client();
    let scene = Scene {
        s3: &s3,
        parts,
        loader: loader::Parts {
            sqs: &parts.sqs,
            opensearch: &client,
            s3_url: s3.url(),
            binary: &parts.writer,
            index: &target.index,
        },
    };
    log("OpenSearch is unavailable: everything goes into the backup.");
    let outage =
        Target { url: unavailable_url()?, retry_duration: RETRY_DURATION, ..target.clone() };
    let outage = through_firehose(source, None, parts, &outage).await?;
    let folder = &target.backup_folder;
    put_backup(&s3, folder).map_err(|error| backup::unreadable(folder, &error))?;
    log("OpenSearch is back: loading the backup.");
    let mut loads = Vec::new();
    for (folder, may_hold_several) in FOLDERS {
        if scene.keys(BACKUP, folder).next().is_some() {
            loads.push(scene.backup(folder, may_hold_several, target).await?);
        }
    }
    log("Loading objects of every format.");
    loads.push(scene.objects().await?);
    Ok(Report { outage, loads })
}

#[derive(Clone, Copy)]
struct Scene<'a> {
    s3: &'a s3::Embedded,
    parts: &'a Parts,
    loader: loader::Parts<'a>,
}

impl Scene<'_> {
    /// Loads the objects of a folder of the backup, then replays them again.
    async fn backup(
        &self,
        folder: &str,
        may_hold_several: bool,
        target: &Target,
    ) -> Result<Stage, CliError> {
        let path = target.backup_folder.join(folder);
        let records = backup::count(&path).map_err(|error| backup::unreadable(&path, &error))?;
        let source = format!("s3://{BACKUP}/{folder}");
        let before = self.documents().await?;
        let ask = async |queue: &str| {
            let sent = replay(self.loader, &source, &["--to", "loader", "--queue", queue]).await?;
            let objects = self.keys(BACKUP, folder).count() as u64;
            if sent.sent == objects { Ok(()) } else { Err(not_asked(&source, &sent, objects)) }
        };
        let loaded = load(self.loader, ("auto", VISIBILITY_SECONDS), ask).await?;
        let known = Known {
            records,
            may_hold_several,
            documents: self.documents().await?.saturating_sub(before),
            refused: self.refused(BACKUP, folder)?,
            again: Some(replay(self.loader, &source, &[]).await?),
            unknown: 0,
        };
        let names = [format!("{source} -> cargo sluice replay"), self.destination()];
        Ok(Stage::new(names, &loaded, known))
    }

    /// Loads the objects of the sample.
    async fn objects(&self) -> Result<Stage, CliError> {
        let before = self.documents().await?;
        let objects = sample::objects().map_err(CliError::failed)?;
        let now_ms = time::now().milliseconds().try_into().unwrap_or(i64::MAX);
        let (mut loaded, mut known) = (Loaded::default(), Known::default());
        for Object { key, body, form, records, content } in &objects {
            self.s3.put(OBJECTS, key, body.clone(), now_ms);
            let times = if *key == NOTIFIED_TWICE { 2 } else { 1 };
            *known.records.entry((*form).to_owned()).or_default() += records * times;
            known.unknown += u64::from(*content == Content::Unknown);
        }
        known.records.retain(|_, records| *records > 0);
        for (content, settings) in [
            (Content::Json, ("auto", VISIBILITY_SECONDS)),
            (Content::Text, ("text", VISIBILITY_SECONDS)),
            (Content::Unknown, ("auto", SHORT_VISIBILITY_SECONDS)),
        ] {
            let keys = objects.iter().filter(|object| object.content == content);
            let notify =
                async |queue: &str| self.notify(queue, keys.map(|object| object.key)).await;
            loaded.add(load(self.loader, settings, notify).await?);
        }
        known.documents = self.documents().await?.saturating_sub(before);
        known.refused = self.refused(OBJECTS, "")?;
        let names = [format!("s3://{OBJECTS}/ -> notifications"), self.destination()];
        Ok(Stage::new(names, &loaded, known))
    }

    /// Sends the notifications of new objects.
    async fn notify(
        &self,
        queue: &str,
        keys: impl Iterator<Item = &'static str>,
    ) -> Result<(), CliError> {
        for key in keys {
            self.send(queue, &created(key)).await?;
            if key == NOTIFIED_TWICE {
                self.send(queue, &notification(key)).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, queue: &str, body: &Value) -> Result<(), CliError> {
        let members = json!({"QueueUrl": queue, "MessageBody": body.to_string()});
        let sent = self.parts.sqs.client().call("SendMessage", &members).await;
        sent.map(drop).map_err(|error| {
            CliError::failed(format_args!("failed to send a notification: {error}"))
        })
    }

    fn destination(&self) -> String {
        self.parts.opensearch.description()
    }

    async fn documents(&self) -> Result<u64, CliError> {
        Ok(super::search(&self.parts.opensearch, self.loader.index).await?.documents)
    }

    fn keys(&self, bucket: &str, folder: &str) -> impl Iterator<Item = String> {
        let keys = self.s3.objects(bucket).into_keys();
        keys.filter(move |key| key.starts_with(folder))
    }

    /// Counts the refused records of the objects of a folder by reason.
    fn refused(&self, bucket: &str, folder: &str) -> Result<Reasons, CliError> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(rename = "errorCode")]
            error_code: String,
            source: Value,
        }
        let mut reasons = Reasons::new();
        for (key, body) in self.s3.objects(BACKUP) {
            if !key.starts_with(REFUSED_FOLDER) {
                continue;
            }
            for line in serde_json::Deserializer::from_slice(&body).into_iter() {
                let Line { error_code, source } = line.map_err(CliError::failed)?;
                let key = source["key"].as_str().unwrap_or_default();
                if source["bucket"] == bucket && key.starts_with(folder) {
                    *reasons.entry(error_code).or_default() += 1;
                }
            }
        }
        Ok(reasons)
    }
}

/// The event of a new object, from EventBridge.
fn created(key: &str) -> Value {
    json!({
        "source": "aws.s3", "detail-type": "Object Created",
        "detail": {"bucket": {"name": OBJECTS}, "object": {"key": key}},
    })
}

/// The notification of a new object from S3 itself, through SNS.
fn notification(key: &str) -> Value {
    let record = json!({
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": OBJECTS}, "object": {"key": key}},
    });
    json!({"Type": "Notification", "Message": json!({"Records": [record]}).to_string()})
}

fn not_asked(source: &str, replayed: &Replayed, objects: u64) -> CliError {
    let sent = replayed.sent;
    CliError::failed(format_args!("{source}: {sent} load requests for {objects} objects"))
}

/// Puts the files of the backup into the bucket.
fn put_backup(s3: &s3::Embedded, folder: &Path) -> io::Result<()> {
    let now_ms = time::now().milliseconds().try_into().unwrap_or(i64::MAX);
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(key) = path.strip_prefix(folder).ok().and_then(Path::to_str) {
                s3.put(BACKUP, key, fs::read(&path)?, now_ms);
            }
        }
    }
    Ok(())
}
