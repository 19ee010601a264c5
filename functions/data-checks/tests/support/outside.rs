//! A scripted endpoint for all services that the function calls.

use std::collections::{BTreeMap, VecDeque};

use local::monitoring::cbor::decode;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    Call, Endpoint, Reply, assert_bigquery, assert_bigquery_query, google_credentials, is_publish,
};

pub(crate) const GOOGLE_SECRET_ARN: &str =
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:google-AbCdEf";

/// The URL of this endpoint in definitions.
pub(crate) const HERE: &str = "http://here";

/// Number of parameters in a page of Systems Manager.
const PAGE: usize = 10;

/// The answer of an end.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// Rows in the form of the service, or the whole answer of OpenSearch.
    Is(Value),
    /// An error with this code or, for a statement of Redshift that failed, this message.
    Fails(String),
    /// `Fails` this number of times, then an answer.
    AfterFailures(usize, String, Value),
    /// No answer, or a statement that never ends.
    Hangs,
}

/// The data of the services.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Outside {
    /// The definitions of checks in Systems Manager, by parameter name.
    pub(crate) parameters: BTreeMap<String, Value>,
    /// The answers of ends, by statement or index.
    pub(crate) ends: BTreeMap<String, Answer>,
    /// The values of `CheckFailures` of each check, by their age in minutes.
    pub(crate) memory: BTreeMap<String, BTreeMap<u32, f64>>,
    /// The error of CloudWatch; `hangs` means no answer.
    pub(crate) memory_fails: Option<String>,
    /// The page of Systems Manager that fails, counted from 0.
    pub(crate) failing_page: Option<usize>,
    /// Whether that page has no answer.
    pub(crate) parameters_hang: bool,
    /// The time of the schedule, in seconds since 1970.
    #[serde(skip)]
    pub(crate) now: f64,
}

/// The services while they run.
struct Services {
    outside: Outside,
    /// The statements that Redshift received.
    statements: Vec<String>,
    /// How often each end failed.
    failures: BTreeMap<String, usize>,
    sns: VecDeque<Reply>,
}

impl Outside {
    /// Starts the services; SNS first sends these replies.
    pub(crate) async fn start(self, sns: Vec<Reply>) -> Endpoint {
        let (statements, failures) = (Vec::new(), BTreeMap::new());
        let mut services = Services { outside: self, statements, failures, sns: sns.into() };
        Endpoint::start(move |call| services.reply(call)).await
    }
}

impl Services {
    fn reply(&mut self, call: &Call) -> Reply {
        let url = || format!("http://{}", call.headers["host"].to_str().unwrap());
        match &*call.operation {
            "GetParametersByPath" => return self.parameters(&call.json(), &url()),
            "GetMetricData" => return self.memory(&decode(&call.body).unwrap()),
            "GetSecretValue" => {
                let secret = json!({"Name": "google", "SecretString": google_credentials(&url())});
                return Reply::json(200, &secret);
            }
            "" => {}
            operation => return self.redshift(operation, &call.json()),
        }
        match &*call.path {
            _ if is_publish(call) => self.sns.pop_front().unwrap_or_else(Reply::published),
            "/token" => Reply::json(200, &json!({"access_token": "hush", "expires_in": 3600})),
            "/Execute" => self.rds(&call.json()),
            path if path.starts_with("/bigquery/") => self.bigquery(path, call),
            path => self.search(path),
        }
    }

    /// The answer of an end, after its failures.
    fn end(&mut self, name: &str) -> Answer {
        let answer = self.outside.ends.get(name).unwrap_or_else(|| panic!("{name}"));
        match answer {
            Answer::AfterFailures(count, code, rows) => {
                let failed = self.failures.entry(name.to_owned()).or_default();
                *failed += 1;
                if *failed > *count {
                    Answer::Is(rows.clone())
                } else {
                    Answer::Fails(code.clone())
                }
            }
            answer => answer.clone(),
        }
    }

    fn parameters(&self, asked: &Value, url: &str) -> Reply {
        assert_eq!((&asked["WithDecryption"], &asked["Recursive"]), (&json!(true), &json!(true)));
        let path = format!("{}/", asked["Path"].as_str().unwrap());
        let page: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        if self.outside.failing_page == Some(page) {
            if self.outside.parameters_hang {
                return Reply::Never;
            }
            return Reply::aws_error(400, "AccessDeniedException");
        }
        let all = self.outside.parameters.iter().filter(|(name, _)| name.starts_with(&path));
        let parameter = |(name, definition): (&String, &Value)| {
            let text = definition.as_str().map_or_else(|| definition.to_string(), str::to_owned);
            json!({"Name": name, "Type": "String", "Value": text.replace(HERE, url)})
        };
        let parameters: Vec<_> = all.clone().skip(page * PAGE).take(PAGE).map(parameter).collect();
        let mut answer = json!({ "Parameters": parameters });
        if all.count() > (page + 1) * PAGE {
            answer["NextToken"] = json!((page + 1).to_string());
        }
        Reply::json(200, &answer)
    }

    fn memory(&self, asked: &Value) -> Reply {
        if let Some(code) = &self.outside.memory_fails {
            if code == "hangs" {
                return Reply::Never;
            }
            let message = "no: password=hush";
            return Reply::cbor(400, &json!({"__type": code, "message": message}));
        }
        let [start, end] = ["StartTime", "EndTime"].map(|name| asked[name].as_f64().unwrap());
        let result = |query: &Value| {
            let asked = &query["MetricStat"];
            let metric = &asked["Metric"];
            assert_eq!(metric["MetricName"], "CheckFailures");
            assert_eq!(metric["Dimensions"][0]["Name"], "Check");
            assert_eq!(asked["Stat"], "Maximum");
            let name = metric["Dimensions"][0]["Value"].as_str().unwrap();
            let values = self.outside.memory.get(name).into_iter().flatten();
            let values = values
                .map(|(minutes, value)| (self.outside.now - f64::from(*minutes) * 60.0, *value));
            // The newest first, which is the default of CloudWatch.
            let (times, values): (Vec<_>, Vec<_>) =
                values.filter(|(at, _)| (start..end).contains(at)).unzip();
            json!({
                "Id": query["Id"], "Label": name, "StatusCode": "Complete",
                "Timestamps": times, "Values": values,
            })
        };
        let queries = asked["MetricDataQueries"].as_array().unwrap();
        let results: Vec<_> = queries.iter().map(result).collect();
        Reply::cbor(200, &json!({ "MetricDataResults": results }))
    }

    fn redshift(&mut self, operation: &str, asked: &Value) -> Reply {
        if operation == "ExecuteStatement" {
            self.statements.push(asked["Sql"].as_str().unwrap().to_owned());
            return Reply::json(200, &json!({"Id": (self.statements.len() - 1).to_string()}));
        }
        let id = asked["Id"].as_str().unwrap();
        let sql = self.statements[id.parse::<usize>().unwrap()].clone();
        let body = match (operation, self.end(&sql)) {
            ("DescribeStatement", Answer::Fails(error)) => {
                json!({"Id": id, "Status": "FAILED", "Error": error})
            }
            ("DescribeStatement", Answer::Hangs) => json!({"Id": id, "Status": "STARTED"}),
            ("DescribeStatement", _) => json!({"Id": id, "Status": "FINISHED"}),
            ("GetStatementResult", Answer::Is(records)) => json!({"Records": records}),
            ("CancelStatement", _) => json!({"Status": true}),
            other => panic!("{other:?}"),
        };
        Reply::json(200, &body)
    }

    fn rds(&mut self, asked: &Value) -> Reply {
        match self.end(asked["sql"].as_str().unwrap()) {
            Answer::Is(records) => Reply::json(200, &json!({"records": records})),
            Answer::Fails(code) => {
                let error = Reply::json(400, &json!({"message": "no"}));
                error.with_header("x-amzn-errortype", &code)
            }
            _ => Reply::Never,
        }
    }

    fn bigquery(&mut self, path: &str, call: &Call) -> Reply {
        assert_eq!(call.headers["authorization"], "Bearer hush");
        if path.ends_with("/cancel") {
            assert_bigquery_query("jobs.cancel", &call.query);
            return Reply::json(200, &json!({}));
        }
        let job = json!({"projectId": "music", "jobId": "job_1", "location": "EU"});
        let running = json!({"jobReference": job, "jobComplete": false});
        // A request for the results of a job does not contain its statement: there is at most one
        // job.
        let is_question = call.method == "GET";
        let (sql, schema) = if is_question {
            assert_bigquery_query("jobs.getQueryResults", &call.query);
            ("goes on".to_owned(), "GetQueryResultsResponse")
        } else {
            assert_bigquery("QueryRequest", &call.json());
            (text(&call.json(), "query"), "QueryResponse")
        };
        assert_bigquery(schema, &running);
        match self.end(&sql) {
            Answer::Is(rows) if rows == "goes on" => Reply::json(200, &running),
            Answer::Is(rows) => {
                let cells = |row: &Value| {
                    let values = row.as_array().unwrap().iter();
                    json!({"f": values.map(|value| json!({"v": value})).collect::<Vec<_>>()})
                };
                let rows: Vec<_> = rows.as_array().unwrap().iter().map(cells).collect();
                let answer = json!({"jobReference": job, "jobComplete": true, "rows": rows});
                assert_bigquery(schema, &answer);
                Reply::json(200, &answer)
            }
            Answer::Fails(reason) => {
                let errors = json!([{ "reason": reason, "message": "no" }]);
                let error = json!({"code": 403, "message": "no", "errors": errors});
                Reply::json(403, &json!({ "error": error }))
            }
            _ => Reply::json(200, &running),
        }
    }

    fn search(&mut self, path: &str) -> Reply {
        let index = path.strip_suffix("/_search").unwrap().trim_start_matches('/');
        match self.end(index) {
            Answer::Is(answer) => Reply::json(200, &answer),
            Answer::Fails(kind) => {
                let error = json!({"type": kind, "reason": "no"});
                Reply::json(404, &json!({"error": error, "status": 404}))
            }
            _ => Reply::Never,
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}
