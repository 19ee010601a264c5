//! The event source mapping between a queue and a function.

mod answers;
mod batches;
mod failures;
mod function;
mod script;

use local::sqs::{Client, EventSourceMapping, EventSourceMappingOptions};

use local::runtime_api::Invoke;

/// A mapping with one poller, for an order of invocations.
pub(crate) fn options(queue: &str) -> EventSourceMappingOptions {
    EventSourceMappingOptions { maximum_concurrency: 1, ..EventSourceMappingOptions::new(queue) }
}

pub(crate) async fn started(
    options: EventSourceMappingOptions,
    client: &Client,
    function: impl Invoke,
) -> EventSourceMapping {
    EventSourceMapping::start(options, client.clone(), function).await.unwrap()
}
