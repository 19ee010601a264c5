//! Moving messages one by one, between queues in memory and on a paused clock.

#![cfg(test)]

mod fifo;
mod queues;
mod standard;
mod stop;

use std::time::Duration;

use dlq_redrive::Queue;
use dlq_redrive::filter::Filter;
use dlq_redrive::message::Message;
use dlq_redrive::run::{Moves, Purpose, Rules};
use dlq_redrive::schedule::{Pace, Schedule};
use dlq_redrive::selective;
use dlq_redrive::tally::Tally;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use queues::Memory;

const DLQ: &str = "http://sqs/1/music-dlq";
const MAIN: &str = "http://sqs/1/music";
const FIFO_DLQ: &str = "http://sqs/1/music-dlq.fifo";
const FIFO_MAIN: &str = "http://sqs/1/music.fifo";
const NOW_MS: u64 = 1_709_296_496_000;
const MINUTES: Duration = Duration::from_mins(10);

/// A run over all messages, without a rate, with ten minutes of time.
struct Trial {
    rules: Rules,
    rate: Option<u32>,
    canary_wait: Duration,
    time: Duration,
    /// When the caller stops the run.
    stop_after: Option<Duration>,
}

impl Trial {
    fn new(source: &str, destination: &str) -> Self {
        let queue = |url| Queue::parse_url(url).unwrap();
        let moves = Moves {
            destination: Some(queue(destination)),
            endpoint: None,
            max_redrives: None,
            parking: None,
            dry_run: false,
            canary_messages: None,
            edited: None,
        };
        let rules = Rules {
            source: queue(source),
            purpose: Purpose::Move(moves),
            filter: Filter::default(),
            max_messages: u64::MAX,
        };
        Self { rules, rate: None, canary_wait: Duration::ZERO, time: MINUTES, stop_after: None }
    }

    fn moves(&mut self) -> &mut Moves {
        let Purpose::Move(moves) = &mut self.rules.purpose else { panic!("it moves") };
        moves
    }

    fn only(mut self, text: &str) -> Self {
        self.rules.filter.text = Some(text.to_owned());
        self
    }

    async fn run(&self, queues: &Memory) -> Tally {
        let deadline = Instant::now() + self.time;
        let (stop, stopped) = watch::channel(false);
        let schedule = Schedule::new(NOW_MS, deadline, Duration::from_secs(2)).until(stopped);
        let pace = Pace::new(self.rate);
        let run = selective::run(queues, &self.rules, pace, self.canary_wait, &schedule);
        let stop = async {
            if let Some(stop_after) = self.stop_after {
                sleep(stop_after).await;
                stop.send_replace(true);
            }
        };
        let (tally, ()) = tokio::join!(run, stop);
        assert!(Instant::now() < deadline, "the run ends in time");
        let Tally { scanned, matched, moved, parked, skipped, failed, .. } = &tally;
        assert_eq!(*scanned, moved + parked + skipped + failed);
        assert!(matched <= scanned);
        let hidden_until = queues.hidden_until.get();
        assert!(hidden_until.is_none_or(|until| until <= deadline), "hidden for too long");
        tally
    }
}

/// A queue with this number of messages, whose bodies are numbers and which take turns between the
/// groups.
fn filled(seed: u64, url: &str, messages: usize, groups: usize) -> Memory {
    let queues = Memory::new(seed);
    for index in 0..messages {
        let message = Message {
            body: format!("{index:03}"),
            group_id: Some(format!("g{}", index % groups)),
            ..Message::default()
        };
        queues.put(url, message);
    }
    queues
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|index| format!("{index:03}")).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

/// Ends the run at each of its awaits in turn, and then runs it again.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_if_the_run_ends_at_any_await() {
    // A FIFO queue returns no messages behind ten of their group that stay.
    for (source, destination, messages) in [(DLQ, MAIN, 33), (FIFO_DLQ, FIFO_MAIN, 15)] {
        let mut nth = 0;
        loop {
            nth += 1;
            let queues = filled(nth as u64, source, messages, 4);
            queues.crash_at(nth);
            let mut trial = Trial::new(source, destination).only("1");
            trial.moves().canary_messages = Some(3);
            let crashed = tokio::select! {
                biased;
                () = queues.crashed.notified() => true,
                _ = trial.run(&queues) => false,
            };
            if crashed {
                queues.crash_at(usize::MAX);
                // The longest time for which the run could have hidden messages.
                sleep(MINUTES).await;
                assert_eq!(queues.visible(source), queues.bodies(source));
                assert_eq!(trial.run(&queues).await.stopped, None, "{source} {nth}");
            }
            let mut expected = numbers(0..messages);
            expected.retain(|body| body.contains('1'));
            let mut arrived = queues.bodies(destination);
            let twice = arrived.len() - expected.len();
            assert!(twice <= 10, "{source} {nth}: {twice} in both");
            arrived = sorted(arrived);
            arrived.dedup();
            assert_eq!(arrived, expected, "{source} {nth}");
            let mut left = numbers(0..messages);
            left.retain(|body| !body.contains('1'));
            assert_eq!(sorted(queues.visible(source)), left, "{source} {nth}");
            if !crashed {
                break;
            }
        }
        assert!(nth > 20, "only {nth} awaits");
    }
}
