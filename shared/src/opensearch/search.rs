//! Sending bulk requests.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::client::{Client, Error};
use super::settings::Settings;
use crate::aws::{Answer, Aws};
use crate::gzip::gzip;

/// Maximum time of a request, even if there is more time: a new one may do better.
const LIMIT: Duration = Duration::from_mins(1);

/// Accepts bulk requests: OpenSearch, or its replacement in a test. It does not retry. The caller
/// limits the time by dropping the call.
pub trait Search: 'static {
    /// Sends a bulk request, with lines in the format of `_bulk`, and returns the answer of any
    /// status.
    ///
    /// # Errors
    /// If no complete answer arrives.
    fn bulk(&self, body: &[u8]) -> impl Future<Output = Result<Answer, Error>>;
}

/// OpenSearch, over HTTP.
#[derive(Debug)]
pub struct OpenSearch {
    client: Client,
    gzip: bool,
}

impl OpenSearch {
    /// Makes no calls; `gzip`: requests are compressed.
    #[must_use]
    pub fn new(settings: Settings, aws: Aws, gzip: bool) -> Self {
        Self { client: Client::new(settings, aws), gzip }
    }
}

impl Search for OpenSearch {
    async fn bulk(&self, body: &[u8]) -> Result<Answer, Error> {
        let mut request = Request::post("/_bulk").header(CONTENT_TYPE, "application/x-ndjson");
        let body = if self.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
            gzip(body)
        } else {
            Ok(body.to_vec())
        };
        let body = body.map_err(|error| Error::Signing(error.to_string()))?;
        let request = request.body(Bytes::from(body)).map_err(|_| Error::Path)?;
        self.client.send(request, LIMIT).await
    }
}
