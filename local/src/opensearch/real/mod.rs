//! A real `OpenSearch`: in Docker where it runs, else on Java.

mod distribution;
mod docker;
mod error;
mod java;

use super::{Client, Environment, Kind};
use crate::machine::Supervised;
pub use error::RealError;
use std::path::Path;

/// How the names of the servers' folders start.
const FOLDER_PREFIX: &str = "sluice-opensearch-";

/// A running real server; it ends, and its data goes, when this value is dropped, and also when
/// this process is killed.
#[derive(Debug)]
pub struct Real {
    ready: Ready,
}

/// A server that answers.
#[derive(Debug)]
struct Ready {
    server: Supervised,
    url: String,
    kind: Kind,
}

impl Real {
    /// Brings up a real server, in Docker if that runs, else on Java, waits until its health is
    /// yellow or green, and tells `say`, line by line, what happens.
    ///
    /// # Errors
    ///
    /// [`RealError`] says why it cannot be had, and [`RealError::remedy`] what to do about it.
    pub async fn start(
        environment: &Environment,
        say: &mut impl FnMut(&str),
    ) -> Result<Self, RealError> {
        let docker = match docker::start(Path::new("docker"), say).await {
            Ok(ready) => {
                say(&format!("{} at {}.", ready.kind, ready.url));
                return Ok(Self { ready });
            }
            Err(error) => Box::new(error),
        };
        match java::start(environment, say).await {
            Ok(ready) => {
                say(&format!("{} at {}, as {docker}.", ready.kind, ready.url));
                Ok(Self { ready })
            }
            Err(java) => Err(RealError::Neither { docker, java: Box::new(java.into()) }),
        }
    }

    /// Where it answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// [`Kind::Docker`] or [`Kind::Java`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.ready.kind.clone()
    }

    /// Ends the server, removes its data and waits until that is done.
    pub async fn stop(self) {
        self.ready.server.stop().await;
    }

    /// Lets the server run on without this process, and returns the shell command that ends it
    /// and removes its data.
    ///
    /// # Errors
    ///
    /// When the server has ended already.
    pub async fn keep(self) -> Result<String, RealError> {
        let Ready { server, kind, .. } = self.ready;
        let of_docker = docker::stop_command(server.folder());
        let pid = server.keep().await.map_err(RealError::from)?;
        Ok(if kind == Kind::Docker { of_docker } else { format!("kill {pid}") })
    }
}

/// The URL of the server at `address` (`host:port`), if its health there is yellow or green.
async fn probe_health(address: String) -> Option<String> {
    let url = format!("http://{address}");
    let health = Client::new(&url).ok()?.health(1).await.ok()?;
    (health != "red").then_some(url)
}
