//! Everything that runs: servers behind gates, queues, a delivery stream and a data stream, and the
//! functions between them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use local::firehose::{DeliveryStream, DeliveryStreamOptions, Endpoint, Rotation};
use local::gate::Gate;
use local::kinesis::{self, SharedStream};
use local::monitoring::Monitoring;
use local::opensearch::{self, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, OpenSearch};
use local::service::Choice;
use local::sqs::{Client, EventSourceMapping, EventSourceMappingOptions, Sqs};
use local::timeseries::TimeSeries;
use local::{binaries, s3};
use serde_json::json;
use tempfile::TempDir;

use crate::crew::{Crew, Options};
use crate::plan::{Target, unit};
use crate::{Failure, log, watchers};

/// The functions that process messages, with the maximum number of their processes, of each set.
pub(crate) const WORKERS: [(&str, usize); 5] = [
    (TRANSFORM, 2),
    (CONSUMER, 2),
    (LOADER, 2),
    (REDRIVE, 1),
    // Two shards, which are split and merged, with two invocations each.
    (SENSORS, 6),
];
const TRANSFORM: &str = "firehose-transform";
const CONSUMER: &str = "sqs-consumer";
const LOADER: &str = "object-loader";
const REDRIVE: &str = "dlq-redrive";
const SENSORS: &str = "sensor-points";

/// The database of the points.
pub(crate) const DATABASE: &str = "sluice_soak";
/// The indices of the pipelines.
pub(crate) const INDICES: &str = "music-events-soak-*";

/// The buckets: of producers, of Firehose's backup, and of the records that object-loader refuses.
pub(crate) const OBJECTS: &str = "objects";
pub(crate) const BACKUP: &str = "backup";
pub(crate) const FAILURES: &str = "failures";

const MAX_RECEIVE_COUNT: u32 = 3;

/// Which servers to use.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    pub(crate) opensearch: Choice,
    pub(crate) sqs: Choice,
    pub(crate) store: Choice,
}

/// The URLs of the queues.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(crate) client: Client,
    pub(crate) main: String,
    pub(crate) main_dead: String,
    pub(crate) objects: String,
    pub(crate) objects_dead: String,
    pub(crate) quarantine: String,
    pub(crate) parking: String,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) opensearch: OpenSearch,
    pub(crate) sqs: Sqs,
    pub(crate) store: TimeSeries,
    pub(crate) s3: s3::Embedded,
    _monitoring: Monitoring,
    pub(crate) gates: BTreeMap<Target, Gate>,
    pub(crate) queues: Queues,
    /// The workers, in the order of [`WORKERS`], followed by the functions that watch.
    pub(crate) crews: Vec<Crew>,
    pub(crate) delivery: DeliveryStream,
    pub(crate) backup: TempDir,
    pub(crate) readings: SharedStream,
    pub(crate) readings_mapping: kinesis::EventSourceMapping,
    /// Of the messages and of the objects.
    _mappings: [EventSourceMapping; 2],
}

impl World {
    /// Starts everything, for a run of this length.
    pub(crate) async fn start(
        servers: Servers,
        seed: u64,
        length: Duration,
    ) -> Result<Self, Failure> {
        let names: Vec<_> =
            WORKERS.iter().map(|(name, _)| *name).chain(watchers::names()).collect();
        let mut builds = false;
        let binaries = binaries::build(&names, |_| {
            if !std::mem::replace(&mut builds, true) {
                log("Building the functions. The first build takes minutes.");
            }
        });
        let (binaries, opensearch, sqs, store) = tokio::join!(
            binaries,
            OpenSearch::start(servers.opensearch, |line| log(line)),
            Sqs::start(servers.sqs, |line| log(line)),
            TimeSeries::start(servers.store, |line| log(line)),
        );
        let (binaries, opensearch, sqs, store) = (binaries?, opensearch?, sqs?, store?);
        opensearch.client().put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await?;
        store.client().create(DATABASE).await?;
        let (s3, monitoring) = (s3::Embedded::start().await?, Monitoring::start().await?);
        let mut gates = BTreeMap::new();
        let urls = [opensearch.url(), sqs.url(), s3.url(), store.url(), monitoring.url()];
        for (target, url) in Target::ALL.into_iter().zip(urls) {
            gates.insert(target, Gate::before(url, seed ^ target as u64).await?);
        }
        let times = Times::new(length);
        let queues = Queues::create(sqs.client(), times.visibility).await?;

        let endpoint = Endpoint::bind().await?;
        let write_url = store.client().write_url(DATABASE).await?;
        let write_url = write_url.replace(store.url(), gates[&Target::Store].url());
        let documents = opensearch::Client::new(gates[&Target::OpenSearch].url())?.variables();
        let environments = environments(&gates, &queues, &endpoint.url(), &write_url, documents);
        let mut crews = Vec::new();
        let mut start =
            async |name: &'static str, concurrency, binary: &PathBuf, environment: Environment| {
                let margin = ("DEADLINE_MARGIN_MS".to_owned(), times.margin_ms.to_string());
                let environment = std::iter::once(margin).chain(environment).collect();
                let (timeout, seed) = (times.timeout, seed.wrapping_add(crews.len() as u64));
                let options = Options { name, binary, environment, timeout, concurrency, seed };
                crews.push(Crew::start(options).await?);
                Ok::<_, Failure>(())
            };
        let workers = WORKERS.into_iter().zip(environments).zip(&binaries);
        for (((name, concurrency), environment), binary) in workers {
            start(name, concurrency, binary, environment).await?;
        }
        let watchers = watchers::environments(&monitoring, gates[&Target::Monitoring].url());
        for ((name, environment), binary) in watchers.into_iter().zip(&binaries[WORKERS.len()..]) {
            start(name, 1, binary, environment).await?;
        }
        let [transform, consumer, loader, _, sensors] = std::array::from_fn(|at| crews[at].clone());

        let backup = tempfile::tempdir()?;
        let url = gates[&Target::OpenSearch].url();
        let options = times.delivery(&backup);
        let delivery = DeliveryStream::start(options, endpoint, transform, url).await?;
        let mapping =
            async |queue: &str, batch_size: usize, batching_window: Duration, function: Crew| {
                let options = EventSourceMappingOptions {
                    batch_size,
                    batching_window,
                    maximum_concurrency: 2,
                    ..EventSourceMappingOptions::new(queue)
                };
                EventSourceMapping::start(options, sqs.client(), function).await
            };
        let mappings = [
            mapping(&queues.main, 100, Duration::from_secs(1), consumer).await?,
            mapping(&queues.objects, 1, Duration::ZERO, loader).await?,
        ];
        let readings = SharedStream::new("sensors", 2);
        let options = times.reading();
        let readings_mapping =
            kinesis::EventSourceMapping::start(options, readings.clone(), sensors, None);
        Ok(Self {
            opensearch,
            sqs,
            store,
            s3,
            _monitoring: monitoring,
            gates,
            queues,
            crews,
            delivery,
            backup,
            readings,
            readings_mapping,
            _mappings: mappings,
        })
    }

    /// `dlq-redrive`.
    pub(crate) fn redrive(&self) -> &Crew {
        &self.crews[3]
    }

    /// The functions that watch.
    pub(crate) fn watchers(&self) -> &[Crew] {
        &self.crews[WORKERS.len()..]
    }

    pub(crate) async fn stop(self) {
        for crew in &self.crews {
            crew.stop().await;
        }
        tokio::join!(self.opensearch.stop(), self.sqs.stop(), self.store.stop());
    }
}

/// The times of a run.
#[derive(Clone, Copy, Debug)]
struct Times {
    unit: Duration,
    /// The timeout of a function.
    timeout: Duration,
    margin_ms: u32,
    /// The visibility timeout of a message: longer than an invocation with all that waits before
    /// it.
    visibility: Duration,
}

impl Times {
    fn new(length: Duration) -> Self {
        let seconds = Duration::from_secs;
        let unit = unit(length);
        if length < Duration::from_mins(1) {
            return Self { unit, timeout: seconds(3), margin_ms: 500, visibility: seconds(1) };
        }
        Self { unit, timeout: seconds(15), margin_ms: 2_000, visibility: seconds(20) }
    }

    /// Small batches, so that there are many, and retries that end within an outage.
    fn delivery(self, backup: &TempDir) -> DeliveryStreamOptions {
        DeliveryStreamOptions {
            processor_buffer_bytes: 64 << 10,
            processor_buffer_interval: self.unit / 20,
            concurrent_invocations: 2,
            destination_buffer_bytes: 256 << 10,
            destination_buffer_interval: self.unit / 10,
            retry_duration: self.unit / 2,
            longest_pause: self.unit / 10,
            rotation: Rotation::None,
            ..DeliveryStreamOptions::new("soak", "music-events-soak-firehose", backup.path())
        }
    }

    fn reading(self) -> kinesis::EventSourceMappingOptions {
        kinesis::EventSourceMappingOptions {
            batch_size: 1_000,
            parallelization_factor: 2,
            bisect_batch_on_function_error: true,
            poll_interval: self.unit / 40,
            ..kinesis::EventSourceMappingOptions::default()
        }
    }
}

impl Queues {
    async fn create(client: Client, visibility: Duration) -> Result<Self, Failure> {
        let visibility = visibility.as_secs().to_string();
        let plain = async |name: &str| {
            client.create_queue(name, &[("VisibilityTimeout", &*visibility)]).await
        };
        let with_dead_letters = async |name: &str, dead: &str| {
            let dead = client.queue_attribute(dead, "QueueArn").await?;
            let policy = json!({"deadLetterTargetArn": dead, "maxReceiveCount": MAX_RECEIVE_COUNT});
            let policy = policy.to_string();
            let attributes = [("RedrivePolicy", &*policy), ("VisibilityTimeout", &visibility)];
            client.create_queue(name, &attributes).await
        };
        let main_dead = plain("soak-dead").await?;
        let objects_dead = plain("soak-objects-dead").await?;
        Ok(Self {
            main: with_dead_letters("soak", &main_dead).await?,
            objects: with_dead_letters("soak-objects", &objects_dead).await?,
            quarantine: plain("soak-quarantine").await?,
            parking: plain("soak-parking").await?,
            main_dead,
            objects_dead,
            client,
        })
    }
}

type Environment = Vec<(String, String)>;

/// The variables of the workers.
fn environments(
    gates: &BTreeMap<Target, Gate>,
    queues: &Queues,
    delivery: &str,
    write_url: &str,
    documents: Environment,
) -> [Environment; 5] {
    let sqs = ("AWS_ENDPOINT_URL_SQS", gates[&Target::Sqs].url());
    let retries = [("RETRY_BASE_SECONDS", "1"), ("RETRY_MAX_SECONDS", "2")];
    let quarantine = ("QUARANTINE_QUEUE_URL", &*queues.quarantine);
    let consumer = [("INDEX", "music-events-soak-queue"), quarantine, sqs, retries[0], retries[1]];
    let loader = [
        ("INDEX", "music-events-soak-objects"),
        ("FAILURES_BUCKET", FAILURES),
        ("CONTINUE_QUEUE_URL", &queues.objects),
        ("AWS_ENDPOINT_URL_S3", gates[&Target::S3].url()),
        sqs,
        retries[0],
        retries[1],
    ];
    let redrive = [("DLQ_URL", &*queues.main_dead), ("PARKING_QUEUE_URL", &queues.parking), sqs];
    let sensors = [("TSDB_WRITE_URL", write_url), ("TSDB_AUTH", "none"), quarantine, sqs];
    let own = |pairs: &[(&str, &str)]| -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    [
        own(&[("AWS_ENDPOINT_URL_FIREHOSE", delivery)]),
        [own(&consumer), documents.clone()].concat(),
        [own(&loader), documents].concat(),
        own(&redrive),
        own(&sensors),
    ]
}
