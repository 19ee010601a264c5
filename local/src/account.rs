//! A small account: EC2 instances, and RDS databases and clusters, with the properties on which
//! `parking` decides; its costs; and fixed answers of other AWS services.
//!
//! It has no clock: [`Account::answer`] answers one request at a given time. As in AWS, a request
//! only begins a change of a machine, and [`Account::settle`] completes it. An [`AccountServer`]
//! answers over HTTP and never completes changes.
//!
//! Sources: the API references of Amazon EC2 and Amazon RDS; the texts of `StateTransitionReason`,
//! `StateReason` and of events: "Troubleshoot instance stop issues", Amazon EC2 User Guide, and
//! "Amazon RDS event categories and event messages", Amazon RDS User Guide.

mod costs;
mod database;
mod instance;
mod request;
mod server;
pub mod xml;

use std::collections::BTreeMap;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use costs::Costs;
pub use database::{Database, DatabaseKind};
pub use instance::Instance;
pub use request::s3_operation;
pub use server::AccountServer;
use xml::element;

/// The tags of a machine.
pub type Tags = BTreeMap<String, String>;

/// The machines of an account, in one region.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Account {
    /// Instances of EC2.
    pub instances: Vec<Instance>,
    /// Databases and clusters of RDS.
    pub databases: Vec<Database>,
    /// The answers of Cost Explorer.
    pub costs: Costs,
    /// The latest values of CloudWatch metrics. The key is the first dimension, the metric and the
    /// other dimensions: `nat-1 BytesOutToSource`, `lake BucketSizeBytes StandardStorage`.
    pub metrics: BTreeMap<String, f64>,
    /// The answers to other operations, by operation and subject (`ListObjectsV2 lake`,
    /// `GetCommandInvocation i-1`) or by operation alone; the former take precedence. The values
    /// are the members of the answer; an answer that is missing has none.
    pub answers: Map<String, Value>,
    /// Number of items on a page of a list; 0 means all.
    pub page_size: usize,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// XML.
    pub body: String,
}

/// The error of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    code: String,
}

impl Refusal {
    pub(crate) fn new(code: &str) -> Self {
        Self { status: 400, code: code.to_owned() }
    }
}

/// The parameters of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Parses the body of a request.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body).replace('+', " ");
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    /// The value of a parameter; empty if it is missing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The values of a list, such as `InstanceId.1` and `InstanceId.2`.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&str> {
        let numbered = (1..).map(|number| self.get(&format!("{name}.{number}")));
        numbered.take_while(|value| !value.is_empty()).collect()
    }

    /// All values except those of the parameters that every request has.
    fn values(&self) -> Vec<&str> {
        let own = self.0.iter().filter(|(name, _)| !["Action", "Version"].contains(&&***name));
        own.map(|(_, value)| &**value).collect()
    }
}

impl Account {
    /// Answers a request; `None` if the account has no such operation.
    pub fn answer(&mut self, form: &Form, now: Timestamp) -> Option<Answer> {
        let action = form.get("Action");
        let (is_ec2, result) = match action {
            "DescribeInstances" => (true, Ok(self.describe_instances(form))),
            "StartInstances" | "StopInstances" => (true, self.change_instances(form, now)),
            "DescribeDBInstances" => {
                (false, Ok(self.describe_databases(form, DatabaseKind::Instance)))
            }
            "DescribeDBClusters" => {
                (false, Ok(self.describe_databases(form, DatabaseKind::Cluster)))
            }
            "DescribeEvents" => (false, Ok(self.describe_events(form, now))),
            "StartDBInstance" | "StopDBInstance" => {
                (false, self.change_database(form, DatabaseKind::Instance))
            }
            "StartDBCluster" | "StopDBCluster" => {
                (false, self.change_database(form, DatabaseKind::Cluster))
            }
            _ => return None,
        };
        Some(match (result, is_ec2) {
            (Ok(result), true) => Answer { status: 200, body: response(action, &result) },
            (Ok(result), false) => {
                let result = element(&format!("{action}Result"), &result);
                Answer { status: 200, body: response(action, &result) }
            }
            (Err(Refusal { status, code }), is_ec2) => {
                let parts = element("Code", &code) + &element("Message", "refused");
                let error = element("Error", &parts);
                let body = if is_ec2 {
                    element("Response", &element("Errors", &error))
                } else {
                    element("ErrorResponse", &error)
                };
                Answer { status, body }
            }
        })
    }

    /// Completes the changes that machines are going through, and starts what RDS starts after it
    /// was stopped for seven days.
    pub fn settle(&mut self, now: Timestamp) {
        for instance in &mut self.instances {
            instance.settle();
        }
        for database in &mut self.databases {
            database.settle(now);
        }
    }

    /// The items of the page that starts at the token, and the token of the next page.
    fn page<T>(&self, items: Vec<T>, token: &str) -> (Vec<T>, Option<String>) {
        let size = if self.page_size == 0 { usize::MAX } else { self.page_size };
        let start: usize = token.parse().unwrap_or_default();
        let next = start.saturating_add(size);
        let token = (next < items.len()).then(|| next.to_string());
        (items.into_iter().skip(start).take(size).collect(), token)
    }
}

fn response(action: &str, content: &str) -> String {
    element(&format!("{action}Response"), content)
}
