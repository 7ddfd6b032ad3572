//! Configures the generation of runs: equal seeds generate equal runs.

use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Maximum number of iterations to shrink a failing run.
const MOST_SHRINKS: u32 = 4096;

/// Returns a runner that generates this number of runs from a seed.
pub(super) fn runner(cases: u32, seed: u64) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: MOST_SHRINKS,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    })
}
