//! Counts each failure once: joins the lines of errors of a request with its reports, and failed
//! starts with the invocations that failed with them.
//!
//! A request has one failure for each failed report, because an asynchronous retry has the same
//! request id; or one failure if only error lines show it. The size of a batch is not limited, so
//! everything is done by sorting.

use crate::line::{Cause, Failure};

/// A failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failed {
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) failure: Failure,
    /// The request, see [`Outcome::names`]; a start can be without one.
    pub(crate) request: Option<u64>,
}

/// An error line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ErrorLine {
    /// The hash of the request's id.
    pub(crate) request: u64,
    pub(crate) time_ms: u64,
    pub(crate) cause: Cause,
}

/// An invocation that ended: one for each report, even of the same request.
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

/// Returns every failure once, by time.
pub(crate) fn failures(
    mut errors: Vec<ErrorLine>,
    mut invocations: Vec<Invocation>,
    starts: Vec<Start>,
) -> Vec<Failed> {
    errors.sort_unstable();
    invocations.sort_unstable();
    let mut without_report = Vec::new();
    for errors in errors.chunk_by(|one, other| one.request == other.request) {
        let request = errors[0].request;
        let first = invocations.partition_point(|report| report.request < request);
        let count = invocations[first..].partition_point(|report| report.request == request);
        without_report.extend(join_request(errors, &mut invocations[first..first + count]));
    }
    drop(errors);
    invocations.append(&mut without_report);
    // At equal times success comes first, and failures that a failed start cannot explain last.
    invocations.sort_unstable_by_key(|Invocation { time_ms, failure, request, .. }| {
        (*time_ms, *failure == Some(Failure::OutOfMemory), *failure, *request)
    });
    let mut failures = join_starts(starts, &mut invocations);
    failures.extend(invocations.iter().filter_map(
        |&Invocation { time_ms, failure, request, .. }| {
            Some(Failed { time_ms, failure: failure?, request: Some(request) })
        },
    ));
    failures.sort_unstable();
    failures
}

/// Assigns the error lines of a request to its reports; or returns the failed invocation, if its
/// report is in another batch. All are sorted by time.
fn join_request(errors: &[ErrorLine], reports: &mut [Invocation]) -> Option<Invocation> {
    if reports.iter().any(|report| report.failure.is_some()) {
        // If one report has the timeout, all do: then the lines of timeouts are not needed.
        let says_timeout = reports.iter().any(|it| it.failure == Some(Failure::Timeout));
        let is_needed = |error: &&ErrorLine| !says_timeout || error.cause != Cause::Timeout;
        let failed = reports.iter_mut().filter(|report| report.failure.is_some()).collect();
        explain(errors.iter().filter(is_needed), failed);
        return None;
    }
    let count = |error: &&ErrorLine| error.cause != Cause::RuntimeOutOfMemory;
    let strongest = errors.iter().filter(count).min_by_key(|error| error.cause)?;
    if reports.is_empty() {
        let ErrorLine { request, time_ms, cause } = *strongest;
        let failure = Some(cause.failure(false));
        return Some(Invocation { request, time_ms, failure, is_memory_used_up: false });
    }
    explain([strongest].into_iter(), reports.iter_mut().collect());
    None
}

/// Assigns each line to the report that is nearest in time, and among equally near reports to the
/// first without a line. The strongest line of a report names its failure, unless the report does.
fn explain<'a>(errors: impl Iterator<Item = &'a ErrorLine>, mut reports: Vec<&mut Invocation>) {
    let is_open = |report: &Invocation| matches!(report.failure, None | Some(Failure::Unhandled));
    let mut causes = vec![None::<Cause>; reports.len()];
    let mut nearest = 0;
    for error in errors {
        let apart = |report: &Invocation| report.time_ms.abs_diff(error.time_ms);
        while let [report, next, ..] = &reports[nearest..] {
            let is_explained = causes[nearest].is_some() || !is_open(report);
            if (apart(report), is_explained) <= (apart(next), false) {
                break;
            }
            nearest += 1;
        }
        let known = &mut causes[nearest];
        *known = Some(known.map_or(error.cause, |known| known.min(error.cause)));
    }
    for (report, cause) in reports.iter_mut().zip(causes) {
        if let Some(cause) = cause.filter(|_| is_open(report)) {
            report.failure = Some(cause.failure(report.is_memory_used_up));
        }
    }
}

impl Cause {
    /// The failure with this cause.
    const fn failure(self, is_memory_used_up: bool) -> Failure {
        match self {
            Self::Timeout => Failure::Timeout,
            Self::OutOfMemory | Self::RuntimeOutOfMemory => Failure::OutOfMemory,
            Self::Aborted if is_memory_used_up => Failure::OutOfMemory,
            Self::Aborted | Self::Other => Failure::Unhandled,
        }
    }
}

/// Merges each failed start with the invocation that failed with it, which ends next.
/// Returns the failed starts without such an invocation. Invocations are sorted by time.
fn join_starts(mut starts: Vec<Start>, invocations: &mut [Invocation]) -> Vec<Failed> {
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    let (mut pending, mut alone) = (None::<Start>, Vec::new());
    for invocation in &mut *invocations {
        // Lambda retries the start in the invocation: the lines before one report belong to one
        // start.
        let before = |start: &Start| start.time_ms <= invocation.time_ms;
        if let Some(start) = std::iter::from_fn(|| starts.next_if(before)).last() {
            alone.extend(pending.replace(start));
        }
        match pending {
            Some(_) if invocation.failure.is_some() => invocation.failure = Some(Failure::Init),
            // The second try succeeded.
            Some(start) if !start.in_invocation => alone.push(start),
            _ => continue,
        }
        pending = None;
    }
    if let Some(start) = starts.next_back() {
        alone.extend(pending.replace(start));
    }
    if let Some(start) = pending {
        // It belongs to the last report, if the lines of the start are late, or to one in the next
        // batch.
        match invocations.last_mut().and_then(|last| last.failure.as_mut()) {
            Some(failure) if *failure != Failure::Init => *failure = Failure::Init,
            _ => alone.push(start),
        }
    }
    let failed = |Start { time_ms, .. }| Failed { time_ms, failure: Failure::Init, request: None };
    alone.into_iter().map(failed).collect()
}

#[cfg(test)]
mod tests;
