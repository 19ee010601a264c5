//! Snapshots and images. A snapshot is incremental: its full size and that of its volume are only
//! upper bounds of the size that is billed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use shared::aws::query::Element;
use shared::cost::Price;

use super::{Bound, Idle, Scope, Tags, amount, day, gib, time};

/// Tags of snapshots that Data Lifecycle Manager and AWS Backup delete themselves.
const LIFECYCLE_TAGS: [&str; 2] = ["aws:dlm:lifecycle-policy-id", "aws:backup:source-resource"];

/// A snapshot of the account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) tags: Tags,
    pub(crate) state: String,
    pub(crate) started: Option<Timestamp>,
    pub(crate) volume: Option<String>,
    pub(crate) description: String,
    pub(crate) size_gib: f64,
    pub(crate) is_archived: bool,
}

/// An image of the account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) tags: Tags,
    created: Option<Timestamp>,
    launched: Option<Timestamp>,
    /// Whether the time of its last launch is invalid.
    is_odd: bool,
    /// Its snapshots, with the sizes of their volumes in GiB.
    snapshots: Vec<(String, f64)>,
}

impl Snapshot {
    /// Reads an item of `DescribeSnapshots`, or the answer of `CreateSnapshot`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        let full = element.number("fullSnapshotSizeInBytes").map(gib);
        Some(Self {
            id: element.text("snapshotId")?.to_owned(),
            tags: element.tags("tagSet"),
            state: element.text("status").unwrap_or_default().to_owned(),
            started: time(element.text("startTime")),
            volume: element.text("volumeId").map(str::to_owned),
            description: element.text("description").unwrap_or_default().to_owned(),
            size_gib: full.unwrap_or_else(|| amount(element, "volumeSize")),
            is_archived: element.text("storageTier") == Some("archive"),
        })
    }

    /// USD a month, at most.
    fn usd(&self, scope: &Scope<'_>) -> f64 {
        let tier = if self.is_archived { Price::SnapshotArchive } else { Price::Snapshot };
        self.size_gib * scope.price(tier)
    }

    /// `imaged`: the snapshots of all images of the account.
    pub(crate) fn idle(&self, scope: &Scope<'_>, imaged: &BTreeSet<&str>) -> Option<Idle> {
        let started = self.started?;
        let description = self.description.to_lowercase();
        let is_of_backup = description.contains("created by") && description.contains("aws backup");
        let is_idle = self.state == "completed"
            && scope.is_older(self.started, scope.rules.snapshot_days)
            && !imaged.contains(&*self.id)
            && !LIFECYCLE_TAGS.iter().any(|tag| self.tags.contains_key(*tag))
            && !is_of_backup;
        is_idle.then(|| Idle {
            usd: self.usd(scope),
            bound: Bound::AtMost,
            why: format!("of {}, in no image", day(started)),
            since: Some(started.to_string()),
        })
    }
}

impl Image {
    /// Reads an item of `DescribeImages`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        let disks = element.list("blockDeviceMapping").iter();
        let snapshot = |disk: &Element| {
            let id = disk.text("ebs/snapshotId")?.to_owned();
            Some((id, amount(disk, "ebs/volumeSize")))
        };
        let launched = element.text("lastLaunchedTime");
        Some(Self {
            id: element.text("imageId")?.to_owned(),
            name: element.text("name").map(str::to_owned),
            tags: element.tags("tagSet"),
            created: time(element.text("creationDate")),
            launched: time(launched),
            is_odd: launched.is_some() && time(launched).is_none(),
            snapshots: disks.filter_map(snapshot).collect(),
        })
    }

    /// The ids of its snapshots.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &str> {
        self.snapshots.iter().map(|(id, _)| &**id)
    }

    /// Whether it is idle unless something refers to it. `used`: the images of all instances.
    /// `snapshots`: those of the account by id, as far as they are known.
    pub(crate) fn idle(
        &self,
        scope: &Scope<'_>,
        used: &BTreeSet<&str>,
        snapshots: &BTreeMap<&str, &Snapshot>,
    ) -> Option<Idle> {
        let days = scope.rules.snapshot_days;
        let created = self.created?;
        let is_idle = scope.is_older(self.created, days)
            && (self.launched.is_none() || scope.is_older(self.launched, days))
            && !used.contains(&*self.id);
        let cost = |(id, volume_gib): &(String, f64)| match snapshots.get(&**id) {
            Some(snapshot) => snapshot.usd(scope),
            None => volume_gib * scope.price(Price::Snapshot),
        };
        is_idle.then(|| Idle {
            usd: if self.is_odd { f64::NAN } else { self.snapshots.iter().map(cost).sum() },
            bound: Bound::AtMost,
            why: match self.launched {
                Some(launched) => format!("last launched {}", day(launched)),
                None => format!("of {}, no launch known", day(created)),
            },
            since: Some(self.launched.unwrap_or(created).to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, rules, scope, tags};
    use super::*;

    const OLD: &str = "2026-06-01T00:00:00Z";
    const NEW: &str = "2026-06-02T00:00:00Z";

    fn snapshot() -> Snapshot {
        Snapshot {
            id: "snap-1".to_owned(),
            state: "completed".to_owned(),
            started: time(Some(OLD)),
            size_gib: 100.0,
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_snapshot_is_idle_where_it_is_old_and_nothing_else_deletes_it() {
        let rules = rules();
        let idle = |change: fn(&mut Snapshot)| {
            let mut snapshot = snapshot();
            change(&mut snapshot);
            cost(snapshot.idle(&scope(&rules), &BTreeSet::from(["snap-2"])))
        };
        let found = |usd: &str| Some((usd.to_owned(), Bound::AtMost));
        assert_eq!(idle(|_| ()), found("5.0000"));
        assert_eq!(idle(|snapshot| snapshot.is_archived = true), found("1.2500"));
        assert_eq!(
            idle(|snapshot| snapshot.description = "before AWS Backup".into()),
            found("5.0000")
        );
        let changes: [fn(&mut Snapshot); 7] = [
            |snapshot| snapshot.state = "pending".to_owned(),
            |snapshot| snapshot.started = time(Some(NEW)),
            |snapshot| snapshot.started = None,
            |snapshot| snapshot.id = "snap-2".to_owned(),
            |snapshot| snapshot.tags = tags(&[("aws:dlm:lifecycle-policy-id", "policy-1")]),
            |snapshot| snapshot.tags = tags(&[("aws:backup:source-resource", "i-1")]),
            |snapshot| {
                "This snapshot is created by the AWS Backup service."
                    .clone_into(&mut snapshot.description);
            },
        ];
        assert_eq!(changes.map(idle), [const { None }; 7]);
    }

    #[test]
    fn an_image_is_idle_where_nothing_was_launched_from_it() {
        let rules = rules();
        let known = snapshot();
        let idle = |change: fn(&mut Image)| {
            let mut image = Image {
                id: "ami-1".to_owned(),
                created: time(Some(OLD)),
                snapshots: vec![("snap-1".to_owned(), 500.0), ("snap-9".to_owned(), 20.0)],
                ..Image::default()
            };
            change(&mut image);
            image.idle(
                &scope(&rules),
                &BTreeSet::from(["ami-2"]),
                &BTreeMap::from([("snap-1", &known)]),
            )
        };
        let plain = idle(|_| ()).unwrap();
        assert_eq!(
            (&*plain.why, plain.since.as_deref()),
            ("of 2026-06-01, no launch known", Some(OLD))
        );
        assert_eq!(cost(Some(plain)), Some(("6.0000".to_owned(), Bound::AtMost)));
        let unknown: [fn(&mut Image); 2] =
            [|image| image.is_odd = true, |image| image.snapshots[1].1 = f64::NAN];
        assert!(unknown.into_iter().all(|change| idle(change).unwrap().usd.is_nan()));
        let launched = idle(|image| image.launched = time(Some(OLD))).unwrap();
        assert_eq!(launched.why, "last launched 2026-06-01");
        let changes: [fn(&mut Image); 4] = [
            |image| image.created = time(Some(NEW)),
            |image| image.created = None,
            |image| image.launched = time(Some(NEW)),
            |image| image.id = "ami-2".to_owned(),
        ];
        assert_eq!(changes.map(idle), [const { None }; 4]);
    }
}
