//! Rounds of invocations, all functions in turn, in an order that changes, so that what disturbs the
//! machine disturbs all.

use std::time::Duration;

use crate::Error;
use crate::functions::{Function, HELLO};
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::request::Request;
use crate::runtime_api::Invocation;
use crate::valgrind::Heap;

/// Whoever comes after a heavy one finds cold caches: who that is changes from round to round, in
/// the same way in each run.
const ORDER_SEED: u64 = 7;

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How many rounds of a request every function is invoked in.
    rounds: usize,
    /// How many cold starts of each function.
    cold_starts: usize,
    /// How often every function loads an object.
    pub(crate) objects: usize,
    /// How long readings are put into a stream.
    pub(crate) latency_seconds: u32,
}

impl Effort {
    /// Enough for figures to be quoted.
    pub(crate) const FULL: Self =
        Self { rounds: 25, cold_starts: 101, objects: 3, latency_seconds: 60 };
    /// Enough to see whether something went wrong.
    pub(crate) const QUICK: Self =
        Self { rounds: 5, cold_starts: 5, objects: 1, latency_seconds: 10 };
}

/// The median and the extremes of what was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spread {
    /// The middle one; the lower of the two middle ones of an even number.
    pub(crate) median: Duration,
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Spread {
    /// Of what was measured; all zero if nothing was.
    pub(crate) fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self { median: at(last / 2), min: at(0), max: at(last) }
    }
}

/// What one function took for one request, or to be ready.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) function: Function,
    /// The process's time for one invocation, or up to its first request for one.
    pub(crate) cpu: Spread,
    /// From the first byte of the request to the last of the answer, or from the start of the
    /// process to its first request for an invocation.
    pub(crate) wall: Spread,
    /// The most memory that the process ever held, in bytes.
    pub(crate) peak_memory_bytes: u64,
    /// The same before its first invocation.
    pub(crate) idle_memory_bytes: u64,
    /// What it took from the heap for one invocation, if that was counted.
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

/// How often every function is invoked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    /// Before anything is measured.
    pub(crate) warm_ups: usize,
    pub(crate) rounds: usize,
    /// In a round.
    pub(crate) per_turn: usize,
}

/// Invokes every function (but hello) with the request, in turns, after a warm-up.
pub(crate) fn costs(
    functions: &[Function],
    request: &Request,
    cores: Cores,
    effort: Effort,
) -> Result<Vec<Cost>, Error> {
    let bytes = request.body.len().max(1);
    // Enough for a compiler that learns while it runs, within some seconds.
    let warm_ups = (20_000_000 / bytes).clamp(4, 300);
    // A request of five records takes less than what waking up a process varies by.
    let per_turn = (1_000_000 / bytes).clamp(1, 10);
    let turns = Turns { warm_ups, rounds: effort.rounds, per_turn };
    costs_in_turns(functions, request, cores, turns)
}

/// Invokes every function (but hello) with the request, in turns.
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

/// Starts every function anew, in turns.
pub(crate) fn cold_starts(
    functions: &[Function],
    cores: Cores,
    effort: Effort,
) -> Result<Vec<Cost>, Error> {
    let mut starts = vec![Vec::new(); functions.len()];
    let mut order = fastrand::Rng::with_seed(ORDER_SEED);
    // The first round only brings the files into memory.
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
