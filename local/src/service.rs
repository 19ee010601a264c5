//! The servers that the stand-ins use, real or embedded: selection, start and end.

use std::fmt;
use std::io;
use std::str::FromStr;

use crate::environment::Environment;
pub use crate::machine::{Kind, Real, Unavailable};
use crate::server::Embedded;

/// Which server to use, if there are a real and an embedded one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A real one if this machine can run it, otherwise the embedded one.
    #[default]
    Auto,
    /// The small server in this process.
    Embedded,
    /// A real one; otherwise the start fails.
    Real,
    /// A running server at this URL, with `http://` or `https://` and, if needed, `user:password@`.
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

/// Why no server could be started, and what the user can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// A product with real and embedded servers. The value is the state of its embedded server.
pub trait Product: fmt::Debug + Send + Sync + Sized + 'static {
    /// The product's name.
    const NAME: &'static str;
    /// Name and version of the real server.
    const REAL: &'static str;
    /// A client. Its clones share its connections.
    type Client: Clone + fmt::Debug;

    /// A client of the server at `url`. Makes no calls.
    ///
    /// # Errors
    /// Why the URL is invalid.
    fn client(url: &str) -> Result<Self::Client, String>;

    /// The URL of the server, without user and password.
    fn url_of(client: &Self::Client) -> &str;

    /// Requests the identity of the server.
    fn ask(client: &Self::Client) -> impl Future<Output = Result<String, String>>;

    /// Starts a real server, and reports its progress to `say`, line by line.
    fn start_real(
        environment: &Environment,
        say: &mut impl FnMut(&str),
    ) -> impl Future<Output = Result<Real, Unavailable>>;

    /// Starts the embedded server on a free port of 127.0.0.1.
    fn start_embedded() -> impl Future<Output = io::Result<Embedded<Self>>>;
}

/// A running server. If it was started here, it ends when this value is dropped or this process is
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

/// The server that [`Service::keep`] leaves running.
#[derive(Debug)]
pub enum Kept<P: Product> {
    /// The server runs on without this process, which may end.
    Detached {
        /// Its URL.
        url: String,
        /// The shell command that ends it and removes its data.
        stop: String,
    },
    /// The embedded server is part of this process: wait (for Ctrl-C, for example), then drop the
    /// value.
    InProcess(Box<Service<P>>),
    /// A server that was not started here and is not ended.
    Elsewhere {
        /// Its URL.
        url: String,
    },
}

impl<P: Product> Service<P> {
    /// Starts the chosen server, waits until it answers, and reports to `say`, line by line, which
    /// one it is and why. [`Choice::Auto`] uses the real one if this machine can run it; otherwise
    /// it uses the embedded one and reports how to get the real one. The first start of a real
    /// server downloads it; later starts take two to six seconds.
    ///
    /// # Errors
    /// If the server does not answer; the text contains the last lines of its log.
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
        // An invalid URL may contain a password.
        let client = P::client(url).map_err(|error| failed("the given URL", error))?;
        let asked = P::ask(&client).await;
        let found = asked.map_err(|error| failed(P::url_of(&client), error))?;
        say(&format!("{name}: {found} at {}.", P::url_of(&client)));
        Ok(Self { client, server: Server::Elsewhere })
    }

    /// A real server, or why it was not started.
    pub(crate) fn of(real: Result<Real, Unavailable>) -> Result<Self, StartError> {
        let real = real.map_err(|error| StartError(format!("{error}; {}", error.remedy)))?;
        Self::new(&real.url.clone(), Server::Real(Box::new(real)))
    }

    fn new(url: &str, server: Server<P>) -> Result<Self, StartError> {
        Ok(Self { client: P::client(url).map_err(StartError)?, server })
    }

    /// The URL of the server, such as `http://127.0.0.1:40123`, without user and password and
    /// without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        P::url_of(&self.client)
    }

    /// The kind of the server.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.server {
            Server::Elsewhere => Kind::Url,
            Server::Real(real) => real.kind,
            Server::Embedded(_) => Kind::Embedded,
        }
    }

    /// A description of the server, for display.
    #[must_use]
    pub fn description(&self) -> String {
        self.kind().describe(P::NAME, P::REAL)
    }

    /// A client of this server. Its clones share its connections.
    #[must_use]
    pub fn client(&self) -> P::Client {
        self.client.clone()
    }

    /// Ends the server, removes its data, and waits for that; a server that was not started here is
    /// left alone. Dropping the value does the same without waiting.
    pub async fn stop(self) {
        match self.server {
            Server::Elsewhere => {}
            Server::Real(real) => real.server.stop().await,
            Server::Embedded(embedded) => embedded.stop().await,
        }
    }

    /// Leaves the server running and returns how to end it, for `--keep`.
    ///
    /// # Errors
    /// If the server cannot be detached; it has then ended.
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
