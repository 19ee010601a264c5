//! The payload of a subscription: gzip in base64 in JSON, decoded in pieces, so that the
//! decompressed text is never completely in memory.
//!
//! Source: "Log group-level subscription filters", Amazon CloudWatch Logs User Guide.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

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
    base64: &'a [u8],
    gzip: Gunzip,
    inflated_bytes: u64,
}

impl<'a> Inflate<'a> {
    /// Decodes this base64.
    #[must_use]
    pub fn new(base64: &'a str) -> Self {
        Self { base64: base64.as_bytes(), gzip: Gunzip::default(), inflated_bytes: 0 }
    }

    /// Decodes the next piece, if there is one.
    fn feed(&mut self) -> Result<(), Damage> {
        let mut buffer = [0; BUFFER_BYTES];
        let piece_len = self.base64.len().min(BUFFER_BYTES / 3 * 4);
        let (piece, rest) = self.base64.split_at(piece_len);
        self.base64 = rest;
        let bytes = STANDARD.decode(piece, buffer[..].as_out()).map_err(|_| Damage::NotBase64)?;
        // Padding is at the end of the text, not of a piece.
        if !rest.is_empty() && bytes.len() < piece_len / 4 * 3 {
            return Err(Damage::NotBase64);
        }
        self.gzip.feed(bytes);
        if rest.is_empty() {
            self.gzip.end();
        }
        Ok(())
    }
}

impl Source for Inflate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Damage> {
        let count = loop {
            match self.gzip.read(buffer) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.feed()?,
                Err(_) => return Err(Damage::NotGzip),
            }
        };
        self.inflated_bytes += count as u64;
        if self.inflated_bytes > MAX_INFLATED_BYTES {
            return Err(Damage::TooLarge);
        }
        if count == 0 {
            // CloudWatch Logs sends one gzip file, with nothing after it.
            self.feed()?;
            if self.gzip.has_more() {
                return Err(Damage::NotGzip);
            }
        }
        Ok(count)
    }
}
