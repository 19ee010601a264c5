//! Sample music events, which are the same bytes on every machine, for the demo, the tests and the
//! benchmarks.
//!
//! Like real producers, they differ in names, types and clocks. [`events`] returns valid events,
//! [`hostile`] unusual and broken ones, and [`demo`] a mixture.

mod aggregate;
mod catalog;
mod hostile;
mod listening;
mod objects;
mod producers;
mod random;
mod readings;

pub use aggregate::aggregate;
pub use hostile::hostile;
pub use objects::{Content, Object, objects};
pub use readings::{Reading, Readings, Sending, windows};

use listening::Listening;
use random::Random;

/// Number of events of [`demo`].
pub const DEMO_EVENTS: usize = 5_000;
const DEMO_SEED: u64 = 20_240_301;

/// The size of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// About 400 bytes: the event itself, and little more.
    Small,
    /// About 1.8 kB, with a nested context of devices, experiments and recommendations.
    Large,
}

/// `count` valid small events. The same seed yields the same bytes, and a larger count begins with
/// the events of a smaller one.
pub fn events(seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    events_of(Size::Small, seed, count)
}

/// Like [`events`], with events of this size.
pub fn events_of(size: Size, seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    let (mut random, mut listening) = (Random::new(seed), Listening::new(seed));
    (0..count).map(move |_| {
        let interaction = listening.draw(&mut random);
        producers::write(&interaction, size == Size::Large, &mut random)
    })
}

/// The events of the demo: [`DEMO_EVENTS`], with each [`hostile`] one once among them, evenly
/// distributed.
#[must_use]
pub fn demo() -> Vec<Vec<u8>> {
    let hostile = hostile();
    let every = DEMO_EVENTS / hostile.len();
    let mut well_meant = events(DEMO_SEED, DEMO_EVENTS - hostile.len());
    let mut hostile = hostile.into_iter().map(|(_, payload)| payload);
    (1..=DEMO_EVENTS)
        .filter_map(|place| {
            let due = if place % every == 0 { hostile.next() } else { None };
            due.or_else(|| well_meant.next())
        })
        .collect()
}
