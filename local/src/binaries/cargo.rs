//! One run of `cargo build`, and what it reports.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::Error;
use super::places::Layout;

/// Variables that Cargo sets for the one package it runs. A Cargo started below must not see them:
/// build scripts that watch them would run again, and their crates be built again, every time.
const OF_ONE_PACKAGE: [&str; 10] = [
    "CARGO_BIN_EXE_",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

/// Maximum lines of Cargo's output in an error.
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
        Self { cargo: cargo(), workspace, arguments }
    }

    /// Runs Cargo to its end; each line of its progress goes to `on_line`.
    pub(super) async fn run(
        &self,
        on_line: &mut (impl FnMut(&str) + Send),
    ) -> Result<Binaries, Error> {
        let mut command = Command::new(&self.cargo);
        command.args(&self.arguments).current_dir(&self.workspace).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in env::vars_os() {
            let shown = name.to_string_lossy();
            if OF_ONE_PACKAGE.iter().any(|prefix| shown.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        let no_cargo = |error| Error::NoCargo(self.cargo.to_string_lossy().into_owned(), error);
        let mut child = command.spawn().map_err(no_cargo)?;
        let mut binaries = Binaries::new();
        let mut said = VecDeque::new();
        let messages = each_line(child.stdout.take(), |line| binaries.extend(executable(line)));
        let progress = each_line(child.stderr.take(), |line| {
            on_line(line);
            if said.len() == SHOWN_LINES {
                said.pop_front();
            }
            said.push_back(line.to_owned());
        });
        tokio::join!(messages, progress);
        let status = child.wait().await.map_err(no_cargo)?;
        if status.success() {
            return Ok(binaries);
        }
        Err(Error::Build(self.shown(), status.to_string(), Vec::from(said).join("\n")))
    }

    /// Runs Cargo to its end, on a thread that may be one of an asynchronous test.
    pub(super) fn run_blocking(&self) -> Result<Binaries, Error> {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| Error::NoCargo(self.shown(), error))?;
            runtime.block_on(self.run(&mut |_: &str| ()))
        };
        let run = std::thread::scope(|scope| scope.spawn(run).join());
        run.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Cargo ended well without this binary.
    pub(super) fn no_binary(&self, name: &str) -> Error {
        Error::NoBinary(self.shown(), name.to_owned())
    }

    fn shown(&self) -> String {
        format!("cargo {}", self.arguments.join(" "))
    }
}

/// The Cargo that runs this program, else the one on the path.
#[expect(clippy::disallowed_methods, reason = "which Cargo to run is no setting of a function")]
fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
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

/// Name and path of the binary in one of Cargo's messages.
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
    async fn a_build_reports_its_progress_and_where_the_binary_is() {
        let folder = workspace("fn main() { println!(\"built\"); }");
        let build = build(folder.path(), &["cli", "f"]);
        let mut lines = Vec::new();
        let binaries = build.run(&mut |line: &str| lines.push(line.to_owned())).await;
        let binaries = binaries.unwrap();
        let names: Vec<_> = binaries.keys().collect();
        assert_eq!(names, ["f"]);
        let output = std::process::Command::new(&binaries["f"]).output().unwrap();
        assert_eq!(output.stdout, b"built\n");
        assert!(lines.iter().any(|line| line.trim().starts_with("Compiling f ")), "{lines:?}");

        assert_eq!(build.run_blocking().unwrap(), binaries, "a second time without progress");
        let missing = build.no_binary("g").to_string();
        assert!(missing.ends_with("` built no binary g"), "{missing}");
    }

    #[tokio::test]
    async fn a_build_that_fails_shows_why() {
        let folder = workspace("fn main() { let number: u8 = \"text\"; }");
        let build = build(folder.path(), &["f"]);
        let failure = build.run(&mut |_: &str| ()).await.unwrap_err();
        let Error::Build(command, _, output) = failure else { panic!("{failure}") };
        assert!(command.starts_with("cargo build ") && command.contains("--package f"));
        assert!(output.contains("expected `u8`, found `&str`"), "{output}");

        let mut build = Build::new(PathBuf::from("/"), None, &["f"]);
        build.cargo = "no-such-cargo".into();
        let error = build.run_blocking().unwrap_err().to_string();
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
