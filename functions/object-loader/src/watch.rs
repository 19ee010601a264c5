//! What the engine tells the one who runs it, stretch by stretch.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::batch::Settled;

/// Records that follow each other, each of which has its outcome for good: its document is in the
/// index, it is dropped, or it is written as refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The offset of the next record in the unpacked object.
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
    /// The longest that one stretch takes; without it nothing is watched, and refused records are
    /// written when there are enough of them.
    const TIME: Option<Duration>;

    /// A record of the stretch under way is refused for this reason.
    fn refused(&mut self, reason: &str);

    /// A stretch is confirmed, its refused records are written. Returns whether to go on.
    fn confirmed(&mut self, stretch: Stretch) -> impl Future<Output = ControlFlow<()>>;
}

/// In Lambda nobody watches: the invocation's deadline rules.
#[derive(Debug)]
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    const TIME: Option<Duration> = None;

    fn refused(&mut self, _reason: &str) {}

    async fn confirmed(&mut self, _stretch: Stretch) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
