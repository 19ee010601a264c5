//! Removals. Each step checks the resource again and can be repeated after a crash: the snapshot of
//! a volume is found by its tag, and used unless the volume was written to since.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shared::aws::CallFailure;
use shared::aws::query::{EC2, Parameters};
use tokio::time::sleep;

use crate::config::Config;
use crate::found::Finding;
use crate::kind::Kind;
use crate::marking::may_remove;
use crate::outcome::{NotRemoved, Outcome};
use crate::region::{Region, invalid, is_gone};
use crate::rules::snapshot::Snapshot;
use crate::rules::{Idle, Scope, Tags, marked};
use crate::scan::{addresses, snapshots, volumes};
use crate::traffic::{self, Query, Window};

/// The tag of a snapshot with the id of its volume, which is deleted after the snapshot.
pub(crate) const SNAPSHOT_OF: &str = "sluice:snapshot-of";

/// A volume is checked just before its snapshot is made, so a snapshot this recent needs no check
/// for later writes.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Waits before the second and the third attempt to create a snapshot.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Removes due resources in one region.
#[derive(Clone, Copy, Debug)]
struct Remover<'a> {
    config: &'a Config,
    region: &'a Region,
    now: Timestamp,
}

/// The outcome of one attempt.
enum Attempt {
    Removed,
    /// The snapshot with this id is not completed; the volume has been idle since that day.
    Pending(String, Date),
}

/// Removes these resources in order.
pub(crate) async fn remove(
    config: &Config,
    regions: &[Region],
    now: Timestamp,
    outcome: &mut Outcome,
) {
    let remover = |finding: &Finding| {
        let region = regions.iter().find(|region| region.name == finding.region);
        region.map(|region| Remover { config, region, now })
    };
    let mut pending = Vec::new();
    for finding in outcome.removing.clone() {
        let Some(remover) = remover(&finding) else { continue };
        let attempt = match finding.kind {
            Kind::Address => remover.release(&finding.id).await,
            _ => remover.delete_with_snapshot(&finding.id).await,
        };
        match attempt {
            Ok(Attempt::Pending(snapshot, since)) => {
                pending.push((finding, remover, snapshot, since));
            }
            other => settle(finding, other, outcome),
        }
    }
    // Small snapshots may be completed by now.
    for (finding, remover, snapshot, since) in pending {
        let attempt = remover.delete_if_completed(&finding.id, snapshot, since).await;
        settle(finding, attempt, outcome);
    }
}

impl Remover<'_> {
    async fn release(&self, id: &str) -> Result<Attempt, NotRemoved> {
        let parameters = Parameters::new().list("AllocationId", [id]);
        let list = addresses(self.region, parameters).await;
        let address = one(list.items, list.failure, |address| address.id == id)?;
        self.look(&address.tags, address.idle(&self.scope()).as_ref())?;
        self.remove("ReleaseAddress", Parameters::new().with("AllocationId", id)).await
    }

    async fn delete_with_snapshot(&self, id: &str) -> Result<Attempt, NotRemoved> {
        let since = self.look_at_volume(id).await?;
        let snapshot = self.backup(id, since).await?;
        if is_completed(&snapshot) {
            self.delete(id).await
        } else {
            Ok(Attempt::Pending(snapshot.id, since))
        }
    }

    /// Returns the snapshot of a volume: an existing one, or a new one. A failed call may still
    /// have created one, so it looks for one before the next attempt.
    async fn backup(&self, id: &str, since: Date) -> Result<Snapshot, NotRemoved> {
        let mut waits = WAITS.into_iter();
        loop {
            if let Some(snapshot) = self.backup_there(id, since).await? {
                return Ok(snapshot);
            }
            let (created, is_temporary) = self.create_snapshot(id, since).await;
            match waits.next() {
                Some(wait) if is_temporary && !self.region.time.is_over() => sleep(wait).await,
                _ => return created.map_err(NotRemoved::Failed),
            }
        }
    }

    /// Returns an existing snapshot of a volume, a completed one if possible. One of an earlier run
    /// is used only if nothing was written since: between two runs, a volume can be used and become
    /// idle again.
    async fn backup_there(&self, id: &str, since: Date) -> Result<Option<Snapshot>, NotRemoved> {
        let parameters = Parameters::new()
            .with("Filter.1.Name", format!("tag:{SNAPSHOT_OF}"))
            .with("Filter.1.Value.1", id);
        let mut list = snapshots(self.region, parameters).await;
        if let Some(failure) = list.failure {
            return Err(NotRemoved::Failed(failure));
        }
        let has_tag = |found: &Snapshot| found.tags.get(SNAPSHOT_OF).is_some_and(|of| of == id);
        list.items.retain(|found| has_tag(found) && is_backup(found, id, since));
        list.items.sort_by_key(|found| (!is_completed(found), Reverse(found.started)));
        let age = |started| self.now.duration_since(started);
        let is_old = |found: &Snapshot| found.started.is_none_or(|started| age(started) > FRESH);
        if let Some(first) = list.items.first().filter(|first| is_old(first))
            && self.may_be_written_since(id, first.started.unwrap_or_default()).await
        {
            list.items.retain(|found| !is_old(found));
        }
        Ok(list.items.into_iter().next())
    }

    /// Whether CloudWatch reports writes since the day of `started`, or cannot be read. It has
    /// values of a volume only while that is attached.
    async fn may_be_written_since(&self, id: &str, started: Timestamp) -> bool {
        let writes = Query {
            namespace: "AWS/EBS",
            metric: "VolumeWriteOps",
            statistic: "Sum",
            dimension: "VolumeId",
            resource: id.to_owned(),
        };
        let window = Window::since(started, self.now);
        let values = traffic::read(self.region, &[writes], window).await;
        !values.iter().flatten().any(|values| values.iter().all(|writes| *writes == 0.0))
    }

    async fn delete_if_completed(
        &self,
        id: &str,
        snapshot: String,
        since: Date,
    ) -> Result<Attempt, NotRemoved> {
        let parameters = Parameters::new().list("SnapshotId", [&*snapshot]);
        let list = snapshots(self.region, parameters).await;
        match (list.items.into_iter().find(|found| found.id == snapshot), list.failure) {
            (Some(found), _) if !is_backup(&found, id, since) => {
                Err(NotRemoved::Failed(invalid("the snapshot failed, or is not one of the volume")))
            }
            (Some(found), _) if is_completed(&found) => {
                self.look_at_volume(id).await?;
                self.delete(id).await
            }
            (None, Some(failure)) if !is_gone(&failure) => Err(NotRemoved::Failed(failure)),
            // EC2 may not find a new snapshot for a moment.
            _ => Ok(Attempt::Pending(snapshot, since)),
        }
    }

    /// Creates a snapshot, and returns whether a failure is temporary.
    async fn create_snapshot(
        &self,
        id: &str,
        since: Date,
    ) -> (Result<Snapshot, CallFailure>, bool) {
        let parameters = Parameters::new()
            .with("VolumeId", id)
            .with("Description", format!("{id} before idle-resources deletes it"))
            .with("TagSpecification.1.ResourceType", "snapshot")
            .with("TagSpecification.1.Tag.1.Key", SNAPSHOT_OF)
            .with("TagSpecification.1.Tag.1.Value", id);
        let (answer, is_temporary) = self.region.ec2_once("CreateSnapshot", &parameters).await;
        let created = answer.and_then(|answer| {
            let snapshot = Snapshot::read(&answer).filter(|made| is_backup(made, id, since));
            snapshot.ok_or_else(|| invalid("the answer is not a snapshot of the volume"))
        });
        (created, is_temporary)
    }

    async fn delete(&self, id: &str) -> Result<Attempt, NotRemoved> {
        self.remove("DeleteVolume", Parameters::new().with("VolumeId", id)).await
    }

    /// Checks that a volume is still idle and may be removed, and returns since when.
    async fn look_at_volume(&self, id: &str) -> Result<Date, NotRemoved> {
        let list = volumes(self.region, Parameters::new().list("VolumeId", [id])).await;
        let volume = one(list.items, list.failure, |volume| volume.id == id)?;
        self.look(&volume.tags, volume.idle(&self.scope()).as_ref())
    }

    fn look(&self, tags: &Tags, idle: Option<&Idle>) -> Result<Date, NotRemoved> {
        let (scope, Config { remove_tag, grace_days, .. }) = (self.scope(), self.config);
        let may_remove = may_remove(tags, scope.today(), remove_tag, *grace_days);
        let is_idle = idle.is_some_and(|idle| !idle.usd.is_nan());
        let is_due = is_idle && may_remove && !scope.is_kept(tags);
        marked(tags).filter(|_| is_due).ok_or(NotRemoved::Changed)
    }

    async fn remove(&self, action: &str, parameters: Parameters) -> Result<Attempt, NotRemoved> {
        match self.region.call(EC2, action, parameters).await {
            Ok(answer) if answer.text("return") == Some("false") => {
                Err(NotRemoved::Failed(invalid("EC2 answers that it did not remove it")))
            }
            // A volume that is not found was removed by an earlier attempt.
            Err(failure) if !is_gone(&failure) => Err(NotRemoved::Failed(failure)),
            _ => Ok(Attempt::Removed),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope { rules: &self.config.rules, region: &self.region.name, now: self.now }
    }
}

/// The requested resource; a missing one counts as changed.
fn one<T>(
    items: Vec<T>,
    failure: Option<CallFailure>,
    is_it: impl Fn(&T) -> bool,
) -> Result<T, NotRemoved> {
    let failure = failure.filter(|failure| !is_gone(failure));
    let missing = || failure.map_or(NotRemoved::Changed, NotRemoved::Failed);
    items.into_iter().find(is_it).ok_or_else(missing)
}

/// Whether a snapshot was made of this volume since it has been idle: an older one may lack later
/// writes.
fn is_backup(snapshot: &Snapshot, id: &str, since: Date) -> bool {
    let day = snapshot.started.map(|time| time.to_zoned(TimeZone::UTC).date());
    snapshot.volume.as_deref() == Some(id)
        && day.is_some_and(|day| day >= since)
        && ["completed", "pending"].contains(&&*snapshot.state)
}

fn is_completed(snapshot: &Snapshot) -> bool {
    snapshot.state == "completed"
}

fn settle(finding: Finding, attempt: Result<Attempt, NotRemoved>, outcome: &mut Outcome) {
    let Finding { id, region, .. } = &finding;
    let why = match attempt {
        Ok(Attempt::Removed) => {
            tracing::info!(id, region, "removed");
            outcome.removed.push(finding);
            return;
        }
        Ok(Attempt::Pending(..)) => NotRemoved::SnapshotPending,
        Err(why) => why,
    };
    if let NotRemoved::Failed(failure) = &why {
        tracing::error!(id, region, %failure, "failed to remove");
    }
    outcome.not_removed.push((finding, why));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_counts_where_it_was_made_of_the_volume_since_it_is_idle() {
        let since = jiff::civil::date(2026, 11, 1);
        let is_backup = |change: fn(&mut Snapshot)| {
            let mut snapshot = Snapshot {
                id: "snap-1".to_owned(),
                state: "pending".to_owned(),
                started: "2026-11-01T00:00:00Z".parse().ok(),
                volume: Some("vol-1".to_owned()),
                ..Snapshot::default()
            };
            change(&mut snapshot);
            is_backup(&snapshot, "vol-1", since)
        };
        assert!(is_backup(|_| ()));
        let changes: [fn(&mut Snapshot); 5] = [
            |snapshot| snapshot.volume = None,
            |snapshot| snapshot.started = None,
            |snapshot| snapshot.volume = Some("vol-2".to_owned()),
            |snapshot| snapshot.started = "2026-10-31T23:59:59Z".parse().ok(),
            |snapshot| snapshot.state = "error".to_owned(),
        ];
        assert_eq!(changes.map(is_backup), [false; 5]);
    }
}
