//! The engine's progress reports, one for each stretch.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::batch::Settled;

/// Consecutive records with a final outcome: the document is in the index, the record is dropped,
/// or it is written as refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The offset of the next record in the decompressed object.
    pub offset: u64,
    /// Whether there are lists before it: [`Request::lists`](crate::Request::lists).
    pub lists: bool,
    /// Whether no record comes after it.
    pub is_end: bool,
    /// Documents that are new in the index.
    pub indexed: u64,
    /// Documents that were in the index before.
    pub duplicate: u64,
    /// Events that are dropped, and failures that are not selected.
    pub dropped: u64,
    /// Bytes of the object that were read in this call so far.
    pub bytes_read: u64,
}

impl From<&Settled> for Stretch {
    fn from(settled: &Settled) -> Self {
        let Settled { indexed, duplicate, dropped, .. } = *settled;
        Self { indexed, duplicate, dropped, ..Self::default() }
    }
}

/// Follows the load of an object.
pub trait Watch {
    /// Maximum time of one stretch; `None`: nothing is watched, and refused records are written
    /// when there are enough of them.
    const TIME: Option<Duration>;

    /// A record of the current stretch is refused for this reason.
    fn refused(&mut self, reason: &str);

    /// A stretch is confirmed, and its refused records are written. Returns whether to continue.
    fn confirmed(&mut self, stretch: Stretch) -> impl Future<Output = ControlFlow<()>>;
}

/// Watches nothing, for Lambda: there, only the invocation's deadline matters.
#[derive(Debug)]
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    const TIME: Option<Duration> = None;

    fn refused(&mut self, _reason: &str) {}

    async fn confirmed(&mut self, _stretch: Stretch) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
