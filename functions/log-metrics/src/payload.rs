//! What a subscription sends: gzip in base64 in JSON, decoded piece by piece, so that what it
//! inflates to is never in memory as a whole.
//!
//! Source: "Log group-level subscription filters", Amazon CloudWatch Logs User Guide.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use base64_simd::{AsOut, STANDARD};
use flate2::bufread::GzDecoder;
use serde::Deserialize;

use crate::error::Damage;

/// A payload that inflates to more than this is refused.
pub const MAX_INFLATED_BYTES: u64 = 256 << 20;

/// Base64 is decoded in pieces of this size, which stay in the processor's nearest cache.
const BUFFER_BYTES: usize = 12 << 10;

/// What CloudWatch Logs invokes a function with, of which only this matters.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    awslogs: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

/// Returns the base64 in the event's `awslogs.data`.
///
/// # Errors
/// [`Damage::NoData`] where there is none.
pub fn data(event: &[u8]) -> Result<Cow<'_, str>, Damage> {
    let event = simdutf8::basic::from_utf8(event).map_err(|_| Damage::NoData)?;
    let event: Event<'_> = serde_json::from_str(event).map_err(|_| Damage::NoData)?;
    Ok(event.awslogs.data)
}

/// Where text comes from, piece by piece.
pub trait Source {
    /// Puts the next bytes into `buffer` and tells how many: none only at the end, which is the
    /// right end.
    ///
    /// # Errors
    /// [`Damage`] as soon as it is found.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Damage>;
}

/// What `awslogs.data` holds.
#[derive(Debug)]
pub struct Inflate<'a> {
    gzip: GzDecoder<BufReader<Base64<'a>>>,
    inflated_bytes: u64,
}

impl<'a> Inflate<'a> {
    /// Decodes this base64.
    #[must_use]
    pub fn new(base64: &'a str) -> Self {
        let base64 = Base64 { text: base64.as_bytes(), malformed: false };
        let gzip = GzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, base64));
        Self { gzip, inflated_bytes: 0 }
    }

    fn damage(&self) -> Damage {
        if self.gzip.get_ref().get_ref().malformed { Damage::NotBase64 } else { Damage::NotGzip }
    }
}

impl Source for Inflate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Damage> {
        let count = self.gzip.read(buffer).map_err(|_| self.damage())?;
        self.inflated_bytes += count as u64;
        if self.inflated_bytes > MAX_INFLATED_BYTES {
            return Err(Damage::TooLarge);
        }
        // CloudWatch Logs sends one gzip file: whatever follows it was not meant to be there.
        if count == 0 && !matches!(self.gzip.get_mut().fill_buf(), Ok([])) {
            return Err(self.damage());
        }
        Ok(count)
    }
}

/// Base64 as the bytes that it means.
#[derive(Debug)]
struct Base64<'a> {
    text: &'a [u8],
    malformed: bool,
}

impl Read for Base64<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (chunk, rest) = self.text.split_at(self.text.len().min(buffer.len() / 3 * 4));
        self.text = rest;
        let count = STANDARD.decode(chunk, buffer.as_out()).map(|bytes| bytes.len());
        // Padding stands at the end of all, not of a chunk.
        let count = count.ok().filter(|count| rest.is_empty() || *count == chunk.len() / 4 * 3);
        self.malformed = count.is_none();
        count.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}
