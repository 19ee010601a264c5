//! The delay until a failed message is redelivered.

use shared::json::unescaped;
use shared::sqs::Backoff;

use crate::envelope::Message;
use crate::outcome::Outcome;
use crate::ports::VisibilityChange;

/// Returns the delays of messages that waiting helps and that have a receipt handle.
#[must_use]
pub(crate) fn changes(
    backoff: Backoff,
    messages: &[Message<'_>],
    outcomes: &[Outcome],
    now_ms: u64,
    random: &mut fastrand::Rng,
) -> Vec<VisibilityChange> {
    let retried =
        messages.iter().zip(outcomes).enumerate().filter(
            |(_, (_, outcome))| matches!(outcome, Outcome::Retry(retry) if retry.backs_off()),
        );
    let change = |(message, (of, _)): (usize, (&Message<'_>, &Outcome))| {
        let receipt_handle = unescaped(of.receipt_handle?.as_bytes())?;
        let since_first_ms = of.first_received_ms.map_or(0, |first| now_ms.saturating_sub(first));
        let seconds = backoff.seconds(of.receive_count, since_first_ms, random)?;
        Some(VisibilityChange { message, receipt_handle, seconds })
    };
    retried.filter_map(change).collect()
}
