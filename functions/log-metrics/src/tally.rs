//! The outcome of the lines of a batch: each failure once, for any number and order of lines.
//!
//! A batch can have millions of lines, so little is kept of each, and everything is joined by
//! sorting.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::join::{self, ErrorLine, Failed, Invocation, Start};
use crate::line::{Line, Memory, Report};

/// Maximum number of failures whose request ids are kept and logged.
pub(crate) const MAX_NAMED: usize = 10_000;

/// The lines of a batch.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    errors: Vec<ErrorLine>,
    invocations: Vec<Invocation>,
    starts: Vec<Start>,
    names: HashMap<u64, String, FixedState>,
    hasher: FixedState,
    memory_percent: Option<Highest>,
    init_ms: Option<Highest>,
}

/// The outcome of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) failures: Vec<Failed>,
    /// The ids of failed requests, up to [`MAX_NAMED`].
    pub(crate) names: HashMap<u64, String, FixedState>,
    /// The highest memory usage of an invocation, in percent.
    pub(crate) memory_percent: Option<Highest>,
    /// The longest start, in milliseconds.
    pub(crate) init_ms: Option<Highest>,
}

/// The highest of several values, and its first time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Highest {
    pub(crate) value: f64,
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
}

impl Tally {
    /// Adds a line that was written at this time.
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
                self.errors.push(ErrorLine { request, time_ms, cause });
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

    /// The outcome of all lines.
    pub(crate) fn finish(self) -> Outcome {
        let Self { errors, invocations, starts, names, memory_percent, init_ms, .. } = self;
        let failures = join::failures(errors, invocations, starts);
        Outcome { failures, names, memory_percent, init_ms }
    }
}

/// Of equal values, the earliest is kept, so that the order of the lines does not matter.
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
