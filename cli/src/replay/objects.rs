//! The loader's interface to objects: S3 or files; refused records are written to a file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use object_loader::{Chunks, ObjectError, Objects, Opened, Place, Range, S3Objects};
use shared::event::Timestamp;

/// Number of bytes of a file that are read at once.
const CHUNK_BYTES: usize = 262_144;

/// S3, if the source is in S3, and files.
#[derive(Debug)]
pub(super) struct Port {
    s3: Option<S3Objects>,
    refused: Rc<RefusedFile>,
}

/// The file of refused records, in the loader's format, so that it can be replayed.
#[derive(Debug)]
pub(super) struct RefusedFile(pub(super) PathBuf);

/// The bytes of an object.
#[derive(Debug)]
pub(super) enum Reading {
    S3(Box<<S3Objects as Objects>::Chunks>),
    File(io::Take<File>),
}

impl Port {
    pub(super) const fn new(s3: Option<S3Objects>, refused: Rc<RefusedFile>) -> Self {
        Self { s3, refused }
    }

    pub(super) const fn s3(&self) -> Option<&S3Objects> {
        self.s3.as_ref()
    }
}

impl RefusedFile {
    /// Its size; 0 if there is none.
    pub(super) fn bytes(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Removes everything that was written after the last line of the ledger, because it will be
    /// written again.
    pub(super) fn cut(&self, bytes: u64) -> io::Result<()> {
        if self.bytes() > bytes {
            OpenOptions::new().write(true).open(&self.0)?.set_len(bytes)?;
        }
        Ok(())
    }

    fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // Only its owner can read it, because records may contain anything.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.0)?;
        file.write_all(lines)?;
        file.sync_all()
    }
}

impl Objects for Port {
    type Chunks = Reading;

    async fn get(
        &self,
        place: &Place,
        range: Range,
        if_match: Option<&str>,
    ) -> Result<Opened<Reading>, ObjectError> {
        match &self.s3 {
            Some(s3) => {
                let Opened { etag, version_id, last_modified, chunks } =
                    s3.get(place, range, if_match).await?;
                let chunks = Reading::S3(Box::new(chunks));
                Ok(Opened { etag, version_id, last_modified, chunks })
            }
            None => open(&place.key, range, if_match),
        }
    }

    async fn put(&self, _bucket: &str, _key: &str, body: Bytes) -> Result<(), ObjectError> {
        self.refused.append(&body).map_err(|error| unavailable(&error))
    }
}

impl Chunks for Reading {
    async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        match self {
            Self::S3(chunks) => Chunks::next(&mut **chunks).await,
            Self::File(file) => {
                let mut chunk = vec![0; CHUNK_BYTES];
                match file.read(&mut chunk) {
                    Err(error) => Some(Err(unavailable(&error))),
                    Ok(0) => None,
                    Ok(length) => {
                        chunk.truncate(length);
                        Some(Ok(chunk.into()))
                    }
                }
            }
        }
    }
}

fn open(path: &str, range: Range, if_match: Option<&str>) -> Result<Opened<Reading>, ObjectError> {
    let named = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => ObjectError::NotFound(path.to_owned()),
        ErrorKind::PermissionDenied => ObjectError::Denied(path.to_owned()),
        _ => unavailable(&error),
    };
    let mut file = File::open(path).map_err(named)?;
    let metadata = file.metadata().map_err(named)?;
    let etag = file_etag(&metadata);
    if if_match.is_some_and(|expected| expected != etag) {
        return Err(ObjectError::Changed(path.to_owned()));
    }
    if range != Range::ALL && range.start >= metadata.len() {
        return Err(ObjectError::BeyondEnd(path.to_owned()));
    }
    file.seek(SeekFrom::Start(range.start)).map_err(named)?;
    let end = range.end.unwrap_or(metadata.len());
    Ok(Opened {
        etag: Some(etag),
        version_id: None,
        last_modified: Timestamp::from_nanos(modified_nanos(&metadata)),
        chunks: Reading::File(file.take(end.saturating_sub(range.start))),
    })
}

/// The version of a file, which changes when it is written: its size and modification time.
pub(super) fn file_etag(metadata: &Metadata) -> String {
    format!("\"{}-{}\"", metadata.len(), modified_nanos(metadata))
}

fn modified_nanos(metadata: &Metadata) -> u128 {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    modified.unwrap_or_default().as_nanos()
}

fn unavailable(error: &io::Error) -> ObjectError {
    ObjectError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::source::FILES;
    use super::*;

    fn port(folder: &tempfile::TempDir) -> Port {
        Port::new(None, Rc::new(RefusedFile(folder.path().join("refused"))))
    }

    async fn read(port: &Port, place: &Place, range: Range, etag: Option<&str>) -> Vec<u8> {
        let mut opened = port.get(place, range, etag).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = opened.chunks.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        bytes
    }

    #[tokio::test]
    async fn a_file_is_read_as_an_object_is() {
        let folder = tempfile::tempdir().unwrap();
        let port = port(&folder);
        let path = folder.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let key = path.to_str().unwrap().to_owned();
        let place = Place { bucket: FILES.to_owned(), key, version_id: None };
        let etag = port.get(&place, Range::ALL, None).await.unwrap().etag.unwrap();
        assert_eq!(read(&port, &place, Range::ALL, Some(&etag)).await, b"0123456789");
        let (start, end) = (3, Some(5));
        assert_eq!(read(&port, &place, Range { start, end }, None).await, b"34");
        assert_eq!(read(&port, &place, Range { start, end: None }, None).await, b"3456789");
        let beyond = port.get(&place, Range { start: 10, end: None }, None).await;
        assert!(matches!(beyond, Err(ObjectError::BeyondEnd(_))), "{beyond:?}");
        std::fs::write(&path, "01234567890").unwrap();
        let changed = port.get(&place, Range::ALL, Some(&etag)).await;
        assert!(matches!(changed, Err(ObjectError::Changed(_))), "{changed:?}");
        std::fs::remove_file(&path).unwrap();
        let missing = port.get(&place, Range::ALL, None).await;
        assert!(matches!(missing, Err(ObjectError::NotFound(_))), "{missing:?}");
    }

    #[tokio::test]
    async fn refused_records_are_appended_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let port = port(&folder);
        port.refused.cut(0).unwrap();
        port.put("", "a", Bytes::from("one\n")).await.unwrap();
        port.put("", "b", Bytes::from("two\n")).await.unwrap();
        assert_eq!(port.refused.bytes(), 8);
        port.refused.cut(4).unwrap();
        port.refused.cut(9).unwrap();
        assert_eq!(std::fs::read(&port.refused.0).unwrap(), b"one\n");
    }
}
