//! The workspace, and whether a binary is newer than the sources it is made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Error;

/// The workspace's root: where it was when this program was built, else above the current folder.
pub(super) fn workspace() -> Result<PathBuf, Error> {
    let built_at = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    if is_workspace(built_at) {
        return Ok(built_at.to_owned());
    }
    let current = std::env::current_dir().unwrap_or_default();
    let above = current.ancestors().find(|folder| is_workspace(folder)).map(Path::to_owned);
    above.ok_or_else(|| Error::NoWorkspace { built_at: built_at.to_owned() })
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

/// The time of the latest change in a file or folder; the folder's own tells of removed files.
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
        assert!(workspace().unwrap().join("local/src/binaries/sources.rs").is_file());
    }
}
