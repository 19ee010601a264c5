//! Where the functions' sources are, and where Cargo puts what it builds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The names of the functions: the folders in `functions/` of the workspace that this program was
/// built from, else of the one around the current folder. Sorted.
pub(crate) fn functions() -> Vec<String> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned);
    let current = std::env::current_dir().unwrap_or_default();
    let roots = built_from.iter().map(PathBuf::as_path).chain(current.ancestors());
    let folder = roots.map(|root| root.join("functions")).find(|folder| folder.is_dir());
    let mut names: Vec<String> = folder
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// Cargo's target folder if this program is in one, else `target` in the current folder.
///
/// # Errors
/// When the current folder is unknown.
pub(crate) fn target_folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    match program.ancestors().skip(1).find(marked) {
        Some(folder) => Ok(folder.to_owned()),
        None => std::path::absolute("target"),
    }
}

#[cfg(test)]
mod tests {
    use super::{functions, target_folder};

    #[test]
    fn the_functions_of_this_workspace() {
        assert!(functions().contains(&"firehose-transform".to_owned()), "{:?}", functions());
    }

    #[test]
    fn this_test_is_in_the_target_folder() {
        let target = target_folder().unwrap();
        assert!(std::env::current_exe().unwrap().starts_with(&target));
        assert!(target.join("CACHEDIR.TAG").is_file());
    }
}
