//! Splits records that are compressed or contain several events, with `SPLIT=on`: the first good
//! event answers for the record, and the others are put back as separate records.
//!
//! A record of several events is transformed twice. The first time, its document is kept and the
//! record is noted in [`Splitter::splits`]; then the other events are put back; the second time,
//! the result determines the record's outcome.

use std::io::{self, Read as _};

use shared::contents::{Contents, Holds, MAX_EVENTS, MAX_UNPACKED_BYTES};
use shared::envelope::LogMessage;
use shared::event::{Arrival, Event, Identity, Reader, Refusal, Timestamp};
use shared::gzip::Gunzip;
use shared::json::{self, Span};

use crate::config::Config;
use crate::outcome::{Failure, NotPutBack, Outcome};
use crate::reingest::MAX_RECORD_BYTES;
use crate::request::{Record, without_leading_zeros};
use crate::transform::write;

/// The first bytes of gzip (source: RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Maximum size, in bytes, of the members that are added to an event when it is put back, in
/// addition to the record's arrival.
const MAX_ADDED_BYTES: usize = 64;

/// Splits records, with reused buffers.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    unpacked: Vec<u8>,
    found: Found,
    /// The records of this request that contain several events, by index.
    pub(crate) splits: Vec<Split>,
    /// The documents of the events that answer for them.
    documents: Vec<u8>,
}

/// A record of several events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    /// Its index in the request.
    pub(crate) record: usize,
    bytes_in: usize,
    /// The position of the event that answers for it.
    answers: usize,
    /// The number of the other events.
    others: usize,
    /// The outcome of the record if all others are put back, and its document, unless that is written again.
    outcome: Outcome,
    document: Option<Span>,
    /// The number of events that the source accepted.
    accepted: usize,
    /// Whether all others were put back, once that is known.
    put_back: Option<Result<(), NotPutBack>>,
}

/// The number of records with several events, and of events that were put back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SplitCounts {
    pub(crate) records: u64,
    pub(crate) events_put_back: u64,
}

impl Splitter {
    /// Forgets the records of the last request.
    pub(crate) fn clear(&mut self) {
        self.splits.clear();
        self.documents.clear();
        self.found.record = None;
    }

    /// Transforms a payload that may be compressed and may hold several events. A record of several
    /// events fails until it is decided.
    pub(crate) fn transform(
        &mut self,
        (reader, config): (&mut Reader, &Config),
        payload: &[u8],
        (index, record): (usize, &Record<'_>),
        arrival: &Arrival<'_>,
        document: &mut Vec<u8>,
        written: impl FnOnce(&Event<'_>, &[u8], Timestamp),
    ) -> Result<Outcome, Failure> {
        let bytes_in = payload.len();
        let is_decided = self.split(index).is_some();
        let payload = unpacked(payload, &mut self.unpacked)?;
        match reader.read(&config.model, payload) {
            Ok(event) if !LogMessage::may_be_in(event.text()) => {
                return Ok(write(event, config, arrival, document, written));
            }
            Err(Refusal::Empty) => return Err(Refusal::Empty.into()),
            _ => {}
        }
        let found = &mut self.found;
        found.open(config, payload, index)?;
        let Some(answers) = found.first_good(reader, config)? else { return Ok(Outcome::Dropped) };
        found.identify(answers, record.arrival);
        let arrival = Arrival { identity: Identity::Delivery(&found.identity), ..*arrival };
        let event = found.contents.event(found.positions[answers]);
        let (event, around) = event.ok_or(Refusal::Empty)?;
        let event = reader.read_inside(&config.model, event, around)?;
        let outcome = write(event, config, &arrival, document, written);
        let others = found.positions.len() - 1;
        if others == 0 || is_decided {
            return Ok(outcome);
        }
        let too_large = found.is_too_large(payload, answers, record.arrival);
        // More documents than fit in an answer are not kept.
        let kept = Span { start: self.documents.len(), end: self.documents.len() + document.len() };
        let is_kept = kept.end <= config.response_budget_bytes;
        if is_kept {
            self.documents.extend_from_slice(document);
        }
        self.splits.push(Split {
            record: index,
            bytes_in,
            answers,
            others,
            outcome,
            document: is_kept.then_some(kept),
            accepted: 0,
            put_back: too_large.then_some(Err(NotPutBack::TooLarge)),
        });
        Ok(Outcome::Failed(Failure::EventsNotPutBack(NotPutBack::Failing)))
    }

    /// The outcome of a record of several events, if it is decided and its document was kept: that is
    /// appended to `document`.
    #[inline]
    pub(crate) fn decided(&self, index: usize, document: &mut Vec<u8>) -> Option<(Outcome, usize)> {
        if self.splits.is_empty() {
            return None;
        }
        let split = self.split(index)?;
        let outcome = match split.put_back? {
            Ok(()) => {
                document.extend_from_slice(split.document?.of(&self.documents));
                split.outcome
            }
            Err(reason) => Outcome::Failed(Failure::EventsNotPutBack(reason)),
        };
        Some((outcome, split.bytes_in))
    }

    fn split(&self, index: usize) -> Option<&Split> {
        let at = self.splits.binary_search_by_key(&index, |split| split.record).ok()?;
        Some(&self.splits[at])
    }

    /// Each event to put back: the index of its record in [`Splitter::splits`], the record, and the
    /// position of the event.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (usize, Split, usize)> + use<> {
        let splits = self.splits.clone().into_iter().enumerate();
        splits.filter(|(_, split)| split.put_back.is_none()).flat_map(|(at, split)| {
            let others = (0..=split.others).filter(move |nth| *nth != split.answers);
            others.map(move |nth| (at, split, nth))
        })
    }

    /// Whether the events of the record at `index` are currently open.
    pub(crate) fn is_open(&self, index: usize) -> bool {
        self.found.record == Some(index)
    }

    /// Finds the events of the record at `index` again.
    pub(crate) fn open(
        &mut self,
        config: &Config,
        payload: &[u8],
        index: usize,
    ) -> Result<(), Failure> {
        let payload = unpacked(payload, &mut self.unpacked)?;
        self.found.open(config, payload, index)
    }

    /// The payload of an event of the open record, as a separate record.
    pub(crate) fn event_alone(
        &mut self,
        reader: &mut Reader,
        config: &Config,
        nth: usize,
        arrival: &[u8],
    ) -> Vec<u8> {
        let (text, identity) = self.found.alone(nth, arrival);
        match reader.read(&config.model, text) {
            Ok(event) => event.put_back(event.reingests(), identity),
            Err(_) => text.to_vec(),
        }
    }

    /// The payload to put back for a record whose document does not fit in the answer, and the
    /// identity of its delivery: the decompressed payload, or of several events the one that
    /// answers.
    pub(crate) fn overflowing<'a>(
        &'a mut self,
        reader: &mut Reader,
        config: &Config,
        payload: &'a [u8],
        (index, record): (usize, &Record<'a>),
    ) -> Result<(&'a [u8], &'a [u8]), Failure> {
        let answers = self.split(index).map(|split| split.answers);
        let payload = unpacked(payload, &mut self.unpacked)?;
        if answers.is_none() && reader.read(&config.model, payload).is_ok() {
            return Ok((payload, record.arrival));
        }
        self.found.open(config, payload, index)?;
        Ok(self.found.alone(answers.unwrap_or(0), record.arrival))
    }

    /// Decides the outcomes of the records of several events, from the number of accepted events of
    /// each, and why another was not accepted.
    pub(crate) fn settle(
        &mut self,
        results: impl IntoIterator<Item = (usize, Option<NotPutBack>)>,
    ) {
        for (split, (accepted, failure)) in self.splits.iter_mut().zip(results) {
            split.accepted = accepted;
            let missing = (accepted < split.others).then_some(NotPutBack::Failing);
            split.put_back.get_or_insert(failure.or(missing).map_or(Ok(()), Err));
        }
    }

    pub(crate) fn counts(&self) -> SplitCounts {
        let accepted: usize = self.splits.iter().map(|split| split.accepted).sum();
        SplitCounts { records: self.splits.len() as u64, events_put_back: accepted as u64 }
    }

    /// Why a payload is refused with `SPLIT=off`.
    #[cold]
    pub(crate) fn refused(&mut self, refusal: Refusal, payload: &[u8]) -> Failure {
        if payload.starts_with(GZIP) {
            return Failure::Unsplit(refusal);
        }
        if !matches!(refusal, Refusal::InvalidJson | Refusal::NotAnObject) {
            return Failure::Refused(refusal);
        }
        let contents = &mut self.found.contents;
        let opened = contents.open(|text| text.extend_from_slice(payload));
        contents.look_again();
        if opened.is_ok() && contents.count() != 1 {
            Failure::Unsplit(refusal)
        } else {
            Failure::Refused(refusal)
        }
    }
}

/// The events of one record.
#[derive(Debug)]
struct Found {
    /// The index of their record.
    record: Option<usize>,
    contents: Contents,
    /// The positions of its events, except those of the function's own log group.
    positions: Vec<usize>,
    alone: Vec<u8>,
    identity: Vec<u8>,
}

impl Default for Found {
    fn default() -> Self {
        let contents = Contents::up_to(MAX_EVENTS + 1);
        let (positions, alone, identity) = (Vec::new(), Vec::new(), Vec::new());
        Self { record: None, contents, positions, alone, identity }
    }
}

impl Found {
    /// Finds the events of a record, except those of the function's own log group, which would
    /// cause a loop.
    fn open(&mut self, config: &Config, payload: &[u8], index: usize) -> Result<(), Failure> {
        self.record = None;
        self.positions.clear();
        match self.contents.open(|text| text.extend_from_slice(payload)) {
            Ok(Holds::NoLogEvents) | Err(Refusal::Empty) => {}
            Err(refusal) => return Err(refusal.into()),
            Ok(_) => {
                self.contents.look_again();
                if self.contents.count() > MAX_EVENTS {
                    return Err(Failure::TooManyEvents);
                }
                let own = |position: &usize| {
                    self.contents.log_group(*position).is_some_and(|group| {
                        json::meaning(group, &mut Vec::new()) == config.log_group.as_bytes()
                    })
                };
                let positions = (0..self.contents.count()).filter(|position| !own(position));
                self.positions.extend(positions);
            }
        }
        self.record = Some(index);
        Ok(())
    }

    /// The first event that becomes a document; `None` if there are no events.
    fn first_good(
        &mut self,
        reader: &mut Reader,
        config: &Config,
    ) -> Result<Option<usize>, Refusal> {
        let mut first = None;
        for (nth, position) in self.positions.iter().enumerate() {
            let Some((event, around)) = self.contents.event(*position) else { continue };
            match reader.read_inside(&config.model, event, around) {
                Ok(_) => return Ok(Some(nth)),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// Notes the identity of the delivery of an event: the record's arrival, a number, followed by
    /// the event's position if there are several.
    fn identify(&mut self, nth: usize, arrival: &[u8]) {
        self.identity.clear();
        self.identity.extend_from_slice(arrival);
        if self.contents.count() > 1 && !arrival.is_empty() {
            let position = format!("{:05}", self.positions[nth]);
            self.identity.extend_from_slice(position.as_bytes());
            // The arrival may be 0.
            let zeros = self.identity.len() - without_leading_zeros(&self.identity).len();
            self.identity.drain(..zeros);
        }
    }

    /// The text of an event as a separate record, and what identifies its delivery.
    fn alone(&mut self, nth: usize, arrival: &[u8]) -> (&[u8], &[u8]) {
        self.alone.clear();
        let Some(&position) = self.positions.get(nth) else { return (b"", b"") };
        self.contents.write_alone(position, &mut self.alone);
        self.identify(nth, arrival);
        // A log event has an id.
        let identity = match self.contents.log_group(position) {
            Some(_) => b"".as_slice(),
            None => &self.identity,
        };
        (&self.alone, identity)
    }

    /// Whether one of the events, except the one that answers, exceeds the maximum size of a
    /// record.
    fn is_too_large(&mut self, payload: &[u8], answers: usize, arrival: &[u8]) -> bool {
        let most = MAX_RECORD_BYTES - MAX_ADDED_BYTES - arrival.len();
        // Usually known from the record's size.
        payload.len() > most
            && (0..self.positions.len())
                .any(|nth| nth != answers && self.alone(nth, arrival).0.len() > most)
    }
}

/// The payload, decompressed if it is gzip.
fn unpacked<'a>(payload: &'a [u8], out: &'a mut Vec<u8>) -> Result<&'a [u8], Failure> {
    if !payload.starts_with(GZIP) {
        return Ok(payload);
    }
    out.clear();
    let mut members = Gunzip::default();
    members.feed(payload);
    members.end();
    while members.has_more() {
        let most = MAX_UNPACKED_BYTES - out.len() + 1;
        let mut member = members.by_ref().take(most as u64);
        io::copy(&mut member, out).map_err(|_| Failure::InvalidGzip)?;
        if out.len() > MAX_UNPACKED_BYTES {
            return Err(Refusal::TooLarge.into());
        }
        members.next_member();
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
