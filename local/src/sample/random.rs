//! A generator of pseudo-random numbers that never changes.
//!
//! The sample must be the same bytes on every machine and after every update of a dependency,
//! because benchmarks compare runs over it and tests contain its counts. Therefore it has its own
//! generator (`SplitMix64`) and no floating-point numbers.

/// `SplitMix64`, after Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
/// (2014).
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items, all equally likely; `items` is not empty.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[index(self.below(items.len() as u64), items.len())]
    }

    /// One of the items, by weight; `items` is not empty.
    pub(super) fn weighted<T: Copy>(&mut self, items: &[(u64, T)]) -> T {
        let mut left = self.below(items.iter().map(|(weight, _)| weight).sum());
        for (weight, item) in items {
            if left < *weight {
                return *item;
            }
            left -= weight;
        }
        items[items.len() - 1].1
    }

    /// An index below `len` whose probability falls with its rank: Zipf's law, which describes how
    /// plays are distributed among artists.
    pub(super) fn ranked(&mut self, len: usize) -> usize {
        let weight = |rank: usize| 1_000_000 / (rank as u64 + 1);
        let mut left = self.below((0..len).map(weight).sum());
        for rank in 0..len {
            if left < weight(rank) {
                return rank;
            }
            left -= weight(rank);
        }
        len.saturating_sub(1)
    }
}

fn index(value: u64, len: usize) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX) % len
}
