//! The function, which OpenSearch can be taken from.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use local::runtime_api::{Function, FunctionOptions, Invoke, InvokeError, LogLine};

use super::queues::Queues;
use super::{CONCURRENCY, FUNCTION, Parts};
use crate::failure::Failure;

/// How long a message that failed stays away at most, in seconds: a demo is watched, so shorter
/// than the default of 15 minutes.
const RETRY_SECONDS: &str = "1";

/// The real function, twice: one reaches OpenSearch, the other asks where nothing answers.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    reaching: Function,
    cut_off: Function,
    is_cut_off: Arc<AtomicBool>,
}

impl Consumer {
    pub(super) async fn start(parts: Parts<'_>, queues: &Queues) -> Result<Self, Failure> {
        let common = [
            ("INDEX", parts.index),
            ("AWS_ENDPOINT_URL_SQS", parts.sqs.url()),
            ("QUARANTINE_QUEUE_URL", &queues.quarantine),
            ("RETRY_BASE_SECONDS", RETRY_SECONDS),
            ("RETRY_MAX_SECONDS", RETRY_SECONDS),
        ];
        let common = common.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let start = async |own: Vec<(String, String)>| {
            let function = Function::start(FunctionOptions {
                environment: own.into_iter().chain(common.clone()).collect(),
                concurrency: CONCURRENCY,
                ..FunctionOptions::new(FUNCTION, parts.binary)
            });
            function.await.map_err(Failure::failed)
        };
        let nowhere = [("OPENSEARCH_ENDPOINT", nowhere()?), ("OPENSEARCH_AUTH", "none".to_owned())];
        let nowhere = nowhere.map(|(name, value)| (name.to_owned(), value));
        Ok(Self {
            reaching: start(parts.opensearch.variables()).await?,
            cut_off: start(nowhere.to_vec()).await?,
            is_cut_off: Arc::default(),
        })
    }

    /// Takes OpenSearch from the function, or gives it back.
    pub(super) fn cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.store(is_cut_off, Ordering::Relaxed);
    }

    /// What both have logged.
    pub(super) fn logs(&self) -> Vec<LogLine> {
        [self.reaching.logs(), self.cut_off.logs()].concat()
    }

    pub(super) async fn stop(&self) {
        self.reaching.stop().await;
        self.cut_off.stop().await;
    }
}

impl Invoke for Consumer {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let is_cut_off = self.is_cut_off.load(Ordering::Relaxed);
        let function = if is_cut_off { &self.cut_off } else { &self.reaching };
        Ok(function.invoke(payload).await?.body)
    }
}

/// A URL where nothing answers: of a port that was free a moment ago.
fn nowhere() -> Result<String, Failure> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|port| port.local_addr());
    let address = address.map_err(|error| Failure::failed(format_args!("no port: {error}")))?;
    Ok(format!("http://{address}"))
}
