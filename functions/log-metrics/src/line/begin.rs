//! Checks the first bytes of a message: most messages are the application's, and need not be
//! unescaped to know that.

/// Maximum number of bytes that are checked.
pub const BEGINNING_BYTES: usize = 256;

const TEXTS: [&[u8]; 4] =
    [b"REPORT RequestId: ", b"RequestId: ", b"INIT_REPORT ", b"RESTORE_REPORT "];

/// The members of the platform's JSON, one of which is the first key.
const KEYS: [&[u8]; 3] = [br#"\"time\""#, br#"\"type\""#, br#"\"record\""#];

/// Whether a message with this beginning may be a line of the platform. The message is as written
/// between the quotes of a JSON string; the text after it may follow.
#[must_use]
pub fn may_be_platforms(beginning: &[u8]) -> bool {
    match beginning.first() {
        Some(b'R' | b'I') => TEXTS.iter().any(|text| may_begin(beginning, text)),
        Some(b'{') => {
            let rest = blank(&beginning[1..]);
            KEYS.iter().any(|key| may_begin(rest, key))
        }
        Some(b'0'..=b'9') => may_be_timed_out(beginning),
        // A letter as an escape.
        Some(b'\\') => beginning.get(1) == Some(&b'u'),
        _ => false,
    }
}

/// `2024-03-01T12:34:56.789Z 1c8f… Task timed out after 3.00 seconds`
fn may_be_timed_out(beginning: &[u8]) -> bool {
    let mut rest = beginning;
    for longest_word in [40, 64] {
        let near = &rest[..rest.len().min(longest_word + 1)];
        match memchr::memchr2(b' ', b'\\', near) {
            Some(at) if rest[at] == b' ' => rest = &rest[at + 1..],
            Some(at) => return rest[at..].starts_with(b"\\u"),
            None => return false,
        }
    }
    may_begin(rest, b"Task timed out after ")
}

/// Whether the message begins with `text`, or with an escape that may be a part of it.
fn may_begin(message: &[u8], text: &[u8]) -> bool {
    let same = message.iter().zip(text).take_while(|(one, other)| one == other).count();
    // A common backslash may belong to the escape.
    let rest = &message[same - usize::from(message[..same].ends_with(b"\\"))..];
    same == text.len() || rest.starts_with(b"\\u")
}

/// The text after white space.
fn blank(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [b' ', rest @ ..] | [b'\\', b'n' | b'r' | b't', rest @ ..] => rest,
            _ => return rest,
        };
    }
}
