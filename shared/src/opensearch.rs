//! Calls OpenSearch: the settings for endpoint and credentials, a client, and bulk requests with
//! the evaluation of their answers.
//!
//! The client is thin on purpose: it signs requests, keeps a connection and limits the time of
//! every request; it neither retries nor interprets answers. It uses the connections that the AWS
//! SDK needs anyway.

mod bulk;
mod client;
mod errors;
mod findings;
mod index;
mod lookup;
mod reply;
mod retry;
mod search;
mod settings;
mod writing;

pub use crate::aws::{Answer, MAX_ANSWER_BYTES};
pub use bulk::{Bulk, Index, Limits, Operation};
pub use client::{Client, Error};
pub use errors::{About, KnownError, UNKNOWN};
pub use findings::{Findings, Refusals};
pub use index::{DEFAULT as DEFAULT_INDEX, IndexPattern, PatternError};
pub use reply::Fate;
pub use retry::{Retry, Trouble};
pub use search::{OpenSearch, Search};
pub use settings::{AUTH_VARIABLES, Auth, Place, SERVICES, Settings, SigningService, VARIABLES};
pub use writing::{WRITING_VARIABLES, Writing};
