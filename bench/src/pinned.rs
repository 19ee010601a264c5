//! Processes that are pinned to a core, and their resource usage.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::Error;

/// A thread that collects garbage after the answer belongs to the answer; one that never stops
/// would block the measurement.
const LONGEST_UNREST: Duration = Duration::from_millis(50);

/// The core of the harness and the core of the functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    harness: usize,
    function: usize,
}

impl Cores {
    /// Selects the first and the last core that this process may use, and moves the calling thread,
    /// and the threads that it will start, to the first one.
    pub(crate) fn take() -> Result<Self, Error> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut usable = (0..CpuSet::count()).filter(|&core| allowed.is_set(core) == Ok(true));
        let harness = usable.next().ok_or("no core to run on")?;
        let function = usable.next_back().unwrap_or(harness);
        move_to(harness)?;
        Ok(Self { harness, function })
    }

    /// Whether there are two cores: with only one, functions and harness compete for it.
    pub(crate) fn are_two(self) -> bool {
        self.harness != self.function
    }

    /// Starts a process on the functions' core, without output.
    pub(crate) fn spawn(self, command: &mut Command) -> Result<Process, Error> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A child runs on the core of the thread that starts it.
        move_to(self.function)?;
        let started = Instant::now();
        let child = command.spawn();
        move_to(self.harness)?;
        let child =
            child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        Ok(Process { child, pid, clock: ClockId::pid_cpu_clock_id(pid)?, started })
    }
}

fn move_to(core: usize) -> Result<(), Error> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &cores)?)
}

/// A running process, which is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    clock: ClockId,
    /// The time just before the start.
    pub(crate) started: Instant,
}

impl Process {
    /// The CPU time of all its threads so far, in user and system mode, in nanoseconds. Waits until
    /// they are idle: for a running thread, the system reports only the time up to the last tick,
    /// which may be milliseconds ago.
    pub(crate) fn cpu(&self) -> Result<Duration, Error> {
        let enough = Instant::now() + LONGEST_UNREST;
        while self.runs()? && Instant::now() < enough {}
        Ok(self.clock.now()?.into())
    }

    fn runs(&self) -> Result<bool, Error> {
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // A thread that has ended since then is not running.
            let stat = fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
            if is_running(&stat) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Maximum memory so far (`VmHWM`), in bytes.
    pub(crate) fn peak_memory_bytes(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.ok_or("no VmHWM in /proc/<pid>/status")?.parse::<u64>()? * 1_024)
    }

    /// Sends `SIGTERM`, and waits until the process has ended.
    pub(crate) fn terminate(mut self) -> Result<(), Error> {
        kill(self.pid, Signal::SIGTERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Result<Option<String>, Error> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }
}

/// Whether a thread is running, from its line in `/proc`. Its name, in parentheses, may contain
/// anything.
fn is_running(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::is_running;

    #[test]
    fn knows_a_thread_that_runs() {
        for (name, runs) in [
            ("(node) R", true),
            ("(a) S 1) R", true),
            ("(node) S", false),
            ("(tokio (R) S", false),
            ("", false),
        ] {
            assert_eq!(is_running(&format!("4711 {name} 1 4711 4711 0 -1 4194304 1 0 0")), runs);
        }
    }
}
