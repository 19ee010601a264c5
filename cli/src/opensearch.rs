//! The OpenSearch that an option names.

use local::opensearch::{Client, ClientError};

use crate::failure::Failure;

/// A client of the OpenSearch at the URL in `--opensearch`. Nothing is sent yet.
///
/// # Errors
/// [`Failure::Usage`] for what is no URL, [`Failure::Failed`] where requests must be signed and
/// cannot be, or where https has no root certificates.
pub(crate) fn client(url: &str) -> Result<Client, Failure> {
    Client::new(url).map_err(|error| match error {
        ClientError::Url => Failure::usage(format!("--opensearch is {error}")),
        error => Failure::failed(error),
    })
}
