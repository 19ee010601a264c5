//! The kinds of savings.

use std::collections::BTreeSet;

/// A kind of saving. A value of `KINDS` is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bucket,
    Gp2Volume,
    Graviton,
    LargeVolume,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Bucket, Self::Gp2Volume, Self::Graviton, Self::LargeVolume];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Gp2Volume => "gp2-volume",
            Self::Graviton => "graviton",
            Self::LargeVolume => "large-volume",
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
