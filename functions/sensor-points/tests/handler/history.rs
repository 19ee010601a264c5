//! Whatever fails, hangs or is killed, however readings are batched, repeated and resharded: the
//! points in the store are those of the readings, and every refused one is in quarantine.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use testkit::holds;

use super::support::outside::Points;
use super::*;

const HISTORIES: u64 = 400;

/// Deliveries with faults, before all is well.
const FAULTY_DELIVERIES: usize = 20;

/// What has happened in some history, or the test means nothing.
const EVERYTHING: [&str; 7] =
    ["aggregated", "killed", "partial", "quarantined", "repeated", "reordered", "resharded"];

const VARIABLES: [(&str, &str); 2] = [("WRITE_MAX_LINES", "4"), ("DEADLINE_MARGIN_MS", "1000")];

/// A reading of a few machines in a few milliseconds: some share one, some have no time or id, and
/// some can never be stored.
fn reading(random: &mut Rng, number: usize) -> String {
    let machine = random.u8(0..3);
    let time = 1_709_296_440_000 + random.u64(0..20);
    match random.u8(0..12) {
        0 => "{\"items\":\"many\"}".to_owned(),
        1 => format!("{{\"line\":\"poison\",\"items\":1,\"id\":\"r{number}\"}}"),
        2 => "not a reading".to_owned(),
        3 => format!("{{\"machine\":{machine},\"items\":{number}}}"),
        4 => format!("{{\"machine\":{machine},\"items\":{number},\"ts\":{time}{number:06}}}"),
        _ => format!(
            "{{\"machine\":{machine},\"items\":{number},\"ts\":{time},\"id\":\"r{number}\"}}"
        ),
    }
}

/// Records of one to five readings each.
fn records(random: &mut Rng, met: &mut BTreeSet<&'static str>) -> Vec<Value> {
    let mut number = 0;
    let mut readings = |random: &mut Rng| {
        let count = random.usize(1..6);
        let readings: Vec<_> = (0..count).map(|at| reading(random, number + at)).collect();
        number += count;
        readings
    };
    (0..random.usize(1..25))
        .map(|at| {
            let readings = readings(random);
            let payload = match random.u8(0..3) {
                0 => {
                    met.insert("aggregated");
                    let readings: Vec<_> = readings.iter().map(String::as_str).collect();
                    aggregate(&readings)
                }
                1 => readings.join("\n").into_bytes(),
                _ => format!("[{}]", readings.join(",")).into_bytes(),
            };
            record(at, payload)
        })
        .collect()
}

/// Points, and what is in quarantine, if all is well from the beginning.
async fn expected(records: &[Value]) -> (Points, BTreeSet<[String; 4]>) {
    let mut handler = Handler::new(&VARIABLES);
    assert_eq!(handler.handle(&event(records)).await, None);
    (handler.points(), handler.kept().into_iter().collect())
}

fn break_something(handler: &Handler, random: &mut Rng) {
    for _ in 0..random.usize(0..4) {
        handler.store([match random.u8(0..8) {
            0 => Write::Answer(429, ""),
            1 => Write::Answer(503, ""),
            2 => Write::Answer(401, ""),
            3 => Write::StoreAndBreak,
            4 => Write::Hang,
            _ => Write::Store(Duration::from_millis(random.u64(0..3_000))),
        }]);
    }
    for _ in 0..random.usize(0..2) {
        handler.sqs([match random.u8(0..3) {
            0 => Send::Hang,
            1 => Send::Refuse(random.usize(0..4)),
            _ => Send::After(Duration::from_millis(random.u64(0..2_000))),
        }]);
    }
}

async fn history(seed: u64, met: &mut BTreeSet<&'static str>) {
    let mut random = Rng::with_seed(seed);
    let records = records(&mut random, met);
    let (points, refused) = expected(&records).await;
    let mut handler = Handler::new(&VARIABLES);
    // Shards with the records that are not confirmed; a record may be in several.
    let mut shards = vec![records.clone()];
    let mut kept = BTreeMap::new();
    let mut delivery = 0;
    while !shards.iter().all(Vec::is_empty) {
        delivery += 1;
        let is_faulty = delivery <= FAULTY_DELIVERIES;
        assert!(delivery < 400, "seed {seed}: it does not end");
        handler.be_well();
        if is_faulty {
            break_something(&handler, &mut random);
            reshard(&mut shards, &records, &mut random, met);
        }
        let shard = random.usize(0..shards.len());
        // Every time other batch boundaries.
        let size = random.usize(0..=shards[shard].len().min(9));
        let batch = shards[shard][..size].to_vec();
        let left = Duration::from_millis(random.u64(1_500..12_000));
        let killed_after = if is_faulty && random.u8(0..3) == 0 {
            Duration::from_millis(random.u64(0..6_000))
        } else {
            Duration::from_mins(1)
        };
        let answer = handler.handle_until(&event(&batch), left, killed_after).await;
        for entry in handler.kept() {
            *kept.entry(entry).or_insert(0) += 1;
        }
        match answer {
            None => {
                met.insert("killed");
                handler = Handler::with(handler.ports.clone(), &VARIABLES);
            }
            Some(None) => drop(shards[shard].drain(..size)),
            Some(Some(first)) => {
                met.insert("partial");
                let is_first = |record: &Value| record["kinesis"]["sequenceNumber"] == *first;
                let done = batch.iter().position(is_first).unwrap();
                shards[shard].drain(..done);
            }
        }
    }
    if !kept.is_empty() {
        met.insert("quarantined");
    }
    assert_eq!(handler.points(), points, "seed {seed}");
    assert_eq!(kept.into_keys().collect::<BTreeSet<_>>(), refused, "seed {seed}");
}

/// Splits a shard, merges two, or delivers some records again.
fn reshard(
    shards: &mut Vec<Vec<Value>>,
    records: &[Value],
    random: &mut Rng,
    met: &mut BTreeSet<&'static str>,
) {
    let shard = random.usize(0..shards.len());
    match random.u8(0..8) {
        0 => {
            let at = random.usize(0..=shards[shard].len());
            let rest = shards[shard].split_off(at);
            shards.push(rest);
            met.insert("resharded");
        }
        1 if shards.len() > 1 => {
            let merged = shards.swap_remove(shard);
            shards[0].extend(merged);
        }
        2 => {
            let from = random.usize(0..records.len());
            shards.push(records[from..].to_vec());
            met.insert("repeated");
        }
        3 => {
            random.shuffle(&mut shards[shard]);
            met.insert("reordered");
        }
        _ => {}
    }
}

#[test]
fn the_points_are_those_of_the_readings_whatever_happens() {
    let mut met = BTreeSet::new();
    for seed in 0..HISTORIES {
        on_paused_clock(history(seed, &mut met));
    }
    assert_eq!(met, EVERYTHING.into());
    // Of all seeds.
    holds(100, &proptest::num::u64::ANY, |seed| {
        on_paused_clock(history(seed, &mut BTreeSet::new()));
    });
}
