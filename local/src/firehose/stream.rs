use bytes::Bytes;

use super::{DeliveryStreamOptions, Error, PutError, Report};
use crate::runtime_api::{Function, InvokeError};

/// What transforms a batch: a Lambda function, or a test's script.
pub trait Transform: Send + Sync + 'static {
    /// Hands over a transformation request and gives back the answer, both JSON.
    fn invoke(&self, payload: Bytes) -> impl Future<Output = Result<Bytes, InvokeError>> + Send;
}

impl Transform for Function {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        Ok(Function::invoke(self, payload).await?.body)
    }
}

/// The address of a stream's API, known before the stream starts: the function that the stream
/// invokes needs it in its environment to put records back.
#[derive(Debug)]
pub struct Endpoint {}

impl Endpoint {
    /// Takes a free port of the loopback interface.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub async fn bind() -> Result<Self, Error> {
        unimplemented!()
    }

    /// For `AWS_ENDPOINT_URL_FIREHOSE` and `AWS_ENDPOINT_URL_KINESIS`: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        unimplemented!()
    }
}

/// A running delivery stream; clones are the same stream.
#[derive(Debug, Clone)]
pub struct DeliveryStream {}

impl DeliveryStream {
    /// Starts a stream that hands its records to `transform` and delivers to the OpenSearch at
    /// `opensearch_url` (`http://host:port`).
    ///
    /// # Errors
    /// When an option or the URL cannot be used.
    pub async fn start(
        options: DeliveryStreamOptions,
        endpoint: Endpoint,
        transform: impl Transform,
        opensearch_url: &str,
    ) -> Result<Self, Error> {
        unimplemented!(
            "{options:?} {endpoint:?} {opensearch_url} {}",
            size_of_val(&transform)
        )
    }

    /// Puts one record. Waits while the stream holds more than
    /// [`in_flight_bytes`](DeliveryStreamOptions::in_flight_bytes).
    ///
    /// # Errors
    /// When the record is too large or the stream takes no more; it is not in the stream then.
    pub async fn put_record(&self, data: impl Into<Bytes>) -> Result<(), PutError> {
        unimplemented!("{:?}", data.into())
    }

    /// Puts one record under a partition key, which the function sees if the source is a Kinesis
    /// stream. [`put_record`](Self::put_record) makes one up.
    ///
    /// # Errors
    /// As [`put_record`](Self::put_record).
    pub async fn put_record_with_key(
        &self,
        data: impl Into<Bytes>,
        partition_key: impl Into<String>,
    ) -> Result<(), PutError> {
        unimplemented!("{:?} {}", data.into(), partition_key.into())
    }

    /// The URL of an AWS JSON 1.1 API: `PutRecord` and `PutRecordBatch` of Firehose, `PutRecord`
    /// and `PutRecords` of Kinesis.
    #[must_use]
    pub fn endpoint(&self) -> String {
        unimplemented!()
    }

    /// Sends everything buffered out now, and returns when every record is delivered, dropped or
    /// in the backup, also those put back meanwhile.
    ///
    /// # Errors
    /// When the backup cannot be written or the stream was stopped.
    pub async fn flush(&self) -> Result<Report, Error> {
        unimplemented!()
    }

    /// What has become of the records so far; cheap enough for a progress bar.
    #[must_use]
    pub fn report(&self) -> Report {
        unimplemented!()
    }

    /// Stops the stream where it stands: what is not delivered or backed up by now is not going to
    /// be. [`flush`](Self::flush) first.
    pub async fn stop(&self) {}
}
