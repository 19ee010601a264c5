//! The documents of one stretch of an object: written into bulk requests, and what became of each.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use shared::contents::{Contents, Holds};
use shared::envelope::LogMessage;
use shared::event::{Around, Arrival, Identity, Reader, Reason, Refusal, Timestamp};
use shared::json::{self, Span};
use shared::opensearch::{Answer, Bulk, Error, Fate, Index, Limits, Retry, Trouble, Writing};

use crate::config::Reading;
use crate::failure::{self, Failure, Line, Selection};
use crate::records::{Format, Next, Records};
use crate::refused::Refused;
use crate::text;
use crate::unpack::{BrokenPacking, Unpacker};

/// Documents are split into requests when the batch is whole.
const NO_LIMITS: Limits = Limits { bytes: usize::MAX, documents: usize::MAX };

/// What the records of an object have in common.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) writing: &'a Writing,
    pub(crate) selection: Option<&'a Selection>,
    /// What the ids of its events depend on: bucket and key, each with a zero byte after it.
    pub(crate) place: &'a [u8],
    /// When the object was last modified.
    pub(crate) modified: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// Kept from object to object, so that nothing is allocated once the buffers have grown.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    reader: Reader,
    contents: Contents,
    bulk: Bulk,
    events: Vec<Event>,
    /// The texts and ids of the events.
    kept: Vec<u8>,
    document: Vec<u8>,
    id: Vec<u8>,
    identity: Vec<u8>,
    line: Vec<u8>,
    /// What keeps OpenSearch from taking what is left.
    pub(crate) retry: Option<Retry>,
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

/// An event, or a record that is none.
#[derive(Debug)]
struct Event {
    /// Its record's offset in the unpacked object.
    offset: u64,
    /// When it arrived.
    arrived: Option<Timestamp>,
    /// Its text and its id, in [`Batch::kept`].
    text: Span,
    id: Span,
    /// Its size, where the text is not kept.
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

/// Where an event comes from.
#[derive(Clone, Copy)]
struct At<'a> {
    /// Its record's offset in the unpacked object.
    offset: u64,
    arrived: Option<Timestamp>,
    by: KnownBy<'a>,
}

/// What an event without the producer's own id is known by.
#[derive(Clone, Copy)]
enum KnownBy<'a> {
    /// By the object and the offset, and by its text or the line that it is made of.
    Place(Option<&'a [u8]>),
    /// By the arrival that Firehose gave; and, of equal events in a record, by the number before it.
    Delivery { arrival: &'a str, equal: usize },
    /// By the id that it had.
    Id(&'a [u8]),
    /// It is no event.
    Nothing,
}

impl At<'_> {
    /// What an event at this position of its record is known by.
    fn identity<'b>(
        &'b self,
        source: &Source<'_>,
        position: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Identity<'b> {
        buffer.clear();
        // Of the first there may be others before and after the record was split.
        let suffix = |number: usize| match number {
            0 => String::new(),
            number => format!("/{number}"),
        };
        match self.by {
            KnownBy::Id(id) => Identity::Known(id),
            KnownBy::Nothing => Identity::Known(b""),
            KnownBy::Delivery { arrival, equal } => {
                buffer.extend_from_slice(arrival.as_bytes());
                buffer.extend_from_slice(suffix(position + equal).as_bytes());
                Identity::Delivery(buffer)
            }
            KnownBy::Place(text) => {
                let Self { offset, .. } = self;
                buffer.extend_from_slice(source.place);
                let place = format!("{offset}{}\0", suffix(position));
                buffer.extend_from_slice(place.as_bytes());
                Identity::Place { place: buffer, text }
            }
        }
    }
}

impl Batch {
    /// Forgets everything but the buffers.
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

    /// Whether it fills a bulk request.
    pub(crate) fn is_full(&self, limits: Limits) -> bool {
        self.bulk.bytes().max(self.kept.len()) >= limits.bytes
            || self.events.len() >= limits.documents
    }

    /// Takes a record.
    pub(crate) fn record(&mut self, source: &Source<'_>, offset: u64, record: &[u8]) {
        let before = self.events.len();
        // A defect that shows on a record is that record's alone.
        let taken = catch_unwind(AssertUnwindSafe(|| match source.selection {
            Some(selection) => self.failure(source, selection, offset, record),
            None => self.plain(source, offset, record),
        }));
        if taken.is_err() {
            // The record is kept as a whole.
            (self.reader, self.contents) = (Reader::default(), Contents::default());
            self.bulk.retain(|operation| operation.source < before);
            self.events.truncate(before);
            let at = At { offset, arrived: source.modified, by: KnownBy::Nothing };
            self.refuse(at, record, reason("panicked", "a defect showed on it"));
        }
    }

    /// Takes a record that is too large to be kept.
    pub(crate) fn too_large(&mut self, source: &Source<'_>, offset: u64, bytes: u64) {
        let at = At { offset, arrived: source.modified, by: KnownBy::Nothing };
        self.refuse(at, b"", Refusal::TooLarge.into());
        if let Some(event) = self.events.last_mut() {
            event.bytes = bytes;
        }
    }

    /// Takes what is left where the packing is broken.
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

    fn plain(&mut self, source: &Source<'_>, offset: u64, record: &[u8]) {
        let at = |by| At { offset, arrived: source.modified, by };
        let mut line = mem::take(&mut self.line);
        match source.reading.format {
            Format::Auto => self.events_of(source, at(KnownBy::Place(None)), record, record),
            Format::Text => {
                let at = at(KnownBy::Place(Some(record)));
                self.events_of(source, at, record, text::event(record, &mut line));
            }
        }
        self.line = line;
    }

    /// Writes the event in `text`, or the events, where it is an envelope around several; `kept` is
    /// what is kept of a single one that is refused.
    fn events_of(&mut self, source: &Source<'_>, at: At<'_>, kept: &[u8], text: &[u8]) {
        let is_log = LogMessage::may_be_in(text);
        if !is_log {
            match self.event(source, at, kept, text, None, 0) {
                Ok(()) => return,
                Err(refusal) if !matches!(text.first(), Some(b'{' | b'"')) => {
                    return self.refuse_event(source, at, kept, 0, refusal);
                }
                // An envelope around several events, maybe.
                Err(_) => {}
            }
        }
        let mut contents = mem::take(&mut self.contents);
        match contents.open(|out| out.extend_from_slice(text)) {
            Ok(Holds::NoLogEvents) => self.push(at, (b"", b""), State::Dropped),
            Ok(_) if is_log || contents.count() > 1 => self.several(source, at, &mut contents),
            _ => {
                let written = self.event(source, at, kept, text, None, 0);
                if let Err(refusal) = written {
                    self.refuse_event(source, at, kept, 0, refusal);
                }
            }
        }
        self.contents = contents;
    }

    /// Writes events that were found in envelopes.
    fn several(&mut self, source: &Source<'_>, at: At<'_>, contents: &mut Contents) {
        let mut alone = Vec::new();
        for position in 0..contents.count() {
            alone.clear();
            contents.write_alone(position, &mut alone);
            let Some((text, around)) = contents.event(position) else { break };
            let written = self.event(source, at, &alone, text, around, position);
            if let Err(refusal) = written {
                self.refuse_event(source, at, &alone, position, refusal);
            }
        }
    }

    fn event(
        &mut self,
        source: &Source<'_>,
        at: At<'_>,
        kept: &[u8],
        text: &[u8],
        around: Option<Around<'_>>,
        position: usize,
    ) -> Result<(), Refusal> {
        let Source { reading, writing, now, .. } = *source;
        let mut event = self.reader.read_inside(&reading.model, text, around)?;
        if event.action_is_one_of(&reading.drop_actions) {
            self.push(at, (b"", b""), State::Dropped);
            return Ok(());
        }
        let (mut document, mut id) = (mem::take(&mut self.document), mem::take(&mut self.id));
        document.clear();
        id.clear();
        let identity = at.identity(source, position, &mut self.identity);
        let written =
            event.write_document(&Arrival { time: at.arrived, now, identity }, &mut document);
        event.write_document_id(writing.document_id, &written, &document, &mut id);
        let number = self.events.len();
        let index = Index::Of(&writing.index, written.timestamp);
        self.bulk.add(NO_LIMITS, index, (&document, &id), (number, 0));
        self.push(at, (kept, written.id.of(&document)), State::Waiting);
        (self.document, self.id) = (document, id);
        Ok(())
    }

    fn failure(&mut self, source: &Source<'_>, selection: &Selection, offset: u64, line: &[u8]) {
        let at = At { offset, arrived: source.modified, by: KnownBy::Nothing };
        match failure::read(line, selection) {
            Ok(Line::Failure(failure)) => self.failed(source, offset, &failure),
            Ok(Line::NotSelected) => self.push(at, (b"", b""), State::Dropped),
            Ok(Line::NoRawData) => {
                self.refuse(at, line, reason("no_raw_data", "the line has no rawData"));
            }
            Err(refusal) => self.refuse(at, line, refusal.into()),
        }
    }

    fn failed(&mut self, source: &Source<'_>, offset: u64, failure: &Failure) {
        let Failure { arrived, arrival, data, document, event_id, .. } = failure;
        let at = |by| At { offset, arrived: *arrived, by };
        if let Some((id, index)) = document {
            return self.document(at(KnownBy::Nothing), data, (id, index));
        }
        let events = match split(source.reading, data) {
            Ok(events) => events,
            Err(reason) => return self.refuse(at(KnownBy::Nothing), data, reason),
        };
        let known = event_id.as_ref().filter(|_| events.texts.len() == 1);
        let known = known.map(|id| content(id));
        for (number, text) in events.texts.iter().enumerate() {
            let equal = events.texts[..number].iter().filter(|before| *before == text).count();
            let delivery = KnownBy::Delivery { arrival, equal };
            let by = known.as_ref().map_or(delivery, |id| KnownBy::Id(id));
            self.events_of(source, at(by), text, text);
        }
        if let Some((text, reason)) = events.rest {
            self.refuse(at(KnownBy::Nothing), &text, reason);
        }
    }

    /// Takes a document that was in a bulk request before.
    fn document(&mut self, at: At<'_>, document: &[u8], (id, index): (&str, &str)) {
        let mut line = Vec::with_capacity(document.len());
        if !write_object(document, &mut line) {
            return self.refuse(at, document, Refusal::InvalidJson.into());
        }
        let (id, index) = (content(id), content(index));
        let number = self.events.len();
        self.bulk.add(NO_LIMITS, Index::Named(&index), (&line, &id), (number, 0));
        self.push(at, (document, &id), State::Waiting);
    }

    fn refuse(&mut self, at: At<'_>, text: &[u8], reason: Reason) {
        self.push(at, (text, b""), State::Refused(reason));
    }

    fn refuse_event(
        &mut self,
        source: &Source<'_>,
        at: At<'_>,
        kept: &[u8],
        position: usize,
        refusal: Refusal,
    ) {
        let mut buffer = mem::take(&mut self.identity);
        let id = at.identity(source, position, &mut buffer).id_of(kept);
        self.identity = buffer;
        self.push(at, (kept, &id), State::Refused(refusal.into()));
    }

    fn push(&mut self, at: At<'_>, (text, id): (&[u8], &[u8]), state: State) {
        let At { offset, arrived, .. } = at;
        let mut keep = |bytes: &[u8]| {
            let start = self.kept.len();
            self.kept.extend_from_slice(bytes);
            Span { start, end: self.kept.len() }
        };
        let (text, id) = (keep(text), keep(id));
        let bytes = text.length() as u64;
        self.events.push(Event { offset, arrived, text, id, bytes, state });
    }

    /// Divides the documents into requests.
    pub(crate) fn seal(&mut self, limits: Limits) {
        self.bulk.divide(limits);
    }

    /// The next request.
    pub(crate) fn request(&self) -> Option<&[u8]> {
        self.bulk.request()
    }

    /// Takes what came back for the request.
    pub(crate) fn answered(
        &mut self,
        reply: &Result<Answer, Error>,
        mut trouble: impl FnMut(Trouble),
    ) {
        self.requests += 1;
        self.bytes += self.bulk.request().map_or(0, <[u8]>::len) as u64;
        let Self { bulk, events, retry, .. } = self;
        let whole = bulk.settle(reply, |operation, fate| {
            let state = &mut events[operation.source].state;
            match fate {
                Fate::Indexed | Fate::IndexedElsewhere => *state = State::Indexed,
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

    /// Prepares the requests of what OpenSearch could not take; returns `false` where it took all.
    pub(crate) fn again(&mut self, limits: Limits) -> bool {
        let events = &self.events;
        self.bulk.retain(|operation| events[operation.source].state == State::Waiting);
        self.retry = None;
        self.seal(limits);
        self.bulk.request().is_some()
    }

    /// Counts the events before the first without an outcome and hands over the refused ones.
    pub(crate) fn settle(&self, mut refused: impl FnMut(Refused<'_>)) -> Settled {
        let waiting = self.events.iter().filter(|event| event.state == State::Waiting);
        let until = waiting.map(|event| event.offset).min();
        let mut settled = Settled { until, ..Settled::default() };
        for event in &self.events {
            if until.is_some_and(|until| event.offset >= until) {
                continue;
            }
            match &event.state {
                State::Waiting => {}
                State::Indexed => settled.indexed += 1,
                State::Duplicate => settled.duplicate += 1,
                State::Dropped => settled.dropped += 1,
                State::Refused(reason) => refused(Refused {
                    offset: event.offset,
                    arrived: event.arrived,
                    text: event.text.of(&self.kept),
                    event_id: event.id.of(&self.kept),
                    bytes: event.bytes,
                    reason,
                }),
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

/// Appends a JSON object on one line; `false` where `text` is none.
fn write_object(text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut scanner = json::Scanner::new(text);
    let is_object = text.first() == Some(&b'{')
        && scanner.value(0).is_ok()
        && scanner.peek().is_none()
        && std::str::from_utf8(text).is_ok();
    let mut at = 0;
    for cut in scanner.cuts.iter().filter(|_| is_object) {
        out.extend_from_slice(&text[at..cut.start]);
        at = cut.end;
    }
    out.extend_from_slice(&text[at..]);
    is_object
}

/// The content of a JSON string that means this.
fn content(text: &str) -> Vec<u8> {
    let quoted = Value::from(text).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

/// The events in what failed.
#[derive(Default)]
struct Events {
    texts: Vec<Vec<u8>>,
    rest: Option<(Vec<u8>, Reason)>,
}

/// Finds the events in what failed, as in an object.
fn split(reading: &Reading, data: &[u8]) -> Result<Events, Reason> {
    let mut unpacker = Unpacker::default();
    let mut records = Records::new(Format::Auto, &reading.records_paths, 0);
    unpacker.feed(data);
    let mut events = Events::default();
    loop {
        match records.next() {
            Next::Record { text, .. } => events.texts.push(text.to_vec()),
            Next::TooLarge { .. } => return Err(Refusal::TooLarge.into()),
            Next::Rest { text, packing, .. } => {
                events.rest = Some((text.to_vec(), broken(packing)));
            }
            Next::UnknownFormat if unpacker.is_packed() == Some(true) => {
                return Err(Refusal::InvalidJson.into());
            }
            // The event model says what is wrong with it.
            Next::UnknownFormat => return Ok(Events { texts: vec![data.to_vec()], rest: None }),
            Next::End => break,
            Next::Feed => match unpacker.read(records.buffer()) {
                Ok(true) => {}
                Ok(false) => {
                    let ended = unpacker.finish(records.buffer());
                    records.end(ended);
                }
                Err(packing) => records.end(Err(packing)),
            },
        }
    }
    if events.texts.is_empty() && events.rest.is_none() {
        return Err(Refusal::Empty.into());
    }
    Ok(events)
}
