//! A running stream.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::api::Api;
use super::delivery::deliver;
use super::processing::process;
use super::state::Shared;
use super::{DeliveryStreamOptions, Error, RECORD_LIMIT_BYTES, Report};
use crate::opensearch::Client;
use crate::runtime_api::Invoke;
use crate::server::{self, Server};

/// The address of a stream's API. It is known before the stream starts, because the function needs
/// it in its environment to put records back.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl Endpoint {
    /// Binds a free port of the loopback interface.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn bind() -> Result<Self, Error> {
        let (listener, address) = server::bind().await.map_err(Error::Listen)?;
        Ok(Self { listener, address })
    }

    /// The value of `AWS_ENDPOINT_URL_FIREHOSE` and `AWS_ENDPOINT_URL_KINESIS`:
    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A running delivery stream; clones are the same stream. It stops when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct DeliveryStream {
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
    _server: Server,
}

impl DeliveryStream {
    /// Starts a stream that passes its records to `transform` and delivers to the `_bulk` API of
    /// the OpenSearch at `opensearch_url`.
    ///
    /// # Errors
    /// If the URL is invalid, or the backup folder cannot be created.
    pub async fn start(
        options: DeliveryStreamOptions,
        endpoint: Endpoint,
        transform: impl Invoke,
        opensearch_url: &str,
    ) -> Result<Self, Error> {
        let client = Client::new(opensearch_url).map_err(|error| Error::Url(error.to_string()))?;
        tokio::fs::create_dir_all(&options.backup_folder).await.map_err(|error| Error::Backup {
            folder: options.backup_folder.clone(),
            records: 0,
            message: error.to_string(),
        })?;
        let shared = Arc::new(Shared::new(options));
        let api = Arc::new(Api::new(Arc::clone(&shared)));
        let Endpoint { listener, address } = endpoint;
        let server = Server::start(listener, move |request| {
            let api = Arc::clone(&api);
            async move { Ok(api.answer(request).await) }
        });
        let function = Arc::new(transform);
        let stream = Arc::clone(&shared);
        let processing = async move {
            // The set ends its tasks when it is dropped with the stream.
            let mut running = JoinSet::new();
            loop {
                while running.len() >= stream.options.concurrent_invocations {
                    running.join_next().await;
                }
                let (stream, function) = (Arc::clone(&stream), Arc::clone(&function));
                let batch = stream.next_batch().await;
                running.spawn(async move { process(&stream, &function, batch).await });
            }
        };
        let stream = Arc::clone(&shared);
        let delivery = async move {
            loop {
                deliver(&stream, &client, stream.next_documents().await).await;
            }
        };
        let tasks = [tokio::spawn(processing), tokio::spawn(delivery)];
        Ok(Self { running: Arc::new(Running { shared, address, tasks, _server: server }) })
    }

    /// Puts one record. Waits while the buffers contain
    /// [`buffered_bytes`](DeliveryStreamOptions::buffered_bytes).
    ///
    /// # Errors
    /// If the record is too large or the stream accepts no more records. The record is then not in
    /// the stream.
    pub async fn put_record(&self, data: impl Into<Bytes>) -> Result<(), Error> {
        self.put_record_with_key(data, Uuid::new_v4().to_string()).await
    }

    /// Puts one record with a partition key, which the function receives if the source is a Kinesis
    /// stream. [`put_record`](Self::put_record) generates one.
    ///
    /// # Errors
    /// Those of [`put_record`](Self::put_record).
    pub async fn put_record_with_key(
        &self,
        data: impl Into<Bytes>,
        partition_key: impl Into<String>,
    ) -> Result<(), Error> {
        let data = data.into();
        if data.len() > RECORD_LIMIT_BYTES {
            return Err(Error::TooLarge(data.len()));
        }
        let shared = &self.running.shared;
        shared.room().await;
        shared.put(vec![shared.record(data, partition_key.into())], |report| &mut report.put)
    }

    /// The URL of an AWS JSON 1.1 API: `PutRecordBatch` of Firehose and `PutRecords` of Kinesis.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// Processes everything buffered without delay, and returns when every record is delivered,
    /// dropped or in the backup, including the records that are put meanwhile.
    ///
    /// # Errors
    /// If the backup could not be written.
    pub async fn flush(&self) -> Result<Report, Error> {
        self.running.shared.emptied().await
    }

    /// The report so far; cheap enough for a progress bar.
    #[must_use]
    pub fn report(&self) -> Report {
        self.running.shared.report()
    }

    /// Stops the stream at once: what is neither delivered nor backed up is lost. Call
    /// [`flush`](Self::flush) first, because it fails afterwards, and so does putting records.
    pub async fn stop(&self) {
        for task in &self.running.tasks {
            task.abort();
        }
        while !self.running.tasks.iter().all(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
