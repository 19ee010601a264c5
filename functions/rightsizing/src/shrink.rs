//! Moving a volume's files to a smaller one: when this is refused, and the steps. EC2 cannot shrink
//! a volume, or create one that is smaller than its snapshot.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::aws::query::Element;

use crate::volume::{GIB, Usage, Volume};

/// The tag of the snapshot and of the new volume, with the id of the old one.
pub(crate) const SHRINK_OF: &str = "sluice:shrink-of";
/// Minimum free space of the new volume, in percent of the used size.
const SPARE_PERCENT: u128 = 20;

/// The relevant data of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) is_windows: bool,
    pub(crate) root_device: String,
    pub(crate) devices: BTreeSet<String>,
}

/// The state of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Planned,
    SnapshotPending,
    VolumeCreating,
    Attached,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::SnapshotPending => "snapshot-pending",
            Self::VolumeCreating => "volume-creating",
            Self::Attached => "attached",
        }
    }
}

impl Instance {
    /// Reads an item of `DescribeInstances`.
    pub(crate) fn read(item: &Element) -> Option<Self> {
        let text = |name: &str| item.text(name).unwrap_or_default().to_owned();
        let devices = item.list("blockDeviceMapping").iter();
        Some(Self {
            id: item.text("instanceId")?.to_owned(),
            state: text("instanceState/name"),
            is_windows: text("platform").eq_ignore_ascii_case("windows")
                || text("platformDetails").starts_with("Windows"),
            root_device: text("rootDeviceName"),
            devices: devices
                .filter_map(|device| device.text("deviceName"))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// A device that is free (source: Amazon EC2 User Guide, "Device names for volumes").
    pub(crate) fn free_device(&self) -> Option<String> {
        let devices = ('f'..='p').map(|letter| format!("/dev/sd{letter}"));
        devices.into_iter().find(|device| {
            let other = device.replace("/dev/sd", "/dev/xvd");
            !self.devices.contains(device) && !self.devices.contains(&other)
        })
    }
}

/// The instance that a volume is attached to, and the device.
///
/// # Errors
/// Code and message of a refusal.
pub(crate) fn attached_to(volume: &Volume) -> Result<(&str, &str), (&'static str, &'static str)> {
    if volume.is_multi_attach || volume.attachments.len() > 1 {
        return Err(("MultiAttach", "several instances can have the volume"));
    }
    let attached = volume.attachments.iter().find(|attachment| attachment.state == "attached");
    let attached = attached.map(|attachment| (&*attachment.instance, &*attachment.device));
    attached.ok_or(("NotAttached", "no instance has the volume"))
}

/// Checks a move to a volume of this size. `usage` is `None` if it is unknown.
///
/// # Errors
/// Code and message of a refusal.
pub(crate) fn check(
    volume: &Volume,
    instance: &Instance,
    device: &str,
    usage: Option<Usage>,
    size_gib: u64,
) -> Result<(), (&'static str, &'static str)> {
    let is_root = instance.root_device == device || usage.is_some_and(|usage| usage.is_root);
    let is_too_small = usage.is_some_and(|usage| {
        let least = u128::from(usage.used_bytes) * (100 + SPARE_PERCENT);
        u128::from(size_gib) * u128::from(GIB) * 100 < least
    });
    let is_hdd = ["st1", "sc1"].contains(&&*volume.kind);
    let refusals = [
        (instance.root_device.is_empty(), "InvalidAnswer", "the instance has no root device"),
        (volume.is_managed, "Managed", "a service of AWS manages the volume"),
        (is_root, "RootVolume", "the instance starts from the volume"),
        (instance.is_windows, "Windows", "the steps are for Linux"),
        (instance.state != "running", "NotRunning", "files are copied while the instance runs"),
        (size_gib >= volume.size_gib, "NotSmaller", "the volume is not larger than that"),
        (
            is_hdd && size_gib < volume.min_gib(),
            "BelowMinimum",
            "st1 and sc1 have at least 125 GiB",
        ),
        (is_too_small, "TooSmall", "what is used and 20 % would not fit"),
        (
            volume.max_iops(size_gib).is_some_and(|most| volume.iops > Some(most)),
            "TooManyIops",
            "a volume of that size cannot have the IOPS of this one",
        ),
    ];
    let refusal = refusals.into_iter().find(|(is_refused, ..)| *is_refused);
    refusal.map_or(Ok(()), |(_, code, message)| Err((code, message)))
}

/// The steps of a move. `new` is the new volume, once it is known.
pub(crate) fn steps(volume: &Volume, instance: &str, size_gib: u64, new: Option<&str>) -> Value {
    let Volume { id, kind, zone, .. } = volume;
    let new = new.unwrap_or("NEW-VOLUME");
    let device =
        format!("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{}", new.replace('-', ""));
    let by_function = [
        format!("make a snapshot of {id}, for going back"),
        format!("create an empty {kind} volume of {size_gib} GiB in {zone}"),
        format!("attach it to {instance}"),
    ];
    let by_person = [
        (
            "make a file system on it and copy",
            format!(
                "sudo mkfs.xfs {device} && sudo mkdir -p /mnt/new && sudo mount {device} /mnt/new && \
                 sudo rsync -aHAX --numeric-ids MOUNT/ /mnt/new/"
            ),
        ),
        (
            "stop what writes, copy again, mount it in place, and change /etc/fstab",
            format!(
                "sudo systemctl stop SERVICE && sudo rsync -aHAX --numeric-ids --delete MOUNT/ \
                 /mnt/new/ && sudo umount /mnt/new MOUNT && sudo mount {device} MOUNT && \
                 sudo systemctl start SERVICE"
            ),
        ),
        ("detach the old volume", format!("aws ec2 detach-volume --volume-id {id}")),
    ];
    let by_function = by_function.into_iter().zip(1..);
    let by_function =
        by_function.map(|(what, step)| json!({"step": step, "by": "function", "what": what}));
    let by_person = by_person.into_iter().zip(4..).map(|((what, command), step)| {
        json!({"step": step, "by": "person", "what": what, "command": command})
    });
    by_function.chain(by_person).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Attachment;

    fn volume(kind: &str) -> Volume {
        let attachment = Attachment {
            instance: "i-1".to_owned(),
            device: "/dev/sdf".to_owned(),
            state: "attached".to_owned(),
        };
        Volume {
            kind: kind.to_owned(),
            size_gib: 500,
            attachments: vec![attachment],
            ..Volume::default()
        }
    }

    fn instance() -> Instance {
        Instance {
            id: "i-1".to_owned(),
            state: "running".to_owned(),
            root_device: "/dev/xvda".to_owned(),
            devices: ["/dev/sdf", "/dev/xvdg"].map(str::to_owned).into(),
            is_windows: false,
        }
    }

    #[test]
    fn only_a_volume_of_one_instance_is_moved() {
        assert_eq!(attached_to(&volume("gp3")), Ok(("i-1", "/dev/sdf")));
        let several = Volume { is_multi_attach: true, ..volume("io2") };
        assert_eq!(attached_to(&several).unwrap_err().0, "MultiAttach");
        let mut twice = volume("gp3");
        twice.attachments.push(Attachment::default());
        assert_eq!(attached_to(&twice).unwrap_err().0, "MultiAttach");
        let mut detaching = volume("gp3");
        detaching.attachments[0].state = "detaching".to_owned();
        for other in [detaching, Volume { attachments: Vec::new(), ..volume("gp3") }] {
            assert_eq!(attached_to(&other).unwrap_err().0, "NotAttached");
        }
    }

    #[test]
    fn what_cannot_be_moved_is_refused() {
        let used = |gib: u64| Some(Usage { used_bytes: gib * GIB, is_root: false });
        let stopped = || Instance { state: "stopped".to_owned(), ..instance() };
        let windows = || Instance { is_windows: true, ..instance() };
        let root = || Instance { root_device: "/dev/sdf".to_owned(), ..instance() };
        let rootless = Instance { root_device: String::new(), ..instance() };
        let managed = Volume { is_managed: true, ..volume("gp3") };
        let with_iops = |kind, iops| Volume { iops: Some(iops), ..volume(kind) };
        for (volume, instance, usage, size_gib, expected) in [
            (volume("gp3"), instance(), used(100), 120, None),
            (volume("gp3"), instance(), used(100), 119, Some("TooSmall")),
            (volume("gp3"), instance(), None, 1, None),
            (volume("gp3"), instance(), used(1), 499, None),
            (volume("gp3"), instance(), used(1), 500, Some("NotSmaller")),
            (volume("st1"), instance(), used(1), 124, Some("BelowMinimum")),
            (volume("sc1"), instance(), used(1), 125, None),
            (volume("gp3"), root(), used(1), 100, Some("RootVolume")),
            (
                volume("gp3"),
                instance(),
                Some(Usage { used_bytes: 1, is_root: true }),
                100,
                Some("RootVolume"),
            ),
            (volume("gp3"), windows(), used(1), 100, Some("Windows")),
            (volume("gp3"), stopped(), used(1), 100, Some("NotRunning")),
            (managed, instance(), used(1), 100, Some("Managed")),
            (with_iops("io1", 5_000), instance(), used(1), 100, None),
            (with_iops("io1", 5_001), instance(), used(1), 100, Some("TooManyIops")),
            (with_iops("io2", 64_000), instance(), used(1), 63, Some("TooManyIops")),
            (with_iops("gp3", 3_000), instance(), used(1), 2, None),
            (with_iops("gp3", 3_001), instance(), used(1), 6, Some("TooManyIops")),
            (with_iops("gp2", 1_500), instance(), used(1), 100, None),
            (volume("gp3"), rootless, used(1), 100, Some("InvalidAnswer")),
        ] {
            let refusal = check(&volume, &instance, "/dev/sdf", usage, size_gib);
            assert_eq!(refusal.err().map(|(code, _)| code), expected, "{size_gib} {usage:?}");
        }
    }

    #[test]
    fn a_device_is_free_under_both_of_its_names() {
        assert_eq!(instance().free_device().as_deref(), Some("/dev/sdh"));
        let full = ('f'..='p').map(|letter| format!("/dev/sd{letter}")).collect();
        assert_eq!(Instance { devices: full, ..instance() }.free_device(), None);
    }

    #[test]
    fn three_steps_are_the_functions_and_three_a_persons() {
        let steps = steps(&volume("gp3"), "i-1", 100, Some("vol-0b2"));
        let steps = steps.as_array().unwrap();
        for (step, number) in steps.iter().zip(1..=6) {
            let by = if number <= 3 { "function" } else { "person" };
            assert_eq!((&step["step"], &step["by"]), (&json!(number), &json!(by)));
            assert_eq!(step["command"].is_string(), number > 3);
        }
        assert!(steps[3]["command"].as_str().unwrap().contains("Block_Store_vol0b2"));
    }
}
