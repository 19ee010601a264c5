//! The settings of a mapping.

use std::time::Duration;

use super::EventSourceMappingError;

/// The settings of an event source mapping.
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
    /// Whether the answer names the messages that failed (`FunctionResponseTypes` has
    /// `ReportBatchItemFailures`). Without it the answer is not read, and an invocation that
    /// brings one has succeeded with all of its messages.
    pub report_batch_item_failures: bool,
    /// Maximum concurrent invocations (`MaximumConcurrency`): 1 to 1,000. AWS takes
    /// no fewer than 2; 1 is for tests that need an order.
    pub maximum_concurrency: usize,
}

impl EventSourceMappingOptions {
    /// Batches of up to 10 messages, invoked at once, with `ReportBatchItemFailures`, and up to 5
    /// at a time, as many as AWS starts with.
    pub fn new(queue_url: impl Into<String>) -> Self {
        Self {
            queue_url: queue_url.into(),
            batch_size: 10,
            batching_window: Duration::ZERO,
            report_batch_item_failures: true,
            maximum_concurrency: 5,
        }
    }

    pub(super) fn check(&self, is_fifo: bool) -> Result<(), EventSourceMappingError> {
        let window = self.batching_window;
        let most = if is_fifo { 10 } else { 10_000 };
        let batch_size = if is_fifo { "1 to 10 for a FIFO queue" } else { "1 to 10,000" };
        let has_time = self.batch_size <= 10 || window >= Duration::from_secs(1);
        for (holds, option, allowed) in [
            ((1..=most).contains(&self.batch_size), "batch_size", batch_size),
            (has_time, "batching_window", "at least 1 s for batches of more than 10"),
            (window <= Duration::from_mins(5), "batching_window", "at most 300 s"),
            (!is_fifo || window.is_zero(), "batching_window", "none for a FIFO queue"),
            ((1..=1000).contains(&self.maximum_concurrency), "maximum_concurrency", "1 to 1,000"),
        ] {
            if !holds {
                return Err(EventSourceMappingError::Option(option, allowed));
            }
        }
        Ok(())
    }
}
