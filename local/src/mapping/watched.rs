//! A report that others can wait for.

use std::sync::Mutex;

use tokio::sync::watch;

use crate::server::locked;

/// The report of a mapping, and whether the mapping must stop.
#[derive(Debug)]
pub(crate) struct Watched<R> {
    report: Mutex<R>,
    /// Notified of every change of the report.
    changed: watch::Sender<()>,
    stopping: watch::Sender<bool>,
}

impl<R: Default> Default for Watched<R> {
    fn default() -> Self {
        Self {
            report: Mutex::default(),
            changed: watch::Sender::new(()),
            stopping: watch::Sender::new(false),
        }
    }
}

impl<R: Clone> Watched<R> {
    /// The report so far.
    pub(crate) fn report(&self) -> R {
        locked(&self.report).clone()
    }

    /// Changes the report, and notifies those that wait.
    pub(crate) fn count(&self, change: impl FnOnce(&mut R)) {
        change(&mut locked(&self.report));
        self.changed.send_replace(());
    }

    /// Waits until `condition` returns true for the report. It is called after every change.
    pub(crate) async fn until(&self, condition: impl Fn(&R) -> bool) -> R {
        let mut changed = self.changed.subscribe();
        loop {
            {
                let report = locked(&self.report);
                if condition(&report) {
                    return report.clone();
                }
            }
            // The sender lives as long as `self`.
            changed.changed().await.ok();
        }
    }

    /// Waits until `is_so` returns true. It is called after every change of the report.
    pub(crate) async fn wait(&self, is_so: impl Fn() -> bool) {
        let mut changed = self.changed.subscribe();
        while !is_so() {
            changed.changed().await.ok();
        }
    }

    /// Tells the mapping to stop.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until the mapping must stop.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as `self`.
        self.stopping.subscribe().wait_for(|is_stopping| *is_stopping).await.ok();
    }
}
