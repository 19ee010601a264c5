//! A process with its faults, and the functions' interfaces to the world.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use dlq_redrive::health::Health;
use dlq_redrive::message::{Message, Outgoing};
use dlq_redrive::queues::{MoveTask, QueueAttributes};
use local::sqs::model::Receive;
use shared::opensearch::{Answer, Error, Search};
use shared::s3::GetError;
use shared::sqs::{Failure, MAX_ENTRIES, Quarantined};
use sqs_consumer::VisibilityChange;
use tokio::time::{sleep, timeout};

use crate::history::{Call, Place, Plan, What};
use crate::queue::{Content, Stored, failure, handle};
use crate::world::{BEGINNING_MS, World};

/// How long a call takes.
const CALL: Duration = Duration::from_millis(10);

/// Maximum time that an invoker waits for SQS.
const LIFE: Duration = Duration::from_mins(15);

/// An invocation with its invoker.
pub(crate) struct Process {
    pub(crate) world: Rc<World>,
    plan: Plan,
    name: String,
    awaits: Cell<u8>,
    calls: RefCell<BTreeMap<Call, u8>>,
    random: RefCell<fastrand::Rng>,
    crashed: Cell<bool>,
}

/// The faults of one call.
type Troubles = Vec<What>;

impl Process {
    pub(crate) fn new(world: &Rc<World>, plan: &Plan, what: &str) -> Rc<Self> {
        Rc::new(Self {
            world: Rc::clone(world),
            name: format!("{what} {}", world.next_process()),
            awaits: Cell::new(0),
            calls: RefCell::default(),
            random: RefCell::new(fastrand::Rng::with_seed(plan.shuffle.into())),
            crashed: Cell::new(false),
            plan: plan.clone(),
        })
    }

    /// Runs the work of the process; `None` if the process ends before.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let done = poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.crashed.get() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let done = timeout(LIFE, done).await.unwrap_or_default();
        if done.is_none() {
            self.saw(if self.crashed.get() { "crashed" } else { "hung" });
            self.trace(|| "ends here".to_owned());
        }
        done
    }

    pub(crate) fn trace(&self, text: impl FnOnce() -> String) {
        self.world.trace(|| format!("{}: {}", self.name, text()));
    }

    pub(crate) fn saw(&self, what: &'static str) {
        self.world.saw(what);
    }

    /// An await at which the process may end.
    async fn await_point(&self) {
        let this = self.awaits.replace(self.awaits.get().saturating_add(1));
        if self.plan.crash == Some(this) {
            self.crashed.set(true);
            pending::<()>().await;
        }
    }

    /// The time before the effect of a call.
    async fn begin(&self, call: Call) -> Troubles {
        let nth = {
            let mut calls = self.calls.borrow_mut();
            let count = calls.entry(call).or_default();
            *count = count.saturating_add(1);
            *count - 1
        };
        self.await_point().await;
        let is_meant = |fault: &&crate::history::Fault| fault.call == call && fault.nth == nth;
        let faults = self.plan.faults.iter().filter(is_meant);
        let troubles: Troubles = faults.map(|fault| fault.what).collect();
        self.trace(|| format!("{call:?} {nth} {troubles:?}"));
        let slow = troubles.iter().map(|what| match what {
            What::Slow { seconds } => Duration::from_secs(u64::from(*seconds)),
            _ => Duration::ZERO,
        });
        sleep(CALL + slow.sum::<Duration>()).await;
        for what in &troubles {
            self.saw(what.name());
            match what {
                What::Panics => resume_unwind(Box::new("as the history wants it")),
                What::Silent { done: false } => pending::<()>().await,
                _ => {}
            }
        }
        troubles
    }

    /// The time between the effect of a call and its response.
    async fn end(&self, troubles: &[What]) {
        if troubles.iter().any(|what| matches!(what, What::Silent { .. })) {
            pending::<()>().await;
        }
        self.await_point().await;
    }

    pub(crate) async fn receive(
        &self,
        place: Place,
        most: usize,
        hide_seconds: u32,
    ) -> Result<Vec<Stored>, Failure> {
        let troubles = self.begin(Call::Receive).await;
        let fails = What::failure(&troubles).map(|(done, _)| done);
        let again = troubles.iter().map(|what| match what {
            What::Again { messages } => usize::from(*messages),
            _ => 0,
        });
        let again = again.sum();
        let received = if fails == Some(false) {
            Vec::new()
        } else {
            let visibility_ms = u64::from(hide_seconds) * 1_000;
            let mut random = self.random.borrow_mut();
            let order = (self.plan.shuffle > 0).then_some(&mut *random);
            self.world.receive(place, Receive { limit: most, visibility_ms, again, order })
        };
        let ids = || received.iter().map(|message| (&message.id, &message.content.events));
        self.trace(|| format!("gets from {place:?} {:?}", ids().collect::<Vec<_>>()));
        self.end(&troubles).await;
        match fails {
            Some(_) => Err(failure()),
            None => Ok(received),
        }
    }

    pub(crate) async fn delete(
        &self,
        place: Place,
        handles: &[String],
    ) -> Vec<Result<(), Failure>> {
        self.call(Call::Delete, |world, troubles| world.delete(place, handles, troubles)).await
    }

    async fn send(&self, place: Place, contents: Vec<Content>) -> Vec<Result<String, Failure>> {
        self.call(Call::Send, |world, troubles| world.send(place, contents, troubles)).await
    }

    async fn hide(&self, place: Place, changes: &[(String, u32)]) -> Vec<Result<(), Failure>> {
        self.call(Call::Hide, |world, troubles| world.hide(place, changes, troubles)).await
    }

    async fn call<T>(&self, call: Call, act: impl FnOnce(&World, &[What]) -> T) -> T {
        let troubles = self.begin(call).await;
        let result = act(&self.world, &troubles);
        self.end(&troubles).await;
        result
    }

    /// A call that returns the result of `answer`, or fails.
    async fn ask<T>(&self, call: Call, answer: impl FnOnce(&World) -> T) -> Result<T, Failure> {
        let troubles = self.begin(call).await;
        let fails = What::failure(&troubles).map(|(done, _)| done);
        let answer = (fails != Some(false)).then(|| answer(&self.world));
        self.end(&troubles).await;
        answer.filter(|_| fails.is_none()).ok_or_else(failure)
    }
}

/// The interfaces of a function that is invoked by one process after another.
#[derive(Clone)]
pub(crate) struct Ports(Rc<RefCell<Rc<Process>>>);

impl Ports {
    pub(crate) fn of(process: Rc<Process>) -> Self {
        Self(Rc::new(RefCell::new(process)))
    }

    /// Assigns the function to another process.
    pub(crate) fn hand_to(&self, process: Rc<Process>) {
        *self.0.borrow_mut() = process;
    }

    fn process(&self) -> Rc<Process> {
        Rc::clone(&self.0.borrow())
    }
}

impl Search for Ports {
    async fn bulk(&self, body: &[u8]) -> Result<Answer, Error> {
        self.process().call(Call::Bulk, |world, troubles| world.bulk(body, troubles)).await
    }
}

impl sqs_consumer::Queues for Ports {
    async fn payload(&self, _: &str, _: &str) -> Result<Bytes, GetError> {
        unreachable!("LARGE_PAYLOADS is quarantine")
    }

    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
        let content = |entry: &Quarantined| Content {
            body: entry.body.clone(),
            attributes: entry.attributes.iter().cloned().collect(),
            group: entry.group_id.clone(),
            deduplication: Some(entry.deduplication_id.clone()),
            events: [].into(),
        };
        let contents = entries.iter().map(content).collect();
        let results = self.process().send(Place::Quarantine, contents).await;
        results.into_iter().map(Result::err).collect()
    }

    async fn change_visibility(&self, arn: &str, changes: &[VisibilityChange]) -> Vec<Failure> {
        let change = |change: &VisibilityChange| (change.receipt_handle.clone(), change.seconds);
        let changes: Vec<_> = changes.iter().map(change).collect();
        let results = self.process().hide(Place::of(arn), &changes).await;
        results.into_iter().filter_map(Result::err).collect()
    }
}

impl Health for Ports {
    async fn is_healthy(&self) -> bool {
        self.process().ask(Call::Health, |_| ()).await.is_ok()
    }
}

impl dlq_redrive::queues::Queues for Ports {
    async fn receive(&self, url: &str, hide: u32, _: u32) -> Result<Vec<Message>, Failure> {
        let received = self.process().receive(Place::of(url), MAX_ENTRIES, hide).await?;
        let message = |stored: Stored| Message {
            receipt_handle: handle(&stored),
            id: stored.id,
            body: stored.content.body,
            attributes: stored.content.attributes,
            sent_ms: Some(BEGINNING_MS + stored.sent_ms),
            dead_letter_source_arn: stored.source_arn,
            group_id: stored.content.group,
            trace_header: None,
        };
        Ok(received.into_iter().map(message).collect())
    }

    async fn send(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<String, Failure>> {
        let content = |message: &Outgoing| Content {
            body: message.body.clone(),
            attributes: message.attributes.clone(),
            group: message.group_id.clone(),
            deduplication: message.deduplication_id.clone(),
            events: [].into(),
        };
        self.process().send(Place::of(url), messages.iter().map(content).collect()).await
    }

    async fn delete(&self, url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        self.process().delete(Place::of(url), handles).await
    }

    async fn show(&self, url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        let changes: Vec<_> = handles.iter().map(|handle| (handle.clone(), 0)).collect();
        self.process().hide(Place::of(url), &changes).await
    }

    async fn attributes(&self, url: &str) -> Result<QueueAttributes, Failure> {
        let answer = |world: &World| QueueAttributes {
            arn: Some(Place::of(url).arn(world.setup.fifo)),
            visible: Some(world.state().queue(Place::of(url)).counts(world.now()).visible as u64),
            retention_seconds: Some(1_209_600),
        };
        self.process().ask(Call::Attributes, answer).await
    }

    async fn start_move(
        &self,
        from: &str,
        to: Option<&str>,
        _: Option<u32>,
    ) -> Result<String, Failure> {
        let to = to.map_or(Place::Main, Place::of);
        self.process().ask(Call::Move, |world| world.move_all(Place::of(from), to)).await?;
        Ok("task".to_owned())
    }

    async fn move_tasks(&self, source_arn: &str) -> Result<Vec<MoveTask>, Failure> {
        let answer = |world: &World| {
            let task = |moved: &u64| MoveTask {
                status: "COMPLETED".to_owned(),
                source_arn: source_arn.to_owned(),
                approximate_number_of_messages_moved: *moved,
                ..MoveTask::default()
            };
            world.state().move_tasks.iter().rev().map(task).collect()
        };
        self.process().ask(Call::Move, answer).await
    }

    async fn cancel_move(&self, _: &str) -> Result<u64, Failure> {
        self.process().ask(Call::Move, |_| 0).await
    }
}
