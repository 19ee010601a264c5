//! One child process, watched until it ends.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A running child process. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    control: Arc<Control>,
    task: JoinHandle<()>,
}

/// Ends a process from afar and reports how it ended.
#[derive(Debug)]
pub(super) struct Control {
    kill: Notify,
    ended: watch::Receiver<Option<String>>,
}

impl Process {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.kill_on_drop(true).spawn()?;
        let (end, ended) = watch::channel(None);
        let control = Arc::new(Control { kill: Notify::new(), ended });
        let task = tokio::spawn(watch_over(child, Arc::clone(&control), end));
        Ok(Self { control, task })
    }

    pub(super) fn control(&self) -> &Arc<Control> {
        &self.control
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Drops the child, and that kills it.
        self.task.abort();
    }
}

impl Control {
    /// Sends SIGKILL.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// How the process ended, if it has.
    pub(super) fn status(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Waits for the process to end and returns its status.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| status.clone());
        // Without a status the process was dropped, and so killed.
        status.unwrap_or_else(|| "signal: killed".to_owned())
    }
}

async fn watch_over(mut child: Child, control: Arc<Control>, end: watch::Sender<Option<String>>) {
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            // Fails only if the process has ended, which `wait` is about to tell.
            () = control.kill.notified() => { child.start_kill().ok(); }
        }
    };
    let status = status.map_or_else(|error| format!("unknown status: {error}"), describe);
    end.send_replace(Some(status));
}

/// The status in the words of Lambda's logs (which are those of Go).
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {}", signal_name(signal)),
        (None, None) => "unknown status".to_owned(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        2 => "interrupt",
        4 => "illegal instruction",
        6 => "aborted",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_worded_as_lambda_does() {
        assert_eq!(describe(ExitStatus::from_raw(3 << 8)), "exit status 3");
        assert_eq!(describe(ExitStatus::from_raw(9)), "signal: killed");
        assert_eq!(describe(ExitStatus::from_raw(11)), "signal: segmentation fault");
        assert_eq!(describe(ExitStatus::from_raw(16)), "signal: signal 16");
    }
}
