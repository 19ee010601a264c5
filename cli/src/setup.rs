//! `sluice setup`: puts the index template into an OpenSearch before the first document.

pub(crate) mod plan;

use std::fmt::{self, Display, Formatter};

use bytes::Bytes;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use http::Method;
use local::opensearch::{Authentication, Client, ClientError, StatusCode};
use serde::Serialize;
use serde_json::Value;
use shared::event::DocumentForm;
use shared::text::shown;

use crate::aws::Account;
use crate::console::print_report;
use crate::error::CliError;
use crate::interrupt::or_interrupted;
use crate::opensearch;
use plan::Plan;

/// Put the index template into an OpenSearch.
///
/// The template sets how OpenSearch indexes the documents of all indices that match --index.
/// Running it again changes nothing. Existing indices keep their mapping.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The OpenSearch: http[s]://[user:password@]host[:port]
    #[arg(long, value_name = "URL")]
    opensearch: String,
    /// What the documents are, as in DOCUMENT
    #[arg(long, value_name = "FORM", default_value = "mapped", value_parser = document_form())]
    document: DocumentForm,
    /// The indices that the functions write to, as in INDEX
    ///
    /// [default: music-events-%Y.%m.%d; for passthrough events-%Y.%m.%d]
    #[arg(long, value_name = "PATTERN")]
    index: Option<String>,
    /// The fields of mapped documents, as in MAPPING: JSON, or @ and the path of a file
    #[arg(long, value_name = "JSON")]
    mapping: Option<String>,
    /// Delete indices this many days after they were created (Index State Management)
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retention_days: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    account: Account,
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice setup --opensearch http://127.0.0.1:9200
  cargo sluice setup --opensearch https://user:password@search.example --retention-days 90
  cargo sluice setup --opensearch URL --index shop-%Y.%m --mapping @mapping.json
  cargo sluice setup --opensearch URL --document passthrough --index logs-%Y.%m.%d
  cargo sluice setup --opensearch https://search-music-abc123.eu-west-1.es.amazonaws.com

Percent-encode characters such as @ and / in user and password: %40, %2F.

Without user and password, requests to a host under .es.amazonaws.com or
.aoss.amazonaws.com are signed with the credentials of the AWS CLI: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, a profile (--profile, AWS_PROFILE), or the role of
the container or instance.";

fn document_form() -> impl TypedValueParser<Value = DocumentForm> {
    let values = PossibleValuesParser::new(["mapped", "passthrough"]);
    values.try_map(|value| DocumentForm::parse(&value).ok_or("not a form of documents"))
}

/// Puts the template, and reads it back.
///
/// # Errors
/// [`CliError::Usage`] for an invalid option, [`CliError::Failed`] if OpenSearch rejects a request
/// or does not return the template afterwards.
pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = opensearch::client(&args.opensearch, &args.account).await?;
    let Args { document, index, mapping, retention_days, .. } = &args;
    let plan = Plan::new(*document, index.as_deref(), mapping.as_deref(), *retention_days)?;
    let work = async { set_up(&client, &plan).await.map_err(|error| explained(&client, &error)) };
    print_report(&or_interrupted(work).await?, args.json)
}

async fn set_up(client: &Client, plan: &Plan) -> Result<Report, SetupError> {
    let info = client.info().await?;
    let Plan { name, patterns, template, policy, .. } = plan;
    let before = client.index_template(name).await?;
    client.put_index_template(name, &template.to_string()).await?;
    let after = client.index_template(name).await?;
    if !after.as_ref().is_some_and(|after| is_equivalent(after, template)) {
        return Err(SetupError::NotStored);
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

/// Creates or replaces a policy of Index State Management.
async fn put_policy(client: &Client, name: &str, policy: &Value) -> Result<(), SetupError> {
    let mut path = format!("/_plugins/_ism/policies/{name}");
    let before = client.send(Method::GET, &path, None).await?;
    if before.status == StatusCode::OK {
        // A replacement must name the current version.
        let before: Value = serde_json::from_slice(&before.body).unwrap_or_default();
        let [number, term] = ["_seq_no", "_primary_term"].map(|name| before[name].to_string());
        path = format!("{path}?if_seq_no={number}&if_primary_term={term}");
    }
    let body = Bytes::from(policy.to_string());
    let reply = client.send(Method::PUT, &path, Some(("application/json", body))).await?;
    if reply.status.is_success() {
        return Ok(());
    }
    Err(SetupError::Policy { status: reply.status, reason: reply.error_reason() })
}

/// Whether two templates are equal in the parts that OpenSearch returns unchanged. It normalizes
/// settings and adds defaults.
fn is_equivalent(stored: &Value, ours: &Value) -> bool {
    ["/index_patterns", "/template/mappings"]
        .iter()
        .all(|part| stored.pointer(part).is_some() && stored.pointer(part) == ours.pointer(part))
}

#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the template is stored, but the policy of --retention-days was rejected: {status}")]
    Policy { status: StatusCode, reason: Option<String> },
    #[error("OpenSearch does not return the index template that was stored")]
    NotStored,
}

/// Returns the error with advice. The URL is shown without user and password.
fn explained(client: &Client, error: &SetupError) -> CliError {
    let url = client.url();
    let (status, reason) = match error {
        SetupError::Client(error) => (error.status(), error.reason()),
        SetupError::Policy { status, reason } => (Some(*status), reason.as_deref()),
        SetupError::NotStored => (None, None),
    };
    let reason = reason.map(|reason| format!(": {}", shown(reason))).unwrap_or_default();
    let advice = match (error, status, client.authentication()) {
        (_, Some(StatusCode::UNAUTHORIZED), Authentication::Basic) => {
            "The user or the password in the URL is wrong."
        }
        (_, Some(StatusCode::UNAUTHORIZED), Authentication::None) => {
            "It requires a user: write the URL as http[s]://user:password@host."
        }
        (_, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), Authentication::Signed) => {
            "Check with `aws sts get-caller-identity` that the credentials have not expired. Their user or role needs es:ESHttpGet and es:ESHttpPut in the domain's access policy and, with fine-grained access control, a role of the domain with the permissions cluster:monitor/main, indices:admin/index_template/get and indices:admin/index_template/put."
        }
        (SetupError::Policy { .. }, Some(StatusCode::FORBIDDEN), _) => {
            "The user needs the cluster permissions cluster:admin/opendistro/ism/policy/get and cluster:admin/opendistro/ism/policy/write."
        }
        (_, Some(StatusCode::FORBIDDEN), _) => {
            "The user needs the cluster permissions cluster:monitor/main, indices:admin/index_template/get and indices:admin/index_template/put. For a domain of Amazon OpenSearch Service, its access policy must allow the user too."
        }
        (SetupError::Client(ClientError::Exchange(_) | ClientError::Timeout(_)), _, _) => {
            "Check that it is running, and the host, the port and http or https. `cargo sluice demo --keep` starts one on this machine."
        }
        (SetupError::Client(ClientError::Unexpected { .. }), _, _) => {
            "Check that the URL is that of an OpenSearch."
        }
        (SetupError::Policy { .. }, _, _) => {
            "Policies need the plugin Index State Management. A distribution without plugins and OpenSearch Serverless do not have it: delete old indices another way."
        }
        _ => "See the log of OpenSearch.",
    };
    CliError::failed(format!("failed to set up OpenSearch at {url}: {error}{reason}\n{advice}"))
}

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

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            Change::Created => "created",
            Change::Replaced => "replaced by the one of this version",
            Change::Unchanged => "unchanged",
        };
        let patterns = self.index_patterns.join(",");
        writeln!(out, "OpenSearch:     {} {} at {}", self.distribution, self.version, self.url)?;
        writeln!(out, "Index template: {} ({change})", self.index_template)?;
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
    use super::{Change, Report, is_equivalent};
    use local::opensearch::INDEX_TEMPLATE;
    use serde_json::{Value, json};

    #[test]
    fn a_template_with_normalized_settings_is_equivalent() {
        let ours: Value = serde_json::from_str(INDEX_TEMPLATE).unwrap();
        let mut stored = ours.clone();
        stored["template"]["settings"] = json!({"index": {"number_of_shards": "1"}});
        stored["composed_of"] = json!([]);
        assert!(is_equivalent(&stored, &ours));
        stored["template"]["mappings"]["dynamic"] = json!(true);
        assert!(!is_equivalent(&stored, &ours));
        assert!(!is_equivalent(&json!({}), &json!({})));
    }

    #[test]
    fn the_report_as_text() {
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
    }
}
