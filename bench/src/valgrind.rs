//! Counting what a whole process does with Valgrind.
//!
//! Unlike its time, the number of instructions that a process executes, and of allocations that it
//! makes, hardly depends on the machine's mood: what remains are the hash seeds and the sizes of
//! the socket's reads.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::functions::Function;
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::runtime_api::Invocation;

/// Valgrind, whose tools count.
#[derive(Clone, Debug)]
pub struct Valgrind {
    program: PathBuf,
}

/// What a process took from the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heap {
    /// How often, new or to grow.
    pub allocations: u64,
    /// How much in all, whether given back or not.
    pub bytes: u64,
}

/// There is no Valgrind on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

impl std::fmt::Display for Missing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(
            "valgrind is missing, and nothing else counts here; \
             on Debian and Ubuntu: apt-get install valgrind libc6-dbg",
        )
    }
}

impl std::error::Error for Missing {}

impl Valgrind {
    /// Finds it.
    ///
    /// # Errors
    /// [`Missing`]
    pub fn find() -> Result<Self, Missing> {
        // By its whole path: functions are started without a `PATH`.
        let found = Command::new("sh").args(["-c", "command -v valgrind"]).output();
        let found = found.ok().filter(|found| found.status.success()).ok_or(Missing)?;
        let path = String::from_utf8(found.stdout).map_err(|_| Missing)?;
        Ok(Self { program: PathBuf::from(path.trim_end()) })
    }

    /// How many instructions `function` executes from its start until it waits again after
    /// answering `invocations`. Callgrind's report goes to the file `report`.
    ///
    /// # Errors
    /// When the function fails, or Valgrind cannot run it.
    pub fn instructions<'a>(
        &self,
        function: &Function,
        cores: Cores,
        invocations: impl IntoIterator<Item = &'a Invocation>,
        report: &Path,
    ) -> Result<u64, Error> {
        let tool = ["--tool=callgrind".into(), option("--callgrind-out-file=", report)];
        self.run(tool, function, cores, invocations)?;
        Ok(total(&fs::read_to_string(report)?)?)
    }

    /// What `function` takes from the heap from its start until it waits again after answering
    /// `invocations`. Memcheck's report goes to the file `report`.
    ///
    /// # Errors
    /// When the function fails, or Valgrind cannot run it.
    pub fn heap<'a>(
        &self,
        function: &Function,
        cores: Cores,
        invocations: impl IntoIterator<Item = &'a Invocation>,
        report: &Path,
    ) -> Result<Heap, Error> {
        // Only the count is wanted: looking for what is wrong takes much longer.
        let tool = [
            "--leak-check=no".into(),
            "--undef-value-errors=no".into(),
            option("--log-file=", report),
        ];
        self.run(tool, function, cores, invocations)?;
        let report = fs::read_to_string(report)?;
        Ok(heap_usage(&report).ok_or("Memcheck's report does not tell the heap usage")?)
    }

    fn run<'a>(
        &self,
        tool: impl IntoIterator<Item = OsString>,
        function: &Function,
        cores: Cores,
        invocations: impl IntoIterator<Item = &'a Invocation>,
    ) -> Result<(), Error> {
        let mut running = Running::start(&function.run_by(&self.program, tool), cores)?;
        for invocation in invocations {
            running.invoke(invocation)?;
        }
        running.terminate()
    }
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}

/// What Memcheck says when the process has ended.
fn heap_usage(report: &str) -> Option<Heap> {
    let (_, usage) = report.split_once("total heap usage: ")?;
    let number = |text: &str| text.trim().replace(',', "").parse().ok();
    let (allocations, usage) = usage.split_once(" allocs, ")?;
    let (_, usage) = usage.split_once(" frees, ")?;
    let (bytes, _) = usage.split_once(" bytes allocated")?;
    Some(Heap { allocations: number(allocations)?, bytes: number(bytes)? })
}

/// The sum that a report of Callgrind ends with.
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
    first.ok_or_else(|| format!("Callgrind's totals are no number: {totals}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Callgrind 3.19 writes it, shortened.
    const REPORT: &str = "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 4711\n\
        cmd:  bootstrap\npart: 1\n\n\ndesc: I1 cache: \ndesc: Trigger: Program termination\n\n\
        positions: line\nevents: Ir\nsummary: 3208611\n\n\nob=(1) ld.so\nfl=(1)\nfn=(1) start\n0 7\n\n\
        totals: 3208611\n";

    #[test]
    fn reads_the_total() {
        assert_eq!(total(REPORT), Ok(3_208_611));
        let more = REPORT.replace("events: Ir", "events: Ir Dr").replace("totals: ", "totals: 12 ");
        assert_eq!(total(&more), Ok(12));
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

    #[test]
    fn refuses_what_is_no_count_of_instructions() {
        let changed = |from, to| total(&REPORT.replace(from, to)).unwrap_err();
        assert_eq!(changed("events: Ir", "events: Bc"), "Callgrind counted Bc, not instructions");
        assert_eq!(
            changed("totals: 3208611\n", ""),
            "Callgrind's report has no totals: it is cut off"
        );
        assert_eq!(changed("totals: 3", "totals: x"), "Callgrind's totals are no number:  x208611");
        assert_eq!(total("").unwrap_err(), "Callgrind's report does not say what it counted");
    }
}
