use Measure::{
    AsyncEventsDropped, ConcurrentExecutions, DeadLetterErrors, Duration, Errors, Invocations,
    IteratorAge, ProvisionedConcurrencySpillover, ProvisionedConcurrencyUtilization, Throttles,
};

use super::*;
use crate::query::Query;
use crate::reading::Points;

const PERIOD: u64 = 1_709_294_400_000;

const BOUNDS: Bounds =
    Bounds { timeout_ms: Some(4_000), concurrency: Some(20), min_invocations: 1 };

/// What is told of one period, where all of these metrics were read, and whole.
fn gauges(values: &[(Measure, f64)], bounds: Bounds) -> Vec<(&'static str, f64)> {
    told(values, &[], bounds)
}

/// The same, where some answers are not whole.
fn told(
    values: &[(Measure, f64)],
    in_part: &[Measure],
    bounds: Bounds,
) -> Vec<(&'static str, f64)> {
    let mut reading = Reading::default();
    for measure in Measure::ALL {
        let value = values.iter().find(|(of, _)| *of == measure).map(|&(_, value)| value);
        let by_period = value.map(|value| (PERIOD, value)).into_iter().collect();
        let points = Points { by_period, is_whole: !in_part.contains(&measure) };
        reading.add(&Query::Function { name: "plays", resource: None, measure }, points);
    }
    let gauges = Gauges::of(&reading, "plays", PERIOD, bounds);
    gauges.metrics().into_iter().map(|(name, _, value)| (name, value)).collect()
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
        (ProvisionedConcurrencySpillover, 4.0),
    ];
    let expected = [
        ("ErrorRate", 25.0),
        ("ThrottleRate", 20.0),
        ("Errors", 2.0),
        ("Throttles", 2.0),
        ("TimeoutHeadroom", 75.0),
        ("ConcurrencyUtilization", 25.0),
        ("AsyncEventsDropped", 3.0),
        ("DeadLetterErrors", 1.0),
        ("IteratorAge", 1_500.0),
        ("ProvisionedConcurrencyUtilization", 50.0),
        ("ProvisionedConcurrencySpillover", 4.0),
    ];
    assert_eq!(gauges(&values, BOUNDS), expected);
}

#[test]
fn units_are_those_of_the_values() {
    let all = Gauges([Some(1.0); Gauge::ALL.len()]);
    let units: Vec<_> = all.metrics().into_iter().map(|(name, unit, _)| (name, unit)).collect();
    let expected = [
        ("ErrorRate", Unit::Percent),
        ("ThrottleRate", Unit::Percent),
        ("Errors", Unit::Count),
        ("Throttles", Unit::Count),
        ("TimeoutHeadroom", Unit::Percent),
        ("ConcurrencyUtilization", Unit::Percent),
        ("AsyncEventsDropped", Unit::Count),
        ("DeadLetterErrors", Unit::Count),
        ("IteratorAge", Unit::Milliseconds),
        ("ProvisionedConcurrencyUtilization", Unit::Percent),
        ("ProvisionedConcurrencySpillover", Unit::Count),
    ];
    assert_eq!(units, expected);
}

#[test]
fn what_was_counted_and_has_no_value_is_zero_where_something_ran() {
    let expected = [("ErrorRate", 0.0), ("ThrottleRate", 0.0), ("Errors", 0.0), ("Throttles", 0.0)];
    assert_eq!(gauges(&[(Invocations, 8.0)], BOUNDS), expected);
}

#[test]
fn a_period_of_throttles_alone_has_throttles_and_their_rate() {
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
fn an_event_that_is_lost_after_the_traffic_is_told() {
    let values = [(AsyncEventsDropped, 2.0), (DeadLetterErrors, 1.0)];
    let expected = [("AsyncEventsDropped", 2.0), ("DeadLetterErrors", 1.0)];
    assert_eq!(gauges(&values, BOUNDS), expected);
}

#[test]
fn rates_of_too_few_are_not_told() {
    let bounds = Bounds { min_invocations: 10, ..BOUNDS };
    let counts = [("Errors", 9.0), ("Throttles", 0.0)];
    assert_eq!(gauges(&[(Invocations, 9.0), (Errors, 9.0)], bounds), counts);
    let ten = gauges(&[(Invocations, 10.0), (Errors, 9.0)], bounds);
    assert_eq!(ten[0], ("ErrorRate", 90.0));
    // What was asked for, not what ran.
    let asked = gauges(&[(Invocations, 4.0), (Throttles, 6.0)], bounds);
    assert_eq!(asked, [("ThrottleRate", 60.0), ("Errors", 0.0), ("Throttles", 6.0)]);
    assert_eq!(gauges(&[(Throttles, 9.0)], bounds), [("Throttles", 9.0)]);
}

#[test]
fn what_is_not_whole_is_not_taken_for_zero() {
    let invocations = (Invocations, 8.0);
    let expected = [("ThrottleRate", 0.0), ("Throttles", 0.0)];
    assert_eq!(told(&[invocations], &[Errors], BOUNDS), expected);
    let expected = [("ErrorRate", 0.0), ("Errors", 0.0)];
    assert_eq!(told(&[invocations], &[Throttles], BOUNDS), expected);
    // Without what ran, neither rate; but the errors are told.
    let values = [(Errors, 2.0), (Throttles, 1.0)];
    let expected = [("Errors", 2.0), ("Throttles", 1.0)];
    assert_eq!(told(&values, &[Invocations], BOUNDS), expected);
    // A value of an answer in part is a value.
    let values = [invocations, (Errors, 2.0)];
    assert_eq!(told(&values, &[Errors, Invocations], BOUNDS)[0], ("ErrorRate", 25.0));
}

#[test]
fn shares_stay_between_0_and_100() {
    let values =
        [(Invocations, 2.0), (Errors, 3.0), (Duration, 4_005.0), (ConcurrentExecutions, 30.0)];
    let told = gauges(&values, BOUNDS);
    assert_eq!(told[0], ("ErrorRate", 100.0));
    assert!(told.contains(&("TimeoutHeadroom", 0.0)), "{told:?}");
    assert!(told.contains(&("ConcurrencyUtilization", 100.0)), "{told:?}");
    // Nothing is reserved for it, and yet it ran: before it was so.
    let none = Bounds { concurrency: Some(0), ..BOUNDS };
    assert!(gauges(&values, none).contains(&("ConcurrencyUtilization", 100.0)));
}

#[test]
fn without_what_to_measure_against_there_is_no_share() {
    let values = [(Invocations, 2.0), (Duration, 1_000.0), (ConcurrentExecutions, 3.0)];
    for timeout_ms in [None, Some(0)] {
        let bounds = Bounds { timeout_ms, concurrency: None, ..BOUNDS };
        let names: Vec<_> = gauges(&values, bounds).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ErrorRate", "ThrottleRate", "Errors", "Throttles"]);
    }
}

fn some(gauge: Gauge, value: f64) -> Gauges {
    let mut gauges = Gauges::default();
    gauges.0[gauge as usize] = Some(value);
    gauges
}

#[test]
fn the_worst_is_the_highest_and_of_headroom_the_lowest() {
    for (gauge, expected) in Gauge::ALL.map(|gauge| (gauge, 7.0)).map(|(gauge, highest)| {
        if gauge == Gauge::TimeoutHeadroom { (gauge, 3.0) } else { (gauge, highest) }
    }) {
        let mut worst = Gauges::default();
        for value in [5.0, 3.0, 7.0] {
            worst.worsen(&some(gauge, value));
            worst.worsen(&Gauges::default());
        }
        assert_eq!(worst, some(gauge, expected), "{gauge:?}");
    }
}

#[test]
fn only_other_values_are_changes() {
    let mut known = some(Gauge::Errors, 1.0);
    let mut new = some(Gauge::Errors, 1.0);
    new.0[Gauge::Throttles as usize] = Some(2.0);
    assert_eq!(known.update(&new), some(Gauge::Throttles, 2.0));
    assert_eq!(known.update(&new), Gauges::default());
    assert_eq!(known.update(&some(Gauge::Errors, 3.0)), some(Gauge::Errors, 3.0));
    // What is not read this time is still what it was.
    assert_eq!(known.get(Gauge::Throttles), Some(2.0));
}
