//! How properties are tried: the same cases in every run, unless `PROPTEST_RNG_SEED` names
//! another seed.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

const SEED: u64 = 20_240_301;

/// Tries `property` on `cases` values, or as many as `PROPTEST_CASES` says where that is more.
pub(crate) fn holds<S: Strategy>(cases: u32, values: &S, property: impl Fn(S::Value)) {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    config.cases = config.cases.max(cases);
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    // Shown where the test fails.
    println!("PROPTEST_RNG_SEED={}", config.rng_seed);
    let outcome = TestRunner::new(config).run(values, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
