//! Calling OpenSearch: where it is and how to sign in, from the environment, and a client.
//!
//! The client is thin on purpose: it signs requests, keeps a connection and limits the time of
//! every request; it neither retries nor reads answers. It stands on the connections that the
//! AWS SDK brings along anyway.

mod client;
mod errors;
mod lookup;
mod settings;

pub use crate::aws::{Answer, MAX_ANSWER_BYTES};
pub use client::{Client, Error};
pub use errors::{About, KnownError, UNKNOWN};
pub use settings::{AUTH_VARIABLES, Auth, Place, SERVICES, Settings, SigningService, VARIABLES};
