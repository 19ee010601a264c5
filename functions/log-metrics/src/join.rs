//! Joins what is told of the same failure: lines of one request with its reports, and failed
//! starts with the invocations that failed with them. All of it in the time of sorting, since
//! nobody says how much a batch holds.

use crate::line::Failure;
use crate::tally::{Failed, Start, Told, What};

/// Every failure once, by time.
pub(crate) fn failures(mut lines: Vec<Told>, starts: Vec<Start>) -> Vec<Failed> {
    lines.sort_unstable();
    for request in lines.chunk_by_mut(|one, other| one.request == other.request) {
        join_request(request);
    }
    lines.retain(|told| matches!(told.what, What::Report(_)));
    // Where times are equal, what went well comes first, and what no failed start explains last.
    let is_memory = |told: &Told| told.what == What::Report(Some(Failure::OutOfMemory));
    lines.sort_unstable_by_key(|told| (told.time_ms, is_memory(told), told.what, told.request));
    let mut failures = join_starts(starts, &mut lines);
    failures.extend(lines.iter().filter_map(|told| {
        let What::Report(Some(failure)) = told.what else { return None };
        Some(Failed { time_ms: told.time_ms, failure, request: Some(told.request) })
    }));
    failures.sort_unstable();
    failures
}

/// A report that a line of an error may belong to, and what it then says.
type Claim = (Option<Failure>, Option<Failure>);

const TIMEOUT: &[Claim] = &[
    (Some(Failure::Timeout), Some(Failure::Timeout)),
    (None, Some(Failure::Timeout)),
    (Some(Failure::Unhandled), Some(Failure::Timeout)),
    (Some(Failure::OutOfMemory), Some(Failure::OutOfMemory)),
];

// What times out is killed, too: that is no want of memory.
const OUT_OF_MEMORY: &[Claim] = &[
    (Some(Failure::OutOfMemory), Some(Failure::OutOfMemory)),
    (Some(Failure::Unhandled), Some(Failure::OutOfMemory)),
    (None, Some(Failure::OutOfMemory)),
    (Some(Failure::Timeout), Some(Failure::Timeout)),
];

const UNHANDLED: &[Claim] = &[
    (Some(Failure::Unhandled), Some(Failure::Unhandled)),
    (Some(Failure::OutOfMemory), Some(Failure::OutOfMemory)),
    (Some(Failure::Timeout), Some(Failure::Timeout)),
    (None, Some(Failure::Unhandled)),
];

const MEMORY_HINT: &[Claim] = &[
    (Some(Failure::OutOfMemory), Some(Failure::OutOfMemory)),
    (Some(Failure::Unhandled), Some(Failure::OutOfMemory)),
];

/// Joins the lines of errors of one request with its reports. A request has as many invocations
/// as reports, or more where one kind of line tells of more.
fn join_request(lines: &mut [Told]) {
    // Errors are sorted before reports, and most requests have none.
    if lines.first().is_none_or(|told| matches!(told.what, What::Report(_))) {
        return;
    }
    for (kind, claims) in [
        (What::Error(Failure::Timeout), TIMEOUT),
        (What::Error(Failure::OutOfMemory), OUT_OF_MEMORY),
        (What::Error(Failure::Unhandled), UNHANDLED),
        (What::MemoryHint, MEMORY_HINT),
    ] {
        let mut unclaimed = claim(lines, kind, claims);
        // An error without a report, which may be in another batch, stands for itself.
        for told in lines.iter_mut().filter(|told| told.what == kind) {
            told.what = match kind {
                What::Error(failure) if unclaimed > 0 => {
                    unclaimed -= 1;
                    What::Report(Some(failure))
                }
                _ => What::Joined,
            };
        }
    }
}

/// Lets each line of this kind claim the report that is nearest in time, or any that is left, and
/// tells for how many there is none. Of reports of one time the first of `claims` is claimed.
fn claim(lines: &mut [Told], kind: What, claims: &[Claim]) -> usize {
    let told = lines.iter().filter(|told| told.what == kind);
    let times: Vec<u64> = told.map(|told| told.time_ms).collect();
    let rank = |what| claims.iter().position(|(from, _)| what == What::Report(*from));
    let reports = lines.iter_mut().filter_map(|told| Some((rank(told.what)?, told)));
    let mut reports: Vec<(usize, &mut Told)> = reports.collect();
    reports.sort_unstable_by_key(|(rank, report)| (report.time_ms, *rank));

    let claim = |(rank, report): (usize, &mut Told)| report.what = What::Report(claims[rank].1);
    let mut unclaimed = times.len();
    let (mut reports, mut left) = (reports.into_iter().peekable(), Vec::new());
    for time_ms in times {
        let Some(mut nearest) = reports.next() else { break };
        let is_nearer = |one: &Told, other: &Told| {
            let apart = |told: &Told| told.time_ms.abs_diff(time_ms);
            apart(one) <= apart(other) && one.time_ms > other.time_ms
        };
        while let Some(next) = reports.next_if(|(_, next)| is_nearer(next, nearest.1)) {
            left.push(std::mem::replace(&mut nearest, next));
        }
        claim(nearest);
        unclaimed -= 1;
    }
    left.sort_unstable_by_key(|(rank, report)| (*rank, report.time_ms));
    left.truncate(unclaimed);
    unclaimed -= left.len();
    left.into_iter().for_each(claim);
    unclaimed
}

/// One failure for each failed start, and takes the invocations that failed with them out of
/// `reports`, which are sorted by time.
fn join_starts(mut starts: Vec<Start>, reports: &mut [Told]) -> Vec<Failed> {
    // What failed at the start is tried again in the invocation, and told again if it fails again.
    starts.sort_unstable_by_key(|start| (start.time_ms, start.in_invocation, start.timed_out));
    let (mut alone, mut repeated, mut before_its_first) = (Vec::new(), Vec::new(), 0);
    for start in starts {
        if !start.in_invocation {
            alone.push(start);
            continue;
        }
        repeated.push(start);
        before_its_first += usize::from(alone.pop().is_none());
    }
    alone.drain(..alone.len().min(before_its_first));

    let mut joined = Joined { reports, failures: Vec::new() };
    for after in [true, false] {
        for timed_out in [true, false] {
            joined.join(&mut repeated, after, |start, failure| {
                start.timed_out == timed_out && (failure == Failure::Timeout) == timed_out
            });
        }
    }
    joined.join(&mut repeated, true, |_, _| true);
    joined.failures.extend(repeated.iter().map(|start| start.failed(None)));
    for start in alone {
        joined.join_first(start);
    }
    joined.failures
}

impl Start {
    fn failed(self, request: Option<u64>) -> Failed {
        Failed { time_ms: self.time_ms, failure: Failure::Init, request }
    }
}

struct Joined<'a> {
    reports: &'a mut [Told],
    failures: Vec<Failed>,
}

impl Joined<'_> {
    /// Joins each start with the next failed report that fits: of those told after the start, or
    /// of all, for lines that come out of order with times of their own. Keeps the others.
    fn join(
        &mut self,
        starts: &mut Vec<Start>,
        after: bool,
        fits: impl Fn(&Start, Failure) -> bool,
    ) {
        let mut reports = self.reports.iter_mut();
        starts.retain(|start| {
            let found = reports.find(|told| {
                let What::Report(Some(failure)) = told.what else { return false };
                fits(start, failure) && (!after || told.time_ms >= start.time_ms)
            });
            let Some(report) = found else { return true };
            report.what = What::Joined;
            self.failures.push(start.failed(Some(report.request)));
            false
        });
    }

    /// Joins a start of which no second try is told with the invocation after it if that failed:
    /// if it went well, the second try did, too.
    fn join_first(&mut self, start: Start) {
        let after = self.reports.partition_point(|told| told.time_ms < start.time_ms);
        let first = after.min(self.reports.len().saturating_sub(1));
        let report = self.reports.get_mut(first);
        let report = report.filter(|told| matches!(told.what, What::Report(Some(_))));
        let request = report.map(|told| {
            told.what = What::Joined;
            told.request
        });
        self.failures.push(start.failed(request));
    }
}

#[cfg(test)]
mod tests;
