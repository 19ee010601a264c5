//! The documents of one stretch of an object, in bulk requests, with the outcome of each.

mod alone;
mod at;
mod events;
mod failed;

use std::panic::{AssertUnwindSafe, catch_unwind};

use shared::contents::{Contents, MAX_EVENTS, MAX_UNPACKED_BYTES};
use shared::event::{Reader, Reason, Refusal, Timestamp};
use shared::json::Span;
use shared::metric_rules::{MetricRules, Tally};
use shared::opensearch::{Answer, Bulk, Error, Fate, Limits, Retry, Trouble, Writing};

use crate::config::Reading;
use crate::failure::Selection;
use crate::refused::Refused;
use crate::unpack::BrokenPacking;
use alone::Alone;
use at::{At, KnownBy};

/// Data that the records of an object share.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) writing: &'a Writing,
    pub(crate) selection: Option<&'a Selection>,
    /// The part of its events' ids that identifies the object: bucket and key, each followed by a
    /// zero byte.
    pub(crate) place: &'a [u8],
    /// When the object was last modified.
    pub(crate) modified: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// The events and documents of one stretch. It is reused between objects, so that nothing is
/// allocated once the buffers have grown.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    reader: Reader,
    contents: Contents,
    bulk: Bulk,
    events: Vec<Event>,
    /// The texts, ids and indices of the events.
    kept: Vec<u8>,
    document: Vec<u8>,
    id: Vec<u8>,
    document_id: Vec<u8>,
    identity: Vec<u8>,
    line: Vec<u8>,
    /// The sizes before the current record: of the events, their texts and the documents.
    before: [usize; 3],
    /// Why OpenSearch has not accepted the remaining documents.
    pub(crate) retry: Option<Retry>,
    /// The metrics from documents.
    pub(crate) tally: Tally,
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

/// An event, or a record that is not an event.
#[derive(Debug)]
struct Event {
    /// The offset of its record in the decompressed object.
    offset: u64,
    /// When it arrived.
    arrived: Option<Timestamp>,
    /// The positions in [`Batch::kept`] of its text, its id, its document's `_id` if that differs,
    /// and, for a document, its index.
    text: Span,
    id: Span,
    document_id: Span,
    index: Span,
    /// If the text contains several events, its position among them.
    position: Option<usize>,
    /// Whether the text is a line of failures, which is kept unchanged.
    is_line: bool,
    /// Its size, if the text is not kept.
    bytes: u64,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Indexed,
    Duplicate,
    Dropped,
    Refused(Reason),
}

/// The events of a stretch that have their outcome.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) indexed: u64,
    pub(crate) duplicate: u64,
    pub(crate) dropped: u64,
    /// The offset of the first event without an outcome.
    pub(crate) until: Option<u64>,
}

impl Batch {
    /// Clears everything, but keeps the buffers.
    pub(crate) fn clear(&mut self) {
        self.bulk.clear();
        self.events.clear();
        self.kept.clear();
        self.retry = None;
    }

    /// The offset of the first event.
    pub(crate) fn first_offset(&self) -> Option<u64> {
        self.events.first().map(|event| event.offset)
    }

    /// Whether its documents fill a bulk request.
    pub(crate) fn is_full(&self, limits: Limits) -> bool {
        self.bulk.bytes().max(self.kept.len()) >= limits.bytes
            || self.events.len() >= limits.documents
    }

    /// Adds a record.
    pub(crate) fn record(&mut self, source: &Source<'_>, offset: u64, record: &[u8]) {
        self.before = [self.events.len(), self.kept.len(), self.bulk.bytes()];
        // A panic fails only the record that causes it.
        let taken = catch_unwind(AssertUnwindSafe(|| match source.selection {
            Some(selection) => self.failure(source, selection, offset, record),
            None => self.plain(source, offset, record),
        }));
        let why = if taken.is_err() {
            (self.reader, self.contents) = (Reader::default(), Contents::default());
            reason("panicked", "a defect showed on it")
        } else if self.holds_too_much() {
            Refusal::TooLarge.into()
        } else {
            return;
        };
        // The record is kept as a whole.
        let [events, kept, _] = self.before;
        self.bulk.retain(|operation| operation.source < events);
        self.events.truncate(events);
        self.kept.truncate(kept);
        let at = At { offset, arrived: source.modified, by: KnownBy::Nothing };
        match source.selection {
            Some(_) => self.refuse_line(at, record, why),
            None => self.refuse(at, record, why),
        }
    }

    /// Whether the current record exceeds the limits for events and documents in memory: each
    /// document repeats the envelope.
    fn holds_too_much(&self) -> bool {
        let [events, _, bytes] = self.before;
        let documents = self.bulk.bytes().saturating_sub(bytes);
        self.events.len() - events > MAX_EVENTS
            || self.events.len() - events > 1 && documents > MAX_UNPACKED_BYTES
    }

    /// Adds a record that is too large to be kept.
    pub(crate) fn too_large(&mut self, source: &Source<'_>, offset: u64, bytes: u64) {
        let at = At { offset, arrived: source.modified, by: KnownBy::Nothing };
        self.refuse(at, b"", Refusal::TooLarge.into());
        if let Some(event) = self.events.last_mut() {
            event.bytes = bytes;
        }
    }

    /// Adds the rest of an object whose compressed data is corrupt.
    pub(crate) fn rest(
        &mut self,
        source: &Source<'_>,
        offset: u64,
        text: &[u8],
        packing: BrokenPacking,
    ) {
        let at = At { offset, arrived: source.modified, by: KnownBy::Nothing };
        self.refuse(at, text, broken(packing));
    }

    /// Divides the documents into requests.
    pub(crate) fn seal(&mut self, limits: Limits) {
        self.bulk.divide(limits);
    }

    /// The next request.
    pub(crate) fn request(&self) -> Option<&[u8]> {
        self.bulk.request()
    }

    /// Processes the answer to the request.
    pub(crate) fn answered(
        &mut self,
        reply: &Result<Answer, Error>,
        metrics: &MetricRules,
        mut trouble: impl FnMut(Trouble),
    ) {
        self.requests += 1;
        self.bytes += self.bulk.request().map_or(0, <[u8]>::len) as u64;
        let Self { bulk, events, retry, tally, .. } = self;
        let whole = bulk.settle(reply, |operation, document, fate| {
            let state = &mut events[operation.source].state;
            match fate {
                Fate::Indexed | Fate::IndexedElsewhere => {
                    *state = State::Indexed;
                    tally.count(metrics, document);
                }
                Fate::Duplicate => *state = State::Duplicate,
                Fate::Refused(reason) => *state = State::Refused(reason),
                Fate::Retry(of) => *retry = Some(retry.map_or(of, |before| before.max(of))),
                Fate::SetUp(error, error_type) => {
                    *retry = Some(Retry::SetUp(error));
                    trouble(Trouble::Documents(error_type));
                }
            }
        });
        if let Some(whole) = whole {
            trouble(whole);
        }
    }

    /// Prepares requests for the documents that OpenSearch could not accept; returns `false` if it
    /// accepted all.
    pub(crate) fn again(&mut self, limits: Limits) -> bool {
        let events = &self.events;
        self.bulk.retain(|operation| events[operation.source].state == State::Waiting);
        self.retry = None;
        self.seal(limits);
        self.bulk.request().is_some()
    }

    /// Counts the events before the first one without an outcome, and passes the refused ones to
    /// `refused`.
    pub(crate) fn settle(&self, mut refused: impl FnMut(Refused<'_>)) -> Settled {
        let waiting = self.events.iter().filter(|event| event.state == State::Waiting);
        let until = waiting.map(|event| event.offset).min();
        let mut settled = Settled { until, ..Settled::default() };
        let mut alone = Alone::default();
        for event in &self.events {
            if until.is_some_and(|until| event.offset >= until) {
                continue;
            }
            match &event.state {
                State::Waiting => {}
                State::Indexed => settled.indexed += 1,
                State::Duplicate => settled.duplicate += 1,
                State::Dropped => settled.dropped += 1,
                State::Refused(reason) => {
                    let text = event.text.of(&self.kept);
                    let text = match event.position {
                        Some(position) => alone.event(event.text, text, position),
                        None => text,
                    };
                    refused(Refused {
                        offset: event.offset,
                        arrived: event.arrived,
                        text,
                        is_line: event.is_line,
                        id: event.id.of(&self.kept),
                        document_id: event.document_id.of(&self.kept),
                        index: event.index.of(&self.kept),
                        bytes: event.bytes,
                        reason,
                    });
                }
            }
        }
        settled
    }
}

fn reason(code: &'static str, detail: &'static str) -> Reason {
    Reason { code: code.into(), detail: detail.into(), advice: "" }
}

fn broken(packing: BrokenPacking) -> Reason {
    reason(packing.reason(), "the packing is broken or ends too early")
}
