//! Random identifiers in the shapes that AWS uses.

/// A random UUID (version 4), in lower case.
pub(crate) fn uuid() -> String {
    let random = fastrand::u128(..);
    let version_and_variant = 0x4000_8000_0000_0000_0000;
    let mask = 0xf000_c000_0000_0000_0000;
    let hex = format!("{:032x}", (random & !mask) | version_and_variant);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn uuids_are_of_version_4_and_differ() {
        let (one, other) = (uuid(), uuid());
        let lengths: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{one}");
        assert_ne!(one, other);
    }
}
