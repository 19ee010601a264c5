//! The client of `--opensearch`.

use local::opensearch::{Client, ClientError, Environment};
use shared::aws::Aws;
use shared::config;

use crate::aws::Account;
use crate::error::CliError;

/// Creates a client for the URL in `--opensearch`. It does not send requests. Requests to a domain
/// or collection of AWS are signed with the credentials of the account.
///
/// # Errors
/// [`CliError::Usage`] for an invalid URL, [`CliError::Failed`] if credentials to sign requests or
/// root certificates are missing.
pub(crate) async fn client(url: &str, account: &Account) -> Result<Client, CliError> {
    let mut environment = Environment::read();
    if account.has_profile() {
        environment.aws_credentials = None;
    }
    let mut client = Client::with_environment(url, &environment);
    if matches!(client, Err(ClientError::NoCredentials)) {
        let signed_in = account.sign_in(&config::Environment::of_this_process()).await?;
        environment.aws_credentials = Aws::from_environment(&signed_in, &[]).credentials;
        client = Client::with_environment(url, &environment);
    }
    client.map_err(|error| match error {
        ClientError::Url => CliError::usage(format!("--opensearch is {error}")),
        error => CliError::failed(error),
    })
}

/// As [`client`], for an option that may be missing.
///
/// # Errors
/// Those of [`client`].
pub(crate) async fn optional_client(
    url: Option<&str>,
    account: &Account,
) -> Result<Option<Client>, CliError> {
    match url {
        Some(url) => client(url, account).await.map(Some),
        None => Ok(None),
    }
}
