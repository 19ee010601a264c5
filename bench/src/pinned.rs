//! Processes on a core of their own, and what they use.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::Error;

/// A thread that collects garbage after the answer belongs to the answer; one that never stops
/// would hold up the measurement.
const LONGEST_UNREST: Duration = Duration::from_millis(50);

/// Which core measures, and which one is measured.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    harness: usize,
    function: usize,
}

impl Cores {
    /// Takes the first and the last core that this process may use, and moves the calling thread,
    /// and those that it will start, to the first.
    ///
    /// # Errors
    /// When the system does not let a thread choose its core.
    pub fn take() -> Result<Self, Error> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut usable = (0..CpuSet::count()).filter(|&core| allowed.is_set(core) == Ok(true));
        let harness = usable.next().ok_or("no core to run on")?;
        let function = usable.next_back().unwrap_or(harness);
        move_to(harness)?;
        Ok(Self { harness, function })
    }

    /// Whether there are two: with one, functions and harness take each other's time.
    #[must_use]
    pub fn are_two(self) -> bool {
        self.harness != self.function
    }

    /// Starts a process on the functions' core, without output.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(self, command: &mut Command) -> Result<Process, Error> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A child runs where the thread that started it runs.
        move_to(self.function)?;
        let started = Instant::now();
        let child = command.spawn();
        move_to(self.harness)?;
        let child =
            child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(child.id())?))?;
        Ok(Process { child, clock, started })
    }
}

fn move_to(core: usize) -> Result<(), Error> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &cores)?)
}

/// A running process, killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    clock: ClockId,
    /// Just before it was started.
    pub started: Instant,
}

impl Process {
    /// The time that all of its threads have used so far, in user and system mode, to the
    /// nanosecond. Waits until they rest: of a thread that runs, the system tells only what it had
    /// used at the last tick, which may be milliseconds ago.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu(&self) -> Result<Duration, Error> {
        let enough = Instant::now() + LONGEST_UNREST;
        while self.runs()? && Instant::now() < enough {}
        Ok(self.clock.now()?.into())
    }

    fn runs(&self) -> Result<bool, Error> {
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // One that ended since then does not run.
            let stat = fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
            if is_running(&stat) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The most memory that it ever held (`VmHWM`), in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn peak_memory_bytes(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.ok_or("no VmHWM in /proc/<pid>/status")?.parse::<u64>()? * 1_024)
    }

    /// Asks it to end (`SIGTERM`), and waits until it has.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn terminate(mut self) -> Result<(), Error> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it ended, and how.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn ended(&mut self) -> Result<Option<String>, Error> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }
}

/// Whether a thread's line in `/proc` says so; its name, in parentheses, may hold anything.
fn is_running(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that is gone.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::is_running;

    #[test]
    fn knows_a_thread_that_runs() {
        assert!(is_running("4711 (node) R 1 4711 4711 0 -1 4194304 1 0 0 0 5 1 0 0"));
        assert!(is_running("4711 (a) S 1) R 1 4711 4711 0 -1 4194304 1 0 0 0 5 1 0 0"));
        assert!(!is_running("4711 (node) S 1 4711 4711 0 -1 4194304 1 0 0 0 5 1 0 0"));
        assert!(!is_running("4711 (tokio (R) S 1 4711 4711 0 -1 4194304 1 0 0 0 5 1 0 0"));
        assert!(!is_running(""));
    }
}
