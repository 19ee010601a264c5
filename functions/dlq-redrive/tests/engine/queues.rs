//! Queues in memory, on the tests' clock, that can fail, hang or end the run at any await.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::future::pending;
use std::time::Duration;

use dlq_redrive::message::{Message, Outgoing};
use dlq_redrive::queues::{MoveTask, QueueAttributes, Queues};
use shared::sqs::{Failure, MAX_ENTRIES, MAX_MESSAGE_BYTES};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// How long each call takes.
const CALL: Duration = Duration::from_millis(10);

/// What goes wrong with the calls of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// They fail.
    Fails,
    /// They never answer.
    Hangs,
    /// Those with this body fail.
    FailsFor(&'static str),
}

#[derive(Clone, Debug)]
struct Stored {
    message: Message,
    visible_at: Instant,
}

/// Queues by URL.
#[derive(Default)]
pub(crate) struct Memory {
    queues: RefCell<BTreeMap<String, Vec<Stored>>>,
    random: RefCell<fastrand::Rng>,
    ids: Cell<u64>,
    /// The latest time until which a message was hidden.
    pub(crate) hidden_until: Cell<Option<Instant>>,
    /// What goes wrong, by operation.
    pub(crate) troubles: RefCell<BTreeMap<&'static str, Trouble>>,
    /// Bodies that come back to this queue so long after they were sent.
    pub(crate) poison: RefCell<Option<(HashSet<String>, String, Duration)>>,
    /// The entries of each call of `send`.
    pub(crate) sends: RefCell<Vec<usize>>,
    awaits: Cell<usize>,
    crash_at: Cell<usize>,
    /// Told when the run is to end.
    pub(crate) crashed: Notify,
}

impl Memory {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
            crash_at: Cell::new(usize::MAX),
            ..Self::default()
        }
    }

    /// Puts a message at the end of a queue.
    pub(crate) fn put(&self, url: &str, message: Message) {
        self.put_later(url, message, Duration::ZERO);
    }

    fn put_later(&self, url: &str, message: Message, after: Duration) {
        let stored = Stored { message, visible_at: Instant::now() + after };
        self.queues.borrow_mut().entry(url.to_owned()).or_default().push(stored);
    }

    /// An id that no message had before.
    pub(crate) fn new_id(&self) -> String {
        self.ids.set(self.ids.get() + 1);
        format!("id-{}", self.ids.get())
    }

    /// All messages of a queue, in order.
    pub(crate) fn all(&self, url: &str) -> Vec<Message> {
        let queues = self.queues.borrow();
        queues.get(url).into_iter().flatten().map(|stored| stored.message.clone()).collect()
    }

    pub(crate) fn bodies(&self, url: &str) -> Vec<String> {
        self.all(url).into_iter().map(|message| message.body).collect()
    }

    /// The bodies of the messages that can be received.
    pub(crate) fn visible(&self, url: &str) -> Vec<String> {
        let (queues, now) = (self.queues.borrow(), Instant::now());
        let visible =
            queues.get(url).into_iter().flatten().filter(|stored| stored.visible_at <= now);
        visible.map(|stored| stored.message.body.clone()).collect()
    }

    /// Ends the run at its nth await from now.
    pub(crate) fn crash_at(&self, nth: usize) {
        self.awaits.set(0);
        self.crash_at.set(nth);
    }

    async fn step(&self) {
        self.awaits.set(self.awaits.get() + 1);
        if self.awaits.get() == self.crash_at.get() {
            self.crashed.notify_one();
            pending::<()>().await;
        }
    }

    async fn call(&self, operation: &'static str) -> Option<Trouble> {
        self.step().await;
        sleep(CALL).await;
        let trouble = self.troubles.borrow().get(operation).copied();
        if trouble == Some(Trouble::Hangs) {
            pending::<()>().await;
        }
        trouble
    }

    /// Hides up to ten messages and gives them.
    fn hide_visible(&self, url: &str, hide_seconds: u32) -> Vec<Message> {
        let (now, mut queues) = (Instant::now(), self.queues.borrow_mut());
        let queue = queues.entry(url.to_owned()).or_default();
        let mut places: Vec<_> = (0..queue.len()).collect();
        if !is_fifo(url) {
            self.random.borrow_mut().shuffle(&mut places);
        }
        let (mut received, mut blocked) = (Vec::new(), HashSet::new());
        for place in places {
            let Stored { message, visible_at } = &mut queue[place];
            let group = message.group_id.clone().filter(|_| is_fifo(url));
            if *visible_at > now {
                blocked.extend(group);
            } else if received.len() < MAX_ENTRIES
                && group.is_none_or(|group| !blocked.contains(&group))
            {
                message.receipt_handle = format!("{}/{}", message.id, self.new_id());
                *visible_at = now + Duration::from_secs(hide_seconds.into());
                self.hidden_until.set(self.hidden_until.get().max(Some(*visible_at)));
                received.push(message.clone());
            }
        }
        received
    }

    async fn each<T>(
        &self,
        operation: &'static str,
        url: &str,
        handles: &[String],
        mut done: impl FnMut(&mut Vec<Stored>, usize) -> T,
    ) -> Vec<Result<T, Failure>> {
        assert!((1..=MAX_ENTRIES).contains(&handles.len()));
        let trouble = self.call(operation).await;
        let results = handles.iter().map(|handle| {
            let mut queues = self.queues.borrow_mut();
            let queue = queues.entry(url.to_owned()).or_default();
            let place = queue.iter().position(|stored| stored.message.receipt_handle == *handle);
            match place {
                Some(place) if !fails(trouble, &queue[place].message.body) => {
                    Ok(done(queue, place))
                }
                _ => Err(refused()),
            }
        });
        let results = results.collect();
        self.step().await;
        results
    }
}

fn refused() -> Failure {
    Failure::new("Refused", "as the test wants it")
}

/// Whether this trouble fails a message of this body.
fn fails(trouble: Option<Trouble>, body: &str) -> bool {
    trouble == Some(Trouble::Fails)
        || matches!(trouble, Some(Trouble::FailsFor(failing)) if failing == body)
}

fn is_fifo(url: &str) -> bool {
    url.strip_suffix(".fifo").is_some()
}

impl Queues for Memory {
    async fn receive(
        &self,
        url: &str,
        hide_seconds: u32,
        wait_seconds: u32,
    ) -> Result<Vec<Message>, Failure> {
        if self.call("receive").await == Some(Trouble::Fails) {
            return Err(refused());
        }
        let until = Instant::now() + Duration::from_secs(wait_seconds.into());
        let mut received = self.hide_visible(url, hide_seconds);
        while received.is_empty() && Instant::now() < until {
            sleep(CALL).await;
            received = self.hide_visible(url, hide_seconds);
        }
        self.step().await;
        Ok(received)
    }

    async fn send(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<String, Failure>> {
        assert!((1..=MAX_ENTRIES).contains(&messages.len()));
        let bytes: usize = messages.iter().map(Outgoing::bytes).sum();
        assert!(bytes <= MAX_MESSAGE_BYTES, "{bytes} bytes");
        self.sends.borrow_mut().push(messages.len());
        let trouble = self.call("send").await;
        let sent = messages.iter().map(|message| {
            if fails(trouble, &message.body) {
                return Err(refused());
            }
            let stored = Message {
                id: self.new_id(),
                body: message.body.clone(),
                attributes: message.attributes.clone(),
                group_id: message.group_id.clone(),
                ..Message::default()
            };
            let id = stored.id.clone();
            match &*self.poison.borrow() {
                Some((bodies, back_to, after)) if bodies.contains(&message.body) => {
                    self.put_later(back_to, stored, *after);
                }
                _ => self.put(url, stored),
            }
            Ok(id)
        });
        let sent = sent.collect();
        self.step().await;
        sent
    }

    async fn delete(&self, url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        self.each("delete", url, handles, |queue, place| drop(queue.remove(place))).await
    }

    async fn show(&self, url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        self.each("show", url, handles, |queue, place| queue[place].visible_at = Instant::now())
            .await
    }

    async fn attributes(&self, url: &str) -> Result<QueueAttributes, Failure> {
        self.call("attributes").await;
        let visible = Some(self.visible(url).len() as u64);
        Ok(QueueAttributes { visible, ..QueueAttributes::default() })
    }

    async fn start_move(
        &self,
        _: &str,
        _: Option<&str>,
        _: Option<u32>,
    ) -> Result<String, Failure> {
        unreachable!("tested with the real binary")
    }

    async fn move_tasks(&self, _: &str) -> Result<Vec<MoveTask>, Failure> {
        unreachable!("tested with the real binary")
    }

    async fn cancel_move(&self, _: &str) -> Result<u64, Failure> {
        unreachable!("tested with the real binary")
    }
}
