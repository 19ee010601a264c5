//! Posting several messages until each is posted, refused, or the time is up.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::chat::{Chat, NoReply, Reply};
use crate::webhook::Webhook;

/// How long an answer is waited for at most.
const MAX_ATTEMPT: Duration = Duration::from_secs(10);

/// Waiting begins with this, and doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The last wait ends this long before the time is up.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// A message that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Posting it again under the same id posts nothing.
    pub id: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// What became of a message.
pub type Outcome = Result<(), Failure>;

/// Why a message is not in the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Google Chat said no.
    Refused(Reply),
    /// It did not answer.
    NoReply(NoReply),
    /// There was no time to ask.
    NoTime,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reply) => reply.fmt(out),
            Self::NoReply(no_reply) => no_reply.fmt(out),
            Self::NoTime => out.write_str("no time was left to post it"),
        }
    }
}

impl Failure {
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

/// What became of the messages, in their order, and how many requests that took.
#[derive(Debug)]
pub struct Delivery {
    /// One of each message.
    pub outcomes: Vec<Outcome>,
    /// How many requests were sent.
    pub requests: u64,
}

/// Posts messages in turn, and those that failed for now again, until `until`. Every one of them
/// is tried before any is tried again. `jitter` draws from 0 to 1.
pub async fn post(
    chat: &impl Chat,
    webhook: &Webhook,
    postings: &[Posting],
    until: Instant,
    mut jitter: impl FnMut() -> f64,
) -> Delivery {
    let mut outcomes = vec![Err(Failure::NoTime); postings.len()];
    let (mut requests, mut wait) = (0, FIRST_WAIT);
    loop {
        let pending = |outcome: &Outcome| outcome.as_ref().is_err_and(Failure::is_temporary);
        let waiting: Vec<usize> =
            (0..postings.len()).filter(|at| pending(&outcomes[*at])).collect();
        let mut asked: Option<Duration> = None;
        for (done, at) in waiting.iter().enumerate() {
            let others = u32::try_from(waiting.len() - done).unwrap_or(u32::MAX);
            let left = until.saturating_duration_since(Instant::now()) / others;
            if left.is_zero() {
                continue;
            }
            requests += 1;
            let attempt = attempt(chat, webhook, &postings[*at], left.min(MAX_ATTEMPT)).await;
            let after = attempt.as_ref().err().and_then(Failure::retry_after);
            asked = asked.max(after);
            outcomes[*at] = attempt;
        }
        // Half of it by chance: what was refused together does not come together again.
        let own = wait.mul_f64(0.5 + jitter().clamp(0.0, 1.0) / 2.0);
        let left = until.saturating_duration_since(Instant::now()).saturating_sub(LAST_ATTEMPT);
        let own = if left > FIRST_WAIT { own.min(left) } else { own };
        let next = Instant::now().checked_add(own.max(asked.unwrap_or_default()));
        // Waiting for what cannot be done any more would only cost: Lambda tries again.
        let in_time = next.is_some_and(|next| next < until);
        if !outcomes.iter().any(pending) || !in_time {
            return Delivery { outcomes, requests };
        }
        sleep(own.max(asked.unwrap_or_default())).await;
        wait = (wait * 2).min(MAX_WAIT);
    }
}

async fn attempt(
    chat: &impl Chat,
    webhook: &Webhook,
    posting: &Posting,
    limit: Duration,
) -> Outcome {
    match timeout(limit, chat.post(webhook, &posting.id, &posting.body)).await {
        Ok(Ok(reply)) if reply.is_posted() => Ok(()),
        Ok(Ok(reply)) => Err(Failure::Refused(reply)),
        Ok(Err(no_reply)) => Err(Failure::NoReply(no_reply)),
        Err(_) => {
            let reason = format!("none within {} ms", limit.as_millis());
            Err(Failure::NoReply(NoReply(reason)))
        }
    }
}

#[cfg(test)]
mod tests;
