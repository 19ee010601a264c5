//! Lines that belong to one failure.

use Failure::{Init, OutOfMemory, Timeout, Unhandled};

use super::*;

fn report(request: u64, failure: impl Into<Option<Failure>>, time_ms: u64) -> Line {
    let failure = failure.into();
    Line::Report(Invocation { request, time_ms, failure, is_memory_used_up: false })
}

fn used_up(request: u64, failure: impl Into<Option<Failure>>, time_ms: u64) -> Line {
    let failure = failure.into();
    Line::Report(Invocation { request, time_ms, failure, is_memory_used_up: true })
}

fn error(request: u64, cause: Cause, time_ms: u64) -> Line {
    Line::Error(ErrorLine { request, time_ms, cause })
}

#[derive(Clone, Copy, Debug)]
enum Line {
    Error(ErrorLine),
    Report(Invocation),
}

fn in_init(time_ms: u64) -> Start {
    Start { time_ms, in_invocation: false }
}

fn in_invocation(time_ms: u64) -> Start {
    Start { time_ms, in_invocation: true }
}

/// Returns the failures and their requests, which must be the same in any order of the lines.
fn joined(lines: &[Line], starts: &[Start]) -> Vec<(Failure, Option<u64>)> {
    let of = |lines: &[Line], starts: &[Start]| -> Vec<_> {
        let (mut errors, mut reports) = (Vec::new(), Vec::new());
        for line in lines {
            match line {
                Line::Error(error) => errors.push(*error),
                Line::Report(report) => reports.push(*report),
            }
        }
        let failures = failures(errors, reports, starts.to_vec());
        failures.iter().map(|failed| (failed.failure, failed.request)).collect()
    };
    let expected = of(lines, starts);
    let (mut lines, mut starts) = (lines.to_vec(), starts.to_vec());
    starts.reverse();
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        assert_eq!(of(&lines, &starts), expected);
    }
    lines.reverse();
    assert_eq!(of(&lines, &starts), expected);
    expected
}

#[test]
fn one_failure_counts_once_with_any_lines() {
    for (lines, failure) in [
        (vec![report(1, Timeout, 2)], Timeout),
        (vec![error(1, Cause::Timeout, 1)], Timeout),
        (vec![error(1, Cause::Timeout, 1), report(1, Timeout, 2)], Timeout),
        (vec![error(1, Cause::Timeout, 1), report(1, None, 2)], Timeout),
        (vec![error(1, Cause::Timeout, 1), report(1, Unhandled, 2)], Timeout),
        (vec![error(1, Cause::Timeout, 1), report(1, OutOfMemory, 2)], OutOfMemory),
        (vec![error(1, Cause::OutOfMemory, 1)], OutOfMemory),
        (vec![error(1, Cause::OutOfMemory, 1), report(1, Unhandled, 2)], OutOfMemory),
        (vec![error(1, Cause::OutOfMemory, 1), report(1, None, 2)], OutOfMemory),
        (vec![error(1, Cause::OutOfMemory, 1), report(1, Timeout, 2)], Timeout),
        (vec![error(1, Cause::RuntimeOutOfMemory, 1), report(1, Unhandled, 2)], OutOfMemory),
        (vec![error(1, Cause::Other, 1)], Unhandled),
        (vec![error(1, Cause::Other, 1), report(1, Unhandled, 2)], Unhandled),
        (vec![error(1, Cause::Other, 1), report(1, None, 2)], Unhandled),
        (vec![error(1, Cause::Other, 1), report(1, OutOfMemory, 2)], OutOfMemory),
        (vec![error(1, Cause::Other, 1), error(1, Cause::OutOfMemory, 1)], OutOfMemory),
        (vec![error(1, Cause::Timeout, 1), error(1, Cause::Other, 1)], Timeout),
        (
            vec![
                error(1, Cause::Other, 1),
                error(1, Cause::RuntimeOutOfMemory, 2),
                report(1, Unhandled, 3),
            ],
            OutOfMemory,
        ),
        // The runtime is killed after a timeout.
        (
            vec![error(1, Cause::Timeout, 1), error(1, Cause::OutOfMemory, 1), report(1, None, 2)],
            Timeout,
        ),
    ] {
        assert_eq!(joined(&lines, &[]), [(failure, Some(1))], "{lines:?}");
        // Also with repeated lines.
        let mut often = lines.clone();
        often.extend(lines.iter().filter_map(|line| match line {
            Line::Error(error) => {
                Some(Line::Error(ErrorLine { time_ms: error.time_ms + 5, ..*error }))
            }
            Line::Report(_) => None,
        }));
        assert_eq!(joined(&often, &[]), [(failure, Some(1))], "{often:?}");
    }
    // `runtimeDone` of an invocation that succeeded, or whose report is in another batch.
    let hint = error(1, Cause::RuntimeOutOfMemory, 1);
    assert_eq!(joined(&[hint, report(1, None, 2)], &[]), []);
    assert_eq!(joined(&[hint], &[]), []);
    assert_eq!(joined(&[report(1, None, 2)], &[]), []);
}

#[test]
fn a_request_has_one_failure_for_each_failed_report() {
    let lines = [
        error(1, Cause::Timeout, 1),
        report(1, Timeout, 2),
        error(1, Cause::Timeout, 61),
        report(1, Timeout, 62),
        report(1, None, 122),
    ];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1)), (Timeout, Some(1))]);
    let lines = [error(1, Cause::OutOfMemory, 1), report(1, Unhandled, 2), report(1, Timeout, 3)];
    assert_eq!(joined(&lines, &[]), [(OutOfMemory, Some(1)), (Timeout, Some(1))]);
    // A line explains its own report, not another one.
    let lines = [
        error(1, Cause::OutOfMemory, 1),
        report(1, Unhandled, 2),
        error(1, Cause::Other, 61),
        report(1, Unhandled, 62),
    ];
    assert_eq!(joined(&lines, &[]), [(OutOfMemory, Some(1)), (Unhandled, Some(1))]);
    let lines = [
        report(1, Unhandled, 2),
        error(1, Cause::Aborted, 3),
        used_up(1, Unhandled, 62),
        error(1, Cause::Aborted, 63),
    ];
    assert_eq!(joined(&lines, &[]), [(Unhandled, Some(1)), (OutOfMemory, Some(1))]);
    // Equally near to both: it belongs to the one without a line.
    let lines = [
        error(1, Cause::Other, 0),
        report(1, Unhandled, 1),
        error(1, Cause::OutOfMemory, 2),
        report(1, Unhandled, 3),
    ];
    assert_eq!(joined(&lines, &[]), [(Unhandled, Some(1)), (OutOfMemory, Some(1))]);
    // The report has the timeout itself.
    for (time_ms, killed_ms) in [(0, 2), (1, 3)] {
        let lines = [
            error(1, Cause::Timeout, time_ms),
            report(1, Timeout, 1),
            error(1, Cause::Timeout, time_ms + 1),
            error(1, Cause::OutOfMemory, killed_ms),
            report(1, Unhandled, 3),
        ];
        assert_eq!(joined(&lines, &[]), [(Timeout, Some(1)), (OutOfMemory, Some(1))]);
    }
    // More lines than failed reports, or without one: they belong to the same failures.
    let lines = [error(1, Cause::Timeout, 1), report(1, Timeout, 2), error(1, Cause::Timeout, 61)];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1))]);
    let lines = [error(1, Cause::Timeout, 1), report(1, None, 2), error(1, Cause::Timeout, 61)];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1))]);
    // Other requests have separate failures.
    let lines = [error(1, Cause::Timeout, 1), report(2, None, 2), report(3, Unhandled, 3)];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1)), (Unhandled, Some(3))]);
}

#[test]
fn a_failed_start_and_its_invocation_are_one_failure() {
    for (lines, starts) in [
        // Reported in both phases, in one of them, or twice.
        (vec![report(1, Unhandled, 4)], vec![in_init(1), in_invocation(2)]),
        (vec![report(1, Timeout, 4)], vec![in_init(1), in_invocation(2)]),
        (vec![report(1, Timeout, 4)], vec![in_invocation(2)]),
        (vec![report(1, Unhandled, 4)], vec![in_init(1)]),
        (vec![report(1, OutOfMemory, 4)], vec![in_init(1), in_init(1), in_invocation(2)]),
        // Older reports have no status.
        (vec![error(1, Cause::Other, 3), report(1, None, 4)], vec![in_init(1), in_invocation(2)]),
        (vec![report(1, None, 4), error(1, Cause::Timeout, 5)], vec![in_invocation(2)]),
        // The report is in the next batch.
        (vec![error(1, Cause::OutOfMemory, 3)], vec![in_init(1), in_invocation(2)]),
        // In the wrong order.
        (vec![report(1, Timeout, 1)], vec![in_init(9), in_invocation(7)]),
        (vec![report(1, Unhandled, 1)], vec![in_init(9)]),
    ] {
        assert_eq!(joined(&lines, &starts), [(Init, Some(1))], "{lines:?} {starts:?}");
    }
    let starts = vec![in_init(1), in_invocation(2)];
    let one = Failed { time_ms: 2, failure: Init, request: None };
    assert_eq!(failures(Vec::new(), Vec::new(), starts), [one]);
}

#[test]
fn a_start_that_failed_can_precede_an_invocation_that_succeeds() {
    let succeeded = report(1, None, 20);
    assert_eq!(joined(&[succeeded], &[in_init(1)]), [(Init, None)]);
    // A later failure has another cause.
    let later = [succeeded, error(2, Cause::Timeout, 30), report(2, Timeout, 30)];
    assert_eq!(joined(&later, &[in_init(1)]), [(Init, None), (Timeout, Some(2))]);
    // Also at equal times.
    let at_once = [report(1, None, 1), report(2, Timeout, 1)];
    assert_eq!(joined(&at_once, &[in_init(1)]), [(Timeout, Some(2)), (Init, None)]);
    // A start in an invocation fails that invocation, not one that succeeds.
    assert_eq!(joined(&at_once, &[in_invocation(1)]), [(Init, Some(2))]);
    assert_eq!(joined(&[succeeded], &[in_invocation(1)]), [(Init, None)]);
    let twice = [in_invocation(1), in_invocation(21)];
    assert_eq!(joined(&[succeeded], &twice), [(Init, None), (Init, None)]);
    assert_eq!(
        joined(&[succeeded, report(2, Timeout, 22)], &twice),
        [(Init, None), (Init, Some(2))]
    );
}

#[test]
fn a_start_and_the_invocation_that_failed_with_it_are_one_failure() {
    // One invocation ran out of memory; the next environment did not start.
    let lines = [
        error(1, Cause::OutOfMemory, 1),
        report(1, Unhandled, 2),
        error(2, Cause::Other, 11),
        report(2, Unhandled, 12),
        report(3, Timeout, 20),
    ];
    assert_eq!(
        joined(&lines, &[in_invocation(10)]),
        [(OutOfMemory, Some(1)), (Init, Some(2)), (Timeout, Some(3))]
    );
    // Every invocation starts again, and fails.
    let lines = [report(1, Timeout, 13), report(2, Timeout, 23), report(3, Timeout, 33)];
    let starts = [in_init(10), in_invocation(13), in_invocation(23), in_invocation(33)];
    assert_eq!(joined(&lines, &starts), [(Init, Some(1)), (Init, Some(2)), (Init, Some(3))]);
    // At equal times, it was not the one that ran out of memory.
    let lines = [report(1, OutOfMemory, 1), report(2, Unhandled, 1), report(3, None, 1)];
    let found = joined(&lines, &[in_invocation(1)]);
    assert_eq!(found, [(OutOfMemory, Some(1)), (Init, Some(2))]);
}
