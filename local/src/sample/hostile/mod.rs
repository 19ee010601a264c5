//! Payloads that go wrong somewhere in the world, each named by its situation.

mod broken;
mod extreme;
mod strange;

type Payloads = Vec<(&'static str, Vec<u8>)>;

/// Payloads that a pipeline meets when it did not expect them: broken ones, which are to be
/// refused, and strange ones, which are to become documents all the same. Every one with a
/// situation of its own; a few are large (the largest is over 1 MiB).
#[must_use]
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    [
        broken::not_text(),
        broken::not_json(),
        broken::not_objects(),
        strange::layout(),
        strange::names(),
        strange::values(),
        strange::clocks(),
        extreme::sizes_and_depths(),
    ]
    .concat()
}

fn texts<const N: usize>(texts: [(&'static str, &str); N]) -> Payloads {
    texts.into_iter().map(|(situation, text)| (situation, text.as_bytes().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::hostile;
    use std::collections::HashSet;

    fn payload(situation: &str) -> Vec<u8> {
        hostile().into_iter().find(|(name, _)| *name == situation).unwrap().1
    }

    fn depth(payload: &[u8]) -> usize {
        payload.split(|byte| *byte == b'{').count() - 1
    }

    #[test]
    fn situations_and_payloads_are_distinct() {
        let hostile = hostile();
        assert!(hostile.len() >= 80, "{}", hostile.len());
        let situations: HashSet<_> = hostile.iter().map(|(situation, _)| situation).collect();
        assert_eq!(situations.len(), hostile.len());
        let payloads: HashSet<_> = hostile.iter().map(|(_, payload)| payload).collect();
        assert_eq!(payloads.len(), hostile.len());
    }

    #[test]
    fn limits_are_met_to_the_byte() {
        assert_eq!(payload("payload-of-1000-kib").len(), 1_024_000);
        assert_eq!(payload("payload-over-1-mib").len(), 1_048_577);
        assert_eq!(depth(&payload("nested-128-levels-deep")), 128);
        assert_eq!(depth(&payload("nested-129-levels-deep")), 129);
    }

    #[test]
    fn strange_ones_are_json_all_the_same() {
        for situation in [
            "pretty-printed-with-crlf",
            "names-of-the-document",
            "huge-integers",
            "bulk-lines-in-text",
            "thousands-of-unknown-fields",
            "list-of-20000-numbers",
        ] {
            let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&payload(situation));
            assert!(parsed.is_ok_and(|value| value.is_object()), "{situation}");
        }
    }

    #[test]
    fn broken_ones_are_not() {
        for situation in ["truncated", "invalid-utf-8", "lone-high-surrogate", "leading-zero"] {
            let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&payload(situation));
            assert!(parsed.is_err(), "{situation}");
        }
    }
}
