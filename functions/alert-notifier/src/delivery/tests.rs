use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Delivery, Pace, PostFailure, Posting, post};
use crate::chat::{Chat, ChatReply, NoReply};
use crate::webhook::Webhook;

type Replied = Result<ChatReply, NoReply>;

/// A space with replies for each id, and then 200.
#[derive(Default)]
struct Space {
    replies: RefCell<Vec<(&'static str, VecDeque<Replied>)>>,
    takes: Duration,
    /// Ids and times of the requests.
    requests: RefCell<Vec<(String, Instant)>>,
}

impl Space {
    fn replying(replies: &[(&'static str, &[Replied])]) -> Self {
        let replies =
            replies.iter().map(|(id, replies)| (*id, replies.iter().cloned().collect())).collect();
        Self { replies: RefCell::new(replies), ..Self::default() }
    }

    async fn deliver(&self, ids: &[&str], seconds: u64) -> (Delivery, Duration) {
        let posting = |id: &&str| Posting { id: (*id).to_owned(), ..Posting::default() };
        let postings: Vec<_> = ids.iter().map(posting).collect();
        let webhook = Webhook::parse("https://chat.example/?key=k").unwrap();
        let started = Instant::now();
        self.requests.borrow_mut().clear();
        let until = started + Duration::from_secs(seconds);
        // Without randomness, so the whole wait.
        let pace = &mut Pace::default();
        let delivery = post(self, &webhook, &postings, until, pace, || 1.0).await;
        (delivery, started.elapsed())
    }

    fn order(&self) -> String {
        self.requests.borrow().iter().map(|(id, _)| id.as_str()).collect()
    }
}

impl Chat for Space {
    async fn post(&self, _: &Webhook, Posting { id, .. }: &Posting) -> Replied {
        self.requests.borrow_mut().push((id.to_owned(), Instant::now()));
        sleep(self.takes).await;
        let mut replies = self.replies.borrow_mut();
        let own = replies.iter_mut().find(|(own, _)| *own == id);
        own.and_then(|(_, replies)| replies.pop_front()).unwrap_or_else(|| status(200))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the reply of a space")]
fn status(status: u16) -> Replied {
    Ok(ChatReply { status, ..ChatReply::default() })
}

fn refused(status: u16) -> Result<(), PostFailure> {
    Err(PostFailure::Refused(ChatReply { status, ..ChatReply::default() }))
}

#[expect(clippy::unnecessary_wraps, reason = "the reply of a space")]
fn later(seconds: u64) -> Replied {
    let retry_after = Some(Duration::from_secs(seconds));
    Ok(ChatReply { status: 429, retry_after, ..ChatReply::default() })
}

fn broken() -> Replied {
    Err(NoReply("broken".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_temporary_failure_is_retried_and_the_wait_doubles() {
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
    // A shorter time than the own wait is not used.
    let space = Space::replying(&[("a", &[later(0)])]);
    assert_eq!(space.deliver(&["a"], 60).await.1, Duration::from_secs(1));
    // After the deadline: the delivery ends at once.
    let space = Space::replying(&[("a", &[later(90)])]);
    let (delivery, took) = space.deliver(&["a"], 60).await;
    assert!(
        matches!(&delivery.outcomes[..], [Err(PostFailure::Refused(reply))] if reply.status == 429)
    );
    assert_eq!(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn any_other_status_is_final() {
    for code in [301, 302, 307, 400, 401, 403, 404, 413] {
        let space = Space::replying(&[("a", &[status(code)])]);
        let (delivery, took) = space.deliver(&["a"], 60).await;
        assert_eq!(delivery.outcomes, [refused(code)]);
        assert_eq!((delivery.requests, took), (1, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn every_message_is_tried_before_any_is_retried() {
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
async fn the_delivery_ends_before_the_deadline() {
    let down: Vec<_> = std::iter::repeat_n(status(500), 100).collect();
    let space = Space::replying(&[("a", &down)]);
    let (delivery, took) = space.deliver(&["a"], 20).await;
    assert_eq!(delivery.outcomes, [refused(500)]);
    assert_eq!((delivery.requests, took), (6, Duration::from_secs(19)));
    // A message without a reply leaves time for the others.
    let space = Space { takes: Duration::from_hours(1), ..Space::default() };
    let (delivery, took) = space.deliver(&["a", "b"], 6).await;
    let late = |ms| Err(PostFailure::NoReply(NoReply(format!("timed out after {ms} ms"))));
    assert_eq!(delivery.outcomes, [late(3_000), late(2_000)]);
    assert_eq!(took, Duration::from_secs(6));
    // One request takes at most ten seconds.
    let (delivery, _) = space.deliver(&["a"], 60).await;
    assert_eq!(delivery.requests, 5);
    assert!(delivery.outcomes[0].is_err());
}

#[tokio::test(start_paused = true)]
async fn without_time_nothing_is_posted() {
    let space = Space::default();
    let (delivery, _) = space.deliver(&["a"], 0).await;
    assert_eq!(delivery.outcomes, [Err(PostFailure::NoTime)]);
    assert_eq!(space.order(), "");
}

#[tokio::test(start_paused = true)]
async fn a_space_gets_one_request_a_second() {
    let ids: Vec<String> = (0..12).map(|at| format!("{at},")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let takes = Duration::from_millis(300);
    // From each reply to the next request.
    let gaps = |space: &Space| -> Vec<Duration> {
        let requests = space.requests.borrow();
        requests.windows(2).map(|pair| pair[1].1.duration_since(pair[0].1 + takes)).collect()
    };
    let space = Space { takes, ..Space::default() };
    let (delivery, _) = space.deliver(&ids, 60).await;
    assert_eq!((delivery.outcomes, delivery.requests), (vec![Ok(()); 12], 12));
    assert_eq!(gaps(&space), [Duration::from_secs(1); 11]);
    // Also for retries, and each message is posted once.
    let space = Space { takes, ..Space::replying(&[("0,", &[later(0)]), ("7,", &[status(503)])]) };
    let (delivery, _) = space.deliver(&ids, 60).await;
    assert_eq!((delivery.outcomes, delivery.requests), (vec![Ok(()); 12], 14));
    assert!(gaps(&space).iter().all(|gap| *gap >= Duration::from_secs(1)), "{:?}", gaps(&space));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_posted_in_time_is_a_failure() {
    let space = Space::default();
    let (delivery, took) = space.deliver(&["a", "b", "c", "d", "e"], 3).await;
    let late = Err(PostFailure::NoTime);
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
    let requests = space.requests.borrow();
    assert_eq!(requests[1].1 - requests[0].1, Duration::from_secs(1));
}
