//! Loads objects outside of Lambda, without an invocation, and reports progress.

use shared::event::Timestamp;
use shared::metric_rules::MetricRules;
use shared::opensearch::{Search, Writing};
use shared::schedule::Schedule;

use crate::batch::Batch;
use crate::config::{Failures, Reading};
use crate::load::{Loaded, Loader};
use crate::message::Request;
use crate::objects::Objects;
use crate::outcome::Outcome;
use crate::report::Report;
use crate::watch::Watch;

/// Loads objects.
#[derive(Debug)]
pub struct Engine<S, O> {
    search: S,
    objects: O,
    reading: Reading,
    writing: Writing,
    failures: Failures,
    batch: Batch,
}

/// How the load of an object ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every record has its outcome.
    Done,
    /// [`Watch::confirmed`] stopped it.
    Stopped,
    /// The object is not the one that the request names.
    Changed,
    /// It failed; everything that is not confirmed remains to be loaded.
    Failed {
        /// Why, as in the function's log.
        reason: &'static str,
        /// Details of the failure, without content of records.
        details: Vec<String>,
        /// What to change, where waiting alone does not help.
        advice: Option<&'static str>,
    },
}

impl<S: Search, O: Objects> Engine<S, O> {
    /// Creates an engine that writes refused records to `objects`, at this place.
    #[must_use]
    pub fn new(
        (search, objects): (S, O),
        (reading, writing): (Reading, Writing),
        failures: Failures,
    ) -> Self {
        Self { search, objects, reading, writing, failures, batch: Batch::default() }
    }

    /// The source of objects.
    pub const fn objects(&self) -> &O {
        &self.objects
    }

    /// Loads the object of a request, starting at its offset.
    pub async fn load<W: Watch>(
        &mut self,
        request: &Request,
        now: Timestamp,
        watch: &mut W,
    ) -> Ended {
        let Self { search, objects, reading, writing, failures, batch } = self;
        let mut report = Report::default();
        let schedule = Schedule::lasting(W::TIME.unwrap_or_default(), now.milliseconds());
        let mut loader = Loader {
            search,
            objects,
            reading,
            writing,
            failures,
            // Metrics from documents are only for functions.
            metrics: &MetricRules::default(),
            batch,
            report: &mut report,
            watch,
            schedule,
            now,
        };
        match Box::pin(loader.load(request)).await {
            Loaded::Until(_) => Ended::Stopped,
            Loaded::Ended(Outcome::Superseded) => Ended::Changed,
            Loaded::Ended(Outcome::Retry(retry)) => {
                let (reason, details) = (retry.reason(), report.details());
                Ended::Failed { reason, details, advice: retry.advice() }
            }
            Loaded::Ended(_) => Ended::Done,
        }
    }
}
