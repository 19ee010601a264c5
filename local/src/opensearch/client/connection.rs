//! Kept connections, in the clear or over TLS.

use super::ClientError;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

#[derive(Clone, Debug)]
pub(super) enum Connections {
    Clear(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Connections {
    pub(super) fn new(tls: bool) -> Result<Self, ClientError> {
        let builder = Client::builder(TokioExecutor::new());
        if !tls {
            return Ok(Self::Clear(builder.build_http()));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(ClientError::Certificates)?
            .https_only()
            .enable_http1()
            .build();
        Ok(Self::Tls(builder.build(connector)))
    }

    pub(super) async fn request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let response = match self {
            Self::Clear(client) => client.request(request),
            Self::Tls(client) => client.request(request),
        };
        response.await.map_err(ClientError::Exchange)
    }
}
