//! `OpenSearch` on one machine: a real server if this machine can run it, otherwise a small
//! embedded one.

pub mod client;
pub mod embedded;
mod real;

use std::io;

pub use client::{Authentication, Client, ClientError};
use embedded::State;
pub use embedded::{Embedded, Fault};
/// The status of an answer, which [`ClientError::status`] returns.
pub use http::StatusCode;

pub use crate::environment::Environment;
use crate::machine::{Real, Unavailable};
pub use crate::service::{Choice, InvalidChoice, Kind};
use crate::service::{Product, Service};

/// The index template of the documents: `opensearch/index-template.json`.
pub const INDEX_TEMPLATE: &str = include_str!("../../opensearch/index-template.json");

/// The name of [`INDEX_TEMPLATE`] on a server.
pub const INDEX_TEMPLATE_NAME: &str = "music-events";

/// The index template for documents that are unchanged events:
/// `opensearch/passthrough-template.json`.
pub const PASSTHROUGH_TEMPLATE: &str = include_str!("../../opensearch/passthrough-template.json");

/// The version of the real server that is downloaded and run.
pub const VERSION: &str = "2.19.3";

/// A running `OpenSearch`.
pub type OpenSearch = Service<State>;

/// A server that `--keep` leaves running.
pub type Kept = crate::service::Kept<State>;

impl Product for State {
    const NAME: &'static str = "OpenSearch";
    const REAL: &'static str = "OpenSearch 2.19.3";
    type Client = Client;

    fn client(url: &str) -> Result<Client, String> {
        Client::new(url).map_err(|error| error.to_string())
    }

    fn url_of(client: &Client) -> &str {
        client.url()
    }

    async fn ask(client: &Client) -> Result<String, String> {
        let info = client.info().await.map_err(|error| error.to_string())?;
        Ok(format!("{} {}", info.distribution, info.version))
    }

    async fn start_real(
        environment: &Environment,
        say: &mut impl FnMut(&str),
    ) -> Result<Real, Unavailable> {
        real::start(environment, say).await
    }

    async fn start_embedded() -> io::Result<Embedded> {
        Embedded::start().await
    }
}
