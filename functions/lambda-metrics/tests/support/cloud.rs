//! A scripted Lambda, tagging service and CloudWatch at one endpoint, with pages and failures.
//!
//! Source: the API references of AWS Lambda, Resource Groups Tagging API and Amazon CloudWatch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use local::monitoring::cbor::decode;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

/// The services, at one endpoint.
pub(crate) struct Cloud {
    pub(crate) endpoint: Endpoint,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    account: Account,
    data: Data,
    failing: Vec<Failing>,
    /// The end of the first requested window, from which minutes are counted, even in the next
    /// minute.
    base: Option<f64>,
}

/// The state of Lambda.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Account {
    /// The functions by name.
    pub(crate) functions: BTreeMap<String, Function>,
    /// Number of additional functions, `idle-000` and so on, that are not called.
    pub(crate) idle_functions: usize,
    /// Number of functions on a page of `ListFunctions`; 0 means all.
    pub(crate) functions_per_page: usize,
    /// `ConcurrentExecutions` and `UnreservedConcurrentExecutions`.
    pub(crate) limits: (u32, u32),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Function {
    pub(crate) timeout_seconds: u32,
    #[serde(default)]
    pub(crate) reserved: Option<u32>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// The data of CloudWatch, and how it is returned.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Data {
    /// The values by function and metric, then by minutes from the end of the first requested
    /// window: -1 is the latest period. The function without a name is the account; `plays:live` is
    /// an alias.
    pub(crate) values: BTreeMap<String, BTreeMap<String, BTreeMap<i64, f64>>>,
    /// Number of series on a page; 0 means all.
    pub(crate) series_per_page: usize,
    /// Statuses other than `Complete`, by `Errors of plays`.
    pub(crate) statuses: BTreeMap<String, String>,
    /// Results that are omitted.
    pub(crate) missing: Vec<String>,
    /// Whether a series and a time that were not requested are also returned.
    pub(crate) tells_too_much: bool,
    /// A message about the whole operation.
    pub(crate) message: Option<String>,
}

/// Calls that fail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Failing {
    pub(crate) operation: String,
    /// Only calls that contain this text.
    #[serde(default)]
    pub(crate) containing: String,
    pub(crate) status: u16,
    pub(crate) code: String,
    /// Number of calls; `None` means all.
    #[serde(default)]
    pub(crate) times: Option<usize>,
    /// The body of the response, instead of an error.
    #[serde(default)]
    pub(crate) body: Option<String>,
}

impl Failing {
    /// Makes all calls of an operation fail.
    pub(crate) fn always(operation: &str, status: u16, code: &str) -> Self {
        let (operation, code) = (operation.to_owned(), code.to_owned());
        Self { operation, containing: String::new(), status, code, times: None, body: None }
    }
}

impl Cloud {
    pub(crate) async fn of(account: Account) -> Self {
        let state = Arc::new(Mutex::new(State { account, ..State::default() }));
        let shared = Arc::clone(&state);
        let endpoint = Endpoint::start(move |call| shared.lock().unwrap().reply(call)).await;
        Self { endpoint, state }
    }

    /// Replaces data and failures.
    pub(crate) fn set(&self, data: Data, failing: Vec<Failing>) {
        let mut state = self.state.lock().unwrap();
        (state.data, state.failing) = (data, failing);
    }

    /// The time from which minutes are counted, in seconds since 1970.
    pub(crate) fn base(&self) -> f64 {
        self.state.lock().unwrap().base.unwrap()
    }

    /// Number of calls of each operation since the last time.
    pub(crate) fn take_counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.endpoint.take_calls() {
            *counts.entry(operation(&call)).or_default() += 1;
        }
        counts
    }
}

/// The operation of a call, such as `ListFunctions`.
fn operation(call: &Call) -> String {
    let operation = match &*call.operation {
        "" => match call.path.trim_end_matches('/') {
            "/2015-03-31/functions" => "ListFunctions",
            "/2016-08-19/account-settings" => "GetAccountSettings",
            path if path.ends_with("/concurrency") => "GetFunctionConcurrency",
            other => panic!("no operation: {other}"),
        },
        other => other,
    };
    operation.to_owned()
}

impl State {
    fn reply(&mut self, call: &Call) -> Reply {
        let operation = operation(call);
        // The request.
        let asked = match &*operation {
            "GetMetricData" | "ListMetrics" => decode(&call.body).unwrap(),
            "GetResources" => {
                let target = "ResourceGroupsTaggingAPI_20170126.GetResources";
                assert_eq!(call.headers["x-amz-target"], target);
                call.json()
            }
            _ => json!({"path": call.path, "query": call.query}),
        };
        let is_cbor = ["GetMetricData", "ListMetrics"].contains(&&*operation);
        assert!(!is_cbor || call.headers["smithy-protocol"] == "rpc-v2-cbor");
        let reply = if is_cbor { Reply::cbor } else { Reply::json };
        if let Some(Failing { status, code, body, .. }) = self.failure(&operation, &asked) {
            return match body {
                Some(body) => Reply::cbor_bytes(status, body),
                None => reply(status, &json!({"__type": code, "message": "as the test wants it"}))
                    .with_header("x-amzn-errortype", &code),
            };
        }
        let body = match &*operation {
            "ListFunctions" => self.account.page(&call.query),
            "GetAccountSettings" => {
                let (total, unreserved) = self.account.limits;
                json!({"AccountLimit": {
                    "ConcurrentExecutions": total, "UnreservedConcurrentExecutions": unreserved,
                }})
            }
            "GetFunctionConcurrency" => {
                let name = call.path.split('/').nth(3).unwrap();
                let function = self.account.functions.get(name);
                match function.and_then(|function| function.reserved) {
                    Some(reserved) => json!({"ReservedConcurrentExecutions": reserved}),
                    None => json!({}),
                }
            }
            "GetResources" => self.account.tagged(&asked),
            "ListMetrics" => self.data.listed(&asked),
            "GetMetricData" => {
                let end = asked["EndTime"].as_f64().unwrap();
                let base = *self.base.get_or_insert(end);
                self.data.page(&asked, base)
            }
            other => panic!("{other}"),
        };
        reply(200, &body)
    }

    fn failure(&mut self, operation: &str, asked: &Value) -> Option<Failing> {
        let asked = asked.to_string();
        let failing = self.failing.iter_mut().find(|failing| {
            failing.operation == operation
                && asked.contains(&failing.containing)
                && failing.times != Some(0)
        })?;
        failing.times = failing.times.map(|times| times - 1);
        Some(failing.clone())
    }
}

impl Account {
    fn page(&self, query: &str) -> Value {
        let idle = (0..self.idle_functions).map(|number| (format!("idle-{number:03}"), 3));
        let own = self.functions.iter().map(|(name, own)| (name.clone(), own.timeout_seconds));
        let all: Vec<_> = own.chain(idle).collect();
        let marker = query.split('&').find_map(|pair| pair.strip_prefix("Marker="));
        let (start, per_page) = (number(marker), or_all(self.functions_per_page));
        let page: Vec<_> = all
            .iter()
            .skip(start)
            .take(per_page)
            .map(|(name, timeout)| {
                json!({"FunctionName": name, "Timeout": timeout, "MemorySize": 256})
            })
            .collect();
        let end = start + page.len();
        let next = (end < all.len()).then(|| end.to_string());
        json!({"Functions": page, "NextMarker": next})
    }

    fn tagged(&self, asked: &Value) -> Value {
        assert_eq!(asked["ResourceTypeFilters"], json!(["lambda:function"]));
        let filter = &asked["TagFilters"][0];
        let (key, value) = (filter["Key"].as_str().unwrap(), filter["Values"][0].as_str());
        let has = |function: &Function| function.tags.get(key).map(String::as_str) == value;
        let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}");
        let all: Vec<_> = self
            .functions
            .iter()
            .filter(|(_, function)| has(function))
            .map(|(name, _)| json!({"ResourceARN": arn(name)}))
            .collect();
        // One per page; the last page has an empty token.
        let start = number(asked["PaginationToken"].as_str());
        let next = if start + 1 < all.len() { (start + 1).to_string() } else { String::new() };
        let page: Vec<_> = all.into_iter().skip(start).take(1).collect();
        json!({"ResourceTagMappingList": page, "PaginationToken": next})
    }
}

impl Data {
    /// The metrics with this name, with function and alias: one per page.
    fn listed(&self, asked: &Value) -> Value {
        assert_eq!(asked["Namespace"], "AWS/Lambda");
        let metric = asked["MetricName"].as_str().unwrap();
        let dimension = |name: &str, value: &str| json!({"Name": name, "Value": value});
        let all: Vec<_> = self
            .values
            .iter()
            .filter(|(_, metrics)| metrics.contains_key(metric))
            .map(|(name, _)| {
                let function = dimension("FunctionName", name.split(':').next().unwrap());
                let resource = name.contains(':').then(|| dimension("Resource", name));
                let dimensions: Vec<_> = [function].into_iter().chain(resource).collect();
                json!({"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions})
            })
            .collect();
        let start = number(asked["NextToken"].as_str());
        let mut page = json!({"Metrics": all.iter().skip(start).take(1).collect::<Vec<_>>()});
        if start + 1 < all.len() {
            page["NextToken"] = json!((start + 1).to_string());
        }
        page
    }

    fn page(&self, asked: &Value, base: f64) -> Value {
        let queries = asked["MetricDataQueries"].as_array().unwrap();
        assert!((1..=500).contains(&queries.len()), "{} queries", queries.len());
        let start = number(asked["NextToken"].as_str());
        let page = queries.iter().skip(start).take(or_all(self.series_per_page));
        let mut series: Vec<_> =
            page.clone().filter_map(|query| self.series(asked, query, base)).collect();
        if self.tells_too_much {
            series.push(json!({
                "Id": "nobody", "StatusCode": "Complete", "Timestamps": [0], "Values": [1],
            }));
        }
        let end = start + page.count();
        let messages = self.message.iter().map(|text| json!({"Code": "Info", "Value": text}));
        let mut page =
            json!({"MetricDataResults": series, "Messages": messages.collect::<Vec<_>>()});
        if end < queries.len() {
            page["NextToken"] = json!(end.to_string());
        }
        page
    }

    fn series(&self, asked: &Value, query: &Value, base: f64) -> Option<Value> {
        let asked_for = &query["MetricStat"];
        assert_eq!(
            (&asked_for["Metric"]["Namespace"], &asked_for["Period"]),
            (&json!("AWS/Lambda"), &json!(60))
        );
        let metric = asked_for["Metric"]["MetricName"].as_str().unwrap();
        // The alias, if any, otherwise the function.
        let dimensions = asked_for["Metric"]["Dimensions"].as_array();
        let last = dimensions.and_then(|dimensions| dimensions.last());
        let function = last.map_or("", |dimension| dimension["Value"].as_str().unwrap());
        let name = format!("{metric} of {function}");
        if self.missing.contains(&name) {
            return None;
        }
        let (start, end) =
            (asked["StartTime"].as_f64().unwrap(), asked["EndTime"].as_f64().unwrap());
        let values = self.values.get(function).and_then(|metrics| metrics.get(metric));
        #[expect(clippy::cast_precision_loss, reason = "minutes of a test")]
        let mut points: Vec<_> = values
            .into_iter()
            .flatten()
            .map(|(&minutes, &value)| (base + (minutes * 60) as f64, value))
            .filter(|(time, _)| (start..end).contains(time))
            .collect();
        // Latest first, which is the default of CloudWatch.
        points.reverse();
        if self.tells_too_much {
            points.push((end, 99.0));
            points.push((start - 60.0, 99.0));
        }
        let (times, values): (Vec<_>, Vec<_>) = points.into_iter().unzip();
        let status = self.statuses.get(&name).map_or("Complete", String::as_str);
        Some(json!({
            "Id": query["Id"], "Label": name, "StatusCode": status, "Timestamps": times,
            "Values": values,
        }))
    }
}

fn number(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.parse().unwrap_or(0))
}

fn or_all(per_page: usize) -> usize {
    if per_page == 0 { usize::MAX } else { per_page }
}
