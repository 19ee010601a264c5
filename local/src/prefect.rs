//! A Prefect server in its own process, with an empty database. The program `prefect`, from `PyPI`,
//! must be on the path.

use std::ffi::OsString;
use std::path::Path;

use crate::machine::{Supervised, Unavailable, find, listening, run_python, temporary_folder};
use crate::server;

/// A running Prefect. It ends and its data is removed when this value is dropped or this process is
/// killed.
#[derive(Debug)]
pub struct Prefect {
    server: Supervised,
    api_url: String,
}

impl Prefect {
    /// Starts it on a free port and waits until it listens, which takes fifteen seconds.
    ///
    /// # Errors
    /// [`Unavailable`] if it is missing on this machine or does not start.
    pub async fn start() -> Result<Self, Unavailable> {
        find("prefect", "--version", "prefect of PyPI, with pip").await?;
        let folder = temporary_folder("sluice-prefect-")?;
        let address =
            server::free_address().await.map_err(Unavailable::io("no free port for", "Prefect"))?;
        let api_url = format!("http://{address}/api");
        let mut line = vec![OsString::from("env")];
        line.extend(variables(folder.path(), &api_url));
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let command = ["prefect", "server", "start", "--host", &host, "--port", &port];
        line.extend(command.map(OsString::from));
        let server = Supervised::start(folder, "kill \"$server\"", &line, false)?;
        let server = listening(server, address).await?;
        Ok(Self { server, api_url })
    }

    /// The URL of its API, such as `http://127.0.0.1:40123/api`.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// Runs a Python script with arguments to its end. Prefect's client in it uses this server.
    ///
    /// # Errors
    /// The last lines of the output if the script fails.
    pub async fn run(&self, script: &str, arguments: &[&str]) -> Result<(), String> {
        let variables = variables(self.server.folder(), &self.api_url);
        run_python("prefect", variables, script, arguments).await.map(drop)
    }

    /// Ends it, and waits for that.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// The variables that `env` sets for the server and its clients: data in this folder, no other
/// server, and no proxy.
fn variables(folder: &Path, api_url: &str) -> [OsString; 5] {
    let mut home = OsString::from("PREFECT_HOME=");
    home.push(folder);
    let api = format!("PREFECT_API_URL={api_url}").into();
    let [analytics, quiet] =
        ["PREFECT_SERVER_ANALYTICS_ENABLED=false", "PREFECT_LOGGING_LEVEL=ERROR"]
            .map(OsString::from);
    [home, api, analytics, quiet, "NO_PROXY=127.0.0.1,localhost".into()]
}
