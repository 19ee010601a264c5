//! The S3 backup's stand-in, counted from its files as somebody would who finds them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use serde::Deserialize;

/// How many records the backup holds, by the `errorCode` under which Firehose wrote them.
pub(super) type Backup = BTreeMap<String, u64>;

/// The one member that is looked at; the record's data is skipped without being held.
#[derive(Deserialize)]
struct FailedRecord {
    #[serde(rename = "errorCode")]
    error_code: String,
}

/// Counts the records of all objects below `folder`; none if there is no such folder.
///
/// # Errors
/// When a file cannot be read or is not one JSON object a line.
pub(super) fn count(folder: &Path) -> io::Result<Backup> {
    let mut backup = Backup::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                count_object(&entry.path(), &mut backup)?;
            }
        }
    }
    Ok(backup)
}

fn count_object(path: &Path, backup: &mut Backup) -> io::Result<()> {
    let reader = BufReader::new(File::open(path)?);
    for record in serde_json::Deserializer::from_reader(reader).into_iter() {
        let FailedRecord { error_code } = record?;
        *backup.entry(error_code).or_default() += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Backup, count};
    use std::fs;

    #[test]
    fn every_record_of_every_object_counts() {
        let folder = tempfile::tempdir().unwrap();
        let failed = folder.path().join("processing-failed/2024/03/01/12");
        let refused = folder.path().join("AmazonOpenSearchService_failed/2024/03/01/12");
        fs::create_dir_all(&failed).unwrap();
        fs::create_dir_all(&refused).unwrap();
        let line = |code: &str| {
            format!("{{\"attemptsMade\":1,\"errorCode\":\"{code}\",\"rawData\":\"e30=\"}}\n")
        };
        fs::write(failed.join("a"), line("Lambda.ProcessingFailedStatus").repeat(3)).unwrap();
        fs::write(failed.join("b"), line("Lambda.FunctionError")).unwrap();
        fs::write(refused.join("c"), line("400").repeat(2)).unwrap();
        let expected = Backup::from([
            ("400".to_owned(), 2),
            ("Lambda.FunctionError".to_owned(), 1),
            ("Lambda.ProcessingFailedStatus".to_owned(), 3),
        ]);
        assert_eq!(count(folder.path()).unwrap(), expected);
    }

    #[test]
    fn no_folder_no_records() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(count(&folder.path().join("missing")).unwrap(), Backup::new());
    }

    #[test]
    fn an_object_that_is_not_firehoses_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "{\"rawData\":\"\"}\n").unwrap();
        assert_eq!(count(folder.path()).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }
}
