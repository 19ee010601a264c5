//! The changes of a run.

use serde::Serialize;
use shared::aws::CallFailure;

use crate::found::Finding;

/// The changes of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) marked: Vec<String>,
    pub(crate) unmarked: Vec<String>,
    /// Number of marks that could not be set or removed.
    pub(crate) mark_failures: usize,
    /// The resources to remove, which the notice names.
    pub(crate) removing: Vec<Finding>,
    pub(crate) removed: Vec<Finding>,
    pub(crate) not_removed: Vec<(Finding, NotRemoved)>,
}

/// Why a resource was not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotRemoved {
    /// Its snapshot is not completed yet: a later run removes it.
    SnapshotPending,
    /// It is in use again, or may no longer be removed.
    Changed,
    Failed(CallFailure),
}

/// An entry of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NotRemovedEntry<'a> {
    id: &'a str,
    error: &'a str,
}

impl NotRemoved {
    /// The code in the answer and in the notice.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::SnapshotPending => "SnapshotPending",
            Self::Changed => "Changed",
            Self::Failed(failure) => failure.code.as_deref().unwrap_or("NoAnswer"),
        }
    }

    const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl Outcome {
    /// Number of removals that failed.
    pub(crate) fn removal_failures(&self) -> usize {
        self.not_removed.iter().filter(|(_, why)| why.is_failure()).count()
    }

    pub(crate) fn not_removed_entries(&self) -> Vec<NotRemovedEntry<'_>> {
        self.not_removed
            .iter()
            .map(|(finding, why)| NotRemovedEntry { id: &finding.id, error: why.code() })
            .collect()
    }
}
