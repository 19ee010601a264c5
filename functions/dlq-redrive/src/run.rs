//! A run as a state machine: received messages go in, what is to be sent comes out, and what
//! became of it goes in again. It calls nobody and has no clock.

use std::collections::{HashSet, VecDeque};

use crate::filter::Filter;
use crate::message::{Message, Outgoing};
use crate::queues::Queue;
use crate::tally::{Fate, Tally};
use shared::sqs::{Failure, MAX_ENTRIES, MAX_MESSAGE_BYTES};

/// Which messages of a queue are meant, and what is to become of them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The dead-letter queue.
    pub source: Queue,
    /// What is to become of the messages that match.
    pub purpose: Purpose,
    /// Which messages are meant.
    pub filter: Filter,
    /// So many matches at most.
    pub max_messages: u64,
}

/// What is to become of the messages that match.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// They are looked at.
    Inspect,
    /// They are moved.
    Move(Moves),
}

/// Where messages are moved to.
#[derive(Clone, Debug)]
pub struct Moves {
    /// Where to, if not to where each message came from.
    pub destination: Option<Queue>,
    /// Where SQS is called, if not at its own endpoint.
    pub endpoint: Option<String>,
    /// A message that was redriven so often is not redriven again.
    pub max_redrives: Option<u64>,
    /// Where such a message goes.
    pub parking: Option<Queue>,
    /// Nothing is moved, only counted.
    pub dry_run: bool,
    /// So many are sent, and then all others put back, so that they can prove themselves.
    pub canary_messages: Option<u64>,
}

/// What is to become of a message.
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
    /// What is to become of a message at a time, in milliseconds since 1970.
    #[must_use]
    pub fn decide(&self, message: &Message, now_ms: u64) -> Decision {
        if !self.filter.matches(message, now_ms) {
            return Decision::Stay(Fate::Unmatched);
        }
        let Purpose::Move(moves) = &self.purpose else { return Decision::Stay(Fate::Left) };
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

/// A message that is to be sent.
#[derive(Clone, Debug)]
pub struct Pending {
    /// As it was received.
    pub message: Message,
    /// As it is to be sent.
    pub outgoing: Outgoing,
    to: Queue,
    fate: Fate,
}

/// Messages that are sent with one call.
#[derive(Clone, Debug)]
pub struct Wave {
    /// Where to.
    pub to: Queue,
    /// At most [`MAX_ENTRIES`].
    pub messages: Vec<Pending>,
}

/// The state of a run.
#[derive(Debug)]
pub struct Run<'a> {
    rules: &'a Rules,
    /// What was done until now.
    pub tally: Tally,
    /// The ids of messages that were looked at.
    looked: HashSet<String>,
    /// The ids that messages have since this run has sent them.
    sent: HashSet<String>,
    /// Those among them that have to prove themselves.
    canaries: HashSet<String>,
    /// How many of these are still to be sent.
    canaries_left: Option<u64>,
    canary_is_back: bool,
    /// To be sent, in the order of their receipt.
    pending: VecDeque<Pending>,
    /// Groups of a FIFO queue of which a message failed: the others must not overtake it.
    failed_groups: HashSet<String>,
    /// Receipt handles of messages that stay and were looked at just now.
    left: Vec<String>,
    /// Receipt handles of messages that stay hidden, so that the next ones come.
    held: Vec<String>,
}

impl<'a> Run<'a> {
    /// A run that has seen nothing yet.
    #[must_use]
    pub fn new(rules: &'a Rules) -> Self {
        Self {
            rules,
            tally: Tally::default(),
            looked: HashSet::new(),
            sent: HashSet::new(),
            canaries: HashSet::new(),
            canaries_left: rules.moves().and_then(|moves| moves.canary_messages),
            canary_is_back: false,
            pending: VecDeque::new(),
            failed_groups: HashSet::new(),
            left: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Looks at received messages. Whether there was one among them that the run had not seen.
    pub fn take(&mut self, messages: Vec<Message>, now_ms: u64) -> bool {
        let looked_before = self.looked.len();
        for message in messages {
            let is_full = self.tally.matched + self.pending.len() as u64 >= self.rules.max_messages;
            if is_full || self.knows(&message) {
                self.held.push(message.receipt_handle);
            } else {
                self.looked.insert(message.id.clone());
                self.look(message, now_ms);
            }
        }
        self.looked.len() > looked_before
    }

    fn look(&mut self, message: Message, now_ms: u64) {
        let source = &self.rules.source;
        let (outgoing, to, fate) = match self.rules.decide(&message, now_ms) {
            Decision::Stay(fate) => return self.leave(message, fate, now_ms),
            Decision::Move(to) => (message.redriven(source, &to), to, Fate::Moved),
            Decision::Park(to) => (message.parked(source, &to), to, Fate::Parked),
        };
        if self.rules.moves().is_some_and(|moves| moves.dry_run) {
            return self.leave(message, fate, now_ms);
        }
        self.pending.push_back(Pending { message, outgoing, to, fate });
    }

    fn leave(&mut self, message: Message, fate: Fate, now_ms: u64) {
        self.tally.settle(&message, fate, now_ms);
        self.left.push(message.receipt_handle);
    }

    /// Holds received messages without looking at them; only whether a canary is back is seen.
    pub fn hold(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.knows(&message);
            self.held.push(message.receipt_handle);
        }
    }

    /// Whether a message was looked at, or is one that this run has sent and that came back.
    fn knows(&mut self, message: &Message) -> bool {
        self.canary_is_back |= self.canaries.contains(&message.id);
        self.looked.contains(&message.id) || self.sent.contains(&message.id)
    }

    /// Whether as many messages matched as may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.tally.matched >= self.rules.max_messages
    }

    /// Whether there is something to send.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the canaries are sent, and have to prove themselves now.
    #[must_use]
    pub const fn is_canary_due(&self) -> bool {
        matches!(self.canaries_left, Some(0))
    }

    /// Whether there are canaries that did not prove themselves yet.
    #[must_use]
    pub fn has_canaries(&self) -> bool {
        self.canaries_left.is_some() && !self.canaries.is_empty()
    }

    /// Whether a canary came back.
    #[must_use]
    pub const fn is_canary_back(&self) -> bool {
        self.canary_is_back
    }

    /// The canaries have proved themselves: there are no more.
    pub const fn end_canary(&mut self) {
        self.canaries_left = None;
    }

    /// What is to be sent next, at most `most` messages. In a FIFO queue a wave has only one
    /// message of a group: nobody overtakes one that fails.
    pub fn next_wave(&mut self, most: usize, now_ms: u64) -> Option<Wave> {
        self.give_up_failed_groups(now_ms);
        let to = self.pending.front()?.to.clone();
        let canaries = self.canaries_left.unwrap_or(u64::MAX);
        let most = most.min(MAX_ENTRIES).min(usize::try_from(canaries).unwrap_or(usize::MAX));
        let mut wave = Wave { to, messages: Vec::new() };
        let (mut bytes, mut groups) = (0, HashSet::new());
        for pending in std::mem::take(&mut self.pending) {
            let size = pending.outgoing.bytes();
            let is_next = self.group(&pending).is_none_or(|group| groups.insert(group));
            let fits = wave.messages.len() < most
                && (bytes + size <= MAX_MESSAGE_BYTES || wave.messages.is_empty());
            if is_next && fits && pending.to == wave.to {
                bytes += size;
                wave.messages.push(pending);
            } else {
                self.pending.push_back(pending);
            }
        }
        Some(wave)
    }

    /// The group in whose order a message has to stay.
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

    /// Takes what became of sending a wave. Gives those that are to be deleted: they are sent.
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
                    if let Some(left) = &mut self.canaries_left {
                        *left = left.saturating_sub(1);
                        self.canaries.insert(id.clone());
                    }
                    self.sent.insert(id);
                    sent.push(pending);
                }
            }
        }
        sent
    }

    /// Takes what became of deleting those that were sent.
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
        self.held.push(pending.message.receipt_handle);
    }

    /// Puts back what was not sent yet, as if it had never been looked at.
    pub fn put_back_pending(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.looked.remove(&pending.message.id);
            self.held.push(pending.message.receipt_handle);
        }
    }

    /// How many messages are hidden by this run.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.held.len() + self.left.len() + self.pending.len()
    }

    /// Lets the messages that were looked at just now stay hidden, so that the next ones come.
    pub fn hold_left(&mut self) {
        self.held.append(&mut self.left);
    }

    /// The receipt handles of the messages that were looked at just now and stay.
    pub fn take_left(&mut self) -> Vec<String> {
        std::mem::take(&mut self.left)
    }

    /// The receipt handles of all messages that are hidden and stay.
    pub fn take_hidden(&mut self) -> Vec<String> {
        self.hold_left();
        std::mem::take(&mut self.held)
    }
}
