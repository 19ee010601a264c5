//! A run as a state machine without I/O or clock: it takes received messages, returns those to
//! send, and takes the results.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use shared::sqs::{Failure, MAX_ENTRIES, MAX_MESSAGE_BYTES};

use crate::filter::Filter;
use crate::message::{Hidden, Identity, Message, Outgoing};
use crate::queue::Queue;
use crate::tally::{Fate, Tally};

/// The messages of a queue that are selected, and the action on them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The dead-letter queue.
    pub source: Queue,
    /// The action on the messages that match.
    pub purpose: Purpose,
    /// Which messages are selected.
    pub filter: Filter,
    /// Maximum number of matches.
    pub max_messages: u64,
}

/// The action on the messages that match.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// They are examined.
    Inspect,
    /// They are moved.
    Move(Moves),
}

/// Bodies that a person has edited, by the id of their message.
pub type Edited = BTreeMap<String, String>;

/// The destination of moved messages, with its limits.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the README describes the request")]
pub struct Moves {
    pub destination: Option<Queue>,
    /// Overrides the endpoint of SQS.
    pub endpoint: Option<String>,
    /// Messages that were redriven this often are not redriven again.
    pub max_redrives: Option<u64>,
    pub parking: Option<Queue>,
    pub dry_run: bool,
    /// Number of messages that are moved first, while all others are visible in the queue.
    pub canary_messages: Option<u64>,
    /// If set, only these messages match, and they are sent with these bodies.
    pub edited: Option<Edited>,
}

/// The decision about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is sent to this queue.
    Move(Queue),
    /// It is sent to the parking queue.
    Park(Queue),
    /// It stays.
    Stay(Fate),
}

impl Rules {
    /// Decides about a message at a time, in milliseconds since 1970.
    #[must_use]
    pub fn decide(&self, message: &Message, now_ms: u64) -> Decision {
        if !self.filter.matches(message, now_ms) {
            return Decision::Stay(Fate::Unmatched);
        }
        let Purpose::Move(moves) = &self.purpose else { return Decision::Stay(Fate::Left) };
        if moves.edited.as_ref().is_some_and(|edited| !edited.contains_key(&message.id)) {
            return Decision::Stay(Fate::Unmatched);
        }
        if moves.max_redrives.is_some_and(|max| message.redrives() >= max) {
            let parking = moves.parking.clone().filter(|parking| !parking.is(&self.source));
            return parking.map_or(Decision::Stay(Fate::Left), Decision::Park);
        }
        let origin = || {
            let arn = message.dead_letter_source_arn.as_deref()?;
            Queue::parse(arn, moves.endpoint.as_deref())
        };
        let destination = moves.destination.clone().or_else(origin);
        let destination = destination.filter(|destination| !destination.is(&self.source));
        destination.map_or(Decision::Stay(Fate::Left), Decision::Move)
    }

    fn moves(&self) -> Option<&Moves> {
        match &self.purpose {
            Purpose::Inspect => None,
            Purpose::Move(moves) => Some(moves),
        }
    }
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct Pending {
    /// As it was received.
    pub message: Message,
    /// As it is sent.
    pub outgoing: Outgoing,
    to: Queue,
    fate: Fate,
}

/// Messages to send in one call.
#[derive(Clone, Debug)]
pub struct Wave {
    /// The destination.
    pub to: Queue,
    /// At most [`MAX_ENTRIES`].
    pub messages: Vec<Pending>,
}

/// The state of a run.
#[derive(Debug)]
pub struct Run<'a> {
    rules: &'a Rules,
    /// The counts so far.
    pub tally: Tally,
    /// The ids of the messages that were examined.
    examined: HashSet<String>,
    /// The messages that this run sent: they can return with another id.
    sent: HashSet<Identity>,
    canaries: HashSet<Identity>,
    /// The groups of the canaries in a FIFO queue.
    canary_groups: BTreeSet<String>,
    /// Number of canaries that are not sent yet; none after the canary phase.
    canaries_left: Option<u64>,
    canary_is_back: bool,
    /// To be sent, in the order of receipt.
    pending: VecDeque<Pending>,
    /// Groups of a FIFO queue in which a message failed: later messages must not overtake it.
    failed_groups: HashSet<String>,
    /// Messages that stay and were examined just now.
    left: Vec<Hidden>,
    /// Messages that stay hidden, so that the next ones can be received.
    held: Vec<Hidden>,
}

impl<'a> Run<'a> {
    /// Creates a run.
    #[must_use]
    pub fn new(rules: &'a Rules) -> Self {
        Self {
            rules,
            tally: Tally::default(),
            examined: HashSet::new(),
            sent: HashSet::new(),
            canaries: HashSet::new(),
            canary_groups: BTreeSet::new(),
            canaries_left: rules.moves().and_then(|moves| moves.canary_messages),
            canary_is_back: false,
            pending: VecDeque::new(),
            failed_groups: HashSet::new(),
            left: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Examines received messages and returns whether any of them was new.
    pub fn take(&mut self, messages: Vec<Message>, now_ms: u64) -> bool {
        let examined_before = self.examined.len();
        for message in messages {
            let is_full = self.tally.matched + self.pending.len() as u64 >= self.rules.max_messages;
            if is_full || self.knows(&message) {
                self.held.push(message.into());
            } else {
                self.examined.insert(message.id.clone());
                self.examine(message, now_ms);
            }
        }
        self.examined.len() > examined_before
    }

    fn examine(&mut self, message: Message, now_ms: u64) {
        let source = &self.rules.source;
        let (mut outgoing, to, fate) = match self.rules.decide(&message, now_ms) {
            Decision::Stay(fate) => return self.leave(message, fate, now_ms),
            Decision::Move(to) => (message.redriven(source, &to), to, Fate::Moved),
            Decision::Park(to) => (message.parked(source, &to), to, Fate::Parked),
        };
        let moves = self.rules.moves();
        if moves.is_some_and(|moves| moves.dry_run) {
            return self.leave(message, fate, now_ms);
        }
        let edited = moves.and_then(|moves| moves.edited.as_ref()?.get(&message.id));
        if let Some(body) = edited {
            outgoing.body.clone_from(body);
        }
        self.pending.push_back(Pending { message, outgoing, to, fate });
    }

    fn leave(&mut self, message: Message, fate: Fate, now_ms: u64) {
        self.tally.settle(&message, fate, now_ms);
        self.left.push(message.into());
    }

    /// Holds received messages, and checks only whether a canary is back.
    pub fn hold(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.knows(&message);
            self.held.push(message.into());
        }
    }

    /// Whether a message was already examined, or was sent by this run and returned.
    fn knows(&mut self, message: &Message) -> bool {
        let identity = message.identity();
        self.canary_is_back |= self.canaries.contains(&identity);
        self.examined.contains(&message.id) || self.sent.contains(&identity)
    }

    /// Whether the maximum number of messages matched.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.tally.matched >= self.rules.max_messages
    }

    /// Whether messages are waiting to be sent.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether all canaries are sent, so that the wait must begin.
    #[must_use]
    pub const fn is_canary_due(&self) -> bool {
        matches!(self.canaries_left, Some(0))
    }

    /// Whether canaries were sent and the wait has not ended.
    #[must_use]
    pub fn has_canaries(&self) -> bool {
        self.canaries_left.is_some() && !self.canaries.is_empty()
    }

    /// Whether a canary returned.
    #[must_use]
    pub const fn is_canary_back(&self) -> bool {
        self.canary_is_back
    }

    /// Ends the canary phase.
    pub const fn end_canary(&mut self) {
        self.canaries_left = None;
    }

    /// The next messages to send, at most `most`. From a FIFO queue, only one message of each
    /// group, so that the others cannot overtake it if it fails.
    pub fn next_wave(&mut self, most: usize, now_ms: u64) -> Option<Wave> {
        self.give_up_failed_groups(now_ms);
        let to = self.pending.front()?.to.clone();
        let (most, mut canaries) = (most.min(MAX_ENTRIES), self.canaries_left);
        let mut wave = Wave { to, messages: Vec::new() };
        let (mut bytes, mut groups) = (0, HashSet::new());
        for pending in std::mem::take(&mut self.pending) {
            let size = pending.outgoing.bytes();
            let is_next = self.group(&pending).is_none_or(|group| groups.insert(group));
            let fits = wave.messages.len() < most
                && (bytes + size <= MAX_MESSAGE_BYTES || wave.messages.is_empty());
            // Parked messages do not return, so they prove nothing.
            let is_moved = pending.fate == Fate::Moved;
            let is_in_time = !(is_moved && canaries == Some(0));
            if is_next && fits && is_in_time && pending.to == wave.to {
                canaries = canaries.map(|left| left.saturating_sub(u64::from(is_moved)));
                bytes += size;
                wave.messages.push(pending);
            } else {
                self.pending.push_back(pending);
            }
        }
        Some(wave)
    }

    /// The group in which the message must keep its order.
    fn group(&self, pending: &Pending) -> Option<String> {
        let group_id = pending.message.group_id.as_ref().filter(|_| self.rules.source.is_fifo());
        group_id.cloned()
    }

    fn give_up_failed_groups(&mut self, now_ms: u64) {
        if self.failed_groups.is_empty() {
            return;
        }
        for pending in std::mem::take(&mut self.pending) {
            if self.group(&pending).is_some_and(|group| self.failed_groups.contains(&group)) {
                let failure =
                    Failure::new("GroupFailed", "a message before it in its group failed");
                self.fail(pending, "send", failure, now_ms);
            } else {
                self.pending.push_back(pending);
            }
        }
    }

    /// Takes the results of sending, and returns the messages to delete: those that were sent.
    pub fn sent(
        &mut self,
        wave: Wave,
        results: Vec<Result<String, Failure>>,
        now_ms: u64,
    ) -> Vec<Pending> {
        let mut sent = Vec::new();
        for (pending, result) in wave.messages.into_iter().zip(results) {
            match result {
                Err(failure) => self.fail(pending, "send", failure, now_ms),
                Ok(id) => {
                    let identity = pending.outgoing.identity(&id);
                    if pending.fate == Fate::Moved
                        && let Some(left) = &mut self.canaries_left
                    {
                        *left = left.saturating_sub(1);
                        self.canaries.insert(identity.clone());
                        self.canary_groups.extend(pending.message.group_id.clone());
                    }
                    self.sent.insert(identity);
                    sent.push(pending);
                }
            }
        }
        sent
    }

    /// Takes the results of deleting.
    pub fn deleted(&mut self, sent: Vec<Pending>, results: Vec<Result<(), Failure>>, now_ms: u64) {
        for (pending, result) in sent.into_iter().zip(results) {
            match result {
                Err(failure) => self.fail(pending, "delete", failure, now_ms),
                Ok(()) => self.tally.settle(&pending.message, pending.fate, now_ms),
            }
        }
    }

    fn fail(&mut self, pending: Pending, step: &'static str, failure: Failure, now_ms: u64) {
        self.failed_groups.extend(self.group(&pending));
        self.tally.settle(&pending.message, Fate::Failed { step, failure }, now_ms);
        self.held.push(pending.message.into());
    }

    /// Puts back the messages that were not sent yet, as if they had not been examined.
    pub fn put_back_pending(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.examined.remove(&pending.message.id);
            self.held.push(pending.message.into());
        }
    }

    /// Number of messages that this run hides.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.held.len() + self.left.len() + self.pending.len()
    }

    /// Keeps the messages that were examined just now hidden, so that the next ones are received.
    pub fn hold_left(&mut self) {
        self.held.append(&mut self.left);
    }

    /// The receipt handles of the messages that were examined just now and stay.
    pub fn take_left(&mut self) -> Vec<String> {
        handles(std::mem::take(&mut self.left))
    }

    /// The receipt handles of all messages that are hidden and stay.
    pub fn take_hidden(&mut self) -> Vec<String> {
        self.hold_left();
        handles(std::mem::take(&mut self.held))
    }

    /// The groups of the canaries.
    #[must_use]
    pub fn canary_groups(&self) -> Vec<String> {
        self.canary_groups.iter().cloned().collect()
    }

    /// The receipt handles of a group's held messages.
    pub fn take_group(&mut self, group: &str) -> Vec<String> {
        let is_of_group = |hidden: &mut Hidden| hidden.group_id.as_deref() == Some(group);
        handles(self.held.extract_if(.., is_of_group).collect())
    }
}

fn handles(hidden: Vec<Hidden>) -> Vec<String> {
    hidden.into_iter().map(|hidden| hidden.receipt_handle).collect()
}
