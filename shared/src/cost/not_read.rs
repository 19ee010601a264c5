//! Failed reads: a resource that could not be read is never considered absent or idle.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::aws::CallFailure;

/// Maximum length of an error's code, in characters.
const MAX_CODE: usize = 100;

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotRead {
    /// The kind of resource.
    pub kind: String,
    /// Where.
    pub region: String,
    /// The code of the first error.
    pub error: String,
}

/// The failed reads of a run, one for each kind and region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread(BTreeMap<(String, String), String>);

impl Unread {
    /// Logs a failure and adds it. For each kind and region, the first one is kept.
    pub fn add(&mut self, kind: &str, region: &str, failure: &CallFailure) {
        let code = failure.code.as_deref().unwrap_or("NoAnswer");
        let code: String = code.chars().take(MAX_CODE).collect();
        tracing::error!(kind, region, code, error = failure.message, "failed to read");
        self.0.entry((kind.to_owned(), region.to_owned())).or_insert(code);
    }

    /// Whether a kind could not be read in at least one region.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.0.keys().any(|(unread, _)| unread == kind)
    }

    /// Whether a kind could not be read in a region.
    #[must_use]
    pub fn has_in(&self, kind: &str, region: &str) -> bool {
        self.0.keys().any(|(unread, there)| unread == kind && there == region)
    }

    /// Number of kinds that could not be read in at least one region.
    #[must_use]
    pub fn kinds(&self) -> usize {
        let mut kinds: Vec<_> = self.0.keys().map(|(kind, _)| kind).collect();
        kinds.dedup();
        kinds.len()
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries for an answer, by kind and region.
    #[must_use]
    pub fn entries(&self) -> Vec<NotRead> {
        let entry = |((kind, region), error): (&(String, String), &String)| NotRead {
            kind: kind.clone(),
            region: region.clone(),
            error: error.clone(),
        };
        self.0.iter().map(entry).collect()
    }

    /// The value of the fact `Not read`: `volume in eu-west-1: AccessDenied; …`.
    #[must_use]
    pub fn described(&self) -> String {
        let described = |((kind, region), error): (&(String, String), &String)| {
            format!("{kind} in {region}: {error}")
        };
        self.0.iter().map(described).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_entry_a_kind_and_region() {
        let mut unread = Unread::default();
        assert!(unread.is_empty());
        let failure = |code: Option<&str>| CallFailure {
            code: code.map(str::to_owned),
            message: "no".to_owned(),
        };
        unread.add("volume", "us-east-1", &failure(None));
        unread.add("volume", "eu-west-1", &failure(Some("AccessDenied")));
        unread.add("volume", "eu-west-1", &failure(Some("Throttling")));
        unread.add("address", "us-east-1", &failure(Some(&"é".repeat(200))));
        assert_eq!((unread.len(), unread.kinds()), (3, 2));
        assert!(unread.has("volume") && !unread.has("image"));
        assert!(unread.has_in("address", "us-east-1") && !unread.has_in("address", "eu-west-1"));
        let long = "é".repeat(100);
        assert_eq!(
            serde_json::to_value(unread.entries()).unwrap(),
            serde_json::json!([
                {"kind": "address", "region": "us-east-1", "error": long},
                {"kind": "volume", "region": "eu-west-1", "error": "AccessDenied"},
                {"kind": "volume", "region": "us-east-1", "error": "NoAnswer"},
            ])
        );
        let expected = format!(
            "address in us-east-1: {long}; volume in eu-west-1: AccessDenied; \
             volume in us-east-1: NoAnswer"
        );
        assert_eq!(unread.described(), expected);
    }
}
