//! The interface to objects, which is small so that tests and the command's replay can implement
//! it.

use bytes::Bytes;
use shared::event::Timestamp;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// The version, if one is named.
    pub version_id: Option<String>,
}

/// The range of bytes of an object to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first byte.
    pub start: u64,
    /// The byte after the last one; `None` is the end of the object.
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
    /// Its version, in a bucket with versioning.
    pub version_id: Option<String>,
    /// When it was last modified.
    pub last_modified: Option<Timestamp>,
    /// Its bytes.
    pub chunks: C,
}

/// The bytes of an object, in chunks.
pub trait Chunks {
    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// If the connection breaks.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, ObjectError>>>;
}

/// Reads and writes objects, without retries or time limits: the caller drops the call when the
/// time is up.
pub trait Objects: 'static {
    /// The stream of an object's bytes.
    type Chunks: Chunks;

    /// Reads an object, which must still have the `ETag` `if_match` if that is set.
    ///
    /// # Errors
    /// [`ObjectError`]
    fn get(
        &self,
        place: &Place,
        range: Range,
        if_match: Option<&str>,
    ) -> impl Future<Output = Result<Opened<Self::Chunks>, ObjectError>>;

    /// Writes an object of JSON lines, replacing an existing one.
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
    /// The object is archived.
    #[error("archived: {0}")]
    Archived(String),
    /// Access is denied, by S3 or by KMS.
    #[error("denied: {0}")]
    Denied(String),
    /// The object was replaced: 412.
    #[error("changed: {0}")]
    Changed(String),
    /// The range begins after the end: 416.
    #[error("beyond the end: {0}")]
    BeyondEnd(String),
    /// No answer, an incomplete one, or a temporary failure.
    #[error("unavailable: {0}")]
    Unavailable(String),
}
