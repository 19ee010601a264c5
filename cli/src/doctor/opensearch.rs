//! How an OpenSearch answers, from here.

use local::opensearch::{Client, ClientError, INDEX_TEMPLATE_NAME, StatusCode};

use super::facts::{Answer, OpenSearch};

/// How long it may take to be green or yellow.
const HEALTH_SECONDS: u32 = 1;

/// Asks it what it is, how it is, and whether it knows our documents.
pub(super) async fn ask(client: &Client) -> OpenSearch {
    let answer = answer(client).await.unwrap_or_else(|error| match &error {
        ClientError::Status { status, .. } if matches!(status.as_u16(), 401 | 403) => {
            Answer::Refused(status.as_u16())
        }
        ClientError::Status { .. } | ClientError::Unexpected { .. } | ClientError::Body(_) => {
            Answer::Other(error.to_string())
        }
        _ => Answer::Silent(error.to_string()),
    });
    OpenSearch { url: client.url().to_owned(), answer }
}

async fn answer(client: &Client) -> Result<Answer, ClientError> {
    let info = client.info().await?;
    let health = match client.health(HEALTH_SECONDS).await {
        // It is neither green nor yellow in time.
        Err(error) if error.status() == Some(StatusCode::REQUEST_TIMEOUT) => "red".to_owned(),
        health => health?,
    };
    let has_template = client.index_template(INDEX_TEMPLATE_NAME).await?.is_some();
    Ok(Answer::Up { version: info.version, health, has_template })
}
