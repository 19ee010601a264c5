//! ElasticMQ's jars: fetched once through Maven, verified, kept in the cache.

use crate::machine::{MachineError, maven, once};
use crate::sqs::ELASTICMQ_VERSION;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// SHA-256 and coordinates (`group:artifact:version`) of every jar that the server is made of, as
/// Maven Central has them. The list is what is fetched: Maven resolves nothing by itself.
const JARS: &str = include_str!("jars.sha256");

/// The folder of the jars, which is there only if all were fetched and verified.
pub(super) async fn folder(
    cache: &Path,
    say: &mut impl FnMut(&str),
) -> Result<PathBuf, MachineError> {
    let server = jars().find(|jar| jar.artifact == "elasticmq-server_2.13");
    let digest = server.map_or("", |jar| &jar.sha256[..12]);
    let name = format!("elasticmq-{ELASTICMQ_VERSION}-{digest}");
    let server = format!("ElasticMQ {ELASTICMQ_VERSION}");
    once(cache, &name, &server, "38 MB", say, fetch).await
}

async fn fetch(folder: &Path) -> Result<PathBuf, MachineError> {
    let project = folder.join("pom.xml");
    std::fs::write(&project, pom()).map_err(MachineError::io("cannot write", &project))?;
    let lib = folder.join("lib");
    let properties = [format!("outputDirectory={}", lib.display())];
    maven::fetch("ElasticMQ", folder, "copy-dependencies", &properties).await?;
    let to = lib.clone();
    tokio::task::spawn_blocking(move || verify(&to))
        .await
        .map_err(|error| MachineError::Fetch(error.to_string()))??;
    Ok(lib)
}

fn verify(lib: &Path) -> Result<(), MachineError> {
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

/// A project that depends on the listed jars and on nothing else.
fn pom() -> String {
    let mut pom = "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
                   <modelVersion>4.0.0</modelVersion>\n\
                   <groupId>sluice</groupId><artifactId>elasticmq</artifactId>\
                   <version>1</version>\n<dependencies>\n"
        .to_owned();
    for Jar { group, artifact, version, .. } in jars() {
        // Writing to a String does not fail.
        writeln!(
            pom,
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version><exclusions><exclusion><groupId>*</groupId>\
             <artifactId>*</artifactId></exclusion></exclusions></dependency>"
        )
        .ok();
    }
    pom + "</dependencies>\n</project>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_jar_with_its_digest() {
        let jars: Vec<_> = jars().collect();
        assert_eq!(jars.len(), JARS.lines().count());
        assert!(jars.iter().all(|jar| jar.sha256.len() == 64));
        let server = jars.iter().find(|jar| jar.artifact == "elasticmq-server_2.13").unwrap();
        assert_eq!((server.group, server.version), ("org.elasticmq", ELASTICMQ_VERSION));
        assert_eq!(server.file(), "elasticmq-server_2.13-1.6.16.jar");
    }

    #[test]
    fn a_jar_that_is_missing_or_another_is_refused() {
        let lib = tempfile::tempdir().unwrap();
        let first = jars().next().unwrap().file();
        let error = verify(lib.path()).unwrap_err().to_string();
        assert_eq!(error, format!("it could not be fetched: Maven left no {first}"));
        std::fs::write(lib.path().join(&first), "another").unwrap();
        let error = verify(lib.path()).unwrap_err();
        assert!(matches!(&error, MachineError::Checksum { file, .. } if *file == first), "{error}");
    }
}
