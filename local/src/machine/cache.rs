//! Downloads that are made once.

use super::{MachineError, user};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often another process's download is looked at.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// The folder `name` of the cache, which is there only as a whole: if it is missing, `make` gets an
/// empty folder and says which one in it to take. `size` is what is told of the download.
pub(crate) async fn once(
    cache: &Path,
    name: &str,
    server: &str,
    size: &str,
    say: &mut impl FnMut(&str),
    make: impl AsyncFnOnce(&Path) -> Result<PathBuf, MachineError>,
) -> Result<PathBuf, MachineError> {
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(cache).map_err(MachineError::io("cannot create", cache))?;
    user::open_to_all(cache)?;
    let _lock = lock(cache.join(format!("{name}.lock")), server, say).await?;
    if folder.is_dir() {
        return Ok(folder);
    }
    say(&format!("Fetching {server} through Maven ({size}, once) ..."));
    let download = tempfile::Builder::new()
        .prefix("download-")
        .tempdir_in(cache)
        .map_err(MachineError::io("cannot create a folder in", cache))?;
    let whole = make(download.path()).await?;
    user::open_to_all(&whole)?;
    // The last step, and an atomic one: a folder of this name is whole.
    std::fs::rename(&whole, &folder).map_err(MachineError::io("cannot create", &folder))?;
    Ok(folder)
}

/// Waits until no other process is downloading.
async fn lock(
    path: PathBuf,
    server: &str,
    say: &mut impl FnMut(&str),
) -> Result<File, MachineError> {
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(MachineError::io("cannot create", &path))?;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !said {
                    say(&format!("Waiting for another process that fetches {server} ..."));
                    said = true;
                }
                tokio::time::sleep(LOCK_INTERVAL).await;
            }
            Err(TryLockError::Error(source)) => {
                return Err(MachineError::Io { action: "cannot lock", path, source });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_in_the_cache_is_not_made_again() {
        let cache = tempfile::tempdir().unwrap();
        let mut said = Vec::new();
        let mut say = |line: &str| said.push(line.to_owned());
        let make = async |folder: &Path| {
            let made = folder.join("made");
            std::fs::create_dir(&made).unwrap();
            std::fs::write(made.join("a"), "1").unwrap();
            Ok(made)
        };
        let first = once(cache.path(), "a-1", "A 1", "5 MB", &mut say, make).await.unwrap();
        let never = async |_: &Path| panic!("it is there");
        let second = once(cache.path(), "a-1", "A 1", "5 MB", &mut say, never).await.unwrap();
        assert_eq!(first, cache.path().join("a-1"));
        assert_eq!(second, first);
        assert_eq!(std::fs::read_to_string(first.join("a")).unwrap(), "1");
        assert_eq!(said, ["Fetching A 1 through Maven (5 MB, once) ..."]);
    }

    #[tokio::test]
    async fn a_download_that_fails_leaves_nothing_to_take() {
        let cache = tempfile::tempdir().unwrap();
        let make = async |folder: &Path| {
            std::fs::write(folder.join("half"), "").unwrap();
            Err(MachineError::NoMaven { server: "A" })
        };
        once(cache.path(), "a-1", "A 1", "5 MB", &mut |_| {}, make).await.unwrap_err();
        let left: Vec<_> = std::fs::read_dir(cache.path()).unwrap().flatten().collect();
        let names: Vec<_> = left.iter().map(std::fs::DirEntry::file_name).collect();
        assert_eq!(names, ["a-1.lock"]);
    }

    #[tokio::test]
    async fn one_process_fetches_and_the_others_wait() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("a.lock");
        let first = lock(path.clone(), "A 1", &mut |line| panic!("{line}")).await.unwrap();
        let mut said = Vec::new();
        let mut say = |line: &str| said.push(line.to_owned());
        let mut second = Box::pin(lock(path, "A 1", &mut say));
        assert!(tokio::time::timeout(Duration::ZERO, &mut second).await.is_err());
        drop(first);
        second.await.unwrap();
        assert_eq!(said, ["Waiting for another process that fetches A 1 ..."]);
    }
}
