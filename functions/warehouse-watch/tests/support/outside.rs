//! A scripted endpoint for the Data API of Redshift, BigQuery, CloudWatch, Secrets Manager and SNS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use local::monitoring::cbor::decode;
use percent_encoding::percent_decode;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    Call, Endpoint, Reply, assert_bigquery, assert_bigquery_query, google_credentials, is_publish,
};

pub(crate) const GOOGLE_SECRET_ARN: &str =
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:google-AbCdEf";

/// The outcome of a statement.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// Rows of plain values, the first one on its own page.
    Rows(Vec<Vec<Value>>),
    /// It ends as FAILED, with this message.
    Fails(String),
    /// It never ends.
    Hangs,
}

/// A page of jobs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Page {
    Jobs(Vec<Value>),
    /// Jobs, and locations that are missing.
    Without(Vec<Value>, Vec<String>),
    /// Any answer with status 200.
    Is(Value),
    /// It is rejected with this reason.
    Fails(String),
}

/// The data of the services.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Outside {
    /// The outcomes of statements, by the names in their comments; others have no rows.
    pub(crate) statements: BTreeMap<String, Answer>,
    /// The jobs of projects; others have none.
    pub(crate) projects: BTreeMap<String, Vec<Page>>,
    /// `LockWaitSeconds`, by its age in minutes.
    pub(crate) last_waits: BTreeMap<u32, f64>,
    /// The error of CloudWatch.
    pub(crate) cloudwatch_fails: Option<String>,
    /// SNS rejects notices of this thread.
    pub(crate) refused_thread: Option<String>,
    /// The end of the window, in seconds since 1970.
    #[serde(skip)]
    pub(crate) now: f64,
}

/// The services while they run.
#[derive(Clone)]
pub(crate) struct Services {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    outside: Outside,
    /// The names of the statements that were sent; their indexes are their ids.
    sent: Vec<String>,
}

impl Services {
    pub(crate) async fn start() -> (Self, Endpoint) {
        let services = Self { state: Arc::default() };
        let state = Arc::clone(&services.state);
        let endpoint = Endpoint::start(move |call| state.lock().unwrap().reply(call)).await;
        (services, endpoint)
    }

    pub(crate) fn set(&self, outside: Outside) {
        self.state.lock().unwrap().outside = outside;
    }
}

impl State {
    fn reply(&mut self, call: &Call) -> Reply {
        let url = || format!("http://{}", call.headers["host"].to_str().unwrap());
        match &*call.operation {
            "GetMetricData" => return self.outside.metric(&decode(&call.body).unwrap()),
            "GetSecretValue" => {
                assert_eq!(call.json()["SecretId"], GOOGLE_SECRET_ARN);
                let secret = json!({"Name": "google", "SecretString": google_credentials(&url())});
                return Reply::json(200, &secret);
            }
            "" => {}
            operation => return self.redshift(operation, &call.json()),
        }
        match &*call.path {
            _ if is_publish(call) => {
                let body = percent_decode(&call.body).decode_utf8_lossy().into_owned();
                match &self.outside.refused_thread {
                    Some(thread) if body.contains(&format!("\\\"{thread}\\\"")) => {
                        Reply::query_error(403, "AuthorizationError")
                    }
                    _ => Reply::published(),
                }
            }
            "/token" => Reply::json(200, &json!({"access_token": "hush", "expires_in": 3600})),
            path => self.outside.jobs(path, call),
        }
    }

    fn redshift(&mut self, operation: &str, asked: &Value) -> Reply {
        if operation == "ExecuteStatement" {
            let sql = asked["Sql"].as_str().unwrap();
            let name = sql.strip_prefix("/* sluice:").unwrap().split_once(" */").unwrap().0;
            self.sent.push(name.to_owned());
            return Reply::json(200, &json!({"Id": (self.sent.len() - 1).to_string()}));
        }
        let id = asked["Id"].as_str().unwrap();
        let name = &self.sent[id.parse::<usize>().unwrap()];
        let answer = self.outside.statements.get(name).cloned();
        let body = match (operation, answer.unwrap_or_else(|| Answer::Rows(Vec::new()))) {
            ("DescribeStatement", Answer::Rows(_)) => json!({"Id": id, "Status": "FINISHED"}),
            ("DescribeStatement", Answer::Fails(error)) => {
                json!({"Id": id, "Status": "FAILED", "Error": error})
            }
            ("DescribeStatement", Answer::Hangs) => json!({"Id": id, "Status": "STARTED"}),
            ("GetStatementResult", Answer::Rows(rows)) => page(&rows, &asked["NextToken"]),
            ("CancelStatement", Answer::Hangs) => json!({"Status": true}),
            other => panic!("{other:?}"),
        };
        Reply::json(200, &body)
    }
}

/// The first row, and then the others.
fn page(rows: &[Vec<Value>], token: &Value) -> Value {
    let (first, others) = rows.split_at(rows.len().min(1));
    let is_first = token.is_null();
    let rows = if is_first { first } else { others };
    let field = |value: &Value| match value {
        Value::Null => json!({"isNull": true}),
        Value::Bool(is) => json!({"booleanValue": is}),
        Value::Number(number) => json!({"longValue": number}),
        text => json!({"stringValue": text}),
    };
    let records: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(field).collect()).collect();
    let mut page = json!({"Records": records, "ColumnMetadata": []});
    if is_first && !others.is_empty() {
        page["NextToken"] = json!("others");
    }
    page
}

impl Outside {
    fn metric(&self, asked: &Value) -> Reply {
        if let Some(code) = &self.cloudwatch_fails {
            return Reply::cbor(400, &json!({"__type": code, "message": "no"}))
                .with_header("x-amzn-errortype", code);
        }
        let query = &asked["MetricDataQueries"][0]["MetricStat"];
        assert_eq!(query["Metric"]["MetricName"], "LockWaitSeconds");
        let dimensions = json!([{"Name": "Warehouse", "Value": "music"}]);
        assert_eq!(
            (&query["Metric"]["Dimensions"], &query["Stat"]),
            (&dimensions, &json!("Maximum"))
        );
        let [start, end] = ["StartTime", "EndTime"].map(|name| asked[name].as_f64().unwrap());
        let values = self.last_waits.iter();
        let values = values.map(|(minutes, value)| (self.now - f64::from(*minutes) * 60.0, *value));
        let (times, values): (Vec<_>, Vec<_>) =
            values.filter(|(at, _)| (start..end).contains(at)).unzip();
        let result = json!({
            "Id": "m0", "StatusCode": "Complete", "Timestamps": times, "Values": values,
        });
        Reply::cbor(200, &json!({"MetricDataResults": [result]}))
    }

    fn jobs(&self, path: &str, call: &Call) -> Reply {
        assert_eq!(
            (call.method.as_str(), &call.headers["authorization"]),
            ("GET", &"Bearer hush".parse().unwrap())
        );
        let project = path.strip_prefix("/bigquery/v2/projects/").unwrap();
        let project = project.strip_suffix("/jobs").unwrap();
        assert_bigquery_query("jobs.list", &call.query);
        let none = vec![Page::Jobs(Vec::new())];
        let pages = self.projects.get(project).unwrap_or(&none);
        let number = parameter(call, "pageToken").map_or(0, |token| token.parse().unwrap());
        let (jobs, unreachable) = match &pages[number] {
            Page::Jobs(jobs) => (jobs, Vec::new()),
            Page::Is(answer) => return Reply::json(200, answer),
            Page::Without(jobs, locations) => (jobs, locations.clone()),
            Page::Fails(reason) => {
                let error = json!({"message": "no", "errors": [{ "reason": reason }]});
                return Reply::json(403, &json!({ "error": error }));
            }
        };
        let mut page = json!({"kind": "bigquery#jobList", "jobs": jobs});
        if !unreachable.is_empty() {
            page["unreachable"] = json!(unreachable);
        }
        if number + 1 < pages.len() {
            page["nextPageToken"] = json!((number + 1).to_string());
        }
        assert_bigquery("JobList", &page);
        Reply::json(200, &page)
    }
}

/// A parameter of a call's query.
pub(crate) fn parameter(call: &Call, name: &str) -> Option<String> {
    let pairs = call.query.split('&').filter_map(|pair| pair.split_once('='));
    let decoded = |text: &str| percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned();
    pairs.into_iter().find(|(own, _)| *own == name).map(|(_, value)| decoded(value))
}
