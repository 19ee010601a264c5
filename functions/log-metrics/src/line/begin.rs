//! A look at a message's first bytes: most messages are the application's, and are not to be
//! unescaped, or even found the end of, to know that.

/// So much of a message is looked at, where there is so much.
pub const BEGINNING_BYTES: usize = 256;

const TEXTS: [&[u8]; 4] =
    [b"REPORT RequestId: ", b"RequestId: ", b"INIT_REPORT ", b"RESTORE_REPORT "];

/// The members of the platform's JSON: the first key is one of them.
const KEYS: [&[u8]; 3] = [br#"\"time\""#, br#"\"type\""#, br#"\"record\""#];

/// Whether a message that begins so may be a line of the platform. The message is as written
/// between the quotes of a JSON string, and what follows it may be there, too.
#[must_use]
pub fn may_be_platforms(beginning: &[u8]) -> bool {
    match beginning.first() {
        Some(b'R' | b'I') => TEXTS.iter().any(|text| may_begin(beginning, text)),
        Some(b'{') => {
            let rest = blank(&beginning[1..]);
            KEYS.iter().any(|key| may_begin(rest, key))
        }
        Some(b'0'..=b'9') => may_be_timed_out(beginning),
        // Somebody who writes letters as numbers.
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

/// Whether the message begins with `text`, or with an escape that may stand for a part of it.
fn may_begin(message: &[u8], text: &[u8]) -> bool {
    let same = message.iter().zip(text).take_while(|(one, other)| one == other).count();
    // A backslash that both have may be the escape's.
    let rest = &message[same - usize::from(message[..same].ends_with(b"\\"))..];
    same == text.len() || rest.starts_with(b"\\u")
}

/// What comes after white space.
fn blank(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [b' ', rest @ ..] | [b'\\', b'n' | b'r' | b't', rest @ ..] => rest,
            _ => return rest,
        };
    }
}
