//! ElasticMQ: an SQS on Java, in its own process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;

use super::ELASTICMQ_VERSION;
use super::embedded::State;
use crate::environment::Environment;
use crate::machine::java::JavaServer;
use crate::machine::{Real, Unavailable, maven};
use crate::service::Product;

/// SHA-256 in Maven Central and coordinates (`group:artifact:version`) of every jar of the server.
/// Exactly this list is downloaded: Maven resolves no dependencies.
const JARS: &str = include_str!("jars.sha256");

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

const OPTIONS: [&str; 3] = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// The log message of a started server, before its address.
const BOUND: &str = "Started SQS rest server, bind address ";

/// Time limit of one attempt to connect.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Starts it and waits until it listens. The first start downloads it (38 MB).
pub(super) async fn start(
    environment: &Environment,
    say: &mut impl FnMut(&str),
) -> Result<Real, Unavailable> {
    let main = jars().find(|jar| jar.artifact == "elasticmq-server_2.13");
    let server = JavaServer {
        name: State::REAL.to_owned(),
        java: 11..=u32::MAX,
        cached_as: format!(
            "elasticmq-{ELASTICMQ_VERSION}-{}",
            main.map_or("", |jar| &jar.sha256[..12])
        ),
        size: "38 MB",
        prefix: "sluice-sqs-",
        refuses_root: false,
        folders: &[],
        files: &[("elasticmq.conf", SETTINGS)],
    };
    let arguments = |lib: &Path, folder: &Path| {
        let mut line = OPTIONS.map(OsString::from).to_vec();
        let mut file = OsString::from("-Dconfig.file=");
        file.push(folder.join("elasticmq.conf"));
        line.extend([file, "-cp".into(), lib.join("*").into(), "org.elasticmq.server.Main".into()]);
        line
    };
    let real = server.start(environment, say, fetch, arguments, probe).await?;
    say(&format!("{} at {}.", real.kind.describe(State::NAME, State::REAL), real.url));
    Ok(real)
}

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

async fn fetch(folder: &Path) -> Result<PathBuf, Unavailable> {
    let project = folder.join("pom.xml");
    std::fs::write(&project, pom()).map_err(Unavailable::io("cannot write", &project))?;
    let lib = folder.join("lib");
    let properties = [format!("outputDirectory={}", lib.display())];
    maven::fetch("ElasticMQ", folder, "copy-dependencies", &properties).await?;
    let to = lib.clone();
    tokio::task::spawn_blocking(move || verify(&to)).await.map_err(Unavailable::fetch)??;
    Ok(lib)
}

fn verify(lib: &Path) -> Result<(), Unavailable> {
    jars().try_for_each(|jar| maven::verify(&lib.join(jar.file()), jar.sha256))
}

/// A jar of the list.
#[derive(Debug, Clone, Copy)]
struct Jar {
    sha256: &'static str,
    group: &'static str,
    artifact: &'static str,
    version: &'static str,
}

impl Jar {
    fn file(&self) -> String {
        format!("{}-{}.jar", self.artifact, self.version)
    }
}

fn jars() -> impl Iterator<Item = Jar> {
    JARS.lines().filter_map(|line| {
        let (sha256, coordinates) = line.split_once("  ")?;
        let mut parts = coordinates.split(':');
        Some(Jar { sha256, group: parts.next()?, artifact: parts.next()?, version: parts.next()? })
    })
}

fn pom() -> String {
    let dependency = |Jar { group, artifact, version, .. }: Jar| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version><exclusions><exclusion><groupId>*</groupId>\
             <artifactId>*</artifactId></exclusion></exclusions></dependency>\n"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
         <modelVersion>4.0.0</modelVersion>\n\
         <groupId>sluice</groupId><artifactId>elasticmq</artifactId><version>1</version>\n\
         <dependencies>\n{}</dependencies>\n</project>\n",
        jars().map(dependency).collect::<String>()
    )
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
        assert_eq!(bound_address(&line[..line.find("765,").unwrap()]), None);
    }

    #[test]
    fn every_jar_is_listed_with_its_digest() {
        let jars: Vec<_> = jars().collect();
        assert_eq!(jars.len(), JARS.lines().count());
        assert!(jars.iter().all(|jar| jar.sha256.len() == 64));
        let server = jars.iter().find(|jar| jar.artifact == "elasticmq-server_2.13").unwrap();
        assert_eq!((server.group, server.version), ("org.elasticmq", ELASTICMQ_VERSION));
        assert_eq!(server.file(), "elasticmq-server_2.13-1.6.16.jar");
    }
}
