//! Queues in memory, on the tests' clock, whose calls can fail, hang or end the run at any await.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::future::pending;
use std::time::Duration;

use dlq_redrive::message::{Message, Outgoing};
use dlq_redrive::queues::{MoveTask, QueueAttributes, Queues};
use local::sqs::model::{HandleError, Message as Stored, Queue, Receive, Sent};
use shared::sqs::{Failure, MAX_ENTRIES, MAX_MESSAGE_BYTES};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// How long each call takes.
const CALL: Duration = Duration::from_millis(10);

/// The fault of the calls of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// They fail.
    Fails,
    /// They never respond.
    Hangs,
    /// The entries with this body fail.
    FailsFor(&'static str),
}

/// Queues by URL.
pub(crate) struct Memory {
    queues: RefCell<BTreeMap<String, Queue<Message>>>,
    random: RefCell<fastrand::Rng>,
    started: Instant,
    /// The latest time until which a message was hidden.
    pub(crate) hidden_until: Cell<Option<Instant>>,
    /// The faults, by operation.
    pub(crate) troubles: RefCell<BTreeMap<&'static str, Trouble>>,
    /// Bodies that return to this queue this long after they were sent.
    pub(crate) poison: RefCell<Option<(HashSet<String>, String, Duration)>>,
    /// Whether these return with another id, as from quarantine.
    pub(crate) renames: Cell<bool>,
    /// The number of entries of each call to `send`.
    pub(crate) sends: RefCell<Vec<usize>>,
    /// Maximum numbers of messages that the next receives return; later receives return up to ten.
    pub(crate) limits: RefCell<VecDeque<usize>>,
    awaits: Cell<usize>,
    crash_at: Cell<usize>,
    /// Notified when the run must end.
    pub(crate) crashed: Notify,
}

impl Memory {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            queues: RefCell::default(),
            random: RefCell::new(fastrand::Rng::with_seed(seed)),
            started: Instant::now(),
            hidden_until: Cell::default(),
            troubles: RefCell::default(),
            poison: RefCell::default(),
            renames: Cell::default(),
            sends: RefCell::default(),
            limits: RefCell::default(),
            awaits: Cell::default(),
            crash_at: Cell::new(usize::MAX),
            crashed: Notify::new(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    fn with_queue<T>(&self, url: &str, act: impl FnOnce(&mut Queue<Message>) -> T) -> T {
        let mut queues = self.queues.borrow_mut();
        let seed = queues.len() as u64;
        let queue = queues.entry(url.to_owned());
        act(queue.or_insert_with(|| Queue::new(url.strip_suffix(".fifo").is_some(), seed)))
    }

    /// Puts a message at the end of a queue.
    pub(crate) fn put(&self, url: &str, message: Message) -> String {
        self.put_later(url, message, Duration::ZERO)
    }

    fn put_later(&self, url: &str, message: Message, delay: Duration) -> String {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap();
        let group = message.group_id.clone();
        let sent = Sent { content: message, group, deduplication_id: None, delay_ms };
        let now_ms = self.now_ms();
        self.with_queue(url, |queue| queue.send(sent, now_ms)).message_id
    }

    /// All messages of a queue, in order.
    pub(crate) fn all(&self, url: &str) -> Vec<Message> {
        self.with_queue(url, |queue| queue.messages().map(|one| one.content.clone()).collect())
    }

    pub(crate) fn bodies(&self, url: &str) -> Vec<String> {
        self.all(url).into_iter().map(|message| message.body).collect()
    }

    /// The bodies of the messages that can be received.
    pub(crate) fn visible(&self, url: &str) -> Vec<String> {
        let (now_ms, bodies) = (self.now_ms(), RefCell::new(Vec::new()));
        self.with_queue(url, |queue| {
            // Only reads the messages.
            queue.take_visible(usize::MAX, now_ms, |message| {
                bodies.borrow_mut().push(message.content.body.clone());
                false
            })
        });
        bodies.into_inner()
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

    /// Receives up to ten messages and hides them.
    fn take(&self, url: &str, hide_seconds: u32) -> Vec<Message> {
        let (now_ms, mut random) = (self.now_ms(), self.random.borrow_mut());
        let ask = Receive {
            limit: self.limits.borrow_mut().pop_front().unwrap_or(MAX_ENTRIES),
            visibility_ms: u64::from(hide_seconds) * 1_000,
            order: Some(&mut random),
            again: 0,
        };
        let (received, _) = self.with_queue(url, |queue| queue.receive(ask, now_ms));
        if !received.is_empty() {
            let until = Instant::now() + Duration::from_secs(hide_seconds.into());
            self.hidden_until.set(self.hidden_until.get().max(Some(until)));
        }
        let message = |one: Stored<Message>| Message {
            id: one.id,
            receipt_handle: one.receipt_handle.unwrap_or_default(),
            ..one.content
        };
        received.into_iter().map(message).collect()
    }

    /// Acts on the messages with these handles.
    async fn each(
        &self,
        operation: &'static str,
        url: &str,
        handles: &[String],
        act: impl Fn(&mut Queue<Message>, &str, u64) -> Result<(), HandleError>,
    ) -> Vec<Result<(), Failure>> {
        assert!((1..=MAX_ENTRIES).contains(&handles.len()));
        let trouble = self.call(operation).await;
        let now_ms = self.now_ms();
        let results = handles.iter().map(|handle| {
            self.with_queue(url, |queue| {
                let is_it = |one: &&Stored<Message>| one.receipt_handle.as_ref() == Some(handle);
                let body = queue.messages().find(is_it).map(|one| &*one.content.body);
                if body.is_none_or(|body| fails(trouble, body)) {
                    return Err(refused());
                }
                act(queue, handle, now_ms).map_err(|_| refused())
            })
        });
        let results = results.collect();
        self.step().await;
        results
    }
}

fn refused() -> Failure {
    Failure::new("Refused", "as the test wants it")
}

/// Whether this fault affects a message with this body.
fn fails(trouble: Option<Trouble>, body: &str) -> bool {
    trouble == Some(Trouble::Fails)
        || matches!(trouble, Some(Trouble::FailsFor(failing)) if failing == body)
}

impl Queues for Memory {
    async fn receive(&self, url: &str, hide: u32, wait: u32) -> Result<Vec<Message>, Failure> {
        if self.call("receive").await == Some(Trouble::Fails) {
            return Err(refused());
        }
        let until = Instant::now() + Duration::from_secs(wait.into());
        let mut received = self.take(url, hide);
        while received.is_empty() && Instant::now() < until {
            sleep(CALL).await;
            received = self.take(url, hide);
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
                body: message.body.clone(),
                attributes: message.attributes.clone(),
                group_id: message.group_id.clone(),
                ..Message::default()
            };
            match &*self.poison.borrow() {
                Some((bodies, back_to, after)) if bodies.contains(&message.body) => {
                    let id = self.put_later(back_to, stored, *after);
                    Ok(if self.renames.get() { format!("before-{id}") } else { id })
                }
                _ => Ok(self.put(url, stored)),
            }
        });
        let sent = sent.collect();
        self.step().await;
        sent
    }

    async fn delete(&self, url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        self.each("delete", url, handles, |queue, handle, now_ms| {
            queue.delete(handle, now_ms).map(drop)
        })
        .await
    }

    async fn show(&self, url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        self.each("show", url, handles, |queue, handle, now_ms| queue.hide(handle, 0, now_ms)).await
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
