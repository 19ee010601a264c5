//! The settings of a mapping.

use std::time::Duration;

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
