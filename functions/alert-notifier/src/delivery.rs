//! Posts messages until each is posted or refused, or the time is up.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::chat::{Chat, ChatReply, NoReply, Posting};
use crate::webhook::Webhook;

/// Minimum time between two requests to a space (source: Google Chat API, "Usage limits": 60 writes
/// a minute per space, 1 a second through a webhook).
pub(crate) const PACE: Duration = Duration::from_secs(1);

/// Maximum time that one request waits for its reply.
const MAX_ATTEMPT: Duration = Duration::from_secs(10);

/// The first wait before a retry; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The last wait ends this long before the end.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// The outcome of a message.
pub(crate) type Outcome = Result<(), PostFailure>;

/// Why a message was not posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostFailure {
    /// Google Chat refused the message.
    Refused(ChatReply),
    /// Google Chat did not reply.
    NoReply(NoReply),
    /// The end was reached before a request was sent.
    NoTime,
}

impl fmt::Display for PostFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reply) => reply.fmt(out),
            Self::NoReply(no_reply) => no_reply.fmt(out),
            Self::NoTime => out.write_str("the deadline was reached before it was posted"),
        }
    }
}

impl PostFailure {
    const fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(reply) => reply.is_temporary(),
            Self::NoReply(_) | Self::NoTime => true,
        }
    }

    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(reply) => reply.retry_after,
            Self::NoReply(_) | Self::NoTime => None,
        }
    }
}

/// The outcomes of messages in their order, and the number of requests sent.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) requests: u64,
}

impl Delivery {
    /// Whether Google Chat refused a message, and would refuse it again.
    pub(crate) fn has_final_refusal(&self) -> bool {
        self.outcomes.iter().any(
            |outcome| matches!(outcome, Err(PostFailure::Refused(reply)) if !reply.is_temporary()),
        )
    }
}

/// The time of the next request to a space, across invocations.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Waits until a request may be sent; returns whether that is before `until`.
    async fn wait(&self, until: Instant) -> bool {
        let next = self.next.unwrap_or_else(Instant::now);
        if next < until {
            sleep_until(next).await;
        }
        Instant::now().max(next) < until
    }
}

/// Posts messages in turn, one request a second, and retries until `until`. Every message is tried
/// before any is retried. `jitter` returns a random number from 0 to 1.
pub(crate) async fn post(
    chat: &impl Chat,
    webhook: &Webhook,
    postings: &[Posting],
    until: Instant,
    pace: &mut Pace,
    mut jitter: impl FnMut() -> f64,
) -> Delivery {
    let mut outcomes = vec![Err(PostFailure::NoTime); postings.len()];
    let (mut requests, mut wait) = (0, FIRST_WAIT);
    loop {
        let pending = |outcome: &Outcome| outcome.as_ref().is_err_and(PostFailure::is_temporary);
        let waiting: Vec<usize> =
            (0..postings.len()).filter(|at| pending(&outcomes[*at])).collect();
        let mut retry_after = Duration::ZERO;
        for (done, at) in waiting.iter().enumerate() {
            if !pace.wait(until).await {
                break;
            }
            requests += 1;
            let left = until.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(waiting.len() - done).unwrap_or(u32::MAX);
            let limit = share.clamp(PACE.min(left), MAX_ATTEMPT);
            outcomes[*at] = attempt(chat, webhook, &postings[*at], limit).await;
            // Counted from the reply: the space counts requests when they arrive.
            pace.next = Some(Instant::now() + PACE);
            if let Err(failure) = &outcomes[*at] {
                retry_after = retry_after.max(failure.retry_after().unwrap_or_default());
            }
        }
        // Half of the wait is random: messages that were refused together are not retried together.
        let backoff = wait.mul_f64(0.5 + jitter().clamp(0.0, 1.0) / 2.0);
        let left = until.saturating_duration_since(Instant::now()).saturating_sub(LAST_ATTEMPT);
        let backoff = if left > FIRST_WAIT { backoff.min(left) } else { backoff };
        let pause = backoff.max(retry_after);
        let in_time = Instant::now().checked_add(pause).is_some_and(|next| next < until);
        // Without time for a retry, Lambda retries the invocation.
        if !outcomes.iter().any(pending) || !in_time {
            return Delivery { outcomes, requests };
        }
        sleep(pause).await;
        wait = (wait * 2).min(MAX_WAIT);
    }
}

async fn attempt(
    chat: &impl Chat,
    webhook: &Webhook,
    posting: &Posting,
    limit: Duration,
) -> Outcome {
    match timeout(limit, chat.post(webhook, posting)).await {
        Ok(Ok(reply)) if reply.is_posted() => Ok(()),
        Ok(Ok(reply)) => Err(PostFailure::Refused(reply)),
        Ok(Err(no_reply)) => Err(PostFailure::NoReply(no_reply)),
        Err(_) => {
            let reason = format!("timed out after {} ms", limit.as_millis());
            Err(PostFailure::NoReply(NoReply(reason)))
        }
    }
}

#[cfg(test)]
mod tests;
