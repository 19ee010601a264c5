//! Objects in S3, and the functions that load them into OpenSearch.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use local::s3;
use local::sample::{Size, events_of};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::Error;
use crate::bulk_api::{BulkApi, Keeps};
use crate::check::{self, Found};
use crate::functions::Function;
use crate::measure::{Cost, Turns, costs_in_turns};
use crate::numbers::grouped;
use crate::pinned::Cores;
use crate::request::{ARRIVAL_MS, Request, message};

/// Size of an object that is measured, before compression.
pub(crate) const OBJECT_BYTES: usize = 200_000_000;
/// Size of an object whose documents are compared.
const CHECKED_BYTES: usize = 5_000_000;

/// The bucket of objects that are loaded.
pub(crate) const BUCKET: &str = "plays";
/// The bucket of refused records.
pub(crate) const BACKUP_BUCKET: &str = "backup";

/// An S3 in this process.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) s3: s3::Embedded,
    // After the server, which runs on it.
    _runtime: Runtime,
}

impl Objects {
    /// Starts an S3 without objects, on the harness's core.
    pub(crate) fn start() -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let s3 = runtime.block_on(s3::Embedded::start())?;
        Ok(Self { s3, _runtime: runtime })
    }

    /// The function, reading from this S3.
    pub(crate) fn read_by(&self, function: &Function) -> Function {
        [
            ("AWS_ENDPOINT_URL_S3", self.s3.url()),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "bench"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
            ("FAILURES_BUCKET", BACKUP_BUCKET),
            ("CONTINUE_QUEUE_URL", "http://127.0.0.1:9/123456789012/objects"),
        ]
        .into_iter()
        .fold(function.clone(), |function, (name, value)| function.with(name, value))
    }

    /// Puts an object, plain and compressed, of as many of the sample's events as fit into
    /// `max_bytes`; returns the messages for both.
    pub(crate) fn put(&self, max_bytes: usize, seed: u64) -> Result<[Request; 2], Error> {
        let mut records = 0;
        let mut plain = Vec::with_capacity(max_bytes);
        // Every event has at least 200 bytes.
        for event in events_of(Size::Small, seed, max_bytes / 200) {
            if plain.len() + event.len() >= max_bytes {
                break;
            }
            plain.extend_from_slice(&event);
            plain.push(b'\n');
            records += 1;
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&plain)?;
        let (whole, packed) = (plain.len() / 1_000_000, gzip.finish()?);
        let about = format!("An object of {} records, {whole} MB", grouped(records as u64));
        let in_gzip = format!("{about}, in {} MB of gzip", packed.len() / 1_000_000);
        let [plain_key, packed_key] = [".json", ".json.gz"].map(|end| format!("{max_bytes}{end}"));
        self.s3.put(BUCKET, &plain_key, plain, ARRIVAL_MS);
        self.s3.put(BUCKET, &packed_key, packed, ARRIVAL_MS);
        Ok([
            message(about, records, &notification(&plain_key)),
            message(in_gzip, records, &notification(&packed_key)),
        ])
    }

    /// Compares the documents that the functions write for the same objects.
    pub(crate) fn check(
        &self,
        functions: &[Function],
        seed: u64,
        cores: Cores,
    ) -> Result<Found, Error> {
        let functions: Vec<_> = functions.iter().map(|it| self.read_by(it)).collect();
        check::consumers(&functions, "naive-loader", &self.put(CHECKED_BYTES, seed)?, cores)
    }

    /// The cost of loading an object for every function, `rounds` times.
    pub(crate) fn costs(
        &self,
        functions: &[Function],
        request: &Request,
        cores: Cores,
        rounds: usize,
    ) -> Result<Vec<Cost>, Error> {
        let opensearch = BulkApi::start(Keeps::Nothing)?;
        let functions: Vec<_> =
            functions.iter().map(|it| opensearch.written_by(&self.read_by(it))).collect();
        // An object is large enough to include the warm-up.
        let turns = Turns { warm_ups: 0, rounds, per_turn: 1 };
        let costs = costs_in_turns(&functions, request, cores, turns)?;
        let (created, expected) = (opensearch.books().created, functions.len() * rounds);
        if created != (expected * request.records) as u64 {
            return Err(format!("{created} documents of {expected} objects").into());
        }
        Ok(costs)
    }
}

/// A notification as in the Amazon S3 User Guide, "Event message structure".
pub(crate) fn notification(key: &str) -> String {
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2024-03-08T12:35:00.123Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "objects",
            "bucket": {
                "name": BUCKET,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": format!("arn:aws:s3:::{BUCKET}"),
            },
            "object": {"key": key, "size": 1, "eTag": "d41d8cd98f00b204e9800998ecf8427e"},
        },
    }]})
    .to_string()
}
