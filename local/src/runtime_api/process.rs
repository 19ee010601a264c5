//! One child process, watched until it ends.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A running child process. It is killed when this value is dropped.
#[derive(Debug)]
pub(super) struct Process {
    control: Arc<Control>,
    task: JoinHandle<()>,
}

/// Kills a process and reports how it ended.
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
        // Drops the child, which kills it.
        self.task.abort();
    }
}

impl Control {
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    pub(super) fn status(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| status.clone());
        // Without a status, the process was dropped and therefore killed.
        status.unwrap_or_else(|| "signal: killed".to_owned())
    }
}

async fn watch_over(mut child: Child, control: Arc<Control>, end: watch::Sender<Option<String>>) {
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            // Fails only if the process has ended, which `wait` reports next.
            () = control.kill.notified() => { child.start_kill().ok(); }
        }
    };
    let status = status.map_or_else(|error| format!("unknown status: {error}"), describe);
    end.send_replace(Some(status));
}

/// The status as in Lambda's logs, which use Go's wording.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(6)) => "signal: aborted".to_owned(),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(11)) => "signal: segmentation fault".to_owned(),
        (None, signal) => format!("signal: signal {}", signal.unwrap_or_default()),
    }
}
