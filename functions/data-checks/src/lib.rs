#![doc = include_str!("../README.md")]

mod config;
mod definition;
mod definitions;
mod ends;
mod error;
mod measured;
mod memory;
mod notices;
mod rules;
mod run;
mod tally;
mod window;

use std::future::ready;
use std::io::{self, Write};
use std::time::Duration;

use futures_util::future::join;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use shared::aws::CallFailure;
use shared::cloudwatch::{CloudWatch, Query};
use shared::google::BigQuery;
use shared::runtime::{Function, Invocation};
use shared::schedule::{calls_until, scheduled_time};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

pub use config::{Config, VARIABLES};
pub use error::HandlerError;

use config::Checks;
use definition::Check;
use definitions::{Definitions, Parameters};
use ends::{Ends, Unread};
use memory::Before;
use run::{Run, not_run};
use tally::{Emitter, Tally};

/// Maximum number of checks whose ends are queried concurrently.
const CONCURRENT_CHECKS: usize = 8;

/// Maximum number of checks.
const MAX_CHECKS: usize = 1_000;

/// Time before the deadline margin in which no end is waited for, for cancelling statements and
/// publishing.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// Maximum time for reading the earlier results; the checks also run without them.
const MEMORY_TIME: Duration = Duration::from_secs(20);

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    /// `None` if the checks are in the configuration.
    parameters: Option<Parameters>,
    ends: Ends,
    cloudwatch: CloudWatch,
    out: W,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Runs all checks, publishes what changed, and emits the metrics.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let before = |time: Instant, by| time.checked_sub(by).unwrap_or(time);
        let until = calls_until(&invocation, self.config.deadline_margin);
        let now_ms = scheduled_time(invocation.body, invocation.now).milliseconds();
        let now = i64::try_from(now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let Self { config, parameters, ends, cloudwatch, out } = self;
        let run = Run {
            config,
            ends,
            now: now.unwrap_or_default(),
            now_ms,
            ends_until: before(until, CLOSING_TIME),
            until,
        };
        let Config { metrics_namespace: namespace, function_name, .. } = &*config;
        let emitter = Emitter { namespace, function_name, now_ms };

        let mut tally = Tally::default();
        let definitions = definitions(run, parameters.as_ref(), &mut tally).await;
        let checks = valid(definitions, &mut tally);
        let names: Vec<_> = checks.iter().map(|check| check.name.clone()).collect();
        // Read while the ends are queried, because only compared checks need it.
        let memory = OnceCell::new();
        let remembered = async || memory.get_or_init(|| read_memory(run, cloudwatch, &names)).await;
        let results = stream::iter(checks.into_iter().enumerate())
            .map(async |(index, check)| (run.compare(&check).await, index, check))
            .buffer_unordered(CONCURRENT_CHECKS)
            // A notice that waits for SNS does not delay other checks.
            .map(async |(compared, index, check)| {
                let compared = compared?;
                let before = remembered().await.as_ref().map_or(Before::Unknown, |all| all[index]);
                Some(run.conclude(check, compared, before).await)
            })
            .buffer_unordered(MAX_CHECKS)
            .for_each(|result| {
                match result {
                    Some(result) => {
                        tally.add(&result);
                        report(emitter.emit_check(&result, &mut *out));
                    }
                    None => tally.errors += 1,
                }
                ready(())
            });
        let (memory, ()) = join(remembered(), results).await;
        tally.errors += u64::from(memory.is_none());
        report(emitter.emit_run(&tally, out));
        answer.extend_from_slice(tally.json().as_bytes());
        tally.outcome()
    }
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `out`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, out: W) -> Self {
        let aws = &config.aws;
        let parameters = match &config.checks {
            Checks::Path(path) => Some(Parameters::new(path.clone(), aws.clone())),
            Checks::Here(_) => None,
        };
        let bigquery = config
            .google_secret_arn
            .clone()
            .map(|arn| BigQuery::new(config.bigquery_endpoint.clone(), arn, aws.clone()));
        let ends = Ends::new(aws.clone(), config.opensearch_auth.clone(), bigquery);
        let cloudwatch = CloudWatch::new(aws.clone());
        Self { config, parameters, ends, cloudwatch, out }
    }
}

/// The checks of the configuration, or those that can be read from Systems Manager.
async fn definitions(
    run: Run<'_>,
    parameters: Option<&Parameters>,
    tally: &mut Tally,
) -> Definitions {
    let (definitions, failure) = match (&run.config.checks, parameters) {
        (Checks::Here(checks), _) => {
            let named = checks.iter().map(|check| (check.name.clone(), Ok(check.clone())));
            (named.collect(), None)
        }
        (Checks::Path(_), Some(parameters)) => {
            // Without checks there is nothing to do, but running them also needs time.
            let left = run.ends_until.saturating_duration_since(Instant::now());
            parameters.read(Instant::now() + left / 3).await
        }
        (Checks::Path(_), None) => (Definitions::new(), None),
    };
    if let Some(error) = failure {
        tally.errors += 1;
        let error = Unread::new(error);
        tracing::error!(%error, "failed to read the definitions of checks");
    } else if definitions.is_empty() {
        tracing::warn!("there is no check");
    }
    definitions
}

/// The checks that can be run; the others are logged.
fn valid(definitions: Definitions, tally: &mut Tally) -> Vec<Check> {
    tally.checks = u64::try_from(definitions.len()).unwrap_or(u64::MAX);
    let mut checks = Vec::new();
    for (name, check) in definitions {
        match check {
            Ok(check) => checks.push(check),
            Err(reason) => {
                tally.errors += 1;
                not_run(&name, "definition", reason);
            }
        }
    }
    checks
}

/// Reads the results of earlier runs from CloudWatch, for each of these checks. `None` if they
/// cannot be read, which is logged.
async fn read_memory(
    run: Run<'_>,
    cloudwatch: &CloudWatch,
    checks: &[String],
) -> Option<Vec<Before>> {
    let names: Vec<_> = checks.iter().map(|name| &**name).collect();
    let namespace = &run.config.metrics_namespace;
    let query = Query { namespace, metric: "CheckFailures", dimension: "Check" };
    let until = run.ends_until.min(Instant::now() + MEMORY_TIME);
    let (from_ms, to_ms) = memory::range(run.now_ms);
    let values = timeout_at(until, cloudwatch.maxima(query, &names, from_ms..to_ms)).await;
    match values.unwrap_or_else(|_| Err(CallFailure::late())) {
        Ok(values) => Some(values.iter().map(|values| Before::new(values, run.now_ms)).collect()),
        Err(error) => {
            let error = Unread::new(error);
            tracing::error!(%error, "failed to read earlier results from CloudWatch");
            None
        }
    }
}

fn report(written: io::Result<()>) {
    if let Err(error) = written {
        tracing::error!(%error, "failed to write metrics");
    }
}
