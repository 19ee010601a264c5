//! The results of a scan.

use std::collections::{BTreeMap, BTreeSet};

use shared::aws::CallFailure;
use shared::cost::Unread;

use crate::kind::Kind;
use crate::region::invalid;
use crate::rules::{Bound, Idle, Scope, Tags};

/// The tag whose value is the name of a resource for people.
const NAME: &str = "Name";

/// An idle resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) region: String,
    /// USD a month.
    pub(crate) usd: f64,
    pub(crate) bound: Bound,
    pub(crate) why: String,
    pub(crate) since: Option<String>,
}

/// A volume or an address, which can be marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Markable {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) tags: Tags,
    pub(crate) is_in_use: bool,
}

/// Number and cost of the findings of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) resources: usize,
    pub(crate) usd: f64,
}

/// The result of a scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The most expensive first, then by kind and id.
    pub(crate) findings: Vec<Finding>,
    /// Number of resources that are idle but protected.
    pub(crate) protected: u64,
    pub(crate) unread: Unread,
    /// The kinds of which something was read, by region.
    pub(crate) read: BTreeSet<(Kind, String)>,
    pub(crate) markable: Vec<Markable>,
}

/// Identifies a resource in AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource<'a> {
    pub(crate) kind: Kind,
    pub(crate) id: &'a str,
    /// A name other than the tag.
    pub(crate) own_name: Option<&'a str>,
    pub(crate) tags: &'a Tags,
}

impl Finding {
    fn key(&self) -> (Kind, &str, &str) {
        (self.kind, &self.id, &self.region)
    }
}

impl Markable {
    /// Whether the finding is about this resource.
    pub(crate) fn is_of(&self, finding: &Finding) -> bool {
        self.key() == finding.key()
    }

    fn key(&self) -> (Kind, &str, &str) {
        (self.kind, &self.id, &self.region)
    }
}

/// Filters resources that cost enough to be reported, as far as their cost is known.
pub(crate) fn worth(scope: &Scope<'_>, idle: Option<Idle>) -> Option<Idle> {
    idle.filter(|idle| idle.usd.is_nan() || idle.usd >= scope.rules.min_usd)
}

impl Found {
    /// Adds a resource if it is idle and costs enough. A protected one is only counted; one with an
    /// unknown cost is reported as not read.
    pub(crate) fn add(&mut self, scope: &Scope<'_>, resource: Resource<'_>, idle: Option<Idle>) {
        let Some(Idle { usd, bound, why, since }) = worth(scope, idle) else { return };
        if scope.is_kept(resource.tags) {
            self.protected += 1;
            return;
        }
        if usd.is_nan() {
            let failure = invalid("what the cost of a resource depends on is missing or odd");
            self.settle(resource.kind, scope.region, Some(&failure));
            return;
        }
        let name = resource.tags.get(NAME).map(String::as_str).filter(|name| !name.is_empty());
        self.findings.push(Finding {
            kind: resource.kind,
            id: resource.id.to_owned(),
            name: name.or(resource.own_name).map(str::to_owned),
            region: scope.region.to_owned(),
            usd,
            bound,
            why,
            since,
        });
    }

    /// Notes that a kind was read, or why not.
    pub(crate) fn settle(&mut self, kind: Kind, region: &str, failure: Option<&CallFailure>) {
        match failure {
            Some(failure) => self.unread.add(kind.name(), region, failure),
            None => drop(self.read.insert((kind, region.to_owned()))),
        }
    }

    /// The resources that can be marked, each with whether it was found idle.
    pub(crate) fn markable(&self) -> impl Iterator<Item = (&Markable, bool)> {
        let idle: BTreeSet<_> = self.findings.iter().map(Finding::key).collect();
        self.markable.iter().map(move |markable| (markable, idle.contains(&markable.key())))
    }

    /// Sorts the findings: the most expensive first, then by kind and id. A resource on two pages
    /// of a list counts once.
    pub(crate) fn sort(&mut self) {
        self.findings.sort_by(|one, other| {
            let by_key = || one.key().cmp(&other.key());
            other.usd.total_cmp(&one.usd).then_with(by_key)
        });
        self.findings.dedup_by(|one, other| one.key() == other.key());
        self.markable.sort_by(|one, other| one.key().cmp(&other.key()));
        self.markable.dedup_by(|one, other| one.key() == other.key());
    }

    /// The sum of all findings.
    pub(crate) fn total(&self) -> Sum {
        let usd = self.findings.iter().map(|finding| finding.usd).sum();
        Sum { resources: self.findings.len(), usd }
    }

    /// The findings of each kind that was read in some region, also if there are none.
    pub(crate) fn kinds(&self) -> BTreeMap<Kind, Sum> {
        let read = self.read.iter();
        let read = read.filter(|(kind, region)| !self.unread.has_in(kind.name(), region));
        let mut kinds: BTreeMap<_, _> = read.map(|(kind, _)| (*kind, Sum::default())).collect();
        for Finding { kind, usd, .. } in &self.findings {
            let sum = kinds.entry(*kind).or_default();
            sum.resources += 1;
            sum.usd += usd;
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::{rules, scope, tags};

    fn idle(usd: f64) -> Idle {
        Idle { usd, bound: Bound::Exactly, why: "unused".to_owned(), since: None }
    }

    #[test]
    fn what_is_cheap_is_left_out_and_what_is_kept_is_counted() {
        let rules = rules();
        let scope = scope(&rules);
        let mut found = Found::default();
        let kept = tags(&[("sluice:keep", "2026-11-28")]);
        let named = tags(&[("Name", "scratch"), ("sluice:keep", "2026-11-27")]);
        let none = tags(&[("Name", "")]);
        for (kind, id, own_name, tags, usd) in [
            (Kind::Volume, "vol-3", None, &none, 1.0),
            (Kind::Volume, "vol-2", None, &none, 1.0),
            (Kind::Volume, "vol-3", None, &none, 1.0),
            (Kind::Image, "ami-1", Some("base"), &none, 1.0),
            (Kind::Image, "ami-2", Some("base"), &named, 2.0),
            (Kind::Volume, "vol-4", None, &none, 0.0999),
            (Kind::Volume, "vol-5", None, &none, 0.1),
            (Kind::Volume, "vol-6", None, &kept, 9.0),
            (Kind::Volume, "vol-7", None, &kept, 0.01),
        ] {
            found.add(&scope, Resource { kind, id, own_name, tags }, Some(idle(usd)));
        }
        let kind = Kind::Address;
        let unused = Resource { kind, id: "eipalloc-1", own_name: None, tags: &none };
        found.add(&scope, unused, None);
        let unknown = Resource { kind: Kind::Database, id: "db", own_name: None, tags: &none };
        found.add(&scope, unknown, Some(idle(f64::NAN)));
        assert!(found.unread.has("database"));
        found.sort();
        let listed = found.findings.iter().map(|finding| (&*finding.id, finding.name.as_deref()));
        let expected = [
            ("ami-2", Some("scratch")),
            ("ami-1", Some("base")),
            ("vol-2", None),
            ("vol-3", None),
            ("vol-5", None),
        ];
        assert_eq!(listed.collect::<Vec<_>>(), expected);
        assert_eq!((found.protected, found.total().resources), (1, 5));
        found.settle(Kind::Address, "us-east-1", None);
        found.settle(Kind::Bucket, "us-east-1", None);
        let failure = CallFailure { code: None, message: String::new() };
        found.settle(Kind::Bucket, "us-east-1", Some(&failure));
        let counts = found.kinds().into_iter().map(|(kind, sum)| (kind.name(), sum.resources));
        assert_eq!(counts.collect::<Vec<_>>(), [("address", 0), ("image", 2), ("volume", 3)]);
    }
}
