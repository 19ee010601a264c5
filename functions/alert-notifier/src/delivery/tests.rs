use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Delivery, Failure, Pace, Posting, post};
use crate::chat::{Chat, NoReply, Reply};
use crate::webhook::Webhook;

type Answer = Result<Reply, NoReply>;

/// Replies by id, one after the other; then 200.
#[derive(Default)]
struct Space {
    replies: RefCell<Vec<(&'static str, VecDeque<Answer>)>>,
    /// Which messages came, in their order.
    asked: RefCell<Vec<String>>,
    takes: Duration,
    /// When each message came.
    times: RefCell<Vec<Instant>>,
}

impl Space {
    fn replying(replies: &[(&'static str, &[Answer])]) -> Self {
        let replies =
            replies.iter().map(|(id, replies)| (*id, replies.iter().cloned().collect())).collect();
        Self { replies: RefCell::new(replies), ..Self::default() }
    }

    async fn deliver(&self, ids: &[&str], seconds: u64) -> (Delivery, Duration) {
        let posting = |id: &&str| Posting { id: (*id).to_owned(), ..Posting::default() };
        let postings: Vec<_> = ids.iter().map(posting).collect();
        let webhook = Webhook::parse("https://chat.example/?key=k").unwrap();
        let started = Instant::now();
        self.asked.borrow_mut().clear();
        let until = started + Duration::from_secs(seconds);
        // No chance: the whole wait.
        let pace = &mut Pace::default();
        let delivery = post(self, &webhook, &postings, until, pace, || 1.0).await;
        (delivery, started.elapsed())
    }

    fn order(&self) -> String {
        self.asked.borrow().concat()
    }
}

impl Chat for Space {
    async fn post(&self, _: &Webhook, Posting { id, .. }: &Posting) -> Result<Reply, NoReply> {
        self.times.borrow_mut().push(Instant::now());
        self.asked.borrow_mut().push(id.to_owned());
        sleep(self.takes).await;
        let mut replies = self.replies.borrow_mut();
        let own = replies.iter_mut().find(|(own, _)| *own == id);
        own.and_then(|(_, replies)| replies.pop_front()).unwrap_or_else(|| status(200))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a space replies")]
fn status(status: u16) -> Answer {
    Ok(Reply { status, ..Reply::default() })
}

fn refused(status: u16) -> Result<(), Failure> {
    Err(Failure::Refused(Reply { status, ..Reply::default() }))
}

#[expect(clippy::unnecessary_wraps, reason = "what a space replies")]
fn later(seconds: u64) -> Answer {
    let retry_after = Some(Duration::from_secs(seconds));
    Ok(Reply { status: 429, retry_after, code: None })
}

fn broken() -> Answer {
    Err(NoReply("broken".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_tried_again_and_the_wait_doubles() {
    for failure in [status(429), status(500), status(503), status(599), broken()] {
        let space = Space::replying(&[("a", &[failure.clone(), failure.clone(), failure])]);
        let (delivery, took) = space.deliver(&["a"], 60).await;
        assert_eq!(delivery.outcomes, [Ok(())]);
        assert_eq!(delivery.requests, 4);
        assert_eq!(took, Duration::from_secs(1 + 2 + 4));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_respected() {
    let space = Space::replying(&[("a", &[later(7)])]);
    let (delivery, took) = space.deliver(&["a"], 60).await;
    assert_eq!((delivery.outcomes, took), (vec![Ok(())], Duration::from_secs(7)));
    // Sooner than we would have waited is no reason to hurry.
    let space = Space::replying(&[("a", &[later(0)])]);
    assert_eq!(space.deliver(&["a"], 60).await.1, Duration::from_secs(1));
    // Later than there is time is no reason to wait at all.
    let space = Space::replying(&[("a", &[later(90)])]);
    let (delivery, took) = space.deliver(&["a"], 60).await;
    assert!(
        matches!(&delivery.outcomes[..], [Err(Failure::Refused(reply))] if reply.status == 429)
    );
    assert_eq!(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn any_other_answer_is_final() {
    for code in [301, 302, 307, 400, 401, 403, 404, 413] {
        let space = Space::replying(&[("a", &[status(code)])]);
        let (delivery, took) = space.deliver(&["a"], 60).await;
        assert_eq!(delivery.outcomes, [refused(code)]);
        assert_eq!((delivery.requests, took), (1, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn every_message_is_tried_before_any_is_tried_again() {
    let space = Space::replying(&[
        ("a", &[status(500), status(500)]),
        ("b", &[status(403)]),
        ("c", &[]),
        ("d", &[broken()]),
    ]);
    let (delivery, _) = space.deliver(&["a", "b", "c", "d"], 60).await;
    assert_eq!(delivery.outcomes, [Ok(()), refused(403), Ok(()), Ok(())]);
    assert_eq!(space.order(), "abcdada");
}

#[tokio::test(start_paused = true)]
async fn it_ends_in_time() {
    let down: Vec<_> = std::iter::repeat_n(status(500), 100).collect();
    let space = Space::replying(&[("a", &down)]);
    let (delivery, took) = space.deliver(&["a"], 20).await;
    assert_eq!(delivery.outcomes, [refused(500)]);
    assert_eq!((delivery.requests, took), (6, Duration::from_secs(19)));
    // A space that does not answer leaves time for the others.
    let space = Space { takes: Duration::from_hours(1), ..Space::default() };
    let (delivery, took) = space.deliver(&["a", "b"], 6).await;
    let late = |ms| Err(Failure::NoReply(NoReply(format!("none within {ms} ms"))));
    assert_eq!(delivery.outcomes, [late(3_000), late(2_000)]);
    assert_eq!(took, Duration::from_secs(6));
    // One request takes ten seconds at most.
    let (delivery, _) = space.deliver(&["a"], 60).await;
    assert_eq!(delivery.requests, 5);
    assert!(delivery.outcomes[0].is_err());
}

#[tokio::test(start_paused = true)]
async fn without_time_nothing_is_posted_and_nothing_is_a_success() {
    let space = Space::default();
    let (delivery, _) = space.deliver(&["a"], 0).await;
    assert_eq!(delivery.outcomes, [Err(Failure::NoTime)]);
    assert_eq!(space.order(), "");
}

#[tokio::test(start_paused = true)]
async fn a_space_gets_one_request_a_second() {
    let ids: Vec<String> = (0..12).map(|at| format!("{at},")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let takes = Duration::from_millis(300);
    // From each reply to the next request.
    let gaps = |space: &Space| -> Vec<Duration> {
        let times = space.times.borrow();
        times.windows(2).map(|pair| pair[1].duration_since(pair[0] + takes)).collect()
    };
    let space = Space { takes, ..Space::default() };
    let (delivery, _) = space.deliver(&ids, 60).await;
    assert_eq!((delivery.outcomes, delivery.requests), (vec![Ok(()); 12], 12));
    assert_eq!(gaps(&space), [Duration::from_secs(1); 11]);
    // Retries too, and each message is in the space once.
    let space = Space { takes, ..Space::replying(&[("0,", &[later(0)]), ("7,", &[status(503)])]) };
    let (delivery, _) = space.deliver(&ids, 60).await;
    assert_eq!((delivery.outcomes, delivery.requests), (vec![Ok(()); 12], 14));
    assert!(gaps(&space).iter().all(|gap| *gap >= Duration::from_secs(1)), "{:?}", gaps(&space));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_posted_in_time_is_a_failure() {
    let space = Space::default();
    let (delivery, took) = space.deliver(&["a", "b", "c", "d", "e"], 3).await;
    let late = Err(Failure::NoTime);
    assert_eq!(delivery.outcomes, [Ok(()), Ok(()), Ok(()), late.clone(), late]);
    assert_eq!((space.order(), took), ("abc".to_owned(), Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn the_pace_holds_across_invocations() {
    let (space, mut pace) = (Space::default(), Pace::default());
    let webhook = Webhook::parse("https://chat.example/?key=k").unwrap();
    for _ in 0..2 {
        let until = Instant::now() + Duration::from_secs(9);
        let delivery =
            post(&space, &webhook, &[Posting::default()], until, &mut pace, || 1.0).await;
        assert_eq!(delivery.outcomes, [Ok(())]);
    }
    let times = space.times.borrow();
    assert_eq!(times[1] - times[0], Duration::from_secs(1));
}
