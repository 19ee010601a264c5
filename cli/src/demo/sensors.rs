//! `sluice demo --sensors`: readings of machines go through a stream that is resharded, an outage
//! of the store, a kill of the function and the loss of a checkpoint; then the store's windows are
//! compared with the producer's records.

mod page;
mod quarantine;
mod report;
mod scenario;

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use local::door::Door;
use local::kinesis::{self, EventSourceMapping, EventSourceMappingOptions, SharedStream};
use local::runtime_api::{Function, FunctionOptions, LogLine};
use local::sample::{Readings, windows};
use local::sqs;
use local::timeseries::{Choice, Dialect, Kept, Kind, TimeSeries, panels};
use shared::time;

use crate::compile::compile;
use crate::console::{log, print_report};
use crate::demo::card::write_page;
use crate::error::CliError;
use crate::interrupt::{interrupted, or_interrupted};
use crate::progress::Spinner;
use quarantine::Quarantine;
use report::{Compared, Report};
use scenario::{Faults, Scenario};

const FUNCTION: &str = "sensor-points";

/// The dashboard, in the repository.
const DASHBOARD: &str = "dashboards/sensors.json";

const SEED: u64 = 20_240_303;
const SHARDS: u32 = 2;

/// Maximum number of records of an invocation, and of concurrent invocations of a shard: those of
/// the template, or more.
const BATCH_SIZE: usize = 1_000;
const PARALLELIZATION_FACTOR: usize = 2;

/// Maximum number of environments: the two initial shards, one of which is split, are at most three
/// at a time.
const CONCURRENCY: usize = 6;

/// Maximum time that the records take after the last reading.
const DRAIN: Duration = Duration::from_mins(1);

/// Runs the demo, prints its report, and writes the panels to `file`.
///
/// # Errors
/// [`CliError`] if a part fails to start, or a window of the store is not that of the producer.
pub(super) async fn run(
    store: Choice,
    seconds: u32,
    keep: bool,
    file: Option<&Path>,
    json: bool,
) -> Result<(), CliError> {
    let (store, binary) = or_interrupted(async {
        let spinner = Spinner::new();
        let store = async {
            let store = TimeSeries::start(store, |line| spinner.log(line)).await;
            store.map_err(CliError::failed)
        };
        let ([binary], store) = tokio::try_join!(compile([FUNCTION], &spinner), store)?;
        Ok((store, binary))
    })
    .await?;
    let database = format!("sluice_demo_{}", time::now().milliseconds() / 1_000);
    let result = or_interrupted(observe(&store, &database, seconds, &binary)).await;
    match result {
        Ok((report, page)) => {
            log("");
            let printed = print_report(&report, json);
            let written = write_page(file, &page);
            if keep {
                leave(store, &database).await?;
            } else {
                clean_up(store, &database).await;
            }
            printed.and(written)?;
            report.check()
        }
        Err(error) => {
            clean_up(store, &database).await;
            Err(error)
        }
    }
}

/// Returns the report and the page.
async fn observe(
    store: &TimeSeries,
    database: &str,
    seconds: u32,
    binary: &Path,
) -> Result<(Report, String), CliError> {
    let client = store.client();
    let asked = |error: &dyn Display| {
        CliError::failed(format_args!("failed to ask the store at {}: {error}", store.url()))
    };
    client.create(database).await.map_err(|error| asked(&error))?;
    let write_url = client.write_url(database).await.map_err(|error| asked(&error))?;
    let port = |error| CliError::failed(format_args!("failed to find a free port: {error}"));
    let (mut door, mut held) = Door::with_passages(store.url(), []).map_err(port)?;
    door.open().map_err(port)?;
    let sqs = sqs::Embedded::start().await.map_err(port)?;
    let quarantine = Quarantine::create(sqs.url()).await?;
    let function = Function::start(FunctionOptions {
        environment: [
            ("TSDB_WRITE_URL", write_url.replace(store.url(), &door.url())),
            ("TSDB_AUTH", "none".to_owned()),
            ("QUARANTINE_QUEUE_URL", quarantine.url.clone()),
            ("AWS_ENDPOINT_URL_SQS", sqs.url().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        concurrency: CONCURRENCY,
        ..FunctionOptions::new(FUNCTION, binary)
    });
    let function = function.await.map_err(CliError::failed)?;
    let stream = SharedStream::new("sensors", SHARDS);
    let options = EventSourceMappingOptions {
        batch_size: BATCH_SIZE,
        parallelization_factor: PARALLELIZATION_FACTOR,
        bisect_batch_on_function_error: true,
        ..EventSourceMappingOptions::default()
    };
    let mapping = EventSourceMapping::start(options, stream.clone(), function.clone(), None);

    let start_ms = time::now().milliseconds() + 100;
    let readings = Readings::new(SEED, start_ms, u64::from(seconds) * 1_000);
    log(format_args!(
        "Sending {seconds} s of readings through {FUNCTION} into {}.",
        store.description()
    ));
    let scenario = Scenario {
        stream: &stream,
        mapping: &mapping,
        function: &function,
        door: &mut door,
        held: &mut held,
        length: Duration::from_secs(seconds.into()),
    };
    let (sent, faults_ms) = tokio::join!(scenario::send(&readings, &stream), scenario.run());
    let faults_ms = faults_ms?;
    let settled = tokio::time::timeout(DRAIN, mapping.until_up_to_date()).await;
    let mapping = mapping.stop().await;
    function.stop().await;
    if settled.is_err() {
        let left = mapping.in_hand;
        let reason = mapping.last_error.as_deref().unwrap_or("no invocation failed");
        return Err(CliError::failed(format_args!(
            "{left} records are not settled after {} s: {reason}",
            DRAIN.as_secs()
        )));
    }

    client.flush().await.map_err(|error| asked(&error))?;
    // Until after the last reading.
    let until_ms = start_ms + u64::from(seconds) * 1_000;
    let (mut compared, mut shown) = (Vec::new(), Vec::new());
    for panel in panels() {
        let found = panel.ask(&client, database, (start_ms, until_ms)).await;
        let found = found.map_err(|error| asked(&error))?;
        let expected = windows(&readings.well_meant, &panel);
        compared.push(Compared::new(panel.title.clone(), &expected, &found));
        shown.push((panel, found));
    }
    let page = page::page(&store.description(), &(start_ms..until_ms), &shown);
    let observed = Observed { readings, sent, faults_ms, mapping, logs: function.logs() };
    let reasons = quarantine.reasons().await?;
    Ok((Report::new(store.description(), observed, reasons, compared), page))
}

/// The results between the producer and the store.
#[derive(Debug)]
struct Observed {
    readings: Readings,
    /// Number of records that were put.
    sent: u64,
    faults_ms: Faults,
    mapping: kinesis::Report,
    logs: Vec<LogLine>,
}

/// Leaves the store running, and prints how to show it. The embedded one is part of this process,
/// which waits for Ctrl-C.
async fn leave(store: TimeSeries, database: &str) -> Result<(), CliError> {
    let speaks_influxql = store.client().dialect().await == Ok(Dialect::InfluxQl);
    let show = |url: &str| {
        log(format_args!("\nThe store is at {url}."));
        if speaks_influxql {
            log(format_args!(
                "To show it in Grafana, add a data source InfluxDB with the query language InfluxQL, the \
                 URL {url} and the database {database}, and import {DASHBOARD}. To refresh it every \
                 second, Grafana needs min_refresh_interval = 1s."
            ));
        } else {
            log(
                "To show it in Grafana, add a data source Prometheus with this URL. The dashboard needs \
                 a store that speaks InfluxQL.",
            );
        }
    };
    match store.keep().await.map_err(CliError::failed)? {
        Kept::Detached { url, stop } => {
            show(&url);
            log(format_args!("To stop it and remove its data:\n  {stop}"));
        }
        Kept::Elsewhere { url } => {
            show(&url);
            if speaks_influxql {
                log(format_args!(
                    "To remove the points:\n  curl -s '{url}/query' --data-urlencode 'q=DROP DATABASE \
                     {database}'"
                ));
            }
        }
        Kept::InProcess(store) => {
            show(store.url());
            log("It is running until you press Ctrl-C.");
            interrupted().await;
            store.stop().await;
        }
    }
    Ok(())
}

/// Stops the store if it was started for this run, otherwise removes the run's points.
async fn clean_up(store: TimeSeries, database: &str) {
    if store.kind() == Kind::Url
        && let Err(error) = store.client().drop(database).await
    {
        log(format_args!("Failed to remove {database} at {}: {error}", store.url()));
    }
    store.stop().await;
}
