//! Calls services without their SDKs: four that use the Query protocol, and EventBridge. Each is
//! called for a few small replies, and its SDK would take minutes to build.
//!
//! Source: AWS Query protocol, in the API references of CloudFormation, SNS, IAM and EC2.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use roxmltree::{Document, Node};
use serde_json::{Map, Value};
use shared::aws::{Aws, Connections, Service, Signer};
use shared::sqs::Failure as SqsFailure;
use tokio::time::{sleep, timeout};

/// Characters that are not encoded in a form.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Maximum time for one attempt.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits before the attempts after the first.
const WAITS: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

/// A service and how it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    /// Its name in `AWS_ENDPOINT_URL_…`.
    pub(super) service: Service,
    /// Its name in a signature and in its host.
    name: &'static str,
    protocol: Protocol,
    /// Whether it has one endpoint for all regions.
    is_global: bool,
}

#[derive(Clone, Copy, Debug)]
enum Protocol {
    /// The version of the API.
    Query(&'static str),
    /// The beginning of `X-Amz-Target`.
    Json(&'static str),
}

pub(super) const CLOUDFORMATION: Api = query("CLOUDFORMATION", "cloudformation", "2010-05-15");
pub(super) const SNS: Api = query("SNS", "sns", "2010-03-31");
pub(super) const EC2: Api = query("EC2", "ec2", "2016-11-15");
pub(super) const IAM: Api = Api { is_global: true, ..query("IAM", "iam", "2010-05-08") };
pub(super) const EVENTS: Api =
    Api { protocol: Protocol::Json("AWSEvents"), ..query("EVENTBRIDGE", "events", "") };

const fn query(service: Service, name: &'static str, version: &'static str) -> Api {
    Api { service, name, protocol: Protocol::Query(version), is_global: false }
}

impl Api {
    /// Returns the URL and the region of signatures.
    fn place(&self, aws: &Aws) -> (String, String) {
        let region = aws.region.as_deref().unwrap_or("us-east-1");
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let (host, signed) = match (self.is_global, region.split('-').next()) {
            (false, _) => (format!("{}.{region}.{suffix}", self.name), region),
            (true, Some("cn")) => (format!("{}.cn-north-1.{suffix}", self.name), "cn-north-1"),
            (true, _) if region.starts_with("us-gov-") => {
                (format!("{}.us-gov.{suffix}", self.name), "us-gov-west-1")
            }
            (true, _) => (format!("{}.{suffix}", self.name), "us-east-1"),
        };
        let url = aws.endpoint(self.service).map_or(format!("https://{host}"), str::to_owned);
        (format!("{}/", url.trim_end_matches('/')), signed.to_owned())
    }
}

/// Calls these services.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    aws: &'a Aws,
    connections: Connections,
}

impl<'a> Caller<'a> {
    pub(super) fn new(aws: &'a Aws) -> Self {
        Self { aws, connections: Connections::default() }
    }

    /// Calls an operation and returns its result. In an XML reply, an element with elements
    /// `member`, `item` or `entry` is a list, one with other elements an object, and any other a
    /// text.
    ///
    /// # Errors
    /// The code and the message of the service.
    pub(super) async fn call(
        &self,
        api: Api,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, SqsFailure> {
        let mut waits = WAITS.into_iter();
        loop {
            let result = self.attempt(api, action, parameters).await;
            match (result, waits.next()) {
                (Err(failure), Some(wait)) if is_temporary(&failure.code) => {
                    drop(failure);
                    sleep(wait).await;
                }
                (result, _) => return result,
            }
        }
    }

    /// Calls an operation that returns lists in pages.
    ///
    /// # Errors
    /// Those of [`call`](Self::call).
    pub(super) async fn pages(
        &self,
        api: Api,
        action: &str,
        parameters: &[(&str, &str)],
        list: &str,
    ) -> Result<Vec<Value>, SqsFailure> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut parameters = parameters.to_vec();
            parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
            let reply = self.call(api, action, &parameters).await?;
            found.extend(items(&reply[list]).iter().cloned());
            token = reply["NextToken"].as_str().filter(|next| !next.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn attempt(
        &self,
        api: Api,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, SqsFailure> {
        let failed = |error: &dyn std::fmt::Display| SqsFailure::new("NoAnswer", error.to_string());
        let (url, region) = api.place(self.aws);
        let mut request = Request::post(url);
        let body = match api.protocol {
            Protocol::Query(version) => {
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                form(action, version, parameters)
            }
            Protocol::Json(target) => {
                request = request.header(CONTENT_TYPE, "application/x-amz-json-1.1");
                request = request.header("x-amz-target", format!("{target}.{action}"));
                let members = parameters.iter();
                let members = members.map(|(name, value)| ((*name).to_owned(), (*value).into()));
                Value::Object(members.collect()).to_string()
            }
        };
        let mut request = request.body(Bytes::from(body)).map_err(|error| failed(&error))?;
        if let Some(credentials) = self.aws.credentials.clone() {
            let signer = Signer { service: api.name, region, credentials };
            signer.sign(&mut request, SystemTime::now()).map_err(|error| failed(&error))?;
        }
        let exchange = timeout(LIMIT, self.connections.exchange(request)).await;
        let answer = exchange.map_err(|_| failed(&"no answer within 20 s"))?;
        let answer = answer.map_err(|error| failed(&error))?;
        let text = String::from_utf8_lossy(&answer.body);
        let reply = match api.protocol {
            Protocol::Query(_) => from_xml(&text, action),
            Protocol::Json(_) => serde_json::from_str(&text).ok(),
        };
        match reply {
            Some(reply) if answer.status < 300 => Ok(reply),
            Some(error) => Err(failure(&error, answer.status)),
            None => Err(SqsFailure::new(format!("Status{}", answer.status), "no reply of AWS")),
        }
    }
}

fn is_temporary(code: &str) -> bool {
    code.contains("Throttl") || code == "RequestLimitExceeded" || code.starts_with("Status5")
}

fn form(action: &str, version: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = format!("Action={action}&Version={version}");
    for (name, value) in parameters {
        // A write to a string never fails.
        let _written = write!(form, "&{name}={}", utf8_percent_encode(value, UNRESERVED));
    }
    form
}

/// Returns the code and the message of an error, wherever they are.
fn failure(error: &Value, status: u16) -> SqsFailure {
    let error = [&error["Error"], &error["Errors"]["Error"], error];
    let get = |names: [&str; 3]| {
        let values = error.iter().flat_map(|error| names.map(|name| error[name].as_str()));
        values.flatten().next().map(str::to_owned)
    };
    let code = get(["Code", "__type", "code"]).unwrap_or_else(|| format!("Status{status}"));
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = get(["Message", "message", "msg"]);
    SqsFailure::new(code, message.unwrap_or_else(|| format!("status {status}")))
}

/// Returns the result in a reply: the element `…Result`, or for EC2 the whole reply.
fn from_xml(text: &str, action: &str) -> Option<Value> {
    let document = Document::parse(text).ok()?;
    let root = document.root_element();
    let is_result = |node: &Node<'_, '_>| node.tag_name().name() == format!("{action}Result");
    Some(value(root.children().find(is_result).unwrap_or(root)))
}

fn value(node: Node<'_, '_>) -> Value {
    let elements = || node.children().filter(Node::is_element);
    let is_item =
        |node: Node<'_, '_>| matches!(node.tag_name().name(), "member" | "item" | "entry");
    if elements().next().is_none() {
        return node.text().unwrap_or_default().into();
    }
    if elements().all(is_item) {
        return elements().map(value).collect();
    }
    let members = elements().map(|node| (node.tag_name().name().to_owned(), value(node)));
    Value::Object(members.collect::<Map<_, _>>())
}

/// Returns the items of a list. An empty XML list is a text.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the text of a member; empty if it is missing.
pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// Returns the members of a list of objects, each with a key and a value.
pub(super) fn pairs(list: &Value, key: &str, value: &str) -> Vec<(String, String)> {
    items(list).iter().map(|item| (text(item, key), text(item, value))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replies_of_xml() {
        let reply = "<R xmlns=\"http://a/\"><ListResult><Names><member>a</member><member>b &lt;\
                     </member></Names><Empty/><One><Name>x</Name></One></ListResult></R>";
        let expected = json!({"Names": ["a", "b <"], "Empty": "", "One": {"Name": "x"}});
        assert_eq!(from_xml(reply, "List"), Some(expected));
        let ec2 = "<R><vpcSet><item><vpcId>v</vpcId></item></vpcSet></R>";
        assert_eq!(from_xml(ec2, "Describe"), Some(json!({"vpcSet": [{"vpcId": "v"}]})));
        assert_eq!(from_xml("<html>", "List"), None);
    }

    #[test]
    fn errors_of_all_protocols() {
        let of = |reply| failure(&reply, 400).to_string();
        let query = json!({"Error": {"Code": "AccessDenied", "Message": "no"}});
        assert_eq!(of(query), "AccessDenied: no");
        let ec2 = json!({"Errors": {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}});
        assert_eq!(of(ec2), "UnauthorizedOperation: no");
        let json = json!({"__type": "a.b#AccessDeniedException", "message": "no"});
        assert_eq!(of(json), "AccessDeniedException: no");
        assert_eq!(of(json!({})), "Status400: status 400");
    }

    #[test]
    fn each_partition_has_its_hosts() {
        let place = |api: Api, region: &str| {
            let variables = [("AWS_REGION", region)].into_iter().collect();
            api.place(&Aws::from_environment(&variables, &[]))
        };
        for (api, region, url, signed) in [
            (SNS, "eu-west-1", "https://sns.eu-west-1.amazonaws.com/", "eu-west-1"),
            (SNS, "cn-north-1", "https://sns.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
            (IAM, "eu-west-1", "https://iam.amazonaws.com/", "us-east-1"),
            (IAM, "cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
            (IAM, "us-gov-east-1", "https://iam.us-gov.amazonaws.com/", "us-gov-west-1"),
        ] {
            assert_eq!(place(api, region), (url.to_owned(), signed.to_owned()));
        }
    }

    #[test]
    fn forms_are_encoded() {
        let form = form("Simulate", "2010-05-08", &[("Arn", "a:b/*"), ("N.1", "x y")]);
        assert_eq!(form, "Action=Simulate&Version=2010-05-08&Arn=a%3Ab%2F%2A&N.1=x%20y");
    }
}
