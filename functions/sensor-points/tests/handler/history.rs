//! Whatever fails, hangs or is killed, and however readings are batched, repeated and resharded:
//! the points in the store are those of the readings, its windows are those of the dashboard's
//! figures, and every refused reading is in quarantine. The stream and the mapping are those of the
//! stand-in, on the history's own clock.

use std::collections::BTreeSet;

use fastrand::Rng;
use local::kinesis::{Batch, EventSourceMappingOptions, Outcome, Reader, Stream};
use local::sample::{Reading, windows};
use local::timeseries::{Database, panels};
use testkit::holds;

use super::support::outside::Points;
use super::*;

/// Number of histories whose seeds are the same in every run, and of histories with random seeds
/// (`PROPTEST_CASES` for more).
const HISTORIES: u64 = 150;
const OF_ALL_SEEDS: u32 = 150;

/// Number of steps with faults, after which there are none.
const FAULTY_STEPS: usize = 60;

/// Events that must occur in some history, so that the test means something.
const EVERYTHING: [&str; 10] = [
    "aggregated",
    "at once",
    "bisected",
    "killed",
    "merged",
    "partial",
    "quarantined",
    "reread",
    "split",
    "superseded",
];

const VARIABLES: [(&str, &str); 2] = [("WRITE_MAX_LINES", "4"), ("DEADLINE_MARGIN_MS", "1000")];

/// Arrival time of the first record.
const START_MS: u64 = NOW_MS - 120_000;

/// The text of a reading and, if it is valid, the reading.
type Measured = (String, Option<Reading>);

/// A reading of a few machines at a few milliseconds of three minutes: some share a millisecond,
/// some have no time or id, and some can never be stored.
fn measured(random: &mut Rng, number: u32, now_ms: u64) -> Measured {
    let machine = random.u8(0..3);
    let mut reading = Reading {
        line: format!("L{}", machine % 2),
        machine: format!("M{machine}"),
        time_ms: START_MS - 60_000 * random.u64(0..3) + random.u64(0..20),
        items: number,
        defects: random.u32(0..5),
        energy_64ths: random.u32(0..64),
        is_running: random.bool(),
    };
    let kind = random.u8(0..12);
    let end = match kind {
        0 => return ("{\"items\":\"many\"}".to_owned(), None),
        1 => return (format!("{{\"line\":\"poison\",\"items\":1,\"id\":\"r{number}\"}}"), None),
        2 => return ("not a reading".to_owned(), None),
        3 => {
            reading.time_ms = now_ms;
            String::new()
        }
        4 => format!(",\"ts\":{}{number:06}", reading.time_ms),
        _ => format!(",\"ts\":{},\"id\":\"r{number}\"", reading.time_ms),
    };
    let Reading { line, machine, items, defects, .. } = &reading;
    let energy = f64::from(reading.energy_64ths) / 64.0;
    let state = if reading.is_running { "RUN" } else { "STOP" };
    let text = format!(
        "{{\"line\":\"{line}\",\"machine\":\"{machine}\",\"items\":{items},\"defects\":{defects},\
         \"energy\":{energy},\"state\":\"{state}\"{end}}}"
    );
    (text, Some(reading))
}

struct History<'a> {
    random: Rng,
    stream: Stream,
    reader: Reader,
    bisects: bool,
    now_ms: u64,
    /// Two processes with one store and one queue.
    handlers: [Handler; 2],
    /// Batches in flight, including those from before their position was lost.
    under_way: Vec<Batch>,
    readings: Vec<Reading>,
    number: u32,
    kept: BTreeSet<[String; 4]>,
    met: &'a mut BTreeSet<&'static str>,
}

impl<'a> History<'a> {
    fn new(seed: u64, met: &'a mut BTreeSet<&'static str>) -> Self {
        let mut random = Rng::with_seed(seed);
        let bisects = random.bool();
        let options = EventSourceMappingOptions {
            batch_size: random.usize(1..9),
            parallelization_factor: random.usize(1..4),
            bisect_batch_on_function_error: bisects,
            ..EventSourceMappingOptions::default()
        };
        let first = Handler::new(&VARIABLES);
        let second = Handler::with(first.ports.clone(), &VARIABLES);
        Self {
            stream: Stream::new("sensors", random.u32(1..3)),
            random,
            reader: Reader::new(options),
            bisects,
            now_ms: START_MS,
            handlers: [first, second],
            under_way: Vec::new(),
            readings: Vec::new(),
            number: 0,
            kept: BTreeSet::new(),
            met,
        }
    }

    /// Puts a record of one to five readings.
    fn put(&mut self) {
        let mut texts = Vec::new();
        for _ in 0..self.random.usize(1..6) {
            let (text, reading) = measured(&mut self.random, self.number, self.now_ms);
            self.number += 1;
            self.readings.extend(reading);
            texts.push(text);
        }
        let payload = match self.random.u8(0..3) {
            0 => {
                self.met.insert("aggregated");
                aggregate(&texts)
            }
            // A reading that is not JSON would make the whole array invalid.
            1 if texts.iter().all(|text| text.starts_with('{')) => {
                format!("[{}]", texts.join(",")).into_bytes()
            }
            _ => texts.join("\n").into_bytes(),
        };
        let key = self.random.u8(0..8).to_string();
        self.stream.put(&key, payload, self.now_ms);
    }

    /// Splits a shard, merges two or loses the position in one.
    fn disturb(&mut self) {
        let shards = self.stream.shards().len();
        let (one, other) = (self.random.usize(0..shards), self.random.usize(0..shards));
        match self.random.u8(0..3) {
            0 if shards < 12 && self.stream.split_evenly(one).is_ok() => {
                self.met.insert("split");
            }
            1 if self.stream.merge(one, other).is_ok() => {
                self.met.insert("merged");
            }
            _ => {
                let checkpoint = self.random.usize(0..=self.reader.checkpoint(one));
                self.reader.lose_place(one, checkpoint);
                self.met.insert("reread");
            }
        }
    }

    fn break_something(&mut self) {
        let random = &mut self.random;
        for _ in 0..random.usize(0..4) {
            self.handlers[0].store([match random.u8(0..8) {
                0 => Write::Answer(429, ""),
                1 => Write::Answer(503, ""),
                2 => Write::Answer(401, ""),
                3 => Write::StoreAndBreak,
                4 => Write::Hang,
                _ => Write::Store(Duration::from_millis(random.u64(0..3_000))),
            }]);
        }
        for _ in 0..random.usize(0..2) {
            self.handlers[0].sqs([match random.u8(0..3) {
                0 => Send::Hang,
                1 => Send::Refuse(random.usize(0..4)),
                _ => Send::After(Duration::from_millis(random.u64(0..2_000))),
            }]);
        }
    }

    /// Delivers a batch, or two concurrently.
    async fn deliver(&mut self, is_faulty: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let mut next = || {
            let count = self.under_way.len();
            (count > 0).then(|| self.under_way.swap_remove(self.random.usize(0..count)))
        };
        let batches = [next(), if is_faulty { next() } else { None }];
        let mut limits = || {
            let left = Duration::from_millis(self.random.u64(1_500..12_000));
            let is_killed = is_faulty && self.random.u8(0..3) == 0;
            let killed = Duration::from_millis(self.random.u64(0..6_000));
            (left, if is_killed { killed } else { Duration::from_mins(1) })
        };
        let limits = [limits(), limits()];
        let [first, second] = &mut self.handlers;
        let one = answer(first, batches[0].as_ref(), limits[0]);
        let other = answer(second, batches[1].as_ref(), limits[1]);
        let outcomes: [_; 2] = tokio::join!(one, other).into();
        self.kept.extend(self.handlers[0].kept());
        if batches.iter().all(Option::is_some) {
            self.met.insert("at once");
        }
        for (handler, (batch, outcome)) in batches.iter().zip(outcomes).enumerate() {
            let Some(batch) = batch else { continue };
            match outcome {
                Outcome::Done => {}
                Outcome::From(_) => {
                    self.met.insert("partial");
                }
                Outcome::Failed => {
                    self.met.insert("killed");
                    if self.bisects && batch.records.len() > 1 {
                        self.met.insert("bisected");
                    }
                    let ports = self.handlers[handler].ports.clone();
                    self.handlers[handler] = Handler::with(ports, &VARIABLES);
                }
            }
            let done = self.reader.settle(batch, outcome, self.now_ms);
            if outcome == Outcome::Done && done.is_empty() {
                self.met.insert("superseded");
            }
        }
    }

    async fn faulty_step(&mut self) {
        match self.random.u8(0..10) {
            0..3 => self.put(),
            3 => drop(self.reader.read(&self.stream, self.now_ms)),
            4..6 => self.under_way.extend(self.reader.next_batch(self.now_ms)),
            6 => self.disturb(),
            7 => self.now_ms += self.random.u64(0..2_000),
            _ => {
                self.handlers[0].be_well();
                self.break_something();
                self.deliver(true).await;
            }
        }
    }

    async fn run(mut self) -> (Stream, Vec<Reading>, Points, BTreeSet<[String; 4]>) {
        for _ in 0..FAULTY_STEPS {
            self.faulty_step().await;
        }
        self.handlers[0].be_well();
        for _ in 0..1_000 {
            if self.reader.is_up_to_date(&self.stream) && self.under_way.is_empty() {
                let points = self.handlers[0].points();
                return (self.stream, self.readings, points, self.kept);
            }
            self.now_ms += 1_000;
            self.reader.read(&self.stream, self.now_ms);
            self.under_way.extend(self.reader.next_batch(self.now_ms));
            self.deliver(false).await;
        }
        panic!("it does not end");
    }
}

/// The answer of the function, within its remaining time and before it is killed.
async fn answer(
    handler: &mut Handler,
    batch: Option<&Batch>,
    (left, killed_after): (Duration, Duration),
) -> Outcome {
    let Some(batch) = batch else { return Outcome::Done };
    let event: Value = serde_json::from_slice(&batch.payload()).unwrap();
    let Some(first) = handler.handle_until(&event, left, killed_after).await else {
        return Outcome::Failed;
    };
    let item = first.map(|first| json!({"itemIdentifier": first}));
    let answer = json!({"batchItemFailures": item.into_iter().collect::<Vec<_>>()});
    batch.outcome(answer.to_string().as_bytes()).unwrap()
}

/// The points and the messages in quarantine, without any faults.
async fn expected(stream: &Stream) -> (Points, BTreeSet<[String; 4]>) {
    let mut handler = Handler::new(&VARIABLES);
    let mut reader = Reader::new(EventSourceMappingOptions::default());
    while !reader.is_up_to_date(stream) {
        reader.read(stream, NOW_MS);
        let Some(batch) = reader.next_batch(NOW_MS) else { continue };
        let limits = (Duration::from_secs(30), Duration::from_mins(1));
        let outcome = answer(&mut handler, Some(&batch), limits).await;
        assert_eq!(outcome, Outcome::Done);
        reader.settle(&batch, outcome, NOW_MS);
    }
    (handler.points(), handler.kept().into_iter().collect())
}

async fn history(seed: u64, met: &mut BTreeSet<&'static str>) {
    let (stream, readings, points, kept) = History::new(seed, met).run().await;
    let (expected_points, expected_kept) = expected(&stream).await;
    assert_eq!(points, expected_points, "seed {seed}");
    assert_eq!(kept, expected_kept, "seed {seed}");
    if !kept.is_empty() {
        met.insert("quarantined");
    }
    let mut database = Database::default();
    for ((series, time), fields) in &points {
        database.write(&format!("{series} {fields} {time}"), 1, 0).unwrap();
    }
    for panel in panels() {
        let found = panel.of(&database, (START_MS - 300_000, NOW_MS + 300_000)).unwrap();
        assert_eq!(found, windows(&readings, &panel), "seed {seed}: {}", panel.title);
    }
}

#[test]
fn the_points_and_the_windows_are_those_of_the_readings_whatever_happens() {
    let mut met = BTreeSet::new();
    for seed in 0..HISTORIES {
        on_paused_clock(history(seed, &mut met));
    }
    assert_eq!(met, EVERYTHING.into());
    holds(OF_ALL_SEEDS, &proptest::num::u64::ANY, |seed| {
        on_paused_clock(history(seed, &mut BTreeSet::new()));
    });
}
