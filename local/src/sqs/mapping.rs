//! The event source mapping of a queue: it polls, invokes, and deletes what succeeded.
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

/// Maximum messages of one call.
const CALL_LIMIT: usize = 10;

/// The pause after a call that failed, and between looks into a queue in a window's last second.
const PAUSE: Duration = Duration::from_millis(50);

/// The settings of an event source mapping, whose `FunctionResponseTypes` has
/// `ReportBatchItemFailures`: the answer names the messages that failed.
#[derive(Debug, Clone)]
pub struct EventSourceMappingOptions {
    /// The queue that is polled.
    pub queue_url: String,
    /// Maximum messages of an invocation (`BatchSize`): 1 to 10,000, and to 10 for a FIFO queue.
    pub batch_size: usize,
    /// How long a batch that is not full waits for more messages, from its first one
    /// (`MaximumBatchingWindowInSeconds`): up to 300 s, at least 1 s where a batch has more than
    /// 10 messages, none for a FIFO queue.
    pub batching_window: Duration,
    /// Maximum concurrent invocations (`MaximumConcurrency`): 1 to 1,000. AWS takes
    /// no fewer than 2; 1 is for tests that need an order.
    pub maximum_concurrency: usize,
}

impl EventSourceMappingOptions {
    /// Batches of up to 10 messages, invoked at once, and up to 5 at a time, as many as AWS starts
    /// with.
    pub fn new(queue_url: impl Into<String>) -> Self {
        Self {
            queue_url: queue_url.into(),
            batch_size: 10,
            batching_window: Duration::ZERO,
            maximum_concurrency: 5,
        }
    }
}

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
    watched: Watched<Report>,
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
        let shared = Arc::new(Shared { options, queue_arn, client, watched: Watched::default() });
        let function = Arc::new(function);
        let mut pollers = JoinSet::new();
        for _ in 0..shared.options.maximum_concurrency {
            pollers.spawn(poll::run(Arc::clone(&shared), Arc::clone(&function)));
        }
        Ok(Self { shared, pollers })
    }

    /// What has become of the messages so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.watched.report()
    }

    /// Waits until the report is as `condition` says, which is asked after every change.
    pub async fn until(&self, condition: impl Fn(&Report) -> bool) -> Report {
        self.shared.watched.until(condition).await
    }

    /// Receives no more, waits until what was received has been through the function and deleted
    /// or left, and returns what became of it all.
    pub async fn stop(mut self) -> Report {
        self.shared.watched.stop();
        while self.pollers.join_next().await.is_some() {}
        self.report()
    }
}
