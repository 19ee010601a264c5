//! The work on one event, as a state machine: no I/O, no clock, nothing that waits.
//!
//! [`Work::next_step`] tells what has to be done, the caller does it and says how it went with
//! [`Work::bulk_answered`] or [`Work::quarantined`], until nothing is left or the caller has no
//! time left ([`Work::stop`]). Whenever the caller goes away between two steps, every message
//! that was not told to be settled comes again, and doing it all again does no harm.
//!
//! Messages are taken in order. A round is: documents of the next messages in one bulk request,
//! which may be sent in parts; then what was refused of the messages that are complete goes to
//! quarantine; then these are settled. In a FIFO queue a round holds one message of each group
//! at most, so that none is tried before those before it are settled.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use shared::event::{Around, Arrival, Refusal, Timestamp, Written};
use shared::opensearch::{Answer, Error};

use crate::bulk::{Bulk, Limits, Operation};
use crate::contents::{Contents, Holds};
use crate::envelope::Message;
use crate::index::IndexPattern;
use crate::outcome::{Outcome, Reason, Retry};
use crate::quarantine::Quarantined;
use crate::reply::{Fate, Trouble, Verdict, judge};
use shared::sqs::{Failure, MAX_ENTRIES};

/// The most bytes of one call to quarantine, unless one message alone has more: what every
/// queue takes, whatever its maximum message size.
const MAX_QUARANTINE_BYTES: usize = 262_144;

/// No more different troubles are told in the log.
const MAX_TROUBLES: usize = 8;

/// No more different reasons of refusal are told apart.
const MAX_CODES: usize = 32;

/// What has to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'s> {
    /// Send this bulk request.
    Bulk(&'s [u8]),
    /// Send these to quarantine, in one call.
    Quarantine(&'s [Quarantined]),
    /// Nothing: every message has its outcome.
    Finished,
}

/// The settings that the work follows.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Where a document goes.
    pub index: &'a IndexPattern,
    /// How large one bulk request may be.
    pub limits: Limits,
    /// Whether there is a quarantine.
    pub quarantine: bool,
    /// What time it is.
    pub now: Timestamp,
}

/// One event to write.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Its text.
    pub event: &'a [u8],
    /// The envelopes that it was taken out of.
    pub around: Option<Around<'a>>,
    /// How it was delivered.
    pub arrival: Arrival<'a>,
}

/// Where a document and its `_id` are written.
#[derive(Debug, Default)]
pub struct Out {
    /// The document.
    pub document: Vec<u8>,
    /// The content of its `_id`, as a JSON string has it; empty where OpenSearch chooses it.
    pub id: Vec<u8>,
}

/// Kept from event to event, so that nothing is allocated once they have grown.
#[derive(Debug, Default)]
pub struct Buffers {
    bulk: Bulk,
    contents: Contents,
    out: Out,
    /// What an event without the producer's own id is known by.
    identity: Vec<u8>,
}

/// The work on one event's messages; `W` writes the document of an event and its `_id`.
#[derive(Debug)]
pub struct Work<'a, W> {
    rules: Rules<'a>,
    messages: &'a [Message<'a>],
    write: W,
    buffers: &'a mut Buffers,
    progress: Vec<Progress>,
    /// Messages before this one have their outcome.
    settled: usize,
    /// The next event: the message that holds it, and its place there.
    next: (usize, usize),
    /// The message that the contents are of.
    opened: Option<usize>,
    /// What is not yet in quarantine.
    refusals: VecDeque<Refused>,
    /// What is being sent to quarantine.
    sending: Vec<Quarantined>,
    /// FIFO groups with a message in this round.
    open_groups: HashSet<&'a str>,
    /// FIFO groups with a message that failed.
    failed_groups: HashSet<&'a str>,
    report: Report,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    retry: Option<Retry>,
    refused: bool,
}

/// An event that can never become a document in the index.
#[derive(Debug)]
struct Refused {
    message: usize,
    position: usize,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Model(Refusal),
    Other(Box<Reason>),
}

/// Events refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// How many.
    pub count: u64,
    /// The message of the first.
    pub first: usize,
    /// What to do, for the log; empty where there is nothing to say.
    pub advice: &'static str,
}

/// What was done, for the answer, the metrics and the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By message.
    pub outcomes: Vec<Outcome>,
    /// Documents that are in the index and were not before.
    pub indexed: u64,
    /// Documents that are in the index under an `_id` that an ingest pipeline chose: how many, and
    /// the first message.
    pub elsewhere: Option<(u64, usize)>,
    /// Documents that were there before: how many, and the first message.
    pub duplicate: Option<(u64, usize)>,
    /// Events refused by the model or by OpenSearch, by code.
    pub refused: BTreeMap<String, Refusals>,
    /// Messages that hold S3's test of a notification: how many, and the first.
    pub test_events: Option<(u64, usize)>,
    /// Bulk requests sent.
    pub bulk_requests: u64,
    /// Their bodies before compression, in bytes.
    pub bulk_bytes: u64,
    /// What is wrong with OpenSearch.
    pub troubles: Vec<Trouble>,
    /// What did not go to quarantine: how many by code, and what SQS said of the first.
    pub not_quarantined: BTreeMap<String, (u64, String)>,
}

impl<'a, W> Work<'a, W>
where
    W: FnMut(&Incoming<'_>, &mut Out) -> Result<Written, Refusal>,
{
    /// The work on `messages`.
    pub fn new(
        rules: Rules<'a>,
        messages: &'a [Message<'a>],
        buffers: &'a mut Buffers,
        write: W,
    ) -> Self {
        buffers.bulk.clear();
        Self {
            rules,
            messages,
            write,
            buffers,
            progress: vec![Progress::default(); messages.len()],
            settled: 0,
            next: (0, 0),
            opened: None,
            refusals: VecDeque::new(),
            sending: Vec::new(),
            open_groups: HashSet::new(),
            failed_groups: HashSet::new(),
            report: Report::default(),
        }
    }

    /// What has to be done next; the same until it is told how it went.
    pub fn next_step(&mut self) -> Step<'_> {
        loop {
            if self.buffers.bulk.pending().is_some() {
                return Step::Bulk(self.buffers.bulk.request().unwrap_or_default());
            }
            if self.sending.is_empty() {
                self.choose_for_quarantine();
            }
            if !self.sending.is_empty() {
                return Step::Quarantine(&self.sending);
            }
            self.settle();
            if self.next.0 == self.messages.len() {
                return Step::Finished;
            }
            self.fill();
        }
    }

    /// What came back for the bulk request.
    pub fn bulk_answered(&mut self, reply: &Result<Answer, Error>) {
        let bulk = &mut self.buffers.bulk;
        self.report.bulk_requests += 1;
        self.report.bulk_bytes += bulk.request().map_or(0, <[u8]>::len) as u64;
        let verdict = judge(reply, bulk);
        let range = bulk.answered();
        match verdict {
            Verdict::Items(fates) => {
                for (index, fate) in range.zip(fates) {
                    let operation = self.buffers.bulk.operation(index);
                    self.document_answered(operation, fate);
                }
            }
            Verdict::Halve(_) if range.len() > 1 => bulk.halve(&range),
            Verdict::Halve(reason) => {
                let operation = bulk.operation(range.start);
                self.document_answered(operation, Fate::Refused(reason));
            }
            Verdict::Retry(retry, trouble) => {
                for index in range {
                    let message = self.buffers.bulk.operation(index).message;
                    self.fail(message, retry);
                }
                self.note(trouble);
            }
        }
        if self.buffers.bulk.pending().is_none() {
            self.buffers.bulk.clear();
        }
    }

    /// How each entry of the call to quarantine went, in order; an entry that is not told of
    /// failed.
    pub fn quarantined(&mut self, failures: &[Option<Failure>]) {
        let sent = mem::take(&mut self.sending);
        let untold = || Failure { code: "NoAnswer".to_owned(), message: String::new() };
        for (index, quarantined) in sent.iter().enumerate() {
            match failures.get(index) {
                Some(None) => {}
                Some(Some(failure)) => self.not_quarantined(quarantined.message, failure.clone()),
                None => self.not_quarantined(quarantined.message, untold()),
            }
        }
    }

    /// Ends the work for want of time: what is not settled comes again.
    pub fn stop(&mut self) {
        while self.buffers.bulk.pending().is_some() {
            for index in self.buffers.bulk.answered() {
                let message = self.buffers.bulk.operation(index).message;
                self.fail(message, Retry::Deadline);
            }
        }
        self.buffers.bulk.clear();
        for quarantined in mem::take(&mut self.sending) {
            self.fail(quarantined.message, Retry::Deadline);
        }
        for refused in mem::take(&mut self.refusals) {
            self.fail(refused.message, Retry::Deadline);
        }
        for message in self.next.0..self.messages.len() {
            self.fail(message, Retry::Deadline);
        }
        self.next = (self.messages.len(), 0);
        self.settle();
    }

    /// What was done, when nothing is left to do.
    #[must_use]
    pub fn finish(mut self) -> Report {
        // Nothing is left to stop, but where the caller ends the work early.
        self.stop();
        let outcome = |progress: &Progress| match progress {
            Progress { retry: Some(retry), .. } => Outcome::Retry(*retry),
            Progress { refused: true, .. } => Outcome::Quarantined,
            Progress { .. } => Outcome::Done,
        };
        self.report.outcomes = self.progress.iter().map(outcome).collect();
        self.report
    }

    /// Takes documents for the next bulk request.
    fn fill(&mut self) {
        while self.next.0 < self.messages.len() {
            if !self.may_be_tried() {
                break;
            }
            // A defect that shows on a message is that message's alone.
            let taken = catch_unwind(AssertUnwindSafe(|| self.take_events()));
            match taken {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    self.opened = None;
                    self.fail(self.next.0, Retry::Panicked);
                }
            }
            self.next = (self.next.0 + 1, 0);
        }
        if !self.buffers.bulk.is_empty() {
            self.buffers.bulk.seal();
        }
    }

    /// Whether the next message can be tried in this round; passes those that will not be.
    fn may_be_tried(&mut self) -> bool {
        while let Some(message) = self.messages.get(self.next.0).filter(|message| message.is_fifo())
        {
            let group = message.group_id.unwrap_or_default();
            if self.next.1 > 0 {
                // The rest of a message; no other of its group may join it.
                self.open_groups.insert(group);
                return true;
            }
            if !self.failed_groups.contains(group) {
                return self.open_groups.insert(group);
            }
            self.fail(self.next.0, Retry::GroupFailed);
            self.next.0 += 1;
        }
        self.next.0 < self.messages.len()
    }

    /// Takes the next message's events; `false` where the request is full before.
    fn take_events(&mut self) -> bool {
        let index = self.next.0;
        let message = &self.messages[index];
        match self.open(index) {
            Ok(Holds::Events) => {}
            Ok(Holds::TestEvent) => {
                self.report.test_events.get_or_insert((0, index)).0 += 1;
                return true;
            }
            Ok(Holds::LargePayloadPointer) => {
                self.refuse(index, 0, Why::Other(Box::new(Reason::large_payload_pointer())));
                return true;
            }
            Err(refusal) => {
                self.refuse(index, 0, Why::Model(refusal));
                return true;
            }
        }
        if self.next.1 > 0 {
            // The events that were taken are where they were: one may have been refused.
            self.buffers.contents.look_again();
        }
        let (first_id, before) = message.identity();
        let Rules { limits, index: pattern, now, .. } = self.rules;
        loop {
            let position = self.next.1;
            let Buffers { bulk, contents, out, identity } = &mut *self.buffers;
            let Some(event) = contents.event(position) else { return true };
            write_identity(&first_id, before.saturating_add(position as u64), identity);
            let arrival = Arrival { time: message.sent, now, identity };
            let incoming = Incoming { event, around: contents.around(position), arrival };
            out.document.clear();
            out.id.clear();
            match (self.write)(&incoming, out) {
                Ok(written) => {
                    let document = (&*out.document, &*out.id, written.timestamp);
                    if !bulk.add(limits, pattern, document, (index, position)) {
                        return false;
                    }
                }
                Err(_) if contents.look_again() => continue,
                Err(refusal) => self.refuse(index, position, Why::Model(refusal)),
            }
            self.next.1 += 1;
        }
    }

    /// Finds the events of a message; those of one that was opened before are there.
    fn open(&mut self, message: usize) -> Result<Holds, Refusal> {
        if self.opened == Some(message) {
            return Ok(Holds::Events);
        }
        self.opened = None;
        let holds = self.buffers.contents.open(self.messages[message].body)?;
        if holds == Holds::Events {
            self.opened = Some(message);
        }
        Ok(holds)
    }

    fn document_answered(&mut self, Operation { message, position, .. }: Operation, fate: Fate) {
        match fate {
            Fate::Indexed => self.report.indexed += 1,
            Fate::IndexedElsewhere => {
                self.report.indexed += 1;
                self.report.elsewhere.get_or_insert((0, message)).0 += 1;
            }
            Fate::Duplicate => self.report.duplicate.get_or_insert((0, message)).0 += 1,
            Fate::Retry(retry) => self.fail(message, retry),
            Fate::SetUp(error, error_type) => {
                self.fail(message, Retry::SetUp(error));
                self.note(Trouble::Documents(error_type));
            }
            Fate::Refused(reason) => {
                self.refuse(message, position, Why::Other(Box::new(reason)));
            }
        }
    }

    fn note(&mut self, trouble: Trouble) {
        let troubles = &mut self.report.troubles;
        if troubles.len() < MAX_TROUBLES && !troubles.contains(&trouble) {
            troubles.push(trouble);
        }
    }

    fn fail(&mut self, message: usize, retry: Retry) {
        self.progress[message].retry.get_or_insert(retry);
    }

    fn refuse(&mut self, message: usize, position: usize, why: Why) {
        self.progress[message].refused = true;
        let (code, advice) = match &why {
            Why::Model(refusal) => (refusal.reason(), ""),
            Why::Other(reason) => (&*reason.code, reason.advice),
        };
        let codes = &mut self.report.refused;
        // OpenSearch may name what it likes, but not fill the log with it.
        let code = if codes.len() < MAX_CODES || codes.contains_key(code) { code } else { "other" };
        match codes.get_mut(code) {
            Some(refusals) => refusals.count += 1,
            None => {
                codes.insert(code.to_owned(), Refusals { count: 1, first: message, advice });
            }
        }
        self.refusals.push_back(Refused { message, position, why });
    }

    /// Chooses what goes to quarantine next, of messages that are complete and do not come
    /// again: those would only send it there twice.
    fn choose_for_quarantine(&mut self) {
        let complete = self.next.0;
        self.refusals
            .make_contiguous()
            .sort_unstable_by_key(|refused| (refused.message, refused.position));
        let mut bytes = 0;
        while self.refusals.front().is_some_and(|refused| refused.message < complete)
            && self.sending.len() < MAX_ENTRIES
        {
            let Some(refused) = self.refusals.pop_front() else { break };
            if self.progress[refused.message].retry.is_some() {
                continue;
            }
            if !self.rules.quarantine {
                self.fail(refused.message, Retry::NoQuarantine);
                continue;
            }
            let Some(quarantined) = self.quarantine_entry(&refused) else {
                let message = "its body or its size is none that SQS takes".to_owned();
                let failure = Failure { code: "NotSent".to_owned(), message };
                self.not_quarantined(refused.message, failure);
                continue;
            };
            bytes += quarantined.bytes();
            if bytes > MAX_QUARANTINE_BYTES && !self.sending.is_empty() {
                self.refusals.push_front(refused);
                break;
            }
            self.sending.push(quarantined);
        }
    }

    fn quarantine_entry(&mut self, refused: &Refused) -> Option<Quarantined> {
        let message = &self.messages[refused.message];
        let mut many = self.open(refused.message) == Ok(Holds::Events);
        if many {
            self.buffers.contents.look_again();
            many = self.buffers.contents.count() > 1;
        }
        let text = if many {
            let event = self.buffers.contents.event(refused.position)?;
            String::from_utf8(event.to_vec()).ok()?
        } else {
            message.body.text()?
        };
        let reason = match &refused.why {
            Why::Model(refusal) => &Reason::from(*refusal),
            Why::Other(reason) => &**reason,
        };
        Quarantined::new(refused.message, message, (refused.position, text), reason)
    }

    fn not_quarantined(&mut self, message: usize, Failure { code, message: said }: Failure) {
        self.fail(message, Retry::NotQuarantined);
        self.report.not_quarantined.entry(code).or_insert((0, said)).0 += 1;
    }

    /// Ends a round: the messages before the next event have their outcome.
    fn settle(&mut self) {
        for index in self.settled..self.next.0 {
            let message = &self.messages[index];
            if message.is_fifo() && self.progress[index].retry.is_some() {
                self.failed_groups.insert(message.group_id.unwrap_or_default());
            }
        }
        self.settled = self.next.0;
        self.open_groups.clear();
    }
}

/// Writes what tells the event at `position` of a message from all others.
fn write_identity(message_id: &str, position: u64, identity: &mut Vec<u8>) {
    identity.clear();
    identity.extend_from_slice(message_id.as_bytes());
    identity.push(b'/');
    identity.extend_from_slice(&position.to_be_bytes());
}

#[cfg(test)]
mod tests;
