//! Reads the objects of the backup as an operator finds them in the bucket.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A line of an object.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    /// The name of the object: its path below the backup folder.
    pub(crate) object: String,
    pub(crate) line: Value,
    /// `rawData`, decoded.
    pub(crate) data: Vec<u8>,
}

/// All lines of the backup.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backup {
    /// Below `processing-failed/`.
    pub(crate) unprocessed: Vec<Failed>,
    /// Below `AmazonOpenSearchService_failed/`.
    pub(crate) undelivered: Vec<Failed>,
}

impl Backup {
    /// Reads every object of the folder, which must not contain other files.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut backup = Self::default();
        for path in files(folder) {
            let object = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let lines = if object.starts_with("processing-failed/") {
                &mut backup.unprocessed
            } else if object.starts_with("AmazonOpenSearchService_failed/") {
                &mut backup.undelivered
            } else {
                panic!("no object of the backup: {object}");
            };
            let content = fs::read_to_string(&path).unwrap();
            assert!(content.ends_with('\n'), "{object}: its last line does not end");
            lines.extend(content.lines().map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let data = line["rawData"].as_str().unwrap();
                let data = base64_simd::STANDARD.decode_to_vec(data).unwrap();
                Failed { object: object.clone(), line, data }
            }));
        }
        backup
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
