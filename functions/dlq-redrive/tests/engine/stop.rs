//! A run that the caller stops.

use std::time::Duration;

use dlq_redrive::tally::Stopped;
use tokio::time::Instant;

use crate::{DLQ, MAIN, Trial, filled, numbers, sorted};

const MESSAGES: usize = 33;

/// Moves 33 messages with a rate and a canary.
fn trial(canary_wait: Duration, stop_after: Option<Duration>) -> Trial {
    let mut trial = Trial { rate: Some(50), canary_wait, stop_after, ..Trial::new(DLQ, MAIN) };
    trial.moves().canary_messages = Some(3);
    trial
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_every_message_is_in_one_queue_and_visible() {
    let mut interrupted = 0;
    for step in 0.. {
        let queues = filled(step, DLQ, MESSAGES, 1);
        let stop_after = Some(Duration::from_millis(50 * step));
        let tally = trial(Duration::from_secs(1), stop_after).run(&queues).await;
        let [left, moved] = [DLQ, MAIN].map(|url| queues.bodies(url));
        assert_eq!(moved.len() as u64, tally.moved, "{step}");
        assert_eq!(queues.visible(DLQ), left, "{step}");
        assert_eq!(sorted([left, moved].concat()), numbers(0..MESSAGES), "{step}");
        if tally.stopped.is_none() {
            assert_eq!(tally.moved, MESSAGES as u64);
            break;
        }
        assert_eq!(tally.stopped, Some(Stopped::Interrupted), "{step}");
        interrupted += 1;
    }
    assert!(interrupted > 20, "stopped only {interrupted} times");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_the_canary() {
    let (queues, started) = (filled(1, DLQ, MESSAGES, 1), Instant::now());
    let tally = trial(Duration::from_mins(5), Some(Duration::from_secs(3))).run(&queues).await;
    assert_eq!((tally.moved, tally.stopped), (3, Some(Stopped::Interrupted)));
    assert_eq!(Instant::now() - started, Duration::from_secs(3));
    assert_eq!(queues.visible(DLQ).len(), MESSAGES - 3);
}
