//! Reads queues from SQS.

use aws_sdk_sqs::types::QueueAttributeName;
use serde::de::DeserializeOwned;
use shared::aws::Aws;
use shared::sqs::{self, Failure as SqsFailure, SQS, queue_url};

use super::facts::{ConsumedQueue, Lookup, Queue};
use crate::aws::answered;

/// Reads queues and their dead-letter queues.
pub(super) struct Queues<'a> {
    aws: &'a Aws,
    client: aws_sdk_sqs::Client,
}

impl<'a> Queues<'a> {
    pub(super) fn new(aws: &'a Aws) -> Self {
        Self { aws, client: sqs::client(aws) }
    }

    /// Reads a queue and its dead-letter queue.
    pub(super) async fn read_consumed(&self, url: &str) -> ConsumedQueue {
        let queue = self.read(url).await;
        let dead_letters = match &queue {
            Lookup::Found(Queue { redrive: Some(policy), .. }) => {
                let arn = &policy.dead_letter_target_arn;
                Some(match self.url(arn) {
                    Some(url) => self.read(&url).await,
                    None => Lookup::Missing(arn.clone()),
                })
            }
            _ => None,
        };
        ConsumedQueue { queue, dead_letters }
    }

    /// Returns the URL of the queue with this ARN.
    pub(super) fn url(&self, arn: &str) -> Option<String> {
        queue_url(arn, self.aws.endpoint(SQS))
    }

    pub(super) async fn read(&self, url: &str) -> Lookup {
        let call = self.client.get_queue_attributes().queue_url(url).attribute_names("All".into());
        match answered(call.send()).await {
            Ok(reply) => {
                let attributes = reply.attributes.unwrap_or_default();
                Lookup::Found(queue(url, |name| attributes.get(&name).map(String::as_str)))
            }
            Err(failure) if is_missing(&failure) => Lookup::Missing(name(url)),
            Err(failure) => Lookup::Unknown { name: name(url), reason: failure.to_string() },
        }
    }
}

fn is_missing(failure: &SqsFailure) -> bool {
    failure.code.ends_with("NonExistentQueue") || failure.code.ends_with("QueueDoesNotExist")
}

/// Returns the last part of a queue's URL.
fn name(url: &str) -> String {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

fn queue<'a>(url: &str, attribute: impl Fn(QueueAttributeName) -> Option<&'a str>) -> Queue {
    let number = |name| attribute(name)?.parse().ok();
    let key = attribute(QueueAttributeName::KmsMasterKeyId).filter(|key| !key.is_empty());
    let is_managed = attribute(QueueAttributeName::SqsManagedSseEnabled).map(|sse| sse == "true");
    Queue {
        name: name(url),
        url: url.to_owned(),
        arn: attribute(QueueAttributeName::QueueArn).unwrap_or_default().to_owned(),
        visibility_seconds: number(QueueAttributeName::VisibilityTimeout),
        retention_seconds: number(QueueAttributeName::MessageRetentionPeriod),
        redrive: parse(attribute(QueueAttributeName::RedrivePolicy)),
        redrive_allow: parse(attribute(QueueAttributeName::RedriveAllowPolicy)),
        is_encrypted: key.map(|_| true).or(is_managed),
        policy: parse(attribute(QueueAttributeName::Policy)).unwrap_or_default(),
    }
}

fn parse<T: DeserializeOwned>(json: Option<&str>) -> Option<T> {
    serde_json::from_str(json?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::{RedriveAllowPolicy, RedrivePolicy};

    fn read(attributes: &[(&str, &'static str)]) -> Queue {
        queue("http://sqs/1/music", |name| {
            Some(attributes.iter().find(|(own, _)| *own == name.as_str())?.1)
        })
    }

    #[test]
    fn attributes_are_optional_and_a_count_may_be_a_text() {
        let queue = read(&[]);
        assert_eq!((queue.name.as_str(), queue.visibility_seconds), ("music", None));
        assert_eq!((queue.redrive, queue.redrive_allow, queue.is_encrypted), (None, None, None));
        let arn = "arn:dlq".to_owned();
        let expected = RedrivePolicy { dead_letter_target_arn: arn, max_receive_count: 3 };
        for policy in [
            r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":3}"#,
            r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":"3"}"#,
        ] {
            let queue = read(&[("VisibilityTimeout", "30"), ("RedrivePolicy", policy)]);
            assert_eq!(queue.visibility_seconds, Some(30));
            assert_eq!(queue.redrive.as_ref(), Some(&expected), "{policy}");
        }
    }

    #[test]
    fn any_key_encrypts() {
        for (attributes, expected) in [
            (&[("SqsManagedSseEnabled", "true")][..], Some(true)),
            (&[("SqsManagedSseEnabled", "false")], Some(false)),
            (&[("SqsManagedSseEnabled", "false"), ("KmsMasterKeyId", "alias/aws/sqs")], Some(true)),
            (&[("KmsMasterKeyId", "")], None),
        ] {
            assert_eq!(read(attributes).is_encrypted, expected, "{attributes:?}");
        }
    }

    #[test]
    fn redrive_allow_policies() {
        let by_queue = RedriveAllowPolicy::ByQueue { source_queue_arns: vec!["arn:a".to_owned()] };
        for (policy, expected) in [
            (r#"{"redrivePermission":"allowAll"}"#, Some(RedriveAllowPolicy::AllowAll)),
            (r#"{"redrivePermission":"denyAll"}"#, Some(RedriveAllowPolicy::DenyAll)),
            (r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:a"]}"#, Some(by_queue)),
            ("no JSON", None),
        ] {
            assert_eq!(read(&[("RedriveAllowPolicy", policy)]).redrive_allow, expected, "{policy}");
        }
    }
}
