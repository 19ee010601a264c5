#![doc = include_str!("../README.md")]

pub mod batch;
pub mod config;
pub mod error;
mod join;
pub mod line;
pub mod payload;
mod reader;
mod source;
mod summary;
mod tally;

use std::io::Write;

use serde_json::json;
use shared::runtime::{Function, Invocation};

use crate::batch::Batch;
use crate::config::Config;
use crate::error::{Damage, HandlerError};
use crate::payload::Inflate;
use crate::summary::Summary;
use crate::tally::{Outcome, Tally};

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    metrics: W,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Counts the platform's lines in a batch of log events, and emits the counts as metrics.
    /// Nothing is emitted before the whole batch is read.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let (batch, outcome) = read(invocation.body)?;
        let (log_group, log_stream) = (&*batch.log_group, &*batch.log_stream);
        let summary = Summary { log_group, log_stream, outcome: &outcome };
        self.emit(&summary, invocation.now.milliseconds())
            .map_err(|_| HandlerError::MetricsNotWritten)?;
        summary.log(self.config.region.as_deref());
        let counts = json!({"logEvents": batch.log_events, "failures": outcome.failures.len()});
        answer.extend_from_slice(counts.to_string().as_bytes());
        Ok(())
    }
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub const fn new(config: Config, metrics: W) -> Self {
        Self { config, metrics }
    }

    fn emit(&mut self, summary: &Summary<'_>, now_ms: u64) -> std::io::Result<()> {
        // In one call: all or nothing is written.
        self.metrics.write_all(&summary.metrics(&self.config.metrics_namespace, now_ms)?)?;
        self.metrics.flush()
    }
}

/// The batch in an event, and its outcome.
fn read(event: &[u8]) -> Result<(Batch, Outcome), Damage> {
    let base64 = payload::data(event)?;
    let mut tally = Tally::default();
    let batch = batch::read(Inflate::new(&base64), |line, time_ms| tally.add(line, time_ms))?;
    let outcome = if batch.is_data { tally.finish() } else { Outcome::default() };
    Ok((batch, outcome))
}
