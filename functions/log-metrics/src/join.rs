//! Counts each failure once: joins the lines of errors of a request with its reports, and failed
//! starts with the invocations that failed with them.
//!
//! A request has as many failures as it has reports that failed, since an asynchronous retry keeps
//! the request's id; or one, where only other lines say that it failed. What a batch holds is not
//! limited, so all of it takes the time of sorting.

use crate::line::{Cause, Failure};
use crate::tally::{Failed, Start, Told, What};

/// Returns every failure once, by time.
pub(crate) fn failures(mut lines: Vec<Told>, starts: Vec<Start>) -> Vec<Failed> {
    lines.sort_unstable_by_key(|told| (told.request, told.is_report(), told.time_ms, told.what));
    for request in lines.chunk_by_mut(|one, other| one.request == other.request) {
        join_request(request);
    }
    lines.retain(Told::is_report);
    // Where times are equal, success comes first, and what no failed start explains last.
    let is_memory = |told: &Told| told.failure() == Some(Failure::OutOfMemory);
    lines.sort_unstable_by_key(|told| (told.time_ms, is_memory(told), told.what, told.request));
    let mut failures = join_starts(starts, &mut lines);
    failures.extend(lines.iter().filter_map(|told| {
        let (time_ms, request) = (told.time_ms, Some(told.request));
        Some(Failed { time_ms, failure: told.failure()?, request })
    }));
    failures.sort_unstable();
    failures
}

/// Writes what the lines of errors say, which come first, into the reports.
fn join_request(lines: &mut [Told]) {
    let (errors, reports) = lines.split_at_mut(lines.partition_point(|told| !told.is_report()));
    let has_failed = |told: &Told| told.failure().is_some();
    if reports.iter().any(has_failed) {
        // A report that says that it timed out needs no line, and where one says so, all do.
        let says_timeout = reports.iter().any(|told| told.failure() == Some(Failure::Timeout));
        let is_needed = |told: &&Told| !says_timeout || told.cause() != Some(Cause::Timeout);
        let failed = reports.iter_mut().filter(|told| has_failed(told));
        explain(errors.iter().filter(is_needed), failed);
        return;
    }
    // One failure, of the report that is nearest to it, or without one.
    let of_invocation = |told: &&Told| told.cause() != Some(Cause::RuntimeOutOfMemory);
    let strongest =
        errors.iter().filter(of_invocation).min_by_key(|told| (told.what, told.time_ms));
    let Some(strongest) = strongest.copied() else { return };
    if reports.is_empty() {
        let report = What::Report { failure: None, is_memory_used_up: false };
        errors[0] = Told { what: report, ..strongest };
        explain([&strongest], errors[..1].iter_mut());
    } else {
        explain([&strongest], reports.iter_mut());
    }
}

/// Gives each line to the report that is nearest in time, of equally near ones to the first that
/// is not explained yet. Both are sorted by time. The lines of a report say what its failure was,
/// unless it says so itself.
fn explain<'a, 'b>(
    errors: impl IntoIterator<Item = &'a Told>,
    reports: impl Iterator<Item = &'b mut Told>,
) {
    let mut reports: Vec<_> = reports.map(|report| (report, None::<Cause>)).collect();
    let mut nearest = 0;
    for error in errors {
        let Some(cause) = error.cause() else { continue };
        let apart = |report: &Told| report.time_ms.abs_diff(error.time_ms);
        while let [(report, known), (next, _), ..] = &reports[nearest..] {
            let is_explained = known.is_some() || !report.is_open();
            if (apart(report), is_explained) <= (apart(next), false) {
                break;
            }
            nearest += 1;
        }
        let known = &mut reports[nearest].1;
        *known = Some(known.map_or(cause, |known| known.min(cause)));
    }
    for (report, cause) in reports {
        let What::Report { is_memory_used_up, .. } = report.what else { continue };
        let Some(cause) = cause.filter(|_| report.is_open()) else { continue };
        report.fail(match cause {
            Cause::Timeout => Failure::Timeout,
            Cause::OutOfMemory | Cause::RuntimeOutOfMemory => Failure::OutOfMemory,
            Cause::Aborted if is_memory_used_up => Failure::OutOfMemory,
            Cause::Aborted | Cause::Other => Failure::Unhandled,
        });
    }
}

/// Makes one failure of each failed start and the invocation that failed with it, whose report is
/// the next one. Returns the failed starts without such an invocation. `reports` are sorted by
/// time.
fn join_starts(mut starts: Vec<Start>, reports: &mut [Told]) -> Vec<Failed> {
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    let (mut pending, mut alone) = (None::<Start>, Vec::new());
    for report in &mut *reports {
        // Lambda tries once more in the invocation: lines before one report are of one start.
        let before = |start: &Start| start.time_ms <= report.time_ms;
        if let Some(start) = std::iter::from_fn(|| starts.next_if(before)).last() {
            alone.extend(pending.replace(start));
        }
        match pending {
            Some(_) if report.failure().is_some() => report.fail(Failure::Init),
            // The second try went well.
            Some(start) if !start.in_invocation => alone.push(start),
            _ => continue,
        }
        pending = None;
    }
    if let Some(start) = starts.next_back() {
        alone.extend(pending.replace(start));
    }
    if let Some(start) = pending {
        // Of the last report, if the lines of the start come late, or of one in the next batch.
        let is_of_start = |failure| failure != Failure::Init;
        match reports.last_mut().filter(|report| report.failure().is_some_and(is_of_start)) {
            Some(report) => report.fail(Failure::Init),
            None => alone.push(start),
        }
    }
    let failed = |Start { time_ms, .. }| Failed { time_ms, failure: Failure::Init, request: None };
    alone.into_iter().map(failed).collect()
}

impl Told {
    const fn is_report(&self) -> bool {
        matches!(self.what, What::Report { .. })
    }

    const fn failure(&self) -> Option<Failure> {
        match self.what {
            What::Report { failure, .. } => failure,
            What::Error(_) => None,
        }
    }

    /// Whether lines of errors can say more than the report itself.
    const fn is_open(&self) -> bool {
        matches!(self.failure(), None | Some(Failure::Unhandled))
    }

    const fn cause(&self) -> Option<Cause> {
        match self.what {
            What::Error(cause) => Some(cause),
            What::Report { .. } => None,
        }
    }

    fn fail(&mut self, with: Failure) {
        if let What::Report { failure, .. } = &mut self.what {
            *failure = Some(with);
        }
    }
}

#[cfg(test)]
mod tests;
