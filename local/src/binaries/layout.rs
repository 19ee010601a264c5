//! The locations of the workspace, its target folder and the binaries, and whether a binary is
//! newer than its sources.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use super::{Error, SCRIPTED};

/// Variables that Cargo sets for the one package that it runs. The Cargo that is started below must
/// not inherit them: build scripts that watch them, and their crates, would be rebuilt every time.
const OF_ONE_PACKAGE: [&str; 7] = [
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

/// The workspace, and the folder of a profile in a target folder: `<target>/<profile>`.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) workspace: PathBuf,
    pub(super) target: PathBuf,
    pub(super) profile: String,
}

impl Layout {
    pub(super) fn find() -> Result<Self, Error> {
        let workspace = workspace()?;
        let program = env::current_exe().ok();
        let found = program.and_then(|program| target_and_profile(&program));
        let (target, profile) =
            found.unwrap_or_else(|| (workspace.join("target"), "debug".to_owned()));
        Ok(Self { workspace, target, profile })
    }

    pub(super) fn binary(&self, name: &str) -> PathBuf {
        self.target.join(&self.profile).join(format!("{name}{EXE_SUFFIX}"))
    }

    /// The Cargo command that builds these packages into this folder.
    pub(super) fn build<'a>(&self, packages: impl IntoIterator<Item = &'a str>) -> Command {
        // Only the profile `dev` has a folder of another name.
        let profile = if self.profile == "debug" { "dev" } else { &self.profile };
        let mut command = cargo();
        command.current_dir(&self.workspace).stdin(Stdio::null());
        command.args(["build", "--color=never", "--profile", profile, "--target-dir"]);
        command.arg(&self.target);
        for package in packages {
            command.args(["--package", package]);
        }
        command
    }

    pub(super) fn functions(&self) -> Vec<String> {
        let folders = fs::read_dir(self.workspace.join("functions")).into_iter().flatten();
        let mut names: Vec<String> = folders
            .flatten()
            .filter(|entry| entry.path().join("Cargo.toml").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    /// Whether a function's binary exists and is at least as new as all its sources in the
    /// workspace.
    pub(super) fn is_current(&self, function: &str) -> bool {
        let folder = match function {
            SCRIPTED => self.workspace.join("local"),
            function => self.workspace.join("functions").join(function),
        };
        let of_function = ["Cargo.toml", "README.md", "src"].map(|path| folder.join(path));
        let of_all = ["Cargo.lock", "Cargo.toml", "shared/Cargo.toml", "shared/src"]
            .map(|path| self.workspace.join(path));
        let newest = of_function.iter().chain(&of_all).filter_map(|path| newest(path)).max();
        modified(&self.binary(function)).is_some_and(|built| newest <= Some(built))
    }
}

/// Cargo: the one that runs this program, otherwise the one on the path.
#[expect(clippy::disallowed_methods, reason = "not a setting of a function: the path of Cargo")]
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let shown = name.to_string_lossy();
        if OF_ONE_PACKAGE.iter().any(|prefix| shown.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The target folder of a program and the name of its profile's folder, in which Cargo keeps a lock.
/// (Cargo marks the target folder too, but only where it made it.)
fn target_and_profile(program: &Path) -> Option<(PathBuf, String)> {
    let mut folder = program.parent()?;
    // Tests are in `deps`, examples in `examples`.
    if matches!(folder.file_name()?.to_str()?, "deps" | "examples") {
        folder = folder.parent()?;
    }
    let profile = folder.file_name()?.to_str()?.to_owned();
    let target = folder.parent().filter(|_| folder.join(".cargo-lock").is_file())?;
    Some((target.to_owned(), profile))
}

/// The root of the workspace: its path when this program was built, otherwise a parent of the
/// current folder.
fn workspace() -> Result<PathBuf, Error> {
    let built_at = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    let current = env::current_dir().unwrap_or_default();
    let files = ["Cargo.toml", "functions", "local/Cargo.toml", "shared/Cargo.toml"];
    let is_workspace = |folder: &&Path| files.iter().all(|path| folder.join(path).exists());
    let found = std::iter::once(built_at).chain(current.ancestors()).find(is_workspace);
    found.map(Path::to_owned).ok_or_else(|| Error::NoWorkspace(built_at.to_owned()))
}

/// The time of the latest change to a file or folder. The time of a folder itself covers removed
/// files.
fn newest(path: &Path) -> Option<SystemTime> {
    let inside = fs::read_dir(path).into_iter().flatten().flatten();
    let inside = inside.filter_map(|entry| newest(&entry.path())).max();
    modified(path).max(inside)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_layout_follows_from_the_place_of_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        for (profile, program) in [("debug", "debug/deps/test-1"), ("release", "release/sluice")] {
            let program = target.join(program);
            assert_eq!(target_and_profile(&program), None, "not a target folder yet");
            fs::create_dir_all(target.join(profile)).unwrap();
            fs::write(target.join(profile).join(".cargo-lock"), []).unwrap();
            let expected = (target.clone(), profile.to_owned());
            assert_eq!(target_and_profile(&program), Some(expected));
        }
    }

    fn touch(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_binary_is_current_unless_a_source_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let layout =
            Layout { workspace: root.to_owned(), target: root.to_owned(), profile: String::new() };
        fs::create_dir_all(root.join("functions/f/src/deep")).unwrap();
        fs::create_dir_all(root.join("shared/src")).unwrap();
        let files = ["Cargo.lock", "functions/f/src/deep/mod.rs", "shared/src/lib.rs"];
        for file in files {
            fs::write(root.join(file), []).unwrap();
        }
        let folders = ["functions/f/src/deep", "functions/f/src", "shared/src"];
        for path in files.iter().chain(&folders) {
            touch(&root.join(path), 100);
        }
        assert!(!layout.is_current("f"), "it is missing");
        fs::write(layout.binary("f"), []).unwrap();
        touch(&layout.binary("f"), 100);
        assert!(layout.is_current("f"));
        for file in files {
            touch(&root.join(file), 101);
            assert!(!layout.is_current("f"), "{file} is newer");
            touch(&root.join(file), 100);
        }
    }
}
