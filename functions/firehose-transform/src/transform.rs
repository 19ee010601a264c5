//! Transforms one record to one document.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64_simd::STANDARD;
use shared::event::{Arrival, Event, Identity, Reader, Refusal, Timestamp};
use shared::json;

use crate::config::Config;
use crate::outcome::{Failure, NotPutBack, Outcome};
use crate::reingest::{MAX_RECORD_BYTES, PutRecord};
use crate::request::{Data, Record};
use crate::split::Splitter;

/// Transforms records one by one, with reused buffers.
#[derive(Debug, Default)]
pub struct Transformer {
    reader: Reader,
    payload: Vec<u8>,
    unescaped: Vec<u8>,
    pub(crate) splitter: Splitter,
}

impl Transformer {
    /// Clears `document`, writes the document of `record` (at `index`) to it, and calls `written`
    /// with the event, its document and the document's time. Returns the outcome and the size of
    /// the decoded payload. A panic fails the record.
    pub fn transform(
        &mut self,
        config: &Config,
        index: usize,
        record: &Record<'_>,
        now: Timestamp,
        document: &mut Vec<u8>,
        written: impl FnOnce(&Event<'_>, &[u8], Timestamp),
    ) -> (Outcome, usize) {
        document.clear();
        if let Some(decided) = self.splitter.decided(index, document) {
            return decided;
        }
        let outcome = isolated(|| {
            self.decode(record)?;
            let Self { reader, payload, splitter, .. } = self;
            let identity = Identity::Delivery(record.arrival);
            let arrival = Arrival { time: record.arrived(), now, identity };
            if config.split {
                return splitter.transform(
                    (reader, config),
                    payload,
                    (index, record),
                    &arrival,
                    document,
                    written,
                );
            }
            match reader.read(&config.model, payload) {
                Ok(event) => Ok(write(event, config, &arrival, document, written)),
                Err(refusal) => Err(splitter.refused(refusal, payload)),
            }
        });
        (outcome, self.payload.len())
    }

    /// The payload of `record` (at `index`) to put back into its source, with an incremented count.
    /// Of several events, it is the one that answers for the record: the others were put back
    /// before.
    ///
    /// # Errors
    /// The [`Failure`] of a record that must not be put back.
    pub fn put_back(
        &mut self,
        config: &Config,
        index: usize,
        record: &Record<'_>,
    ) -> Result<Vec<u8>, Failure> {
        let put_back = catch_unwind(AssertUnwindSafe(|| {
            self.decode(record)?;
            let Self { reader, payload, splitter, .. } = self;
            let (payload, identity) = if config.split {
                splitter.overflowing(reader, config, payload, (index, record))?
            } else {
                (payload.as_slice(), record.arrival)
            };
            let event = reader.read(&config.model, payload)?;
            let count = event.reingests();
            if count >= config.max_reingests {
                return Err(Failure::NotPutBack(NotPutBack::Limit));
            }
            Ok(event.put_back(count + 1, identity))
        }));
        let payload = put_back.unwrap_or(Err(Failure::Panicked))?;
        if payload.len() > MAX_RECORD_BYTES {
            return Err(Failure::NotPutBack(NotPutBack::TooLarge));
        }
        Ok(payload)
    }

    /// The events to put back, one by one, of records with several: those that do not answer for
    /// their record. Their index is that of their record in [`Splitter::splits`].
    pub(crate) fn other_events<'a>(
        &'a mut self,
        config: &'a Config,
        records: &'a [Record<'a>],
    ) -> impl Iterator<Item = PutRecord> + use<'a> {
        let pending = self.splitter.pending();
        pending.filter_map(move |(at, split, nth)| {
            let record = &records[split.record];
            let payload = catch_unwind(AssertUnwindSafe(|| {
                if !self.splitter.is_open(split.record) {
                    self.decode(record)?;
                    self.splitter.open(config, &self.payload, split.record)?;
                }
                let Self { reader, splitter, .. } = &mut *self;
                Ok::<_, Failure>(splitter.event_alone(reader, config, nth, record.arrival))
            }));
            // An event that is missing fails the record.
            Some(PutRecord::new(at, payload.ok()?.ok()?, record))
        })
    }

    fn decode(&mut self, record: &Record<'_>) -> Result<(), Refusal> {
        self.payload.clear();
        let base64 = match record.data {
            Data::Missing => return Err(Refusal::NoData),
            Data::NoText => return Err(Refusal::InvalidBase64),
            Data::Text { content, escaped: false } => content,
            Data::Text { content, escaped: true } => {
                self.unescaped.clear();
                json::unescape(content, &mut self.unescaped);
                &self.unescaped
            }
        };
        STANDARD.decode_append(base64, &mut self.payload).map_err(|_| {
            self.payload.clear();
            Refusal::InvalidBase64
        })
    }
}

/// Writes the document of an event, unless its action is dropped.
pub(crate) fn write<'a>(
    mut event: Event<'a>,
    config: &Config,
    arrival: &Arrival<'a>,
    document: &mut Vec<u8>,
    written: impl FnOnce(&Event<'_>, &[u8], Timestamp),
) -> Outcome {
    if event.action_is_one_of(&config.drop_actions) {
        return Outcome::Dropped;
    }
    let filed = event.write_document(arrival, document);
    written(&event, document, filed.timestamp);
    Outcome::Ok(filed.timestamp_source)
}

/// The outcome of `transform`, or a failure if it panics.
fn isolated(transform: impl FnOnce() -> Result<Outcome, Failure>) -> Outcome {
    // The buffers that a panic leaves half-written are cleared before each use.
    match catch_unwind(AssertUnwindSafe(transform)) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(Failure::Refused(Refusal::Empty))) => Outcome::Dropped,
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(_) => Outcome::Failed(Failure::Panicked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_failed_record() {
        let outcome = isolated(|| panic!("as it happens"));
        assert_eq!(outcome, Outcome::Failed(Failure::Panicked));
    }
}
