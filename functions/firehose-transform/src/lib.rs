#![doc = include_str!("../README.md")]

mod answer;
pub mod config;
pub mod error;
mod outcome;
pub mod reingest;
pub mod request;
pub mod source;
mod split;
mod summary;
pub mod transform;

use std::cell::Cell;
use std::io::Write;
use std::iter::repeat;

use shared::event::Timestamp;
use shared::metric_rules::Tally;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::config::Config;
use crate::error::HandlerError;
use crate::outcome::{Failure, NotPutBack, Outcome};
use crate::reingest::{PutRecord, Source, Target};
use crate::request::Request;
use crate::summary::Summary;
use crate::transform::Transformer;

/// The function.
#[derive(Debug)]
pub struct App<S, W> {
    config: Config,
    source: S,
    metrics: W,
    // Their buffers are reused by later invocations.
    transformer: Transformer,
    answer: Answer,
    tally: Tally,
}

impl<S: Source, W: Write> Function for App<S, W> {
    type Error = HandlerError;

    /// Answers one transformation request and emits its metrics. The content of a record cannot
    /// fail the invocation.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let Invocation { body, request_id, now, deadline, .. } = invocation;
        std::mem::swap(&mut self.answer.text, answer);
        let request = match self.transform(body, now, deadline).await {
            Ok(request) => request,
            Err(error) => {
                self.emit(Summary::default(), now);
                return Err(error);
            }
        };
        if !self.answer.overflow.is_empty() {
            // Boxed: rare, and its state is large.
            Box::pin(self.put_back(&request, deadline)).await;
        }
        let fates = &self.answer.fates;
        self.tally.count_noted(|index| matches!(fates[index].outcome, Outcome::Ok(_)));
        let summary = Summary::of(&request.records, fates);
        summary.log(request_id);
        self.emit(summary, now);
        std::mem::swap(&mut self.answer.text, answer);
        Ok(())
    }
}

impl<S: Source, W: Write> App<S, W> {
    /// Creates the function. It puts records back into `source` and writes its metrics to
    /// `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, source: S, metrics: W) -> Self {
        let (transformer, answer) = (Transformer::default(), Answer::default());
        Self { config, source, metrics, transformer, answer, tally: Tally::default() }
    }

    async fn transform<'a>(
        &mut self,
        body: &'a [u8],
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Request<'a>, HandlerError> {
        self.transformer.splitter.clear();
        self.tally.clear();
        let request = Request::parse(body)?;
        self.write_answer(&request, now, true)?;
        if !self.transformer.splitter.splits.is_empty() {
            // Boxed: its state is large.
            Box::pin(self.put_events_back(&request, deadline)).await;
            self.write_answer(&request, now, false)?;
        }
        Ok(request)
    }

    /// Writes the answer; with `notes`, its documents are noted for the metrics from documents.
    fn write_answer(
        &mut self,
        request: &Request<'_>,
        now: Timestamp,
        notes: bool,
    ) -> Result<(), HandlerError> {
        let Self { config, transformer, answer, tally, .. } = self;
        // Records that are transformed again because not all documents fit come after all others.
        let mut next = 0;
        answer.write(&request.records, config.response_budget_bytes, |index, record, document| {
            let is_noted = notes && index == next;
            next = next.max(index + 1);
            transformer.transform(config, index, record, now, document, |event, document, time| {
                if is_noted {
                    tally.note(&config.metric_rules, index, event, document, time);
                }
            })
        })
    }

    /// The target for putting records back.
    fn target(&self, request: &Request<'_>) -> Result<Target, NotPutBack> {
        if !self.config.reingest {
            return Err(NotPutBack::Off);
        }
        Target::of(request).ok_or(NotPutBack::NoSource)
    }

    /// Puts back the events of records with several events, except for each record's first good
    /// one.
    async fn put_events_back(&mut self, request: &Request<'_>, deadline: Instant) {
        let target = self.target(request);
        let Self { config, source, transformer, .. } = self;
        let splits = transformer.splitter.splits.len();
        let results = vec![Cell::new((0, target.as_ref().err().copied())); splits];
        if let Ok(target) = target {
            let events = transformer.other_events(config, &request.records);
            reingest::put_back(source, &target, events, deadline, |at, result| {
                let (accepted, failure) = results[at].get();
                results[at].set(match result {
                    Ok(()) => (accepted + 1, failure),
                    Err(reason) => (accepted, Some(reason)),
                });
            })
            .await;
        }
        transformer.splitter.settle(results.into_iter().map(Cell::into_inner));
    }

    /// Puts the overflowing records back into their source, and updates their results in the answer.
    async fn put_back(&mut self, request: &Request<'_>, deadline: Instant) {
        let target = self.target(request);
        let Self { config, source, transformer, answer, .. } = self;
        let failed = |reason| Outcome::Failed(Failure::NotPutBack(reason));
        let target = match target {
            Ok(target) => target,
            Err(reason) => return answer.settle(repeat(failed(reason))),
        };
        let outcomes = vec![Cell::new(failed(NotPutBack::Failing)); answer.overflow.len()];
        // One by one, so that only the payloads of one call are in memory.
        let records = answer.overflow.iter().zip(&outcomes).enumerate();
        let records = records.filter_map(|(at, (overflow, outcome))| {
            let record = &request.records[overflow.index];
            match transformer.put_back(config, overflow.index, record) {
                Ok(payload) => Some(PutRecord::new(at, payload, record)),
                Err(failure) => {
                    outcome.set(Outcome::Failed(failure));
                    None
                }
            }
        });
        reingest::put_back(source, &target, records, deadline, |at, result| {
            outcomes[at].set(result.map_or_else(failed, |()| Outcome::Reingested));
        })
        .await;
        answer.settle(outcomes.into_iter().map(Cell::into_inner));
    }

    fn emit(&mut self, mut summary: Summary<'_>, now: Timestamp) {
        summary.split = self.config.split.then(|| self.transformer.splitter.counts());
        let Self { config, metrics, tally, .. } = self;
        let Config { metrics_namespace, function_name, metric_rules, .. } = &*config;
        let written = summary
            .emit(metrics_namespace, function_name, now.milliseconds(), &mut *metrics)
            .and_then(|()| {
                tally.emit(metric_rules, metrics_namespace, function_name, now, metrics)
            });
        if let Err(error) = written {
            tracing::error!(%error, "failed to write metrics");
        }
    }
}
