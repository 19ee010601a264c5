//! The faults of a run and their times, which depend only on the seed.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use local::gate::Weather;

/// A server behind a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    OpenSearch,
    Sqs,
    S3,
    Store,
    /// The services that the watching functions call.
    Monitoring,
}

impl Target {
    pub(crate) const ALL: [Self; 5] =
        [Self::OpenSearch, Self::Sqs, Self::S3, Self::Store, Self::Monitoring];
}

/// A step at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Weather(Target, Weather),
    /// The mortal processes of the function with this number are killed.
    Kill(usize),
    /// A shard of the stream is split, or two are merged.
    Reshard,
    /// The dead-letter queues are redriven.
    Redrive,
    /// The new objects of Firehose's backup are loaded.
    Replay,
}

/// The percentage of a run after which there are no more faults.
const QUIET_FROM_PERCENT: u32 = 93;

/// Number of kills of each function.
const KILLS: u32 = 12;
const RESHARDS: u32 = 6;

/// The steps of a run, ordered by time. A run has ninety units of time, which determine all its
/// times: in a run of half an hour, a unit is 20 s.
pub(crate) fn plan(seed: u64, length: Duration, functions: usize) -> Vec<(Duration, Step)> {
    let mut random = Rng::with_seed(seed);
    let unit = unit(length);
    let quiet = length * QUIET_FROM_PERCENT / 100;
    let mut steps = Vec::new();
    for target in Target::ALL {
        let mut at = part(unit, 100..300, &mut random);
        while at < quiet {
            let (weather, lasting) = bad_weather(target, unit, &mut random);
            let end = (at + lasting).min(quiet);
            steps.push((at, Step::Weather(target, weather)));
            steps.push((end, Step::Weather(target, Weather::Fair)));
            at = end + part(unit, 100..300, &mut random);
        }
    }
    let mut at_any_time = |times: u32, step: Step, steps: &mut Vec<_>| {
        let percent = QUIET_FROM_PERCENT * 100;
        steps.extend((0..times).map(|_| (length * random.u32(0..percent) / 10_000, step)));
    };
    for function in 0..functions {
        at_any_time(KILLS, Step::Kill(function), &mut steps);
    }
    at_any_time(RESHARDS, Step::Reshard, &mut steps);
    steps.extend((1..90).map(|units| (unit * units, Step::Redrive)));
    steps.extend((1..30).map(|units| (unit * 3 * units, Step::Replay)));
    steps.sort_by_key(|(at, _)| *at);
    steps
}

/// The unit of time of a run of this length.
pub(crate) fn unit(length: Duration) -> Duration {
    length / 90
}

/// How a server fails, and for how long.
fn bad_weather(target: Target, unit: Duration, random: &mut Rng) -> (Weather, Duration) {
    let lasting = part(unit, 20..100, random);
    match random.u32(0..5) {
        // Longer than Firehose retries, and than the receives of a message last.
        0 => (Weather::Away, lasting * 2),
        1 => (Weather::Away, lasting),
        2 => {
            let throttled = if target == Target::OpenSearch { 429 } else { 503 };
            (Weather::Refusing(random.choice([throttled, 500]).unwrap_or(500)), lasting)
        }
        3 => (Weather::Slow(part(unit, 1..15, random)), lasting),
        _ => (Weather::Forgetful, lasting),
    }
}

/// Returns a random duration within this range of hundredths of a unit.
fn part(unit: Duration, hundredths: Range<u32>, random: &mut Rng) -> Duration {
    unit * random.u32(hundredths) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_the_end_is_quiet() {
        let length = Duration::from_mins(30);
        let steps = plan(7, length, 5);
        assert_eq!(steps, plan(7, length, 5));
        assert_ne!(steps, plan(8, length, 5));
        assert!(steps.is_sorted_by_key(|(at, _)| *at));
        let quiet = length * QUIET_FROM_PERCENT / 100;
        for target in Target::ALL {
            let weather = |step: &Step| match step {
                Step::Weather(of, weather) if *of == target => Some(*weather),
                _ => None,
            };
            let of_target: Vec<_> = steps.iter().filter_map(|(_, step)| weather(step)).collect();
            assert!(of_target.len() > 30, "{target:?}: {}", of_target.len());
            assert!(of_target.iter().skip(1).step_by(2).all(|weather| *weather == Weather::Fair));
            for kind in [Weather::Away, Weather::Forgetful] {
                assert!(of_target.contains(&kind), "{target:?}: no {kind:?}");
            }
        }
        let kills = |function| steps.iter().filter(move |(_, step)| *step == Step::Kill(function));
        assert!((0..5).all(|function| kills(function).count() == KILLS as usize));
        let harm = |step: &Step| matches!(step, Step::Kill(_) | Step::Weather(..));
        assert!(steps.iter().filter(|(_, step)| harm(step)).all(|(at, _)| *at <= quiet));
    }
}
