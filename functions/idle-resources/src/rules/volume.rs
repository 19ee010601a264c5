//! EBS volumes. EC2 does not report when a volume was detached: only its age and its state are known.

use jiff::Timestamp;
use shared::aws::query::Element;
use shared::cost::Price;

use super::{Bound, IDLE_SINCE, Idle, Scope, Tags, amount, day, marked, time};

/// IOPS and MiB/s of a gp3 volume that are part of its price (source: Amazon EBS User Guide, "General
/// Purpose SSD volumes").
const GP3_IOPS: f64 = 3_000.0;
const GP3_MIBPS: f64 = 125.0;

/// A volume.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) tags: Tags,
    /// `available` if it is not attached.
    pub(crate) state: String,
    created: Option<Timestamp>,
    size_gib: f64,
    pub(crate) kind: VolumeType,
    iops: f64,
    /// MiB/s.
    throughput: f64,
    is_managed: bool,
    /// The instances that it is attached to.
    pub(crate) instances: Vec<String>,
}

/// The type of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VolumeType {
    Gp2,
    Gp3,
    Io1,
    Io2,
    Sc1,
    St1,
    Standard,
    /// A type without a price here.
    Unknown,
}

impl VolumeType {
    fn parse(name: &str) -> Self {
        match name {
            "gp2" => Self::Gp2,
            "gp3" => Self::Gp3,
            "io1" => Self::Io1,
            "io2" => Self::Io2,
            "sc1" => Self::Sc1,
            "st1" => Self::St1,
            "standard" => Self::Standard,
            _ => Self::Unknown,
        }
    }
}

impl Volume {
    /// Reads an item of `DescribeVolumes`. `None` without an id.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        let instances = element.list("attachmentSet").iter();
        let instances = instances.filter_map(|attachment| attachment.text("instanceId"));
        // Not all types have rates.
        let rate = |name: &str| element.text(name).map_or(0.0, |_| amount(element, name));
        let created = time(element.text("createTime"));
        let mut tags = element.tags("tagSet");
        // A mark that is older than the volume was copied with the tags of another one.
        if marked(&tags).zip(created).is_some_and(|(since, created)| since < day(created)) {
            tags.remove(IDLE_SINCE);
        }
        Some(Self {
            id: element.text("volumeId")?.to_owned(),
            tags,
            state: element.text("status").unwrap_or_default().to_owned(),
            created,
            size_gib: amount(element, "size"),
            kind: VolumeType::parse(element.text("volumeType").unwrap_or_default()),
            iops: rate("iops"),
            throughput: rate("throughput"),
            is_managed: element.is_true("operator/managed"),
            instances: instances.map(str::to_owned).collect(),
        })
    }

    /// USD a month; NaN if its size, its type or a rate is not known.
    pub(crate) fn usd(&self, scope: &Scope<'_>) -> f64 {
        let size = |price| self.size_gib * scope.price(price);
        let above = |rate: f64, included: f64| if rate < included { 0.0 } else { rate - included };
        let iops = |included, price| above(self.iops, included) * scope.price(price);
        match self.kind {
            VolumeType::Gp2 => size(Price::Gp2),
            VolumeType::Gp3 => {
                let mibps = above(self.throughput, GP3_MIBPS) * scope.price(Price::Gp3Mibps);
                size(Price::Gp3) + iops(GP3_IOPS, Price::Gp3Iops) + mibps
            }
            VolumeType::Io1 => size(Price::Io1) + iops(0.0, Price::Io1Iops),
            VolumeType::Io2 => size(Price::Io2) + iops(0.0, Price::Io2Iops),
            VolumeType::Sc1 => size(Price::Sc1),
            VolumeType::St1 => size(Price::St1),
            VolumeType::Standard => size(Price::Standard),
            VolumeType::Unknown => f64::NAN,
        }
    }

    /// Whether it is attached to something.
    pub(crate) fn is_in_use(&self) -> bool {
        self.state == "in-use"
    }

    pub(crate) fn idle(&self, scope: &Scope<'_>) -> Option<Idle> {
        let is_old = scope.is_older(self.created, scope.rules.min_age_days);
        let created = self.created.filter(|_| is_old)?;
        (self.state == "available" && !self.is_managed).then(|| Idle {
            usd: self.usd(scope),
            bound: Bound::Exactly,
            why: format!(
                "attached to nothing, {} GiB of {}, created {}",
                self.size_gib,
                format!("{:?}", self.kind).to_lowercase(),
                day(created)
            ),
            since: marked(&self.tags).map(|day| day.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, rules, scope};
    use super::*;

    fn volume(kind: &str, size_gib: f64, iops: f64, throughput: f64) -> Volume {
        Volume {
            id: "vol-1".to_owned(),
            tags: Tags::new(),
            state: "available".to_owned(),
            created: time(Some("2026-11-21T00:00:00Z")),
            size_gib,
            kind: VolumeType::parse(kind),
            iops,
            throughput,
            is_managed: false,
            instances: Vec::new(),
        }
    }

    #[test]
    fn costs_its_size_and_what_it_has_beyond() {
        let rules = rules();
        for (kind, size, iops, throughput, expected) in [
            ("gp2", 100.0, 300.0, 0.0, "10.0000"),
            ("gp3", 100.0, 3_000.0, 125.0, "8.0000"),
            ("gp3", 100.0, 0.0, 0.0, "8.0000"),
            ("gp3", 100.0, 4_000.0, 225.0, "17.0000"),
            ("io1", 100.0, 1_000.0, 0.0, "77.5000"),
            ("io2", 100.0, 1_000.0, 0.0, "77.5000"),
            ("st1", 500.0, 0.0, 0.0, "22.5000"),
            ("sc1", 500.0, 0.0, 0.0, "7.5000"),
            ("standard", 10.0, 0.0, 0.0, "0.5000"),
        ] {
            let idle = volume(kind, size, iops, throughput).idle(&scope(&rules));
            assert_eq!(cost(idle), Some((expected.to_owned(), Bound::Exactly)), "{kind}");
        }
        let nan = f64::NAN;
        for (kind, size, iops, throughput) in [
            ("gp9", 100.0, 0.0, 0.0),
            ("gp2", nan, 0.0, 0.0),
            ("gp3", 100.0, nan, 0.0),
            ("gp3", 100.0, 0.0, nan),
        ] {
            assert!(volume(kind, size, iops, throughput).usd(&scope(&rules)).is_nan(), "{kind}");
        }
    }

    #[test]
    fn is_idle_where_it_is_available_old_enough_and_its_owners() {
        let rules = rules();
        let of = |change: fn(&mut Volume)| {
            let mut volume = volume("gp2", 100.0, 0.0, 0.0);
            change(&mut volume);
            volume.idle(&scope(&rules))
        };
        let why = of(|_| ()).unwrap().why;
        assert_eq!(why, "attached to nothing, 100 GiB of gp2, created 2026-11-21");
        let changes: [fn(&mut Volume); 5] = [
            |volume| volume.state = "in-use".to_owned(),
            |volume| volume.state = "creating".to_owned(),
            |volume| volume.is_managed = true,
            |volume| volume.created = time(Some("2026-11-21T00:00:01Z")),
            |volume| volume.created = None,
        ];
        assert_eq!(changes.map(of), [const { None }; 5]);
    }
}
