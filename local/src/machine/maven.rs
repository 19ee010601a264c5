//! One-time downloads through the user's own Maven, so that its settings apply (mirrors, proxies,
//! the local repository).

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{MAX_SHOWN_CHARS, Output, Unavailable, open_to_all, run};

/// The newest version that Maven has. Its downloads are verified.
const DEPENDENCY_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin";

const FETCH_LIMIT: Duration = Duration::from_mins(10);

/// The folder `name` of the cache, which is either complete or missing. If it is missing, `make`
/// receives an empty folder and returns the folder in it to keep.
pub(crate) async fn once(
    cache: &Path,
    name: &str,
    server: &str,
    size: &str,
    say: &mut impl FnMut(&str),
    make: impl AsyncFnOnce(&Path) -> Result<PathBuf, Unavailable>,
) -> Result<PathBuf, Unavailable> {
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(cache).map_err(Unavailable::io("cannot create", cache))?;
    open_to_all(cache)?;
    let _lock = lock(&cache.join(format!("{name}.lock")), server, say).await?;
    if folder.is_dir() {
        return Ok(folder);
    }
    say(&format!("Fetching {server} through Maven ({size}, once) ..."));
    let download = tempfile::Builder::new()
        .prefix("download-")
        .tempdir_in(cache)
        .map_err(Unavailable::io("cannot create a folder in", cache))?;
    let whole = make(download.path()).await?;
    open_to_all(&whole)?;
    // The last step, which is atomic: a folder of this name is complete.
    std::fs::rename(&whole, &folder).map_err(Unavailable::io("cannot create", &folder))?;
    Ok(folder)
}

async fn lock(path: &Path, server: &str, say: &mut impl FnMut(&str)) -> Result<File, Unavailable> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(Unavailable::io("cannot create", path))?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        say(&format!("Waiting for another process that fetches {server} ..."));
    }
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(io::Error::other).flatten().map_err(Unavailable::io("cannot lock", path))
}

/// Runs a goal of the dependency plugin in `folder`, to download `server`.
pub(crate) async fn fetch(
    server: &str,
    folder: &Path,
    goal: &str,
    properties: &[String],
) -> Result<(), Unavailable> {
    let goal = format!("{DEPENDENCY_PLUGIN}:{goal}");
    let properties = properties.iter().map(|property| format!("-D{property}"));
    let arguments = ["--batch-mode".to_owned(), "--quiet".to_owned(), goal];
    let arguments = arguments.into_iter().chain(properties);
    let output = run(Path::new("mvn"), arguments, Some(folder), FETCH_LIMIT).await;
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unavailable::new(
            format!("there is no Maven (mvn) to fetch {server} with"),
            "install Maven (mvn)",
        ),
        _ => Unavailable::fetch(format!("mvn: {error}")),
    })?;
    if output.success { Ok(()) } else { Err(Unavailable::fetch(reason(&output))) }
}

/// Why Maven failed: the first error on standard output, which later ones only explain.
fn reason(output: &Output) -> String {
    let errors = output.stdout.lines().filter_map(|line| line.strip_prefix("[ERROR]"));
    let first = errors.map(str::trim).find(|error| !error.is_empty());
    let shown = |error: &str| error.chars().take(MAX_SHOWN_CHARS).collect();
    first.map_or_else(|| output.complaint(), shown)
}

/// Checks the SHA-256 of a file, in lowercase hexadecimal digits.
pub(crate) fn verify(file: &Path, sha256: &str) -> Result<(), Unavailable> {
    let name = file.file_name().unwrap_or_default().display();
    let content = std::fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unavailable::fetch(format!("Maven left no {name}")),
        _ => Unavailable::io("cannot read", file)(error),
    })?;
    let found = shared::digest::hex_digest(content);
    if found == sha256 {
        return Ok(());
    }
    let reason = format!("the downloaded {name} has the SHA-256 {found}, not {sha256}");
    let remedy = "remove the artifact from the local Maven repository, so that it is fetched anew";
    Err(Unavailable::new(reason, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[tokio::test]
    async fn a_download_is_made_once_and_only_as_a_whole() {
        let cache = tempfile::tempdir().unwrap();
        let mut said = Vec::new();
        let mut say = |line: &str| said.push(line.to_owned());
        let half = async |folder: &Path| {
            std::fs::write(folder.join("half"), "").unwrap();
            Err(Unavailable::fetch("no network"))
        };
        once(cache.path(), "a-1", "A 1", "5 MB", &mut |_| {}, half).await.unwrap_err();
        let left = std::fs::read_dir(cache.path()).unwrap().flatten();
        let names: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["a-1.lock"]);

        let make = async |folder: &Path| {
            let made = folder.join("made");
            std::fs::create_dir(&made).unwrap();
            std::fs::write(made.join("a"), "1").unwrap();
            Ok(made)
        };
        let first = once(cache.path(), "a-1", "A 1", "5 MB", &mut say, make).await.unwrap();
        let never = async |_: &Path| panic!("it is there");
        let second = once(cache.path(), "a-1", "A 1", "5 MB", &mut say, never).await.unwrap();
        assert_eq!((&first, &second), (&cache.path().join("a-1"), &first));
        assert_eq!(std::fs::read_to_string(first.join("a")).unwrap(), "1");
        assert_eq!(said, ["Fetching A 1 through Maven (5 MB, once) ..."]);
    }

    #[test]
    fn the_first_error_is_reported() {
        let errors = "[INFO] a\n[ERROR] Could not transfer: refused\n[ERROR] \n[ERROR] Use -X\n";
        for (stdout, expected) in
            [(errors, "Could not transfer: refused"), ("no JAVA_HOME\n", "no JAVA_HOME")]
        {
            let (stdout, stderr) = (stdout.to_owned(), String::new());
            assert_eq!(reason(&Output { success: false, stdout, stderr }), expected);
        }
    }

    #[test]
    fn a_file_with_another_digest_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jar");
        let error = verify(&file, EMPTY).unwrap_err();
        assert_eq!(error.to_string(), "it could not be fetched: Maven left no a.jar");
        std::fs::write(&file, b"half of it").unwrap();
        let error = verify(&file, EMPTY).unwrap_err().to_string();
        let digest = "79fc9ae17531330efc8af533faae64e2d1c7bc44edf22e4723ae19da32dc8d82";
        let expected = format!("the downloaded a.jar has the SHA-256 {digest}, not {EMPTY}");
        assert_eq!(error, expected);
        std::fs::write(&file, b"").unwrap();
        verify(&file, EMPTY).unwrap();
    }
}
