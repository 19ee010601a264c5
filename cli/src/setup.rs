//! `sluice setup`: tells an OpenSearch about the documents before the first one comes.

pub(crate) mod plan;

use bytes::Bytes;
use http::Method;
use local::opensearch::{Authentication, Client, ClientError, StatusCode};
use serde::Serialize;
use serde_json::Value;
use sqs_consumer::DEFAULT_INDEX;

use crate::console;
use crate::failure::Failure;
use crate::interrupt::or_interrupted;
use crate::opensearch;
use plan::Plan;

/// Put the index template into an OpenSearch.
///
/// The template tells OpenSearch how to index the documents of every index that --index names.
/// Running it again changes nothing; indices that are there already keep their mapping.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The OpenSearch: http[s]://[user:password@]host[:port]
    #[arg(long, value_name = "URL")]
    opensearch: String,
    /// The indices that the functions write to, as in INDEX
    #[arg(long, value_name = "PATTERN", default_value = DEFAULT_INDEX)]
    index: String,
    /// The fields of the documents, as in MAPPING: JSON, or @ and the path of a file
    #[arg(long, value_name = "JSON")]
    mapping: Option<String>,
    /// Delete indices this many days after they were created (Index State Management)
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retention_days: Option<u32>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice setup --opensearch http://127.0.0.1:9200
  cargo sluice setup --opensearch https://user:password@search.example --retention-days 90
  cargo sluice setup --opensearch URL --index shop-%Y.%m --mapping @mapping.json
  cargo sluice setup --opensearch https://search-music-abc123.eu-west-1.es.amazonaws.com

In user and password, write characters such as @ and / percent-encoded: %40, %2F.

Without user and password, requests to a host under .es.amazonaws.com or
.aoss.amazonaws.com are signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and,
where the credentials are temporary, AWS_SESSION_TOKEN. The AWS CLI sets them:
  eval \"$(aws configure export-credentials --format env)\"";

/// Puts the template, and reads it back.
///
/// # Errors
/// When OpenSearch is not there, does not let us, or does not hold the template afterwards.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let client = opensearch::client(&args.opensearch)?;
    let plan = Plan::new(&args.index, args.mapping.as_deref(), args.retention_days)?;
    let set_up =
        async { set_up(&client, &plan).await.map_err(|problem| explained(&client, &problem)) };
    let report = or_interrupted(set_up).await?;
    if args.json {
        let mut json = serde_json::to_vec_pretty(&report).map_err(Failure::failed)?;
        json.push(b'\n');
        return console::print(&json);
    }
    console::print(report.to_string().as_bytes())
}

async fn set_up(client: &Client, plan: &Plan) -> Result<Report, Problem> {
    let info = client.info().await?;
    let Plan { name, patterns, template, policy, .. } = plan;
    let before = client.index_template(name).await?;
    client.put_index_template(name, &template.to_string()).await?;
    let after = client.index_template(name).await?;
    if !after.as_ref().is_some_and(|after| same(after, template)) {
        return Err(Problem::NotStored);
    }
    if let Some(policy) = policy {
        put_policy(client, &plan.policy_name(), policy).await?;
    }
    Ok(Report {
        url: client.url().to_owned(),
        distribution: info.distribution,
        version: info.version,
        index_template: name.clone(),
        index_patterns: patterns.clone(),
        retention_policy: policy.is_some().then(|| plan.policy_name()),
        change: match before {
            None => Change::Created,
            Some(before) if Some(&before) == after.as_ref() => Change::Unchanged,
            Some(_) => Change::Replaced,
        },
    })
}

/// Puts a policy of Index State Management, in the place of one of that name.
async fn put_policy(client: &Client, name: &str, policy: &Value) -> Result<(), Problem> {
    let mut path = format!("/_plugins/_ism/policies/{name}");
    let before = client.send(Method::GET, &path, None).await?;
    if before.status == StatusCode::OK {
        // Only who names the version that is there may replace it.
        let before: Value = serde_json::from_slice(&before.body).unwrap_or_default();
        let [number, term] = ["_seq_no", "_primary_term"].map(|name| before[name].to_string());
        path = format!("{path}?if_seq_no={number}&if_primary_term={term}");
    }
    let body = Bytes::from(policy.to_string());
    let answer = client.send(Method::PUT, &path, Some(("application/json", body))).await?;
    if answer.status.is_success() { Ok(()) } else { Err(Problem::Policy(answer.status)) }
}

/// Whether the parts that OpenSearch gives back as they were put are the same; it writes settings
/// and defaults in a form of its own.
fn same(stored: &Value, ours: &Value) -> bool {
    ["/index_patterns", "/template/mappings"]
        .iter()
        .all(|part| stored.pointer(part).is_some() && stored.pointer(part) == ours.pointer(part))
}

/// Why OpenSearch is not set up.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the template is there, but the policy of --retention-days was refused: {0}")]
    Policy(StatusCode),
    #[error("it does not hold the index template that was just put")]
    NotStored,
}

/// What happened, and what to do. The URL is shown without user and password.
fn explained(client: &Client, problem: &Problem) -> Failure {
    let url = client.url();
    let status = match problem {
        Problem::Client(error) => error.status(),
        Problem::Policy(status) => Some(*status),
        Problem::NotStored => None,
    };
    let advice = match (problem, status, client.authentication()) {
        (_, Some(StatusCode::UNAUTHORIZED), Authentication::Basic) => {
            "The user or the password in the URL is wrong."
        }
        (_, Some(StatusCode::UNAUTHORIZED), Authentication::None) => {
            "It wants to know who asks: write the URL as http[s]://user:password@host."
        }
        (_, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), Authentication::Signed) => {
            "The credentials of AWS_ACCESS_KEY_ID may have expired (`aws sts get-caller-identity` tells), or their user or role may not do that: the access policy must allow it es:ESHttpGet and es:ESHttpPut and, with fine-grained access control, a role of the domain must give it the permissions cluster:monitor/main, indices:admin/index_template/get and indices:admin/index_template/put."
        }
        (_, Some(StatusCode::FORBIDDEN), _) => {
            "The user may not do that. Needed are the cluster permissions cluster:monitor/main, indices:admin/index_template/get and indices:admin/index_template/put; a domain of Amazon OpenSearch Service must let this user in by its access policy, too."
        }
        (Problem::Client(ClientError::Exchange(_) | ClientError::Timeout(_)), _, _) => {
            "Is it up, and are host, port and http or https right? `cargo sluice demo --keep` starts one on this machine."
        }
        (Problem::Client(ClientError::Unexpected { .. }), _, _) => "Is that an OpenSearch?",
        (Problem::Policy(_), _, _) => {
            "Policies need the plugin Index State Management, which a distribution without plugins and a collection of OpenSearch Serverless do not have: delete old indices another way."
        }
        _ => "Its log may tell more.",
    };
    Failure::failed(format!("OpenSearch at {url} is not set up: {problem}\n{advice}"))
}

/// What was done.
#[derive(Debug, Serialize)]
struct Report {
    url: String,
    distribution: String,
    version: String,
    index_template: String,
    index_patterns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_policy: Option<String>,
    change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Created,
    Replaced,
    Unchanged,
}

impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let change = match self.change {
            Change::Created => "created",
            Change::Replaced => "replaced by the one of this version",
            Change::Unchanged => "already there, unchanged",
        };
        writeln!(out, "OpenSearch:     {} {} at {}", self.distribution, self.version, self.url)?;
        writeln!(out, "Index template: {} ({change})", self.index_template)?;
        let patterns = self.index_patterns.join(",");
        writeln!(out, "Applies to:     new indices named {patterns}")?;
        if let Some(policy) = &self.retention_policy {
            writeln!(out, "Old indices:    deleted by the policy {policy}")?;
        }
        writeln!(
            out,
            "Dashboards:     create an index pattern {patterns} with the time field @timestamp"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Report, same};
    use local::opensearch::INDEX_TEMPLATE;
    use serde_json::{Value, json};

    #[test]
    fn a_template_is_the_same_whatever_the_form_of_its_settings() {
        let ours: Value = serde_json::from_str(INDEX_TEMPLATE).unwrap();
        let mut stored = ours.clone();
        stored["template"]["settings"] = json!({"index": {"number_of_shards": "1"}});
        stored["composed_of"] = json!([]);
        assert!(same(&stored, &ours));
        stored["template"]["mappings"]["dynamic"] = json!(true);
        assert!(!same(&stored, &ours));
        assert!(!same(&json!({}), &json!({})));
    }

    #[test]
    fn says_what_was_done() {
        let report = Report {
            url: "http://127.0.0.1:9200".to_owned(),
            distribution: "opensearch".to_owned(),
            version: "2.19.3".to_owned(),
            index_template: "music-events".to_owned(),
            index_patterns: vec!["music-events-*".to_owned()],
            retention_policy: Some("music-events-retention".to_owned()),
            change: Change::Created,
        };
        assert_eq!(
            report.to_string(),
            "\
OpenSearch:     opensearch 2.19.3 at http://127.0.0.1:9200
Index template: music-events (created)
Applies to:     new indices named music-events-*
Old indices:    deleted by the policy music-events-retention
Dashboards:     create an index pattern music-events-* with the time field @timestamp
"
        );
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["change"], "created");
    }
}
