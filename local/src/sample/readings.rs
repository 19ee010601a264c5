//! Readings of machines as producers send them, and their expected sums. Some are sent twice, late,
//! out of order or in aggregates, and some are hostile.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::aggregate::aggregate;
use super::random::Random;
use crate::timeseries::{Figure, Panel, Windows};

const LINES: u64 = 3;
const MACHINES: u64 = 8;
const INTERVAL_MS: u64 = 100;

/// One in this number of readings is sent twice, late or out of order.
const ODD_ONE_OF: u64 = 50;

/// The machines that use the Kinesis Producer Library, which puts this many readings into one
/// record.
const WITH_LIBRARY: [&str; 2] = ["-M4", "-M8"];
const READINGS_PER_AGGREGATE: usize = 5;

/// A machine stops at one in this number of readings, after 45 s on average, and starts again at
/// one in this number, after 5 s.
const STOPS_ONE_OF: u64 = 450;
const STARTS_ONE_OF: u64 = 50;

/// Interval between two hostile readings.
const HOSTILE_INTERVAL_MS: u64 = 1_000;

/// Hostile readings, each with its expected result.
const HOSTILE: [(&str, &[u8]); 14] = [
    ("invalid_json", br#"{"line_id":"L1","machine_id":"L1-M1","items":"#),
    ("invalid_json", b"L1;L1-M1;17"),
    ("invalid_utf8", b"{\"line_id\":\"L\xff\",\"items\":1}"),
    ("not_an_object", b"17"),
    ("bad_field", br#"{"line_id":"L1","items":"many"}"#),
    ("bad_field", br#"{"line_id":"L1","items":1e400}"#),
    ("bad_field", br#"{"line_id":"L1","items":{"count":1}}"#),
    ("bad_field", br#"{"line_id":"L1","items":"NaN"}"#),
    ("no_fields", br#"{"line_id":"L1","machine_id":"L1-M1"}"#),
    ("no_fields", br#"{"line_id":"L1","items":null}"#),
    ("bad_tag", br#"{"line_id":["L1"],"items":1}"#),
    ("bad_tag", br#"{"line_id":"L1","machine_id":{"name":"M1"},"items":1}"#),
    (DROPPED, b""),
    (DROPPED, b" \n "),
];

/// The result of a reading that is dropped.
const DROPPED: &str = "empty";

/// A valid reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The machine's line.
    pub line: String,
    /// The machine.
    pub machine: String,
    /// Time of the measurement, in milliseconds since 1970.
    pub time_ms: u64,
    /// Number of items that it made.
    pub items: u32,
    /// Number of defective items among them.
    pub defects: u32,
    /// Energy in 64ths of a kilowatt-hour, whose sums are exact in any order.
    pub energy_64ths: u32,
    /// Whether the machine is running.
    pub is_running: bool,
}

/// A record for the stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sending {
    /// The time at which it is sent, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its partition key: the machine.
    pub partition_key: String,
    /// Its data.
    pub data: Vec<u8>,
}

/// How an odd reading is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    Twice,
    Late,
    OutOfOrder,
}

/// All readings that the machines measure and send during a time.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// The records, in the order in which they are sent.
    pub sendings: Vec<Sending>,
    /// Number of valid readings that are sent twice, late and out of order.
    pub odd: [u64; 3],
    /// Number of aggregates among the records.
    pub aggregates: u64,
    /// Expected number of readings in quarantine, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Expected number of dropped readings.
    pub dropped: u64,
    /// The valid readings, each once.
    pub well_meant: Vec<Reading>,
}

impl Readings {
    /// Ten readings per second of each of eight machines on each of three lines, from `start_ms`
    /// (milliseconds since 1970) on. The same arguments yield the same readings.
    #[must_use]
    pub fn new(seed: u64, start_ms: u64, duration_ms: u64) -> Self {
        let mut random = Random::new(seed);
        let mut readings = Self::default();
        let mut stopped = BTreeSet::new();
        for after_ms in (0..duration_ms).step_by(usize::try_from(INTERVAL_MS).unwrap_or(1)) {
            for number in 0..LINES * MACHINES {
                let (line, machine) = (number / MACHINES + 1, number % MACHINES + 1);
                // Machines measure at different moments.
                let time_ms = start_ms + after_ms + number * INTERVAL_MS / (LINES * MACHINES);
                let is_stopped = stopped.contains(&number);
                let changes_one_of = if is_stopped { STARTS_ONE_OF } else { STOPS_ONE_OF };
                if random.below(changes_one_of) == 0 && !stopped.remove(&number) {
                    stopped.insert(number);
                }
                let is_running = !stopped.contains(&number);
                let up_to = |most: u64, random: &mut Random| {
                    if is_running { u32::try_from(random.below(most + 1)).unwrap_or(0) } else { 0 }
                };
                let reading = Reading {
                    line: format!("L{line}"),
                    machine: format!("L{line}-M{machine}"),
                    time_ms,
                    items: up_to(5, &mut random),
                    defects: up_to(1, &mut random),
                    energy_64ths: 1 + up_to(8, &mut random),
                    is_running,
                };
                readings.send(reading, &mut random);
            }
            if after_ms % HOSTILE_INTERVAL_MS == 0 {
                let number = usize::try_from(after_ms / HOSTILE_INTERVAL_MS).unwrap_or(0);
                readings.send_hostile(number, start_ms + after_ms, &mut random);
            }
        }
        readings.sendings.sort();
        readings.aggregate();
        readings
    }

    /// Combines the readings of some machines into aggregates, each of which is sent with the last
    /// of its readings.
    fn aggregate(&mut self) {
        let with_library = |sending: &Sending| {
            WITH_LIBRARY.iter().any(|machine| sending.partition_key.ends_with(machine))
        };
        let sendings = std::mem::take(&mut self.sendings).into_iter();
        let (with, without) = sendings.partition::<Vec<_>, _>(with_library);
        self.sendings = without;
        let mut by_machine: BTreeMap<String, Vec<Sending>> = BTreeMap::new();
        for sending in with {
            by_machine.entry(sending.partition_key.clone()).or_default().push(sending);
        }
        for (partition_key, sendings) in by_machine {
            for together in sendings.chunks(READINGS_PER_AGGREGATE) {
                let at_ms = together.iter().map(|sending| sending.at_ms).max().unwrap_or_default();
                let payloads: Vec<_> = together.iter().map(|sending| &sending.data).collect();
                let (partition_key, data) = (partition_key.clone(), aggregate(&payloads));
                self.sendings.push(Sending { at_ms, partition_key, data });
                self.aggregates += 1;
            }
        }
        self.sendings.sort();
    }

    fn send(&mut self, reading: Reading, random: &mut Random) {
        let mut at_ms = reading.time_ms + random.below(20);
        let odd = [Odd::Twice, Odd::Late, Odd::OutOfOrder];
        let odd = (random.below(ODD_ONE_OF) == 0).then(|| random.pick(&odd));
        let sending = |at_ms| Sending {
            at_ms,
            partition_key: reading.machine.clone(),
            data: reading.data().into_bytes(),
        };
        match odd {
            Some(Odd::Twice) => self.sendings.push(sending(at_ms + random.below(3_000))),
            Some(Odd::Late) => at_ms += 1_000 + random.below(4_000),
            // After the next two readings of the machine.
            Some(Odd::OutOfOrder) => at_ms += 2 * INTERVAL_MS + random.below(INTERVAL_MS),
            None => {}
        }
        if let Some(odd) = odd {
            self.odd[odd as usize] += 1;
        }
        self.sendings.push(sending(at_ms));
        self.well_meant.push(reading);
    }

    fn send_hostile(&mut self, number: usize, at_ms: u64, random: &mut Random) {
        let (fate, data) = HOSTILE[number % HOSTILE.len()];
        match fate {
            DROPPED => self.dropped += 1,
            reason => *self.refused.entry(reason.to_owned()).or_default() += 1,
        }
        let partition_key = format!("hostile-{}", random.below(10));
        self.sendings.push(Sending { at_ms, partition_key, data: data.to_vec() });
    }

    /// Number of valid readings.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.well_meant.len() as u64
    }
}

/// The expected values of a dashboard panel for these readings.
#[must_use]
pub fn windows<'a>(readings: impl IntoIterator<Item = &'a Reading>, panel: &Panel) -> Windows {
    let mut sums: BTreeMap<(String, u64), Sums> = BTreeMap::new();
    for reading in readings {
        let tag = match panel.figure {
            Figure::Availability => &reading.machine,
            _ => &reading.line,
        };
        let start_ms = reading.time_ms - reading.time_ms % panel.window_ms();
        sums.entry((tag.clone(), start_ms)).or_default().add(reading);
    }
    sums.into_iter().map(|(window, sums)| (window, sums.figure(panel))).collect()
}

impl Reading {
    /// The reading as JSON. The machines of a line differ in names, types and times.
    #[must_use]
    pub fn data(&self) -> String {
        let Self { line, machine, time_ms, items, defects, energy_64ths, is_running } = self;
        let energy = f64::from(*energy_64ths) / 64.0;
        let id = format!("{machine}-{time_ms}");
        match machine.as_bytes().last().map_or(0, |digit| digit % 3) {
            0 => {
                let state = if *is_running { "RUNNING" } else { "DOWN" };
                format!(
                    "{{\"event_id\":\"{id}\",\"line_id\":\"{line}\",\"machine_id\":\"{machine}\",\
                     \"timestamp\":{time_ms},\"items\":{items},\"defects\":{defects},\
                     \"energy_kwh\":{energy},\"state\":\"{state}\"}}"
                )
            }
            1 => {
                let time = i64::try_from(*time_ms).ok().map(Timestamp::from_millisecond);
                let time = time.and_then(Result::ok).unwrap_or_default();
                let state = if *is_running { "RUN" } else { "STOP" };
                format!(
                    "{{\"id\":\"{id}\",\"line\":\"{line}\",\"equipment_id\":\"{machine}\",\
                     \"timestamp\":\"{time}\",\"item_count\":\"{items}\",\
                     \"defect_count\":\"{defects}\",\"energy\":\"{energy}\",\"status\":\"{state}\"}}"
                )
            }
            _ => {
                let state = if *is_running { "RUN" } else { "IDLE" };
                format!(
                    "{{\"lineId\":\"{line}\",\"machineId\":\"{machine}\",\"timestamp\":{time_ms},\
                     \"produced\":{items}.0,\"defects\":{defects},\"energyKwh\":{energy},\
                     \"state\":\"{state}\",\"firmware\":{{\"version\":\"1.2.3\"}}}}"
                )
            }
        }
    }
}

/// The sums of the readings of a window.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    readings: u32,
    items: u32,
    defects: u32,
    energy_64ths: u32,
    running: u32,
}

impl Sums {
    fn add(&mut self, reading: &Reading) {
        self.readings += 1;
        self.items += reading.items;
        self.defects += reading.defects;
        self.energy_64ths += reading.energy_64ths;
        self.running += u32::from(reading.is_running);
    }

    fn figure(self, panel: &Panel) -> f64 {
        let [readings, items, defects, energy_64ths, running] =
            [self.readings, self.items, self.defects, self.energy_64ths, self.running]
                .map(f64::from);
        // As in the store.
        let of_items = |sum: f64| if items == 0.0 { 0.0 } else { sum / items };
        match panel.figure {
            Figure::Throughput => items / f64::from(panel.minutes),
            Figure::Availability => running / readings,
            Figure::DefectRate => of_items(defects),
            Figure::EnergyPerProduct => of_items(energy_64ths / 64.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::aggregate::MAGIC;
    use super::*;
    use crate::timeseries::panels;

    #[test]
    fn readings_are_the_same_every_time_and_one_in_fifty_is_odd() {
        let readings = Readings::new(1, 0, 60_000);
        assert_eq!(readings.count(), 3 * 8 * 10 * 60);
        let odd: u64 = readings.odd.iter().sum();
        assert!((200..400).contains(&odd) && readings.odd.iter().all(|count| *count > 50), "{odd}");
        let (refused, dropped) = (readings.refused.values().sum::<u64>(), readings.dropped);
        assert_eq!(refused + dropped, 60);
        let times = |sending: &Sending| {
            String::from_utf8_lossy(&sending.data).matches("\"timestamp\":").count() as u64
        };
        let sent: u64 = readings.sendings.iter().map(times).sum();
        assert_eq!(sent, readings.count() + readings.odd[Odd::Twice as usize]);
        // A quarter of the machines use aggregates, with five readings in each.
        let aggregates = readings.sendings.iter().filter(|sending| sending.data.starts_with(MAGIC));
        assert_eq!(aggregates.count() as u64, readings.aggregates);
        assert!((720..740).contains(&readings.aggregates), "{}", readings.aggregates);
        assert!(readings.sendings.is_sorted());
        assert_eq!(Readings::new(1, 0, 60_000).sendings, readings.sendings);
    }

    #[test]
    fn the_books_are_those_of_the_readings() {
        let reading = |machine: &str, time_ms, items, is_running| Reading {
            line: "L1".to_owned(),
            machine: machine.to_owned(),
            time_ms,
            items,
            defects: 1,
            energy_64ths: 16,
            is_running,
        };
        let well_meant = [
            reading("L1-M1", 59_999, 2, true),
            reading("L1-M1", 60_000, 4, true),
            reading("L1-M1", 119_999, 5, false),
            reading("L1-M2", 119_999, 1, true),
        ];
        let row = |tag: &str, start_ms: u64, value: f64| ((tag.to_owned(), start_ms), value);
        let expected = [
            vec![row("L1", 0, 2.0), row("L1", 60_000, 10.0)],
            vec![row("L1-M1", 0, 1.0), row("L1-M1", 60_000, 0.5), row("L1-M2", 60_000, 1.0)],
            vec![row("L1", 0, 0.5), row("L1", 60_000, 0.3)],
            vec![row("L1", 0, 0.125), row("L1", 60_000, 0.075)],
            vec![row("L1", 0, 12.0 / 5.0)],
        ];
        let panels = panels();
        for (panel, expected) in panels.iter().zip(expected) {
            assert_eq!(
                windows(&well_meant, panel),
                expected.into_iter().collect(),
                "{}",
                panel.title
            );
        }
    }
}
