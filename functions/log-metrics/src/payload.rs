//! The payload of a subscription: gzip in base64 in JSON, decoded piece by piece, so that the
//! inflated text is never completely in memory.
//!
//! Source: "Log group-level subscription filters", Amazon CloudWatch Logs User Guide.

use std::borrow::Cow;
use std::io::{self, BufReader, Read};

use base64_simd::{AsOut, STANDARD};
use serde::Deserialize;
use shared::gzip::Gunzip;

use crate::error::{Damage, MAX_INFLATED_BYTES};

/// Size of the pieces of decoded base64, which fit in the processor's first cache.
const BUFFER_BYTES: usize = 12 << 10;

/// The event of CloudWatch Logs.
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
/// [`Damage::NoData`] if it is missing.
pub fn data(event: &[u8]) -> Result<Cow<'_, str>, Damage> {
    let event = simdutf8::basic::from_utf8(event).map_err(|_| Damage::NoData)?;
    let event: Event<'_> = serde_json::from_str(event).map_err(|_| Damage::NoData)?;
    Ok(event.awslogs.data)
}

/// A source of text in pieces.
pub trait Source {
    /// Writes the next bytes to `buffer` and returns their number: 0 only at the end of a complete
    /// text.
    ///
    /// # Errors
    /// [`Damage`] as soon as it is found.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Damage>;
}

/// The text in `awslogs.data`.
#[derive(Debug)]
pub struct Inflate<'a> {
    gzip: Gunzip<BufReader<Base64<'a>>>,
    inflated_bytes: u64,
}

impl<'a> Inflate<'a> {
    /// Decodes this base64.
    #[must_use]
    pub fn new(base64: &'a str) -> Self {
        let base64 = Base64 { text: base64.as_bytes(), malformed: false };
        let gzip = Gunzip::new(BufReader::with_capacity(BUFFER_BYTES, base64));
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
        // CloudWatch Logs sends one gzip file, with nothing after it.
        if count == 0 && !matches!(self.gzip.is_at_end(), Ok(true)) {
            return Err(self.damage());
        }
        Ok(count)
    }
}

/// Base64 as a reader of the decoded bytes.
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
        // Padding is at the end of the text, not of a chunk.
        let count = count.ok().filter(|count| rest.is_empty() || *count == chunk.len() / 4 * 3);
        self.malformed = count.is_none();
        count.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}
