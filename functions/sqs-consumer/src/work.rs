//! The work on one event, as a state machine without I/O, clock or waits.
//!
//! [`Work::next_step`] returns what to do; the caller does it and reports the result with
//! [`Work::bulk_answered`] or [`Work::quarantined`], until everything is done or the caller has no
//! time left ([`Work::stop`]). If the caller disappears between two steps, every message that was
//! not reported as settled is redelivered, and repeating the work does no harm.
//!
//! Messages are processed in order, in rounds. A round writes the documents of the next messages in
//! one bulk request, which may be sent in parts. For a FIFO queue, a round has at most one message
//! of each group, and refused events go to quarantine at its end, so that no message is tried
//! before the earlier ones of its group are settled. For other queues, the quarantine waits until
//! all documents are written, or until many events are waiting.

mod fill;
mod refused;

use std::collections::{BTreeMap, HashSet};
use std::mem;

use bytes::Bytes;
use shared::contents::Contents;
use shared::event::{Around, Arrival, Refusal, Timestamp, Written};
use shared::metric_rules::{MetricRules, Tally};
use shared::opensearch::{self, Answer, Bulk, Error, Fate, Operation, Trouble, Writing};
use shared::s3::GetError;
use shared::sqs::{Failure, Quarantined};

use crate::envelope::Message;
use crate::outcome::{LARGE_PAYLOAD_MISSING, Outcome, Retry};
use crate::report::Report;
use refused::{MAX_WAITING, Why};

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'s> {
    /// Send this bulk request.
    Bulk(&'s [u8]),
    /// Send these messages to quarantine, in one call.
    Quarantine(&'s [Quarantined]),
    /// Read this object of this bucket.
    Fetch(&'s str, &'s str),
    /// Nothing: every message has its outcome.
    Finished,
}

/// The settings that the work follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// The settings for writing documents: index, `_id` and limits of requests.
    pub writing: &'a Writing,
    /// Whether there is a quarantine.
    pub quarantine: bool,
    /// Whether to read bodies in S3 that messages point to.
    pub fetch_payloads: bool,
    /// The current time.
    pub now: Timestamp,
    /// Metrics from documents that are new in the index.
    pub metrics: &'a MetricRules,
}

/// One event to write.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    /// Its text.
    pub event: &'a [u8],
    /// The envelopes from which it was taken.
    pub around: Option<Around<'a>>,
    /// The delivery of the message.
    pub arrival: Arrival<'a>,
}

/// Buffers for a document and its `_id`.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// The document.
    pub document: Vec<u8>,
    /// The content of its `_id`, as in a JSON string; empty if OpenSearch chooses it.
    pub id: Vec<u8>,
}

/// Maximum number of events of a message, so that they fit in memory: a body in SQS cannot hold as
/// many, but one in S3 can.
const MAX_EVENTS: usize = 1_000_000;

/// Buffers that are reused between events, so that nothing is allocated once they have grown.
#[derive(Debug)]
pub(crate) struct Buffers {
    bulk: Bulk,
    contents: Contents,
    out: Out,
    /// The identity of an event without the producer's own id.
    identity: Vec<u8>,
    /// The metrics from documents.
    pub tally: Tally,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            bulk: Bulk::default(),
            contents: Contents::up_to(MAX_EVENTS + 1),
            out: Out::default(),
            identity: Vec::new(),
            tally: Tally::default(),
        }
    }
}

/// The work on one event's messages; `W` writes the document of an event and its `_id`.
#[derive(Debug)]
pub(crate) struct Work<'a, W> {
    rules: Rules<'a>,
    messages: &'a [Message<'a>],
    /// Whether a message is from a FIFO queue.
    is_fifo: bool,
    write: W,
    buffers: &'a mut Buffers,
    progress: Vec<Progress>,
    /// The first message without an outcome.
    settled: usize,
    /// The next event: its message, and its position there.
    next: (usize, usize),
    /// The message of the contents.
    opened: Option<usize>,
    /// The bucket and key of the body of the next message.
    pointer: Option<(String, String)>,
    /// That body, after it was read.
    payload: Option<Bytes>,
    /// Refused events that are not yet in quarantine, by message and position.
    refusals: BTreeMap<(usize, usize), Why>,
    /// The messages that are being sent to quarantine.
    sending: Vec<Quarantined>,
    /// FIFO groups with a message in this round.
    open_groups: HashSet<&'a str>,
    /// FIFO groups with a message that failed.
    failed_groups: HashSet<&'a str>,
    report: Report,
}

/// The progress of a message.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    retry: Option<Retry>,
    /// The number of its refused events.
    refused: usize,
    /// Whether it is in quarantine as a whole.
    is_kept: bool,
}

impl<'a, W> Work<'a, W>
where
    W: FnMut(&Incoming<'_>, &mut Out) -> Result<Written, Refusal>,
{
    /// Creates the work on `messages`.
    pub(crate) fn new(
        rules: Rules<'a>,
        messages: &'a [Message<'a>],
        buffers: &'a mut Buffers,
        write: W,
    ) -> Self {
        buffers.bulk.clear();
        buffers.tally.clear();
        Self {
            rules,
            messages,
            is_fifo: messages.iter().any(|message| message.is_fifo),
            write,
            buffers,
            progress: vec![Progress::default(); messages.len()],
            settled: 0,
            next: (0, 0),
            opened: None,
            pointer: None,
            payload: None,
            refusals: BTreeMap::new(),
            sending: Vec::new(),
            open_groups: HashSet::new(),
            failed_groups: HashSet::new(),
            report: Report::default(),
        }
    }

    /// Returns what to do next: the same until its result is reported.
    pub(crate) fn next_step(&mut self) -> Step<'_> {
        loop {
            if self.buffers.bulk.pending().is_some() {
                return Step::Bulk(self.buffers.bulk.request().unwrap_or_default());
            }
            if self.sending.is_empty() && self.is_time_for_quarantine() {
                self.choose_for_quarantine();
            }
            if !self.sending.is_empty() {
                return Step::Quarantine(&self.sending);
            }
            if self.pointer.is_some() {
                let (bucket, key) = self.pointer.as_ref().map_or(("", ""), |(b, k)| (b, k));
                return Step::Fetch(bucket, key);
            }
            self.settle();
            if self.next.0 == self.messages.len() {
                return Step::Finished;
            }
            self.fill();
        }
    }

    /// Processes the answer to the bulk request.
    pub(crate) fn bulk_answered(&mut self, reply: &Result<Answer, Error>) {
        let mut bulk = mem::take(&mut self.buffers.bulk);
        self.report.bulk_requests += 1;
        self.report.bulk_bytes += bulk.request().map_or(0, <[u8]>::len) as u64;
        let trouble = bulk.settle(reply, |operation, document, fate| {
            if matches!(fate, Fate::Indexed | Fate::IndexedElsewhere) {
                self.buffers.tally.count(self.rules.metrics, document);
            }
            self.document_answered(operation, fate);
        });
        if let Some(trouble) = trouble {
            self.report.findings.note(trouble);
        }
        if bulk.pending().is_none() {
            bulk.clear();
        }
        self.buffers.bulk = bulk;
    }

    /// Processes the result of each entry of the call to quarantine, in order; a missing entry
    /// failed.
    pub(crate) fn quarantined(&mut self, failures: &[Option<Failure>]) {
        let sent = mem::take(&mut self.sending);
        let untold = || Failure { code: "NoAnswer".to_owned(), message: String::new() };
        for (index, quarantined) in sent.iter().enumerate() {
            match failures.get(index) {
                Some(None) => {}
                Some(Some(failure)) => self.not_quarantined(quarantined.message, failure.clone()),
                None => self.not_quarantined(quarantined.message, untold()),
            }
        }
        // Everything that can go to quarantine is sent before other documents, which would
        // otherwise be many small requests.
        self.choose_for_quarantine();
    }

    /// Processes the answer to reading the body of the next message.
    pub(crate) fn fetched(&mut self, payload: Result<Bytes, GetError>) {
        self.pointer = None;
        let message = self.next.0;
        match payload {
            Ok(payload) => return self.payload = Some(payload),
            Err(GetError::NotFound) => {
                self.refuse(message, 0, Why::Other(Box::new(LARGE_PAYLOAD_MISSING)));
            }
            Err(GetError::TooLarge) => self.refuse(message, 0, Why::Model(Refusal::TooLarge)),
            Err(GetError::Status(_) | GetError::NoAnswer(_)) => {
                self.fail(message, Retry::Payload);
            }
        }
        self.pass();
    }

    /// Ends the work because time runs out: messages that are not settled are redelivered.
    pub(crate) fn stop(&mut self) {
        while self.buffers.bulk.pending().is_some() {
            for index in self.buffers.bulk.answered() {
                let message = self.buffers.bulk.operation(index).source;
                self.fail(message, Retry::Deadline);
            }
        }
        self.buffers.bulk.clear();
        for quarantined in mem::take(&mut self.sending) {
            self.fail(quarantined.message, Retry::Deadline);
        }
        for (message, _) in mem::take(&mut self.refusals).into_keys() {
            self.fail(message, Retry::Deadline);
        }
        for message in self.next.0..self.messages.len() {
            self.fail(message, Retry::Deadline);
        }
        self.next = (self.messages.len(), 0);
        self.pointer = None;
        self.settle();
    }

    /// Returns what was done, when everything is finished.
    #[must_use]
    pub(crate) fn finish(mut self) -> Report {
        // This only has an effect if the caller ends the work early.
        self.stop();
        let outcome = |progress: &Progress| match progress {
            Progress { retry: Some(retry), .. } => Outcome::Retry(*retry),
            Progress { refused: 1.., .. } => Outcome::Quarantined,
            Progress { .. } => Outcome::Done,
        };
        self.report.outcomes = self.progress.iter().map(outcome).collect();
        self.report
    }

    fn document_answered(
        &mut self,
        Operation { source: message, position, .. }: Operation,
        fate: Fate,
    ) {
        match fate {
            Fate::Indexed => self.report.indexed += 1,
            Fate::IndexedElsewhere => {
                self.report.indexed += 1;
                self.report.elsewhere.get_or_insert((0, message)).0 += 1;
            }
            Fate::Duplicate => self.report.duplicate.get_or_insert((0, message)).0 += 1,
            Fate::Retry(retry) => self.fail(message, Retry::Search(retry)),
            Fate::SetUp(error, error_type) => {
                self.fail(message, Retry::Search(opensearch::Retry::SetUp(error)));
                self.report.findings.note(Trouble::Documents(error_type));
            }
            Fate::Refused(reason) => {
                self.refuse(message, position, Why::Other(Box::new(reason)));
            }
        }
    }

    /// Whether refused events go to quarantine before other documents are written.
    fn is_time_for_quarantine(&self) -> bool {
        self.is_fifo || self.next.0 == self.messages.len() || self.refusals.len() > MAX_WAITING
    }

    fn fail(&mut self, message: usize, retry: Retry) {
        self.progress[message].retry.get_or_insert(retry);
    }

    /// Ends a round: the messages before the next event have an outcome.
    fn settle(&mut self) {
        for index in self.settled..self.next.0 {
            let message = &self.messages[index];
            if message.is_fifo && self.progress[index].retry.is_some() {
                self.failed_groups.insert(message.group_id.unwrap_or_default());
            }
        }
        self.settled = self.next.0;
        self.open_groups.clear();
    }
}

#[cfg(test)]
mod tests;
