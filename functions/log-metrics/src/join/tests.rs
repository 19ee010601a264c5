//! Which lines are of one failure.

use Failure::{Init, OutOfMemory, Timeout, Unhandled};

use super::*;

/// `Report(None)` and so on, of a request, at a time.
fn told(request: u64, what: What, time_ms: u64) -> Told {
    Told { request, what, time_ms }
}

fn report(request: u64, failure: impl Into<Option<Failure>>, time_ms: u64) -> Told {
    told(request, What::Report(failure.into()), time_ms)
}

fn error(request: u64, failure: Failure, time_ms: u64) -> Told {
    told(request, What::Error(failure), time_ms)
}

fn in_init(timed_out: bool, time_ms: u64) -> Start {
    Start { time_ms, timed_out, in_invocation: false }
}

fn in_invocation(timed_out: bool, time_ms: u64) -> Start {
    Start { time_ms, timed_out, in_invocation: true }
}

/// The failures and their requests, which must be the same in any order of the lines.
fn joined(lines: &[Told], starts: &[Start]) -> Vec<(Failure, Option<u64>)> {
    let of = |lines: Vec<Told>, starts: Vec<Start>| -> Vec<_> {
        failures(lines, starts).iter().map(|failed| (failed.failure, failed.request)).collect()
    };
    let expected = of(lines.to_vec(), starts.to_vec());
    for turn in 0..lines.len() {
        let mut turned = lines.to_vec();
        turned.rotate_left(turn);
        let reversed = turned.iter().rev().copied().collect();
        let mut starts = starts.to_vec();
        starts.reverse();
        assert_eq!(of(turned, starts.clone()), expected);
        assert_eq!(of(reversed, starts), expected);
    }
    expected
}

#[test]
fn one_failure_counts_once_however_it_is_told() {
    for (lines, failure) in [
        (vec![report(1, Timeout, 2)], Timeout),
        (vec![error(1, Timeout, 1)], Timeout),
        (vec![error(1, Timeout, 1), report(1, Timeout, 2)], Timeout),
        (vec![error(1, Timeout, 1), report(1, None, 2)], Timeout),
        (vec![error(1, Timeout, 1), report(1, Unhandled, 2)], Timeout),
        // What times out is killed.
        (vec![error(1, Timeout, 1), error(1, OutOfMemory, 1), report(1, None, 2)], Timeout),
        (vec![error(1, OutOfMemory, 1), report(1, Unhandled, 2)], OutOfMemory),
        (vec![error(1, OutOfMemory, 1), report(1, OutOfMemory, 2)], OutOfMemory),
        (vec![error(1, OutOfMemory, 1), report(1, None, 2)], OutOfMemory),
        (vec![error(1, OutOfMemory, 1)], OutOfMemory),
        (vec![told(1, What::MemoryHint, 1), report(1, Unhandled, 2)], OutOfMemory),
        (vec![error(1, Unhandled, 1), report(1, OutOfMemory, 2)], OutOfMemory),
        (vec![error(1, Unhandled, 1), report(1, Unhandled, 2)], Unhandled),
        (vec![error(1, Unhandled, 1), report(1, None, 2)], Unhandled),
        (vec![error(1, Unhandled, 1)], Unhandled),
        (vec![error(1, Unhandled, 1), error(1, OutOfMemory, 1)], OutOfMemory),
        (vec![error(1, Timeout, 1), error(1, Unhandled, 1)], Timeout),
    ] {
        assert_eq!(joined(&lines, &[]), [(failure, Some(1))], "{lines:?}");
    }
    // A runtime's own opinion of an invocation that went well.
    assert_eq!(joined(&[told(1, What::MemoryHint, 1), report(1, None, 2)], &[]), []);
    assert_eq!(joined(&[report(1, None, 2)], &[]), []);
}

#[test]
fn every_report_is_an_attempt() {
    let lines = [
        error(1, Timeout, 1),
        report(1, Timeout, 2),
        error(1, Timeout, 61),
        report(1, Timeout, 62),
        report(1, None, 122),
    ];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1)), (Timeout, Some(1))]);
    let lines = [error(1, OutOfMemory, 1), report(1, Unhandled, 2), report(1, Timeout, 3)];
    assert_eq!(joined(&lines, &[]), [(OutOfMemory, Some(1)), (Timeout, Some(1))]);
    // The line is of the report that comes with it.
    let lines = [error(1, OutOfMemory, 1), report(1, Unhandled, 2), report(1, OutOfMemory, 62)];
    assert_eq!(joined(&lines, &[]), [(OutOfMemory, Some(1)), (OutOfMemory, Some(1))]);
    let lines = [report(1, Timeout, 2), error(1, Timeout, 61), report(1, None, 60)];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1)), (Timeout, Some(1))]);
    // All at once: as few failures as can be.
    let lines = [error(1, Timeout, 1), report(1, None, 1), report(1, Timeout, 1)];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1))]);
    // One report is in the next batch.
    let lines = [error(1, Timeout, 1), report(1, None, 2), error(1, Timeout, 3)];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1)), (Timeout, Some(1))]);
}

#[test]
fn requests_are_apart() {
    let lines = [error(1, Timeout, 1), report(2, None, 2), report(3, Unhandled, 3)];
    assert_eq!(joined(&lines, &[]), [(Timeout, Some(1)), (Unhandled, Some(3))]);
}

#[test]
fn a_failed_start_does_not_take_want_of_memory_of_the_same_time() {
    let lines = [report(1, OutOfMemory, 1), report(2, Unhandled, 1), report(3, None, 1)];
    let told = joined(&lines, &[in_init(false, 1), in_invocation(false, 1)]);
    assert_eq!(told.len(), 2);
    assert!(told.contains(&(OutOfMemory, Some(1))) && told.contains(&(Init, Some(2))), "{told:?}");
}

#[test]
fn a_failed_start_and_its_invocation_are_one_failure() {
    for (lines, starts) in [
        // Told in both phases, or in one of them.
        (vec![report(1, Unhandled, 4)], vec![in_init(false, 1), in_invocation(false, 2)]),
        (vec![report(1, Timeout, 4)], vec![in_init(true, 1), in_invocation(true, 2)]),
        (vec![report(1, Unhandled, 4)], vec![in_invocation(false, 2)]),
        (vec![report(1, Unhandled, 4)], vec![in_init(false, 1)]),
        (vec![report(1, Timeout, 4)], vec![in_init(true, 1)]),
        // The first phase timed out, the second failed.
        (vec![report(1, Unhandled, 4)], vec![in_init(true, 1), in_invocation(false, 2)]),
        // Older reports have no status.
        (
            vec![error(1, Unhandled, 3), report(1, None, 4)],
            vec![in_init(false, 1), in_invocation(false, 2)],
        ),
        (vec![error(1, OutOfMemory, 3)], vec![in_init(false, 1), in_invocation(false, 2)]),
        // In the wrong order.
        (vec![report(1, Timeout, 1)], vec![in_init(true, 9), in_invocation(true, 7)]),
        (vec![report(1, Unhandled, 1)], vec![in_init(false, 9)]),
    ] {
        assert_eq!(joined(&lines, &starts), [(Init, Some(1))], "{lines:?} {starts:?}");
    }
    for starts in [[in_init(true, 1), in_invocation(false, 2)], [in_init(false, 1); 2]] {
        let failed = joined(&[report(1, None, 3)], &starts);
        assert!(failed.iter().all(|failed| *failed == (Init, None)), "{failed:?}");
    }
}

#[test]
fn a_start_that_timed_out_can_precede_what_goes_well() {
    let start = [in_init(true, 1)];
    let well = [report(1, None, 20)];
    assert_eq!(joined(&well, &start), [(Init, None)]);
    // What fails later has reasons of its own.
    let later = [report(1, None, 20), error(2, Timeout, 30), report(2, Timeout, 30)];
    assert_eq!(joined(&later, &start), [(Init, None), (Timeout, Some(2))]);
    // Also where nobody can tell what was first.
    let at_once = [report(1, None, 1), report(2, Timeout, 1)];
    assert_eq!(joined(&at_once, &start), [(Timeout, Some(2)), (Init, None)]);
}

#[test]
fn a_start_takes_the_invocation_that_failed_with_it() {
    // One ran out of memory; the environment that came after it did not start.
    let lines = [
        error(1, OutOfMemory, 1),
        report(1, Unhandled, 2),
        error(2, Unhandled, 11),
        report(2, Unhandled, 12),
        report(3, Timeout, 20),
    ];
    assert_eq!(
        joined(&lines, &[in_invocation(false, 10)]),
        [(OutOfMemory, Some(1)), (Init, Some(2)), (Timeout, Some(3))]
    );
    // Every invocation starts it again, and fails.
    let lines = [report(1, Timeout, 13), report(2, Timeout, 23), report(3, Timeout, 33)];
    let starts = [
        in_init(true, 10),
        in_invocation(true, 13),
        in_invocation(true, 23),
        in_invocation(true, 33),
    ];
    assert_eq!(joined(&lines, &starts), [(Init, Some(1)), (Init, Some(2)), (Init, Some(3))]);
}

#[test]
fn starts_without_invocations_count() {
    let starts = vec![in_init(false, 1), in_invocation(false, 2)];
    let one = Failed { time_ms: 2, failure: Init, request: None };
    assert_eq!(failures(Vec::new(), starts), [one]);
}
