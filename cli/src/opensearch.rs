//! The client of `--opensearch`.

use local::opensearch::{Client, ClientError};

use crate::error::CliError;

/// Creates a client for the URL in `--opensearch`. It sends no request yet.
///
/// # Errors
/// [`CliError::Usage`] for an invalid URL, [`CliError::Failed`] if credentials to sign requests or
/// root certificates are missing.
pub(crate) fn client(url: &str) -> Result<Client, CliError> {
    Client::new(url).map_err(|error| match error {
        ClientError::Url => CliError::usage(format!("--opensearch is {error}")),
        error => CliError::failed(error),
    })
}
