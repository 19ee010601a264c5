//! Transforms one record to one document.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64_simd::STANDARD;
use shared::event::{Arrival, Event, Identity, Reader, Refusal, Timestamp};
use shared::json;

use crate::config::Config;
use crate::outcome::{Failure, NotPutBack, Outcome};
use crate::reingest::MAX_RECORD_BYTES;
use crate::request::{Data, Record};

/// Transforms records one by one, with reused buffers.
#[derive(Debug, Default)]
pub struct Transformer {
    reader: Reader,
    payload: Vec<u8>,
    unescaped: Vec<u8>,
}

impl Transformer {
    /// Clears `document`, writes the document of `record` to it, and calls `written` with the event,
    /// its document and the document's time. Returns the outcome and the size of the decoded
    /// payload. A panic fails the record.
    pub fn transform(
        &mut self,
        config: &Config,
        record: &Record<'_>,
        now: Timestamp,
        document: &mut Vec<u8>,
        written: impl FnOnce(&Event<'_>, &[u8], Timestamp),
    ) -> (Outcome, usize) {
        document.clear();
        let outcome = isolated(|| {
            self.decode(record)?;
            let mut event = self.reader.read(&config.model, &self.payload)?;
            if event.action_is_one_of(&config.drop_actions) {
                return Ok(Outcome::Dropped);
            }
            let identity = Identity::Delivery(record.arrival);
            let arrival = Arrival { time: record.arrived(), now, identity };
            let filed = event.write_document(&arrival, document);
            written(&event, document, filed.timestamp);
            Ok(Outcome::Ok(filed.timestamp_source))
        });
        (outcome, self.payload.len())
    }

    /// The payload of `record` to put back into its source, with an incremented count.
    ///
    /// # Errors
    /// The [`Failure`] of a record that may not be put back.
    pub fn put_back(&mut self, config: &Config, record: &Record<'_>) -> Result<Vec<u8>, Failure> {
        let put_back = catch_unwind(AssertUnwindSafe(|| {
            self.decode(record).map_err(Failure::Refused)?;
            let event = self.reader.read(&config.model, &self.payload);
            let event = event.map_err(Failure::Refused)?;
            let count = event.reingests();
            if count >= config.max_reingests {
                return Err(Failure::NotPutBack(NotPutBack::Limit));
            }
            Ok(event.put_back(count + 1, record.arrival))
        }));
        let payload = put_back.unwrap_or(Err(Failure::Panicked))?;
        if payload.len() > MAX_RECORD_BYTES {
            return Err(Failure::NotPutBack(NotPutBack::TooLarge));
        }
        Ok(payload)
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

/// The outcome of `transform`, or a failure if it panics.
fn isolated(transform: impl FnOnce() -> Result<Outcome, Refusal>) -> Outcome {
    // The buffers that a panic leaves half-written are cleared before each use.
    match catch_unwind(AssertUnwindSafe(transform)) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(Refusal::Empty)) => Outcome::Dropped,
        Ok(Err(refusal)) => Outcome::Failed(Failure::Refused(refusal)),
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
