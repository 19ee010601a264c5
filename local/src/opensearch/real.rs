//! A real `OpenSearch`: in Docker if it is running, otherwise on Java.

mod docker;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::embedded::State;
use super::{Client, VERSION};
use crate::environment::Environment;
use crate::machine::java::JavaServer;
use crate::machine::{Real, Unavailable, maven};
use crate::service::Product;

const FOLDER_PREFIX: &str = "sluice-opensearch-";

const ARTIFACT: &str = "org.opensearch.distribution.integ-test-zip:opensearch";

/// SHA-256 of `opensearch-2.19.3.zip` in Maven Central.
const SHA256: &str = "760530e522de0a9f06380d4a4a43dfd83c31fa8911f41745513ce715ed5dfd03";

/// Loopback only, free ports that are reported in a file, and no read-only indices on disks that
/// are nearly full.
const SETTINGS: &str = "\
cluster.name: sluice
node.name: sluice
node.portsfile: true
discovery.type: single-node
network.host: 127.0.0.1
http.port: 0
transport.port: 0
cluster.routing.allocation.disk.threshold_enabled: false
";

const LOGGING: &str = "\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
";

/// The Java options of the distribution's own scripts that matter here. Running Java directly
/// avoids the second Java with which the scripts determine options, and halves the start time.
const OPTIONS: &str = "-Xms512m -Xmx512m -XX:+UseSerialGC -Djava.io.tmpdir=tmp \
    -Djava.awt.headless=true -Djava.security.manager=allow -Dfile.encoding=UTF-8 \
    -Djna.nosys=true -Dio.netty.noUnsafe=true -Dlog4j.shutdownHookEnabled=false \
    -Dlog4j2.disable.jmx=true -Djava.locale.providers=SPI,COMPAT \
    -Dopensearch.distribution.type=zip";

pub(super) async fn start(
    environment: &Environment,
    say: &mut impl FnMut(&str),
) -> Result<Real, Unavailable> {
    let shown =
        |real: &Real| format!("{} at {}", real.kind.describe(State::NAME, State::REAL), real.url);
    let docker = match docker::start(Path::new("docker"), say).await {
        Ok(real) => {
            say(&format!("{}.", shown(&real)));
            return Ok(real);
        }
        Err(error) => error,
    };
    match on_java(environment, say).await {
        Ok(real) => {
            say(&format!("{}, as {docker}.", shown(&real)));
            Ok(real)
        }
        Err(java) => Err(Unavailable::new(
            format!("{docker}, and {java}"),
            format!("start Docker, or {}", java.remedy),
        )),
    }
}

async fn on_java(
    environment: &Environment,
    say: &mut impl FnMut(&str),
) -> Result<Real, Unavailable> {
    let server = JavaServer {
        name: State::REAL.to_owned(),
        // Built for 11 and tested up to 23; 24 has no security manager, which 2.x requires to
        // start.
        java: 17..=23,
        cached_as: format!("opensearch-{VERSION}-{}", &SHA256[..12]),
        size: "51 MB",
        prefix: FOLDER_PREFIX,
        refuses_root: true,
        folders: &["config", "data", "logs", "tmp"],
        files: &[
            ("config/opensearch.yml", SETTINGS),
            ("config/log4j2.properties", LOGGING),
            ("config/jvm.options", ""),
        ],
    };
    let probe = async |folder: PathBuf| {
        // Written when the server listens, with one address per line.
        let ports = tokio::fs::read_to_string(folder.join("logs/http.ports")).await.ok()?;
        probe_health(ports.lines().find(|line| line.starts_with("127.0.0.1:"))?).await
    };
    server.start(environment, say, fetch, arguments, probe).await
}

fn arguments(home: &Path, folder: &Path) -> Vec<OsString> {
    let with = |option: &str, path: &Path| {
        let mut argument = OsString::from(option);
        argument.push(path);
        argument
    };
    let mut line: Vec<_> = OPTIONS.split(' ').map(OsString::from).collect();
    line.push(with("-Dopensearch.path.home=", home));
    line.push(with("-Dopensearch.path.conf=", &folder.join("config")));
    line.push("-cp".into());
    line.push(home.join("lib/*").into_os_string());
    line.push("org.opensearch.bootstrap.OpenSearch".into());
    // Both paths are relative to the server's home unless they are absolute.
    line.push(with("-Epath.data=", &folder.join("data")));
    line.push(with("-Epath.logs=", &folder.join("logs")));
    line
}

async fn fetch(folder: &Path) -> Result<PathBuf, Unavailable> {
    let properties = [
        format!("artifact={ARTIFACT}:{VERSION}:zip"),
        format!("outputDirectory={}", folder.display()),
    ];
    maven::fetch("OpenSearch", folder, "copy", &properties).await?;
    let archive = folder.join(format!("opensearch-{VERSION}.zip"));
    let unpacked = folder.join("unpacked");
    let to = unpacked.clone();
    let done = tokio::task::spawn_blocking(move || unpack(&archive, SHA256, &to)).await;
    done.map_err(Unavailable::fetch)??;
    Ok(unpacked.join(format!("opensearch-{VERSION}")))
}

fn unpack(archive: &Path, sha256: &str, to: &Path) -> Result<(), Unavailable> {
    maven::verify(archive, sha256)?;
    let file = File::open(archive).map_err(Unavailable::io("cannot open", archive))?;
    let unpacked = zip::ZipArchive::new(file).and_then(|mut archive| archive.extract(to));
    unpacked.map_err(|error| Unavailable::io("cannot unpack", archive)(error.into()))
}

/// The URL of the server at `address` (`host:port`), if its health is yellow or green.
async fn probe_health(address: &str) -> Option<String> {
    let url = format!("http://{address}");
    let health = Client::new(&url).ok()?.health(1).await.ok()?;
    (health != "red").then_some(url)
}
