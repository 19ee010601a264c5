//! The way to the objects: small, so that tests and the command's replay put others in its place.

use bytes::Bytes;
use shared::event::Timestamp;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The key, as it is.
    pub key: String,
    /// The version, where one is named.
    pub version_id: Option<String>,
}

/// Which bytes of an object are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first byte.
    pub start: u64,
    /// The byte after the last, unless all are read.
    pub end: Option<u64>,
}

impl Range {
    /// All bytes.
    pub const ALL: Self = Self { start: 0, end: None };
}

/// An object that is being read.
#[derive(Debug)]
pub struct Opened<C> {
    /// Its `ETag`, with the quotes.
    pub etag: Option<String>,
    /// Its version, in a bucket with versions.
    pub version_id: Option<String>,
    /// When it was last modified.
    pub last_modified: Option<Timestamp>,
    /// Its bytes.
    pub chunks: C,
}

/// The bytes of an object, chunk by chunk.
pub trait Chunks {
    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// Where the connection breaks.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, ObjectError>>>;
}

/// Objects. A port neither retries nor keeps a time limit: the caller drops the call when the time
/// is up.
pub trait Objects: 'static {
    /// How an object's bytes come.
    type Chunks: Chunks;

    /// Reads an object, which must still have the `ETag` `if_match` where that is named.
    ///
    /// # Errors
    /// [`ObjectError`]
    fn get(
        &self,
        place: &Place,
        range: Range,
        if_match: Option<&str>,
    ) -> impl Future<Output = Result<Opened<Self::Chunks>, ObjectError>>;

    /// Writes an object of JSON lines, in the place of one that is there.
    ///
    /// # Errors
    /// [`ObjectError`]
    fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
    ) -> impl Future<Output = Result<(), ObjectError>>;
}

/// Why an object was not read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The object, the version or the bucket does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// It is archived.
    #[error("archived: {0}")]
    Archived(String),
    /// Access is denied, by S3 or by KMS.
    #[error("denied: {0}")]
    Denied(String),
    /// Another object is there now: 412.
    #[error("changed: {0}")]
    Changed(String),
    /// The range begins after the end: 416.
    #[error("beyond the end: {0}")]
    BeyondEnd(String),
    /// No answer, a broken one, or one that says that it is not possible now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}
