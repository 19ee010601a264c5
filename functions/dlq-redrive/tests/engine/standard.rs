//! Standard queues.

use std::time::Duration;

use dlq_redrive::Queue;
use dlq_redrive::message::{Message, REDRIVES};
use dlq_redrive::run::{Purpose, Run};
use dlq_redrive::tally::Stopped;
use shared::sqs::{Attribute, AttributeValue};
use tokio::time::{Instant, sleep};

use crate::queues::{Memory, Trouble};
use crate::{DLQ, MAIN, NOW_MS, Trial, filled, numbers, sorted};

fn message(body: &str) -> Message {
    Message { body: body.to_owned(), ..Message::default() }
}

#[tokio::test(start_paused = true)]
async fn messages_that_match_move_and_each_is_examined_once() {
    // With "7": 7, 17, …, 97 and 70 to 79.
    for (only, matched, is_dry) in [("", 100, false), ("7", 19, false), ("", 100, true)] {
        let queues = filled(2, DLQ, 100, 1);
        let mut trial = Trial::new(DLQ, MAIN).only(only);
        trial.moves().dry_run = is_dry;
        let tally = trial.run(&queues).await;
        assert_eq!((tally.scanned, tally.matched, tally.stopped), (100, matched, None));
        assert_eq!((tally.moved, tally.skipped), (matched, 100 - matched));
        let moved = if is_dry { 0 } else { matched };
        assert_eq!(queues.bodies(MAIN).len() as u64, moved);
        assert_eq!(queues.visible(DLQ).len() as u64, 100 - moved);
        assert_eq!(queues.sends.borrow().is_empty(), is_dry);
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_matches_is_limited() {
    let queues = filled(4, DLQ, 45, 1);
    let mut trial = Trial::new(DLQ, MAIN);
    for (most, left) in [(0, 45), (7, 38), (20, 18)] {
        trial.rules.max_messages = most;
        let started = Instant::now();
        let tally = trial.run(&queues).await;
        assert_eq!((tally.matched, tally.moved, tally.stopped), (most, most, None));
        assert_eq!(queues.visible(DLQ).len(), left);
        // The rest is not received: the last receive of a queue waits for a second.
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_redriven_too_often_is_parked_or_stays() {
    const PARKING: &str = "http://sqs/1/parking";
    let count = |text: &str| {
        let value = AttributeValue::Text(text.to_owned());
        Attribute { data_type: "Number".to_owned(), value }
    };
    for (parking, parked) in [(Some(PARKING), 2), (Some(DLQ), 0), (None, 0)] {
        let queues = Memory::new(19);
        for redrives in ["0", "2", "3", "4"] {
            let attributes = [(REDRIVES.to_owned(), count(redrives))].into();
            queues.put(DLQ, Message { attributes, ..message(redrives) });
        }
        let mut trial = Trial::new(DLQ, MAIN);
        trial.moves().max_redrives = Some(3);
        trial.moves().parking = parking.and_then(Queue::parse_url);
        let tally = trial.run(&queues).await;
        assert_eq!((tally.matched, tally.moved), (4, 2), "{parking:?}");
        assert_eq!((tally.parked, tally.skipped), (parked, 2 - parked), "{parking:?}");
        assert_eq!(sorted(queues.bodies(MAIN)), ["0", "2"]);
        let moved = queues.all(MAIN).iter().map(Message::redrives).max();
        assert_eq!(moved, Some(3));
        let stays = if parked == 2 { PARKING } else { DLQ };
        assert_eq!(sorted(queues.visible(stays)), ["3", "4"]);
        // Parked messages are unchanged.
        for message in queues.all(stays) {
            assert_eq!(message.redrives().to_string(), message.body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_known_destination_stays() {
    let queues = Memory::new(20);
    let arn = |name: &str| Some(format!("arn:aws:sqs:eu-west-1:1:{name}"));
    // A message of the queue itself would return at once.
    for (body, source) in
        [("a", arn("music")), ("b", arn("other")), ("c", None), ("d", arn("music-dlq"))]
    {
        queues.put(DLQ, Message { dead_letter_source_arn: source, ..message(body) });
    }
    let mut trial = Trial::new(DLQ, MAIN);
    trial.moves().destination = None;
    trial.moves().endpoint = Some("http://sqs".to_owned());
    let tally = trial.run(&queues).await;
    assert_eq!((tally.matched, tally.moved, tally.skipped), (4, 2, 2));
    assert_eq!(queues.bodies(MAIN), ["a"]);
    assert_eq!(queues.bodies("http://sqs/1/other"), ["b"]);
    assert_eq!(sorted(queues.visible(DLQ)), ["c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn only_edited_messages_move_with_their_new_bodies() {
    let queues = Memory::new(22);
    let [id, _] = ["a", "b"].map(|body| queues.put(DLQ, message(body)));
    let mut trial = Trial::new(DLQ, MAIN);
    trial.moves().edited = Some([(id, "c".to_owned())].into());
    let tally = trial.run(&queues).await;
    assert_eq!((tally.matched, tally.moved, tally.skipped), (1, 1, 1));
    assert_eq!((queues.bodies(MAIN), queues.visible(DLQ)), (vec!["c".into()], vec!["b".into()]));
}

#[tokio::test(start_paused = true)]
async fn an_inspection_moves_nothing() {
    let queues = filled(21, DLQ, 45, 1);
    let mut trial = Trial::new(DLQ, MAIN).only("01");
    trial.rules.purpose = Purpose::Inspect;
    let tally = trial.run(&queues).await;
    // 1 and 10 to 19.
    assert_eq!((tally.scanned, tally.matched, tally.stopped), (45, 11, None));
    assert_eq!(tally.survey.samples.len(), 10);
    assert_eq!(queues.visible(DLQ).len(), 45);
    assert_eq!(queues.sends.borrow().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_back_is_not_moved_again_in_the_same_run() {
    for renames in [false, true] {
        let queues = filled(5, DLQ, 30, 1);
        queues.renames.set(renames);
        let all = numbers(0..30).into_iter().collect();
        *queues.poison.borrow_mut() = Some((all, DLQ.to_owned(), Duration::ZERO));
        let tally = Trial::new(DLQ, MAIN).run(&queues).await;
        assert_eq!((tally.scanned, tally.moved, tally.stopped), (30, 30, None));
        assert_eq!(sorted(queues.visible(DLQ)), numbers(0..30));
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_limited() {
    for (rate, messages, at_a_time) in [(1, 5, 1), (10, 30, 2), (50, 200, 10)] {
        let queues = filled(6, DLQ, messages, 1);
        let started = Instant::now();
        let trial = Trial { rate: Some(rate), ..Trial::new(DLQ, MAIN) };
        assert_eq!(trial.run(&queues).await.moved, messages as u64);
        let most = *queues.sends.borrow().iter().max().unwrap();
        assert_eq!(most, at_a_time);
        let least = Duration::from_secs((messages - most) as u64) / rate;
        let taken = started.elapsed();
        // The last receive waits for a second.
        let longest = least + Duration::from_millis(1_500);
        assert!((least..longest).contains(&taken), "{messages} at {rate}/s in {taken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_messages_are_visible_while_the_rate_delays_matches() {
    let queues = filled(7, DLQ, 10, 1);
    let trial = Trial { rate: Some(1), ..Trial::new(DLQ, MAIN).only("00") };
    for index in 0..5 {
        queues.put(DLQ, message(&format!("other-{index}")));
    }
    let look = async {
        sleep(Duration::from_millis(2_500)).await;
        queues.visible(DLQ).into_iter().filter(|body| body.starts_with("other")).count()
    };
    let (tally, others) = tokio::join!(trial.run(&queues), look);
    assert_eq!((tally.moved, tally.skipped), (10, 5));
    assert_eq!(others, 5);
    assert_eq!(queues.visible(DLQ).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_others_move_if_no_canary_comes_back() {
    let queues = filled(8, DLQ, 30, 1);
    let mut trial = Trial { canary_wait: Duration::from_mins(1), ..Trial::new(DLQ, MAIN) };
    trial.moves().canary_messages = Some(5);
    let started = Instant::now();
    let look = async {
        sleep(Duration::from_secs(30)).await;
        (queues.bodies(MAIN).len(), queues.visible(DLQ).len())
    };
    let (tally, seen) = tokio::join!(trial.run(&queues), look);
    // In the middle of the wait.
    assert_eq!(seen, (5, 25));
    assert_eq!((tally.scanned, tally.moved, tally.stopped), (30, 30, None));
    // It waits once.
    let minute = Duration::from_mins(1);
    assert!((minute..minute * 3 / 2).contains(&started.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_is_back_stops_the_run() {
    for (messages, renames) in [(30, false), (5, false), (4, false), (30, true)] {
        let queues = filled(9, DLQ, messages, 1);
        queues.renames.set(renames);
        // All: the order is random.
        let all = numbers(0..messages).into_iter().collect();
        *queues.poison.borrow_mut() = Some((all, DLQ.to_owned(), Duration::from_secs(40)));
        let mut trial = Trial { canary_wait: Duration::from_mins(1), ..Trial::new(DLQ, MAIN) };
        trial.moves().canary_messages = Some(5);
        let tally = trial.run(&queues).await;
        let canaries = messages.min(5) as u64;
        assert_eq!((tally.moved, tally.stopped), (canaries, Some(Stopped::Canary)));
        assert_eq!(sorted(queues.visible(DLQ)), numbers(0..messages));
    }
}

#[tokio::test(start_paused = true)]
async fn parked_messages_are_not_canaries() {
    let queues = filled(23, DLQ, 10, 1);
    let value = AttributeValue::Text("3".to_owned());
    let redrives = Attribute { data_type: "Number".to_owned(), value };
    for _ in 0..100 {
        let attributes = [(REDRIVES.to_owned(), redrives.clone())].into();
        queues.put(DLQ, Message { attributes, ..message("parked") });
    }
    let all = numbers(0..10).into_iter().collect();
    *queues.poison.borrow_mut() = Some((all, DLQ.to_owned(), Duration::ZERO));
    let mut trial = Trial { canary_wait: Duration::from_secs(1), ..Trial::new(DLQ, MAIN) };
    trial.moves().canary_messages = Some(5);
    trial.moves().max_redrives = Some(3);
    trial.moves().parking = Queue::parse_url("http://sqs/1/parking");
    let tally = trial.run(&queues).await;
    assert_eq!((tally.moved, tally.stopped), (5, Some(Stopped::Canary)));
    assert!(queues.bodies("http://sqs/1/parking").iter().all(|body| body == "parked"));
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_before_the_deadline_and_the_next_one_continues() {
    let queues = filled(10, DLQ, 100, 1);
    let time = Duration::from_secs(6);
    let trial = Trial { rate: Some(10), time, ..Trial::new(DLQ, MAIN) };
    let started = Instant::now();
    let tally = trial.run(&queues).await;
    assert_eq!(tally.stopped, Some(Stopped::Deadline));
    // Four seconds of time, without the margin of two.
    assert!((36..=42).contains(&tally.moved), "{}", tally.moved);
    assert!(started.elapsed() < Duration::from_millis(4_500));
    let left = 100 - tally.moved;
    assert_eq!(queues.visible(DLQ).len() as u64, left);
    let tally = Trial::new(DLQ, MAIN).run(&queues).await;
    assert_eq!((tally.moved, tally.stopped), (left, None));
    // Without enough time to wait for the canaries.
    let queues = filled(11, DLQ, 10, 1);
    let mut trial = Trial { canary_wait: time, time, ..Trial::new(DLQ, MAIN) };
    trial.moves().canary_messages = Some(5);
    let tally = trial.run(&queues).await;
    assert_eq!((tally.moved, tally.stopped), (5, Some(Stopped::Deadline)));
    assert_eq!(queues.visible(DLQ).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn calls_that_hang_do_not_delay_the_answer() {
    let time = Duration::from_secs(10);
    for (operation, stopped, moved, failed) in [
        ("receive", Some(Stopped::Deadline), 0, 0),
        ("send", Some(Stopped::Deadline), 0, 10),
        ("delete", Some(Stopped::Deadline), 0, 10),
        ("show", None, 20, 0),
    ] {
        let queues = filled(12, DLQ, 20, 1);
        queues.troubles.borrow_mut().insert(operation, Trouble::Hangs);
        let trial = Trial { time, ..Trial::new(DLQ, MAIN).only("0") };
        queues.put(DLQ, message("x"));
        let tally = trial.run(&queues).await;
        assert_eq!(tally.stopped, stopped, "{operation}");
        assert_eq!((tally.moved, tally.failed), (moved, failed), "{operation}");
        // The others stay.
        assert_eq!(queues.bodies(DLQ).len() as u64, 21 - moved, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_sent_or_deleted_stays() {
    for (operation, in_both) in [("send", false), ("delete", true)] {
        let queues = filled(13, DLQ, 25, 1);
        queues.troubles.borrow_mut().insert(operation, Trouble::FailsFor("007"));
        let tally = Trial::new(DLQ, MAIN).run(&queues).await;
        assert_eq!((tally.moved, tally.failed, tally.stopped), (24, 1, None));
        assert_eq!(queues.visible(DLQ), ["007"]);
        assert_eq!(queues.bodies(MAIN).contains(&"007".to_owned()), in_both);
        let (count, ..) = &tally.failures[&(operation, "Refused".to_owned())];
        assert_eq!(*count, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_receive_ends_the_run() {
    let queues = filled(14, DLQ, 25, 1);
    queues.troubles.borrow_mut().insert("receive", Trouble::Fails);
    let tally = Trial::new(DLQ, MAIN).run(&queues).await;
    assert_eq!((tally.scanned, tally.stopped), (0, Some(Stopped::ReceiveFailed)));
}

#[tokio::test(start_paused = true)]
async fn large_messages_are_sent_in_separate_calls() {
    let queues = Memory::new(15);
    for size in [600_000, 600_000, 1_048_576, 300_000, 300_000] {
        queues.put(DLQ, message(&"x".repeat(size)));
    }
    let tally = Trial::new(DLQ, MAIN).run(&queues).await;
    assert_eq!((tally.moved, tally.failed), (5, 0));
    // Messages that fit into one call are sent in one.
    assert_eq!(queues.sends.borrow().iter().max(), Some(&2));
}

#[test]
fn every_hidden_message_counts_for_the_time_that_it_takes_to_show_it() {
    let trial = Trial::new(DLQ, MAIN).only("a");
    let mut run = Run::new(&trial.rules);
    // Three match, two stay, and one was examined before.
    let received = [("1", "a"), ("2", "a"), ("3", "a"), ("4", "x"), ("5", "x"), ("1", "a")];
    let received = received.map(|(id, body)| Message { id: id.to_owned(), ..message(body) });
    run.take(received.into(), NOW_MS);
    assert_eq!(run.hidden(), 6);
}
