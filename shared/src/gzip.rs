//! Compressing what is sent, and unpacking what is received.
//!
//! The state of both is kept from one use to the next. It is memory of an alignment of its own, and glibc
//! before 2.38 (Lambda's has 2.34) does not use such memory again once a small allocation that stays lies
//! behind it, as `setenv` of the trace id leaves one in every invocation: a process then grows by the state
//! each time. Source: glibc bug 14581, "memalign allocations are often not reused after free".

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

/// What is added to a buffer that was too small, in bytes.
const MORE_BYTES: usize = 4 << 10;

/// Size of the window, as a power of two: the largest.
const WINDOW_BITS: u8 = 15;

/// Of the head of a member (RFC 1952).
const HEAD_BYTES: usize = 10;
const CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

thread_local! {
    static ENCODER: RefCell<Compress> =
        RefCell::new(Compress::new_gzip(Compression::fast(), WINDOW_BITS));
    /// Absent while one is in use.
    static DECODER: Cell<Option<Box<Decompress>>> = const { Cell::new(None) };
}

/// Compresses a body. Documents and lines have much in common: even the fastest compression leaves a
/// small part of them.
///
/// # Errors
/// Where the encoder fails.
pub fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    ENCODER.with_borrow_mut(|encoder| {
        encoder.reset();
        let mut out = Vec::with_capacity(body.len() / 4);
        let mut rest = body;
        loop {
            let before = encoder.total_in();
            let status = encoder.compress_vec(rest, &mut out, FlushCompress::Finish)?;
            if status == Status::StreamEnd {
                return Ok(out);
            }
            rest = &rest[passed(before, encoder.total_in())..];
            out.reserve(MORE_BYTES.max(rest.len() / 4));
        }
    })
}

fn passed(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

/// Unpacks one member of gzip, as it is read. The reader is then behind it.
#[derive(Debug)]
pub struct Gunzip<R> {
    reader: R,
    decoder: Option<Box<Decompress>>,
    checksum: Crc,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Body,
    End,
}

impl<R: BufRead> Gunzip<R> {
    /// Unpacks what `reader` returns.
    pub fn new(reader: R) -> Self {
        let mut decoder = DECODER.take().unwrap_or_else(|| Box::new(Decompress::new(false)));
        decoder.reset(false);
        Self { reader, decoder: Some(decoder), checksum: Crc::new(), place: Place::Head }
    }

    /// What is read from.
    pub const fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Whether the reader has nothing more; otherwise the next member follows.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.reader.fill_buf()?.is_empty())
    }

    /// Begins the next member.
    pub fn next_member(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.reset(false);
        }
        (self.checksum, self.place) = (Crc::new(), Place::Head);
    }

    fn read_head(&mut self) -> io::Result<()> {
        let mut checksum = Crc::new();
        let head: [u8; HEAD_BYTES] = self.bytes(&mut checksum)?;
        let flags = head[3];
        if head[..3] != [0x1f, 0x8b, 8] || flags & RESERVED != 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if flags & EXTRA != 0 {
            for _ in 0..u16::from_le_bytes(self.bytes(&mut checksum)?) {
                self.bytes::<1>(&mut checksum)?;
            }
        }
        for text in [NAME, COMMENT] {
            while flags & text != 0 && self.bytes(&mut checksum)? != [0] {}
        }
        if flags & CHECKSUM != 0 {
            let expected = checksum.sum() & 0xffff;
            let found = u16::from_le_bytes(self.bytes(&mut checksum)?);
            return is_equal(expected, found.into());
        }
        Ok(())
    }

    fn read_tail(&mut self) -> io::Result<()> {
        let mut ignored = Crc::new();
        is_equal(self.checksum.sum(), u32::from_le_bytes(self.bytes(&mut ignored)?))?;
        is_equal(self.checksum.amount(), u32::from_le_bytes(self.bytes(&mut ignored)?))
    }

    fn bytes<const N: usize>(&mut self, checksum: &mut Crc) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        checksum.update(&bytes);
        Ok(bytes)
    }
}

fn is_equal(expected: u32, found: u32) -> io::Result<()> {
    if expected == found { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

impl<R: BufRead> Read for Gunzip<R> {
    /// Returns 0 at the end of the member, whose checksum is right then.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.place == Place::Head {
            self.read_head()?;
            self.place = Place::Body;
        }
        while self.place == Place::Body && !out.is_empty() {
            let input = self.reader.fill_buf()?;
            let is_last = input.is_empty();
            let Some(decoder) = &mut self.decoder else { break };
            let (read, written) = (decoder.total_in(), decoder.total_out());
            let status = decoder.decompress(input, out, FlushDecompress::None)?;
            let (read, written) =
                (passed(read, decoder.total_in()), passed(written, decoder.total_out()));
            self.reader.consume(read);
            self.checksum.update(&out[..written]);
            if status == Status::StreamEnd {
                self.read_tail()?;
                self.place = Place::End;
            } else if is_last && written == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

impl<R> Drop for Gunzip<R> {
    fn drop(&mut self) {
        DECODER.set(self.decoder.take());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write as _};

    use flate2::GzBuilder;
    use flate2::read::MultiGzDecoder;

    use super::*;

    fn bodies() -> Vec<Vec<u8>> {
        let mut random = fastrand::Rng::with_seed(7);
        let mut noise = vec![0; 300_000];
        random.fill(&mut noise);
        let text = b"{\"event_type\":\"play\",\"song\":1}\n".repeat(20_000);
        vec![Vec::new(), b"a".to_vec(), noise, text]
    }

    fn unpacked(packed: &[u8], buffer: usize) -> io::Result<Vec<u8>> {
        let mut gunzip = Gunzip::new(BufReader::with_capacity(buffer, packed));
        let mut out = Vec::new();
        while !gunzip.is_at_end()? {
            gunzip.next_member();
            io::copy(&mut gunzip, &mut out)?;
        }
        Ok(out)
    }

    #[test]
    fn what_is_compressed_is_unpacked_by_this_and_by_others() {
        for body in bodies() {
            let packed = gzip(&body).unwrap();
            let mut theirs = Vec::new();
            io::copy(&mut MultiGzDecoder::new(&*packed), &mut theirs).unwrap();
            assert!(theirs == body);
            for buffer in [1, 1_000, 1 << 20] {
                assert!(unpacked(&packed, buffer).unwrap() == body);
            }
        }
    }

    #[test]
    fn heads_with_everything_and_several_members_are_read_and_broken_ones_are_errors() {
        let builder = GzBuilder::new().extra(*b"extra").filename("name").comment("comment");
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(b"one").unwrap();
        let packed = [encoder.finish().unwrap(), gzip(b"two").unwrap()].concat();
        assert_eq!(unpacked(&packed, 64).unwrap(), b"onetwo");
        for end in 1..packed.len() {
            let whole = unpacked(&packed[..end], 64).is_ok_and(|out| out == b"one");
            assert!(whole || unpacked(&packed[..end], 64).is_err(), "{end}");
        }
        let one = gzip(b"one").unwrap();
        // Magic, flags, the text, its checksum and its length.
        for place in [0, 1, 2, 3, HEAD_BYTES + 2, one.len() - 8, one.len() - 1] {
            let mut broken = one.clone();
            broken[place] ^= 0xe4;
            assert!(unpacked(&broken, 64).is_err(), "{place}");
        }
        // The state that a broken one leaves does not matter.
        assert_eq!(unpacked(&one, 64).unwrap(), b"one");
    }
}
