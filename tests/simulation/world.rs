//! Everything outside the functions: four queues, OpenSearch and the clock, with the checks of all
//! changes.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt::Display;

use local::sqs::model::{HandleError, Receive, Sent};
use shared::opensearch::{Answer, Error};
use shared::sqs::attributes::MESSAGE_ID;
use shared::sqs::{Attribute, Failure, MAX_ATTRIBUTES, MAX_ENTRIES};
use tokio::time::Instant;

use crate::history::{Place, Setup, What};
use crate::ledger::Ledger;
use crate::message::Message;
use crate::queue::{Content, Queue, Stored, entries};
use crate::search::{OpenSearch, Operation, operations};

/// When every history begins: 2024-03-01T12:35:00Z, in milliseconds since 1970.
pub(crate) const BEGINNING_MS: u64 = 1_709_296_500_000;

/// Time between a deletion and the redelivery of the message.
const COMES_BACK_MS: u64 = 60_000;

pub(crate) struct World {
    pub(crate) setup: Setup,
    started: Instant,
    state: RefCell<State>,
    /// The first violation.
    broken: RefCell<Option<String>>,
    trace: Option<RefCell<Vec<String>>>,
    seen: RefCell<BTreeMap<&'static str, u64>>,
    processes: Cell<u64>,
}

pub(crate) struct State {
    queues: BTreeMap<Place, Queue>,
    pub(crate) search: OpenSearch,
    pub(crate) ledger: Ledger,
    sent: Vec<Content>,
    pub(crate) move_tasks: Vec<u64>,
}

impl State {
    pub(crate) fn queue(&mut self, place: Place) -> &mut Queue {
        self.queues.get_mut(&place).unwrap()
    }

    /// Whether a message with this event is in a queue.
    pub(crate) fn is_in(&self, place: Place, event: usize) -> bool {
        self.queues[&place].messages().any(|message| message.content.events.contains(&event))
    }
}

impl Place {
    pub(crate) const ALL: [Self; 4] = [Self::Main, Self::Dlq, Self::Quarantine, Self::Parking];

    const fn name(self) -> &'static str {
        match self {
            Self::Main => "music",
            Self::Dlq => "music-dlq",
            Self::Quarantine => "quarantine",
            Self::Parking => "parking",
        }
    }

    pub(crate) fn arn(self, fifo: bool) -> String {
        format!("arn:aws:sqs:eu-west-1:1:{}{}", self.name(), if fifo { ".fifo" } else { "" })
    }

    pub(crate) fn url(self, fifo: bool) -> String {
        format!("http://sqs/1/{}{}", self.name(), if fifo { ".fifo" } else { "" })
    }

    /// The queue of a URL or an ARN.
    pub(crate) fn of(name: &str) -> Self {
        let name = name.rsplit(['/', ':']).next().unwrap();
        let name = name.strip_suffix(".fifo").unwrap_or(name);
        Self::ALL.into_iter().find(|place| place.name() == name).unwrap()
    }
}

impl World {
    /// A world at its start; `traces` is whether it keeps a trace.
    pub(crate) fn new(setup: Setup, traces: bool) -> Self {
        let queue = |place: Place| {
            let mut queue = Queue::new(setup.fifo, place as u64);
            queue.max_receives = (place == Place::Main).then_some(setup.max_receives);
            (place, queue)
        };
        let state = State {
            queues: Place::ALL.map(queue).into(),
            search: OpenSearch::new(setup.takes_documents),
            ledger: Ledger::default(),
            sent: Vec::new(),
            move_tasks: Vec::new(),
        };
        Self {
            setup,
            started: Instant::now(),
            state: RefCell::new(state),
            broken: RefCell::default(),
            trace: traces.then(RefCell::default),
            seen: RefCell::default(),
            processes: Cell::new(0),
        }
    }

    /// Milliseconds since the history began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    pub(crate) fn next_process(&self) -> u64 {
        self.processes.set(self.processes.get() + 1);
        self.processes.get()
    }

    pub(crate) fn trace(&self, text: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.borrow_mut().push(format!("{:>9} ms  {}", self.now(), text()));
        }
    }

    pub(crate) fn saw(&self, what: &'static str) {
        *self.seen.borrow_mut().entry(what).or_default() += 1;
    }

    /// Records a violation.
    pub(crate) fn broke(&self, what: impl Display) {
        self.trace(|| format!("BROKEN: {what}"));
        self.broken.borrow_mut().get_or_insert_with(|| what.to_string());
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.borrow().is_some()
    }

    /// The violation, the numbers of events, and the trace.
    pub(crate) fn end(self) -> (Option<String>, BTreeMap<&'static str, u64>, Vec<String>) {
        let trace = self.trace.map(RefCell::into_inner).unwrap_or_default();
        (self.broken.into_inner(), self.seen.into_inner(), trace)
    }

    /// A producer sends a new message.
    pub(crate) fn produce(&self, message: &Message) {
        let mut state = self.state();
        let first = state.ledger.events.len();
        let (body, events) = message.written(first, self.setup.daily);
        let attribute = |at: u8| {
            let value = shared::sqs::AttributeValue::Text(at.to_string());
            (format!("a{at}"), Attribute { data_type: "Number".to_owned(), value })
        };
        let content = Content {
            events: state.ledger.sent(&body, events),
            body,
            attributes: (0..message.attributes).map(attribute).collect(),
            group: Some(format!("g{}", message.group)),
            deduplication: None,
        };
        state.sent.push(content.clone());
        self.publish(&mut state, content);
    }

    /// A producer sends an earlier message again.
    pub(crate) fn produce_again(&self, which: usize) {
        let mut state = self.state();
        if let Some(which) = which.checked_rem(state.sent.len()) {
            let content = state.sent[which].clone();
            state.ledger.delivered_anew.extend(&*content.events);
            self.publish(&mut state, content);
        }
    }

    fn publish(&self, state: &mut State, content: Content) {
        self.trace(|| format!("a producer sends {:?}: {}", content.events, content.body));
        self.put(state, Place::Main, content);
    }

    fn put(&self, state: &mut State, place: Place, content: Content) -> String {
        let events = content.events.clone();
        let sent = Sent {
            group: content.group.clone(),
            deduplication_id: content.deduplication.clone(),
            content,
            delay_ms: 0,
        };
        let receipt = state.queue(place).send(sent, self.now());
        if receipt.is_new {
            state.ledger.arrived(&events);
        } else {
            self.saw("deduplicated");
        }
        receipt.message_id
    }

    /// A message left a queue, possibly after it arrived in another.
    fn left(&self, state: &mut State, place: Place, gone: &Stored) {
        if let Err(event) = state.ledger.left(&gone.content.events) {
            let kind = state.ledger.kind(event);
            self.broke(format!("event {event} ({kind:?}) was deleted from {place:?} and is lost"));
        }
    }

    /// Returns messages of a queue, and hides them.
    pub(crate) fn receive(&self, place: Place, ask: Receive<'_>) -> Vec<Stored> {
        let mut state = self.state();
        let now = self.now();
        let (given, dead) = state.queue(place).receive(ask, now);
        for message in dead {
            self.saw("given up");
            self.trace(|| format!("{} goes to the dead-letter queue", message.id));
            state.queue(Place::Dlq).take_dead(message, &place.arn(self.setup.fifo), now);
        }
        given
    }

    /// Sends messages of a function.
    pub(crate) fn send(
        &self,
        place: Place,
        contents: Vec<Content>,
        troubles: &[What],
    ) -> Vec<Result<String, Failure>> {
        let mut contents: Vec<_> = contents.into_iter().map(Some).collect();
        self.check_entries(contents.len());
        entries(contents.len(), troubles, |at| {
            let mut state = self.state();
            let mut content = contents[at].take().unwrap();
            let Some(events) = state.ledger.events_in(&content.body) else {
                self.broke(format!("an unknown message is sent: {}", content.body));
                return Err(Failure::new("Unknown", content.body));
            };
            if content.attributes.len() > MAX_ATTRIBUTES {
                self.broke(format!("{:?} is sent with too many attributes", content.events));
            }
            self.trace(|| format!("{events:?} is in {place:?}"));
            if !content.attributes.contains_key(MESSAGE_ID) {
                // Its attributes were full.
                state.ledger.delivered_anew.extend(&*events);
            }
            content.events = events;
            Ok(self.put(&mut state, place, content))
        })
    }

    fn check_entries(&self, count: usize) {
        if !(1..=MAX_ENTRIES).contains(&count) {
            self.broke(format!("a call of {count} entries"));
        }
    }

    /// Deletes messages.
    pub(crate) fn delete(
        &self,
        place: Place,
        handles: &[String],
        troubles: &[What],
    ) -> Vec<Result<(), Failure>> {
        let comes_back = |at: usize| {
            let is_it = |what: &What| matches!(what, What::ComesBack { place } if usize::from(*place) % handles.len() == at);
            !self.setup.fifo && troubles.iter().any(is_it)
        };
        self.check_entries(handles.len());
        entries(handles.len(), troubles, |at| {
            if comes_back(at) {
                self.saw("deleted, and came back");
                let mut state = self.state();
                let now = self.now();
                return state.queue(place).hide(&handles[at], COMES_BACK_MS, now).or(Ok(()));
            }
            let mut state = self.state();
            // SQS may delete with an old handle, or not: here in about half of the cases.
            let queue = state.queue(place);
            queue.old_handles_delete = handles[at].bytes().map(u32::from).sum::<u32>() % 2 == 0;
            let gone = queue.delete(&handles[at], self.now()).map_err(refused)?;
            let Some(gone) = gone else {
                self.saw("deleted with an old handle");
                return Ok(());
            };
            self.trace(|| format!("{} is deleted from {place:?}", gone.id));
            self.left(&mut state, place, &gone);
            Ok(())
        })
    }

    /// Sets the visibility timeouts of handles, in seconds.
    pub(crate) fn hide(
        &self,
        place: Place,
        changes: &[(String, u32)],
        troubles: &[What],
    ) -> Vec<Result<(), Failure>> {
        self.check_entries(changes.len());
        entries(changes.len(), troubles, |at| {
            let (handle, seconds) = &changes[at];
            let now = self.now();
            let hide_ms = u64::from(*seconds) * 1_000;
            self.state().queue(place).hide(handle, hide_ms, now).map_err(refused)
        })
    }

    /// Moves all visible messages, as a move task does.
    pub(crate) fn move_all(&self, from: Place, to: Place) {
        let mut state = self.state();
        let (messages, _) = state.queue(from).take_visible(usize::MAX, self.now(), |_| true);
        state.move_tasks.push(messages.len() as u64);
        for message in messages {
            self.trace(|| format!("{} is moved to {to:?} by SQS", message.id));
            self.saw("moved by SQS");
            state.ledger.delivered_anew.extend(&*message.content.events);
            // It is new to the queue.
            let content = Content { deduplication: None, ..message.content.clone() };
            self.put(&mut state, to, content);
            self.left(&mut state, from, &message);
        }
    }

    pub(crate) fn bulk(&self, body: &[u8], troubles: &[What]) -> Result<Answer, Error> {
        let mut state = self.state();
        let operations = operations(body);
        if self.setup.fifo {
            self.check_order(&state, &operations);
        }
        let State { search, ledger, .. } = &mut *state;
        let request = (&operations[..], body.len());
        let answer = search.bulk(request, troubles, ledger).unwrap_or_else(|broken| {
            self.broke(broken);
            Err(Error::Path)
        });
        let shown = |answer: &Answer| String::from_utf8_lossy(&answer.body).into_owned();
        self.trace(|| match &answer {
            Ok(answer) => format!("OpenSearch responds {}: {}", answer.status, shown(answer)),
            Err(error) => format!("OpenSearch does not respond: {error}"),
        });
        answer
    }

    /// In a FIFO queue no message is indexed before the earlier messages of its group are safe.
    fn check_order(&self, state: &State, tried: &[Operation]) {
        let messages = || state.queues[&Place::Main].messages();
        for Operation { event, .. } in tried {
            let holds = |message: &&Stored| message.content.events.contains(event);
            let Some(message) = messages().find(holds) else { continue };
            let before = messages().take_while(|other| other.id != message.id);
            let of_group = before.filter(|other| other.content.group == message.content.group);
            let is_unsafe = |event: &&usize| {
                !state.ledger.is_indexed(**event) && state.ledger.copies(**event) < 2
            };
            let left = of_group.flat_map(|other| other.content.events.iter()).find(is_unsafe);
            if let Some(left) = left {
                self.broke(format!("event {event} overtakes event {left} of its group"));
            }
        }
    }
}

/// The error of SQS for a receipt handle.
fn refused(wrong: HandleError) -> Failure {
    let code = match wrong {
        HandleError::Invalid | HandleError::Expired => "ReceiptHandleIsInvalid",
        HandleError::Gone | HandleError::NotInFlight => "MessageNotInflight",
        HandleError::BeyondLimit => "InvalidParameterValue",
    };
    Failure::new(code, format!("{wrong:?}"))
}
