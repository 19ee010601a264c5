//! Where the workspace, its target folder and the binaries are, and whether a binary is newer than
//! its sources.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Error;

/// A profile's folder in a target folder: `<target>/[<triple>/]<profile>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    target: PathBuf,
    triple: Option<String>,
    profile: String,
}

impl Layout {
    pub(super) fn of_running_program() -> Result<Self, Error> {
        let program = std::env::current_exe();
        let program = program.map_err(|error| Error::TargetFolder(error.to_string()))?;
        let outside = || Error::TargetFolder(format!("{} is in none", program.display()));
        Self::of(&program).ok_or_else(outside)
    }

    /// Cargo's target folder.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    fn of(program: &Path) -> Option<Self> {
        let mut folder = program.parent()?;
        // Tests lie in `deps`, examples in `examples`.
        if matches!(folder.file_name()?.to_str()?, "deps" | "examples") {
            folder = folder.parent()?;
        }
        let profile = folder.file_name()?.to_str()?.to_owned();
        let above = folder.parent()?;
        if is_target_folder(above) {
            return Some(Self { target: above.to_owned(), triple: None, profile });
        }
        let triple = above.file_name()?.to_str()?.to_owned();
        let target = above.parent().filter(|folder| is_target_folder(folder))?;
        Some(Self { target: target.to_owned(), triple: Some(triple), profile })
    }

    /// Where the binary `name` lies once it is built.
    pub(super) fn binary(&self, name: &str) -> PathBuf {
        let mut path = self.target.clone();
        path.extend(&self.triple);
        path.join(&self.profile).join(format!("{name}{EXE_SUFFIX}"))
    }

    /// The arguments with which Cargo builds into this folder.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments =
            vec!["--target-dir".to_owned(), self.target.to_string_lossy().into_owned()];
        if let Some(triple) = &self.triple {
            arguments.extend(["--target".to_owned(), triple.clone()]);
        }
        // The profile `dev` is the one whose folder has another name.
        let profile = if self.profile == "debug" { "dev" } else { &self.profile };
        arguments.extend(["--profile".to_owned(), profile.to_owned()]);
        arguments
    }
}

/// Cargo marks a target folder, and only that, as a cache.
fn is_target_folder(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").is_file()
}

/// The workspace's root: where it was when this program was built, else above the current folder.
pub(super) fn workspace() -> Result<PathBuf, Error> {
    let built_at = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    if is_workspace(built_at) {
        return Ok(built_at.to_owned());
    }
    let current = std::env::current_dir().unwrap_or_default();
    let above = current.ancestors().find(|folder| is_workspace(folder)).map(Path::to_owned);
    above.ok_or_else(|| Error::NoWorkspace(built_at.to_owned()))
}

fn is_workspace(folder: &Path) -> bool {
    ["Cargo.toml", "functions", "local/Cargo.toml", "shared/Cargo.toml"]
        .iter()
        .all(|path| folder.join(path).exists())
}

/// The names of the packages in the folder `functions`, sorted.
pub(super) fn functions(workspace: &Path) -> Vec<String> {
    let folders = fs::read_dir(workspace.join("functions")).into_iter().flatten().flatten();
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// Whether `binary` is there and at least as new as everything of the workspace it is made of.
pub(super) fn is_current(binary: &Path, workspace: &Path, function: &str) -> bool {
    let function = workspace.join("functions").join(function);
    let shared = workspace.join("shared");
    let sources = [
        workspace.join("Cargo.lock"),
        workspace.join("Cargo.toml"),
        function.join("Cargo.toml"),
        function.join("src"),
        function.join("README.md"),
        shared.join("Cargo.toml"),
        shared.join("src"),
    ];
    let newest = sources.iter().filter_map(|path| newest(path)).max();
    modified(binary).is_some_and(|built| newest.is_none_or(|newest| newest <= built))
}

/// The time of the latest change in a file or folder; the folder's own covers removed files.
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
        std::fs::create_dir(&target).unwrap();
        assert_eq!(Layout::of(&target.join("debug/deps/test-1")), None, "no target folder yet");
        std::fs::write(target.join("CACHEDIR.TAG"), []).unwrap();
        let at = target.to_str().unwrap();

        let test = Layout::of(&target.join("debug/deps/test-1")).unwrap();
        assert_eq!(test.binary("f"), target.join(format!("debug/f{EXE_SUFFIX}")));
        assert_eq!(test.arguments(), ["--target-dir", at, "--profile", "dev"]);
        assert_eq!(test.target(), target);

        let command = Layout::of(&target.join("release/sluice")).unwrap();
        assert_eq!(command.arguments(), ["--target-dir", at, "--profile", "release"]);

        let triple = "aarch64-unknown-linux-gnu";
        let crossed = Layout::of(&target.join(triple).join("fast/deps/test-1")).unwrap();
        assert_eq!(crossed.binary("f"), target.join(triple).join(format!("fast/f{EXE_SUFFIX}")));
        let arguments = ["--target-dir", at, "--target", triple, "--profile", "fast"];
        assert_eq!(crossed.arguments(), arguments);

        assert_eq!(Layout::of(Path::new("/usr/bin/sluice")), None);
    }

    fn touch(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_binary_is_current_unless_a_source_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["functions/f/src/deep", "functions/g/src", "shared/src"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        let files = [
            "Cargo.toml",
            "Cargo.lock",
            "functions/f/Cargo.toml",
            "functions/f/src/deep/mod.rs",
            "shared/Cargo.toml",
            "shared/src/lib.rs",
        ];
        let binary = root.join("f");
        assert!(!is_current(&binary, root, "f"), "it is missing");
        fs::write(&binary, []).unwrap();
        for file in files {
            fs::write(root.join(file), []).unwrap();
            touch(&root.join(file), 100);
        }
        for path in ["functions/f/src/deep", "functions/f/src", "shared/src"] {
            touch(&root.join(path), 100);
        }
        touch(&binary, 100);
        assert!(is_current(&binary, root, "f"));

        for file in files {
            touch(&root.join(file), 101);
            assert!(!is_current(&binary, root, "f"), "{file} is newer");
            touch(&root.join(file), 100);
        }
        fs::write(root.join("functions/g/src/lib.rs"), []).unwrap();
        assert!(is_current(&binary, root, "f"), "another function's source is newer");
    }

    #[test]
    fn the_workspace_is_this_one() {
        assert!(workspace().unwrap().join("local/src/binaries/places.rs").is_file());
    }
}
