//! Reads the records of an object without loading them.

use std::time::Duration;

use shared::event::Timestamp;
use tokio::time::Instant;

use crate::config::Reading;
use crate::failure::{self, Failure, Line, Selection};
use crate::message::Request;
use crate::objects::{ObjectError, Objects};
use crate::reader::ObjectReader;
use crate::records::Next;

/// An object that is read record by record, starting at the request's offset.
#[expect(missing_debug_implementations, reason = "the chunks of an object may have none")]
pub struct Items<'a, O: Objects> {
    reader: ObjectReader<'a, O>,
    selection: Option<Selection>,
    start: u64,
    patience: Duration,
}

/// A record of an object.
#[derive(Debug)]
pub struct Item {
    /// Its offset in the decompressed object.
    pub offset: u64,
    /// Its size; for a failure, that of the failed data.
    pub bytes: u64,
    /// Its content.
    pub content: Content,
}

/// The content of a record.
#[derive(Debug)]
pub enum Content {
    /// A record of an object that does not contain failures.
    Record,
    /// A failure that the request selects.
    Failure(Box<Failure>),
    /// A failure that the request does not select.
    NotSelected,
    /// An unreadable record, and why: the engine refuses it for the same reason.
    Unreadable(String),
}

/// Why an object cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// S3 does not return it.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// It does not contain records of the format.
    #[error("it holds neither JSON nor, with FORMAT=text, lines")]
    UnknownFormat,
}

impl<'a, O: Objects> Items<'a, O> {
    /// Opens the object of a request. Requests without an answer within `patience` are abandoned.
    ///
    /// # Errors
    /// [`ObjectError`]
    pub async fn open(
        objects: &'a O,
        request: &Request,
        reading: &Reading,
        patience: Duration,
    ) -> Result<Self, ObjectError> {
        let until = Instant::now() + patience;
        let (reader, selection) = ObjectReader::open(objects, request, reading, until).await?;
        Ok(Self { reader, selection, start: request.offset, patience })
    }

    /// When the object was last modified.
    pub const fn modified(&self) -> Option<Timestamp> {
        self.reader.opened().last_modified
    }

    /// The offset of the record after the last one that was read.
    pub fn next_offset(&mut self) -> u64 {
        self.reader.records.next_offset()
    }

    /// Whether lists were found: [`Request::lists`].
    pub const fn has_lists(&self) -> bool {
        self.reader.records.has_lists
    }

    /// Bytes of the object that were read so far.
    pub const fn bytes_read(&self) -> u64 {
        self.reader.bytes_read
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`Unread`]
    pub async fn next(&mut self) -> Result<Option<Item>, Unread> {
        let (start, selection) = (self.start, self.selection.as_ref());
        loop {
            let item = match self.reader.records.next() {
                Next::Record { offset, .. } | Next::TooLarge { offset, .. } if offset < start => {
                    continue;
                }
                Next::Record { offset, text } => item(offset, text, selection),
                Next::TooLarge { offset, bytes } => {
                    Item { offset, bytes, content: Content::Unreadable("too_large".to_owned()) }
                }
                Next::Rest { offset, text, packing } => Item {
                    offset,
                    bytes: text.len() as u64,
                    content: Content::Unreadable(packing.reason().to_owned()),
                },
                Next::UnknownFormat => return Err(Unread::UnknownFormat),
                Next::End => return Ok(None),
                Next::Feed => {
                    self.reader.until = Instant::now() + self.patience;
                    self.reader.feed().await?;
                    continue;
                }
            };
            return Ok(Some(item));
        }
    }
}

fn item(offset: u64, text: &[u8], selection: Option<&Selection>) -> Item {
    let mut bytes = text.len() as u64;
    let content = match selection.map(|selection| failure::read(text, selection)) {
        None => Content::Record,
        Some(Ok(Line::Failure(failure))) => {
            bytes = failure.data.len() as u64;
            Content::Failure(failure)
        }
        Some(Ok(Line::NotSelected)) => Content::NotSelected,
        Some(Ok(Line::NoRawData)) => Content::Unreadable("no_raw_data".to_owned()),
        Some(Err(refusal)) => {
            Content::Unreadable(shared::event::Reason::from(refusal).code.into_owned())
        }
    };
    Item { offset, bytes, content }
}
