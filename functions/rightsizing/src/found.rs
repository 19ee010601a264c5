//! The results of a report.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::aws::CallFailure;
use shared::cost::{Unread, exact};

use crate::kind::Kind;

/// Maximum number of findings in an answer.
const MAX_FINDINGS: usize = 1_000;

/// A resource that is more expensive than necessary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) saving: Saving,
    pub(crate) why: String,
}

/// The saving by a change, in USD a month.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Saving {
    pub(crate) usd: f64,
    /// The upper end, if the saving depends on something unknown; otherwise the same.
    pub(crate) max: f64,
}

/// The saving by Intelligent-Tiering for a bucket that uses it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) bucket: String,
    /// USD a month.
    pub(crate) usd: f64,
    /// In percent of the cost of everything at the price of frequent access.
    pub(crate) percent: f64,
}

/// Number and saving of the findings of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) resources: usize,
    pub(crate) saving: Saving,
}

/// The result of a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The largest saving first, then by kind and id.
    pub(crate) findings: Vec<Finding>,
    pub(crate) measured: Vec<Measured>,
    /// Resources that would be findings, but are protected.
    pub(crate) protected: BTreeSet<String>,
    pub(crate) unread: Unread,
    /// The kinds that were read, at least partly.
    pub(crate) read: BTreeSet<Kind>,
}

impl Saving {
    /// A known saving.
    pub(crate) const fn of(usd: f64) -> Self {
        Self { usd, max: usd }
    }

    /// Whether both ends are displayed as the same amount.
    pub(crate) fn is_known(self) -> bool {
        (self.max - self.usd).abs() < 0.005
    }

    fn add(&mut self, other: Self) {
        self.usd += other.usd;
        self.max += other.max;
    }
}

impl Sum {
    fn add(&mut self, finding: &Finding) {
        self.resources += 1;
        self.saving.add(finding.saving);
    }
}

impl Found {
    /// Notes that a kind was read, and why the rest is missing.
    pub(crate) fn settle(&mut self, kind: Kind, region: &str, failure: Option<&CallFailure>) {
        match failure {
            Some(failure) => self.unread.add(kind.name(), region, failure),
            None => drop(self.read.insert(kind)),
        }
    }

    /// Sorts the findings.
    pub(crate) fn sort(&mut self) {
        self.findings.sort_by(|one, other| {
            let place = |finding: &Finding| (finding.kind, finding.id.clone());
            let by_saving = other.saving.max.total_cmp(&one.saving.max);
            by_saving.then_with(|| place(one).cmp(&place(other)))
        });
        self.measured.sort_by(|one, other| one.bucket.cmp(&other.bucket));
    }

    /// The sum of all findings.
    pub(crate) fn total(&self) -> Sum {
        let mut total = Sum::default();
        self.findings.iter().for_each(|finding| total.add(finding));
        total
    }

    /// The findings of each kind that was read, also if there are none.
    pub(crate) fn kinds(&self) -> BTreeMap<Kind, Sum> {
        let mut kinds: BTreeMap<_, _> =
            self.read.iter().map(|kind| (*kind, Sum::default())).collect();
        for finding in &self.findings {
            kinds.entry(finding.kind).or_default().add(finding);
        }
        kinds
    }

    /// The answer of the function.
    pub(crate) fn answer(&self) -> Value {
        let kinds = self.kinds().into_iter().map(|(kind, Sum { resources, saving })| {
            let (usd, max) = (exact(saving.usd), exact(saving.max));
            (kind.name().to_owned(), json!({"resources": resources, "usd": usd, "usdMax": max}))
        });
        let finding = |finding: &Finding| {
            let Finding { kind, id, region, saving, why } = finding;
            let mut answer = json!({
                "kind": kind.name(), "id": id, "region": region, "usd": exact(saving.usd), "why": why,
            });
            if !saving.is_known() {
                answer["usdMax"] = json!(exact(saving.max));
            }
            answer
        };
        let measured = |Measured { bucket, usd, percent }: &Measured| json!({"bucket": bucket, "usd": exact(*usd), "percent": (percent * 10.0).round() / 10.0});
        let Saving { usd, max } = self.total().saving;
        json!({
            "usd": exact(usd),
            "usdMax": exact(max),
            "kinds": kinds.collect::<serde_json::Map<_, _>>(),
            "findings": self.findings.iter().take(MAX_FINDINGS).map(finding).collect::<Vec<_>>(),
            "measured": self.measured.iter().map(measured).collect::<Vec<_>>(),
            "protected": self.protected.len(),
            "notRead": self.unread.entries(),
        })
    }
}
