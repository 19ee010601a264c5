//! Invokes a function in this process, on a paused clock.

use std::time::Duration;

use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use testkit::on_paused_clock;
use tokio::time::Instant;

/// 2024-03-01T12:35:00Z, when every invocation starts.
pub(crate) const NOW_MS: u64 = 1_709_296_500_000;

/// [`NOW_MS`]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_nanos(u128::from(NOW_MS) * 1_000_000).unwrap()
}

/// The answer of a function to an event at `now`, with a minute of remaining time.
pub(crate) async fn answer<F: Function>(
    function: &mut F,
    event: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>, F::Error> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let invocation =
        Invocation { body: event, request_id: "request", function_arn: "", now, deadline };
    let mut answer = Vec::new();
    function.handle(invocation, &mut answer).await.map(|()| answer)
}

/// The answer of a function to an event.
pub(crate) fn invoke<F: Function>(function: &mut F, event: &[u8]) -> Result<Vec<u8>, F::Error> {
    on_paused_clock(answer(function, event, now()))
}
