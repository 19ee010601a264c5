//! EBS volumes: their costs, and cheaper alternatives.

use std::collections::BTreeMap;

use shared::aws::query::Element;
use shared::cost::{Price, Prices};

use crate::config::Rules;
use crate::found::Saving;

/// 2^30
pub(crate) const GIB: u64 = 1 << 30;
/// Minimum size of a volume that is worth a move.
const MIN_LARGE_GIB: u64 = 20;
/// Minimum size of a proposed volume.
const MIN_GIB: u64 = 8;
/// Minimum size of st1 and sc1 volumes (source: Amazon EC2 API reference, `CreateVolume`).
const MIN_HDD_GIB: u64 = 125;
/// Maximum size of a volume (source: Amazon EC2 API reference, `CreateVolume`).
const MAX_GIB: u64 = 65_536;
/// Number of characters of a command's output that are kept (source: AWS Systems Manager API
/// reference, `GetCommandInvocation`).
const MAX_OUTPUT: usize = 24_000;
/// IOPS of gp3 that are included in the price per GiB (source: Amazon EBS User Guide, "General
/// Purpose SSD volumes").
const FREE_IOPS: u64 = 3_000;
const FREE_MIBPS: u64 = 125;
/// Maximum IOPS of gp2.
const MAX_GP2_IOPS: u64 = 16_000;
/// A gp2 volume of this size is faster than 128 MiB/s, up to 250.
const FAST_GIB: u64 = 171;
const FAST_MIBPS: u64 = 250;

/// The relevant data of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) id: String,
    /// Its type, such as `gp2`.
    pub(crate) kind: String,
    pub(crate) size_gib: u64,
    pub(crate) state: String,
    /// Its provisioned IOPS, and its throughput in MiB/s, if it has its own.
    pub(crate) iops: Option<u64>,
    pub(crate) throughput: Option<u64>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Whether a service of AWS manages it, and nobody else may change it.
    pub(crate) is_managed: bool,
    pub(crate) is_multi_attach: bool,
    pub(crate) zone: String,
    pub(crate) is_encrypted: bool,
    pub(crate) key: Option<String>,
    pub(crate) attachments: Vec<Attachment>,
}

/// The attachment of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) instance: String,
    pub(crate) device: String,
    pub(crate) state: String,
}

/// The performance of a gp3 volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gp3 {
    pub(crate) iops: u64,
    /// MiB/s
    pub(crate) throughput: u64,
}

impl Volume {
    /// Reads an item of `DescribeVolumes`.
    pub(crate) fn read(item: &Element) -> Option<Self> {
        let text = |name: &str| item.text(name).unwrap_or_default().to_owned();
        let attachment = |item: &Element| Attachment {
            instance: item.text("instanceId").unwrap_or_default().to_owned(),
            device: item.text("device").unwrap_or_default().to_owned(),
            state: item.text("status").unwrap_or_default().to_owned(),
        };
        Some(Self {
            id: item.text("volumeId")?.to_owned(),
            kind: item.text("volumeType")?.to_owned(),
            size_gib: item.number("size").filter(|size| *size <= MAX_GIB)?,
            state: text("status"),
            iops: item.number("iops"),
            throughput: item.number("throughput"),
            tags: item.tags("tagSet"),
            is_managed: item.is_true("operator/managed"),
            is_multi_attach: item.is_true("multiAttachEnabled"),
            zone: text("availabilityZone"),
            is_encrypted: item.is_true("encrypted"),
            key: item.text("kmsKeyId").map(str::to_owned),
            attachments: item.list("attachmentSet").iter().map(attachment).collect(),
        })
    }

    /// Whether it can be changed at all.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_managed && ["in-use", "available"].contains(&&*self.state)
    }

    /// Maximum IOPS of a volume with its type and this size; `None` if they follow from the size
    /// (source: Amazon EBS User Guide, "Amazon EBS volume types").
    pub(crate) fn max_iops(&self, size_gib: u64) -> Option<u64> {
        match &*self.kind {
            "gp3" => Some(size_gib.saturating_mul(500).max(3_000)),
            "io1" => Some(size_gib.saturating_mul(50)),
            "io2" => Some(size_gib.saturating_mul(1_000)),
            _ => None,
        }
    }

    /// Minimum size for its type.
    pub(crate) fn min_gib(&self) -> u64 {
        if ["st1", "sc1"].contains(&&*self.kind) { MIN_HDD_GIB } else { MIN_GIB }
    }

    /// The saving of this number of GiB, in USD a month.
    pub(crate) fn saving_of(&self, gib_less: u64, prices: &Prices, region: &str) -> Option<f64> {
        Some(number(gib_less) * prices.of(region, Price::parse(&self.kind)?))
    }
}

impl Gp3 {
    /// The performance that is at least as fast as a gp2 volume of this size.
    pub(crate) fn like_gp2(size_gib: u64) -> Self {
        Self {
            iops: size_gib.saturating_mul(3).clamp(FREE_IOPS, MAX_GP2_IOPS),
            throughput: if size_gib < FAST_GIB { FREE_MIBPS } else { FAST_MIBPS },
        }
    }

    /// The saving compared with gp2, in USD a month; negative if it is more expensive.
    pub(crate) fn saving(self, size_gib: u64, prices: &Prices, region: &str) -> f64 {
        let price = |price| prices.of(region, price);
        let size = number(size_gib) * (price(Price::Gp2) - price(Price::Gp3));
        let iops = number(self.iops - FREE_IOPS) * price(Price::Gp3Iops);
        let throughput = number(self.throughput - FREE_MIBPS) * price(Price::Gp3Mibps);
        size - iops - throughput
    }
}

/// The saving by changing a gp2 volume to gp3, and why; `None` for any other volume.
pub(crate) fn as_gp3(volume: &Volume, rules: &Rules, region: &str) -> Option<(Saving, String)> {
    if volume.kind != "gp2" || !volume.is_usable() {
        return None;
    }
    let gp3 = Gp3::like_gp2(volume.size_gib);
    let saving = Saving::of(gp3.saving(volume.size_gib, &rules.prices, region));
    let Gp3 { iops, throughput } = gp3;
    let size = volume.size_gib;
    Some((
        saving,
        format!("gp2 of {size} GiB; gp3 with {iops} IOPS and {throughput} MiB/s would do"),
    ))
}

/// The usage of each volume; `None` if the output does not contain it.
pub(crate) type Usages = BTreeMap<String, Option<Usage>>;

/// The usage of a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) used_bytes: u64,
    pub(crate) is_root: bool,
}

/// The saving by shrinking a hardly used volume, and why; `None` if enough of it is used.
pub(crate) fn smaller(
    volume: &Volume,
    usage: Usage,
    rules: &Rules,
    region: &str,
) -> Option<(Saving, String)> {
    let Rules { used_percent, headroom_percent, prices, .. } = rules;
    let Volume { size_gib, .. } = *volume;
    let (used, gib) = (u128::from(usage.used_bytes), u128::from(GIB));
    let is_large = size_gib >= MIN_LARGE_GIB && volume.is_usable();
    let is_hardly_used = used * 100 < u128::from(*used_percent) * u128::from(size_gib) * gib;
    if !is_large || !is_hardly_used {
        return None;
    }
    let wanted = (used * u128::from(100 + headroom_percent)).div_ceil(100 * gib);
    let new_gib = u64::try_from(wanted).ok()?.max(volume.min_gib());
    let less = size_gib.checked_sub(new_gib).filter(|less| *less > 0)?;
    let saving = Saving::of(volume.saving_of(less, prices, region)?);
    let used_gib = number(usage.used_bytes) / number(GIB);
    let root = if usage.is_root { "; root" } else { "" };
    Some((saving, format!("{used_gib:.1} of {size_gib} GiB used, {new_gib} GiB would do{root}")))
}

/// Adds the output of the usage document on an instance: lines `volume ID BYTES USED TYPE MOUNT`. A
/// volume has a line for each of its file systems: if one is unreadable, the volume's usage is
/// unknown. Returns whether the output was cut off.
pub(crate) fn add_usage(output: &str, usages: &mut Usages) -> bool {
    let is_cut = output.chars().count() >= MAX_OUTPUT;
    let mut ids = Vec::new();
    for line in output.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let ["volume", id, rest @ ..] = &words[..] else { continue };
        let id = volume_id(id);
        let sum = usages.entry(id.clone()).or_insert_with(|| Some(Usage::default()));
        *sum = sum.zip(file_system(rest)).map(|(sum, of_line)| Usage {
            used_bytes: sum.used_bytes.saturating_add(of_line.used_bytes),
            is_root: sum.is_root || of_line.is_root,
        });
        ids.push(id);
    }
    if is_cut {
        // The last line may be truncated, and further lines of the volume before it may be missing.
        usages.extend(ids.into_iter().rev().take(2).map(|id| (id, None)));
    }
    is_cut
}

/// Parses a file system from the words `BYTES USED TYPE MOUNT`; a mount may contain blanks.
fn file_system(words: &[&str]) -> Option<Usage> {
    let [bytes, used, _kind, mount, ..] = words else { return None };
    let (bytes, used_bytes) = (bytes.parse::<u64>().ok()?, used.parse().ok()?);
    (used_bytes <= bytes).then_some(Usage { used_bytes, is_root: *mount == "/" })
}

/// The id of a volume; its serial number on Nitro instances has no dash.
fn volume_id(text: &str) -> String {
    match text.strip_prefix("vol") {
        Some(rest) if !rest.starts_with('-') => format!("vol-{rest}"),
        _ => text.to_owned(),
    }
}

/// Sizes are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn rules() -> Rules {
        Rules {
            used_percent: 30,
            headroom_percent: 50,
            min_usd: 1.0,
            prices: Prices::default(),
            keep: shared::cost::Keep::from_environment(&shared::config::Environment::default())
                .unwrap(),
        }
    }

    fn volume(kind: &str, size_gib: u64) -> Volume {
        let (kind, state) = (kind.to_owned(), "in-use".to_owned());
        Volume { kind, size_gib, state, ..Volume::default() }
    }

    #[test]
    fn gp3_is_as_fast_as_gp2_and_cheaper_where_its_speed_is_free() {
        for (size_gib, iops, throughput, cents) in [
            (1, 3_000, 125, 2.0),
            (100, 3_000, 125, 200.0),
            (170, 3_000, 125, 340.0),
            (171, 3_000, 250, -158.0),
            (500, 3_000, 250, 500.0),
            (1_000, 3_000, 250, 1_500.0),
            (2_000, 6_000, 250, 2_000.0),
            (6_000, 16_000, 250, 5_000.0),
        ] {
            let gp3 = Gp3::like_gp2(size_gib);
            assert_eq!(gp3, Gp3 { iops, throughput }, "{size_gib} GiB");
            let (saving, why) = as_gp3(&volume("gp2", size_gib), &rules(), "us-east-1").unwrap();
            assert!((saving.usd * 100.0 - cents).abs() < 1e-6, "{size_gib} GiB: {saving:?}");
            assert!(why.contains(&format!("{iops} IOPS and {throughput} MiB/s")), "{why}");
        }
    }

    #[test]
    fn only_gp2_that_can_be_changed_becomes_gp3() {
        let managed = Volume { is_managed: true, ..volume("gp2", 100) };
        let deleting = Volume { state: "deleting".to_owned(), ..volume("gp2", 100) };
        for other in [volume("gp3", 100), volume("io1", 100), managed, deleting] {
            assert_eq!(as_gp3(&other, &rules(), "us-east-1"), None, "{other:?}");
        }
        let idle = Volume { state: "available".to_owned(), ..volume("gp2", 100) };
        assert!(as_gp3(&idle, &rules(), "us-east-1").is_some());
    }

    #[test]
    fn a_volume_that_is_hardly_used_could_be_smaller() {
        for (kind, size_gib, used_mib, is_root, expected) in [
            ("gp3", 100, 10_240, false, Some((6.8, "10.0 of 100 GiB used, 15 GiB would do"))),
            ("gp2", 100, 10_240, true, Some((8.5, "10.0 of 100 GiB used, 15 GiB would do; root"))),
            ("gp3", 100, 10_241, false, Some((6.72, "10.0 of 100 GiB used, 16 GiB would do"))),
            ("gp3", 100, 30_720, false, None),
            ("gp3", 100, 30_719, false, Some((4.4, "30.0 of 100 GiB used, 45 GiB would do"))),
            ("gp3", 20, 0, false, Some((0.96, "0.0 of 20 GiB used, 8 GiB would do"))),
            ("gp3", 19, 0, false, None),
            ("st1", 500, 10_240, false, Some((16.875, "10.0 of 500 GiB used, 125 GiB would do"))),
            ("sc1", 125, 1_024, false, None),
            ("new", 500, 1_024, false, None),
        ] {
            let usage = Usage { used_bytes: used_mib * (1 << 20), is_root };
            let found = smaller(&volume(kind, size_gib), usage, &rules(), "us-east-1");
            let found =
                found.as_ref().map(|(saving, why)| ((saving.usd * 1e4).round() / 1e4, &**why));
            assert_eq!(found, expected, "{kind} {size_gib} GiB, {used_mib} MiB");
        }
    }

    #[test]
    fn the_file_systems_of_a_volume_are_added_up() {
        let mut usages = Usages::new();
        let lines = "volume vol0a1 10 3 ext4 /data\nvolume vol-0a1 10 4 xfs /my logs\nnoise\n\
             volume vol-0b2 10 5 xfs /\nvolume vol-0c3 10 many xfs /a\nvolume vol-0d4 10\n\
             volume vol-0e5 10 1 xfs /a\nvolume vol-0e5 10 11 xfs /b\nvolume vol-0e5 10 1 xfs /c";
        assert!(!add_usage(lines, &mut usages));
        let known = |used_bytes, is_root| Some(Usage { used_bytes, is_root });
        let expected = [
            ("vol-0a1", known(7, false)),
            ("vol-0b2", known(5, true)),
            ("vol-0c3", None),
            ("vol-0d4", None),
            ("vol-0e5", None),
        ];
        assert_eq!(usages, expected.map(|(id, usage)| (id.to_owned(), usage)).into());
    }

    #[test]
    fn of_an_output_that_is_cut_off_the_last_volumes_are_unknown() {
        let lines = (0..2_000).map(|at| format!("volume vol-{at} 10 1 xfs /a\n"));
        let lines = lines.collect::<Vec<_>>().concat();
        let mut usages = Usages::new();
        assert!(add_usage(&lines[..MAX_OUTPUT], &mut usages));
        let unknown: Vec<_> =
            usages.iter().filter(|(_, usage)| usage.is_none()).map(|(id, _)| &**id).collect();
        let last = lines[..MAX_OUTPUT].matches("volume vol-").count();
        assert_eq!(unknown, [format!("vol-{}", last - 2), format!("vol-{}", last - 1)]);
    }
}
