//! Sample music events: the same bytes on every machine, for the demo, the tests and the
//! benchmarks.
//!
//! Real producers disagree on names, types and clocks; so do these. [`events`] is what producers
//! mean well, [`hostile`] what goes wrong, [`demo`] both mixed.

mod catalog;
mod hostile;
mod json;
mod listening;
mod moment;
mod producers;
mod random;

pub use hostile::hostile;

use listening::Listening;
use random::Random;

/// How many events [`demo`] has.
pub const DEMO_EVENTS: usize = 5_000;
const DEMO_SEED: u64 = 20_240_301;

/// How long the events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// About 400 bytes: what happened, and little more.
    Small,
    /// About 1.8 kB: with a nested context of devices, experiments and recommendations.
    Large,
}

/// `count` well-meant small events. The same seed gives the same bytes, and a larger count begins
/// with the events of a smaller one.
pub fn events(seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    events_of(Size::Small, seed, count)
}

/// As [`events`], of a given size.
pub fn events_of(size: Size, seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    let (mut random, mut listening) = (Random::new(seed), Listening::new(seed));
    (0..count).map(move |_| {
        let interaction = listening.draw(&mut random);
        let event = producers::write(&interaction, &mut random);
        let event = match size {
            Size::Small => event,
            Size::Large => producers::with_context(event, &mut random),
        };
        event.finish().into_bytes()
    })
}

/// The events of the demo: [`DEMO_EVENTS`], every [`hostile`] one once among them, evenly spread.
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

#[cfg(test)]
mod tests {
    use super::{DEMO_EVENTS, DEMO_SEED, Size, demo, events, events_of, hostile};
    use serde_json::Value;
    use sha2::{Digest as _, Sha256};
    use std::collections::{BTreeMap, HashSet};

    fn parsed(size: Size, count: usize) -> Vec<Value> {
        events_of(size, 3, count).map(|event| serde_json::from_slice(&event).unwrap()).collect()
    }

    fn digest(events: &[Vec<u8>]) -> String {
        let mut hash = Sha256::new();
        for event in events {
            hash.update(event);
            hash.update(b"\n");
        }
        let digest = hash.finalize();
        format!("{:02x?}", &digest[..8])
    }

    #[test]
    fn the_same_bytes_for_ever() {
        assert_eq!(
            digest(&events(1, 1_000).collect::<Vec<_>>()),
            "[8e, af, f8, a7, 1b, 1f, 82, f3]"
        );
        assert_eq!(digest(&demo()), "[db, 83, f8, 63, 7b, 37, 7f, da]");
    }

    #[test]
    fn a_seed_decides_and_a_count_cuts() {
        let long: Vec<_> = events(5, 50).collect();
        let short: Vec<_> = events(5, 10).collect();
        assert_eq!(long[..10], short);
        assert_ne!(short, events(6, 10).collect::<Vec<_>>());
    }

    #[test]
    fn sizes() {
        let mean = |size| events_of(size, 2, 1_000).map(|event| event.len()).sum::<usize>() / 1_000;
        let (small, large) = (mean(Size::Small), mean(Size::Large));
        assert!((360..=440).contains(&small), "{small}");
        assert!((1_700..=1_900).contains(&large), "{large}");
    }

    #[test]
    fn every_event_is_an_object_of_one_line() {
        for size in [Size::Small, Size::Large] {
            for event in events_of(size, 4, 500) {
                assert!(!event.contains(&b'\n'));
                let value: Value = serde_json::from_slice(&event).unwrap();
                assert!(value.is_object(), "{value}");
            }
        }
    }

    #[test]
    fn producers_disagree_on_names_and_clocks() {
        let mut names = BTreeMap::<String, u32>::new();
        for event in parsed(Size::Small, 1_000) {
            for name in event.as_object().unwrap().keys() {
                *names.entry(name.clone()).or_default() += 1;
            }
        }
        for name in [
            "event_id",
            "eventId",
            "id",
            "event_type",
            "eventType",
            "action",
            "type",
            "artist",
            "artist_name",
            "artistName",
            "track",
            "song",
            "song_title",
            "title",
            "user",
            "user_id",
            "userId",
            "timestamp",
            "eventTime",
            "occurred_at",
            "ts",
            "time",
            "created_at",
        ] {
            assert!(names.get(name).is_some_and(|count| *count >= 10), "{name}: {names:?}");
        }
        let clocks = ["timestamp", "eventTime", "occurred_at", "ts", "time", "created_at"];
        let timeless = parsed(Size::Small, 1_000)
            .iter()
            .filter(|event| clocks.iter().all(|clock| event.get(clock).is_none()))
            .count();
        assert!((5..60).contains(&timeless), "{timeless}");
    }

    #[test]
    fn well_meant_payloads_are_distinct() {
        let payloads: HashSet<_> = events(DEMO_SEED, DEMO_EVENTS).collect();
        assert_eq!(payloads.len(), DEMO_EVENTS);
    }

    #[test]
    fn the_demo_holds_every_hostile_payload_once() {
        let demo = demo();
        assert_eq!(demo.len(), DEMO_EVENTS);
        for (situation, payload) in hostile() {
            let times = demo.iter().filter(|event| **event == payload).count();
            assert_eq!(times, 1, "{situation}");
        }
    }
}
