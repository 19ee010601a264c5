//! The distribution: fetched once through Maven, verified, unpacked into the cache.

use crate::machine::{MachineError, maven, once};
use crate::opensearch::VERSION;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The Maven artifact: the distribution without plugins.
const ARTIFACT: &str = "org.opensearch.distribution.integ-test-zip:opensearch";

/// SHA-256 of `opensearch-2.19.3.zip` of that artifact, as Maven Central has it.
const SHA256: &str = "760530e522de0a9f06380d4a4a43dfd83c31fa8911f41745513ce715ed5dfd03";

/// The unpacked distribution, which is there only if it was fetched and verified as a whole.
pub(super) async fn folder(
    cache: &Path,
    say: &mut impl FnMut(&str),
) -> Result<PathBuf, MachineError> {
    let name = format!("opensearch-{VERSION}-{}", &SHA256[..12]);
    let server = format!("OpenSearch {VERSION}");
    once(cache, &name, &server, "51 MB", say, fetch).await
}

async fn fetch(folder: &Path) -> Result<PathBuf, MachineError> {
    let properties = [
        format!("artifact={ARTIFACT}:{VERSION}:zip"),
        format!("outputDirectory={}", folder.display()),
    ];
    maven::fetch("OpenSearch", folder, "copy", &properties).await?;
    let archive = folder.join(format!("opensearch-{VERSION}.zip"));
    let unpacked = folder.join("unpacked");
    let to = unpacked.clone();
    tokio::task::spawn_blocking(move || unpack(&archive, SHA256, &to))
        .await
        .map_err(|error| MachineError::Unpack(error.to_string()))??;
    Ok(unpacked.join(format!("opensearch-{VERSION}")))
}

/// Verifies the archive, then unpacks it.
fn unpack(archive: &Path, sha256: &'static str, to: &Path) -> Result<(), MachineError> {
    maven::verify(archive, sha256)?;
    let file = File::open(archive).map_err(MachineError::io("cannot open", archive))?;
    let unpack = |error: zip::result::ZipError| MachineError::Unpack(error.to_string());
    zip::ZipArchive::new(file).map_err(unpack)?.extract(to).map_err(unpack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_with_another_digest_is_not_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.zip");
        std::fs::write(&archive, b"half of it").unwrap();
        let to = folder.path().join("unpacked");
        let error = unpack(&archive, SHA256, &to).unwrap_err();
        assert!(matches!(error, MachineError::Checksum { .. }), "{error}");
        assert!(!to.exists());
    }
}
