//! Memory and file descriptors of the functions' processes, from `/proc`, and whether they grow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::time::Duration;

use crate::world::WORKERS;

/// Suffix of the names of functions whose processes live as long as the run.
pub(crate) const STEADY: &str = "-steady";

/// The quarters of a shorter run are not compared, because its functions are still warming up.
pub(crate) const LEAST_LENGTH: Duration = Duration::from_mins(5);

/// Growth that is not a leak: pages that the allocator keeps after the first large message.
const SLACK_KB: u64 = 2_048;
/// The same for a function that processes messages: its buffers are as large as its largest batch,
/// and after an outage a batch can be a thousand times as large as another.
const WORKER_SLACK_KB: u64 = 8_192;
/// The same for file descriptors: connections of the pool.
const SLACK_DESCRIPTORS: u64 = 4;

/// A process at some time of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    pub(crate) function: String,
    /// Resident set size.
    pub(crate) memory_kb: u64,
    pub(crate) descriptors: u64,
}

/// The figures of a function: the medians of the first and the last quarter of the run, and the
/// maximum. Of several processes, the largest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) function: String,
    pub(crate) memory_kb: Figures,
    pub(crate) descriptors: Figures,
    is_comparable: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) most: u64,
}

/// Samples the processes that this one has started and whose function is steady.
pub(crate) fn sample(at: Duration) -> Vec<Sample> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // A process may end while it is sampled.
    pids.filter_map(|pid| look(at, pid, own)).collect()
}

fn look(at: Duration, pid: u32, parent: u32) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    if field("PPid:")? != u64::from(parent) {
        return None;
    }
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let name = variables.find_map(|pair| pair.strip_prefix(b"AWS_LAMBDA_FUNCTION_NAME="))?;
    let function = std::str::from_utf8(name).ok()?.strip_suffix(STEADY)?.to_owned();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    Some(Sample { at, function, memory_kb: field("VmRSS:")?, descriptors })
}

/// Compares the quarters of a run of this length for each function.
pub(crate) fn compare(samples: &[Sample], length: Duration) -> Vec<Growth> {
    let names: BTreeSet<_> = samples.iter().map(|sample| &sample.function).collect();
    let of_function = |name: &String| {
        let samples = samples.iter().filter(|sample| sample.function == *name);
        let samples: Vec<_> = samples.filter(|sample| sample.at <= length).collect();
        let quarter = |is_in: fn(Duration, Duration) -> bool, figure: fn(&Sample) -> u64| {
            let mut largest: BTreeMap<Duration, u64> = BTreeMap::new();
            for sample in samples.iter().filter(|sample| is_in(sample.at, length)) {
                let value = largest.entry(sample.at).or_default();
                *value = figure(sample).max(*value);
            }
            let mut values: Vec<_> = largest.into_values().collect();
            values.sort_unstable();
            values
        };
        let median = |values: &[u64]| values.get(values.len() / 2).copied().unwrap_or_default();
        let figures = |figure: fn(&Sample) -> u64| Figures {
            first: median(&quarter(|at, length| at < length / 4, figure)),
            last: median(&quarter(|at, length| at >= length * 3 / 4, figure)),
            most: samples.iter().map(|sample| figure(sample)).max().unwrap_or_default(),
        };
        Growth {
            function: name.clone(),
            memory_kb: figures(|sample| sample.memory_kb),
            descriptors: figures(|sample| sample.descriptors),
            is_comparable: length >= LEAST_LENGTH,
        }
    };
    names.into_iter().map(of_function).collect()
}

impl Growth {
    /// The figures that have grown.
    pub(crate) fn discrepancies(&self) -> Vec<String> {
        let Self { function, memory_kb, descriptors, .. } = self;
        let mut found = Vec::new();
        let mut grown = |what: &str, Figures { first, last, .. }: Figures, slack: u64| {
            if self.is_comparable && last > first + slack {
                found.push(format!("{what} of {function} grew from {first} to {last}"));
            }
        };
        let is_worker = WORKERS.iter().any(|(name, _)| name == function);
        let slack_kb = if is_worker { WORKER_SLACK_KB } else { SLACK_KB };
        grown("the memory (kB)", *memory_kb, slack_kb.max(memory_kb.first / 10));
        grown("the file descriptors", *descriptors, SLACK_DESCRIPTORS);
        found
    }
}

impl Display for Growth {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { function, memory_kb, descriptors, .. } = self;
        let mb = |kb: u64| format!("{}.{}", kb / 1_000, kb % 1_000 / 100);
        let [first, last, most] = [memory_kb.first, memory_kb.last, memory_kb.most].map(mb);
        let Figures { first: from, last: to, most: peak } = descriptors;
        write!(out, "| {function} | {first} | {last} | {most} | {from} | {to} | {peak} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory_kb: impl Fn(u64) -> u64, descriptors: impl Fn(u64) -> u64) -> Vec<Sample> {
        let sample = |second: u64| Sample {
            at: Duration::from_secs(second * 6),
            function: "plays".to_owned(),
            memory_kb: memory_kb(second),
            descriptors: descriptors(second),
        };
        (0..=100).map(sample).collect()
    }

    #[test]
    fn what_grows_from_the_first_to_the_last_quarter_is_reported() {
        let compared = |samples: &[Sample], minutes: u64| {
            let growth = compare(samples, Duration::from_mins(minutes));
            assert_eq!(growth.len(), 1);
            (growth[0].clone(), growth[0].discrepancies())
        };
        // A peak in the middle is not growth.
        let flat = samples(|second| if second == 50 { 90_000 } else { 20_000 }, |_| 12);
        let (growth, discrepancies) = compared(&flat, 10);
        assert_eq!(discrepancies, [""; 0]);
        assert_eq!(growth.to_string(), "| plays | 20.0 | 20.0 | 90.0 | 12 | 12 | 12 |");
        let leak = samples(|second| 10_000 + second * 40, |second| 10 + second / 10);
        let expected = [
            "the memory (kB) of plays grew from 10480 to 13520",
            "the file descriptors of plays grew from 11 to 18",
        ];
        assert_eq!(compared(&leak, 10).1, expected);
        // The run is too short to compare.
        assert_eq!(compared(&leak, 4).1, [""; 0]);
    }

    #[test]
    fn only_steady_functions_among_the_own_children_are_looked_at() {
        let child = |name: &str| {
            let mut command = std::process::Command::new("sleep");
            command.arg("60").env("AWS_LAMBDA_FUNCTION_NAME", name).spawn().unwrap()
        };
        let mut children = ["plays-mortal", "plays-steady"].map(child);
        // Just after its start, a process has no environment and hardly any memory.
        let is_running = |it: &Sample| it.memory_kb > 100 && it.descriptors >= 3;
        let mut samples = (0..100_000).map(|_| sample(Duration::ZERO));
        let found = samples.find(|found| found.iter().any(is_running)).unwrap_or_default();
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].function, "plays");
    }
}
