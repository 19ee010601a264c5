//! Reads the state of an OpenSearch.

use http::Method;
use local::opensearch::{Client, ClientError, StatusCode};
use serde_json::Value;
use shared::event::Timestamp;

use super::facts::{OpenSearch, OpenSearchReply, Template};
use crate::setup::plan::Plan;

/// Maximum time for the cluster to become green or yellow.
const HEALTH_SECONDS: u32 = 1;

/// Reads version, health, and the template of the index that `plan` has at `now`.
pub(super) async fn read(client: &Client, plan: &Plan, now: Timestamp) -> OpenSearch {
    let reply = state(client, plan, now).await.unwrap_or_else(|error| match &error {
        ClientError::Status { status, .. } if matches!(status.as_u16(), 401 | 403) => {
            OpenSearchReply::Rejected(status.as_u16())
        }
        ClientError::Status { .. } | ClientError::Unexpected { .. } | ClientError::Body(_) => {
            OpenSearchReply::Other(error.to_string())
        }
        _ => OpenSearchReply::Unreachable(error.to_string()),
    });
    OpenSearch { url: client.url().to_owned(), reply }
}

async fn state(
    client: &Client,
    plan: &Plan,
    now: Timestamp,
) -> Result<OpenSearchReply, ClientError> {
    let info = client.info().await?;
    let health = match client.health(HEALTH_SECONDS).await {
        // Neither green nor yellow in time.
        Err(error) if error.status() == Some(StatusCode::REQUEST_TIMEOUT) => "red".to_owned(),
        health => health?,
    };
    let index = plan.index(now);
    let template = template(client, plan, &index).await?;
    Ok(OpenSearchReply::Up { version: info.version, health, index, template })
}

/// OpenSearch itself resolves which of its templates applies to the index.
async fn template(client: &Client, plan: &Plan, index: &str) -> Result<Template, ClientError> {
    let path = format!("/_index_template/_simulate_index/{index}");
    let reply = client.send(Method::POST, &path, None).await?;
    if !reply.status.is_success() {
        return Ok(Template::Unknown(reply.status.as_u16()));
    }
    let resolved: Value = reply.json(&path)?;
    let mapping = resolved.pointer("/template/mappings");
    let Some(mapping) = mapping.filter(|mapping| mapping["properties"].is_object()) else {
        return Ok(Template::Missing);
    };
    let unfit = plan.unfit_fields(mapping);
    Ok(if unfit.is_empty() { Template::Fits } else { Template::Unfit(unfit) })
}
