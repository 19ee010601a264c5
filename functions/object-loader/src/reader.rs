//! Reads the records of an object, starting where a request begins.

use tokio::time::{Instant, timeout_at};

use crate::config::Reading;
use crate::failure::{MAX_LINE_BYTES, Selection};
use crate::message::Request;
use crate::objects::{Chunks, ObjectError, Objects, Opened, Place, Range};
use crate::records::Records;
use crate::unpack::Unpacker;

/// Maximum number of times that an interrupted read is resumed.
const MAX_RESUMES: u32 = 5;
/// Number of bytes that are enough to recognize the beginning of an object.
const HEAD_BYTES: u64 = 65_536;

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct ObjectReader<'a, O: Objects> {
    objects: &'a O,
    /// The object, with the version that was opened.
    pub(crate) place: Place,
    opened: Opened<O::Chunks>,
    /// Number of bytes that were read, from the start of the object.
    position: u64,
    resumes: u32,
    unpacker: Unpacker,
    pub(crate) records: Records,
    /// Bytes that were read in this call.
    pub(crate) bytes_read: u64,
    /// Requests without an answer are abandoned at this time.
    pub(crate) until: Instant,
}

/// The byte before a record at which reading can start.
const LINE_BREAK: u8 = b'\n';

impl<'a, O: Objects> ObjectReader<'a, O> {
    /// Opens the object of a request, and returns which failures to load if the object contains
    /// failures. Requests without an answer at `until` are abandoned.
    ///
    /// # Errors
    /// [`ObjectError`]
    pub(crate) async fn open(
        objects: &'a O,
        request: &Request,
        reading: &Reading,
        until: Instant,
    ) -> Result<(Self, Option<Selection>), ObjectError> {
        let selection = Selection::of(request);
        let limit = selection.as_ref().map_or(reading.max_record_bytes, |_| MAX_LINE_BYTES);
        let Reading { format, records_paths, .. } = reading;
        let place = request.place();
        let etag = request.etag.as_deref();
        let get = async |range| get(objects, &place, range, etag, until).await;
        let records = |offset| Records::new(*format, records_paths, offset).with_limit(limit);
        if request.offset > 0 && !request.lists && begins_plainly(get, records(0), until).await? {
            // The byte before the record shows whether the record is at the start of a line.
            let start = request.offset - 1;
            let opened = get(Range { start, end: None }).await?;
            let mut reader = Self::new(objects, &place, opened, records(request.offset), until);
            reader.position = start;
            let first = reader.chunk().await?;
            if first.as_ref().is_none_or(|first| first.first() == Some(&LINE_BREAK)) {
                reader.unpacker = Unpacker::plain();
                reader.unpacker.feed(first.as_ref().map_or(&[], |first| &first[1..]));
                return Ok((reader, selection));
            }
        }
        let opened = get(Range::ALL).await?;
        Ok((Self::new(objects, &place, opened, records(0), until), selection))
    }

    fn new(
        objects: &'a O,
        place: &Place,
        opened: Opened<O::Chunks>,
        records: Records,
        until: Instant,
    ) -> Self {
        let version_id = place.version_id.clone().or_else(|| opened.version_id.clone());
        Self {
            objects,
            place: Place { version_id, ..place.clone() },
            opened,
            position: 0,
            resumes: 0,
            unpacker: Unpacker::default(),
            records,
            bytes_read: 0,
            until,
        }
    }

    /// The object as it was opened.
    pub(crate) const fn opened(&self) -> &Opened<O::Chunks> {
        &self.opened
    }

    /// Passes the next bytes to the records.
    ///
    /// # Errors
    /// [`ObjectError`]
    pub(crate) async fn feed(&mut self) -> Result<(), ObjectError> {
        loop {
            match self.unpacker.read(self.records.buffer()) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(packing) => {
                    self.records.end(Err(packing));
                    return Ok(());
                }
            }
            let Some(chunk) = self.chunk().await? else {
                let ended = self.unpacker.finish(self.records.buffer());
                self.records.end(ended);
                return Ok(());
            };
            self.unpacker.feed(&chunk);
        }
    }

    /// The next bytes; an interrupted read is resumed.
    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, ObjectError> {
        loop {
            let chunk = timeout_at(self.until, self.opened.chunks.next()).await;
            match chunk.map_err(|_| late())? {
                None => return Ok(None),
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    self.position += chunk.len() as u64;
                    self.bytes_read += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Some(Err(error)) if self.resumes == MAX_RESUMES => return Err(error),
                Some(Err(interruption)) => {
                    self.resumes += 1;
                    let range = Range { start: self.position, end: None };
                    let etag = self.opened.etag.as_deref();
                    let opened = get(self.objects, &self.place, range, etag, self.until).await;
                    match opened {
                        Ok(opened) => self.opened.chunks = opened.chunks,
                        // All bytes were read, but something is wrong with them, such as the
                        // checksum.
                        Err(ObjectError::BeyondEnd(_)) => return Err(interruption),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

async fn get<O: Objects>(
    objects: &O,
    place: &Place,
    range: Range,
    etag: Option<&str>,
    until: Instant,
) -> Result<Opened<O::Chunks>, ObjectError> {
    timeout_at(until, objects.get(place, range, etag)).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> ObjectError {
    ObjectError::Unavailable("no answer came before the time was up".to_owned())
}

/// Whether an object is not compressed and begins with a standalone value or a line.
async fn begins_plainly<C: Chunks>(
    get: impl AsyncFn(Range) -> Result<Opened<C>, ObjectError>,
    mut records: Records,
    until: Instant,
) -> Result<bool, ObjectError> {
    let mut head = get(Range { start: 0, end: Some(HEAD_BYTES) }).await?;
    let mut unpacker = Unpacker::default();
    loop {
        match records.begins_plainly() {
            None if unpacker.is_packed() == Some(true) => return Ok(false),
            None => {}
            Some(begins_plainly) => return Ok(begins_plainly),
        }
        let chunk = timeout_at(until, head.chunks.next()).await.map_err(|_| late())?;
        let Some(chunk) = chunk else { return Ok(false) };
        unpacker.feed(&chunk?);
        if unpacker.is_packed() == Some(false) {
            // Uncompressed data cannot be corrupt.
            let _any = unpacker.read(records.buffer());
        }
    }
}
