//! A run that somebody ends before it is through.

#![cfg(test)]

mod support {
    #[expect(dead_code, reason = "the engine's tests use more of it")]
    pub(crate) mod queues;
}

use std::time::Duration;

use dlq_redrive::filter::Filter;
use dlq_redrive::message::Message;
use dlq_redrive::queues::Queue;
use dlq_redrive::run::{Moves, Purpose, Rules};
use dlq_redrive::schedule::{Pace, Schedule};
use dlq_redrive::selective;
use dlq_redrive::tally::{Stopped, Tally};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use support::queues::Memory;

const DLQ: &str = "http://sqs/1/music-dlq";
const MAIN: &str = "http://sqs/1/music";
const MESSAGES: usize = 33;

/// Moves 33 messages with a rate and a canary, and ends that after a while, or gives the means to
/// end it away.
async fn run(queues: &Memory, canary_wait: Duration, stop_after: Option<Duration>) -> Tally {
    let queue = |url| Queue::parse_url(url).unwrap();
    let moves = Moves {
        destination: Some(queue(MAIN)),
        endpoint: None,
        max_redrives: None,
        parking: None,
        dry_run: false,
        canary_messages: Some(3),
    };
    let rules = Rules {
        source: queue(DLQ),
        purpose: Purpose::Move(moves),
        filter: Filter::default(),
        max_messages: u64::MAX,
    };
    let (stop, stopped) = watch::channel(false);
    let deadline = Instant::now() + Duration::from_mins(10);
    let schedule = Schedule::new(0, deadline, Duration::from_secs(2)).until(stopped);
    let run = selective::run(queues, &rules, Pace::new(Some(50)), canary_wait, &schedule);
    let stop = async move {
        if let Some(stop_after) = stop_after {
            sleep(stop_after).await;
            stop.send_replace(true);
        }
    };
    tokio::join!(run, stop).0
}

fn filled(seed: u64) -> Memory {
    let queues = Memory::new(seed);
    for index in 0..MESSAGES {
        let message =
            Message { id: queues.new_id(), body: format!("{index:03}"), ..Message::default() };
        queues.put(DLQ, message);
    }
    queues
}

#[tokio::test(start_paused = true)]
async fn whenever_it_is_ended_every_message_is_in_one_queue_and_visible() {
    let mut interrupted = 0;
    for step in 0.. {
        let queues = filled(step);
        let stop_after = Some(Duration::from_millis(50 * step));
        let tally = run(&queues, Duration::from_secs(1), stop_after).await;
        let [left, moved] = [DLQ, MAIN].map(|url| queues.bodies(url));
        assert_eq!(moved.len() as u64, tally.moved, "{step}");
        assert_eq!(queues.visible(DLQ), left, "{step}");
        let mut all = [left, moved].concat();
        all.sort();
        let expected: Vec<_> = (0..MESSAGES).map(|index| format!("{index:03}")).collect();
        assert_eq!(all, expected, "{step}");
        if tally.stopped.is_none() {
            assert_eq!(tally.moved, MESSAGES as u64);
            break;
        }
        assert_eq!(tally.stopped, Some(Stopped::Interrupted), "{step}");
        interrupted += 1;
    }
    assert!(interrupted > 20, "ended only {interrupted} times");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_canary_any_more() {
    let (queues, started) = (filled(1), Instant::now());
    let tally = run(&queues, Duration::from_mins(5), Some(Duration::from_secs(3))).await;
    assert_eq!((tally.moved, tally.stopped), (3, Some(Stopped::Interrupted)));
    assert_eq!(Instant::now() - started, Duration::from_secs(3));
    assert_eq!(queues.visible(DLQ).len(), MESSAGES - 3);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_end_goes_on() {
    let queues = filled(2);
    let tally = run(&queues, Duration::from_secs(1), None).await;
    assert_eq!((tally.moved, tally.stopped), (MESSAGES as u64, None));
}
