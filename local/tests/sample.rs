//! The sample events: the same on every machine, and as varied as documented.

#![cfg(test)]

use std::collections::HashSet;

use local::sample::{DEMO_EVENTS, Size, demo, events, events_of, hostile};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

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
    assert_eq!(digest(&events(1, 1_000).collect::<Vec<_>>()), "[8e, af, f8, a7, 1b, 1f, 82, f3]");
    let large: Vec<_> = events_of(Size::Large, 1, 1_000).collect();
    assert_eq!(digest(&large), "[77, e5, 8b, 80, b3, 3d, 81, 50]");
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
    let events = parsed(Size::Small, 1_000);
    let having = |name: &str| events.iter().filter(|event| event.get(name).is_some()).count();
    let names = "event_id eventId id event_type eventType action type artist artist_name \
                 artistName track song song_title title user user_id userId timestamp \
                 eventTime occurred_at ts time created_at";
    for name in names.split(' ') {
        assert!(having(name) >= 10, "{name}");
    }
    let clocks = ["timestamp", "eventTime", "occurred_at", "ts", "time", "created_at"];
    let has_no_clock = |event: &&Value| clocks.iter().all(|clock| event.get(clock).is_none());
    let timeless = events.iter().filter(has_no_clock).count();
    assert!((5..60).contains(&timeless), "{timeless}");
}

#[test]
fn the_demo_holds_distinct_payloads_and_every_hostile_one() {
    let payloads: HashSet<_> = events(20_240_301, DEMO_EVENTS).collect();
    assert_eq!(payloads.len(), DEMO_EVENTS);
    let demo = demo();
    assert_eq!(demo.len(), DEMO_EVENTS);
    for (situation, payload) in hostile() {
        let times = demo.iter().filter(|event| **event == payload).count();
        assert_eq!(times, 1, "{situation}");
    }
}

fn payload(situation: &str) -> Vec<u8> {
    hostile().into_iter().find(|(name, _)| *name == situation).unwrap().1
}

#[test]
fn situations_and_payloads_are_distinct() {
    let hostile = hostile();
    assert_eq!(hostile.len(), 104);
    let situations: HashSet<_> = hostile.iter().map(|(situation, _)| situation).collect();
    let payloads: HashSet<_> = hostile.iter().map(|(_, payload)| payload).collect();
    assert_eq!((situations.len(), payloads.len()), (104, 104));
    let empty: Vec<_> = hostile.iter().filter(|(_, payload)| payload.is_empty()).collect();
    assert_eq!(empty, [&("empty", Vec::new())]);
}

#[test]
fn limits_are_met_to_the_byte() {
    assert_eq!(payload("payload-of-1000-kib").len(), 1_024_000);
    assert_eq!(payload("payload-over-1-mib").len(), 1_048_577);
    for depth in [128, 129] {
        let payload = payload(&format!("nested-{depth}-levels-deep"));
        assert_eq!(payload.split(|byte| *byte == b'{').count() - 1, depth);
    }
}

#[test]
fn strange_ones_are_json_and_broken_ones_are_not() {
    let read = |situation| serde_json::from_slice::<Value>(&payload(situation));
    for situation in [
        "pretty-printed-with-crlf",
        "names-of-the-document",
        "huge-integers",
        "bulk-lines-in-text",
        "thousands-of-unknown-fields",
        "list-of-20000-numbers",
    ] {
        assert!(read(situation).is_ok_and(|value| value.is_object()), "{situation}");
    }
    for situation in ["truncated", "invalid-utf-8", "lone-high-surrogate", "leading-zero"] {
        assert!(read(situation).is_err(), "{situation}");
    }
}
