//! Which thread a message belongs to.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A longer key is hashed. Google Chat takes 4,000 characters (source: Google Chat API,
/// `Thread`); an alarm's ARN has some 300, where its name is one that CloudWatch takes.
const MAX_KEY_BYTES: usize = 1_000;

/// The key of an alarm's thread: its ARN, which is the same whoever tells of the alarm.
#[must_use]
pub fn thread_key(arn: &str) -> String {
    if arn.len() <= MAX_KEY_BYTES && !arn.chars().any(char::is_control) {
        return arn.to_owned();
    }
    let hash = Sha256::digest(arn.as_bytes());
    hash.iter().fold(String::new(), |mut key, byte| {
        // Writing to a text cannot fail.
        write!(key, "{byte:02x}").unwrap_or_default();
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_arn_or_stands_for_it() {
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:plays";
        assert_eq!(thread_key(arn), arn);
        let (long, other) = (format!("{arn}{}", "a".repeat(1_000)), format!("{arn}\n"));
        assert_eq!(thread_key(&long).len(), 64);
        assert_eq!(thread_key(&other).len(), 64);
        assert_ne!(thread_key(&long), thread_key(&other));
    }
}
