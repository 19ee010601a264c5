//! Answers in XML.
//!
//! Sources: "AWS Query protocol" and "Amazon EC2 Query protocol", Smithy; Amazon S3 API reference.

use serde_json::Value;

/// The lists in the answers: AWS writes an empty one as an empty element.
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

/// An element that contains XML.
pub(super) fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// An element that contains text.
pub(super) fn text(name: &str, text: &str) -> String {
    element(name, &escaped(text))
}

/// An element that contains text, if there is one.
pub(super) fn optional(name: &str, value: Option<&str>) -> String {
    value.map(|value| text(name, value)).unwrap_or_default()
}

/// Tags, each in an element `item` with elements `key` and `value`.
pub(super) fn tags(tags: &super::Tags, [item, key, value]: [&str; 3]) -> String {
    tags.iter().map(|(name, tag)| element(item, &(text(key, name) + &text(value, tag)))).collect()
}

/// The answer to an EC2 operation: its members become elements, and the items of its lists become
/// `item` elements. A list that is missing is empty.
#[must_use]
pub fn ec2(action: &str, members: &Value) -> String {
    element(&format!("{action}Response"), &list_items(action, members))
}

/// The answer to an operation of RDS or Elastic Load Balancing.
#[must_use]
pub fn query(action: &str, members: &Value) -> String {
    let result = element(&format!("{action}Result"), &list_items(action, members));
    element(&format!("{action}Response"), &result)
}

/// A document whose lists become repeated elements, as in S3.
#[must_use]
pub fn document(root: &str, members: &Value) -> String {
    write(root, members, false)
}

fn list_items(action: &str, members: &Value) -> String {
    let list = LISTS.iter().find(|(operation, _)| *operation == action);
    let missing = list.filter(|(_, name)| members.get(name).is_none());
    let empty = missing.map(|(_, name)| element(name, "")).unwrap_or_default();
    empty + &content(members, true)
}

fn write(name: &str, value: &Value, has_items: bool) -> String {
    match value {
        Value::Array(list) if !has_items => {
            list.iter().map(|item| write(name, item, has_items)).collect()
        }
        value => element(name, &content(value, has_items)),
    }
}

fn content(value: &Value, has_items: bool) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        Value::Array(list) => list.iter().map(|item| write("item", item, has_items)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| write(name, value, has_items)).collect()
        }
        other => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
