//! Nothing is lost with any fault: messages go from a queue through `sqs-consumer` to OpenSearch or
//! a quarantine, and from the dead-letter queue back with `dlq-redrive`, in a simulated world.
//!
//! The functions are real, from the bytes of an invocation to the bytes of its answer. Queues,
//! event source mapping, OpenSearch and time are simulated. A history contains the actions of
//! producers and operators and the faults: calls that fail, hang or report wrong results, messages
//! that are delivered twice or while in flight, processes that end at any await. Everything follows
//! from the history, and the history from its seed.
//!
//! At any time, an event must be in a queue until its document is in the index; a document must not
//! be there twice or without an event; in a FIFO queue no message overtakes another. After all
//! faults have ended, every event that OpenSearch accepts is in the index, and every other event is
//! in the quarantine, in the dead-letter queue if no quarantine exists, or in the parking queue.
//!
//! To run other histories, or one again:
//!
//! ```sh
//! SIMULATION_HISTORIES=1000000 cargo test -p suite --test simulation
//! SIMULATION_SEED=4711 cargo test -p suite --test simulation -- --nocapture
//! ```

#![cfg(test)]

mod draw;
mod functions;
mod history;
mod ledger;
mod message;
mod process;
mod queue;
mod run;
mod search;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use shared::config::Environment;

use crate::history::History;
use crate::run::run;

/// Number of histories, unless `SIMULATION_HISTORIES` is set.
const HISTORIES: u64 = 10_000;

/// Maximum number of runs that make a failing history smaller.
const MAX_SHRINKS: u32 = 20_000;

/// 2 to the 128 divided by the golden ratio: odd, with bits in all places.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// Number of histories that are run with a crash at each await of each process.
const ENDED_EVERYWHERE: u64 = 30;

/// What must happen in some history, so that the test means something.
const EVERYTHING: [&str; 26] = [
    "crashed",
    "deduplicated",
    "deleted with an old handle",
    "deleted, and came back",
    "done, and silent",
    "done, and reported as failed",
    "entry done, and reported as failed",
    "entry failed",
    "failed",
    "given up",
    "good, and kept for a person",
    "hung",
    "indexed",
    "invocation failed",
    "more than asked for",
    "moved by SQS",
    "not redriven",
    "panicked",
    "parked",
    "received again",
    "redriven",
    "refused, and kept",
    "reversed",
    "silent",
    "slow",
    "to come back",
];

type Seen = BTreeMap<&'static str, u64>;

/// A history that fails, and why.
struct Failure {
    seed: u64,
    history: History,
    why: String,
}

/// The history of a seed, with all simpler histories.
fn drawn(seed: u64) -> (TestRunner, impl ValueTree<Value = History>) {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: MAX_SHRINKS,
        ..ProptestConfig::default()
    };
    // Spread over all bits: similar seeds would draw similar histories.
    let bytes = u128::from(seed + 1).wrapping_mul(SPREAD).to_le_bytes();
    let random = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
    let mut runner = TestRunner::new_with_rng(config, random);
    let tree = draw::history().new_tree(&mut runner).unwrap();
    (runner, tree)
}

/// Runs the history of a seed, and makes it smaller if it fails.
fn try_seed(seed: u64, forgets: Option<usize>, counts: &mut Seen) -> Result<(), Failure> {
    let (mut runner, tree) = drawn(seed);
    let ended = run(&tree.current(), forgets, false);
    for (what, times) in ended.seen {
        *counts.entry(what).or_default() += times;
    }
    if ended.broken.is_none() {
        return Ok(());
    }
    let outcome = runner.run_one(tree, |history| {
        run(&history, forgets, false).broken.map_or(Ok(()), |why| Err(TestCaseError::fail(why)))
    });
    match outcome {
        Err(TestError::Fail(_, history)) => {
            let (history, why) = smallest(history, forgets);
            Err(Failure { seed, history, why })
        }
        other => panic!("seed {seed} fails only sometimes: {other:?}"),
    }
}

/// Removes parts of a failing history while the rest still fails, and returns it with its error.
/// The test runner makes it smaller in only one pass.
fn smallest(mut history: History, forgets: Option<usize>) -> (History, String) {
    let fails = |history: &History| run(history, forgets, false).broken.is_some();
    while let Some(smaller) = history.smaller().into_iter().find(fails) {
        history = smaller;
    }
    let why = run(&history, forgets, false).broken;
    (history, why.expect("it fails"))
}

impl Failure {
    /// The error with the history and its trace.
    fn text(&self, forgets: Option<usize>) -> String {
        let Self { seed, history, why } = self;
        let trace = run(history, forgets, true).trace.join("\n");
        format!("SIMULATION_SEED={seed}: {why}\n\nIn the smallest history:\n{history}\n{trace}\n")
    }
}

fn number(variable: &str) -> Option<u64> {
    let environment = Environment::of_this_process();
    environment.get(variable).map(|text| text.parse().expect("a number"))
}

/// Runs the histories of these seeds, on all processors.
fn try_seeds(seeds: Range<u64>) -> Result<Seen, Failure> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let try_some = |first: u64| {
        let mut seen = Seen::new();
        let own = (seeds.start + first..seeds.end).step_by(usize::try_from(threads).unwrap());
        for seed in own {
            try_seed(seed, None, &mut seen)?;
        }
        Ok(seen)
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|first| scope.spawn(move || try_some(first))).collect();
        let mut seen = Seen::new();
        for one in all {
            for (what, times) in one.join().unwrap()? {
                *seen.entry(what).or_default() += times;
            }
        }
        Ok(seen)
    })
}

#[test]
fn nothing_is_lost() {
    let histories = number("SIMULATION_HISTORIES").unwrap_or(HISTORIES);
    let seeds = number("SIMULATION_SEED").map_or(0..histories, |seed| seed..seed + 1);
    let are_enough = seeds.end - seeds.start >= HISTORIES;
    let seen = try_seeds(seeds).unwrap_or_else(|failure| panic!("{}", failure.text(None)));
    println!("{seen:#?}");
    for what in EVERYTHING {
        assert!(!are_enough || seen.contains_key(what), "in no history: {what}");
    }
}

#[test]
fn nothing_is_lost_if_a_process_ends_at_any_await() {
    let mut awaits = 0;
    for seed in 0..ENDED_EVERYWHERE {
        let mut history = drawn(seed).1.current();
        for step in 0..history.steps.len() {
            if let Some(plan) = history.steps[step].action.plan() {
                plan.crash = None;
            }
        }
        for step in 0..history.steps.len() {
            for nth in 0.. {
                let mut history = history.clone();
                let Some(plan) = history.steps[step].action.plan() else { break };
                plan.crash = Some(nth);
                let ended = run(&history, None, false);
                assert_eq!(
                    ended.broken, None,
                    "seed {seed}, await {nth} of step {step}:\n{history}"
                );
                if !ended.seen.contains_key("crashed") {
                    break;
                }
                awaits += 1;
            }
        }
    }
    assert!(awaits > 20 * ENDED_EVERYWHERE, "only {awaits} awaits");
}

#[test]
fn a_history_is_the_same_every_time() {
    for seed in 0..50 {
        let history = drawn(seed).1.current();
        let again = drawn(seed).1.current();
        assert_eq!(run(&history, None, true).trace, run(&again, None, true).trace, "seed {seed}");
    }
}

/// No function can handle an OpenSearch that forgets confirmed documents: the simulation must find
/// that, and make the history small.
#[test]
fn a_loss_is_found_and_made_small() {
    let forgets = Some(3);
    let found = (0..20).find_map(|seed| try_seed(seed, forgets, &mut Seen::new()).err());
    let failure = found.expect("a history in which it forgets");
    assert!(failure.why.contains("is lost"), "{}", failure.why);
    // Only the message: its delivery needs no step.
    assert_eq!(failure.history.steps.len(), 1, "{}", failure.text(forgets));
}
