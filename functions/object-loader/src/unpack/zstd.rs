//! The frames of a zstd stream, block by block.
//!
//! Source of the format: RFC 8878, "Zstandard Compression and the 'application/zstd' Media Type".

use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Maximum size of a frame's header, in bytes.
const MAX_HEADER_BYTES: usize = 18;
/// Maximum window of a frame: a larger one needs more memory than the function may use. The zstd
/// command uses at most 8 MiB, without `--ultra` and `--long`.
const MAX_WINDOW_BYTES: u64 = 32 * 1_048_576;

/// Whether a stream begins here, with data or with a skippable frame.
pub(super) fn is_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC) || is_skippable(bytes)
}

fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..])
}

/// The position in a stream.
enum Place {
    /// Before a frame, or at the end.
    Between,
    /// In a frame, before a block; whether a checksum follows the last block.
    Frame { has_checksum: bool },
    /// In a skippable frame: the number of remaining bytes.
    Skipped(usize),
}

/// The stream cannot be read.
#[derive(Debug)]
pub(super) struct Broken;

/// Decompresses consecutive frames.
pub(super) struct Frames {
    decoder: FrameDecoder,
    place: Place,
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Frames").finish_non_exhaustive()
    }
}

impl Default for Frames {
    fn default() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW_BYTES);
        Self { decoder, place: Place::Between }
    }
}

impl Frames {
    /// Whether no frame is open.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.place, Place::Between)
    }

    /// Reads the next header, block or skippable frame at the start of `input`, appends the
    /// decompressed content, and returns the number of bytes read: 0 if there are too few.
    /// `is_all`: `input` is the end of the stream.
    pub(super) fn read(
        &mut self,
        input: &[u8],
        is_all: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, Broken> {
        match self.place {
            _ if input.is_empty() => Ok(0),
            Place::Skipped(left) => {
                let passed = left.min(input.len());
                self.place =
                    if left == passed { Place::Between } else { Place::Skipped(left - passed) };
                Ok(passed)
            }
            Place::Between => self.header(input, is_all),
            Place::Frame { has_checksum } => self.block(input, has_checksum, is_all, out),
        }
    }

    fn header(&mut self, input: &[u8], is_all: bool) -> Result<usize, Broken> {
        if is_skippable(input) {
            let Some(length) = input.get(4..8).and_then(|length| length.try_into().ok()) else {
                return Ok(0);
            };
            let length = u32::from_le_bytes(length) as usize;
            self.place = if length == 0 { Place::Between } else { Place::Skipped(length) };
            return Ok(8);
        }
        if input.len() < MAX_HEADER_BYTES && !is_all {
            return Ok(0);
        }
        let mut rest = input;
        self.decoder.reset(&mut rest).map_err(|_| Broken)?;
        self.place = Place::Frame { has_checksum: input[4] & 4 != 0 };
        Ok(input.len() - rest.len())
    }

    fn block(
        &mut self,
        input: &[u8],
        has_checksum: bool,
        is_all: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, Broken> {
        let [low, middle, high, ..] = *input else { return Ok(0) };
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let is_last = header & 1 == 1;
        // A repeated byte is stored once.
        let content = if header >> 1 & 3 == 1 { 1 } else { (header >> 3) as usize };
        let checksum = if is_last && has_checksum { 4 } else { 0 };
        if input.len() < 3 + content + checksum {
            if is_all && input.len() >= 3 + content {
                // Only the checksum is truncated.
                let block = input[..3 + content].chain(&[0; 4][..]);
                let decoded =
                    self.decoder.decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(|_| Broken)?;
                self.decoder.collect_to_writer(&mut *out).map_err(|_| Broken)?;
                return Err(Broken);
            }
            return Ok(0);
        }
        let mut rest = input;
        let decoded = self.decoder.decode_blocks(&mut rest, BlockDecodingStrategy::UptoBlocks(1));
        decoded.map_err(|_| Broken)?;
        self.decoder.collect_to_writer(&mut *out).map_err(|_| Broken)?;
        if is_last {
            self.place = Place::Between;
            let written = self.decoder.get_checksum_from_data();
            if written.is_some() && written != self.decoder.get_calculated_checksum() {
                return Err(Broken);
            }
        }
        Ok(input.len() - rest.len())
    }

    /// Appends the content that an incomplete frame still holds back.
    pub(super) fn give_up(&mut self, out: &mut Vec<u8>) {
        // An empty last block, and four bytes in place of its checksum.
        let end: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
        if matches!(self.place, Place::Frame { .. })
            && self.decoder.decode_blocks(end, BlockDecodingStrategy::UptoBlocks(1)).is_ok()
        {
            let _collected = self.decoder.collect_to_writer(out);
        }
        self.place = Place::Between;
    }
}
