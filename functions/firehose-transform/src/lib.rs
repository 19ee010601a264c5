#![doc = include_str!("../README.md")]

pub mod answer;
pub mod config;
pub mod error;
pub mod outcome;
pub mod reingest;
pub mod request;
pub mod source;
pub mod summary;
pub mod transform;

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

use crate::answer::Overflow;
use crate::config::Config;
use crate::error::Error;
use crate::outcome::{Failure, NotPutBack, Outcome};
use crate::reingest::{PutRecord, Source, Target};
use crate::request::{Record, Request};
use crate::summary::Summary;
use crate::transform::Transformer;

/// The function.
pub struct App<S> {
    config: Config,
    source: S,
    metrics: Mutex<Box<dyn Write + Send>>,
    buffers: Mutex<Buffers>,
}

impl<S: fmt::Debug> fmt::Debug for App<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, source, .. } = self;
        out.debug_struct("App")
            .field("config", config)
            .field("source", source)
            .finish_non_exhaustive()
    }
}

/// Kept from invocation to invocation.
#[derive(Debug, Default)]
struct Buffers {
    transformer: Transformer,
    answer: Arc<Vec<u8>>,
}

/// An answer's bytes, which go back to be written again when they were sent.
#[derive(Clone, Debug)]
pub struct Answer(Arc<Vec<u8>>);

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<S: Source + 'static> Function for App<S> {
    type Answer = Answer;
    type Error = Error;

    /// Answers one transformation request and emits its metrics. No record's content makes the
    /// invocation fail.
    async fn handle(&self, invocation: Invocation<'_>) -> Result<Answer, Error> {
        let mut buffers = std::mem::take(&mut *self.lock_buffers());
        // Still being sent where the invoker did not take the last one whole: then a new one.
        let mut answer = Arc::try_unwrap(buffers.answer).unwrap_or_default();
        let result = self.answer(invocation, &mut buffers.transformer, &mut answer).await;
        buffers.answer = Arc::new(answer);
        let answer = Answer(Arc::clone(&buffers.answer));
        *self.lock_buffers() = buffers;
        result.map(|()| answer)
    }
}

impl<S: Source> App<S> {
    /// The function with these settings, putting records back into `source` and writing its
    /// metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, source: S, metrics: impl Write + Send + 'static) -> Self {
        let metrics = Mutex::new(Box::new(metrics) as Box<dyn Write + Send>);
        Self { config, source, metrics, buffers: Mutex::default() }
    }

    async fn answer(
        &self,
        Invocation { body, request_id, now, deadline }: Invocation<'_>,
        transformer: &mut Transformer,
        answer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let transform = |record: &Record<'_>, document: &mut Vec<u8>| {
            transformer.transform(&self.config, record, now, document)
        };
        let budget = self.config.response_budget_bytes;
        answer.clear();
        answer.reserve((body.len() / 4 * 5).min(budget));
        let written = Request::parse(body).and_then(|request| {
            let (fates, overflow) = answer::write(&request.records, budget, answer, transform)?;
            Ok((request, fates, overflow))
        });
        let (request, mut fates, overflow) = match written {
            Ok(written) => written,
            Err(error) => {
                self.emit(&Summary::default(), now);
                return Err(error);
            }
        };
        if !overflow.is_empty() {
            // Boxed: rare, and its state is large.
            let settled = self.put_back(&request, &overflow, transformer, deadline);
            let settled = Box::pin(settled).await;
            for (overflow, outcome) in overflow.iter().zip(settled) {
                fates[overflow.index].outcome = outcome;
                if outcome == Outcome::Reingested {
                    overflow.drop_from(answer);
                }
            }
        }
        let summary = Summary::of(&request.records, &fates);
        summary.log(request_id);
        self.emit(&summary, now);
        Ok(())
    }

    /// Puts the overflowing records back into their source; gives the outcome of each.
    async fn put_back(
        &self,
        request: &Request<'_>,
        overflow: &[Overflow],
        transformer: &mut Transformer,
        deadline: Instant,
    ) -> Vec<Outcome> {
        let failed = |reason| Outcome::Failed(Failure::NotPutBack(reason));
        let target = match Target::of(request) {
            _ if !self.config.reingest => return vec![failed(NotPutBack::Off); overflow.len()],
            None => return vec![failed(NotPutBack::NoSource); overflow.len()],
            Some(target) => target,
        };
        let outcomes = Mutex::new(vec![failed(NotPutBack::Failing); overflow.len()]);
        let settle = |at: usize, outcome| {
            outcomes.lock().unwrap_or_else(PoisonError::into_inner)[at] = outcome;
        };
        // One after the other, so that never more than a call's payloads are held.
        let records = overflow.iter().enumerate().filter_map(|(at, overflow)| {
            let record = &request.records[overflow.index];
            match transformer.put_back(&self.config, record) {
                Ok(payload) => Some(PutRecord::new(at, payload, record)),
                Err(failure) => {
                    settle(at, Outcome::Failed(failure));
                    None
                }
            }
        });
        reingest::put_back(&self.source, &target, records, deadline, |at, result| {
            settle(at, result.map_or_else(failed, |()| Outcome::Reingested));
        })
        .await;
        outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, summary: &Summary<'_>, now: Timestamp) {
        let Config { metrics_namespace, function_name, .. } = &self.config;
        let mut out = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let written = summary.emit(metrics_namespace, function_name, now.milliseconds(), &mut *out);
        if let Err(error) = written {
            tracing::error!(%error, "metrics could not be written");
        }
    }

    fn lock_buffers(&self) -> MutexGuard<'_, Buffers> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
