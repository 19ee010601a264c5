use std::time::Duration;

/// The fates of the records.
///
/// At any time `put + reingested` is the sum of the fates `dropped`, `processing_failed`,
/// `invocation_failed`, `delivered`, `delivery_failed`, `unwritten` and `in_flight`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Records put by [`put_record`](super::DeliveryStream::put_record).
    pub put: u64,
    /// Records put through the [`endpoint`](super::DeliveryStream::endpoint), by the function.
    pub reingested: u64,
    /// Invocations of the function, including retries.
    pub invocations: u64,
    /// Invocations that failed or whose answer is invalid.
    pub failed_invocations: u64,
    /// How long each invocation took, oldest first.
    pub invocation_durations: Vec<Duration>,
    /// Records with the result `Ok`.
    pub ok: u64,
    /// Records with the result `Dropped`.
    pub dropped: u64,
    /// Records with the result `ProcessingFailed`; they are in the backup.
    pub processing_failed: u64,
    /// Records in the backup because every try of their invocation failed.
    pub invocation_failed: u64,
    /// Documents that OpenSearch has accepted.
    pub delivered: u64,
    /// Documents in the backup because they could not be delivered.
    pub delivery_failed: u64,
    /// `_bulk` requests sent, including retries.
    pub delivery_requests: u64,
    /// `_bulk` requests sent again, with all documents or with those that may be accepted later.
    pub delivery_retries: u64,
    /// Records that failed and could not be written to the backup.
    pub unwritten: u64,
    /// Records that are buffered, or being transformed, delivered or backed up.
    pub in_flight: u64,
}

impl Report {
    /// Records without a fate: 0 unless the stand-in has a bug.
    #[must_use]
    pub fn unaccounted(&self) -> i128 {
        let fates = [
            self.dropped,
            self.processing_failed,
            self.invocation_failed,
            self.delivered,
            self.delivery_failed,
            self.unwritten,
            self.in_flight,
        ];
        i128::from(self.put) + i128::from(self.reingested)
            - fates.into_iter().map(i128::from).sum::<i128>()
    }
}
