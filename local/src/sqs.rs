//! Amazon SQS on one machine: a real server (ElasticMQ) if Java and Maven can run it, otherwise a
//! small embedded one; and the event source mapping that passes a queue's messages to a function.

mod client;
pub mod embedded;
mod mapping;
pub mod model;
mod real;

use std::io;

use serde_json::json;

pub use client::{Client, ClientError};
pub use embedded::Embedded;
use embedded::State;
pub use mapping::{
    EventSourceMapping, EventSourceMappingOptions, Report, WrongAnswer, batch_item_failures,
};

pub use crate::clock::Clock;
pub use crate::environment::Environment;
use crate::machine::{Real, Unavailable};
pub use crate::service::{Choice, InvalidChoice, Kind};
use crate::service::{Product, Service};

/// The version of ElasticMQ that is downloaded and run.
pub const ELASTICMQ_VERSION: &str = "1.6.16";

/// A running SQS.
pub type Sqs = Service<State>;

impl Product for State {
    const NAME: &'static str = "SQS";
    const REAL: &'static str = "ElasticMQ 1.6.16";
    type Client = Client;

    fn client(url: &str) -> Result<Client, String> {
        Client::new(url).map_err(|error| error.to_string())
    }

    fn url_of(client: &Client) -> &str {
        client.url()
    }

    async fn ask(client: &Client) -> Result<String, String> {
        let listed = client.call("ListQueues", &json!({})).await;
        listed.map(|_| "the one".to_owned()).map_err(|error| error.to_string())
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
