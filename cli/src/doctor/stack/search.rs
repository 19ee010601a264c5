//! Reads the state of OpenSearch: shards, disks, rejected writes and the policy of indices.

use http::Method;
use local::opensearch::Client;
use serde_json::Value;
use shared::opensearch::{Auth, Place};
use shared::time;

use super::Reader;
use super::facts::{IndexPolicy, Search};
use crate::doctor::facts::{Facts, OpenSearchReply};
use crate::doctor::settings::Settings;
use crate::doctor::{opensearch, plan};

/// The default of `cluster.max_shards_per_node` (source: OpenSearch documentation, "Cluster
/// settings").
const MAX_SHARDS: u64 = 1_000;

/// Reads the OpenSearch of `--opensearch`, or that of the first function that writes to one, for
/// which the facts of that function are completed. `None` if it cannot be reached from here.
pub(super) async fn read(
    reader: &Reader<'_>,
    option: Option<&Client>,
    consumers: &mut [Facts],
) -> Option<Search> {
    let consumer = consumers.first_mut()?;
    let own = own_client(reader, consumer);
    let client = option.or(own.as_ref())?;
    let plan = plan(consumer.function.as_ref()).ok()?;
    let found = opensearch::read(client, &plan, time::now()).await;
    let is_up = matches!(found.reply, OpenSearchReply::Up { .. });
    if !is_up && option.is_none() {
        // The function may be able to reach it even if this machine is not, or may have access.
        let reason = match found.reply {
            OpenSearchReply::Rejected(status) => format!("it answers {status} to this account"),
            OpenSearchReply::Other(reason) | OpenSearchReply::Unreachable(reason) => reason,
            OpenSearchReply::Up { .. } => String::new(),
        };
        reader.is_unread("OpenSearch", client.url(), &reason);
        return None;
    }
    consumer.opensearch = Some(found);
    if !is_up {
        return None;
    }
    let pattern = plan.patterns.first().cloned().unwrap_or_default();
    Some(Search {
        url: client.url().to_owned(),
        shards: shards(client).await,
        disk_percent: largest(client, "/_cat/allocation?format=json&h=disk.percent").await,
        rejected: sum(client, "/_cat/thread_pool/write?format=json&h=rejected").await,
        policy: policy(client, &pattern).await,
    })
}

/// Returns a client of the function's OpenSearch, signed with the credentials of this account.
/// `None` if the function's settings do not allow one.
fn own_client(reader: &Reader<'_>, consumer: &Facts) -> Option<Client> {
    let variables = consumer.function.as_ref()?.environment.as_ref()?;
    let settings = Settings::parse(variables).ok()?.opensearch;
    let Place::Endpoint(endpoint) = settings.place else { return None };
    if !matches!(settings.auth, Auth::None | Auth::SigV4(_)) {
        return None;
    }
    let mut environment = local::opensearch::Environment::read();
    environment.aws_credentials.clone_from(&reader.aws.credentials);
    Client::with_environment(endpoint.as_str(), &environment).ok()
}

/// Returns the reply to a request that succeeds; a server without that function has none.
async fn get(client: &Client, path: &str) -> Option<Value> {
    let reply = client.send(Method::GET, path, None).await.ok()?;
    reply.status.is_success().then(|| reply.json(path).ok()).flatten()
}

async fn shards(client: &Client) -> Option<(u64, u64)> {
    let health = get(client, "/_cluster/health").await?;
    let nodes = health["number_of_data_nodes"].as_u64()?;
    let path = "/_cluster/settings?flat_settings=true";
    let settings = get(client, path).await.unwrap_or_default();
    let own = ["transient", "persistent"]
        .iter()
        .find_map(|of| number(&settings[*of]["cluster.max_shards_per_node"]));
    Some((health["active_shards"].as_u64()?, own.unwrap_or(MAX_SHARDS) * nodes))
}

async fn largest(client: &Client, path: &str) -> Option<u64> {
    numbers(&get(client, path).await?).max()
}

async fn sum(client: &Client, path: &str) -> Option<u64> {
    Some(numbers(&get(client, path).await?).sum())
}

/// Returns the numbers in the rows of a table with one column.
fn numbers(rows: &Value) -> impl Iterator<Item = u64> {
    let rows = rows.as_array().into_iter().flatten();
    rows.filter_map(|row| number(row.as_object()?.values().next()?))
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

async fn policy(client: &Client, pattern: &str) -> Option<IndexPolicy> {
    let reply = get(client, &format!("/_plugins/_ism/explain/{pattern}")).await?;
    let mut is_managed = false;
    for (index, state) in reply.as_object()? {
        is_managed |= state["index.plugins.index_state_management.policy_id"].is_string();
        if state["action"]["failed"] == true || state["retry_info"]["failed"] == true {
            return Some(IndexPolicy::Failed(index.clone()));
        }
    }
    // Without an index, there is nothing to manage.
    let has_index = reply.as_object()?.values().any(Value::is_object);
    Some(if is_managed || !has_index { IndexPolicy::Managed } else { IndexPolicy::None })
}
