//! `OpenSearch` on one machine: a real server where one can be had, else a small embedded one.
//!
//! [`OpenSearch::start`] takes a [`Choice`], brings a server up and says which one it took and
//! why; [`Client`] is how the demo, the set-up and the tests talk to it.

pub mod client;
pub mod embedded;
pub mod real;

pub use crate::choice::{Choice, InvalidChoice};
pub use crate::environment::Environment;
pub use crate::machine::MachineError;
pub use client::{Authentication, Client, ClientError};
pub use embedded::{Embedded, Fault};
/// The status of an answer, as [`ClientError::status`] gives it.
pub use http::StatusCode;
pub use real::{Real, RealError};

/// The index template of the documents: `opensearch/index-template.json`.
pub const INDEX_TEMPLATE: &str = include_str!("../../../opensearch/index-template.json");

/// The name under which [`INDEX_TEMPLATE`] is put.
pub const INDEX_TEMPLATE_NAME: &str = "music-events";

/// The version of the real server that is downloaded and run.
pub const VERSION: &str = "2.19.3";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The given URL is not one, or nothing answers there.
    #[error("no OpenSearch at {url}: {source}")]
    Url {
        /// The URL, without user and password.
        url: String,
        /// What the request for `GET /` ended in.
        source: ClientError,
    },
    /// A real server was asked for, and this machine cannot run one, or it did not come up.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Real(#[from] RealError),
    /// The embedded server could not open its port.
    #[error("the embedded OpenSearch could not listen on 127.0.0.1: {0}")]
    Embedded(#[source] std::io::Error),
    /// The server's address is not one that a client can use.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server that someone else runs.
    Url,
    /// A container of the official image.
    Docker,
    /// The distribution without plugins, in a process of its own.
    Java {
        /// The Java runtime's feature version: 17 for 17.0.15.
        version: u32,
    },
    /// The small server in this process.
    Embedded,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url => formatter.write_str("the OpenSearch at the given URL"),
            Self::Docker => write!(formatter, "OpenSearch {VERSION} in Docker"),
            Self::Java { version } => write!(formatter, "OpenSearch {VERSION} on Java {version}"),
            Self::Embedded => formatter.write_str("the embedded OpenSearch"),
        }
    }
}

/// A server that answers, and goes when this value goes.
#[derive(Debug)]
pub struct OpenSearch {
    client: Client,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Elsewhere,
    Real(Box<Real>),
    Embedded(Embedded),
}

/// What [`OpenSearch::keep`] leaves behind.
#[derive(Debug)]
pub enum Kept {
    /// The server runs on without this process, which may end.
    Detached {
        /// Where it answers.
        url: String,
        /// The shell command that ends it and removes its data.
        stop: String,
    },
    /// The embedded server lives in this process: wait (for Ctrl-C, say), then drop the value.
    InProcess(Box<OpenSearch>),
    /// Someone else's server: nothing of ours to stop.
    Elsewhere {
        /// Where it answers.
        url: String,
    },
}

impl OpenSearch {
    /// Brings up the chosen server, waits until it answers, and tells `say`, line by line, which
    /// one it is and why. [`Choice::Auto`] takes Docker, else Java, else the embedded server, and
    /// then says how to get the real one.
    ///
    /// The first start of the real one downloads it (51 MB for Java); later ones take about
    /// 6 seconds.
    ///
    /// # Errors
    ///
    /// When the server does not answer; [`Error::Real`] has the last lines of its log.
    pub async fn start(choice: Choice, mut say: impl FnMut(&str)) -> Result<Self, Error> {
        let environment = Environment::read();
        match choice {
            Choice::Url(url) => Self::elsewhere(&url, &mut say).await,
            Choice::Embedded => {
                say("OpenSearch: embedded, as asked.");
                Self::embedded().await
            }
            Choice::Real => Self::real(Real::start(&environment, &mut say).await?),
            Choice::Auto => match Real::start(&environment, &mut say).await {
                Ok(real) => Self::real(real),
                Err(error) => {
                    say(&format!("OpenSearch: embedded, because {error}."));
                    say(&format!("For a real one: {}.", error.remedy()));
                    Self::embedded().await
                }
            },
        }
    }

    async fn elsewhere(url: &str, say: &mut impl FnMut(&str)) -> Result<Self, Error> {
        let client = Client::new(url)?;
        let info = client
            .info()
            .await
            .map_err(|source| Error::Url { url: client.url().to_owned(), source })?;
        say(&format!("OpenSearch: {} {} at {}.", info.distribution, info.version, client.url()));
        Ok(Self { client, server: Server::Elsewhere })
    }

    async fn embedded() -> Result<Self, Error> {
        let embedded = Embedded::start().await.map_err(Error::Embedded)?;
        Ok(Self { client: Client::new(embedded.url())?, server: Server::Embedded(embedded) })
    }

    fn real(real: Real) -> Result<Self, Error> {
        Ok(Self { client: Client::new(real.url())?, server: Server::Real(Box::new(real)) })
    }

    /// Where the server answers, such as `http://127.0.0.1:40123`, without user and password and
    /// without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.client.url()
    }

    /// What answers.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.server {
            Server::Elsewhere => Kind::Url,
            Server::Real(real) => real.kind(),
            Server::Embedded(_) => Kind::Embedded,
        }
    }

    /// A client of this server; a clone shares its connections.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The embedded server, if that is what answers: to make it fail on demand.
    #[must_use]
    pub fn as_embedded(&self) -> Option<&Embedded> {
        match &self.server {
            Server::Embedded(embedded) => Some(embedded),
            Server::Elsewhere | Server::Real(_) => None,
        }
    }

    /// Ends the server and removes its data, and waits until that is done; a server that someone
    /// else runs is left alone. Dropping the value does the same without waiting.
    pub async fn stop(self) {
        match self.server {
            Server::Elsewhere => {}
            Server::Real(real) => real.stop().await,
            Server::Embedded(embedded) => embedded.stop().await,
        }
    }

    /// Leaves the server up and says how to end it: for `--keep`.
    ///
    /// # Errors
    ///
    /// When the server cannot be told to run on; it has ended then.
    pub async fn keep(self) -> Result<Kept, Error> {
        match self.server {
            Server::Elsewhere => Ok(Kept::Elsewhere { url: self.client.url().to_owned() }),
            Server::Embedded(_) => Ok(Kept::InProcess(Box::new(self))),
            Server::Real(real) => {
                let url = real.url().to_owned();
                Ok(Kept::Detached { url, stop: real.keep().await? })
            }
        }
    }
}
