//! What a report found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::aws::CallFailure;
use shared::cost::{Unread, exact};

use crate::kind::Kind;

/// Maximum number of findings in an answer.
const MAX_FINDINGS: usize = 1_000;

/// Something that is bought too dear.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) saving: Saving,
    pub(crate) why: String,
}

/// What a change saves, in USD a month.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Saving {
    pub(crate) usd: f64,
    /// The same, or more where it depends on what is not known.
    pub(crate) max: f64,
}

/// What Intelligent-Tiering saves of a bucket that has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) bucket: String,
    /// USD a month.
    pub(crate) usd: f64,
    /// Of what all of it would cost at the price of frequent access.
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
    /// What would be found, but is to be kept.
    pub(crate) protected: BTreeSet<String>,
    pub(crate) unread: Unread,
    /// The kinds of which something was read.
    pub(crate) read: BTreeSet<Kind>,
}

impl Saving {
    /// A saving that is known.
    pub(crate) const fn of(usd: f64) -> Self {
        Self { usd, max: usd }
    }

    /// Whether it is known, as people read it.
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
    /// Adds that something of a kind was read, and why the rest is missing.
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

    /// All findings together.
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
