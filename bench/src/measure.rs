//! Rounds of invocations, all functions in turn, in an order that changes, so that what disturbs the
//! machine disturbs all.

use std::time::Duration;

use crate::Error;
use crate::functions::{Function, HELLO};
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::request::Request;
use crate::runtime_api::Invocation;

/// Whoever comes after a heavy one finds cold caches: who that is changes from round to round, in
/// the same way in each run.
const ORDER_SEED: u64 = 7;

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many rounds of a request every function is invoked in.
    pub rounds: usize,
    /// How many cold starts of each function.
    pub cold_starts: usize,
}

impl Effort {
    /// Enough for figures to be quoted.
    pub const FULL: Self = Self { rounds: 25, cold_starts: 101 };
    /// Enough to see whether something went wrong.
    pub const QUICK: Self = Self { rounds: 5, cold_starts: 5 };
}

/// The median and the extremes of what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one; the lower of the two middle ones of an even number.
    pub median: Duration,
    /// The least.
    pub min: Duration,
    /// The most.
    pub max: Duration,
}

impl Spread {
    /// Of what was measured; all zero if nothing was.
    #[must_use]
    pub fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self { median: at(last / 2), min: at(0), max: at(last) }
    }
}

/// What one function took for one request.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The function.
    pub function: &'static str,
    /// The process's time for one invocation.
    pub cpu: Spread,
    /// From the first byte of the request to the last of the answer.
    pub wall: Spread,
    /// The most memory that the process ever held, in bytes.
    pub peak_memory_bytes: u64,
    /// The same before its first invocation.
    pub idle_memory_bytes: u64,
}

/// Invokes every function (but hello) with the request, in turns, after a warm-up.
///
/// # Errors
/// When a function fails.
pub fn costs(
    functions: &[Function],
    request: &Request,
    cores: Cores,
    effort: Effort,
) -> Result<Vec<Cost>, Error> {
    let invocation = Invocation::new(&request.body)?;
    let functions: Vec<_> = functions.iter().filter(|it| it.name != HELLO).collect();
    let mut runs = Vec::new();
    for function in &functions {
        let mut running = Running::start(function, cores)?;
        for _ in 0..warm_ups(request) {
            running.invoke(&invocation)?;
        }
        runs.push((running, Vec::new()));
    }
    let mut order = fastrand::Rng::with_seed(ORDER_SEED);
    for _ in 0..effort.rounds {
        let mut turns: Vec<_> = runs.iter_mut().collect();
        order.shuffle(&mut turns);
        for (running, invoked) in turns {
            for _ in 0..invocations_per_turn(request) {
                let one = running.invoke(&invocation)?;
                invoked.push((one.cpu, one.wall));
            }
        }
    }
    let costs = functions.iter().zip(runs).map(|(function, (running, invoked))| {
        let (cpu, wall) = invoked.into_iter().unzip();
        Ok(Cost {
            function: function.name,
            cpu: Spread::of(cpu),
            wall: Spread::of(wall),
            peak_memory_bytes: running.peak_memory_bytes()?,
            idle_memory_bytes: running.cold_start.memory_bytes,
        })
    });
    costs.collect()
}

/// Enough for a compiler that learns while it runs, within some seconds.
fn warm_ups(request: &Request) -> usize {
    (20_000_000 / request.body.len().max(1)).clamp(4, 300)
}

/// A request of five records takes less than what waking up a process varies by.
fn invocations_per_turn(request: &Request) -> usize {
    (1_000_000 / request.body.len().max(1)).clamp(1, 10)
}

/// What one function took to be ready.
#[derive(Clone, Debug)]
pub struct Start {
    /// The function.
    pub function: &'static str,
    /// The process's time.
    pub cpu: Spread,
    /// From the start of the process to its first request for an invocation.
    pub wall: Spread,
    /// The most memory that the process held by then, in bytes.
    pub memory_bytes: u64,
    /// The bytes of its binary, if it has one of its own.
    pub binary_bytes: Option<u64>,
}

/// Starts every function anew, in turns.
///
/// # Errors
/// When a function does not start.
pub fn cold_starts(
    functions: &[Function],
    cores: Cores,
    effort: Effort,
) -> Result<Vec<Start>, Error> {
    let mut starts = vec![(Vec::new(), Vec::new(), 0); functions.len()];
    let mut order = fastrand::Rng::with_seed(ORDER_SEED);
    // The first round only brings the files into memory.
    for round in 0..=effort.cold_starts {
        let mut turns: Vec<_> = functions.iter().zip(&mut starts).collect();
        order.shuffle(&mut turns);
        for (function, (cpu, wall, memory_bytes)) in turns {
            let running = Running::start(function, cores)?;
            if round > 0 {
                cpu.push(running.cold_start.cpu);
                wall.push(running.cold_start.wall);
                *memory_bytes = running.cold_start.memory_bytes.max(*memory_bytes);
            }
        }
    }
    let starts = functions.iter().zip(starts).map(|(function, (cpu, wall, memory_bytes))| Start {
        function: function.name,
        cpu: Spread::of(cpu),
        wall: Spread::of(wall),
        memory_bytes,
        binary_bytes: function.binary_bytes,
    });
    Ok(starts.collect())
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
        assert_eq!(spread(&[]), Spread { median: ms(0), min: ms(0), max: ms(0) });
    }
}
