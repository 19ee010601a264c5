//! The settings for writing documents: index, `_id` and size of requests.

use super::bulk::Limits;
use super::index::{self, IndexPattern};
use crate::config::{ConfigError, Environment};
use crate::event::DocumentId;

/// The variables that [`Writing`] reads.
pub const WRITING_VARIABLES: &[&str] =
    &["INDEX", "DOCUMENT_ID", "BULK_MAX_BYTES", "BULK_MAX_DOCS", "BULK_GZIP"];

/// Maximum size of a request that OpenSearch accepts by default (source: OpenSearch documentation,
/// `http.max_content_length`).
const MAX_BULK_BYTES: usize = 100 * 1_048_576;

/// The settings for writing documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    /// The index of a document: `INDEX`, default [`DEFAULT_INDEX`](index::DEFAULT).
    pub index: IndexPattern,
    /// The choice of a document's `_id`: `DOCUMENT_ID`, default `event`.
    pub document_id: DocumentId,
    /// Maximum size of a bulk request: `BULK_MAX_BYTES` (5 MiB) and `BULK_MAX_DOCS` (1,000).
    pub limits: Limits,
    /// Whether requests are compressed: `BULK_GZIP`, default `on`.
    pub gzip: bool,
}

impl Writing {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable with an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let pattern = environment.get("INDEX").unwrap_or(index::DEFAULT);
        let index = IndexPattern::parse(pattern).map_err(|error| {
            let allowed = "the name of an index, of a data stream or an alias, with specifiers \
                           of strftime";
            ConfigError::new("INDEX", pattern, format!("{allowed} ({error})"))
        })?;
        let number = |name, default, max| environment.number(name, default, 1, max);
        Ok(Self {
            index,
            document_id: environment
                .parse_with("DOCUMENT_ID", DocumentId::ALLOWED, DocumentId::parse)?
                .unwrap_or_default(),
            limits: Limits {
                bytes: number("BULK_MAX_BYTES", 5 * 1_048_576, MAX_BULK_BYTES)?,
                documents: number("BULK_MAX_DOCS", 1_000, 100_000)?,
            },
            gzip: environment.switch("BULK_GZIP", true)?,
        })
    }
}
