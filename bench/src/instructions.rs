//! What the functions cost in instructions, and whether that is what was committed.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::slice;

use local::sample::Size;

use crate::Error;
use crate::batch::batch;
use crate::bulk_api::BulkApi;
use crate::consumers;
use crate::functions::{self, CONSUMER, Function, Job, OURS};
use crate::pinned::Cores;
use crate::request::Request;
use crate::runtime_api::Invocation;
use crate::valgrind::Valgrind;

/// The events that the committed figures are of, and the tables too unless another is asked for.
pub const SEED: u64 = 7;

/// How far a figure may be from the committed one, in percent of it.
const TOLERANCE_PERCENT: u64 = 10;
/// As much as an answer can take: what an invocation costs by itself hardly counts.
const REQUEST_BYTES: usize = 4_400_000;
/// The first invocation grows the buffers; from the second on it is the steady state.
const WARM_UPS: usize = 1;
const INVOCATIONS: usize = 2;
/// Of a batch: a full bulk request.
const MESSAGES: usize = 1_000;

/// Counts of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// From the start of the process to its first request for an invocation.
    pub start: u64,
    /// For one record with a small event, in the steady state.
    pub small: u64,
    /// For one record with a large event, in the steady state.
    pub large: u64,
    /// As `start`, of `sqs-consumer`.
    pub consumer_start: u64,
    /// For one message of [`BODY_BYTES`](crate::batch::BODY_BYTES), in the steady state.
    pub message: u64,
}

/// The functions whose instructions are counted.
#[derive(Clone, Debug)]
pub struct Counted {
    /// `firehose-transform`
    pub transform: Function,
    /// `sqs-consumer`
    pub consumer: Function,
}

impl Counted {
    /// Builds them.
    ///
    /// # Errors
    /// When one does not build.
    pub fn build() -> Result<Self, Error> {
        let build = |job, name: &str| {
            let found = functions::find(job, &[name.to_owned()])?.pop();
            found.ok_or_else(|| Error::from(format!("{name} is not there")))
        };
        Ok(Self {
            transform: build(Job::Transform, OURS)?,
            consumer: build(Job::Consume, CONSUMER)?,
        })
    }
}

impl Instructions {
    /// Counts, with the reports of Callgrind in `folder`, which must exist.
    ///
    /// # Errors
    /// When a function fails, or Valgrind cannot run it.
    pub fn count(
        valgrind: &Valgrind,
        functions: &Counted,
        cores: Cores,
        seed: u64,
        folder: &Path,
    ) -> Result<Self, Error> {
        let count = |function: &Function, name: &str, invocation: &Invocation, times: usize| {
            let report = folder.join(format!("callgrind.{}.{name}-{times}.out", function.name));
            let invocations = std::iter::repeat_n(invocation, times);
            valgrind.instructions(function, cores, invocations, &report)
        };
        let of_one = |function: &Function, request: &Request| {
            let invocation = Invocation::new(&request.body)?;
            let count = |times| count(function, &request.name, &invocation, times);
            let (warm, all) = (count(WARM_UPS)?, count(WARM_UPS + INVOCATIONS)?);
            let records = INVOCATIONS as u64 * request.records as u64;
            Ok::<_, Error>(all.saturating_sub(warm) / records.max(1))
        };
        let Counted { transform, consumer } = functions;
        let opensearch = BulkApi::start()?;
        let [consumer] = &consumers::writing_to(slice::from_ref(consumer), &opensearch)[..] else {
            return Err("one consumer became several".into());
        };
        let nothing = Invocation::new(b"")?;
        let events = |name, size| Request::of_events(name, REQUEST_BYTES, size, seed);
        let messages = Request { name: "message".to_owned(), ..batch(MESSAGES, seed) };
        Ok(Self {
            start: count(transform, "start", &nothing, 0)?,
            small: of_one(transform, &events("small", Size::Small))?,
            large: of_one(transform, &events("large", Size::Large))?,
            consumer_start: count(consumer, "start", &nothing, 0)?,
            message: of_one(consumer, &messages)?,
        })
    }

    fn named(self) -> [(&'static str, u64); 5] {
        [
            ("start", self.start),
            ("small", self.small),
            ("large", self.large),
            ("consumer_start", self.consumer_start),
            ("message", self.message),
        ]
    }
}

/// Figures that were committed, and what they were counted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// As `rustc --version` tells it.
    pub rustc: String,
    /// The machine's architecture, as Rust names it.
    pub architecture: String,
    /// The figures.
    pub instructions: Instructions,
}

impl Committed {
    /// Where they are.
    #[must_use]
    pub fn file() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt"))
    }

    /// These figures, counted with this machine's compiler.
    ///
    /// # Errors
    /// When there is no compiler.
    pub fn here(instructions: Instructions) -> Result<Self, Error> {
        let version = Command::new("rustc").arg("--version").output()?;
        Ok(Self {
            rustc: String::from_utf8(version.stdout)?.trim().to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            instructions,
        })
    }

    /// Reads them.
    ///
    /// # Errors
    /// When the file is not as [`Committed::file`] is written.
    pub fn read() -> Result<Self, Error> {
        Ok(fs::read_to_string(Self::file())?.parse()?)
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self) -> Result<(), Error> {
        Ok(fs::write(Self::file(), self.to_string())?)
    }

    /// What differs by more than the tolerance, and what to do about it.
    #[must_use]
    pub fn differences(&self, counted: &Self) -> Vec<String> {
        let pairs = self.instructions.named().into_iter().zip(counted.instructions.named());
        let far = pairs.filter(|((_, committed), (_, now))| {
            committed.abs_diff(*now) * 100 > committed * TOLERANCE_PERCENT
        });
        far.map(|((name, committed), (_, now))| {
            let what = if now > committed {
                "it got worse; if that is worth it, say why and commit the new figure"
            } else {
                "it got better: commit the new figure, so that it stays so"
            };
            format!(
                "{name}: {now} instructions, {committed} are committed: {what} \
                 (cd bench && cargo run --release -- instructions --update; \
                 committed with {}, counted with {})",
                self.rustc, counted.rustc
            )
        })
        .collect()
    }
}

impl fmt::Display for Committed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "# Instructions of firehose-transform up to its first request for an invocation, and for\n\
             # one record with a small and a large event; of sqs-consumer the same, and for one\n\
             # message. bench/tests/guard.rs fails where they are more than {TOLERANCE_PERCENT} % away.\n\
             # To set them anew:\n\
             # cd bench && cargo run --release -- instructions --update\n\
             compiler {}\n\
             architecture {}",
            self.rustc, self.architecture
        )?;
        self.instructions
            .named()
            .iter()
            .try_for_each(|(name, count)| writeln!(out, "{name} {count}"))
    }
}

impl std::str::FromStr for Committed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            let found = lines.find(|(known, _)| *known == name).map(|(_, value)| value);
            found.ok_or_else(|| format!("no line for {name:?} among the committed figures"))
        };
        let count = |name: &str| {
            let text = value(name)?;
            text.parse::<u64>()
                .map_err(|_| format!("{name} is {text:?} among the committed figures"))
        };
        Ok(Self {
            rustc: value("compiler")?.to_owned(),
            architecture: value("architecture")?.to_owned(),
            instructions: Instructions {
                start: count("start")?,
                small: count("small")?,
                large: count("large")?,
                consumer_start: count("consumer_start")?,
                message: count("message")?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(start: u64, small: u64, large: u64) -> Committed {
        Committed {
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
            architecture: "x86_64".to_owned(),
            instructions: Instructions {
                start,
                small,
                large,
                consumer_start: 4_000,
                message: 5_000,
            },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let figures = committed(1, 20, 300);
        assert_eq!(figures.to_string().parse(), Ok(figures));
    }

    #[test]
    fn says_what_is_wrong_with_the_file() {
        let text = committed(1, 20, 300).to_string();
        let error = |from, to| text.replace(from, to).parse::<Committed>().unwrap_err();
        assert_eq!(error("small 20\n", ""), "no line for \"small\" among the committed figures");
        assert_eq!(error("small 20", "small 2k"), "small is \"2k\" among the committed figures");
    }

    #[test]
    fn ten_percent_are_no_difference() {
        let figures = committed(1_000, 1_000, 1_000);
        assert_eq!(figures.differences(&committed(1_100, 900, 1_000)), [""; 0]);
    }

    #[test]
    fn more_is_a_difference_and_so_is_less() {
        let figures = committed(1_000, 1_000, 1_000);
        let [start, large] = &figures.differences(&committed(1_101, 1_000, 899))[..] else {
            panic!("two differences");
        };
        assert!(start.starts_with("start: 1101 instructions, 1000 are committed: it got worse"));
        assert!(large.starts_with("large: 899 instructions, 1000 are committed: it got better"));
    }
}
