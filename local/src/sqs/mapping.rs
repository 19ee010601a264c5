//! The event source mapping of a queue: it polls, invokes, and deletes messages that succeeded.
//!
//! Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", "Creating and configuring an
//! Amazon SQS event source mapping", "Configuring scaling behavior" and "Error handling".

mod delete;
mod event;
mod poll;
mod report;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Client, ClientError};
use crate::mapping::Watched;
pub use crate::mapping::{WrongAnswer, batch_item_failures};
use crate::runtime_api::Invoke;
pub use report::Report;

/// Maximum number of messages of one call.
const CALL_LIMIT: usize = 10;

/// The pause after a failed call, and between polls in the last second of a window.
const PAUSE: Duration = Duration::from_millis(50);

/// The settings of an event source mapping whose `FunctionResponseTypes` contains
/// `ReportBatchItemFailures`: the answer names the messages that failed.
#[derive(Debug, Clone)]
pub struct EventSourceMappingOptions {
    /// The URL of the queue.
    pub queue_url: String,
    /// Maximum number of messages of an invocation (`BatchSize`): 1 to 10,000, or to 10 for a FIFO
    /// queue.
    pub batch_size: usize,
    /// How long a batch that is not full waits for more messages after its first one
    /// (`MaximumBatchingWindowInSeconds`): up to 300 s, at least 1 s for batches of more than 10
    /// messages, and 0 for a FIFO queue.
    pub batching_window: Duration,
    /// Maximum number of concurrent invocations (`MaximumConcurrency`): 1 to 1,000. The minimum of
    /// AWS is 2; 1 is for tests that need an order.
    pub maximum_concurrency: usize,
}

impl EventSourceMappingOptions {
    /// Batches of up to 10 messages, which are invoked without a window, and up to 5 concurrently,
    /// the initial number in AWS.
    pub fn new(queue_url: impl Into<String>) -> Self {
        Self {
            queue_url: queue_url.into(),
            batch_size: 10,
            batching_window: Duration::ZERO,
            maximum_concurrency: 5,
        }
    }
}

/// A running mapping. It stops immediately when this value is dropped; the messages that it has
/// received are redelivered after their visibility timeout.
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
    watched: Watched<Report>,
}

impl EventSourceMapping {
    /// Starts to poll the queue with `client` and to pass its messages to `function`.
    ///
    /// # Errors
    /// If the ARN of the queue cannot be requested.
    pub async fn start(
        options: EventSourceMappingOptions,
        client: Client,
        function: impl Invoke,
    ) -> Result<Self, ClientError> {
        let queue_arn = client.queue_attribute(&options.queue_url, "QueueArn").await?;
        let shared = Arc::new(Shared { options, queue_arn, client, watched: Watched::default() });
        let function = Arc::new(function);
        let mut pollers = JoinSet::new();
        for _ in 0..shared.options.maximum_concurrency {
            pollers.spawn(poll::run(Arc::clone(&shared), Arc::clone(&function)));
        }
        Ok(Self { shared, pollers })
    }

    /// The report so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.watched.report()
    }

    /// Waits until `condition` returns true for the report. It is called after every change.
    pub async fn until(&self, condition: impl Fn(&Report) -> bool) -> Report {
        self.shared.watched.until(condition).await
    }

    /// Stops receiving, waits until all received messages have been processed, and deleted or left,
    /// and returns the report.
    pub async fn stop(mut self) -> Report {
        self.shared.watched.stop();
        while self.pollers.join_next().await.is_some() {}
        self.report()
    }
}
