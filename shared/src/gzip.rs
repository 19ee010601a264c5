//! Compresses requests, and decompresses received data.
//!
//! Both reuse their state. It is aligned memory, and glibc before 2.38 (Lambda has 2.34) does not reuse
//! freed aligned memory if a small, lasting allocation follows it, such as the one that `setenv` of the
//! trace id makes in every invocation: without reuse, a process grows by the state each time. Source: glibc bug 14581, "memalign allocations are often not reused after free".

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};
use std::mem;

use flate2::bufread::GzDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Number of bytes that are added to a buffer that was too small.
const MORE_BYTES: usize = 4 << 10;

/// Size of the window, as a power of two: the largest.
const WINDOW_BITS: u8 = 15;

thread_local! {
    static ENCODER: RefCell<Compress> =
        RefCell::new(Compress::new_gzip(Compression::fast(), WINDOW_BITS));
    /// Empty while a decoder is in use.
    static DECODER: Cell<Option<Box<GzDecoder<Fed>>>> = const { Cell::new(None) };
}

/// Compresses a body. Documents and lines are repetitive, so even the fastest compression shrinks
/// them to a small part.
///
/// # Errors
/// If the encoder fails.
pub fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    ENCODER.with_borrow_mut(|encoder| {
        encoder.reset();
        let mut out = Vec::with_capacity(body.len() / 4);
        loop {
            let read = usize::try_from(encoder.total_in()).unwrap_or(usize::MAX);
            let rest = &body[read..];
            let status = encoder.compress_vec(rest, &mut out, FlushCompress::Finish)?;
            if status == Status::StreamEnd {
                return Ok(out);
            }
            out.reserve(MORE_BYTES.max(rest.len() / 4));
        }
    })
}

/// Decompresses gzip members, which are fed to it in pieces.
#[derive(Debug)]
pub struct Gunzip {
    decoder: Option<Box<GzDecoder<Fed>>>,
}

/// Input that is not decompressed yet.
#[derive(Debug, Default)]
struct Fed {
    bytes: Vec<u8>,
    read: usize,
    is_all: bool,
}

impl Default for Gunzip {
    /// A decoder that waits for the first member.
    fn default() -> Self {
        let mut gunzip = Self { decoder: DECODER.take() };
        let fed = gunzip.fed();
        fed.bytes.clear();
        (fed.read, fed.is_all) = (0, false);
        gunzip.next_member();
        gunzip
    }
}

impl Gunzip {
    fn decoder(&mut self) -> &mut GzDecoder<Fed> {
        self.decoder.get_or_insert_with(|| Box::new(GzDecoder::new(Fed::default())))
    }

    fn fed(&mut self) -> &mut Fed {
        self.decoder().get_mut()
    }

    /// Adds the next bytes of input.
    pub fn feed(&mut self, bytes: &[u8]) {
        let fed = self.fed();
        fed.bytes.drain(..mem::take(&mut fed.read));
        fed.bytes.extend_from_slice(bytes);
    }

    /// Marks the end of the input: from now on, an incomplete member is an error.
    pub fn end(&mut self) {
        self.fed().is_all = true;
    }

    /// Whether there is input that is not decompressed yet; at the end of a member, whether another
    /// follows.
    pub fn has_more(&mut self) -> bool {
        let fed = self.fed();
        fed.read < fed.bytes.len()
    }

    /// Skips zero bytes, which pad tapes and blocks after the last member.
    pub fn skip_zeros(&mut self) {
        let fed = self.fed();
        fed.read += fed.bytes[fed.read..].iter().take_while(|byte| **byte == 0).count();
    }

    /// Begins the next member.
    pub fn next_member(&mut self) {
        let fed = mem::take(self.fed());
        self.decoder().reset(fed);
    }
}

impl Read for Gunzip {
    /// Decompresses into `out`. Returns 0 at the end of the member, after its checksum was
    /// verified.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if more input is needed; any other kind if it is not gzip.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.decoder().read(out)
    }
}

impl Drop for Gunzip {
    fn drop(&mut self) {
        DECODER.set(self.decoder.take());
    }
}

impl Read for Fed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Fed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &self.bytes[self.read..] {
            [] if !self.is_all => Err(io::ErrorKind::WouldBlock.into()),
            rest => Ok(rest),
        }
    }

    fn consume(&mut self, count: usize) {
        self.read += count;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

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

    fn unpacked(packed: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let (mut gunzip, mut out) = (Gunzip::default(), Vec::new());
        for piece in packed.chunks(piece) {
            gunzip.feed(piece);
            while gunzip.has_more() {
                match io::copy(&mut gunzip, &mut out) {
                    Ok(_) if gunzip.has_more() => gunzip.next_member(),
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => {}
                }
            }
        }
        gunzip.end();
        io::copy(&mut gunzip, &mut out)?;
        Ok(out)
    }

    #[test]
    fn what_is_compressed_is_unpacked_by_this_and_by_others() {
        for body in bodies() {
            let packed = gzip(&body).unwrap();
            let mut theirs = Vec::new();
            io::copy(&mut MultiGzDecoder::new(&*packed), &mut theirs).unwrap();
            assert!(theirs == body);
            for piece in [1, 1_000, 1 << 20] {
                assert!(unpacked(&packed, piece).unwrap() == body);
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
        // Magic, flags, the text (the head has 10 bytes), its checksum and its length.
        for place in [0, 1, 2, 3, 12, one.len() - 8, one.len() - 1] {
            let mut broken = one.clone();
            broken[place] ^= 0xe4;
            assert!(unpacked(&broken, 64).is_err(), "{place}");
        }
        // The state that a corrupt one leaves does not matter.
        assert_eq!(unpacked(&one, 64).unwrap(), b"one");
    }
}
