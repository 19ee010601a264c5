use serde_json::{Value, json};

use super::*;
use crate::gauges::{Bounds, Gauges};
use crate::query::{Measure, Query};
use crate::reading::{Points, Reading};

const NOON_MS: u64 = 1_709_294_400_000;
const WINDOW: Window = Window { start_ms: NOON_MS, end_ms: NOON_MS + 120_000 };

/// The gauges of a period with only throttles.
fn throttled(times: f64) -> Gauges {
    let mut reading = Reading::default();
    let points = Points { by_period: [(NOON_MS, times)].into(), is_complete: true };
    reading
        .add(&Query::Function { name: "a", resource: None, measure: Measure::Throttles }, points);
    let bounds = Bounds { timeout_ms: None, concurrency: None, min_invocations: 1 };
    Gauges::of(&reading, "a", NOON_MS, bounds)
}

/// The lines, with `at` in minutes instead of `_aws`.
fn lines(emit: impl FnOnce(&mut Lines<'_, &mut Vec<u8>>) -> io::Result<()>) -> Vec<Value> {
    let mut out = Vec::new();
    let mut lines = Lines { namespace: "Sluice", out: &mut out, count: 0 };
    emit(&mut lines).unwrap();
    let count = lines.count;
    let lines: Vec<Value> = out
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut line: Value = serde_json::from_slice(line).unwrap();
            let aws = line.as_object_mut().unwrap().remove("_aws").unwrap();
            line["at"] = json!((aws["Timestamp"].as_u64().unwrap() - NOON_MS) / 60_000);
            line
        })
        .collect();
    assert_eq!(count, lines.len() as u64);
    lines
}

#[test]
fn a_value_is_emitted_once_and_again_when_it_changed() {
    let mut history = History::default();
    let mut emit = |times| lines(|lines| history.emit("a", NOON_MS, &throttled(times), lines));
    assert_eq!(emit(1.0), [json!({"at": 0, "FunctionName": "a", "Throttles": 1.0})]);
    assert_eq!(emit(1.0), Vec::<Value>::new());
    assert_eq!(emit(2.0), [json!({"at": 0, "FunctionName": "a", "Throttles": 2.0})]);
}

#[test]
fn without_values_nothing_is_emitted_or_kept() {
    let mut history = History::default();
    let none = lines(|lines| history.emit("a", NOON_MS, &Gauges::default(), lines));
    assert_eq!((none.len(), history.periods()), (0, 0));
}

#[test]
fn the_worst_of_all_functions_has_no_dimension() {
    let mut history = History::default();
    let mut run = |values: [f64; 2], account: &[(u64, f64)]| {
        let account = account.iter().copied().collect();
        lines(|lines| {
            for (name, times) in ["a", "b"].into_iter().zip(values) {
                history.emit(name, NOON_MS, &throttled(times), lines)?;
            }
            history.emit_overall(&account, WINDOW, lines)
        })
    };
    let minute_later = NOON_MS + 60_000;
    assert_eq!(
        run([1.0, 3.0], &[(NOON_MS, 20.0), (minute_later, 30.0)])[2..],
        [
            json!({"at": 0, "Throttles": 3.0, "AccountConcurrencyUtilization": 20.0}),
            json!({"at": 1, "AccountConcurrencyUtilization": 30.0}),
        ]
    );
    // A value that is not the worst changed.
    assert_eq!(
        run([2.0, 3.0], &[(NOON_MS, 20.0), (minute_later, 31.0)]),
        [
            json!({"at": 0, "FunctionName": "a", "Throttles": 2.0}),
            json!({"at": 1, "AccountConcurrencyUtilization": 31.0}),
        ]
    );
}

#[test]
fn final_periods_and_removed_functions_are_forgotten() {
    let mut history = History::default();
    lines(|lines| {
        for period in WINDOW.periods() {
            history.emit("a", period, &throttled(1.0), lines)?;
            history.emit("b", period, &throttled(1.0), lines)?;
        }
        history.emit_overall(&[(NOON_MS, 1.0)].into(), WINDOW, lines)
    });
    assert_eq!(history.periods(), 2 * 2 + 2);
    history.keep(WINDOW, |name| name == "a");
    assert_eq!(history.periods(), 2 + 2);
    history.keep(Window { start_ms: NOON_MS + 60_000, ..WINDOW }, |_| true);
    assert_eq!(history.periods(), 1 + 1);
    history.keep(Window { start_ms: NOON_MS + 120_000, ..WINDOW }, |_| true);
    assert_eq!(history.periods(), 0);
}
