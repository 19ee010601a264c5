//! Keys by which Google Chat recognizes a thread and a message it already has.

pub(crate) use shared::digest::digest;

/// Longer thread keys are hashed. Google Chat accepts 4,000 characters (source: Google Chat API,
/// `Thread`); the ARN of an alarm has at most about 300.
const MAX_KEY_BYTES: usize = 1_000;

/// Maximum length of an id that is used as received.
const MAX_ID_BYTES: usize = 128;

/// Returns the key of the thread of an alarm (its ARN) or of a notice.
pub(crate) fn thread_key(subject: &str) -> String {
    if subject.len() <= MAX_KEY_BYTES && !subject.chars().any(char::is_control) {
        return subject.to_owned();
    }
    digest([subject])
}

/// Whether a text from an event can be the id of a message.
pub(crate) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_key_is_the_subject_or_its_hash() {
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:plays";
        assert_eq!(thread_key(arn), arn);
        let (long, other) = (format!("{arn}{}", "a".repeat(1_000)), format!("{arn}\n"));
        assert_eq!(thread_key(&long).len(), 64);
        assert_eq!(thread_key(&other).len(), 64);
        assert_ne!(thread_key(&long), thread_key(&other));
    }
}
