//! Buckets with old objects and no rule that moves them to a cheaper class or expires them.

use jiff::Timestamp;
use shared::cost::Price;

use super::{Bound, Idle, Scope, counted, gib};

/// Days after which an unfinished upload is considered abandoned.
const UPLOAD_DAYS: i64 = 7;

/// The totals of the lists of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Old objects of the class STANDARD.
    old_objects: u64,
    old_bytes: u64,
    /// Unfinished uploads that are old.
    uploads: usize,
    /// Whether objects may be missing.
    pub(crate) is_unfinished: bool,
}

impl Listing {
    /// Adds an object of the class STANDARD.
    pub(crate) fn add_object(
        &mut self,
        scope: &Scope<'_>,
        modified: Option<Timestamp>,
        bytes: u64,
    ) {
        if scope.is_older(modified, scope.rules.object_days) {
            self.old_objects += 1;
            self.old_bytes = self.old_bytes.saturating_add(bytes);
        }
    }

    /// Adds an unfinished upload.
    pub(crate) fn add_upload(&mut self, scope: &Scope<'_>, started: Option<Timestamp>) {
        self.uploads += usize::from(scope.is_older(started, UPLOAD_DAYS));
    }

    pub(crate) fn idle(&self, scope: &Scope<'_>) -> Option<Idle> {
        let why = || {
            let objects =
                counted(usize::try_from(self.old_objects).unwrap_or(usize::MAX), "object");
            let (size, days) = (gib(self.old_bytes), scope.rules.object_days);
            let uploads = match self.uploads {
                0 => String::new(),
                count => format!("; {}", counted(count, "unfinished upload")),
            };
            format!("{objects} of {size:.1} GiB in STANDARD, older than {days} days{uploads}")
        };
        (self.old_objects > 0).then(|| Idle {
            usd: gib(self.old_bytes) * scope.price(Price::S3Standard),
            bound: if self.is_unfinished { Bound::AtLeast } else { Bound::Exactly },
            why: why(),
            since: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, rules, scope};
    use super::super::time;
    use super::*;

    #[test]
    fn adds_up_old_objects() {
        let rules = rules();
        let scope = scope(&rules);
        let mut listing = Listing::default();
        let old = time(Some("2026-06-01T00:00:00Z"));
        listing.add_object(&scope, time(Some("2026-06-01T00:00:01Z")), 1 << 40);
        assert_eq!(listing.idle(&scope), None);
        listing.add_object(&scope, old, 60 << 30);
        listing.add_object(&scope, old, 40 << 30);
        let idle = listing.idle(&scope).unwrap();
        assert_eq!(idle.why, "2 objects of 100.0 GiB in STANDARD, older than 180 days");
        assert_eq!(cost(Some(idle)), Some(("2.3000".to_owned(), Bound::Exactly)));
        listing.add_upload(&scope, time(Some("2026-11-21T00:00:00Z")));
        listing.add_upload(&scope, time(Some("2026-11-21T00:00:01Z")));
        listing.is_unfinished = true;
        let idle = listing.idle(&scope).unwrap();
        assert!(idle.why.ends_with("; 1 unfinished upload"), "{}", idle.why);
        assert_eq!(idle.bound, Bound::AtLeast);
        listing.add_upload(&scope, time(Some("2026-11-20T00:00:00Z")));
        assert!(listing.idle(&scope).unwrap().why.ends_with("; 2 unfinished uploads"));
    }
}
