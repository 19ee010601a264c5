//! Sends events through a Firehose delivery stream and the real function.

use std::path::Path;
use std::time::{Duration, Instant};

use local::firehose::{DeliveryStream, DeliveryStreamOptions, Endpoint, Report, Rotation};
use local::runtime_api::{Function, FunctionOptions, LogLine};
use serde::Serialize;

use super::events::{Events, Line};
use super::{FUNCTION, Target};
use crate::console::log;
use crate::error::CliError;
use crate::progress::Progress;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// The result of the run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) sent: Sent,
    pub(super) stream: Report,
    /// Time from the first event until all events are delivered or backed up.
    pub(super) elapsed: Duration,
    pub(super) logs: Vec<LogLine>,
}

/// Number of events read, by outcome.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Sent {
    #[serde(rename = "sent")]
    pub(super) events: u64,
    pub(super) blank_lines: u64,
    /// Events larger than a record of Firehose may be.
    pub(super) too_large: u64,
}

/// Sends the events through a new delivery stream and the function with these variables.
pub(super) async fn run(
    events: Events,
    binary: &Path,
    variables: impl Iterator<Item = (String, String)>,
    target: &Target,
) -> Result<Run, CliError> {
    let endpoint = Endpoint::bind().await.map_err(CliError::failed)?;
    // The function puts back records that do not fit into its answer.
    let put_back = ("AWS_ENDPOINT_URL_FIREHOSE".to_owned(), endpoint.url());
    let function = Function::start(FunctionOptions {
        environment: variables.chain([put_back]).collect(),
        ..FunctionOptions::new(FUNCTION, binary)
    })
    .await
    .map_err(CliError::failed)?;
    let options = DeliveryStreamOptions {
        // One index for this run, so that it can be deleted.
        rotation: Rotation::None,
        retry_duration: target.retry_duration,
        ..DeliveryStreamOptions::new("music-events", &target.index, &target.backup_folder)
    };
    let stream = DeliveryStream::start(options, endpoint, function.clone(), &target.url)
        .await
        .map_err(CliError::failed)?;
    let started = Instant::now();
    let result = send_and_flush(&stream, events).await;
    let elapsed = started.elapsed();
    stream.stop().await;
    function.stop().await;
    let (sent, report) = result?;
    Ok(Run { sent, stream: report, elapsed, logs: function.logs() })
}

async fn send_and_flush(
    stream: &DeliveryStream,
    events: Events,
) -> Result<(Sent, Report), CliError> {
    log("Sending the events through Firehose and the function into OpenSearch.");
    let mut progress = Progress::new("events");
    let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
    let work = async {
        let sent = send(stream, events).await?;
        let report = stream.flush().await.map_err(CliError::failed)?;
        Ok((sent, report))
    };
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            _ = tick.tick() => {
                let report = stream.report();
                progress.advance(report.put.saturating_sub(report.in_flight), report.put);
            }
        }
    }
}

async fn send(stream: &DeliveryStream, mut events: Events) -> Result<Sent, CliError> {
    let mut sent = Sent::default();
    while let Some(line) = events.next()? {
        match line {
            Line::Event(payload) => {
                stream.put_record(payload).await.map_err(CliError::failed)?;
                sent.events += 1;
            }
            Line::Blank => sent.blank_lines += 1,
            Line::TooLarge => sent.too_large += 1,
        }
    }
    Ok(sent)
}
