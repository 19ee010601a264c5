//! The Firehose half: events through the delivery stream and the real function.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use local::firehose::{DeliveryStream, DeliveryStreamOptions, Endpoint, Report, Rotation};
use local::runtime_api::{Function, FunctionOptions, LogLine};

use super::events::{Events, Line};
use super::{FUNCTION, Place};
use crate::console::say;
use crate::failure::Failure;
use crate::progress::Progress;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How long OpenSearch may refuse a document before it goes to the backup: a demo is watched, so
/// shorter than the service's 300 s.
const RETRY_DURATION: Duration = Duration::from_mins(1);

/// What came out of the run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) fed: Fed,
    pub(super) stream: Report,
    /// From the first event until every one had its fate.
    pub(super) elapsed: Duration,
    pub(super) logs: Vec<LogLine>,
}

/// What was read, and what of it went into the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fed {
    pub(super) sent: u64,
    pub(super) blank_lines: u64,
    /// Larger than Firehose takes.
    pub(super) too_large: u64,
}

/// Takes the events through a delivery stream of their own.
pub(super) async fn run(events: Events, binary: &Path, place: &Place) -> Result<Run, Failure> {
    let endpoint = Endpoint::bind().await.map_err(Failure::failed)?;
    let function = Function::start(FunctionOptions {
        environment: vec![
            // Records that do not fit into an answer go back to where they came from.
            ("AWS_ENDPOINT_URL_FIREHOSE".to_owned(), endpoint.url()),
        ],
        ..FunctionOptions::new(FUNCTION, binary)
    })
    .await
    .map_err(Failure::failed)?;
    let options = DeliveryStreamOptions {
        // One index of this run alone, so that it can be deleted by its name.
        rotation: Rotation::None,
        retry_duration: RETRY_DURATION,
        ..DeliveryStreamOptions::new("music-events", &place.index, &place.backup_folder)
    };
    let stream = DeliveryStream::start(options, endpoint, function.clone(), &place.url)
        .await
        .map_err(Failure::failed)?;
    let started = Instant::now();
    let result = feed_and_flush(&stream, events).await;
    let elapsed = started.elapsed();
    stream.stop().await;
    function.stop().await;
    let (fed, report) = result?;
    Ok(Run { fed, stream: report, elapsed, logs: function.logs() })
}

async fn feed_and_flush(stream: &DeliveryStream, events: Events) -> Result<(Fed, Report), Failure> {
    say("Sending the events through Firehose and the function into OpenSearch.");
    let mut progress = Progress::new("events");
    let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
    let work = async {
        let fed = feed(stream, events).await?;
        let report = stream.flush().await.map_err(Failure::failed)?;
        Ok((fed, report))
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

async fn feed(stream: &DeliveryStream, mut events: Events) -> Result<Fed, Failure> {
    let unreadable = |error: io::Error| {
        Failure::failed(format!("the file of events cannot be read any further: {error}"))
    };
    let mut fed = Fed::default();
    while let Some(line) = events.next().map_err(unreadable)? {
        match line {
            Line::Event(payload) => {
                stream.put_record(payload).await.map_err(Failure::failed)?;
                fed.sent += 1;
            }
            Line::Blank => fed.blank_lines += 1,
            Line::TooLarge => fed.too_large += 1,
        }
    }
    Ok(fed)
}
