//! Where the running program lies in a Cargo target folder, and so where others do.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

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
        let program = std::env::current_exe()
            .map_err(|error| Error::TargetFolder { message: error.to_string() })?;
        Self::of(&program).ok_or_else(|| Error::TargetFolder {
            message: format!("{} is in none", program.display()),
        })
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

#[cfg(test)]
mod tests {
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
}
