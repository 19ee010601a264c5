//! What Lambda tells of a function: two calls, which are not worth an SDK.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::aws::{Aws, Connections, Service, Signer};
use tokio::time::timeout;

use super::facts::{Function, Mapping};
use crate::failure::Failure;

/// Lambda, in `AWS_ENDPOINT_URL_LAMBDA`.
pub(super) const LAMBDA: Service = "LAMBDA";

/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(20);

/// So many pages of mappings are read; each has up to a hundred.
const MAX_PAGES: usize = 10;

/// A function by its name or ARN, with a version or an alias where one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    name: String,
    qualifier: Option<String>,
}

impl Name {
    /// Reads `NAME`, `NAME:ALIAS`, or the ARN of one of these.
    ///
    /// Source: AWS Lambda API reference, `GetFunction`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let named = match text.strip_prefix("arn:") {
            Some(arn) => arn.split_once(":function:").filter(|_| arn.contains(":lambda:"))?.1,
            None => text,
        };
        let (name, qualifier) = match named.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (named, None),
        };
        let is_name = |text: &str, also: &[u8]| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
            (1..=128).contains(&text.len()) && text.bytes().all(is_allowed)
        };
        let is_one = is_name(name, b"-_") && qualifier.is_none_or(|text| is_name(text, b"-_$"));
        is_one.then(|| Self { name: name.to_owned(), qualifier: qualifier.map(str::to_owned) })
    }
}

/// Lambda in one region.
pub(super) struct Lambda {
    endpoint: String,
    signer: Signer,
}

impl Lambda {
    /// `None` without region or credentials.
    pub(super) fn new(aws: &Aws) -> Option<Self> {
        let region = aws.region.clone()?;
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let own = || format!("https://lambda.{region}.amazonaws.com{suffix}");
        let endpoint = aws.endpoint(LAMBDA).map_or_else(own, str::to_owned);
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let signer = Signer { service: "lambda", credentials: aws.credentials.clone()?, region };
        Some(Self { endpoint, signer })
    }

    /// What the function is.
    pub(super) async fn function(&self, name: &Name) -> Result<Function, Failure> {
        let Name { name, qualifier } = name;
        let qualifier = qualifier
            .as_ref()
            .map(|text| format!("?Qualifier={}", encoded(text)))
            .unwrap_or_default();
        let told: GetFunction =
            self.get(&format!("/2015-03-31/functions/{name}{qualifier}")).await?;
        let configuration = told.configuration;
        let with_reason = |state: Option<String>, reason: Option<String>| {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            state.map(|state| format!("{state}{reason}"))
        };
        Ok(Function {
            name: configuration.function_name,
            timeout_seconds: configuration.timeout,
            state: with_reason(configuration.state, configuration.state_reason),
            last_update: with_reason(
                configuration.last_update_status,
                configuration.last_update_status_reason,
            ),
            reserved_concurrency: told.concurrency.reserved_concurrent_executions,
            environment: match configuration.environment {
                None => Some(BTreeMap::new()),
                Some(environment) => environment.variables,
            },
        })
    }

    /// The function's mappings of queues.
    pub(super) async fn mappings(&self, name: &Name) -> Result<Vec<Mapping>, Failure> {
        let qualifier = name.qualifier.as_deref().map(|text| format!("%3A{}", encoded(text)));
        let path = format!(
            "/2015-03-31/event-source-mappings/?FunctionName={}{}",
            name.name,
            qualifier.unwrap_or_default()
        );
        let mut mappings = Vec::new();
        let mut marker = String::new();
        for _ in 0..MAX_PAGES {
            let page: ListEventSourceMappings = self.get(&format!("{path}{marker}")).await?;
            let of_queues = page.event_source_mappings.into_iter().filter(|mapping| {
                mapping.event_source_arn.as_ref().is_some_and(|arn| arn.contains(":sqs:"))
            });
            mappings.extend(of_queues.map(Mapping::from));
            match page.next_marker.filter(|marker| !marker.is_empty()) {
                Some(next) => marker = format!("&Marker={}", encoded(&next)),
                None => break,
            }
        }
        Ok(mappings)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let failed = |why: String| Failure::failed(format_args!("Lambda: {why}"));
        let request = Request::get(format!("{}{path}", self.endpoint)).body(Bytes::new());
        let mut request = request.map_err(|error| failed(error.to_string()))?;
        let signed = self.signer.sign(&mut request, SystemTime::now());
        signed.map_err(|error| failed(error.to_string()))?;
        let answer = timeout(LIMIT, Connections::default().exchange(request)).await;
        let answer =
            answer.map_err(|_| failed(format!("no answer within {} s", LIMIT.as_secs())))?;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if answer.status != 200 {
            return Err(failed(refused(answer.status, &answer.body)));
        }
        serde_json::from_slice(&answer.body).map_err(|_| {
            failed("what answers is not Lambda; is AWS_ENDPOINT_URL right?".to_owned())
        })
    }
}

fn refused(status: u16, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let told = body["Message"].as_str().or(body["message"].as_str()).unwrap_or("no reason given");
    let told = crate::console::printable(told, 500);
    let advice = match status {
        403 if told.contains("expired") => "\nThe credentials have expired: get new ones.",
        403 => {
            "\nThe doctor takes lambda:GetFunction, lambda:ListEventSourceMappings, \
             sqs:GetQueueAttributes and sqs:GetQueueUrl."
        }
        404 => "\nAre the name, the region and the account right?",
        429 => "\nTry it again in a minute.",
        _ => "",
    };
    format!("{told} (status {status}){advice}")
}

/// For a query: all but letters and digits as `%XX`.
fn encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

// What is read of the answers (source: AWS Lambda API reference).

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetFunction {
    configuration: Configuration,
    #[serde(default)]
    concurrency: Concurrency,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    function_name: String,
    timeout: u64,
    state: Option<String>,
    state_reason: Option<String>,
    last_update_status: Option<String>,
    last_update_status_reason: Option<String>,
    environment: Option<Variables>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Variables {
    /// Not there where they cannot be decrypted.
    variables: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Concurrency {
    reserved_concurrent_executions: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListEventSourceMappings {
    event_source_mappings: Vec<EventSourceMapping>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventSourceMapping {
    #[serde(rename = "UUID", default)]
    uuid: String,
    event_source_arn: Option<String>,
    state: Option<String>,
    function_response_types: Option<Vec<String>>,
    maximum_batching_window_in_seconds: Option<u64>,
    scaling_config: Option<ScalingConfig>,
    filter_criteria: Option<FilterCriteria>,
    last_processing_result: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    maximum_concurrency: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FilterCriteria {
    filters: Option<Vec<Value>>,
}

impl From<EventSourceMapping> for Mapping {
    fn from(told: EventSourceMapping) -> Self {
        let types = told.function_response_types.unwrap_or_default();
        let filters = told.filter_criteria.and_then(|criteria| criteria.filters);
        Self {
            id: told.uuid,
            queue_arn: told.event_source_arn.unwrap_or_default(),
            state: told.state.unwrap_or_default(),
            reports_failures: types.iter().any(|name| name == "ReportBatchItemFailures"),
            window_seconds: told.maximum_batching_window_in_seconds.unwrap_or_default(),
            max_concurrency: told.scaling_config.and_then(|config| config.maximum_concurrency),
            has_filter: filters.is_some_and(|filters| !filters.is_empty()),
            last_result: told.last_processing_result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_name_alias_or_arn() {
        let name = |name: &str, qualifier: Option<&str>| {
            Some(Name { name: name.to_owned(), qualifier: qualifier.map(str::to_owned) })
        };
        assert_eq!(Name::parse("sluice-dev_1"), name("sluice-dev_1", None));
        assert_eq!(Name::parse("consumer:$LATEST"), name("consumer", Some("$LATEST")));
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:consumer";
        assert_eq!(Name::parse(arn), name("consumer", None));
        assert_eq!(Name::parse(&format!("{arn}:live")), name("consumer", Some("live")));
        for text in ["", "a b", "../x", "a/b", "a:", ":a", "arn:aws:sqs:eu-west-1:1:music", "a?b"] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(encoded("a-B_1$=/+ é"), "a-B_1%24%3D%2F%2B%20%C3%A9");
    }
}
