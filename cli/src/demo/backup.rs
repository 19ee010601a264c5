//! Counts the records in the files of the S3 backup.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::error::CliError;

/// Number of records by the `errorCode` that Firehose wrote.
pub(super) type Backup = BTreeMap<String, u64>;

#[derive(Deserialize)]
struct FailedRecord {
    #[serde(rename = "errorCode")]
    error_code: String,
}

/// Counts the records of all files in `folder` and its subfolders. A missing folder has none.
///
/// # Errors
/// If a file cannot be read or does not have one JSON object per line.
pub(super) fn count(folder: &Path) -> io::Result<Backup> {
    let mut backup = Backup::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let reader = BufReader::new(File::open(path)?);
            for record in serde_json::Deserializer::from_reader(reader).into_iter() {
                let FailedRecord { error_code } = record?;
                *backup.entry(error_code).or_default() += 1;
            }
        }
    }
    Ok(backup)
}

/// The error for a backup that cannot be read.
pub(super) fn unreadable(folder: &Path, error: &io::Error) -> CliError {
    let folder = folder.display();
    CliError::failed(format_args!("failed to read the backup {folder}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Backup, count};
    use std::fs;

    #[test]
    fn records_of_all_files_are_counted_by_code() {
        let folder = tempfile::tempdir().unwrap();
        for (file, code, records) in [
            ("processing-failed/2024/a", "Lambda.ProcessingFailedStatus", 3),
            ("processing-failed/2024/b", "Lambda.FunctionError", 1),
            ("AmazonOpenSearchService_failed/2024/c", "400", 2),
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let line =
                format!("{{\"attemptsMade\":1,\"errorCode\":\"{code}\",\"rawData\":\"\"}}\n");
            fs::write(path, line.repeat(records)).unwrap();
        }
        let expected = Backup::from([
            ("400".to_owned(), 2),
            ("Lambda.FunctionError".to_owned(), 1),
            ("Lambda.ProcessingFailedStatus".to_owned(), 3),
        ]);
        assert_eq!(count(folder.path()).unwrap(), expected);
        assert_eq!(count(&folder.path().join("missing")).unwrap(), Backup::new());
    }

    #[test]
    fn a_file_in_another_format_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "{\"rawData\":\"\"}\n").unwrap();
        assert_eq!(count(folder.path()).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }
}
