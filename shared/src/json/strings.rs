//! The content of a JSON string: finds its end and unescapes it.

/// Number of bytes that are examined at once.
const WORD: usize = 8;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Number of bytes that compilers compare at once.
const BLOCK: usize = 32;
/// Longer strings are rare, or a record's whole data.
const SHORT_BLOCKS: usize = 4;

/// Marks the quotes, backslashes and control characters of a word: the lowest set bit is the
/// highest bit of the first of them.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs more than most strings do")]
pub(super) const fn specials(word: u64) -> u64 {
    // With the second bit flipped, exactly the control characters and the quote are below 33.
    let quote = (word ^ (ONES * 2)).wrapping_sub(ONES * 33);
    (quote | backslashes(word)) & !word & HIGHS
}

/// The eight bytes of `text` at `at`, if it has as many.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs more than most strings do")]
pub(super) fn word_at(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*text.get(at..)?.first_chunk::<WORD>()?))
}

/// Marks the backslashes of a word, for [`before_first`].
#[inline]
const fn backslashes(word: u64) -> u64 {
    (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES)
}

/// The number of bytes of `word` before the first ASCII byte whose highest bit is set in `borrows`:
/// the first byte that borrowed when all bytes were subtracted at once.
///
/// A borrow only falsifies bytes above the first hit, so the first one is exact.
#[inline]
const fn before_first(borrows: u64, word: u64) -> usize {
    ((borrows & !word & HIGHS).trailing_zeros() / 8) as usize
}

/// The number of bytes before the first quote, backslash or control character.
#[inline]
#[must_use]
pub fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    for block in blocks.iter().take(SHORT_BLOCKS) {
        // Without a branch for each byte, so that it compiles to vector instructions.
        if block.iter().fold(false, |any, byte| any | is_special(*byte)) {
            break;
        }
        at += BLOCK;
    }
    if at == SHORT_BLOCKS * BLOCK {
        // Long enough for a search with vector instructions, which takes longer to start.
        let rest = &bytes[at..];
        let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        let least = rest[..end].iter().fold(u8::MAX, |least, byte| least.min(*byte));
        let control = || rest.iter().position(|byte| *byte < b' ').unwrap_or(end);
        return at + if least < b' ' { control() } else { end };
    }
    while let Some(word) = word_at(bytes, at) {
        let found = specials(word);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += WORD;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a branch for each byte prevents vector instructions"
)]
const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// The number of bytes at the start that are JSON within JSON: quotes with a backslash before each,
/// no other escapes and no control characters. Counts whole words of eight bytes, without a branch
/// for each quote.
#[must_use]
pub fn quoted_prefix(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<WORD>();
    let (mut length, mut backslashes) = (0, 0);
    for word in words {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, b'\\');
        let escaped = found << 8 | backslashes >> 56;
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        if (escaped ^ equal(word, b'"')) | control != 0 {
            break;
        }
        (length, backslashes) = (length + WORD, found);
    }
    // A backslash at the end belongs to the next character.
    length - usize::from(backslashes >> 63 == 1)
}

/// Marks the bytes of a word that are this ASCII character, by their highest bit.
#[inline]
const fn equal(word: u64, character: u8) -> u64 {
    let other = word ^ (ONES * character as u64);
    !((other & !HIGHS).wrapping_add(!HIGHS) | other | !HIGHS)
}

/// The length of the escape at the start of `bytes`, if it is valid.
#[inline]
pub(super) fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        _ => escape(bytes).map(|(_, length)| length),
    }
}

/// The character of the escape at the start of `bytes`, and the escape's length.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes),
        _ => return None,
    };
    Some((simple, 2))
}

fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = hex4(bytes.get(2..6)?)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, 6));
    }
    // A surrogate must be the first of a pair.
    let low = bytes.get(6..12)?.strip_prefix(b"\\u").and_then(hex4)?;
    if unit >= 0xDC00 || !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    let character = char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00))?;
    Some((character, 12))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// Appends the unescaped content of a scanned string to `out`.
pub fn unescape(content: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    // Unescaping never adds bytes, but a word is copied whole before it is known how much of it
    // counts.
    out.resize(start + content.len() + WORD, 0);
    let meaning = &mut out[start..];
    let (mut from, mut to) = (0, 0);
    while from < content.len() {
        let plain = copy_plain(&content[from..], &mut meaning[to..]);
        (from, to) = (from + plain, to + plain);
        let Some(b'\\') = content.get(from) else { continue };
        // By far the most frequent: the quotes of JSON within JSON.
        if let Some(quote @ (b'"' | b'\\')) = content.get(from + 1) {
            meaning[to] = *quote;
            (from, to) = (from + 2, to + 1);
            continue;
        }
        // A scanned string has only valid escapes; others would be kept as written.
        let (character, length) = escape(&content[from..]).unwrap_or(('\\', 1));
        from += length;
        to += character.encode_utf8(&mut meaning[to..]).len();
    }
    out.truncate(start + to);
}

/// Copies the bytes before the first backslash, or the first eight; returns their number.
#[inline]
fn copy_plain(content: &[u8], meaning: &mut [u8]) -> usize {
    let Some(word) = content.first_chunk::<WORD>() else {
        let plain = content.iter().position(|byte| *byte == b'\\').unwrap_or(content.len());
        meaning[..plain].copy_from_slice(&content[..plain]);
        return plain;
    };
    meaning[..WORD].copy_from_slice(word);
    let word = u64::from_le_bytes(*word);
    before_first(backslashes(word), word)
}

/// The unescaped content of a scanned string, if it is UTF-8.
#[must_use]
pub fn unescaped(content: &[u8]) -> Option<String> {
    let mut meaning = Vec::with_capacity(content.len() + WORD);
    unescape(content, &mut meaning);
    String::from_utf8(meaning).ok()
}

/// The unescaped content of a scanned string; `spare` is overwritten if a buffer is needed.
#[must_use]
pub fn meaning<'a>(content: &'a [u8], spare: &'a mut Vec<u8>) -> &'a [u8] {
    if memchr::memchr(b'\\', content).is_none() {
        return content;
    }
    spare.clear();
    unescape(content, spare);
    spare
}
