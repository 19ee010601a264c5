//! The event source mapping of a queue: it polls, invokes, and deletes what succeeded.
//!
//! Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", "Creating and configuring an
//! Amazon SQS event source mapping", "Configuring scaling behavior" and "Error handling".

mod answer;
mod delete;
mod event;
mod options;
mod poll;
mod report;

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Client, ClientError};
use crate::runtime_api::{Invoke, Invoker};
use crate::server::locked;
pub use answer::{WrongAnswer, batch_item_failures};
pub use options::EventSourceMappingOptions;
pub use report::{Invocation, Report};

/// A running mapping. It stops where it stands when this value is dropped: messages in its hands
/// are redelivered after their visibility timeout.
#[derive(Debug)]
pub struct EventSourceMapping {
    shared: Arc<Shared>,
    pollers: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    options: EventSourceMappingOptions,
    queue_arn: String,
    client: Client,
    function: Invoker,
    report: Mutex<Report>,
    /// Told of every change of the report.
    changed: watch::Sender<()>,
    stopping: watch::Sender<bool>,
}

impl EventSourceMapping {
    /// Starts to poll the queue with `client` and to hand its messages to `function`.
    ///
    /// # Errors
    /// When the queue cannot be asked for its ARN.
    pub async fn start(
        options: EventSourceMappingOptions,
        client: Client,
        function: impl Invoke,
    ) -> Result<Self, ClientError> {
        let queue_arn = client.queue_attribute(&options.queue_url, "QueueArn").await?;
        let shared = Arc::new(Shared {
            options,
            queue_arn,
            client,
            function: Invoker::new(function),
            report: Mutex::default(),
            changed: watch::Sender::new(()),
            stopping: watch::Sender::new(false),
        });
        let mut pollers = JoinSet::new();
        for _ in 0..shared.options.maximum_concurrency {
            pollers.spawn(poll::run(Arc::clone(&shared)));
        }
        Ok(Self { shared, pollers })
    }

    /// What has become of the messages so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.report().clone()
    }

    /// Waits until the report is as `condition` says, which is asked after every change.
    pub async fn until(&self, condition: impl Fn(&Report) -> bool) -> Report {
        let mut changed = self.shared.changed.subscribe();
        loop {
            {
                let report = self.shared.report();
                if condition(&report) {
                    return report.clone();
                }
            }
            // The sender lives as long as `self`.
            changed.changed().await.ok();
        }
    }

    /// Receives no more, waits until what was received has been through the function and deleted
    /// or left, and returns what became of it all.
    pub async fn stop(mut self) -> Report {
        self.shared.stopping.send_replace(true);
        while self.pollers.join_next().await.is_some() {}
        self.report()
    }
}

impl Shared {
    fn report(&self) -> MutexGuard<'_, Report> {
        locked(&self.report)
    }

    /// Changes the report, and notifies those who wait.
    fn count(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report());
        self.changed.send_replace(());
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}
