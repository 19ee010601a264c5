//! What stands between the quotes of a JSON string: finding its end, and what it means.

/// Text is looked at by this many bytes at once.
const WORD: usize = 8;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// As many as compilers compare at once.
const BLOCK: usize = 32;
/// A longer string is rare, or a record's whole data.
const SHORT_BLOCKS: usize = 4;

/// The quotes, backslashes and control characters of a word: the lowest bit that is set is the
/// highest one of the first of them.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs more than most strings do")]
pub(super) const fn specials(word: u64) -> u64 {
    // With their second bit turned, the control characters and the quote are those below 33.
    let quote = (word ^ (ONES * 2)).wrapping_sub(ONES * 33);
    (quote | backslashes(word)) & !word & HIGHS
}

/// The eight bytes of `text` from `at` on, if it has them.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs more than most strings do")]
pub(super) fn word_at(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*text.get(at..)?.first_chunk::<WORD>()?))
}

/// The bytes of a word that are backslashes, for [`before_first`].
#[inline]
const fn backslashes(word: u64) -> u64 {
    (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES)
}

/// How many bytes of `word` come before the first of which `borrows` has the highest bit and the
/// word has not: below ASCII's end, one that a subtraction of all bytes at once made borrow.
///
/// A borrow spoils only bytes above the first hit, so the first one is exact.
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
        // Without a decision for each byte, so that it compiles to vector instructions.
        if block.iter().fold(false, |any, byte| any | is_special(*byte)) {
            break;
        }
        at += BLOCK;
    }
    if at == SHORT_BLOCKS * BLOCK {
        // Worth the start of a search that uses all that the processor has.
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

/// How many bytes from the start are JSON in JSON: quotes with a backslash before each, no other
/// escape and no control character. Counts whole words of eight bytes, without a decision for each
/// quote.
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
    // A backslash at the end goes with what comes after it.
    length - usize::from(backslashes >> 63 == 1)
}

/// The bytes of a word that are this ASCII character, each by its highest bit.
#[inline]
const fn equal(word: u64, character: u8) -> u64 {
    let other = word ^ (ONES * character as u64);
    !((other & !HIGHS).wrapping_add(!HIGHS) | other | !HIGHS)
}

/// How long the escape at the start of `bytes` is, if it means something.
#[inline]
pub(super) fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        _ => escape(bytes).map(|(_, length)| length),
    }
}

/// The character that the escape at the start of `bytes` means, and the escape's length.
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
    // A surrogate: the first of a pair, or it means nothing.
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

/// Appends what the content of a scanned string means to `out`.
pub fn unescape(content: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    // Nothing means more bytes than it is written in; a word is copied whole before it is known
    // how much of it counts.
    out.resize(start + content.len() + WORD, 0);
    let meaning = &mut out[start..];
    let (mut from, mut to) = (0, 0);
    while from < content.len() {
        let plain = copy_plain(&content[from..], &mut meaning[to..]);
        (from, to) = (from + plain, to + plain);
        let Some(b'\\') = content.get(from) else { continue };
        // By far the most: the quotes of JSON in JSON.
        if let Some(quote @ (b'"' | b'\\')) = content.get(from + 1) {
            meaning[to] = *quote;
            (from, to) = (from + 2, to + 1);
            continue;
        }
        // A scanned string holds only escapes that mean something; others are kept as written.
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

/// What the content of a scanned string means, if it is UTF-8.
#[must_use]
pub fn unescaped(content: &[u8]) -> Option<String> {
    let mut meaning = Vec::with_capacity(content.len() + WORD);
    unescape(content, &mut meaning);
    String::from_utf8(meaning).ok()
}

/// What the content of a scanned string means; `spare` is overwritten where it takes a buffer.
#[must_use]
pub fn meaning<'a>(content: &'a [u8], spare: &'a mut Vec<u8>) -> &'a [u8] {
    if memchr::memchr(b'\\', content).is_none() {
        return content;
    }
    spare.clear();
    unescape(content, spare);
    spare
}
