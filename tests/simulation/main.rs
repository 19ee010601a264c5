//! Whatever happens, nothing is lost: the way of messages from a queue through `sqs-consumer`
//! into OpenSearch or a quarantine, and from the dead letters back with `dlq-redrive`, in a world
//! of the tests' own.
//!
//! The functions are the real ones, from the bytes of an invocation to the bytes of its answer.
//! All around them is made up: queues, event source mapping, OpenSearch and time. A history says
//! what producers and operators do and what goes wrong: calls that fail, hang or lie, messages
//! that come twice or while somebody has them, processes that end at any await. Everything follows
//! from the history, and the history from its seed.
//!
//! What has to hold at any time: an event is in a queue as long as its document is not in the
//! index; no document is there twice, and none that nobody sent; in a FIFO queue nobody
//! overtakes. And when all is well again: every event that OpenSearch takes is in the index, every
//! other one in quarantine, or in the dead-letter queue where there is no quarantine; or it is in
//! the parking queue.
//!
//! Other histories, or one again:
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

/// So many histories are run, unless `SIMULATION_HISTORIES` says otherwise.
const HISTORIES: u64 = 10_000;

/// A failing history is made smaller with so many runs at most.
const MAX_SHRINKS: u32 = 20_000;

/// Odd, with bits everywhere: 2 to the 128 divided by the golden ratio.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// The histories that are ended at each await of each process.
const ENDED_EVERYWHERE: u64 = 30;

/// What has to happen in some history, or they are none that prove anything.
const EVERYTHING: [&str; 26] = [
    "crashed",
    "deduplicated",
    "deleted with an old handle",
    "deleted, and came back",
    "done, and silent",
    "done, and told as failed",
    "entry done, and told as failed",
    "entry failed",
    "failed",
    "given again",
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

/// The history of a seed, with all that is simpler than it.
fn drawn(seed: u64) -> (TestRunner, impl ValueTree<Value = History>) {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: MAX_SHRINKS,
        ..ProptestConfig::default()
    };
    // Spread over all bits: what it draws from seeds that differ little would be much the same.
    let bytes = u128::from(seed + 1).wrapping_mul(SPREAD).to_le_bytes();
    let random = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
    let mut runner = TestRunner::new_with_rng(config, random);
    let tree = draw::history().new_tree(&mut runner).unwrap();
    (runner, tree)
}

/// Runs the history of a seed, and makes it smaller where it fails.
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

/// Takes things out of a history that fails as long as what is left fails too, and tells why it
/// does. What drew it makes it smaller in one pass only.
fn smallest(mut history: History, forgets: Option<usize>) -> (History, String) {
    let fails = |history: &History| run(history, forgets, false).broken.is_some();
    while let Some(smaller) = history.smaller().into_iter().find(fails) {
        history = smaller;
    }
    let why = run(&history, forgets, false).broken;
    (history, why.expect("it fails"))
}

impl Failure {
    /// All that a person needs to find the cause.
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
fn whatever_happens_nothing_is_lost() {
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
fn whatever_await_a_process_ends_at_nothing_is_lost() {
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

/// No function survives an OpenSearch that forgets what it said it has: the simulation must find
/// that, and what it shows must be small.
#[test]
fn a_loss_is_found_and_made_small() {
    let forgets = Some(3);
    let found = (0..20).find_map(|seed| try_seed(seed, forgets, &mut Seen::new()).err());
    let failure = found.expect("a history in which it forgets");
    assert!(failure.why.contains("is lost"), "{}", failure.why);
    // A message is sent; that it comes through needs no step.
    assert_eq!(failure.history.steps.len(), 1, "{}", failure.text(forgets));
}
