//! Compresses with flate2.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The bytes as two gzip members.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    [one, other].map(member).concat()
}

/// The bytes as one gzip member.
pub(crate) fn member(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
