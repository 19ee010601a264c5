//! Property tests. Every run has the same cases, unless `PROPTEST_RNG_SEED` contains another seed.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

const SEED: u64 = 20_240_301;

/// Checks `property` on `cases` values, or on `PROPTEST_CASES` values if that is more. A failing
/// test prints its seed.
#[expect(clippy::print_stdout, reason = "shown where the test fails")]
pub fn holds<S: Strategy>(cases: u32, values: &S, property: impl Fn(S::Value)) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    config.cases = config.cases.max(cases);
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    println!("PROPTEST_RNG_SEED={}", config.rng_seed);
    let outcome = TestRunner::new(config).run(values, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
