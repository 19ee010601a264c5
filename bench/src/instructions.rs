//! The instructions that the functions execute, compared with the committed figures.

use std::fmt;
use std::fs;
use std::process::Command;

use local::sample::Size;

use crate::Error;
use crate::bulk_api::{BulkApi, Keeps};
use crate::functions::{self, CONSUMER, Function, Job, OURS};
use crate::pinned::Cores;
use crate::request::{Request, batch};
use crate::runtime_api::Invocation;
use crate::valgrind::{Valgrind, of_one};

/// The seed of the events for the committed figures, and the default for the tables.
pub const SEED: u64 = 7;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

/// Maximum deviation from a committed figure, in percent.
const TOLERANCE_PERCENT: u64 = 10;
/// The maximum for an answer, so that the fixed cost of an invocation hardly matters.
const REQUEST_BYTES: usize = 4_400_000;
/// Messages of a batch: a full bulk request.
const MESSAGES: usize = 1_000;

/// Builds the functions whose instructions are counted: `firehose-transform` and `sqs-consumer`.
///
/// # Errors
/// If one cannot be built.
pub fn counted() -> Result<[Function; 2], Error> {
    let build = |job, name: &str| {
        let found = functions::find(job, &[name.to_owned()])?.pop();
        found.ok_or_else(|| Error::from(format!("{name} is missing")))
    };
    Ok([build(Job::Transform, OURS)?, build(Job::Consume, CONSUMER)?])
}

/// Numbers of instructions, and the tools with which they were counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The output of `rustc --version`.
    pub rustc: String,
    /// The architecture of the machine, as Rust names it.
    pub architecture: String,
    /// The instructions up to the first request for an invocation, and for one record or message in
    /// the steady state.
    pub counts: Vec<(String, u64)>,
}

impl Figures {
    /// Counts the instructions on this machine.
    ///
    /// # Errors
    /// If a function fails, or Valgrind cannot run it.
    pub fn count(valgrind: &Valgrind, seed: u64) -> Result<Self, Error> {
        let [transform, consumer] = counted()?;
        let cores = Cores::take()?;
        let opensearch = BulkApi::start(Keeps::Nothing)?;
        let consumer = opensearch.written_by(&consumer);
        let nothing = Invocation::new(b"")?;
        let start =
            |function: &Function| valgrind.instructions((function, cores), "start", (&nothing, 0));
        let of_record = |function: &Function, name: &str, request: &Request| {
            let invocation = Invocation::new(&request.body)?;
            let [instructions] = of_one(|times| {
                Ok([valgrind.instructions((function, cores), name, (&invocation, times))?])
            })?;
            Ok::<_, Error>(instructions / request.records as u64)
        };
        let events = |size| Request::of_events("events", REQUEST_BYTES, size, seed);
        let passthrough = transform.clone().with("DOCUMENT", "passthrough");
        let counts = [
            ("start", start(&transform)?),
            ("small", of_record(&transform, "small", &events(Size::Small))?),
            ("large", of_record(&transform, "large", &events(Size::Large))?),
            ("passthrough", of_record(&passthrough, "passthrough", &events(Size::Small))?),
            ("consumer_start", start(&consumer)?),
            ("message", of_record(&consumer, "message", &batch(MESSAGES, seed))?),
        ];
        let version = Command::new("rustc").arg("--version").output()?;
        Ok(Self {
            rustc: String::from_utf8(version.stdout)?.trim().to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            counts: counts.map(|(name, count)| (name.to_owned(), count)).into(),
        })
    }

    /// Reads the committed figures.
    ///
    /// # Errors
    /// If the file does not have the format of [`Figures::commit`].
    pub fn committed() -> Result<Self, Error> {
        Ok(fs::read_to_string(FILE)?.parse()?)
    }

    /// Writes the figures, to be committed.
    pub(crate) fn commit(&self) -> Result<(), Error> {
        Ok(fs::write(FILE, self.to_string())?)
    }

    /// The figures in `now` that differ by more than the tolerance, and what to do about them.
    #[must_use]
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let names = |it: &Self| it.counts.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if names(self) != names(now) {
            return vec![format!("{:?} are committed, {:?} are counted", names(self), names(now))];
        }
        let pairs = self.counts.iter().zip(&now.counts);
        let far = pairs.filter(|((_, committed), (_, count))| {
            committed.abs_diff(*count) * 100 > committed * TOLERANCE_PERCENT
        });
        far.map(|((name, committed), (_, count))| {
            let what = if count > committed {
                "it got worse; if that is worth it, say why and commit the new figure"
            } else {
                "it got better: commit the new figure, so that it stays so"
            };
            format!(
                "{name}: {count} instructions, {committed} are committed: {what} \
                 (cd bench && cargo run --release -- instructions --update; \
                 committed with {}, counted with {})",
                self.rustc, now.rustc
            )
        })
        .collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "# Instructions of firehose-transform up to its first request for an invocation, and for\n\
             # one record with a small and a large event, and a small one with DOCUMENT=passthrough;\n\
             # of sqs-consumer the same, and for one message. bench/tests/guard.rs fails where they are more than {TOLERANCE_PERCENT} % away.\n\
             # To set them anew:\n\
             # cd bench && cargo run --release -- instructions --update\n\
             compiler {}\n\
             architecture {}",
            self.rustc, self.architecture
        )?;
        self.counts.iter().try_for_each(|(name, count)| writeln!(out, "{name} {count}"))
    }
}

impl std::str::FromStr for Figures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut figures =
            Self { rustc: String::new(), architecture: String::new(), counts: Vec::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let wrong = || format!("failed to read the committed figures: {line:?}");
            let (name, value) = line.split_once(' ').ok_or_else(wrong)?;
            match name {
                "compiler" => value.clone_into(&mut figures.rustc),
                "architecture" => value.clone_into(&mut figures.architecture),
                _ => figures.counts.push((name.to_owned(), value.parse().map_err(|_| wrong())?)),
            }
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(counts: [u64; 3]) -> Figures {
        let names = ["start", "small", "large"].map(str::to_owned);
        Figures {
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
            architecture: "x86_64".to_owned(),
            counts: names.into_iter().zip(counts).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let figures = figures([1, 20, 300]);
        let text = figures.to_string();
        assert_eq!(text.parse(), Ok(figures));
        let error = text.replace("small 20", "small 2k").parse::<Figures>().unwrap_err();
        assert_eq!(error, "failed to read the committed figures: \"small 2k\"");
    }

    #[test]
    fn more_than_ten_percent_are_a_difference_and_so_is_less() {
        let committed = figures([1_000; 3]);
        assert_eq!(committed.differences(&figures([1_100, 900, 1_000])), [""; 0]);
        let differences = committed.differences(&figures([1_101, 1_000, 899]));
        let [start, large] = &differences[..] else { panic!("{differences:?}") };
        assert!(start.starts_with("start: 1101 instructions, 1000 are committed: it got worse"));
        assert!(large.starts_with("large: 899 instructions, 1000 are committed: it got better"));
        let mut fewer = figures([1_000; 3]);
        fewer.counts.pop();
        assert_eq!(committed.differences(&fewer).len(), 1);
    }
}
