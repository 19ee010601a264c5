//! The distribution: fetched once through Maven, verified, unpacked into the cache.

use super::{RealError, command, user};
use crate::opensearch::VERSION;
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The Maven artifact: the distribution without plugins, 51 MB.
const ARTIFACT: &str = "org.opensearch.distribution.integ-test-zip:opensearch";

/// The plugin's version is named so that no `pom.xml` or newest release decides it.
const MAVEN_GOAL: &str = "org.apache.maven.plugins:maven-dependency-plugin:copy";

/// SHA-256 of `opensearch-2.19.3.zip` of that artifact, as Maven Central has it.
const SHA256: &str = "760530e522de0a9f06380d4a4a43dfd83c31fa8911f41745513ce715ed5dfd03";

/// How long the download may take.
const FETCH_LIMIT: Duration = Duration::from_mins(10);

/// How often another process's download is looked at.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// The unpacked distribution, which is there only if it was fetched and verified as a whole.
pub(super) async fn folder(cache: &Path, say: &mut impl FnMut(&str)) -> Result<PathBuf, RealError> {
    let name = format!("opensearch-{VERSION}-{}", &SHA256[..12]);
    let folder = cache.join(&name);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(cache).map_err(RealError::io("cannot create", cache))?;
    user::open_to_all(cache)?;
    let _lock = lock(cache.join(format!("{name}.lock")), say).await?;
    if folder.is_dir() {
        return Ok(folder);
    }
    say(&format!("Fetching OpenSearch {VERSION} through Maven (51 MB, once) ..."));
    let download = tempfile::Builder::new()
        .prefix("download-")
        .tempdir_in(cache)
        .map_err(RealError::io("cannot create a folder in", cache))?;
    let archive = fetch(download.path()).await?;
    let unpacked = download.path().join("unpacked");
    let to = unpacked.clone();
    tokio::task::spawn_blocking(move || unpack(&archive, SHA256, &to))
        .await
        .map_err(|error| RealError::Unpack(error.to_string()))??;
    let root = unpacked.join(format!("opensearch-{VERSION}"));
    user::open_to_all(&root)?;
    // The last step, and an atomic one: a folder of this name is whole.
    std::fs::rename(&root, &folder).map_err(RealError::io("cannot create", &folder))?;
    Ok(folder)
}

/// Waits until no other process is downloading.
async fn lock(path: PathBuf, say: &mut impl FnMut(&str)) -> Result<File, RealError> {
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(RealError::io("cannot create", &path))?;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !said {
                    say("Waiting for another process that fetches OpenSearch ...");
                    said = true;
                }
                tokio::time::sleep(LOCK_INTERVAL).await;
            }
            Err(TryLockError::Error(source)) => {
                return Err(RealError::Io { action: "cannot lock", path, source });
            }
        }
    }
}

/// Fetches the archive into `folder` through the user's own Maven, so that its settings (mirrors,
/// proxies, the local repository) hold.
async fn fetch(folder: &Path) -> Result<PathBuf, RealError> {
    let arguments = [
        "--batch-mode".to_owned(),
        "--quiet".to_owned(),
        MAVEN_GOAL.to_owned(),
        format!("-Dartifact={ARTIFACT}:{VERSION}:zip"),
        format!("-DoutputDirectory={}", folder.display()),
    ];
    let output = command::run(Path::new("mvn"), arguments, Some(folder), FETCH_LIMIT).await;
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RealError::NoMaven,
        _ => RealError::Fetch(format!("mvn: {error}")),
    })?;
    let archive = folder.join(format!("opensearch-{VERSION}.zip"));
    if !output.success {
        return Err(RealError::Fetch(output.complaint()));
    }
    if !archive.is_file() {
        return Err(RealError::Fetch("Maven left no archive".to_owned()));
    }
    Ok(archive)
}

/// Verifies the archive, then unpacks it.
fn unpack(archive: &Path, sha256: &'static str, to: &Path) -> Result<(), RealError> {
    let mut file = File::open(archive).map_err(RealError::io("cannot open", archive))?;
    let found = digest(&mut file).map_err(RealError::io("cannot read", archive))?;
    if found != sha256 {
        return Err(RealError::Checksum { found, expected: sha256 });
    }
    let unpack = |error: zip::result::ZipError| RealError::Unpack(error.to_string());
    zip::ZipArchive::new(file).map_err(unpack)?.extract(to).map_err(unpack)
}

/// The SHA-256 of what is left to read, in hexadecimal digits.
fn digest(reader: &mut impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            length => digest.update(&buffer[..length]),
        }
    }
    Ok(digest.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
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
        let digest = "79fc9ae17531330efc8af533faae64e2d1c7bc44edf22e4723ae19da32dc8d82";
        assert!(matches!(&error, RealError::Checksum { found, .. } if found == digest), "{error}");
        assert!(!to.exists());
    }

    #[tokio::test]
    async fn what_is_in_the_cache_is_not_fetched_again() {
        let cache = tempfile::tempdir().unwrap();
        let there = cache.path().join(format!("opensearch-{VERSION}-{}", &SHA256[..12]));
        std::fs::create_dir(&there).unwrap();
        let found = folder(cache.path(), &mut |line| panic!("{line}")).await.unwrap();
        assert_eq!(found, there);
    }

    #[tokio::test]
    async fn one_process_fetches_and_the_others_wait() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("a.lock");
        let first = lock(path.clone(), &mut |line| panic!("{line}")).await.unwrap();
        let mut said = Vec::new();
        let mut say = |line: &str| said.push(line.to_owned());
        let mut second = Box::pin(lock(path, &mut say));
        assert!(tokio::time::timeout(Duration::ZERO, &mut second).await.is_err());
        drop(first);
        second.await.unwrap();
        assert_eq!(said, ["Waiting for another process that fetches OpenSearch ..."]);
    }
}
