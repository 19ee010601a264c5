use Measure::{
    AsyncEventsDropped, ConcurrentExecutions, DeadLetterErrors, Duration, Errors, Invocations,
    IteratorAge, ProvisionedConcurrencySpilloverInvocations, ProvisionedConcurrencyUtilization,
    Throttles,
};

use super::*;
use crate::query::Query;
use crate::reading::Points;

const PERIOD: u64 = 1_709_294_400_000;

const BOUNDS: Bounds =
    Bounds { timeout_ms: Some(4_000), concurrency: Some(20), min_invocations: 1 };

/// The values of one period in which all metrics were read, some of them incompletely.
fn read(values: &[(Measure, f64)], missing: &[Measure], bounds: Bounds) -> Gauges {
    let mut reading = Reading::default();
    for measure in Measure::ALL {
        let value = values.iter().find(|(of, _)| *of == measure).map(|&(_, value)| value);
        let by_period = value.map(|value| (PERIOD, value)).into_iter().collect();
        let points = Points { by_period, is_complete: !missing.contains(&measure) };
        reading.add(&Query::Function { name: "plays", resource: None, measure }, points);
    }
    Gauges::of(&reading, "plays", PERIOD, bounds)
}

fn incomplete(
    values: &[(Measure, f64)],
    missing: &[Measure],
    bounds: Bounds,
) -> Vec<(&'static str, f64)> {
    let metrics = read(values, missing, bounds).metrics().into_iter();
    metrics.map(|(name, _, value)| (name, value)).collect()
}

fn gauges(values: &[(Measure, f64)], bounds: Bounds) -> Vec<(&'static str, f64)> {
    incomplete(values, &[], bounds)
}

#[test]
fn an_ordinary_period_has_every_value() {
    let values = [
        (Invocations, 8.0),
        (Errors, 2.0),
        (Throttles, 2.0),
        (Duration, 1_000.0),
        (ConcurrentExecutions, 5.0),
        (AsyncEventsDropped, 3.0),
        (DeadLetterErrors, 1.0),
        (IteratorAge, 1_500.0),
        (ProvisionedConcurrencyUtilization, 0.5),
        (ProvisionedConcurrencySpilloverInvocations, 4.0),
    ];
    let expected = [
        ("ErrorRate", Unit::Percent, 25.0),
        ("ThrottleRate", Unit::Percent, 20.0),
        ("Errors", Unit::Count, 2.0),
        ("Throttles", Unit::Count, 2.0),
        ("TimeoutHeadroom", Unit::Percent, 75.0),
        ("ConcurrencyUtilization", Unit::Percent, 25.0),
        ("AsyncEventsDropped", Unit::Count, 3.0),
        ("DeadLetterErrors", Unit::Count, 1.0),
        ("IteratorAge", Unit::Milliseconds, 1_500.0),
        ("ProvisionedConcurrencyUtilization", Unit::Percent, 50.0),
        ("ProvisionedConcurrencySpillover", Unit::Count, 4.0),
    ];
    assert_eq!(read(&values, &[], BOUNDS).metrics(), expected);
}

#[test]
fn a_count_without_a_value_is_zero_if_something_ran() {
    let expected = [("ErrorRate", 0.0), ("ThrottleRate", 0.0), ("Errors", 0.0), ("Throttles", 0.0)];
    assert_eq!(gauges(&[(Invocations, 8.0)], BOUNDS), expected);
}

#[test]
fn a_period_with_only_throttles_has_throttles_and_their_rate() {
    let expected = [("ThrottleRate", 100.0), ("Throttles", 3.0)];
    assert_eq!(gauges(&[(Throttles, 3.0)], BOUNDS), expected);
    let zeros = [
        (Invocations, 0.0),
        (Errors, 0.0),
        (Throttles, 3.0),
        (Duration, 0.0),
        (ConcurrentExecutions, 0.0),
        (AsyncEventsDropped, 0.0),
    ];
    assert_eq!(gauges(&zeros, BOUNDS), expected);
}

#[test]
fn a_period_without_traffic_has_nothing() {
    assert_eq!(gauges(&[], BOUNDS), []);
    assert_eq!(gauges(&Measure::ALL.map(|measure| (measure, 0.0)), BOUNDS), []);
}

#[test]
fn an_event_that_is_dropped_after_the_traffic_is_reported() {
    let values = [(AsyncEventsDropped, 2.0), (DeadLetterErrors, 1.0)];
    let expected = [("AsyncEventsDropped", 2.0), ("DeadLetterErrors", 1.0)];
    assert_eq!(gauges(&values, BOUNDS), expected);
}

#[test]
fn a_rate_needs_the_minimum_of_invocations() {
    let bounds = Bounds { min_invocations: 10, ..BOUNDS };
    let counts = [("Errors", 9.0), ("Throttles", 0.0)];
    assert_eq!(gauges(&[(Invocations, 9.0), (Errors, 9.0)], bounds), counts);
    let ten = gauges(&[(Invocations, 10.0), (Errors, 9.0)], bounds);
    assert_eq!(ten[0], ("ErrorRate", 90.0));
    // Of throttles, the minimum of requests.
    let asked = gauges(&[(Invocations, 4.0), (Throttles, 6.0)], bounds);
    assert_eq!(asked, [("ThrottleRate", 60.0), ("Errors", 0.0), ("Throttles", 6.0)]);
    assert_eq!(gauges(&[(Throttles, 9.0)], bounds), [("Throttles", 9.0)]);
}

#[test]
fn an_incomplete_result_is_not_zero() {
    let invocations = (Invocations, 8.0);
    let expected = [("ThrottleRate", 0.0), ("Throttles", 0.0)];
    assert_eq!(incomplete(&[invocations], &[Errors], BOUNDS), expected);
    let expected = [("ErrorRate", 0.0), ("Errors", 0.0)];
    assert_eq!(incomplete(&[invocations], &[Throttles], BOUNDS), expected);
    // Without invocations neither rate is known, but the errors are.
    let values = [(Errors, 2.0), (Throttles, 1.0)];
    let expected = [("Errors", 2.0), ("Throttles", 1.0)];
    assert_eq!(incomplete(&values, &[Invocations], BOUNDS), expected);
    // A value of an incomplete result counts.
    let values = [invocations, (Errors, 2.0)];
    assert_eq!(incomplete(&values, &[Errors, Invocations], BOUNDS)[0], ("ErrorRate", 25.0));
}

#[test]
fn shares_stay_between_0_and_100() {
    let values =
        [(Invocations, 2.0), (Errors, 3.0), (Duration, 4_005.0), (ConcurrentExecutions, 30.0)];
    let shares = gauges(&values, BOUNDS);
    assert_eq!(shares[0], ("ErrorRate", 100.0));
    assert!(shares.contains(&("TimeoutHeadroom", 0.0)), "{shares:?}");
    assert!(shares.contains(&("ConcurrencyUtilization", 100.0)), "{shares:?}");
    // It ran before its concurrency was set to 0.
    let none = Bounds { concurrency: Some(0), ..BOUNDS };
    assert!(gauges(&values, none).contains(&("ConcurrencyUtilization", 100.0)));
}

#[test]
fn without_a_limit_there_is_no_share() {
    let values = [(Invocations, 2.0), (Duration, 1_000.0), (ConcurrentExecutions, 3.0)];
    for timeout_ms in [None, Some(0)] {
        let bounds = Bounds { timeout_ms, concurrency: None, ..BOUNDS };
        let names: Vec<_> = gauges(&values, bounds).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ErrorRate", "ThrottleRate", "Errors", "Throttles"]);
    }
}

fn some(gauge: Gauge, value: f64) -> Gauges {
    let mut gauges = Gauges::default();
    gauges.set(gauge, value);
    gauges
}

#[test]
fn the_worst_is_the_highest_and_of_headroom_the_lowest() {
    for (gauge, name, _) in Gauge::ALL {
        let expected = if name == "TimeoutHeadroom" { 3.0 } else { 7.0 };
        let mut worst = Gauges::default();
        for value in [5.0, 3.0, 7.0] {
            worst.worsen(&some(gauge, value));
            worst.worsen(&Gauges::default());
        }
        assert_eq!(worst, some(gauge, expected), "{name}");
    }
}

#[test]
fn only_different_values_are_changes() {
    let mut known = some(Gauge::Errors, 1.0);
    let mut new = some(Gauge::Errors, 1.0);
    new.set(Gauge::Throttles, 2.0);
    assert_eq!(known.update(&new), some(Gauge::Throttles, 2.0));
    assert_eq!(known.update(&new), Gauges::default());
    assert_eq!(known.update(&some(Gauge::Errors, 3.0)), some(Gauge::Errors, 3.0));
    // A value that is not read this time stays.
    assert_eq!(known.get(Gauge::Throttles), Some(2.0));
}
