#![doc = include_str!("../README.md")]

mod bigquery;
mod config;
mod error;
mod findings;
mod notices;
mod redshift;
mod told;
mod window;

use std::io::{self, Write};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::join;
use jiff::Timestamp;
use shared::cloudwatch::CloudWatch;
use shared::google::BigQuery;
use shared::notice::Notice;
use shared::redshift::Redshift;
use shared::runtime::{Function, Invocation};
use shared::schedule::{calls_until, scheduled_time};
use tokio::time::Instant;

pub use config::{Config, VARIABLES};
pub use error::HandlerError;

use findings::{Findings, Tally};
use told::Told;
use window::Window;

/// Time before the deadline margin in which no source is waited for, for cancelling statements and
/// publishing.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    redshift: Option<Source<redshift::Watch>>,
    bigquery: Option<Source<bigquery::Watch>>,
    told: Told,
    out: W,
}

/// A source that is watched, and the start of its next window.
#[derive(Debug)]
struct Source<T> {
    watch: T,
    /// The start of the next window: the end of the last completed window or, until there is one,
    /// the start of the first. `None` in a new process.
    begin: Option<Timestamp>,
}

/// One run.
#[derive(Clone, Copy)]
struct Run {
    now: Timestamp,
    /// The clock at the start: a schedule's `now` may be ahead of it.
    clock: Timestamp,
    poll_seconds: i64,
    /// When sources are no longer waited for.
    poll_until: Instant,
    /// Nothing is published after this.
    until: Instant,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Reads the sources, emits their metrics, and publishes what happened in the window.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let run = self.run(&invocation);
        let redshift = async {
            let (watch, window) = self.redshift.as_mut()?.start(run);
            Some(watch.poll(window, run.poll_until, &self.told).await)
        };
        let bigquery = async {
            let (watch, window) = self.bigquery.as_mut()?.start(run);
            Some(watch.poll(window, run.poll_until).await)
        };
        let (redshift, bigquery) = join!(redshift, bigquery);
        let (mut redshift, seen) = redshift.unwrap_or_default();
        let bigquery = bigquery.unwrap_or_default();

        let mut tally = Tally::default();
        let notices = redshift.notices.iter().chain(&bigquery.notices);
        self.publish(notices, run.until, &mut tally).await;
        if let Some(source) = &mut self.redshift {
            source.complete(run, is_done(&redshift, &self.told));
            source.watch.remember(seen, run.now, &mut self.told, &mut redshift);
        }
        if let Some(source) = &mut self.bigquery {
            source.complete(run, is_done(&bigquery, &self.told));
        }
        // After publishing, because the next process reads from a metric what was published.
        self.emit(&redshift, &mut tally);
        self.emit(&bigquery, &mut tally);
        let Config { metrics_namespace: namespace, function_name, .. } = &self.config;
        let now_ms = invocation.now.milliseconds();
        report(tally.emit(namespace, function_name, now_ms, &mut self.out));
        answer.extend_from_slice(format!(r#"{{"notices":{}}}"#, tally.published).as_bytes());
        tally.outcome()
    }
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `out`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, out: W) -> Self {
        let Config { redshift, bigquery, metrics_namespace, aws, .. } = &config;
        let poll_seconds = config.poll_seconds;
        let redshift = redshift.clone().map(|own| {
            let (data, cloudwatch) = (Redshift::new(aws.clone()), CloudWatch::new(aws.clone()));
            let memory = redshift::Memory::new(cloudwatch, metrics_namespace.clone(), poll_seconds);
            Source::new(redshift::Watch::new(own, data, memory))
        });
        let bigquery = bigquery.clone().map(|own| {
            let client = BigQuery::new(own.endpoint.clone(), own.secret_arn.clone(), aws.clone());
            Source::new(bigquery::Watch::new(own, client))
        });
        Self { config, redshift, bigquery, told: Told::default(), out }
    }

    fn run(&self, invocation: &Invocation<'_>) -> Run {
        let before = |time: Instant, by| time.checked_sub(by).unwrap_or(time);
        let until = calls_until(invocation, self.config.deadline_margin);
        // The time is the same in each retry, so that the window is also the same.
        let time = |time: shared::event::Timestamp| {
            let ms = i64::try_from(time.milliseconds()).ok();
            ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
        };
        Run {
            now: time(scheduled_time(invocation.body, invocation.now)),
            clock: time(invocation.now),
            poll_seconds: self.config.poll_seconds,
            poll_until: before(until, CLOSING_TIME),
            until,
        }
    }

    /// Emits the metrics of a source, and logs what could not be read.
    fn emit(&mut self, findings: &Findings, tally: &mut Tally) {
        for gauges in &findings.gauges {
            report(gauges.emit(&self.config.metrics_namespace, &mut self.out));
        }
        for failure in &findings.failures {
            let (subject, reason) = (&failure.subject, &failure.reason);
            tracing::error!(subject, reason, "failed to read");
            tally.add_failure(failure);
        }
    }

    /// Publishes the notices that this process has not published yet, concurrently: a notice that
    /// waits for SNS does not delay the others.
    async fn publish(
        &mut self,
        notices: impl Iterator<Item = &Notice>,
        until: Instant,
        tally: &mut Tally,
    ) {
        let Self { config, told, .. } = self;
        let due = notices.filter(|notice| !told.has(&notice.id()));
        let results = join_all(due.map(async |notice: &Notice| {
            let result = config.publisher.publish(notice.clone(), until).await;
            if let Err(error) = &result {
                let Notice { kind, thread, at, .. } = notice;
                tracing::error!(kind, thread, at, %error, "failed to publish a notice");
            }
            (notice.id(), result)
        }))
        .await;
        for (id, result) in results {
            if result.is_ok() {
                told.add(id);
            }
            tally.add_notice(result);
        }
    }
}

/// Whether everything of a source was read and published.
fn is_done(findings: &Findings, told: &Told) -> bool {
    findings.failures.is_empty() && findings.notices.iter().all(|notice| told.has(&notice.id()))
}

impl<T> Source<T> {
    const fn new(watch: T) -> Self {
        Self { watch, begin: None }
    }

    /// Returns the source, and the window of a run.
    fn start(&mut self, run: Run) -> (&T, Window) {
        let window = Window::new(self.begin, run.now, run.poll_seconds);
        self.begin.get_or_insert(window.start);
        (&self.watch, window)
    }

    /// Completes the window of a run, if it is done. A retry of an earlier run does not move it
    /// back, and the next window also covers times that were still in the future.
    fn complete(&mut self, run: Run, is_done: bool) {
        if is_done {
            self.begin = self.begin.max(Some(run.now.min(run.clock)));
        }
    }
}

fn report(written: io::Result<()>) {
    if let Err(error) = written {
        tracing::error!(%error, "failed to write metrics");
    }
}
