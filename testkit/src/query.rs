//! Services that speak the Query protocol, as scripts answer for them: forms in, XML out.

use std::collections::BTreeMap;
use std::fmt::Write;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{Call, Reply};

/// The lists in the answers of operations: AWS writes an empty one as an element.
const LISTS: [(&str, &str); 11] = [
    ("DescribeAddresses", "addressesSet"),
    ("DescribeDBInstances", "DBInstances"),
    ("DescribeImageReferences", "imageReferenceSet"),
    ("DescribeImages", "imagesSet"),
    ("DescribeInstances", "reservationSet"),
    ("DescribeLoadBalancers", "LoadBalancers"),
    ("DescribeNatGateways", "natGatewaySet"),
    ("DescribeSnapshots", "snapshotSet"),
    ("DescribeTargetGroups", "TargetGroups"),
    ("DescribeTargetHealth", "TargetHealthDescriptions"),
    ("DescribeVolumes", "volumeSet"),
];

impl Call {
    /// The parameters of a form, such as `Action`; none where the body is no form.
    #[must_use]
    pub fn form(&self) -> BTreeMap<String, String> {
        let body = std::str::from_utf8(&self.body).unwrap_or_default().replace('+', " ");
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
    }

    /// Region and service in the signature, such as `eu-west-1` and `ec2`.
    #[must_use]
    pub fn scope(&self) -> (String, String) {
        let signature = self.headers["authorization"].to_str().unwrap();
        let parts: Vec<_> = signature.split('/').collect();
        (parts[2].to_owned(), parts[3].to_owned())
    }
}

impl Reply {
    /// The answer to an operation of EC2: its members are elements, and the items of its lists
    /// elements `item`. A list that is not among them is empty.
    #[must_use]
    pub fn ec2(action: &str, members: &Value) -> Self {
        let body = list_items(action, members);
        Self::new(200, "text/xml", format!("<{action}Response>{body}</{action}Response>"))
    }

    /// The answer to an operation of RDS or Elastic Load Balancing.
    #[must_use]
    pub fn query(action: &str, members: &Value) -> Self {
        let result = format!("<{action}Result>{}</{action}Result>", list_items(action, members));
        Self::new(200, "text/xml", format!("<{action}Response>{result}</{action}Response>"))
    }

    /// An answer in XML whose lists are repeated elements, such as those of S3.
    #[must_use]
    pub fn xml(root: &str, members: &Value) -> Self {
        let mut body = String::new();
        write(&mut body, root, members, false);
        Self::new(200, "application/xml", body)
    }
}

fn list_items(action: &str, members: &Value) -> String {
    let mut body = String::new();
    let list = LISTS.iter().find(|(operation, _)| *operation == action);
    if let Some((_, name)) = list.filter(|(_, name)| members.get(name).is_none()) {
        write(&mut body, name, &Value::Null, true);
    }
    for (name, value) in members.as_object().unwrap() {
        write(&mut body, name, value, true);
    }
    body
}

fn write(out: &mut String, name: &str, value: &Value, has_items: bool) {
    if let (Value::Array(list), false) = (value, has_items) {
        for item in list {
            write(out, name, item, has_items);
        }
        return;
    }
    write!(out, "<{name}>").unwrap();
    match value {
        Value::Null => {}
        Value::String(text) => {
            out.push_str(&text.replace('&', "&amp;").replace('<', "&lt;"));
        }
        Value::Array(list) => {
            for item in list {
                write(out, "item", item, has_items);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                write(out, name, value, has_items);
            }
        }
        other => write!(out, "{other}").unwrap(),
    }
    write!(out, "</{name}>").unwrap();
}
