//! The server in Docker.

use super::supervisor::Supervised;
use super::{Ready, RealError, command, ready, user};
use crate::opensearch::{Kind, VERSION};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const IMAGE: &str = "opensearchproject/opensearch";

const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// How long the image, of about 1 GB, may take to come.
const PULL_LIMIT: Duration = Duration::from_mins(15);

/// One node, no security plugin (no TLS, no password), loopback only, no disk watermarks.
const SETTINGS: [&str; 5] = [
    "discovery.type=single-node",
    "DISABLE_SECURITY_PLUGIN=true",
    "DISABLE_INSTALL_DEMO_CONFIG=true",
    "OPENSEARCH_JAVA_OPTS=-Xms512m -Xmx512m",
    "cluster.routing.allocation.disk.threshold_enabled=false",
];

/// Brings it up with the command `docker`.
pub(super) async fn start(docker: &Path, say: &mut impl FnMut(&str)) -> Result<Ready, RealError> {
    probe(docker).await?;
    pull(docker, say).await?;
    let folder = user::temporary_folder()?;
    let name = folder.path().file_name().unwrap_or_default().to_os_string();
    let end = end(docker, &name);
    let server = Supervised::start(folder, &end, &command_line(docker, &name), false)?;
    let address = |_: PathBuf| address(docker, &name);
    let (server, url) = ready::wait(server, address).await?;
    Ok(Ready { server, url, kind: Kind::Docker })
}

async fn probe(docker: &Path) -> Result<(), RealError> {
    let info = command::run(docker, ["info"], None, PROBE_LIMIT).await;
    let info = info.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RealError::NoDocker("no docker on the path".to_owned()),
        _ => RealError::NoDocker(error.to_string()),
    })?;
    if info.success { Ok(()) } else { Err(RealError::NoDocker(reason(&info.stderr))) }
}

/// The line of `docker info` that says why; the others list the client's plugins.
fn reason(stderr: &str) -> String {
    let mut lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.next().unwrap_or("docker info fails");
    said.split(". ").next().unwrap_or(said).trim_end_matches('.').to_owned()
}

async fn pull(docker: &Path, say: &mut impl FnMut(&str)) -> Result<(), RealError> {
    let image = format!("{IMAGE}:{VERSION}");
    let failed = |error: io::Error| RealError::Fetch(format!("docker: {error}"));
    let there = command::run(docker, ["image", "inspect", &image], None, PROBE_LIMIT).await;
    if there.map_err(failed)?.success {
        return Ok(());
    }
    say(&format!("Fetching the image {image} (about 1 GB, once) ..."));
    let pulled = command::run(docker, ["pull", "--quiet", &image], None, PULL_LIMIT).await;
    let pulled = pulled.map_err(failed)?;
    if pulled.success { Ok(()) } else { Err(RealError::Fetch(pulled.complaint())) }
}

fn command_line(docker: &Path, name: &OsString) -> Vec<OsString> {
    let mut line = vec![docker.as_os_str().to_owned()];
    line.extend(["run", "--rm", "--publish", "127.0.0.1::9200", "--name"].map(OsString::from));
    line.push(name.clone());
    line.extend(SETTINGS.iter().flat_map(|setting| ["--env", setting]).map(OsString::from));
    line.push(format!("{IMAGE}:{VERSION}").into());
    line
}

/// The shell command that ends the container: ending `docker run` alone would leave it.
fn end(docker: &Path, name: &OsString) -> String {
    format!("'{}' rm --force '{}'", docker.display(), name.display())
}

/// The command that a user ends a kept container with.
pub(super) fn stop_command(folder: &Path) -> String {
    format!("docker rm --force {}", folder.file_name().unwrap_or_default().display())
}

async fn address(docker: &Path, name: &OsString) -> Option<String> {
    let arguments = [OsString::from("port"), name.clone(), OsString::from("9200/tcp")];
    let output = command::run(docker, arguments, None, PROBE_LIMIT).await.ok()?;
    output.stdout.lines().find(|line| line.starts_with("127.0.0.1:")).map(str::to_owned)
}
