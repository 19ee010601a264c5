//! The function `sqs-consumer`, with outages of OpenSearch.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use local::runtime_api::{Function, FunctionOptions, Invoke, InvokeError, LogLine};

use super::queues::Queues;
use super::{CONCURRENCY, FUNCTION, Parts};
use crate::error::CliError;

/// Maximum delay before a failed message is redelivered, in seconds. The default is 15 minutes.
const RETRY_SECONDS: &str = "1";

/// Two instances of the function: one with OpenSearch, one with an unavailable endpoint.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    connected: Function,
    disconnected: Function,
    has_outage: Arc<AtomicBool>,
}

impl Consumer {
    pub(super) async fn start(parts: Parts<'_>, queues: &Queues) -> Result<Self, CliError> {
        let common = [
            ("INDEX", parts.index),
            ("AWS_ENDPOINT_URL_SQS", parts.sqs.url()),
            ("QUARANTINE_QUEUE_URL", &queues.quarantine),
            ("RETRY_BASE_SECONDS", RETRY_SECONDS),
            ("RETRY_MAX_SECONDS", RETRY_SECONDS),
        ];
        let common = common.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let start = async |opensearch: Vec<(String, String)>| {
            let function = Function::start(FunctionOptions {
                environment: opensearch.into_iter().chain(common.clone()).collect(),
                concurrency: CONCURRENCY,
                ..FunctionOptions::new(FUNCTION, parts.binary)
            });
            function.await.map_err(CliError::failed)
        };
        let unavailable = vec![
            ("OPENSEARCH_ENDPOINT".to_owned(), unavailable_url()?),
            ("OPENSEARCH_AUTH".to_owned(), "none".to_owned()),
        ];
        Ok(Self {
            connected: start(parts.opensearch.variables()).await?,
            disconnected: start(unavailable).await?,
            has_outage: Arc::default(),
        })
    }

    /// Starts or ends the outage.
    pub(super) fn set_outage(&self, has_outage: bool) {
        self.has_outage.store(has_outage, Ordering::Relaxed);
    }

    /// Returns the log lines of both instances.
    pub(super) fn logs(&self) -> Vec<LogLine> {
        [self.connected.logs(), self.disconnected.logs()].concat()
    }

    pub(super) async fn stop(&self) {
        self.connected.stop().await;
        self.disconnected.stop().await;
    }
}

impl Invoke for Consumer {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let has_outage = self.has_outage.load(Ordering::Relaxed);
        let function = if has_outage { &self.disconnected } else { &self.connected };
        Ok(function.invoke(payload).await?.body)
    }
}

/// Returns the URL of a free port.
pub(in super::super) fn unavailable_url() -> Result<String, CliError> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|port| port.local_addr());
    let address = address
        .map_err(|error| CliError::failed(format_args!("failed to find a free port: {error}")))?;
    Ok(format!("http://{address}"))
}
