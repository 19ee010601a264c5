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

/// What comes out of these bytes, fed in pieces of `size`.
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
    (0..60_000).map(|line| format!("{{\"line\":{line}}}\n")).collect::<String>().into_bytes()
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
