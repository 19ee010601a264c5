//! A server that answers for the services of an account.

use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::request::Asked;
use super::{Account, xml};
use crate::monitoring::{cbor, cbor_reply};
use crate::server::{Embedded, locked, read_body, response};

const REQUEST_BYTES: usize = 1 << 20;

/// The running endpoint. Dropping it closes its port.
pub type AccountServer = Embedded<State>;

/// The account, and the changes that were requested.
#[derive(Debug)]
pub struct State(Mutex<Contents>);

#[derive(Debug)]
struct Contents {
    account: Account,
    changes: Vec<String>,
}

impl AccountServer {
    /// Opens the endpoint.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(account: Account) -> io::Result<Self> {
        let state = State(Mutex::new(Contents { account, changes: Vec::new() }));
        Self::open(|_| state, async |state, request| Ok(answer(&state, request).await)).await
    }

    /// The requests that change something, in order, with their subjects: `StopInstances i-1 i-2`.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        locked(&self.state.0).changes.clone()
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = read_body(body, REQUEST_BYTES).await else {
        return response(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "");
    };
    let Some(asked) = Asked::new(&head, &body) else {
        return response(StatusCode::FORBIDDEN, "text/plain", "not signed");
    };
    let mut contents = locked(&state.0);
    contents.changes.extend(asked.change());
    contents.account.respond(&asked, &body)
}

impl Account {
    fn respond(&mut self, asked: &Asked, body: &[u8]) -> Response<Full<Bytes>> {
        let Asked { service, operation, .. } = asked;
        let in_xml = |body: String| response(StatusCode::OK, "text/xml", body);
        let in_json =
            |body: &Value| response(StatusCode::OK, "application/x-amz-json-1.1", body.to_string());
        match &**service {
            "ec2" | "rds" => match self.answer(&asked.form, Timestamp::now()) {
                Some(answer) => {
                    let status = StatusCode::from_u16(answer.status).unwrap_or_default();
                    response(status, "text/xml", answer.body)
                }
                None => in_xml(xml::ec2(operation, &self.members(asked))),
            },
            "elasticloadbalancing" if operation == "DescribeTags" => {
                in_xml(xml::query(operation, &self.tags(asked)))
            }
            "elasticloadbalancing" => in_xml(xml::query(operation, &self.members(asked))),
            "monitoring" => match cbor::decode(body) {
                Ok(asked) => cbor_reply(self.metric_data(&asked)),
                Err(_) => response(StatusCode::BAD_REQUEST, "text/plain", "not CBOR"),
            },
            "ce" => in_json(&self.costs.answer(operation, &asked.json).unwrap_or_default()),
            "s3" => self.s3(asked),
            _ => in_json(&self.members(asked)),
        }
    }

    /// The fixed answer to an operation.
    fn members(&self, Asked { operation, place, .. }: &Asked) -> Value {
        let special = self.answers.get(&format!("{operation} {place}"));
        let answer = special.or_else(|| self.answers.get(operation));
        answer.cloned().unwrap_or_else(|| json!({}))
    }

    /// The tags of load balancers, including load balancers without tags.
    fn tags(&self, asked: &Asked) -> Value {
        let described = asked.form.list("ResourceArns.member").into_iter().map(|arn| {
            let tags = self.answers.get(&format!("DescribeTags {arn}"));
            json!({"ResourceArn": arn, "Tags": tags.unwrap_or(&json!([]))})
        });
        json!({"TagDescriptions": described.collect::<Vec<_>>()})
    }

    fn s3(&self, asked: &Asked) -> Response<Full<Bytes>> {
        let members = self.members(asked);
        let (root, missing) = match &*asked.operation {
            "ListBuckets" => ("ListAllMyBucketsResult", ""),
            "GetBucketLifecycleConfiguration" => {
                ("LifecycleConfiguration", "NoSuchLifecycleConfiguration")
            }
            "GetBucketTagging" => ("Tagging", "NoSuchTagSet"),
            "ListMultipartUploads" => ("ListMultipartUploadsResult", ""),
            _ => ("ListBucketResult", ""),
        };
        if members == json!({}) && !missing.is_empty() {
            let error = xml::document("Error", &json!({"Code": missing, "Message": "none"}));
            return response(StatusCode::NOT_FOUND, "application/xml", error);
        }
        response(StatusCode::OK, "application/xml", xml::document(root, &members))
    }

    /// The latest value of each metric, if there is one.
    fn metric_data(&self, asked: &Value) -> Vec<u8> {
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let queries = items(&asked["MetricDataQueries"]);
        let value = |query: &Value| {
            let metric = &query["MetricStat"]["Metric"];
            let dimensions = items(&metric["Dimensions"]);
            let mut names: Vec<_> = dimensions.iter().map(|one| one["Value"].as_str()).collect();
            names.insert(1.min(names.len()), metric["MetricName"].as_str());
            let names: Vec<_> = names.into_iter().flatten().collect();
            self.metrics.get(&names.join(" ")).copied()
        };
        let results: Vec<_> = queries
            .iter()
            .map(|query| (query["Id"].as_str().unwrap_or_default(), value(query)))
            .collect();
        let day_before = asked["EndTime"].as_f64().unwrap_or_default() - 86_400.0;
        cbor::metric_data(&results, day_before)
    }
}
