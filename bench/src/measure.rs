//! Rounds of invocations of all functions in an order that changes, so that disturbances of the
//! machine affect all of them.

use std::time::Duration;

use crate::Error;
use crate::functions::{Function, HELLO};
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::request::Request;
use crate::runtime_api::Invocation;
use crate::valgrind::Heap;

/// A function that follows a heavy one finds cold caches: which one that is changes from round to
/// round, in the same way in each run.
const ORDER_SEED: u64 = 7;

/// The numbers of repetitions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Number of rounds of a request for every function.
    rounds: usize,
    /// Number of cold starts of each function.
    cold_starts: usize,
    /// Number of times that every function loads an object.
    pub(crate) objects: usize,
    /// How long readings are put into a stream.
    pub(crate) latency_seconds: u32,
}

impl Effort {
    /// Enough for figures that can be published.
    pub(crate) const FULL: Self =
        Self { rounds: 25, cold_starts: 101, objects: 3, latency_seconds: 60 };
    /// Enough to check that everything works.
    pub(crate) const QUICK: Self =
        Self { rounds: 5, cold_starts: 5, objects: 1, latency_seconds: 10 };
}

/// The median and the extremes of a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spread {
    /// The median; for an even number of values, the lower of the two middle ones.
    pub(crate) median: Duration,
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Spread {
    /// Computes the spread of values; all zero if there are none.
    pub(crate) fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self { median: at(last / 2), min: at(0), max: at(last) }
    }
}

/// The cost of one function for one request, or for its start.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) function: Function,
    /// The CPU time of the process for one invocation, or up to its first request for one.
    pub(crate) cpu: Spread,
    /// The time from the first byte of the request to the last byte of the answer, or from the
    /// start of the process to its first request for an invocation.
    pub(crate) wall: Spread,
    /// Maximum memory of the process, in bytes.
    pub(crate) peak_memory_bytes: u64,
    /// Maximum memory before its first invocation, in bytes.
    pub(crate) idle_memory_bytes: u64,
    /// The heap use of one invocation, if it was counted.
    pub(crate) heap: Option<Heap>,
}

impl Cost {
    fn of(function: &Function, times: Vec<(Duration, Duration)>, peak: u64, idle: u64) -> Self {
        let (cpu, wall) = times.into_iter().unzip();
        Self {
            function: function.clone(),
            cpu: Spread::of(cpu),
            wall: Spread::of(wall),
            peak_memory_bytes: peak,
            idle_memory_bytes: idle,
            heap: None,
        }
    }
}

/// The numbers of invocations of every function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    /// Number of invocations before the measurement.
    pub(crate) warm_ups: usize,
    pub(crate) rounds: usize,
    /// Number of invocations per round.
    pub(crate) per_turn: usize,
}

/// Invokes every function except hello with the request, in turns, after a warm-up.
pub(crate) fn costs(
    functions: &[Function],
    request: &Request,
    cores: Cores,
    effort: Effort,
) -> Result<Vec<Cost>, Error> {
    let bytes = request.body.len().max(1);
    // Enough for a just-in-time compiler, within some seconds.
    let warm_ups = (20_000_000 / bytes).clamp(4, 300);
    // A request of five records takes less time than the variation of waking up a process.
    let per_turn = (1_000_000 / bytes).clamp(1, 10);
    let turns = Turns { warm_ups, rounds: effort.rounds, per_turn };
    costs_in_turns(functions, request, cores, turns)
}

/// Invokes every function except hello with the request, in turns.
pub(crate) fn costs_in_turns(
    functions: &[Function],
    request: &Request,
    cores: Cores,
    Turns { warm_ups, rounds, per_turn }: Turns,
) -> Result<Vec<Cost>, Error> {
    let invocation = Invocation::new(&request.body)?;
    let mut runs = Vec::new();
    for function in functions.iter().filter(|it| it.name != HELLO) {
        let mut running = Running::start(function, cores)?;
        for _ in 0..warm_ups {
            running.invoke(&invocation)?;
        }
        runs.push((function, running, Vec::new()));
    }
    let mut order = fastrand::Rng::with_seed(ORDER_SEED);
    for _ in 0..rounds {
        let mut turns: Vec<_> = runs.iter_mut().collect();
        order.shuffle(&mut turns);
        for (_, running, times) in turns {
            for _ in 0..per_turn {
                let one = running.invoke(&invocation)?;
                times.push((one.cpu, one.wall));
            }
        }
    }
    let costs = runs.into_iter().map(|(function, running, times)| {
        let peak = running.process.peak_memory_bytes()?;
        Ok(Cost::of(function, times, peak, running.cold_start.memory_bytes))
    });
    costs.collect()
}

/// Starts every function, in turns.
pub(crate) fn cold_starts(
    functions: &[Function],
    cores: Cores,
    effort: Effort,
) -> Result<Vec<Cost>, Error> {
    let mut starts = vec![Vec::new(); functions.len()];
    let mut order = fastrand::Rng::with_seed(ORDER_SEED);
    // The first round only loads the files into memory.
    for round in 0..=effort.cold_starts {
        let mut turns: Vec<_> = functions.iter().zip(&mut starts).collect();
        order.shuffle(&mut turns);
        for (function, starts) in turns {
            let start = Running::start(function, cores)?.cold_start;
            if round > 0 {
                starts.push(start);
            }
        }
    }
    let costs = functions.iter().zip(starts).map(|(function, starts)| {
        let memory = starts.iter().map(|start| start.memory_bytes).max().unwrap_or_default();
        let times = starts.iter().map(|start| (start.cpu, start.wall)).collect();
        Cost::of(function, times, memory, memory)
    });
    Ok(costs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_of_the_values() {
        let ms = Duration::from_millis;
        let spread = |values: &[u64]| Spread::of(values.iter().copied().map(ms).collect());
        assert_eq!(spread(&[3, 1, 9]), Spread { median: ms(3), min: ms(1), max: ms(9) });
        assert_eq!(spread(&[4, 2]), Spread { median: ms(2), min: ms(2), max: ms(4) });
        assert_eq!(spread(&[]), Spread::default());
    }
}
