//! The ledger: how far each object is confirmed, so that a restarted replay continues there.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::source::Object;
use crate::error::CliError;

/// The confirmed progress of all objects.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    objects: HashMap<String, Confirmed>,
    /// The size of the file of refused records at the last line.
    pub(super) refused_bytes: u64,
    /// Bytes of complete lines.
    complete: u64,
    has_head: bool,
}

/// A ledger that lines are appended to.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    file: File,
}

/// A line: an object is confirmed up to this point.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Line<'a> {
    pub(super) object: &'a str,
    pub(super) version: &'a str,
    /// The offset of the next record in the decompressed object.
    pub(super) offset: u64,
    /// Whether there are lists before it.
    #[serde(default)]
    pub(super) lists: bool,
    /// Whether the object is finished.
    pub(super) done: bool,
    /// The size of the file of refused records.
    pub(super) refused_bytes: u64,
    /// Refused records of the object so far, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) refused: BTreeMap<String, u64>,
}

/// The confirmed progress of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Until {
    pub(super) offset: u64,
    pub(super) lists: bool,
    pub(super) is_end: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Confirmed {
    version: String,
    until: Until,
    refused: BTreeMap<String, u64>,
}

impl Ledger {
    /// Reads a ledger, if there is one. A ledger belongs to a single replay, described by `replay`.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a ledger of another replay or another file, [`CliError::Failed`] if
    /// it cannot be read.
    pub(super) fn read(path: &Path, replay: &Value) -> Result<Self, CliError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(path, &error)),
        };
        Self::parse(&text, replay).ok_or_else(|| {
            CliError::usage(format_args!(
                "{}: is not the ledger of this replay: SOURCE, target and selection must be those \
                 that it was begun with; set another --ledger, or delete it to begin anew",
                path.display()
            ))
        })
    }

    fn parse(text: &[u8], replay: &Value) -> Option<Self> {
        let mut ledger = Self::default();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            // A torn line was not synced.
            if !line.ends_with(b"\n") {
                break;
            }
            if ledger.has_head {
                let line: Value = serde_json::from_slice(line).ok()?;
                let Line { object, version, offset, lists, done, refused_bytes, refused } =
                    Line::deserialize(&line).ok()?;
                let until = Until { offset, lists, is_end: done };
                let confirmed = Confirmed { version: version.to_owned(), until, refused };
                ledger.objects.insert(object.to_owned(), confirmed);
                ledger.refused_bytes = refused_bytes;
            } else if serde_json::from_slice::<Value>(line).ok()? != head(replay) {
                return None;
            }
            ledger.has_head = true;
            ledger.complete += line.len() as u64;
        }
        let is_torn = || head(replay).to_string().as_bytes().starts_with(text);
        (ledger.has_head || is_torn()).then_some(ledger)
    }

    /// The position at which replaying an object starts; `None` if it is finished. A changed object
    /// starts from the beginning.
    pub(super) fn next(&self, object: &Object) -> Option<Until> {
        match self.confirmed(object) {
            Some(Confirmed { until, .. }) => (!until.is_end).then_some(*until),
            None => Some(Until::default()),
        }
    }

    /// The records of an object that were refused before, by reason.
    pub(super) fn refused(&self, object: &Object) -> BTreeMap<String, u64> {
        self.confirmed(object).map(|confirmed| confirmed.refused.clone()).unwrap_or_default()
    }

    fn confirmed(&self, object: &Object) -> Option<&Confirmed> {
        self.objects.get(&object.name()).filter(|confirmed| confirmed.version == object.etag)
    }

    /// Opens the ledger for appending, and removes a torn line.
    ///
    /// # Errors
    /// [`CliError::Failed`] if it cannot be written, or another process writes to it.
    pub(super) fn write(&self, path: &Path, replay: &Value) -> Result<Writer, CliError> {
        let open = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            OpenOptions::new().create(true).append(true).open(path)
        };
        let file = open().map_err(|error| failed(path, &error))?;
        file.try_lock().map_err(|_| {
            CliError::failed(format_args!("{}: another replay is using it", path.display()))
        })?;
        file.set_len(self.complete).map_err(|error| failed(path, &error))?;
        let mut writer = Writer { path: path.to_owned(), file };
        if !self.has_head {
            writer.append(&head(replay).to_string())?;
        }
        Ok(writer)
    }
}

impl Writer {
    /// Appends a line and syncs it.
    ///
    /// # Errors
    /// [`CliError::Failed`] if it cannot be written.
    pub(super) fn confirm(&mut self, line: &Line<'_>) -> Result<(), CliError> {
        let line = serde_json::to_string(line).map_err(CliError::failed)?;
        self.append(&line)
    }

    fn append(&mut self, line: &str) -> Result<(), CliError> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written.and_then(|()| self.file.sync_data()).map_err(|error| failed(&self.path, &error))
    }
}

fn head(replay: &Value) -> Value {
    json!({"replay": replay})
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::failed(format_args!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use object_loader::Place;

    use super::*;

    fn object(key: &str, etag: &str) -> Object {
        let place = Place { bucket: "b".to_owned(), key: key.to_owned(), version_id: None };
        Object { place, etag: etag.to_owned(), bytes: 1 }
    }

    fn line(object: &str, offset: u64, done: bool) -> Line<'_> {
        Line {
            object,
            version: "\"1\"",
            offset,
            lists: offset == 9,
            done,
            refused_bytes: offset * 2,
            refused: [("empty".to_owned(), offset)].into(),
        }
    }

    #[test]
    fn a_replay_goes_on_after_the_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/ledger.jsonl");
        let replay = json!({"source": "s3://b/"});
        let read = || Ledger::read(&path, &replay).unwrap();
        assert_eq!(read().next(&object("a", "\"1\"")), Some(Until::default()));
        let mut writer = read().write(&path, &replay).unwrap();
        writer.confirm(&line("s3://b/a", 7, false)).unwrap();
        writer.confirm(&line("s3://b/b", 8, true)).unwrap();
        writer.confirm(&line("s3://b/a", 9, false)).unwrap();
        drop(writer);
        let whole = fs::read(&path).unwrap();
        let torn = [&whole[..], b"{\"object\":\"s3://b/a\",\"ver"].concat();
        for text in [&whole, &torn] {
            fs::write(&path, text).unwrap();
            let ledger = read();
            let until = Until { offset: 9, lists: true, is_end: false };
            assert_eq!(ledger.next(&object("a", "\"1\"")), Some(until));
            assert_eq!(ledger.next(&object("b", "\"1\"")), None);
            assert_eq!(ledger.next(&object("c", "\"1\"")), Some(Until::default()));
            assert_eq!(ledger.refused_bytes, 18);
            assert_eq!(ledger.refused(&object("a", "\"1\""))["empty"], 9);
            assert!(ledger.refused(&object("a", "\"2\"")).is_empty());
            // A changed object starts from the beginning.
            assert_eq!(ledger.next(&object("a", "\"2\"")), Some(Until::default()));
            assert_eq!(ledger.next(&object("b", "\"2\"")), Some(Until::default()));
        }
        // A torn line is removed before the next one is written.
        read().write(&path, &replay).unwrap().confirm(&line("s3://b/a", 10, true)).unwrap();
        assert_eq!(read().next(&object("a", "\"1\"")), None);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.lines().all(|line| line.ends_with('}')), "{text}");
    }

    #[test]
    fn a_torn_head_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let replay = json!({"source": "s3://b/"});
        fs::write(&path, "{\"replay\":{\"sou").unwrap();
        let ledger = Ledger::read(&path, &replay).unwrap();
        drop(ledger.write(&path, &replay).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"replay\":{\"source\":\"s3://b/\"}}\n");
    }

    #[test]
    fn a_ledger_serves_one_replay_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let replay = json!({"source": "s3://b/"});
        let writer = Ledger::default().write(&path, &replay).unwrap();
        let error = Ledger::default().write(&path, &replay).unwrap_err();
        assert!(error.to_string().contains("another replay is using it"), "{error}");
        drop(writer);
        for text in ["", "{\"replay\":{\"source\":\"s3://b/\"}}\n", "{\"rep"] {
            fs::write(&path, text).unwrap();
            assert!(Ledger::read(&path, &replay).is_ok(), "{text}");
        }
        // A line of a version that did not count them.
        let line = "{\"object\":\"s3://b/a\",\"version\":\"\\\"1\\\"\",\"offset\":7,\"done\":true,\"refused_bytes\":0}\n";
        fs::write(&path, format!("{}\n{line}", head(&replay))).unwrap();
        let ledger = Ledger::read(&path, &replay).unwrap();
        assert_eq!(ledger.next(&object("a", "\"1\"")), None);
        assert!(ledger.refused(&object("a", "\"1\"")).is_empty());
        for text in ["{\"replay\":{\"source\":\"s3://c/\"}}\n", "x", "{}\n"] {
            fs::write(&path, text).unwrap();
            let error = Ledger::read(&path, &replay).unwrap_err();
            assert!(matches!(error, CliError::Usage(_)), "{error}");
        }
    }
}
