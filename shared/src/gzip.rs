//! Compressing what is sent.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses a body. Documents and lines have much in common: even the fastest compression leaves a
/// small part of them.
///
/// # Errors
/// Where the encoder fails.
pub fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
