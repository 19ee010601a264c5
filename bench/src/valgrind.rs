//! Counts the work of a whole process with Valgrind.
//!
//! Unlike time, the numbers of instructions and allocations of a process hardly depend on the state
//! of the machine; the remaining variation comes from hash seeds and the sizes of socket reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::functions::Function;
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::runtime_api::Invocation;

/// The first invocation grows the buffers; the second one is in the steady state.
const WARM_UPS: usize = 1;
const INVOCATIONS: usize = 2;

/// Valgrind, and a folder for its reports.
#[derive(Clone, Debug)]
pub struct Valgrind {
    program: PathBuf,
    folder: PathBuf,
}

/// The heap use of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heap {
    /// Number of allocations and reallocations.
    pub(crate) allocations: u64,
    /// Total number of allocated bytes, whether freed or not.
    pub(crate) bytes: u64,
}

impl Valgrind {
    /// Finds Valgrind on this machine; its reports are written to `folder`, which must exist.
    ///
    /// # Errors
    /// If it is missing; the text says what to do.
    pub fn find(folder: &Path) -> Result<Self, String> {
        // With its absolute path: functions are started without `PATH`.
        let found = Command::new("sh").args(["-c", "command -v valgrind"]).output();
        let found = found.ok().filter(|found| found.status.success());
        let program = found.and_then(|found| String::from_utf8(found.stdout).ok()).ok_or(
            "valgrind is missing, and nothing else counts here; \
             on Debian and Ubuntu: apt-get install valgrind libc6-dbg",
        )?;
        Ok(Self { program: program.trim_end().into(), folder: folder.to_owned() })
    }

    /// The number of instructions that `function` executes from its start until it waits again
    /// after this number of invocations. The file name of the report contains `name`.
    pub(crate) fn instructions(
        &self,
        (function, cores): (&Function, Cores),
        name: &str,
        (invocation, times): (&Invocation, usize),
    ) -> Result<u64, Error> {
        let report = self.folder.join(format!("callgrind.{}.{name}-{times}.out", function.name));
        let out = format!("--callgrind-out-file={}", report.display());
        self.run(&["--tool=callgrind", &out], (function, cores), (invocation, times))?;
        Ok(total(&fs::read_to_string(report)?)?)
    }

    /// The heap use of `function` for an invocation in the steady state.
    pub(crate) fn heap_of_one(
        &self,
        function: &Function,
        cores: Cores,
        invocation: &Invocation,
    ) -> Result<Heap, Error> {
        let [allocations, bytes] = of_one(|times| {
            let report = self.folder.join(format!("memcheck.{}-{times}.log", function.name));
            // Only counts: looking for errors takes much longer.
            let log = format!("--log-file={}", report.display());
            let tool = ["--leak-check=no", "--undef-value-errors=no", &log];
            self.run(&tool, (function, cores), (invocation, times))?;
            let usage = heap_usage(&fs::read_to_string(report)?);
            let usage = usage.ok_or("Memcheck's report lacks the heap usage")?;
            Ok([usage.allocations, usage.bytes])
        })?;
        Ok(Heap { allocations, bytes })
    }

    fn run(
        &self,
        tool: &[&str],
        (function, cores): (&Function, Cores),
        (invocation, times): (&Invocation, usize),
    ) -> Result<(), Error> {
        let mut running = Running::start(&function.run_by(&self.program, tool), cores)?;
        for _ in 0..times {
            running.invoke(invocation)?;
        }
        running.process.terminate()
    }
}

/// The cost of one invocation in the steady state, from the cost of a process with a number of
/// them.
pub(crate) fn of_one<const N: usize>(
    count: impl Fn(usize) -> Result<[u64; N], Error>,
) -> Result<[u64; N], Error> {
    let (warm, all) = (count(WARM_UPS)?, count(WARM_UPS + INVOCATIONS)?);
    let of_one = |at: usize| all[at].saturating_sub(warm[at]) / INVOCATIONS as u64;
    Ok(std::array::from_fn(of_one))
}

/// The summary that Memcheck writes when the process has ended.
fn heap_usage(report: &str) -> Option<Heap> {
    let (_, usage) = report.split_once("total heap usage: ")?;
    let number = |text: &str| text.trim().replace(',', "").parse().ok();
    let (allocations, usage) = usage.split_once(" allocs, ")?;
    let (_, usage) = usage.split_once(" frees, ")?;
    let (bytes, _) = usage.split_once(" bytes allocated")?;
    Some(Heap { allocations: number(allocations)?, bytes: number(bytes)? })
}

/// The total at the end of a Callgrind report.
///
/// The first of the counted events must be instructions (`Ir`); others may follow.
fn total(report: &str) -> Result<u64, String> {
    let line = |name: &str| report.lines().rev().find_map(|line| line.strip_prefix(name));
    let events = line("events:").ok_or("Callgrind's report does not say what it counted")?;
    if events.split_whitespace().next() != Some("Ir") {
        return Err(format!("Callgrind counted {}, not instructions", events.trim()));
    }
    let totals = line("totals:").ok_or("Callgrind's report has no totals: it is cut off")?;
    let first = totals.split_whitespace().next().and_then(|number| number.parse().ok());
    first.ok_or_else(|| format!("Callgrind's totals are not a number: {totals}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_total() {
        // In the format of Callgrind 3.19, shortened.
        let report = "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 4711\n\n\
            positions: line\nevents: Ir\nsummary: 3208611\n\nob=(1) ld.so\nfn=(1) start\n0 7\n\n\
            totals: 3208611\n";
        let changed = |from, to| total(&report.replace(from, to));
        assert_eq!(total(report), Ok(3_208_611));
        assert_eq!(changed("events: Ir", "events: Ir Dr"), Ok(3_208_611));
        assert_eq!(changed("totals: ", "totals: 12 "), Ok(12));
        for (from, to, error) in [
            ("events: Ir", "events: Bc", "Callgrind counted Bc, not instructions"),
            ("events", "none", "Callgrind's report does not say what it counted"),
            ("totals: 3208611\n", "", "Callgrind's report has no totals: it is cut off"),
            ("totals: 3", "totals: x", "Callgrind's totals are not a number:  x208611"),
        ] {
            assert_eq!(changed(from, to), Err(error.to_owned()));
        }
    }

    #[test]
    fn reads_the_heap_usage() {
        let report = "==5== HEAP SUMMARY:\n==5==     in use at exit: 18,412 bytes in 121 blocks\n\
            ==5==   total heap usage: 1,431 allocs, 1,310 frees, 1,118,620 bytes allocated\n==5== \n";
        let heap = Heap { allocations: 1_431, bytes: 1_118_620 };
        assert_eq!(heap_usage(report), Some(heap));
        assert_eq!(heap_usage(&report.replace("1,431", "many")), None);
        assert_eq!(heap_usage(""), None);
    }
}
