//! moto, which simulates many AWS services in memory, in its own process. The program
//! `moto_server`, from `PyPI`, must be on the path.

use std::ffi::OsString;

use crate::machine::{Supervised, Unavailable, find, listening, run_python, temporary_folder};
use crate::runtime_api::REGION;
use crate::server;

const PROGRAM: &str = "moto_server";

/// A running moto. It ends when this value is dropped or this process is killed.
#[derive(Debug)]
pub struct Moto {
    server: Supervised,
    url: String,
}

impl Moto {
    /// Starts it on a free port and waits until it listens, which takes one to three seconds.
    ///
    /// # Errors
    /// [`Unavailable`] if it is missing on this machine or does not start.
    pub async fn start() -> Result<Self, Unavailable> {
        find(PROGRAM, "--help", "moto[server] of PyPI, with pip").await?;
        let folder = temporary_folder("sluice-moto-")?;
        let address =
            server::free_address().await.map_err(Unavailable::io("no free port for", PROGRAM))?;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        // Without the images and snapshots that Amazon shares, which take seconds to load.
        let variable = "MOTO_EC2_LOAD_DEFAULT_AMIS=false";
        let command = ["env", variable, PROGRAM, "-H", &host, "-p", &port].map(OsString::from);
        let server = Supervised::start(folder, "kill \"$server\"", &command, false)?;
        let server = listening(server, address).await?;
        Ok(Self { server, url: format!("http://{address}") })
    }

    /// The URL of all services, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a Python script with arguments to its end, and returns its output. The script can use
    /// `boto3`, whose clients call this server.
    ///
    /// # Errors
    /// The last lines of the output if the script fails.
    pub async fn run(&self, script: &str, arguments: &[&str]) -> Result<String, String> {
        let variables = [
            format!("AWS_ENDPOINT_URL={}", self.url),
            format!("AWS_DEFAULT_REGION={REGION}"),
            "AWS_ACCESS_KEY_ID=local".to_owned(),
            "AWS_SECRET_ACCESS_KEY=local".to_owned(),
            "NO_PROXY=127.0.0.1,localhost".to_owned(),
        ];
        run_python(PROGRAM, variables.map(OsString::from), script, arguments).await
    }

    /// Ends it, and waits for that.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
