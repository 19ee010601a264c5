//! Who runs a server, and who may read its files.

use super::MachineError;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempDir;

/// The user and group id of `nobody` on every Linux.
pub(crate) const NOBODY: u32 = 65_534;

/// Whether this process is root's: what it creates then belongs to user 0.
pub(crate) fn is_root() -> Result<bool, MachineError> {
    let folder = temporary_folder("sluice-probe-")?;
    let metadata = std::fs::metadata(folder.path());
    Ok(metadata.map_err(MachineError::io("cannot look at", folder.path()))?.uid() == 0)
}

/// A new folder, removed with its value, whose name starts with `prefix`.
pub(crate) fn temporary_folder(prefix: &str) -> Result<TempDir, MachineError> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir();
    folder.map_err(MachineError::io("cannot create a folder in", std::env::temp_dir()))
}

/// Lets everyone read `path`: the server may run as another user.
pub(crate) fn open_to_all(path: &Path) -> Result<(), MachineError> {
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, permissions).map_err(MachineError::io("cannot open up", path))
}

/// Gives `path` to `nobody`.
pub(crate) fn give_away(path: &Path) -> Result<(), MachineError> {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))
        .map_err(MachineError::io("cannot give to the user nobody", path))
}
