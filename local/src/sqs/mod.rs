//! Amazon SQS on one machine: a real server (ElasticMQ) where Java and Maven can run it, else a
//! small embedded one; and the event source mapping that hands a queue's messages to a function.
//!
//! [`Sqs::start`] takes a [`Choice`], brings a server up and says which one it took and why;
//! [`Client`] is how the mapping, the demo and the tests talk to it.

mod client;
pub mod embedded;
mod mapping;
mod real;

pub use crate::choice::{Choice, InvalidChoice};
pub use crate::clock::Clock;
pub use crate::environment::Environment;
pub use crate::machine::MachineError;
pub use client::{Client, ClientError};
pub use embedded::Embedded;
pub use mapping::{
    EventSourceMapping, EventSourceMappingError, EventSourceMappingOptions, Invocation, Report,
    WrongAnswer, batch_item_failures,
};
pub use real::Real;

use serde_json::json;

/// The version of ElasticMQ that is downloaded and run.
pub const ELASTICMQ_VERSION: &str = "1.6.16";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The given URL is not one, or no SQS answers there.
    #[error("no SQS at {url}: {source}")]
    Url {
        /// The URL, if it is one.
        url: String,
        /// What the request for its queues ended in.
        source: ClientError,
    },
    /// A real server was asked for, and this machine cannot run one, or it did not come up.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Real(#[from] MachineError),
    /// The embedded server could not open its port.
    #[error("the embedded SQS could not listen on 127.0.0.1: {0}")]
    Embedded(#[source] std::io::Error),
    /// The server's address is not one that a client can use.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server that someone else runs.
    Url,
    /// ElasticMQ, in a process of its own.
    ElasticMq {
        /// The Java runtime's feature version: 17 for 17.0.15.
        java: u32,
    },
    /// The small server in this process.
    Embedded,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url => formatter.write_str("the SQS at the given URL"),
            Self::ElasticMq { java } => {
                write!(formatter, "ElasticMQ {ELASTICMQ_VERSION} on Java {java}")
            }
            Self::Embedded => formatter.write_str("the embedded SQS"),
        }
    }
}

/// A server that answers, and goes when this value goes.
#[derive(Debug)]
pub struct Sqs {
    client: Client,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Elsewhere,
    Real(Box<Real>),
    Embedded(Embedded),
}

impl Sqs {
    /// Brings up the chosen server, waits until it answers, and tells `say`, line by line, which
    /// one it is and why. [`Choice::Auto`] takes ElasticMQ, else the embedded server, and then
    /// says how to get the real one.
    ///
    /// # Errors
    /// When the server does not answer; [`Error::Real`] has the last lines of its log.
    pub async fn start(choice: Choice, mut say: impl FnMut(&str)) -> Result<Self, Error> {
        let environment = Environment::read();
        match choice {
            Choice::Url(url) => Self::elsewhere(&url, &mut say).await,
            Choice::Embedded => {
                say("SQS: embedded, as asked.");
                Self::embedded().await
            }
            Choice::Real => Self::real(Real::start(&environment, &mut say).await?),
            Choice::Auto => match Real::start(&environment, &mut say).await {
                Ok(real) => Self::real(real),
                Err(error) => {
                    say(&format!("SQS: embedded, because {error}."));
                    say(&format!("For a real one: {}.", error.remedy()));
                    Self::embedded().await
                }
            },
        }
    }

    async fn elsewhere(url: &str, say: &mut impl FnMut(&str)) -> Result<Self, Error> {
        // A URL that is none may have a password in it.
        let client = Client::new(url)
            .map_err(|source| Error::Url { url: "the given URL".to_owned(), source })?;
        let listed = client.call("ListQueues", &json!({})).await;
        listed.map_err(|source| Error::Url { url: client.url().to_owned(), source })?;
        say(&format!("SQS: the one at {}.", client.url()));
        Ok(Self { client, server: Server::Elsewhere })
    }

    async fn embedded() -> Result<Self, Error> {
        let embedded = Embedded::start().await.map_err(Error::Embedded)?;
        Ok(Self { client: Client::new(embedded.url())?, server: Server::Embedded(embedded) })
    }

    fn real(real: Real) -> Result<Self, Error> {
        Ok(Self { client: Client::new(real.url())?, server: Server::Real(Box::new(real)) })
    }

    /// Where the server answers, such as `http://127.0.0.1:40123`: the value for
    /// `AWS_ENDPOINT_URL_SQS`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.client.url()
    }

    /// What answers.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.server {
            Server::Elsewhere => Kind::Url,
            Server::Real(real) => Kind::ElasticMq { java: real.java() },
            Server::Embedded(_) => Kind::Embedded,
        }
    }

    /// A client of this server; a clone shares its connections.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Ends the server with its queues, and waits until that is done; a server that someone else
    /// runs is left alone. Dropping the value does the same without waiting.
    pub async fn stop(self) {
        match self.server {
            Server::Elsewhere => {}
            Server::Real(real) => real.stop().await,
            Server::Embedded(embedded) => embedded.stop().await,
        }
    }
}
