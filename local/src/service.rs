//! A server that the stand-ins need, real or embedded: which one to take, its start and its end.

use std::fmt;
use std::io;
use std::str::FromStr;

use crate::environment::Environment;
pub use crate::machine::{Kind, Real, Unavailable};
use crate::server::Embedded;

/// Which server to take, where there is a real one and an embedded one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A real one where this machine can run it, else the embedded one.
    #[default]
    Auto,
    /// The small server in this process.
    Embedded,
    /// A real one or an error.
    Real,
    /// A server that is up already; `http://` or `https://`, with `user:password@` if needed.
    Url(String),
}

/// Text that is not a [`Choice`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected auto, embedded, real or a URL that starts with http:// or https://")]
pub struct InvalidChoice;

impl FromStr for Choice {
    type Err = InvalidChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "embedded" => Ok(Self::Embedded),
            "real" => Ok(Self::Real),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Self::Url(url.to_owned()))
            }
            _ => Err(InvalidChoice),
        }
    }
}

/// Why no server could be started, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// A product that can be had in several ways. The value is what its embedded server holds.
pub trait Product: fmt::Debug + Send + Sync + Sized + 'static {
    /// The product's name.
    const NAME: &'static str;
    /// Name and version of the real server.
    const REAL: &'static str;
    /// A client, whose clones share its connections.
    type Client: Clone + fmt::Debug;

    /// A client of the server at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// Why the URL cannot be used.
    fn client(url: &str) -> Result<Self::Client, String>;

    /// The server's URL, without user and password.
    fn url_of(client: &Self::Client) -> &str;

    /// Asks a server what it is.
    fn ask(client: &Self::Client) -> impl Future<Output = Result<String, String>>;

    /// Starts a real server, and reports to `say`, line by line, what happens.
    fn start_real(
        environment: &Environment,
        say: &mut impl FnMut(&str),
    ) -> impl Future<Output = Result<Real, Unavailable>>;

    /// Starts the embedded server on a free port of 127.0.0.1.
    fn start_embedded() -> impl Future<Output = io::Result<Embedded<Self>>>;
}

/// A server that answers, and ends when this value is dropped, and also when this process is
/// killed.
#[derive(Debug)]
pub struct Service<P: Product> {
    client: P::Client,
    server: Server<P>,
}

#[derive(Debug)]
enum Server<P: Product> {
    Elsewhere,
    Real(Box<Real>),
    Embedded(Embedded<P>),
}

/// What [`Service::keep`] leaves behind.
#[derive(Debug)]
pub enum Kept<P: Product> {
    /// The server runs on without this process, which may end.
    Detached {
        /// Where it answers.
        url: String,
        /// The shell command that ends it and removes its data.
        stop: String,
    },
    /// The embedded server lives in this process: wait (for Ctrl-C, say), then drop the value.
    InProcess(Box<Service<P>>),
    /// Someone else's server: nothing of ours to stop.
    Elsewhere {
        /// Where it answers.
        url: String,
    },
}

impl<P: Product> Service<P> {
    /// Starts the chosen server, waits until it answers, and reports to `say`, line by line, which one
    /// it is and why. [`Choice::Auto`] takes the real one if this machine can run it, else the
    /// embedded one, and then says how to get the real one. The first start of a real one downloads
    /// it; later ones take two to six seconds.
    ///
    /// # Errors
    /// When the server does not answer; the text has the last lines of its log.
    pub async fn start(choice: Choice, mut say: impl FnMut(&str)) -> Result<Self, StartError> {
        let name = P::NAME;
        match choice {
            Choice::Url(url) => return Self::elsewhere(&url, &mut say).await,
            Choice::Embedded => say(&format!("{name}: embedded, as asked.")),
            Choice::Real | Choice::Auto => {
                match Box::pin(P::start_real(&Environment::read(), &mut say)).await {
                    Err(error) if choice == Choice::Auto => {
                        say(&format!("{name}: embedded, because {error}."));
                        say(&format!("For a real one: {}.", error.remedy));
                    }
                    real => return Self::of(real),
                }
            }
        }
        let embedded = P::start_embedded().await.map_err(|error| {
            StartError(format!("the embedded {name} could not listen on 127.0.0.1: {error}"))
        })?;
        let url = embedded.url().to_owned();
        Self::new(&url, Server::Embedded(embedded))
    }

    async fn elsewhere(url: &str, say: &mut impl FnMut(&str)) -> Result<Self, StartError> {
        let name = P::NAME;
        let failed = |url: &str, error: String| StartError(format!("no {name} at {url}: {error}"));
        // An invalid URL may have a password in it.
        let client = P::client(url).map_err(|error| failed("the given URL", error))?;
        let asked = P::ask(&client).await;
        let found = asked.map_err(|error| failed(P::url_of(&client), error))?;
        say(&format!("{name}: {found} at {}.", P::url_of(&client)));
        Ok(Self { client, server: Server::Elsewhere })
    }

    /// A real server that was started, or why it was not.
    pub(crate) fn of(real: Result<Real, Unavailable>) -> Result<Self, StartError> {
        let real = real.map_err(|error| StartError(format!("{error}; {}", error.remedy)))?;
        Self::new(&real.url.clone(), Server::Real(Box::new(real)))
    }

    fn new(url: &str, server: Server<P>) -> Result<Self, StartError> {
        Ok(Self { client: P::client(url).map_err(StartError)?, server })
    }

    /// Where the server answers, such as `http://127.0.0.1:40123`, without user and password and
    /// without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        P::url_of(&self.client)
    }

    /// What answers.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.server {
            Server::Elsewhere => Kind::Url,
            Server::Real(real) => real.kind,
            Server::Embedded(_) => Kind::Embedded,
        }
    }

    /// What answers, for people.
    #[must_use]
    pub fn description(&self) -> String {
        self.kind().describe(P::NAME, P::REAL)
    }

    /// A client of this server; a clone shares its connections.
    #[must_use]
    pub fn client(&self) -> P::Client {
        self.client.clone()
    }

    /// Ends the server and removes its data, and waits until that is done; a server that someone
    /// else runs is left alone. Dropping the value does the same without waiting.
    pub async fn stop(self) {
        match self.server {
            Server::Elsewhere => {}
            Server::Real(real) => real.server.stop().await,
            Server::Embedded(embedded) => embedded.stop().await,
        }
    }

    /// Leaves the server up and returns how to end it: for `--keep`.
    ///
    /// # Errors
    /// When the server cannot be told to run on; it has ended then.
    pub async fn keep(self) -> Result<Kept<P>, StartError> {
        match self.server {
            Server::Elsewhere => Ok(Kept::Elsewhere { url: P::url_of(&self.client).to_owned() }),
            Server::Embedded(_) => Ok(Kept::InProcess(Box::new(self))),
            Server::Real(real) => {
                let Real { server, url, container, .. } = *real;
                let kept = server.keep().await;
                let pid = kept.map_err(|error| StartError(error.to_string()))?;
                let remove = container.map(|name| format!("docker rm --force {name}"));
                Ok(Kept::Detached { url, stop: remove.unwrap_or_else(|| format!("kill {pid}")) })
            }
        }
    }
}
