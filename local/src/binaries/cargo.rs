//! One run of `cargo build`, and what it tells of itself.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::layout::Layout;
use super::{Error, environment};

/// How many lines of Cargo's output an error shows.
const SHOWN_LINES: usize = 60;

/// Paths by the binary's name.
pub(super) type Binaries = BTreeMap<String, PathBuf>;

/// A build of some packages.
#[derive(Debug)]
pub(super) struct Build {
    cargo: OsString,
    workspace: PathBuf,
    arguments: Vec<String>,
}

impl Build {
    pub(super) fn new(workspace: PathBuf, layout: Option<&Layout>, packages: &[&str]) -> Self {
        let mut arguments = vec![
            "build".to_owned(),
            "--color=never".to_owned(),
            // Where the binaries are, as JSON on standard output; the rest for people as ever.
            "--message-format=json-render-diagnostics".to_owned(),
        ];
        for package in packages {
            arguments.extend(["--package".to_owned(), (*package).to_owned()]);
        }
        arguments.extend(layout.map(Layout::arguments).unwrap_or_default());
        Self { cargo: environment::cargo(), workspace, arguments }
    }

    /// Runs Cargo to its end.
    pub(super) fn run(&self) -> Result<Binaries, Error> {
        let output = self.command().output().map_err(|source| self.no_cargo(source))?;
        let mut said = Tail::default();
        String::from_utf8_lossy(&output.stderr).lines().for_each(|line| said.push(line));
        self.check(output.status, said)?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(executable).collect())
    }

    /// Runs Cargo to its end; each line of its progress goes to `on_line`.
    pub(super) async fn run_with_progress(
        &self,
        on_line: &mut (impl FnMut(&str) + Send),
    ) -> Result<Binaries, Error> {
        let mut command = tokio::process::Command::from(self.command());
        let mut child =
            command.kill_on_drop(true).spawn().map_err(|source| self.no_cargo(source))?;
        let mut binaries = Binaries::new();
        let mut said = Tail::default();
        let messages = each_line(child.stdout.take(), |line| {
            binaries.extend(executable(line));
        });
        let progress = each_line(child.stderr.take(), |line| {
            on_line(line);
            said.push(line);
        });
        tokio::join!(messages, progress);
        let status = child.wait().await.map_err(|source| self.no_cargo(source))?;
        self.check(status, said)?;
        Ok(binaries)
    }

    /// Cargo ended well without this binary.
    pub(super) fn no_binary(&self, name: &str) -> Error {
        Error::NoBinary { command: self.shown(), name: name.to_owned() }
    }

    fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.cargo);
        command
            .args(&self.arguments)
            .current_dir(&self.workspace)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in environment::of_one_package() {
            command.env_remove(name);
        }
        command
    }

    fn check(&self, status: ExitStatus, said: Tail) -> Result<(), Error> {
        if status.success() {
            return Ok(());
        }
        let output = Vec::from(said.0).join("\n");
        Err(Error::Build { command: self.shown(), status: status.to_string(), output })
    }

    fn no_cargo(&self, source: std::io::Error) -> Error {
        Error::NoCargo { cargo: self.cargo.to_string_lossy().into_owned(), source }
    }

    fn shown(&self) -> String {
        format!("cargo {}", self.arguments.join(" "))
    }
}

/// The latest lines.
#[derive(Debug, Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, line: &str) {
        if self.0.len() == SHOWN_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }
}

async fn each_line(stream: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&str)) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    // Bytes, because a path that is not UTF-8 must not end the reading.
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        take(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

/// Name and path of the binary that one of Cargo's messages tells of.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }

    let message: Message = serde_json::from_str(message).ok()?;
    let target = message.target.filter(|_| message.reason == "compiler-artifact")?;
    Some((target.name, message.executable?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A workspace without dependencies: two packages, of which the second has a binary `f`.
    fn workspace(source: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"cli\", \"f\"]\n");
        for package in ["cli", "f"] {
            let manifest = format!("[package]\nname = \"{package}\"\nedition = \"2024\"\n");
            write(&format!("{package}/Cargo.toml"), &manifest);
        }
        write("cli/src/lib.rs", "");
        write("f/src/main.rs", source);
        folder
    }

    fn build(folder: &Path, packages: &[&str]) -> Build {
        let mut build = Build::new(folder.to_owned(), None, packages);
        let target = folder.join("target").to_str().unwrap().to_owned();
        build.arguments.extend(["--offline".to_owned(), "--target-dir".to_owned(), target]);
        build
    }

    #[tokio::test]
    async fn a_build_tells_its_progress_and_where_the_binary_is() {
        let folder = workspace("fn main() { println!(\"built\"); }");
        let build = build(folder.path(), &["cli", "f"]);
        let mut lines = Vec::new();
        let binaries = build.run_with_progress(&mut |line: &str| lines.push(line.to_owned())).await;
        let binaries = binaries.unwrap();
        let names: Vec<_> = binaries.keys().collect();
        assert_eq!(names, ["f"]);
        let output = std::process::Command::new(&binaries["f"]).output().unwrap();
        assert_eq!(output.stdout, b"built\n");
        assert!(lines.iter().any(|line| line.trim().starts_with("Compiling f ")), "{lines:?}");

        assert_eq!(build.run().unwrap(), binaries, "a second time without progress");
        let missing = build.no_binary("g").to_string();
        assert!(missing.ends_with("` built no binary g"), "{missing}");
    }

    #[tokio::test]
    async fn a_build_that_fails_shows_why() {
        let folder = workspace("fn main() { let number: u8 = \"text\"; }");
        let build = build(folder.path(), &["f"]);
        let failures = [
            build.run().unwrap_err(),
            build.run_with_progress(&mut |_: &str| ()).await.unwrap_err(),
        ];
        for failure in failures {
            let Error::Build { command, output, .. } = failure else { panic!("{failure}") };
            assert!(command.starts_with("cargo build ") && command.contains("--package f"));
            assert!(output.contains("expected `u8`, found `&str`"), "{output}");
        }
    }

    #[test]
    fn a_missing_cargo_is_named() {
        let mut build = Build::new(PathBuf::from("/"), None, &["f"]);
        build.cargo = "no-such-cargo".into();
        let error = build.run().unwrap_err().to_string();
        assert!(error.starts_with("no-such-cargo cannot be run: "), "{error}");
    }

    #[test]
    fn other_messages_name_no_binary() {
        let artifact =
            r#"{"reason":"compiler-artifact","target":{"name":"f"},"executable":"/t/f"}"#;
        assert_eq!(executable(artifact), Some(("f".to_owned(), PathBuf::from("/t/f"))));
        for other in [
            r#"{"reason":"compiler-artifact","target":{"name":"f"},"executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "not JSON",
        ] {
            assert_eq!(executable(other), None, "{other}");
        }
    }
}
