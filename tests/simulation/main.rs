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

type Seen = BTreeMap<&'static str, u64>;

/// A history that fails, and why.
struct Failure {
    seed: u64,
    history: History,
    why: String,
}

/// Runs the history of a seed, and makes it smaller where it fails.
fn try_seed(seed: u64, forgets: Option<usize>, counts: &mut Seen) -> Result<(), Failure> {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: MAX_SHRINKS,
        ..ProptestConfig::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, random);
    let tree = draw::history().new_tree(&mut runner).unwrap();
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
        Err(TestError::Fail(why, history)) => {
            Err(Failure { seed, history, why: why.message().to_owned() })
        }
        other => panic!("seed {seed} fails only sometimes: {other:?}"),
    }
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
fn try_seeds(seeds: std::ops::Range<u64>) -> Result<Seen, Failure> {
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
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_HISTORIES").unwrap_or(HISTORIES),
    };
    let seen = try_seeds(seeds).unwrap_or_else(|failure| panic!("{}", failure.text(None)));
    println!("{seen:#?}");
}
