//! Rejects answers of S3 that its SDK would read only in part: it accepts truncated XML and skips
//! unknown elements. A lifecycle is written back as a whole, so no part of it may be lost.

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput;
use aws_sdk_s3::operation::put_bucket_intelligent_tiering_configuration::PutBucketIntelligentTieringConfigurationOutput;
use aws_sdk_s3::operation::put_bucket_lifecycle_configuration::PutBucketLifecycleConfigurationOutput;
use roxmltree::{Document, Node};

/// The elements in a rule that the SDK reads (source: Amazon S3 API reference, `LifecycleRule`).
const KNOWN: [&str; 22] = [
    "AbortIncompleteMultipartUpload",
    "And",
    "Date",
    "Days",
    "DaysAfterInitiation",
    "Expiration",
    "ExpiredObjectDeleteMarker",
    "Filter",
    "ID",
    "Key",
    "NewerNoncurrentVersions",
    "NoncurrentDays",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "ObjectSizeGreaterThan",
    "ObjectSizeLessThan",
    "Prefix",
    "Status",
    "StorageClass",
    "Tag",
    "Transition",
    "Value",
];

/// Those elements that may occur several times.
const LISTS: [&str; 3] = ["NoncurrentVersionTransition", "Tag", "Transition"];

/// Checks every answer of S3.
#[derive(Debug)]
pub(crate) struct Whole;

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "Whole"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // An error has its code.
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        // The answer to a change is empty.
        if output.downcast_ref::<PutBucketLifecycleConfigurationOutput>().is_some()
            || output.downcast_ref::<PutBucketIntelligentTieringConfigurationOutput>().is_some()
        {
            return Ok(());
        }
        let lifecycle = output.downcast_ref::<GetBucketLifecycleConfigurationOutput>();
        let body = context.response().body().bytes().unwrap_or_default();
        Ok(check(body, lifecycle.map(|lifecycle| lifecycle.rules().len()))?)
    }
}

/// Checks an answer; `rules` is the number of rules that the SDK read of a lifecycle.
fn check(body: &[u8], rules: Option<usize>) -> Result<(), &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8")?;
    let document = Document::parse(text).map_err(|_| "the answer is not XML, or is cut off")?;
    let Some(rules) = rules else { return Ok(()) };
    // The SDK reads such text as empty.
    if text.contains("<![CDATA[") || document.descendants().any(|node| node.is_comment()) {
        return Err("the lifecycle has a text that is read only in part");
    }
    let elements: Vec<_> = document.root_element().children().filter(Node::is_element).collect();
    let is_known = |node: Node<'_, '_>| KNOWN.contains(&node.tag_name().name());
    let parts = elements.iter().flat_map(|rule| rule.descendants().skip(1));
    if elements.iter().any(|rule| rule.tag_name().name() != "Rule")
        || !parts.filter(Node::is_element).all(is_known)
    {
        return Err("the lifecycle has an element that this function does not know");
    }
    let names = |node: Node<'_, '_>| {
        let children = node.children().filter(Node::is_element);
        children.map(|child| child.tag_name().name().to_owned()).collect::<Vec<_>>()
    };
    let is_repeated = |node: Node<'_, '_>| {
        let mut names = names(node);
        names.retain(|name| !LISTS.contains(&&**name));
        let count = names.len();
        names.sort();
        names.dedup();
        names.len() < count
    };
    if elements.iter().flat_map(Node::descendants).any(is_repeated) {
        return Err("the lifecycle has an element twice, of which one would be lost");
    }
    let is_same = elements.len() == rules;
    is_same.then_some(()).ok_or("a rule of the lifecycle was not read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sdk_would_lose_is_refused() {
        let rule = "<Rule><ID>a</ID><Filter><And><Tag><Key>k</Key></Tag></And></Filter></Rule>";
        let new = "<Rule><ID>a</ID><Later>1</Later></Rule>";
        for (rules_in, end, read, expected) in [
            (rule, "</L>", Some(1), Ok(())),
            ("", "</L>", Some(0), Ok(())),
            (rule, "", Some(1), Err("the answer is not XML, or is cut off")),
            (rule, "", None, Err("the answer is not XML, or is cut off")),
            (rule, "</L>", Some(2), Err("a rule of the lifecycle was not read")),
            (
                new,
                "</L>",
                Some(1),
                Err("the lifecycle has an element that this function does not know"),
            ),
            (
                "<Later/>",
                "</L>",
                Some(0),
                Err("the lifecycle has an element that this function does not know"),
            ),
            (
                "<Rule><Prefix><![CDATA[a&b]]></Prefix></Rule>",
                "</L>",
                Some(1),
                Err("the lifecycle has a text that is read only in part"),
            ),
            (
                "<Rule><Prefix>a<!-- -->b</Prefix></Rule>",
                "</L>",
                Some(1),
                Err("the lifecycle has a text that is read only in part"),
            ),
            (
                "<Rule><Expiration/><Expiration/></Rule>",
                "</L>",
                Some(1),
                Err("the lifecycle has an element twice, of which one would be lost"),
            ),
            ("<Rule><Transition/><Transition/></Rule>", "</L>", Some(1), Ok(())),
            // Only a lifecycle is written back as a whole.
            (new, "</L>", None, Ok(())),
        ] {
            let body = format!("<L>{rules_in}{end}");
            assert_eq!(check(body.as_bytes(), read), expected, "{body}");
        }
        assert!(check(b"", None).is_err() && check(b"<L>\xff</L>", None).is_err());
    }
}
