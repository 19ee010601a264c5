//! Moves or examines messages one by one: the loop that does the I/O of a [`Run`].
//!
//! A message is deleted only after SQS confirmed that it was sent. If the process ends at any
//! point, nothing is lost; the messages of at most one call are in both queues.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use shared::sqs::{Failure, MAX_ENTRIES};
use tokio::time::{Instant, timeout_at};

use crate::message::Message;
use crate::queues::Queues;
use crate::run::{Rules, Run};
use crate::schedule::{Pace, Schedule};
use crate::tally::{Stopped, Tally};

/// Maximum concurrent calls that make messages visible.
const CONCURRENT_CALLS: usize = 8;

/// Examines the queue's messages and moves those that match, until the queue is empty, the limit is
/// reached or the time is up. All messages that stay are visible afterwards.
pub async fn run<Q: Queues>(
    queues: &Q,
    rules: &Rules,
    pace: Pace,
    canary_wait: Duration,
    schedule: &Schedule,
) -> Tally {
    let mut mover = Mover { queues, rules, run: Run::new(rules), pace, canary_wait, schedule };
    let ended = mover.work().await;
    mover.run.put_back_pending();
    mover.show_all().await;
    let mut tally = mover.run.tally;
    tally.stopped = ended.err();
    tally
}

struct Mover<'a, Q> {
    queues: &'a Q,
    rules: &'a Rules,
    run: Run<'a>,
    pace: Pace,
    canary_wait: Duration,
    schedule: &'a Schedule,
}

impl<Q: Queues> Mover<'_, Q> {
    async fn work(&mut self) -> Result<(), Stopped> {
        let is_fifo = self.rules.source.is_fifo();
        let mut has_news = false;
        while !self.run.is_full() {
            let messages = self.receive().await?;
            if messages.is_empty() {
                // If the call fails, the run has seen all messages.
                if !is_fifo || self.behind().await.is_none_or(|behind| behind == 0) {
                    break;
                }
                if !std::mem::take(&mut has_news) {
                    return Err(Stopped::GroupBlocked);
                }
                // Held messages of the same groups block them.
                self.show_all().await;
                continue;
            }
            let is_news = self.run.take(messages, self.schedule.now_ms());
            has_news |= is_news;
            if is_fifo && is_news {
                let handles = self.run.take_hidden();
                self.show(handles).await;
            } else if self.pace.is_limited() {
                // Sending takes time: the others are visible meanwhile.
                let handles = self.run.take_left();
                self.show(handles).await;
            } else {
                self.run.hold_left();
            }
            self.stop_if_canary_is_back()?;
            self.send_pending().await?;
        }
        if self.run.has_canaries() {
            self.prove_canaries().await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<Vec<Message>, Stopped> {
        self.schedule.check_stop()?;
        let (hidden, now) = (self.run.hidden(), Instant::now());
        let until = self.schedule.work_until(hidden);
        if now >= until {
            return Err(Stopped::Deadline);
        }
        let (hide, wait) = self.schedule.receive_seconds(hidden);
        let received = self.queues.receive(&self.rules.source.url, hide, wait);
        let received = timeout_at(until, received).await.map_err(|_| Stopped::Deadline)?;
        received.map_err(|failure| {
            let Failure { code, message } = &failure;
            tracing::error!(code, error = message, "failed to receive messages");
            self.run.tally.receive_failure = Some(failure);
            Stopped::ReceiveFailed
        })
    }

    /// Number of messages in a FIFO queue behind those that this run hides, if it can be read.
    async fn behind(&self) -> Option<u64> {
        if self.run.hidden() == 0 {
            return Some(0);
        }
        let attributes = self.queues.attributes(&self.rules.source.url);
        self.schedule.in_time(attributes).await.unwrap_or_default().visible
    }

    async fn send_pending(&mut self) -> Result<(), Stopped> {
        while self.run.has_pending() {
            if self.run.is_canary_due() {
                self.prove_canaries().await?;
                continue;
            }
            self.schedule.wait_until(self.pace.next(), self.run.hidden()).await?;
            let now_ms = self.schedule.now_ms();
            let Some(wave) = self.run.next_wave(self.pace.most(), now_ms) else { break };
            self.pace.spend(wave.messages.len());
            let outgoing: Vec<_> =
                wave.messages.iter().map(|pending| pending.outgoing.clone()).collect();
            let results = self.queues.send(&wave.to.url, &outgoing);
            let results = timeout_at(self.schedule.calls_until, results).await;
            let results = results.unwrap_or_else(|_| late(outgoing.len()));
            let sent = self.run.sent(wave, results, now_ms);
            if sent.is_empty() {
                continue;
            }
            let handles: Vec<_> =
                sent.iter().map(|pending| pending.message.receipt_handle.clone()).collect();
            let results = self.queues.delete(&self.rules.source.url, &handles);
            let results = timeout_at(self.schedule.calls_until, results).await;
            let results = results.unwrap_or_else(|_| late(handles.len()));
            self.run.deleted(sent, results, now_ms);
        }
        Ok(())
    }

    /// Waits, and stops the run if a canary is back.
    async fn prove_canaries(&mut self) -> Result<(), Stopped> {
        // Other consumers can receive them meanwhile.
        self.run.put_back_pending();
        self.show_all().await;
        self.schedule.wait_until(Instant::now() + self.canary_wait, 0).await?;
        while !self.run.is_canary_back() {
            let messages = self.receive().await?;
            if messages.is_empty() {
                break;
            }
            self.run.hold(messages);
        }
        if self.rules.source.is_fifo() && self.behind().await != Some(0) {
            self.look_for_canaries_by_group().await?;
        }
        self.stop_if_canary_is_back()?;
        self.show_all().await;
        self.run.end_canary();
        Ok(())
    }

    /// Receives each canary's group once more, while all others are held: in a FIFO queue, a canary
    /// that returned is the last of its group, and SQS returns no messages behind held ones.
    async fn look_for_canaries_by_group(&mut self) -> Result<(), Stopped> {
        for group in self.run.canary_groups() {
            let handles = self.run.take_group(&group);
            if handles.is_empty() {
                continue;
            }
            self.show(handles).await;
            let messages = self.receive().await?;
            let is_whole = messages.len() < MAX_ENTRIES
                && messages.iter().any(|message| message.group_id.as_ref() == Some(&group));
            self.run.hold(messages);
            self.stop_if_canary_is_back()?;
            if !is_whole {
                return Err(Stopped::GroupBlocked);
            }
        }
        Ok(())
    }

    fn stop_if_canary_is_back(&self) -> Result<(), Stopped> {
        if self.run.is_canary_back() { Err(Stopped::Canary) } else { Ok(()) }
    }

    async fn show_all(&mut self) {
        let handles = self.run.take_hidden();
        self.show(handles).await;
    }

    /// Makes messages visible immediately. If that fails, they are visible by the deadline.
    async fn show(&self, handles: Vec<String>) {
        let url = &self.rules.source.url;
        let calls = handles.chunks(MAX_ENTRIES).map(|handles| self.queues.show(url, handles));
        let all = stream::iter(calls).buffer_unordered(CONCURRENT_CALLS).collect::<Vec<_>>();
        let results = timeout_at(self.schedule.show_until, all).await;
        let Ok(results) = results else {
            tracing::warn!(
                messages = handles.len(),
                "not enough time to make all messages visible"
            );
            return;
        };
        let failures: Vec<_> = results.into_iter().flatten().filter_map(Result::err).collect();
        if let Some(Failure { code, message }) = failures.first() {
            let count = failures.len();
            tracing::warn!(count, code, error = message, "failed to make messages visible");
        }
    }
}

fn late<T>(entries: usize) -> Vec<Result<T, Failure>> {
    (0..entries).map(|_| Err(Failure::late())).collect()
}
