//! The events in failed data.

use shared::contents::{MAX_EVENTS, MAX_UNPACKED_BYTES};
use shared::event::{Reason, Refusal};

use super::broken;
use crate::config::Reading;
use crate::records::{Format, Next, Records};
use crate::unpack::Unpacker;

/// The events in failed data.
#[derive(Default)]
pub(super) struct Events {
    pub(super) texts: Vec<Vec<u8>>,
    pub(super) rest: Option<(Vec<u8>, Reason)>,
}

/// Finds the events in failed data, as in an object. Unlike an object it is held in memory, so it
/// is refused if it exceeds the limits for a record of Firehose.
pub(super) fn split(reading: &Reading, data: &[u8]) -> Result<Events, Reason> {
    let mut unpacker = Unpacker::default();
    let mut records = Records::new(Format::Auto, &reading.records_paths, 0);
    unpacker.feed(data);
    let mut events = Events::default();
    loop {
        match records.next() {
            Next::Record { offset, text }
                if offset + text.len() as u64 <= MAX_UNPACKED_BYTES as u64
                    && events.texts.len() < MAX_EVENTS =>
            {
                events.texts.push(text.to_vec());
            }
            Next::Record { .. } | Next::TooLarge { .. } => return Err(Refusal::TooLarge.into()),
            Next::Rest { text, packing, .. } => {
                events.rest = Some((text.to_vec(), broken(packing)));
            }
            Next::UnknownFormat if unpacker.is_packed() == Some(true) => {
                return Err(Refusal::InvalidJson.into());
            }
            // The event model finds out what is wrong with it.
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
