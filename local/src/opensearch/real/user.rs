//! Who runs the server: it refuses to run as root.

use super::RealError;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempDir;

/// The user and group id of `nobody` on every Linux.
pub(super) const NOBODY: u32 = 65_534;

/// Whether this process is root's: what it creates then belongs to user 0.
pub(super) fn is_root() -> Result<bool, RealError> {
    let folder = temporary_folder()?;
    let metadata = std::fs::metadata(folder.path());
    Ok(metadata.map_err(RealError::io("cannot look at", folder.path()))?.uid() == 0)
}

/// A new folder, removed with its value.
pub(super) fn temporary_folder() -> Result<TempDir, RealError> {
    let folder = tempfile::Builder::new().prefix("sluice-opensearch-").tempdir();
    folder.map_err(RealError::io("cannot create a folder in", std::env::temp_dir()))
}

/// Lets everyone read `path`: the server may run as another user.
pub(super) fn open_to_all(path: &Path) -> Result<(), RealError> {
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, permissions).map_err(RealError::io("cannot open up", path))
}

/// Gives `path` to `nobody`.
pub(super) fn give_away(path: &Path) -> Result<(), RealError> {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))
        .map_err(RealError::io("cannot give to the user nobody", path))
}
