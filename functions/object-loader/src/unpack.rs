//! Decompresses gzip and zstd in pieces; they are recognized by the first bytes, never by a name.

mod zstd;

use std::io::{self, Read};

use shared::gzip::Gunzip;

use zstd::Frames;

const GZIP: &[u8] = &[0x1f, 0x8b];
/// Number of bytes that are enough to recognize every format.
const MAGIC_BYTES: usize = 4;
/// Maximum number of bytes that are decompressed from gzip at once.
const PIECE_BYTES: u64 = 64 << 10;

/// Why compressed data cannot be read any further: the reason in `snake_case`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokenPacking {
    Gzip,
    Zstd,
}

impl BrokenPacking {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Gzip => "invalid_gzip",
            Self::Zstd => "invalid_zstd",
        }
    }
}

/// Decompresses one object or one record.
#[derive(Debug, Default)]
pub(crate) struct Unpacker {
    packing: Packing,
    input: Vec<u8>,
    /// Number of bytes of `input` that are decompressed.
    read: usize,
}

#[derive(Debug, Default)]
enum Packing {
    #[default]
    Unknown,
    None,
    Gzip(Gunzip),
    Zstd(Box<Frames>),
}

impl Unpacker {
    /// Creates one for bytes that are known to be uncompressed.
    pub(crate) fn plain() -> Self {
        Self { packing: Packing::None, ..Self::default() }
    }

    /// Adds the next bytes. [`Unpacker::read`] returns their decompressed content.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..self.read);
        self.read = 0;
        self.input.extend_from_slice(bytes);
        if matches!(self.packing, Packing::Unknown) && self.input.len() >= MAGIC_BYTES {
            self.recognize();
        }
    }

    /// Whether the bytes are compressed; `None` if there are too few of them to know.
    pub(crate) const fn is_packed(&self) -> Option<bool> {
        match self.packing {
            Packing::Unknown => None,
            Packing::None => Some(false),
            Packing::Gzip(_) | Packing::Zstd(_) => Some(true),
        }
    }

    fn recognize(&mut self) {
        self.packing = if self.input.starts_with(GZIP) {
            Packing::Gzip(Gunzip::default())
        } else if zstd::is_frame(&self.input) {
            Packing::Zstd(Box::default())
        } else {
            Packing::None
        };
    }

    /// Appends the next decompressed piece to `out`; returns `false` if more bytes are needed
    /// first.
    ///
    /// # Errors
    /// [`BrokenPacking`], after everything before the error was appended.
    pub(crate) fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, BrokenPacking> {
        self.piece(false, out)
    }

    fn piece(&mut self, is_all: bool, out: &mut Vec<u8>) -> Result<bool, BrokenPacking> {
        let input = &self.input[self.read..];
        let passed = match &mut self.packing {
            Packing::Unknown => 0,
            Packing::None => {
                out.extend_from_slice(input);
                input.len()
            }
            Packing::Gzip(gunzip) => {
                gunzip.feed(input);
                self.read = self.input.len();
                if is_all {
                    gunzip.end();
                }
                return gunzip_piece(gunzip, out).map_err(|_| BrokenPacking::Gzip);
            }
            Packing::Zstd(frames) => frames.read(input, is_all, out).map_err(|_| {
                frames.give_up(out);
                BrokenPacking::Zstd
            })?,
        };
        self.read += passed;
        Ok(passed > 0)
    }

    /// Appends the rest after the last bytes.
    ///
    /// # Errors
    /// [`BrokenPacking`] if the compressed data is incomplete.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BrokenPacking> {
        if matches!(self.packing, Packing::Unknown) {
            self.recognize();
        }
        while self.piece(true, out)? {}
        match &mut self.packing {
            Packing::Unknown | Packing::None | Packing::Gzip(_) => Ok(()),
            Packing::Zstd(frames) => {
                let is_complete = frames.is_between() && self.read == self.input.len();
                frames.give_up(out);
                if is_complete { Ok(()) } else { Err(BrokenPacking::Zstd) }
            }
        }
    }
}

/// Appends the next decompressed piece of gzip; returns `false` if more bytes are needed first, and
/// between members.
fn gunzip_piece(gunzip: &mut Gunzip, out: &mut Vec<u8>) -> io::Result<bool> {
    let start = out.len();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    let count = match gunzip.by_ref().take(PIECE_BYTES).read_to_end(out) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(out.len() > start),
        count => count?,
    };
    let is_in_member = count as u64 == PIECE_BYTES;
    if !is_in_member {
        gunzip.skip_zeros();
    }
    let follows = gunzip.has_more();
    if !is_in_member && follows {
        gunzip.next_member();
    }
    Ok(is_in_member || follows)
}

#[cfg(test)]
mod tests;
