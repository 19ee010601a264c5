//! The counts of lines.

use super::*;
use crate::line::Cause;

fn report(memory_percent: f64, init_ms: Option<f64>) -> Line {
    let memory = Memory::of(Some(memory_percent), Some(100.0));
    Line::Report(Report { request_id: "a".to_owned(), failure: None, memory, init_ms })
}

fn of(lines: &[(Line, u64)]) -> Outcome {
    let mut tally = Tally::default();
    for (line, time_ms) in lines {
        tally.add(line.clone(), *time_ms);
    }
    tally.finish()
}

#[test]
fn the_highest_value_counts_at_its_first_time() {
    let mut lines = [
        (report(25.0, None), 1),
        (report(75.0, Some(200.0)), 5),
        (report(75.0, Some(100.0)), 3),
        (report(f64::INFINITY, Some(f64::NAN)), 2),
        (Line::Started { init_ms: 150.0 }, 4),
    ];
    let expected = Outcome {
        memory_percent: Some(Highest { value: 75.0, time_ms: 3 }),
        init_ms: Some(Highest { value: 200.0, time_ms: 5 }),
        ..Outcome::default()
    };
    assert_eq!(of(&lines), expected);
    lines.reverse();
    assert_eq!(of(&lines), expected);
    assert_eq!(of(&[]), Outcome::default());
}

#[test]
fn the_number_of_request_ids_is_limited() {
    let failed = |index: usize| Line::Error {
        request_id: format!("request-{index}"),
        cause: Cause::Timeout,
    };
    let lines: Vec<_> = (0..MAX_NAMED + 5).map(|index| (failed(index), index as u64)).collect();
    let outcome = of(&lines);
    assert_eq!(outcome.failures.len(), MAX_NAMED + 5);
    let names: Vec<_> = outcome
        .failures
        .iter()
        .map(|failed| failed.request.and_then(|request| outcome.names.get(&request)))
        .collect();
    let expected = |index: usize| (index < MAX_NAMED).then(|| format!("request-{index}"));
    for (index, name) in names.into_iter().enumerate() {
        assert_eq!(name, expected(index).as_ref());
    }
    // Successful requests are not kept.
    assert!(of(&[(report(1.0, None), 1)]).names.is_empty());
}
