//! Whether OpenSearch is healthy enough for redriven messages.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use shared::opensearch::Client;

use crate::config::Config;

/// Maximum time for the health request. An OpenSearch that takes longer is not healthy.
const LIMIT: Duration = Duration::from_secs(5);

/// Something that must be healthy before messages are moved.
pub trait Health {
    /// Whether it is healthy.
    fn is_healthy(&self) -> impl Future<Output = bool>;
}

/// The OpenSearch in `REQUIRE_HEALTHY_ENDPOINT`, if one is set.
#[derive(Debug)]
pub struct OpenSearch(Option<Client>);

impl OpenSearch {
    /// Makes no calls.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let settings = config.healthy_endpoint.clone();
        Self(settings.map(|settings| Client::new(settings, config.aws.clone())))
    }
}

impl Health for OpenSearch {
    async fn is_healthy(&self) -> bool {
        let Some(client) = &self.0 else { return true };
        let Ok(request) = Request::get("/_cluster/health").body(Bytes::new()) else { return false };
        match client.send(request, LIMIT).await {
            Ok(response) => {
                let is_healthy = response.status == 200 && is_green_or_yellow(&response.body);
                if !is_healthy {
                    tracing::warn!(status = response.status, "OpenSearch is not healthy");
                }
                is_healthy
            }
            Err(error) => {
                tracing::warn!(%error, "failed to read the health of OpenSearch");
                false
            }
        }
    }
}

/// Source: OpenSearch documentation, "Cluster health".
fn is_green_or_yellow(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct ClusterHealth {
        status: String,
    }
    let health = serde_json::from_slice::<ClusterHealth>(body);
    health.is_ok_and(|health| matches!(&*health.status, "green" | "yellow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn green_and_yellow_are_healthy() {
        for (body, healthy) in [
            (r#"{"cluster_name":"music","status":"green","timed_out":false}"#, true),
            (r#"{"status":"yellow"}"#, true),
            (r#"{"status":"red"}"#, false),
            (r#"{"status":1}"#, false),
            ("{}", false),
            ("green", false),
            ("", false),
        ] {
            assert_eq!(is_green_or_yellow(body.as_bytes()), healthy, "{body}");
        }
    }
}
