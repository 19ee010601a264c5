//! How an OpenSearch answers, from here.

use http::Method;
use local::opensearch::{Client, ClientError, StatusCode};
use serde_json::Value;
use shared::event::Timestamp;

use super::facts::{Answer, OpenSearch, Template};
use crate::setup::plan::Plan;

/// How long it may take to be green or yellow.
const HEALTH_SECONDS: u32 = 1;

/// Asks it what it is, how it is, and what template an index of `plan` gets that is created `now`.
pub(super) async fn ask(client: &Client, plan: &Plan, now: Timestamp) -> OpenSearch {
    let answer = answer(client, plan, now).await.unwrap_or_else(|error| match &error {
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

async fn answer(client: &Client, plan: &Plan, now: Timestamp) -> Result<Answer, ClientError> {
    let info = client.info().await?;
    let health = match client.health(HEALTH_SECONDS).await {
        // It is neither green nor yellow in time.
        Err(error) if error.status() == Some(StatusCode::REQUEST_TIMEOUT) => "red".to_owned(),
        health => health?,
    };
    let index = plan.index(now);
    let template = template(client, plan, &index).await?;
    Ok(Answer::Up { version: info.version, health, index, template })
}

/// OpenSearch itself resolves which of its templates counts for the index.
async fn template(client: &Client, plan: &Plan, index: &str) -> Result<Template, ClientError> {
    let path = format!("/_index_template/_simulate_index/{index}");
    let answer = client.send(Method::POST, &path, None, None).await?;
    if !answer.status.is_success() {
        return Ok(Template::Unknown(answer.status.as_u16()));
    }
    let resolved: Value = answer.json(&path)?;
    let Some(properties) = resolved.pointer("/template/mappings/properties") else {
        return Ok(Template::Missing);
    };
    let unfit = plan.unfit_fields(properties);
    Ok(if unfit.is_empty() { Template::Fits } else { Template::Unfit(unfit) })
}
