//! Buckets: what Intelligent-Tiering would save, and what it actually saves.

use std::collections::BTreeMap;

use shared::cost::{Price, Prices};

use crate::found::{Measured, Saving};

/// Minimum size of a monitored object: smaller ones stay at the price of frequent access (source:
/// Amazon S3 User Guide, "How S3 Intelligent-Tiering works").
pub(crate) const MIN_OBJECT_BYTES: f64 = 131_072.0;
const GIB: f64 = 1_073_741_824.0;

/// A storage type of a bucket (source: Amazon S3 User Guide, "Metrics and dimensions").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Storage {
    Standard,
    /// Intelligent-Tiering, with frequent access.
    Frequent,
    Infrequent,
    ArchiveInstant,
    Archive,
    DeepArchive,
}

impl Storage {
    pub(crate) const ALL: [Self; 6] = [
        Self::Standard,
        Self::Frequent,
        Self::Infrequent,
        Self::ArchiveInstant,
        Self::Archive,
        Self::DeepArchive,
    ];

    /// The value of the dimension `StorageType`.
    pub(crate) const fn dimension(self) -> &'static str {
        match self {
            Self::Standard => "StandardStorage",
            Self::Frequent => "IntelligentTieringFAStorage",
            Self::Infrequent => "IntelligentTieringIAStorage",
            Self::ArchiveInstant => "IntelligentTieringAIAStorage",
            Self::Archive => "IntelligentTieringAAStorage",
            Self::DeepArchive => "IntelligentTieringDAAStorage",
        }
    }

    const fn price(self) -> Price {
        match self {
            Self::Standard | Self::Frequent => Price::S3Standard,
            Self::Infrequent => Price::S3Ia,
            Self::ArchiveInstant => Price::S3Aia,
            Self::Archive => Price::S3Aa,
            Self::DeepArchive => Price::S3Daa,
        }
    }
}

/// The size of a bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sizes {
    /// Bytes by storage type.
    pub(crate) bytes: BTreeMap<Storage, f64>,
    /// Number of objects of all types.
    pub(crate) objects: f64,
}

impl Sizes {
    fn gib(&self, storage: Storage) -> f64 {
        self.bytes.get(&storage).copied().unwrap_or_default() / GIB
    }

    /// The monthly cost of monitoring all objects.
    fn monitoring(&self, prices: &Prices, region: &str) -> f64 {
        self.objects / 1_000.0 * prices.of(region, Price::S3Monitoring)
    }

    /// The saving by Intelligent-Tiering, and why: from the loss of its monitoring charge, if all
    /// objects are read regularly, to the saving if none is read for 90 days. `None` for small
    /// objects, or without any.
    pub(crate) fn saving(&self, prices: &Prices, region: &str) -> Option<(Saving, String)> {
        let bytes: f64 = self.bytes.values().sum();
        let average = bytes / self.objects;
        let size = self.gib(Storage::Standard);
        if !average.is_finite() || average < MIN_OBJECT_BYTES || size <= 0.0 {
            return None;
        }
        let monitoring = self.monitoring(prices, region);
        let price = |price| prices.of(region, price);
        let unread = size * (price(Price::S3Standard) - price(Price::S3Aia));
        let saving = Saving { usd: -monitoring, max: unread - monitoring };
        let objects = self.objects;
        let why = format!(
            "{size:.1} GiB in STANDARD, {objects:.0} objects; Intelligent-Tiering would do"
        );
        Some((saving, why))
    }

    /// The saving by archive tiers: from nothing to the saving if all objects in
    /// Intelligent-Tiering are in the lowest tier.
    pub(crate) fn archived(&self, is_deep: bool, prices: &Prices, region: &str) -> Saving {
        let lowest = if is_deep { Storage::DeepArchive } else { Storage::Archive };
        let price = |storage: Storage| prices.of(region, storage.price());
        let tiers = [Storage::Frequent, Storage::Infrequent, Storage::ArchiveInstant];
        let saving = |tier: Storage| self.gib(tier) * (price(tier) - price(lowest));
        Saving { usd: 0.0, max: tiers.into_iter().map(saving).sum() }
    }

    /// The saving by Intelligent-Tiering for a bucket that has its tiers.
    pub(crate) fn measured(&self, bucket: &str, prices: &Prices, region: &str) -> Option<Measured> {
        let price = |storage: Storage| prices.of(region, storage.price());
        let tiers = &Storage::ALL[1..];
        let gib: f64 = tiers.iter().map(|tier| self.gib(*tier)).sum();
        if gib <= 0.0 {
            return None;
        }
        let at_frequent = gib * price(Storage::Frequent);
        let costs: f64 = tiers.iter().map(|tier| self.gib(*tier) * price(*tier)).sum();
        let usd = at_frequent - costs - self.monitoring(prices, region);
        Some(Measured { bucket: bucket.to_owned(), usd, percent: usd / at_frequent * 100.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(gib: &[(Storage, f64)], objects: f64) -> Sizes {
        Sizes { bytes: gib.iter().map(|(storage, gib)| (*storage, gib * GIB)).collect(), objects }
    }

    #[test]
    fn tiering_saves_from_less_than_nothing_to_what_is_never_read() {
        let prices = Prices::default();
        let bucket = sizes(&[(Storage::Standard, 1_000.0)], 100_000.0);
        let (saving, why) = bucket.saving(&prices, "us-east-1").unwrap();
        // 1,000 x (0.023 - 0.004), and 100 x 0.0025 for monitoring.
        assert!((saving.usd + 0.25).abs() < 1e-9 && (saving.max - 18.75).abs() < 1e-9);
        assert_eq!(why, "1000.0 GiB in STANDARD, 100000 objects; Intelligent-Tiering would do");
        // 128 KiB on average, and less.
        let objects = 1_000.0 * GIB / MIN_OBJECT_BYTES;
        let at_least = sizes(&[(Storage::Standard, 1_000.0)], objects);
        assert!(at_least.saving(&prices, "us-east-1").is_some());
        let small = sizes(&[(Storage::Standard, 1_000.0)], objects + 1.0);
        for none in [small, Sizes::default(), sizes(&[(Storage::Frequent, 1.0)], 1.0)] {
            assert_eq!(none.saving(&prices, "us-east-1"), None, "{none:?}");
        }
    }

    #[test]
    fn what_tiers_save_is_against_frequent_access() {
        let prices = Prices::default();
        let lake = sizes(
            &[
                (Storage::Standard, 500.0),
                (Storage::Frequent, 100.0),
                (Storage::Infrequent, 200.0),
                (Storage::ArchiveInstant, 300.0),
                (Storage::Archive, 300.0),
                (Storage::DeepArchive, 100.0),
            ],
            10_000.0,
        );
        let Measured { bucket, usd, percent } =
            lake.measured("lake", &prices, "us-east-1").unwrap();
        // 200 x 0.0105 + 300 x 0.019 + 300 x 0.0194 + 100 x 0.02201 - 0.025 of 23.
        assert_eq!(bucket, "lake");
        assert!((usd - 15.796).abs() < 1e-9, "{usd}");
        assert!((percent - 68.678_260_869_565_2).abs() < 1e-9, "{percent}");
        let standard = sizes(&[(Storage::Standard, 1.0)], 1.0);
        assert_eq!(standard.measured("a", &prices, "us-east-1"), None);
    }
}
