//! The kinds of resources.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

/// A kind of resource that may be idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Address,
    Bucket,
    Database,
    Image,
    Instance,
    LoadBalancer,
    LogGroup,
    NatGateway,
    Snapshot,
    Volume,
}

impl Kind {
    /// All of them, by name.
    pub(crate) const ALL: [Self; 10] = [
        Self::Address,
        Self::Bucket,
        Self::Database,
        Self::Image,
        Self::Instance,
        Self::LoadBalancer,
        Self::LogGroup,
        Self::NatGateway,
        Self::Snapshot,
        Self::Volume,
    ];

    /// The name, as in `KINDS`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Bucket => "bucket",
            Self::Database => "database",
            Self::Image => "image",
            Self::Instance => "instance",
            Self::LoadBalancer => "load-balancer",
            Self::LogGroup => "log-group",
            Self::NatGateway => "nat-gateway",
            Self::Snapshot => "snapshot",
            Self::Volume => "volume",
        }
    }

    /// Parses `*`, or names separated by commas.
    pub(crate) fn parse_all(text: &str) -> Option<BTreeSet<Self>> {
        if text.trim() == "*" {
            return Some(Self::ALL.into());
        }
        let kind = |name: &str| Self::ALL.into_iter().find(|kind| kind.name() == name.trim());
        text.split(',').map(kind).collect()
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_commas() {
        let all = Kind::ALL.map(Kind::name).join(",");
        assert_eq!(Kind::parse_all(&all), Kind::parse_all("*"));
        let some = BTreeSet::from([Kind::Volume, Kind::NatGateway]);
        assert_eq!(Kind::parse_all(" nat-gateway, volume"), Some(some));
        for wrong in ["", "volumes", "volume,", "*,volume", "Volume"] {
            assert_eq!(Kind::parse_all(wrong), None, "{wrong}");
        }
        assert!(Kind::ALL.is_sorted_by_key(|kind| kind.name()));
    }
}
