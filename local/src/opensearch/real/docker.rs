//! The server in Docker.

use super::{Ready, RealError, probe_health};
use crate::machine::{MachineError, Supervised, command, ready, user};
use crate::opensearch::{Kind, VERSION};
use std::ffi::OsString;
use std::io;
use std::path::Path;
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
    let folder = user::temporary_folder(super::FOLDER_PREFIX)?;
    let name = folder.path().file_name().unwrap_or_default().to_os_string();
    let end = end(docker, &name);
    let server = Supervised::start(folder, &end, &command_line(docker, &name), false)?;
    let probe = async |_| probe_health(address(docker, &name).await?).await;
    let (server, url) = ready(server, probe).await?;
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
    let failed = |error: io::Error| MachineError::Fetch(format!("docker: {error}"));
    let there = command::run(docker, ["image", "inspect", &image], None, PROBE_LIMIT).await;
    if there.map_err(failed)?.success {
        return Ok(());
    }
    say(&format!("Fetching the image {image} (about 1 GB, once) ..."));
    let pulled = command::run(docker, ["pull", "--quiet", &image], None, PULL_LIMIT).await;
    let pulled = pulled.map_err(failed)?;
    if pulled.success { Ok(()) } else { Err(MachineError::Fetch(pulled.complaint()).into()) }
}

fn command_line(docker: &Path, name: &OsString) -> Vec<OsString> {
    let mut line = vec![docker.as_os_str().to_owned()];
    line.extend(["run", "--rm", "--publish", "127.0.0.1::9200", "--name"].map(OsString::from));
    line.push(name.clone());
    line.extend(SETTINGS.iter().flat_map(|setting| ["--env", setting]).map(OsString::from));
    line.push(format!("{IMAGE}:{VERSION}").into());
    line
}

/// The shell command that ends the container: ending `docker run` alone may leave it, and removing
/// it alone does nothing while `docker run` has not yet created it.
fn end(docker: &Path, name: &OsString) -> String {
    format!("kill \"$server\"; '{}' rm --force '{}'", docker.display(), name.display())
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::opensearch::Embedded;

    /// A `docker` that writes down what it is told; its containers answer at `address`.
    fn fake(folder: &Path, address: &str, info: &str) -> PathBuf {
        let script = format!(
            r#"#!/bin/sh
cd "{folder}" || exit 1
echo "$*" >>told
case $1 in
info) {info} ;;
image) exit 1 ;;
run) echo $$ >pid; exec sleep 600 ;;
port) [ -s pid ] && echo "[::1]:1" && echo "{address}" ;;
esac
"#,
            folder = folder.display(),
        );
        let (draft, docker) = (folder.join("draft"), folder.join("docker"));
        std::fs::write(&draft, script).unwrap();
        user::open_to_all(&draft).unwrap();
        // Copied by another process: a file that this one has open for writing cannot be run, and
        // the children of other tests may have inherited it.
        let copied = std::process::Command::new("cp").arg("-p").arg(&draft).arg(&docker).status();
        assert!(copied.unwrap().success());
        docker
    }

    #[tokio::test]
    async fn a_container_is_started_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::start().await.unwrap();
        let address = embedded.url().strip_prefix("http://").unwrap();
        let docker = fake(folder.path(), address, "exit 0");
        let mut said = Vec::new();
        let mut say = |line: &str| said.push(line.to_owned());
        let Ready { server, url, kind } = start(&docker, &mut say).await.unwrap();
        assert_eq!(
            said,
            ["Fetching the image opensearchproject/opensearch:2.19.3 (about 1 GB, once) ..."]
        );
        assert_eq!((url.as_str(), kind), (embedded.url(), Kind::Docker));
        let stop = stop_command(server.folder());
        let name = stop.strip_prefix("docker rm --force ").unwrap().to_owned();
        server.stop().await;
        let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
        let told: Vec<_> = told.lines().filter(|line| !line.starts_with("port ")).collect();
        let run = format!(
            "run --rm --publish 127.0.0.1::9200 --name {name} --env discovery.type=single-node \
             --env DISABLE_SECURITY_PLUGIN=true --env DISABLE_INSTALL_DEMO_CONFIG=true \
             --env OPENSEARCH_JAVA_OPTS=-Xms512m -Xmx512m \
             --env cluster.routing.allocation.disk.threshold_enabled=false \
             opensearchproject/opensearch:2.19.3"
        );
        assert_eq!(
            told,
            [
                "info",
                "image inspect opensearchproject/opensearch:2.19.3",
                "pull --quiet opensearchproject/opensearch:2.19.3",
                &run,
                &format!("rm --force {name}"),
            ]
        );
    }

    #[tokio::test]
    async fn a_docker_without_its_daemon_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let info = "echo 'Cannot connect to the daemon. Is it running?' >&2; exit 1";
        let docker = fake(folder.path(), "", info);
        let error = start(&docker, &mut |line| panic!("{line}")).await.unwrap_err();
        assert_eq!(error.to_string(), "Docker does not run here (Cannot connect to the daemon)");
        let nowhere = folder.path().join("nowhere");
        let error = start(&nowhere, &mut |line| panic!("{line}")).await.unwrap_err();
        assert_eq!(error.to_string(), "Docker does not run here (no docker on the path)");
    }
}
