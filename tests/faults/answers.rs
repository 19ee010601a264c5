//! The names of calls, and answers in the protocols of their services.
//!
//! A call is named like its IAM permission: `sqs:SendMessageBatch`. Calls to other services have
//! names of the same form.

use jiff::ToSpan;
use jiff::civil::Date;
use local::account::s3_operation;
use local::monitoring::cbor::decode;
use serde_json::{Value, json};
use testkit::{Call, Reply};

use crate::fault::MARKER;

/// Services outside AWS: a method, a part of the path, and the name of the call. The first match
/// counts.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("POST", "/_bulk", "opensearch:_bulk"),
    ("GET", "/_cluster/health", "opensearch:_cluster/health"),
    ("POST", "/_search", "opensearch:_search"),
    ("POST", "/api/v2/write", "tsdb:write"),
    ("POST", "/spaces/AAA/messages", "chat:messages"),
    ("POST", "/api/logs/filter", "prefect:logs/filter"),
    ("POST", "/api/flow_runs/filter", "prefect:flow_runs/filter"),
    ("GET", "/api/flow_run_states/", "prefect:flow_run_states"),
    ("GET", "/api/flow_runs/", "prefect:flow_runs"),
    ("POST", "/token", "google:token"),
    ("POST", "/cancel", "bigquery:jobs.cancel"),
    ("POST", "/queries", "bigquery:jobs.query"),
    ("GET", "/queries/", "bigquery:jobs.getQueryResults"),
    ("GET", "/jobs", "bigquery:jobs.list"),
];

/// Services whose name in signatures is not the one in IAM.
const SIGNED_AS: [(&str, &str); 2] = [("monitoring", "cloudwatch"), ("tagging", "tag")];

/// The protocol of a service.
enum Protocol {
    Json,
    Cbor,
    Query,
    Xml,
    /// JSON over HTTP, outside of AWS.
    Plain,
}

/// The service of a call: the part before the colon.
pub(crate) fn service(name: &str) -> &str {
    name.split_once(':').map_or(name, |(service, _)| service)
}

/// The operation of a call: the part after the colon.
fn operation_of(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, operation)| operation)
}

fn protocol(name: &str) -> Protocol {
    match service(name) {
        "cloudwatch" => Protocol::Cbor,
        "ec2" | "elasticloadbalancing" | "rds" | "sns" => Protocol::Query,
        "s3" => Protocol::Xml,
        "bigquery" | "chat" | "google" | "opensearch" | "prefect" | "tsdb" => Protocol::Plain,
        _ => Protocol::Json,
    }
}

/// The name of a call; method and path if it is unknown.
pub(crate) fn name(call: &Call) -> String {
    let is = |&&(method, part, _): &&(&str, &str, &str)| {
        call.method == method && call.path.contains(part)
    };
    if let Some((_, _, name)) = ELSEWHERE.iter().find(is) {
        return (*name).to_owned();
    }
    let Some(signed) = signed_for(call) else { return format!("{} {}", call.method, call.path) };
    let operation = match signed {
        "es" => "DescribeDomain".to_owned(),
        "lambda" => lambda_operation(call).to_owned(),
        "rds-data" => "ExecuteStatement".to_owned(),
        "s3" => s3_operation(&call.method, &call.path, &call.query).to_owned(),
        _ if call.operation.is_empty() => call.form().remove("Action").unwrap_or_default(),
        _ => call.operation.clone(),
    };
    let service = SIGNED_AS.iter().find(|(own, _)| *own == signed).map_or(signed, |(_, name)| name);
    format!("{service}:{operation}")
}

/// The service in the signature of a call.
fn signed_for(call: &Call) -> Option<&str> {
    call.headers.get("authorization")?.to_str().ok()?.split('/').nth(3)
}

fn lambda_operation(call: &Call) -> &'static str {
    let end = call.path.trim_end_matches('/').rsplit('/').next();
    match end.unwrap_or_default() {
        "account-settings" => "GetAccountSettings",
        "concurrency" => "GetFunctionConcurrency",
        "configuration" => "GetFunctionConfiguration",
        _ => "ListFunctions",
    }
}

/// The answer to a call: the members of its operation's output in JSON, or in XML for S3, an
/// object, a status without a body, or an error such as `403 AccessDenied`. For `GetMetricData` it
/// is the values of each metric, for `GetCostAndUsage` the costs of each day.
pub(crate) fn answer(name: &str, call: &Call, text: &str) -> Reply {
    if let Some((status, code)) = text.split_once(' ')
        && let Ok(status) = status.parse()
    {
        return error(name, status, code);
    }
    if text == "204" {
        return Reply::new(204, "text/plain", "");
    }
    let operation = operation_of(name);
    let members = || -> Value {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"))
    };
    match (protocol(name), service(name)) {
        (Protocol::Json, "ce") if operation == "GetCostAndUsage" => costs(text, &call.json()),
        (Protocol::Json | Protocol::Plain, _) => Reply::json(200, &members()),
        (Protocol::Cbor, _) if operation == "GetMetricData" => metric_data(&members(), call),
        (Protocol::Cbor, _) => Reply::cbor(200, &members()),
        (Protocol::Query, "sns") => Reply::published(),
        (Protocol::Query, "ec2") => Reply::ec2(operation, &members()),
        (Protocol::Query, _) => Reply::query(operation, &members()),
        (Protocol::Xml, _) => Reply::new(200, "application/octet-stream", text.to_owned())
            .with_header("etag", "\"1\"")
            .with_header("last-modified", "Fri, 01 Mar 2024 12:34:58 GMT"),
    }
}

/// The same costs for each day, as the total and for each machine that could use Graviton.
fn costs(amount: &str, asked: &Value) -> Reply {
    let day = |name: &str| asked["TimePeriod"][name].as_str().unwrap().parse::<Date>().unwrap();
    let end = day("End");
    let metric = asked["Metrics"][0].as_str().unwrap();
    let cost = json!({ metric: {"Amount": amount, "Unit": "USD"} });
    // The first key of each is also a service.
    let keys = [
        ["BoxUsage:m5.large", "RunInstances"],
        ["InstanceUsage:db.r5.large", "CreateDBInstance:0014"],
        ["Lambda-GB-Second", "Invoke"],
    ];
    let groups = keys.map(|keys| json!({"Keys": keys, "Metrics": cost}));
    let of_day = |day: Date| {
        json!({
            "TimePeriod": {"Start": day.to_string(), "End": day.tomorrow().unwrap().to_string()},
            "Total": cost, "Groups": groups,
        })
    };
    let days = day("Start").series(1.day()).take_while(|day| *day < end);
    Reply::json(200, &json!({"ResultsByTime": days.map(of_day).collect::<Vec<_>>()}))
}

/// The same values for each query.
fn metric_data(values: &Value, call: &Call) -> Reply {
    let asked = decode(&call.body).unwrap();
    let start = asked["StartTime"].as_f64().unwrap();
    let times: Vec<_> = values.as_array().unwrap().iter().map(|_| start).collect();
    let result = |query: &Value| {
        json!({
            "Id": query["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": values,
        })
    };
    let queries = asked["MetricDataQueries"].as_array().unwrap();
    let results: Vec<_> = queries.iter().map(result).collect();
    Reply::cbor(200, &json!({ "MetricDataResults": results }))
}

/// An error of the call's service.
pub(crate) fn error(name: &str, status: u16, code: &str) -> Reply {
    let json = json!({"__type": code, "message": "no", "detail": MARKER});
    match (protocol(name), service(name)) {
        (Protocol::Json, _) => Reply::json(status, &json).with_header("x-amzn-errortype", code),
        (Protocol::Cbor, _) => Reply::cbor(status, &json),
        (Protocol::Query, "ec2") => {
            let error = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
            let errors = format!("<Errors>{error}</Errors><RequestID>{MARKER}</RequestID>");
            Reply::new(status, "text/xml", format!("<Response>{errors}</Response>"))
        }
        (Protocol::Query, _) => Reply::query_error(status, code),
        (Protocol::Xml, _) => {
            let members = json!({"Code": code, "Message": "no", "Resource": MARKER});
            Reply::xml("Error", &members).with_status(status)
        }
        (Protocol::Plain, _) => {
            // The reason in a _bulk answer contains documents.
            let reason = if name == "opensearch:_bulk" { MARKER } else { "no" };
            let error = json!({"type": code, "status": code, "reason": reason, "message": "no"});
            Reply::json(status, &json!({"error": error, "detail": MARKER, "status": status}))
        }
    }
}

/// The status with which a service throttles.
pub(crate) fn throttling_status(name: &str) -> u16 {
    match protocol(name) {
        Protocol::Json | Protocol::Cbor => 400,
        Protocol::Query | Protocol::Xml => 503,
        Protocol::Plain => 429,
    }
}

/// An empty answer in the right format.
pub(crate) fn nothing(name: &str) -> Reply {
    match protocol(name) {
        Protocol::Json | Protocol::Plain => Reply::json(200, &json!({})),
        Protocol::Cbor => Reply::cbor(200, &json!({})),
        Protocol::Query => {
            let root = format!("{}Response", operation_of(name));
            Reply::new(200, "text/xml", format!("<{root}></{root}>"))
        }
        Protocol::Xml => Reply::new(200, "application/xml", ""),
    }
}
