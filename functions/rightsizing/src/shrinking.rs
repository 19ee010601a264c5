//! The first three steps of a move to a smaller volume. Their results are found again by a tag, so
//! that each invocation continues where the previous one ended.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::aws::CallFailure;
use shared::aws::query::{EC2, Element, ErrorKind, Parameters};
use tokio::time::sleep;

use crate::change::{Change, Changed, add_saving};
use crate::clients::{failure, invalid};
use crate::disks;
use crate::error::HandlerError;
use crate::found::Saving;
use crate::shrink::{Instance, SHRINK_OF, State, attached_to, check, steps};
use crate::volume::{Usage, Volume};

/// Waits before the second and the third attempt to create a snapshot.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Maximum age of a snapshot that can serve as a backup: files were written since.
const MAX_SNAPSHOT_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Tags of the old volume that are not copied, because they are about the old volume.
const OWN_TAGS: [&str; 3] = [SHRINK_OF, "sluice:idle-since", "sluice:snapshot-of"];

/// Takes the next step of a move.
pub(crate) async fn shrink(
    change: Change<'_>,
    id: &str,
    size_gib: u64,
) -> Result<Changed, HandlerError> {
    let config = change.config;
    let volume = change.volume(id).await?;
    let refused = |(code, message)| failure(code, message);
    let (instance, device) = attached_to(&volume).map_err(refused)?;
    let instance = read_instance(change, instance).await?;
    // First the checks that need no command on the instance.
    check(&volume, &instance, device, None, size_gib).map_err(refused)?;
    let usage = usage(change, &volume, &instance).await?;
    check(&volume, &instance, device, usage, size_gib).map_err(refused)?;
    let mut shrinking =
        Shrinking { change, volume: &volume, instance: &instance, size_gib, changed: false };
    let (state, new) =
        if change.is_dry_run { (State::Planned, None) } else { shrinking.go_on().await? };
    let mut answer = json!({
        "volumeId": id, "sizeGib": size_gib, "state": state.name(), "newVolumeId": new,
        "steps": steps(&volume, &instance.id, size_gib, new.as_deref()),
    });
    let less = volume.size_gib.saturating_sub(size_gib);
    let usd = volume.saving_of(less, &config.rules.prices, &config.region);
    add_saving(&mut answer, Saving::of(usd.unwrap_or_default()));
    Ok(("shrink", shrinking.changed, answer))
}

async fn read_instance(change: Change<'_>, id: &str) -> Result<Instance, CallFailure> {
    let one = Parameters::new().with("InstanceId.1", id);
    let path = ["reservationSet", "instancesSet"];
    let list =
        change.clients.list(EC2, "DescribeInstances", &one, &path, Instance::read, change.time);
    let (instances, unread) = list.await;
    let found = instances.into_iter().find(|instance| instance.id == id);
    found.ok_or_else(|| unread.unwrap_or_else(|| invalid("the instance of the volume is missing")))
}

/// The usage of the volume; `None` without a usage document.
async fn usage(
    change: Change<'_>,
    volume: &Volume,
    instance: &Instance,
) -> Result<Option<Usage>, CallFailure> {
    let Change { config, clients, time, .. } = change;
    let Some(document) = &config.usage_document else { return Ok(None) };
    let instances = [instance.id.clone()];
    let (usages, failures) = disks::usage_on(clients, document, &instances, time).await;
    match (usages.get(&volume.id), failures.into_iter().next()) {
        (Some(Some(usage)), _) => Ok(Some(*usage)),
        (Some(None), _) => Err(failure("UsageUnknown", "a line on the volume cannot be read")),
        (None, Some(failure)) => Err(failure),
        (None, None) => {
            Err(failure("UsageUnknown", "the instance has no file system on the volume"))
        }
    }
}

/// A move in progress.
struct Shrinking<'a> {
    change: Change<'a>,
    volume: &'a Volume,
    instance: &'a Instance,
    size_gib: u64,
    changed: bool,
}

impl Shrinking<'_> {
    /// Does what can be done now, and returns the new volume once there is one.
    async fn go_on(&mut self) -> Result<(State, Option<String>), HandlerError> {
        let new = self.own_volume().await?;
        let snapshots = self.own_snapshots(new.is_some()).await?;
        if snapshots.is_empty() {
            self.create_snapshot().await?;
            return Ok((State::SnapshotPending, None));
        }
        if !snapshots.iter().any(|state| state == "completed") {
            return Ok((State::SnapshotPending, None));
        }
        let Some(new) = new else {
            let id = self.create_volume().await?;
            return Ok((State::VolumeCreating, Some(id)));
        };
        if new.size_gib != self.size_gib {
            let message = format!("{} of {} GiB was made for this before", new.id, new.size_gib);
            return Err(failure("OtherSize", &message).into());
        }
        match &*new.state {
            "creating" => Ok((State::VolumeCreating, Some(new.id))),
            "available" => {
                self.attach(&new.id).await?;
                Ok((State::Attached, Some(new.id)))
            }
            "in-use" if new.attachments.iter().any(|at| at.instance == self.instance.id) => {
                Ok((State::Attached, Some(new.id)))
            }
            other => Err(failure("VolumeFailed", &format!("{} is {other}", new.id)).into()),
        }
    }

    /// The states of existing snapshots for this move; old ones only if the move has already
    /// continued from them.
    async fn own_snapshots(&self, has_volume: bool) -> Result<Vec<String>, CallFailure> {
        let Change { clients, time, now, .. } = self.change;
        let is_recent = |time: Timestamp| now.duration_since(time) <= MAX_SNAPSHOT_AGE;
        let tagged = self.tag_filter().with("Owner.1", "self");
        let path = ["snapshotSet"];
        let list = clients.list(EC2, "DescribeSnapshots", &tagged, &path, Snapshot::read, time);
        let (snapshots, unread) = list.await;
        // A failed snapshot cannot serve as a backup.
        let own = snapshots.into_iter().filter(|snapshot| {
            snapshot.volume == self.volume.id
                && self.is_own(&snapshot.tags)
                && !["error", "deleting", "deleted"].contains(&&*snapshot.state)
                && (has_volume || snapshot.started.is_none_or(is_recent))
        });
        let states = own.map(|snapshot| snapshot.state).collect();
        unread.map_or(Ok(states), Err)
    }

    /// The existing new volume; a failed one only if it is the only one.
    async fn own_volume(&self) -> Result<Option<Volume>, CallFailure> {
        let Change { clients, time, .. } = self.change;
        let (tagged, path) = (self.tag_filter(), ["volumeSet"]);
        let list = clients.list(EC2, "DescribeVolumes", &tagged, &path, Volume::read, time);
        let (volumes, unread) = list.await;
        let own = volumes.into_iter().filter(|new| {
            self.is_own(&new.tags) && !["deleting", "deleted"].contains(&&*new.state)
        });
        let new = own.min_by_key(|new| new.state == "error");
        unread.map_or(Ok(new), Err)
    }

    fn tag_filter(&self) -> Parameters {
        Parameters::new()
            .with("Filter.1.Name", format!("tag:{SHRINK_OF}"))
            .with("Filter.1.Value.1", &*self.volume.id)
    }

    /// Whether the tags show that it was made for this volume: a filter may return others.
    fn is_own(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(SHRINK_OF) == Some(&self.volume.id)
    }

    /// Creates a snapshot. A failure of EC2 may have created one: it is looked for before the next attempt.
    async fn create_snapshot(&mut self) -> Result<(), CallFailure> {
        let Change { clients, time, .. } = self.change;
        let id = &self.volume.id;
        let parameters = Parameters::new()
            .with("VolumeId", id)
            .with("Description", format!("Before the files of {id} move to a smaller volume"));
        let parameters = self.tagged(parameters, "snapshot");
        let mut waits = WAITS.into_iter();
        loop {
            let created = clients.ec2_once("CreateSnapshot", &parameters, time).await;
            match (created, waits.next()) {
                (Ok(_), _) => break,
                (Err(error), Some(wait)) if error.kind == ErrorKind::Temporary => {
                    sleep(wait.min(time.left())).await;
                }
                (Err(error), _) => return Err(error.into()),
            }
            if !self.own_snapshots(false).await?.is_empty() {
                break;
            }
        }
        self.changed = true;
        Ok(())
    }

    /// Creates an empty volume with the properties of the old one, and returns its id.
    async fn create_volume(&mut self) -> Result<String, CallFailure> {
        let Volume { id, kind, zone, iops, throughput, is_encrypted, key, .. } = self.volume;
        let mut parameters = Parameters::new()
            .with("AvailabilityZone", zone)
            .with("Size", self.size_gib.to_string())
            .with("VolumeType", kind)
            .with("Encrypted", is_encrypted.to_string())
            // With this token, a second request does not create a second volume.
            .with("ClientToken", format!("sluice-shrink-{id}-{}", self.size_gib));
        let has_own_iops = ["gp3", "io1", "io2"].contains(&&**kind);
        let options = [
            ("Iops", iops.filter(|_| has_own_iops).map(|iops| iops.to_string())),
            ("Throughput", throughput.filter(|_| kind == "gp3").map(|mibps| mibps.to_string())),
            ("KmsKeyId", key.clone().filter(|_| *is_encrypted)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                parameters = parameters.with(name, value);
            }
        }
        let answer = self.ec2("CreateVolume", self.tagged(parameters, "volume")).await?;
        let id = answer.text("volumeId").map(str::to_owned);
        id.ok_or_else(|| invalid("the new volume has no id"))
    }

    async fn attach(&mut self, id: &str) -> Result<(), CallFailure> {
        let full = || failure("NoDevice", "the instance has no free device");
        let parameters = Parameters::new()
            .with("VolumeId", id)
            .with("InstanceId", &*self.instance.id)
            .with("Device", self.instance.free_device().ok_or_else(full)?);
        self.ec2("AttachVolume", parameters).await.map(drop)
    }

    async fn ec2(&mut self, action: &str, parameters: Parameters) -> Result<Element, CallFailure> {
        let Change { clients, time, .. } = self.change;
        let answer = clients.ec2(action, &parameters, time).await?;
        self.changed = true;
        Ok(answer)
    }

    /// Adds the tags of the old volume, and the one by which it is found again.
    fn tagged(&self, parameters: Parameters, resource: &str) -> Parameters {
        let own = self.volume.tags.iter().map(|(key, value)| (&**key, &**value));
        // AWS's own tags cannot be set.
        let own = own.filter(|(key, _)| !key.starts_with("aws:") && !OWN_TAGS.contains(key));
        let tags = own.chain([(SHRINK_OF, &*self.volume.id)]).zip(1..);
        let named = parameters.with("TagSpecification.1.ResourceType", resource);
        tags.fold(named, |parameters, ((key, value), number)| {
            let tag = format!("TagSpecification.1.Tag.{number}");
            parameters.with(format!("{tag}.Key"), key).with(format!("{tag}.Value"), value)
        })
    }
}

/// The relevant data of a snapshot.
struct Snapshot {
    volume: String,
    state: String,
    started: Option<Timestamp>,
    tags: BTreeMap<String, String>,
}

impl Snapshot {
    /// Reads an item of `DescribeSnapshots`.
    fn read(item: &Element) -> Option<Self> {
        let text = |name: &str| item.text(name).map(str::to_owned);
        Some(Self {
            volume: text("volumeId")?,
            state: text("status")?,
            started: item.text("startTime").and_then(|time| time.parse().ok()),
            tags: item.tags("tagSet"),
        })
    }
}
