use std::fmt;
use std::sync::Arc;

/// A service that the stream's endpoint speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `Firehose_20150804`
    Firehose,
    /// `Kinesis_20131202`
    Kinesis,
}

/// A call of `PutRecord(s)` or `PutRecordBatch` on the stream's endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutCall {
    /// The service called.
    pub service: Service,
    /// The call's number on this endpoint, from 0.
    pub number: u64,
    /// How many records it brings.
    pub records: usize,
}

/// What goes wrong with a [`PutCall`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutFault {
    /// Nothing.
    None,
    /// The call is denied: `AccessDeniedException`.
    Deny,
    /// The call is throttled: `ServiceUnavailableException`, or for Kinesis
    /// `ProvisionedThroughputExceededException`.
    Throttle,
    /// The service fails: `InternalFailure`, 500.
    Fail,
    /// The entries at these positions fail, the others are taken. For a call of one record this is
    /// a throttled call.
    Entries(Vec<usize>),
}

/// Decides what goes wrong with each call.
#[derive(Clone)]
pub struct PutFaults(Arc<dyn Fn(&PutCall) -> PutFault + Send + Sync>);

impl PutFaults {
    /// Nothing ever goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| PutFault::None)
    }

    /// Faults of the caller's own.
    pub fn new(decide: impl Fn(&PutCall) -> PutFault + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    /// What goes wrong with this call.
    #[must_use]
    pub fn of(&self, call: &PutCall) -> PutFault {
        (self.0)(call)
    }
}

impl fmt::Debug for PutFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutFaults")
    }
}
