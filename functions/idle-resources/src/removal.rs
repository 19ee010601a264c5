//! Removals. Each step looks again, and can be repeated after a crash: the snapshot of a volume is
//! found by its tag.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use shared::aws::CallFailure;
use shared::aws::query::{EC2, Parameters};

use crate::config::Config;
use crate::found::Finding;
use crate::kind::Kind;
use crate::marking::may_remove;
use crate::outcome::{NotRemoved, Outcome};
use crate::region::{Region, invalid};
use crate::rules::snapshot::Snapshot;
use crate::rules::{Idle, Scope, Tags, marked};
use crate::scan::{addresses, snapshots, volumes};

/// The tag of a snapshot with the id of the volume that it was made of before that was deleted.
pub(crate) const SNAPSHOT_OF: &str = "sluice:snapshot-of";

/// Removes what is due in one region.
#[derive(Clone, Copy, Debug)]
struct Remover<'a> {
    config: &'a Config,
    region: &'a Region,
    now: Timestamp,
}

/// What became of one attempt.
enum Attempt {
    Removed,
    /// The snapshot with this id is not completed.
    Pending(String),
}

/// Removes these resources, the first first.
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
            Ok(Attempt::Pending(snapshot)) => pending.push((finding, remover, snapshot)),
            other => settle(finding, other, outcome),
        }
    }
    // Small snapshots may be completed by now.
    for (finding, remover, snapshot) in pending {
        let attempt = remover.delete_if_completed(&finding.id, snapshot).await;
        settle(finding, attempt, outcome);
    }
}

impl Remover<'_> {
    async fn release(&self, id: &str) -> Result<Attempt, NotRemoved> {
        let parameters = Parameters::new().list("AllocationId", [id]);
        let list = addresses(self.region, parameters).await;
        let address = one(list.items, list.failure, |address| address.id == id)?;
        self.look(&address.tags, address.idle(&self.scope()).as_ref())?;
        let parameters = Parameters::new().with("AllocationId", id);
        self.call("ReleaseAddress", parameters).await?;
        Ok(Attempt::Removed)
    }

    async fn delete_with_snapshot(&self, id: &str) -> Result<Attempt, NotRemoved> {
        let since = self.look_at_volume(id).await?;
        let parameters = Parameters::new()
            .with("Filter.1.Name", format!("tag:{SNAPSHOT_OF}"))
            .with("Filter.1.Value.1", id);
        let list = snapshots(self.region, parameters).await;
        if let Some(failure) = list.failure {
            return Err(NotRemoved::Failed(failure));
        }
        let mut own = list.items.iter().filter(|snapshot| is_of(snapshot, id, since));
        let snapshot = match own.find(|snapshot| is_completed(snapshot)) {
            Some(completed) => completed.clone(),
            None => match list.items.iter().find(|snapshot| is_of(snapshot, id, since)) {
                Some(pending) => pending.clone(),
                None => self.create_snapshot(id).await?,
            },
        };
        if is_completed(&snapshot) {
            self.delete(id).await
        } else {
            Ok(Attempt::Pending(snapshot.id))
        }
    }

    async fn delete_if_completed(&self, id: &str, snapshot: String) -> Result<Attempt, NotRemoved> {
        let parameters = Parameters::new().list("SnapshotId", [&*snapshot]);
        let list = snapshots(self.region, parameters).await;
        let is_done = |found: &Snapshot| found.id == snapshot && is_completed(found);
        if !list.items.iter().any(is_done) {
            return Ok(Attempt::Pending(snapshot));
        }
        self.look_at_volume(id).await?;
        self.delete(id).await
    }

    async fn create_snapshot(&self, id: &str) -> Result<Snapshot, NotRemoved> {
        let parameters = Parameters::new()
            .with("VolumeId", id)
            .with("Description", format!("{id} before idle-resources deletes it"))
            .with("TagSpecification.1.ResourceType", "snapshot")
            .with("TagSpecification.1.Tag.1.Key", SNAPSHOT_OF)
            .with("TagSpecification.1.Tag.1.Value", id);
        let answer = self.region.call(EC2, "CreateSnapshot", parameters).await;
        let answer = answer.map_err(NotRemoved::Failed)?;
        let odd = || NotRemoved::Failed(invalid("the snapshot has no id"));
        Snapshot::read(&answer).ok_or_else(odd)
    }

    async fn delete(&self, id: &str) -> Result<Attempt, NotRemoved> {
        self.call("DeleteVolume", Parameters::new().with("VolumeId", id)).await?;
        Ok(Attempt::Removed)
    }

    /// Looks whether a volume is still idle and may be removed, and returns since when.
    async fn look_at_volume(&self, id: &str) -> Result<Date, NotRemoved> {
        let list = volumes(self.region, Parameters::new().list("VolumeId", [id])).await;
        let volume = one(list.items, list.failure, |volume| volume.id == id)?;
        self.look(&volume.tags, volume.idle(&self.scope()).as_ref())
    }

    fn look(&self, tags: &Tags, idle: Option<&Idle>) -> Result<Date, NotRemoved> {
        let (scope, Config { remove_tag, grace_days, .. }) = (self.scope(), self.config);
        let may_remove = may_remove(tags, scope.today(), remove_tag, *grace_days);
        let is_due = idle.is_some() && may_remove && !scope.is_kept(tags);
        marked(tags).filter(|_| is_due).ok_or(NotRemoved::Changed)
    }

    async fn call(&self, action: &str, parameters: Parameters) -> Result<(), NotRemoved> {
        self.region.call(EC2, action, parameters).await.map(drop).map_err(NotRemoved::Failed)
    }

    fn scope(&self) -> Scope<'_> {
        Scope { rules: &self.config.rules, region: &self.region.name, now: self.now }
    }
}

/// The resource that was asked for: one that is not there any more has changed.
fn one<T>(
    items: Vec<T>,
    failure: Option<CallFailure>,
    is_it: impl Fn(&T) -> bool,
) -> Result<T, NotRemoved> {
    match items.into_iter().find(is_it) {
        Some(item) => Ok(item),
        None => Err(failure.map_or(NotRemoved::Changed, NotRemoved::Failed)),
    }
}

/// Whether a snapshot was made of this volume since it is idle: an older one may lack what was written
/// when the volume was in use again.
fn is_of(snapshot: &Snapshot, id: &str, since: Date) -> bool {
    let day = snapshot.started.map(|time| time.to_zoned(TimeZone::UTC).date());
    snapshot.tags.get(SNAPSHOT_OF).is_some_and(|of| of == id)
        && snapshot.volume.as_deref().is_none_or(|volume| volume == id)
        && day.is_none_or(|day| day >= since)
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
        Ok(Attempt::Pending(_)) => NotRemoved::SnapshotPending,
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
    use crate::rules::tests::tags;

    #[test]
    fn a_snapshot_counts_where_it_was_made_of_the_volume_since_it_is_idle() {
        let since = jiff::civil::date(2026, 11, 1);
        let is_of = |change: fn(&mut Snapshot)| {
            let mut snapshot = Snapshot {
                id: "snap-1".to_owned(),
                tags: tags(&[(SNAPSHOT_OF, "vol-1")]),
                state: "pending".to_owned(),
                started: "2026-11-01T00:00:00Z".parse().ok(),
                volume: Some("vol-1".to_owned()),
                ..Snapshot::default()
            };
            change(&mut snapshot);
            is_of(&snapshot, "vol-1", since)
        };
        assert!(is_of(|_| ()));
        let changes: [fn(&mut Snapshot); 4] = [
            |snapshot| snapshot.tags = tags(&[(SNAPSHOT_OF, "vol-2")]),
            |snapshot| snapshot.volume = Some("vol-2".to_owned()),
            |snapshot| snapshot.started = "2026-10-31T23:59:59Z".parse().ok(),
            |snapshot| snapshot.state = "error".to_owned(),
        ];
        assert_eq!(changes.map(is_of), [false; 4]);
    }
}
