//! The user's own Maven, so that its settings (mirrors, proxies, the local repository) hold.

use super::command::{MAX_SHOWN_CHARS, Output};
use super::{MachineError, command};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// Which version of it runs is left to Maven; what it fetches is verified.
const DEPENDENCY_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin";

/// How long a download may take.
const FETCH_LIMIT: Duration = Duration::from_mins(10);

/// Runs a goal of the dependency plugin in `folder`, to fetch `server`.
pub(crate) async fn fetch(
    server: &'static str,
    folder: &Path,
    goal: &str,
    properties: &[String],
) -> Result<(), MachineError> {
    let goal = format!("{DEPENDENCY_PLUGIN}:{goal}");
    let properties = properties.iter().map(|property| format!("-D{property}"));
    let arguments = ["--batch-mode".to_owned(), "--quiet".to_owned(), goal];
    let arguments = arguments.into_iter().chain(properties);
    let output = command::run(Path::new("mvn"), arguments, Some(folder), FETCH_LIMIT).await;
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => MachineError::NoMaven { server },
        _ => MachineError::Fetch(format!("mvn: {error}")),
    })?;
    if output.success { Ok(()) } else { Err(MachineError::Fetch(reason(&output))) }
}

/// Why Maven failed: its first error, which later ones only explain. It tells them on standard
/// output.
fn reason(output: &Output) -> String {
    let errors = output.stdout.lines().filter_map(|line| line.strip_prefix("[ERROR]"));
    let first = errors.map(str::trim).find(|error| !error.is_empty());
    let shown = |error: &str| error.chars().take(MAX_SHOWN_CHARS).collect();
    first.map_or_else(|| output.complaint(), shown)
}

/// Whether the file is the one with this SHA-256, in lower-case hexadecimal digits.
pub(crate) fn verify(file: &Path, sha256: &'static str) -> Result<(), MachineError> {
    let name = || file.file_name().unwrap_or_default().display().to_string();
    let mut reader = File::open(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => MachineError::Fetch(format!("Maven left no {}", name())),
        _ => MachineError::io("cannot open", file)(error),
    })?;
    let found = digest(&mut reader).map_err(MachineError::io("cannot read", file))?;
    if found == sha256 {
        return Ok(());
    }
    Err(MachineError::Checksum { file: name(), found, expected: sha256 })
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

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_first_error_is_told() {
        let failed = |stdout: &str| Output {
            success: false,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        let output = failed(
            "[INFO] a\n[ERROR] Could not transfer artifact: refused\n[ERROR] \n[ERROR] Use -X\n",
        );
        assert_eq!(reason(&output), "Could not transfer artifact: refused");
        assert_eq!(reason(&failed("no JAVA_HOME\n")), "no JAVA_HOME");
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
