//! The answer of an invocation.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::cost::{NotRead, exact};

use crate::found::{Finding, Found};
use crate::kind::Kind;
use crate::outcome::{NotRemovedEntry, Outcome};
use crate::rules::Bound;

/// Maximum number of findings in an answer.
const MAX_FINDINGS: usize = 1_000;

/// The answer; amounts are USD a month.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer<'a> {
    resources: usize,
    usd: f64,
    kinds: BTreeMap<Kind, KindSum>,
    findings: Vec<AnswerFinding<'a>>,
    protected: u64,
    not_read: Vec<NotRead>,
    marked: &'a [String],
    unmarked: &'a [String],
    removing: Vec<&'a str>,
    removed: Vec<&'a str>,
    not_removed: Vec<NotRemovedEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct KindSum {
    resources: usize,
    usd: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerFinding<'a> {
    kind: Kind,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    region: &'a str,
    usd: f64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    at_most: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    at_least: bool,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<&'a str>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(found: &'a Found, outcome: &'a Outcome) -> Self {
        let total = found.total();
        let kinds = found.kinds().into_iter();
        let sum = |resources, usd| KindSum { resources, usd: exact(usd) };
        let ids = |findings: &'a [Finding]| findings.iter().map(|finding| &*finding.id).collect();
        Self {
            resources: total.resources,
            usd: exact(total.usd),
            kinds: kinds.map(|(kind, of)| (kind, sum(of.resources, of.usd))).collect(),
            findings: found.findings.iter().take(MAX_FINDINGS).map(AnswerFinding::new).collect(),
            protected: found.protected,
            not_read: found.unread.entries(),
            marked: &outcome.marked,
            unmarked: &outcome.unmarked,
            removing: ids(&outcome.removing),
            removed: ids(&outcome.removed),
            not_removed: outcome.not_removed_entries(),
        }
    }
}

impl<'a> AnswerFinding<'a> {
    fn new(finding: &'a Finding) -> Self {
        let Finding { kind, id, name, region, usd, bound, why, since } = finding;
        Self {
            kind: *kind,
            id,
            name: name.as_deref(),
            region,
            usd: exact(*usd),
            at_most: *bound == Bound::AtMost,
            at_least: *bound == Bound::AtLeast,
            why,
            since: since.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_at_most_a_thousand_findings_and_counts_all() {
        let finding = |number: u32| Finding {
            kind: Kind::Volume,
            id: format!("vol-{number}"),
            name: None,
            region: "us-east-1".to_owned(),
            usd: 0.1,
            bound: Bound::Exactly,
            why: String::new(),
            since: None,
        };
        let findings = (0..1_001).map(finding).collect();
        let (found, outcome) = (Found { findings, ..Found::default() }, Outcome::default());
        let answer = serde_json::to_value(Answer::new(&found, &outcome)).unwrap();
        assert_eq!(answer["findings"].as_array().unwrap().len(), 1_000);
        assert_eq!((&answer["resources"], &answer["usd"]), (&1_001.into(), &100.1.into()));
        assert_eq!(answer["kinds"]["volume"]["resources"], 1_001);
    }
}
