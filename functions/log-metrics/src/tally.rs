//! What the lines of a batch come to: each failure once, however many lines tell of it, and in
//! whatever order.
//!
//! A batch can hold millions of lines, so little is kept of each, and everything is joined by
//! sorting.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::join;
use crate::line::{Cause, Failure, Line, Memory, Report};

/// Of so many failures the requests' ids are kept: more lines than that nobody reads.
pub(crate) const MAX_NAMED: usize = 10_000;

/// The lines of a batch.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    errors: Vec<Error>,
    invocations: Vec<Invocation>,
    starts: Vec<Start>,
    names: HashMap<u64, String, FixedState>,
    hasher: FixedState,
    memory_percent: Option<Highest>,
    init_ms: Option<Highest>,
}

/// What a batch comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Every failure, by time.
    pub(crate) failures: Vec<Failed>,
    /// The requests' ids by which failures are named, but for those beyond [`MAX_NAMED`].
    pub(crate) names: HashMap<u64, String, FixedState>,
    /// The highest share of its memory that an invocation used, in percent.
    pub(crate) memory_percent: Option<Highest>,
    /// The longest start, in milliseconds.
    pub(crate) init_ms: Option<Highest>,
}

/// A failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failed {
    /// When it was told: milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// What happened.
    pub(crate) failure: Failure,
    /// Of which request, see [`Outcome::names`]; a start may be none's.
    pub(crate) request: Option<u64>,
}

/// The highest of several values, and when it was told first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Highest {
    /// The value.
    pub(crate) value: f64,
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
}

/// A line of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Error {
    /// The hash of the request's id.
    pub(crate) request: u64,
    pub(crate) time_ms: u64,
    pub(crate) cause: Cause,
}

/// An invocation that ended: one for each report, even where others have the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Invocation {
    /// The hash of the request's id.
    pub(crate) request: u64,
    pub(crate) time_ms: u64,
    pub(crate) failure: Option<Failure>,
    pub(crate) is_memory_used_up: bool,
}

/// A start that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    pub(crate) time_ms: u64,
    pub(crate) in_invocation: bool,
}

impl Tally {
    /// Takes a line that was written at this time.
    pub(crate) fn add(&mut self, line: Line, time_ms: u64) {
        match line {
            Line::Report(Report { request_id, failure, memory, init_ms }) => {
                raise(&mut self.memory_percent, memory.map(Memory::percent), time_ms);
                raise(&mut self.init_ms, init_ms, time_ms);
                let is_memory_used_up = memory.is_some_and(Memory::is_used_up);
                let request = self.hash(request_id, failure.is_some());
                let report = Invocation { request, time_ms, failure, is_memory_used_up };
                self.invocations.push(report);
            }
            Line::Error { request_id, cause } => {
                let request = self.hash(request_id, true);
                self.errors.push(Error { request, time_ms, cause });
            }
            Line::StartFailed { in_invocation } => {
                self.starts.push(Start { time_ms, in_invocation });
            }
            Line::Started { init_ms } => raise(&mut self.init_ms, Some(init_ms), time_ms),
        }
    }

    /// Keeps the id of a request that failed.
    fn hash(&mut self, request_id: String, has_failed: bool) -> u64 {
        let request = self.hasher.hash_one(&request_id);
        if has_failed && self.names.len() < MAX_NAMED {
            self.names.insert(request, request_id);
        }
        request
    }

    /// What all lines come to.
    pub(crate) fn finish(self) -> Outcome {
        let Self { errors, invocations, starts, names, memory_percent, init_ms, .. } = self;
        let failures = join::failures(errors, invocations, starts);
        Outcome { failures, names, memory_percent, init_ms }
    }
}

/// Of equal values the first told counts, so that the order of the lines does not.
fn raise(highest: &mut Option<Highest>, value: Option<f64>, time_ms: u64) {
    let Some(value) = value.filter(|value| value.is_finite()) else { return };
    let is_higher = highest.is_none_or(|highest| {
        value > highest.value || value >= highest.value && time_ms < highest.time_ms
    });
    if is_higher {
        *highest = Some(Highest { value, time_ms });
    }
}

#[cfg(test)]
mod tests;
