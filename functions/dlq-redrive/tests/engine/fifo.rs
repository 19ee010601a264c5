//! FIFO queues.

use std::time::Duration;

use dlq_redrive::message::Message;
use dlq_redrive::tally::Stopped;

use crate::queues::{Memory, Trouble};
use crate::{FIFO_DLQ, FIFO_MAIN, Trial, filled, numbers};

#[tokio::test(start_paused = true)]
async fn a_fifo_group_stays_in_order_behind_one_that_fails() {
    let queues = filled(16, FIFO_DLQ, 40, 2);
    queues.troubles.borrow_mut().insert("send", Trouble::FailsFor("006"));
    let tally = Trial::new(FIFO_DLQ, FIFO_MAIN).run(&queues).await;
    // Three even numbers are moved, and none after the one that failed.
    let is_even = |body: &String| body.parse::<u32>().unwrap() % 2 == 0;
    let (even, odd): (Vec<_>, Vec<_>) = queues.bodies(FIFO_MAIN).into_iter().partition(is_even);
    assert_eq!(even, ["000", "002", "004"]);
    assert_eq!(odd, numbers(0..40).into_iter().filter(|body| !is_even(body)).collect::<Vec<_>>());
    assert_eq!(tally.moved, 23);
    assert_eq!(queues.visible(FIFO_DLQ).len(), 17);
}

#[tokio::test(start_paused = true)]
async fn fifo_messages_behind_others_that_stay_are_moved() {
    // Nine messages stay, the first of their groups: SQS still returns the others.
    let mut trial = Trial::new(FIFO_DLQ, FIFO_MAIN);
    trial.moves().destination = None;
    let arn = "arn:aws:sqs:us-east-1:1:music.fifo";
    let queues = Memory::new(17);
    for (index, message) in filled(17, FIFO_DLQ, 60, 3).all(FIFO_DLQ).into_iter().enumerate() {
        let dead_letter_source_arn = (index >= 9).then(|| arn.to_owned());
        queues.put(FIFO_DLQ, Message { dead_letter_source_arn, ..message });
    }
    trial.moves().endpoint = Some("http://sqs".to_owned());
    let tally = trial.run(&queues).await;
    assert_eq!((tally.scanned, tally.moved, tally.skipped, tally.stopped), (60, 51, 9, None));
    assert_eq!(queues.visible(FIFO_DLQ), numbers(0..9));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_which_a_part_was_received_is_received_again() {
    let queues = filled(20, FIFO_DLQ, 8, 1);
    // The second time they are already known, and stay hidden: the rest of the group is blocked.
    queues.limits.borrow_mut().extend([3, 3]);
    let tally = Trial::new(FIFO_DLQ, FIFO_MAIN).only("7").run(&queues).await;
    assert_eq!((tally.scanned, tally.moved, tally.stopped), (8, 1, None));
}

#[tokio::test(start_paused = true)]
async fn a_blocked_group_stops_the_run() {
    let queues = filled(18, FIFO_DLQ, 25, 1);
    let mut trial = Trial::new(FIFO_DLQ, FIFO_MAIN);
    trial.moves().dry_run = true;
    let tally = trial.run(&queues).await;
    assert_eq!((tally.scanned, tally.stopped), (10, Some(Stopped::GroupBlocked)));
    assert_eq!(queues.visible(FIFO_DLQ).len(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_others_of_its_group_may_hide_is_not_proof() {
    for (messages, groups, is_back, moved, stopped) in [
        (60, 1, true, 2, Some(Stopped::GroupBlocked)),
        (60, 3, true, 2, Some(Stopped::GroupBlocked)),
        (10, 1, true, 2, Some(Stopped::Canary)),
        (12, 1, false, 12, None),
    ] {
        let queues = filled(24, FIFO_DLQ, messages, groups);
        let bodies = if is_back { numbers(0..messages) } else { Vec::new() };
        let bodies = bodies.into_iter().collect();
        *queues.poison.borrow_mut() = Some((bodies, FIFO_DLQ.to_owned(), Duration::ZERO));
        let canary_wait = Duration::from_secs(1);
        let mut trial = Trial { canary_wait, ..Trial::new(FIFO_DLQ, FIFO_MAIN) };
        trial.moves().canary_messages = Some(2);
        let tally = trial.run(&queues).await;
        assert_eq!((tally.moved, tally.stopped), (moved, stopped), "{messages} in {groups}");
    }
}
