//! The server in Docker.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{FOLDER_PREFIX, probe_health};
use crate::machine::{Kind, Real, Supervised, Unavailable, ready, run, temporary_folder};
use crate::opensearch::VERSION;

const IMAGE: &str = "opensearchproject/opensearch";

const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// Time limit for downloading the image, of about 1 GB.
const PULL_LIMIT: Duration = Duration::from_mins(15);

/// One node, no security plugin (no TLS, no password), loopback only, no disk watermarks.
const SETTINGS: [&str; 5] = [
    "discovery.type=single-node",
    "DISABLE_SECURITY_PLUGIN=true",
    "DISABLE_INSTALL_DEMO_CONFIG=true",
    "OPENSEARCH_JAVA_OPTS=-Xms512m -Xmx512m",
    "cluster.routing.allocation.disk.threshold_enabled=false",
];

pub(super) async fn start(docker: &Path, say: &mut impl FnMut(&str)) -> Result<Real, Unavailable> {
    probe(docker).await?;
    pull(docker, say).await?;
    let folder = temporary_folder(FOLDER_PREFIX)?;
    let name = folder.path().file_name().unwrap_or_default().display().to_string();
    // Ending `docker run` alone may leave the container, and removing the container alone does
    // nothing while `docker run` has not created it yet.
    let end = format!("kill \"$server\"; '{}' rm --force '{name}'", docker.display());
    let mut line = vec![docker.as_os_str().to_owned()];
    line.extend(
        ["run", "--rm", "--publish", "127.0.0.1::9200", "--name", &name].map(OsString::from),
    );
    line.extend(SETTINGS.iter().flat_map(|setting| ["--env", setting]).map(OsString::from));
    line.push(format!("{IMAGE}:{VERSION}").into());
    let server = Supervised::start(folder, &end, &line, false)?;
    let probe = async |_| {
        let output = run(docker, ["port", &name, "9200/tcp"], None, PROBE_LIMIT).await.ok()?;
        probe_health(output.stdout.lines().find(|line| line.starts_with("127.0.0.1:"))?).await
    };
    let (server, url) = ready(server, probe).await?;
    Ok(Real { server, url, kind: Kind::Docker, container: Some(name) })
}

async fn probe(docker: &Path) -> Result<(), Unavailable> {
    let no_docker =
        |why: &str| Unavailable::new(format!("Docker does not run here ({why})"), "start Docker");
    let info = run(docker, ["info"], None, PROBE_LIMIT).await;
    let info = info.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => no_docker("no docker on the path"),
        _ => no_docker(&error.to_string()),
    })?;
    if info.success {
        return Ok(());
    }
    // The first line is the reason; the others list the client's plugins.
    let mut lines = info.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.next().unwrap_or("docker info fails");
    Err(no_docker(said.split(". ").next().unwrap_or(said).trim_end_matches('.')))
}

async fn pull(docker: &Path, say: &mut impl FnMut(&str)) -> Result<(), Unavailable> {
    let image = format!("{IMAGE}:{VERSION}");
    let failed = |error: io::Error| Unavailable::fetch(format!("docker: {error}"));
    let there = run(docker, ["image", "inspect", &image], None, PROBE_LIMIT).await;
    if there.map_err(failed)?.success {
        return Ok(());
    }
    say(&format!("Fetching the image {image} (about 1 GB, once) ..."));
    let pulled = run(docker, ["pull", "--quiet", &image], None, PULL_LIMIT).await;
    let pulled = pulled.map_err(failed)?;
    if pulled.success { Ok(()) } else { Err(Unavailable::fetch(pulled.complaint())) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::machine::write_program;
    use crate::opensearch::Embedded;

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
        let docker = folder.join("docker");
        write_program(&docker, &script);
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
        let Real { server, url, kind, container } = start(&docker, &mut say).await.unwrap();
        assert_eq!(
            said,
            ["Fetching the image opensearchproject/opensearch:2.19.3 (about 1 GB, once) ..."]
        );
        assert_eq!((url.as_str(), kind), (embedded.url(), Kind::Docker));
        let name = container.unwrap();
        server.stop().await;
        let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
        let told: Vec<_> = told.lines().filter(|line| !line.starts_with("port ")).collect();
        let image = "opensearchproject/opensearch:2.19.3";
        assert_eq!(told[..2], ["info", &format!("image inspect {image}")]);
        assert_eq!(told[2], format!("pull --quiet {image}"));
        let start = format!("run --rm --publish 127.0.0.1::9200 --name {name} --env ");
        assert!(told[3].starts_with(&start) && told[3].ends_with(image), "{}", told[3]);
        assert_eq!(told[4..], [format!("rm --force {name}")]);
    }

    #[tokio::test]
    async fn a_docker_without_its_daemon_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let info = "echo 'Cannot connect to the daemon. Is it running?' >&2; exit 1";
        let docker = fake(folder.path(), "", info);
        let error = start(&docker, &mut |line| panic!("{line}")).await.unwrap_err();
        assert_eq!(error.to_string(), "Docker does not run here (Cannot connect to the daemon)");
    }
}
