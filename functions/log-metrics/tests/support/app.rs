//! The function in this process, with its metrics in memory.

use std::io::Write;

use log_metrics::App;
use log_metrics::config::Config;
use log_metrics::error::HandlerError;
use serde_json::Value;
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use testkit::LAMBDA;
use tokio::runtime::Builder;
use tokio::time::Instant;

/// The time of the invocations: a minute after the log events.
pub(crate) const NOW_MS: u64 = 1_709_296_560_000;

/// Invokes the function, which writes its metrics to `metrics`.
pub(crate) fn invoke(event: &[u8], metrics: impl Write) -> Result<Value, HandlerError> {
    let runtime = Builder::new_current_thread().build().unwrap();
    let now = Timestamp::from_nanos(u128::from(NOW_MS) * 1_000_000).unwrap();
    let config = Config::from_environment(&LAMBDA.into_iter().collect()).unwrap();
    let mut app = App::new(config, metrics);
    runtime.block_on(async {
        let deadline = Instant::now();
        let invocation =
            Invocation { body: event, request_id: "a", function_arn: "", now, deadline };
        let mut answer = Vec::new();
        app.handle(invocation, &mut answer).await.map(|()| serde_json::from_slice(&answer).unwrap())
    })
}
