//! ElasticMQ: an SQS on Java, in a process of its own.

mod distribution;

use super::ELASTICMQ_VERSION;
use crate::environment::Environment;
use crate::machine::{MachineError, Supervised, java, ready, user};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;

/// The Java versions that run it.
const VERSIONS: std::ops::RangeInclusive<u32> = 11..=u32::MAX;

/// Any free port of the loopback interface, queues in memory, the limits of SQS, and the account
/// and region of the stand-ins.
const SETTINGS: &str = "\
include classpath(\"application.conf\")
generate-node-address = true
node-address { protocol = http, host = \"127.0.0.1\", port = 0, context-path = \"\" }
rest-sqs { enabled = true, bind-hostname = \"127.0.0.1\", bind-port = 0, sqs-limits = strict }
rest-stats { enabled = false }
messages-storage { enabled = false }
queues-storage { enabled = false }
aws { region = us-east-1, accountId = 123456789012 }
";

/// Small and quick to be up: it holds a test's queues.
const OPTIONS: [&str; 3] = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// What its log says when it is up, before its address.
const BOUND: &str = "Started SQS rest server, bind address ";

/// How long one try to reach it may take.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// A running ElasticMQ; it ends, and its queues go, when this value is dropped, and also when this
/// process is killed.
#[derive(Debug)]
pub struct Real {
    server: Supervised,
    url: String,
    java: u32,
}

impl Real {
    /// Brings it up, waits until it listens, and tells `say`, line by line, what happens. The
    /// first start fetches it (38 MB); later ones take two to three seconds.
    ///
    /// # Errors
    /// Why it cannot be had; [`MachineError::remedy`] says what to do about it.
    pub async fn start(
        environment: &Environment,
        say: &mut impl FnMut(&str),
    ) -> Result<Self, MachineError> {
        let (java, version) = java::find(environment, "ElasticMQ", VERSIONS).await?;
        let cache = environment.cache_folder(user::is_root()?);
        let lib = distribution::folder(&cache, say).await?;
        let folder = user::temporary_folder("sluice-sqs-")?;
        let settings = folder.path().join("elasticmq.conf");
        std::fs::write(&settings, SETTINGS).map_err(MachineError::io("cannot write", &settings))?;
        let command_line = command_line(&java, &lib, &settings);
        let server = Supervised::start(folder, "kill -KILL \"$server\"", &command_line, false)?;
        let (server, url) = ready(server, probe).await?;
        say(&format!("ElasticMQ {ELASTICMQ_VERSION} on Java {version} at {url}."));
        Ok(Self { server, url, java: version })
    }

    /// Where it answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The feature version of the Java that runs it: 17 for 17.0.15.
    #[must_use]
    pub fn java(&self) -> u32 {
        self.java
    }

    /// Ends it and waits until that is done.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

fn command_line(java: &Path, lib: &Path, settings: &Path) -> Vec<OsString> {
    let mut line = vec![java.as_os_str().to_owned()];
    line.extend(OPTIONS.map(OsString::from));
    let mut file = OsString::from("-Dconfig.file=");
    file.push(settings);
    line.push(file);
    line.push("-cp".into());
    line.push(lib.join("*").into_os_string());
    line.push("org.elasticmq.server.Main".into());
    line
}

/// The URL, once the log tells the address and something listens there.
async fn probe(folder: PathBuf) -> Option<String> {
    let log = tokio::fs::read_to_string(folder.join("console.log")).await.ok()?;
    let address = bound_address(&log)?;
    let connected = tokio::time::timeout(PROBE_LIMIT, TcpStream::connect(address)).await;
    connected.ok()?.ok()?;
    Some(format!("http://{address}"))
}

fn bound_address(log: &str) -> Option<&str> {
    let (_, after) = log.split_once(BOUND)?;
    // The rest of the line may not be written yet.
    after.split_once(',').map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_a_line_that_is_whole() {
        let line = "12:23:33.313 [a-7] INFO  o.e.rest.sqs.TheSQSRestServerBuilder - Started SQS \
                    rest server, bind address 127.0.0.1:42765, visible server address \
                    http://127.0.0.1:42765\n";
        assert_eq!(bound_address(line), Some("127.0.0.1:42765"));
        let cut = &line[..line.find("765,").unwrap()];
        assert_eq!(bound_address(cut), None);
    }
}
