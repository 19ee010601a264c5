//! Messages in a file: exported for editing, and imported with the edited bodies.

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use dlq_redrive::filter::Filter;
use dlq_redrive::message::Message;
use dlq_redrive::run::Edited;
use serde::{Deserialize, Serialize};
use shared::sqs::MAX_MESSAGE_BYTES;
use shared::time;

use crate::error::CliError;

/// A line of the file.
#[derive(Debug, Deserialize, Serialize)]
struct Line {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// When it was first sent, in milliseconds since 1970.
    sent_ms: Option<u64>,
    body: String,
}

/// Writes the messages that match to a file, each once.
#[derive(Debug)]
pub(super) struct Export {
    path: PathBuf,
    filter: Filter,
    left: RefCell<u64>,
    /// The first error of writing.
    file: RefCell<Result<BufWriter<fs::File>, std::io::Error>>,
}

impl Export {
    /// Checks before the first call that the file can be created.
    ///
    /// # Errors
    /// [`CliError::Usage`] if it exists, or its folder does not.
    pub(super) fn check(path: &Path) -> Result<(), CliError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let problem = match (path.symlink_metadata(), folder.is_none_or(Path::is_dir)) {
            (Ok(_), _) => "it exists already: name a new file",
            (_, false) => "its folder does not exist",
            _ => return Ok(()),
        };
        Err(CliError::usage(format_args!("--export {}: {problem}", path.display())))
    }

    /// Creates the file, which only its owner can read, because bodies may contain anything.
    ///
    /// # Errors
    /// [`CliError::Usage`] if it exists or cannot be created.
    pub(super) fn create(path: &Path, filter: Filter, most: u64) -> Result<Self, CliError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            CliError::usage(format_args!("--export {}: {error}", path.display()))
        })?;
        let file = RefCell::new(Ok(BufWriter::new(file)));
        Ok(Self { path: path.to_owned(), filter, left: RefCell::new(most), file })
    }

    /// Adds a message, if it is received for the first time.
    pub(super) fn take(&self, message: &Message) {
        let mut left = self.left.borrow_mut();
        if *left == 0 || !self.filter.matches(message, time::now().milliseconds()) {
            return;
        }
        *left -= 1;
        let line = Line {
            id: message.id.clone(),
            reason: message.reason().map(str::to_owned),
            source: message.source_arn().map(str::to_owned),
            sent_ms: message.sent_ms,
            body: message.body.clone(),
        };
        let mut file = self.file.borrow_mut();
        if let Ok(open) = &mut *file {
            let written = serde_json::to_writer(&mut *open, &line).map_err(Into::into);
            if let Err(error) = written.and_then(|()| open.write_all(b"\n")) {
                *file = Err(error);
            }
        }
    }

    /// Closes the file, and removes one without messages: the next export can have its name.
    ///
    /// # Errors
    /// [`CliError::Failed`] if not all messages could be written.
    pub(super) fn finish(self) -> Result<(), CliError> {
        let written = self.file.into_inner().and_then(|mut file| {
            file.flush()?;
            let is_empty = file.get_ref().metadata()?.len() == 0;
            if is_empty { fs::remove_file(&self.path) } else { Ok(()) }
        });
        written.map_err(|error| {
            CliError::failed(format_args!("failed to write {}: {error}", self.path.display()))
        })
    }
}

/// Reads the bodies of a file that was exported and edited.
///
/// # Errors
/// [`CliError::Usage`] with the first line that is not a message with an id and a body that SQS
/// accepts.
pub(super) fn import(path: &Path) -> Result<Edited, CliError> {
    let wrong = |what: &dyn std::fmt::Display| {
        CliError::usage(format_args!("--import {}: {what}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let mut edited = Edited::new();
    // Some editors put a byte order mark before it.
    let lines = text.trim_start_matches('\u{feff}').lines();
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
        let Line { id, body, .. } = serde_json::from_str(line).map_err(|error| {
            let what = "not a line of `inspect --export`";
            wrong(&format_args!("line {number}: {error}: {what}"))
        })?;
        if body.is_empty() || body.len() > MAX_MESSAGE_BYTES {
            let bytes = format_args!("line {number}: a body has 1 to {MAX_MESSAGE_BYTES} bytes");
            return Err(wrong(&bytes));
        }
        if edited.insert(id, body).is_some() {
            return Err(wrong(&format_args!("line {number}: its id is there twice")));
        }
    }
    Ok(edited)
}
