use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

/// The decompressed content of these bytes, fed in pieces of `size`.
fn unpacked(bytes: &[u8], size: usize) -> (Vec<u8>, Result<(), BrokenPacking>) {
    let (mut unpacker, mut out) = (Unpacker::default(), Vec::new());
    for piece in bytes.chunks(size) {
        unpacker.feed(piece);
        loop {
            match unpacker.read(&mut out) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return (out, Err(error)),
            }
        }
    }
    let finished = unpacker.finish(&mut out);
    (out, finished)
}

fn text() -> Vec<u8> {
    let mut text = Vec::new();
    (0..60_000).for_each(|line| writeln!(text, "{{\"line\":{line}}}").unwrap());
    text
}

#[test]
fn packings_are_known_by_their_first_bytes() {
    let text = text();
    let frames = [&zstd(&text[..100]), &b"\x50\x2A\x4D\x18\x03\0\0\0abc"[..], &zstd(&text[100..])];
    let members = [gzip(&text[..100]), gzip(b""), gzip(&text[100..])].concat();
    for (packed, is_packed) in
        [(text.clone(), false), (gzip(&text), true), (members, true), (frames.concat(), true)]
    {
        for size in [1_usize, 7, 5_000, usize::MAX] {
            assert_eq!(unpacked(&packed, size), (text.clone(), Ok(())), "{size}");
        }
        let mut unpacker = Unpacker::default();
        unpacker.feed(&packed[..3]);
        assert_eq!(unpacker.is_packed(), None);
        unpacker.feed(&packed[3..4]);
        assert_eq!(unpacker.is_packed(), Some(is_packed));
    }
    for short in [&b""[..], b"{", b"{}", b"[1]"] {
        assert_eq!(unpacked(short, 1), (short.to_vec(), Ok(())));
    }
}

#[test]
fn a_bomb_comes_out_in_small_pieces() {
    let text = vec![b' '; 4 << 20];
    for (packed, most) in [(gzip(&text), 64 << 10), (zstd(&text), 256 << 10)] {
        assert!(packed.len() < text.len() / 900, "{}", packed.len());
        let (mut unpacker, mut count) = (Unpacker::default(), 0);
        unpacker.feed(&packed);
        let mut piece = Vec::new();
        while unpacker.read(&mut piece).unwrap() {
            assert!(piece.len() <= most, "{}", piece.len());
            count += piece.len();
            piece.clear();
        }
        unpacker.finish(&mut piece).unwrap();
        assert_eq!(count + piece.len(), text.len());
    }
}

#[test]
fn a_zstd_frame_whose_window_is_larger_than_32_mib_is_refused() {
    // RFC 8878, "Window Descriptor": 2 to the power of 10 and the upper five bits, with as many
    // eighths of it as the lower three say. Then the last block, uncompressed, of one byte.
    let frame = |window: u8| [0x28, 0xB5, 0x2F, 0xFD, 0, window, 9, 0, 0, b'x'];
    assert_eq!(unpacked(&frame(15 << 3), 100), (b"x".to_vec(), Ok(())));
    assert_eq!(unpacked(&frame(15 << 3 | 1), 100).1, Err(BrokenPacking::Zstd));
}

#[test]
fn all_that_comes_out_of_a_packing_that_is_cut_off_is_there() {
    let text = text();
    for (packed, error) in [(gzip(&text), BrokenPacking::Gzip), (zstd(&text), BrokenPacking::Zstd)]
    {
        let half = packed.len() / 2;
        let (out, finished) = unpacked(&packed[..half], 1_000);
        assert_eq!(finished, Err(error));
        assert!(out.len() > text.len() / 4, "{}", out.len());
        assert!(text.starts_with(&out));
        let (out, finished) = unpacked(&packed[..packed.len() - 1], 1_000);
        assert_eq!((out.len(), finished), (text.len(), Err(error)));
    }
}

#[test]
fn zero_bytes_after_gzip_fill_it_up() {
    let text = text();
    let packed = [&gzip(&text[..100])[..], &gzip(&text[100..]), &[0; 700]].concat();
    for size in [1, 512, 5_000, usize::MAX] {
        assert_eq!(unpacked(&packed, size), (text.clone(), Ok(())), "{size}");
    }
    let after = [&packed[..], b"x"].concat();
    assert_eq!(unpacked(&after, 1_000), (text, Err(BrokenPacking::Gzip)));
}

#[test]
fn a_packing_that_breaks_is_not_taken_for_whole() {
    let text = text();
    for (packed, error) in [(gzip(&text), BrokenPacking::Gzip), (zstd(&text), BrokenPacking::Zstd)]
    {
        let mut checksum = packed.clone();
        *checksum.last_mut().unwrap() ^= 1;
        assert_eq!(unpacked(&checksum, 1_000).1, Err(error));
        let after = [&packed[..], b"garbage that is longer than any header"].concat();
        let (out, finished) = unpacked(&after, 1_000);
        assert_eq!((out == text, finished), (true, Err(error)));
    }
    assert_eq!(
        (BrokenPacking::Gzip.reason(), BrokenPacking::Zstd.reason()),
        ("invalid_gzip", "invalid_zstd")
    );
}
