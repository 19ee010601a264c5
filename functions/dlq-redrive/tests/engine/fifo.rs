//! FIFO queues.

use dlq_redrive::message::Message;
use dlq_redrive::tally::Stopped;

use crate::queues::{Memory, Trouble};
use crate::{FIFO_DLQ, FIFO_MAIN, Trial, filled, numbers};

#[tokio::test(start_paused = true)]
async fn a_fifo_group_stays_in_order_behind_one_that_fails() {
    let queues = filled(16, FIFO_DLQ, 40, 2);
    queues.troubles.borrow_mut().insert("send", Trouble::FailsFor("006"));
    let tally = Trial::new(FIFO_DLQ, FIFO_MAIN).run(&queues).await;
    // Of the group of even numbers three are moved, and none after the one that failed.
    let even: Vec<_> = queues.bodies(FIFO_MAIN).into_iter().filter(|body| is_even(body)).collect();
    assert_eq!(even, ["000", "002", "004"]);
    let odd: Vec<_> = queues.bodies(FIFO_MAIN).into_iter().filter(|body| !is_even(body)).collect();
    assert_eq!(odd, numbers(0..40).into_iter().filter(|body| !is_even(body)).collect::<Vec<_>>());
    assert_eq!(tally.moved, 23);
    assert_eq!(queues.visible(FIFO_DLQ).len(), 17);
}

fn is_even(body: &str) -> bool {
    body.parse::<u32>().unwrap() % 2 == 0
}

#[tokio::test(start_paused = true)]
async fn fifo_messages_behind_others_that_stay_are_found() {
    // Nine messages stay, the first of their groups: SQS shows the others behind them.
    let mut trial = Trial::new(FIFO_DLQ, FIFO_MAIN);
    trial.moves().destination = None;
    let arn = "arn:aws:sqs:us-east-1:1:music.fifo";
    let queues = Memory::new(17);
    for (index, message) in filled(17, FIFO_DLQ, 60, 3).all(FIFO_DLQ).into_iter().enumerate() {
        let dead_letter_source_arn = (index >= 9).then(|| arn.to_owned());
        queues.put(FIFO_DLQ, Message { id: queues.new_id(), dead_letter_source_arn, ..message });
    }
    trial.moves().endpoint = Some("http://sqs".to_owned());
    let tally = trial.run(&queues).await;
    assert_eq!((tally.scanned, tally.moved, tally.skipped, tally.stopped), (60, 51, 9, None));
    assert_eq!(queues.visible(FIFO_DLQ), numbers(0..9));
}

#[tokio::test(start_paused = true)]
async fn what_a_fifo_queue_does_not_show_is_told() {
    let queues = filled(18, FIFO_DLQ, 25, 1);
    let mut trial = Trial::new(FIFO_DLQ, FIFO_MAIN);
    trial.moves().dry_run = true;
    let tally = trial.run(&queues).await;
    assert_eq!((tally.scanned, tally.stopped), (10, Some(Stopped::GroupBlocked)));
    assert_eq!(queues.visible(FIFO_DLQ).len(), 25);
}
