//! OpenSearch, over HTTP.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use shared::opensearch::{Answer, Client, Error};

use crate::config::Config;
use crate::ports::Search;

/// A request that takes longer is given up even where there is more time: others may do better.
const LIMIT: Duration = Duration::from_mins(1);

/// Sends bulk requests.
#[derive(Debug)]
pub struct OpenSearch {
    client: Client,
    gzip: bool,
}

impl OpenSearch {
    /// An OpenSearch that is not called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let client = Client::new(config.opensearch.clone(), config.aws.clone());
        Self { client, gzip: config.gzip }
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

/// Documents have much in common: even the fastest compression leaves a small part of them.
fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
