//! What SQS tells of queues.

use std::collections::HashMap;

use serde_json::Value;
use shared::aws::Aws;
use shared::sqs::{self, Failure, SQS, queue_url};

use super::facts::{Consumed, Found, Queue, RedrivePolicy, TakesFrom};

/// Reads queues and their dead-letter queues.
pub(super) struct Queues<'a> {
    aws: &'a Aws,
    client: aws_sdk_sqs::Client,
}

impl<'a> Queues<'a> {
    pub(super) fn new(aws: &'a Aws) -> Self {
        Self { aws, client: sqs::client(aws) }
    }

    /// A queue that is consumed, with its dead-letter queue.
    pub(super) async fn consumed(&self, url: &str) -> Consumed {
        let queue = self.find(url).await;
        let dead_letters = match &queue {
            Found::Queue(Queue { redrive: Some(policy), .. }) => {
                Some(self.of_arn(&policy.dead_letter_arn).await)
            }
            _ => None,
        };
        Consumed { queue, dead_letters }
    }

    /// The queue of an ARN.
    pub(super) async fn of_arn(&self, arn: &str) -> Found {
        match self.url(arn) {
            Some(url) => self.find(&url).await,
            None => Found::Missing(arn.to_owned()),
        }
    }

    /// The URL of the queue with this ARN.
    pub(super) fn url(&self, arn: &str) -> Option<String> {
        queue_url(arn, self.aws.endpoint(SQS))
    }

    /// The queue of a URL.
    pub(super) async fn find(&self, url: &str) -> Found {
        let name = name(url);
        let call = self.client.get_queue_attributes().queue_url(url).attribute_names("All".into());
        match call.send().await.map_err(Failure::from) {
            Ok(answer) => {
                let attributes = answer.attributes.unwrap_or_default();
                let attributes = attributes.into_iter();
                let attributes =
                    attributes.map(|(name, value)| (name.as_str().to_owned(), value)).collect();
                Found::Queue(queue(url, &attributes))
            }
            Err(failure) if is_missing(&failure) => Found::Missing(name),
            Err(failure) => Found::Unknown { name, why: failure.to_string() },
        }
    }
}

fn is_missing(failure: &Failure) -> bool {
    failure.code.ends_with("NonExistentQueue") || failure.code.ends_with("QueueDoesNotExist")
}

/// The last part of a queue's URL.
fn name(url: &str) -> String {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

fn queue(url: &str, attributes: &HashMap<String, String>) -> Queue {
    let text = |name: &str| attributes.get(name).map(String::as_str);
    let number = |name| text(name)?.parse().ok();
    let json = |name| serde_json::from_str::<Value>(text(name)?).ok();
    let is_encrypted = match (text("KmsMasterKeyId"), text("SqsManagedSseEnabled")) {
        (Some(key), _) if !key.is_empty() => Some(true),
        (_, managed) => managed.map(|managed| managed == "true"),
    };
    Queue {
        name: name(url),
        url: url.to_owned(),
        arn: text("QueueArn").unwrap_or_default().to_owned(),
        visibility_seconds: number("VisibilityTimeout"),
        retention_seconds: number("MessageRetentionPeriod"),
        redrive: json("RedrivePolicy").as_ref().and_then(redrive_policy),
        takes_from: json("RedriveAllowPolicy").as_ref().and_then(takes_from),
        is_encrypted,
    }
}

/// The count is a number or a text, as whoever set it wrote it.
fn redrive_policy(policy: &Value) -> Option<RedrivePolicy> {
    let count = &policy["maxReceiveCount"];
    Some(RedrivePolicy {
        dead_letter_arn: policy["deadLetterTargetArn"].as_str()?.to_owned(),
        max_receive_count: count.as_u64().or_else(|| count.as_str()?.parse().ok())?,
    })
}

fn takes_from(policy: &Value) -> Option<TakesFrom> {
    match policy["redrivePermission"].as_str()? {
        "denyAll" => Some(TakesFrom::Nobody),
        "byQueue" => {
            let arns = policy["sourceQueueArns"].as_array()?.iter();
            Some(TakesFrom::These(arns.filter_map(|arn| Some(arn.as_str()?.to_owned())).collect()))
        }
        _ => Some(TakesFrom::All),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &[(&str, &str)]) -> Queue {
        let attributes = attributes.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        queue("http://sqs/1/music", &attributes)
    }

    #[test]
    fn attributes_are_read_as_far_as_they_are_told() {
        let none = read(&[]);
        assert_eq!((none.name.as_str(), none.visibility_seconds), ("music", None));
        assert_eq!((none.redrive, none.takes_from, none.is_encrypted), (None, None, None));
        for count in ["3", "\"3\""] {
            let policy =
                format!("{{\"deadLetterTargetArn\":\"arn:dlq\",\"maxReceiveCount\":{count}}}");
            let queue = read(&[("VisibilityTimeout", "30"), ("RedrivePolicy", &policy)]);
            assert_eq!(queue.visibility_seconds, Some(30));
            let expected =
                RedrivePolicy { dead_letter_arn: "arn:dlq".to_owned(), max_receive_count: 3 };
            assert_eq!(queue.redrive, Some(expected), "{count}");
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
    fn whose_dead_letters_it_takes() {
        for (policy, expected) in [
            (r#"{"redrivePermission":"allowAll"}"#, Some(TakesFrom::All)),
            (r#"{"redrivePermission":"denyAll"}"#, Some(TakesFrom::Nobody)),
            (
                r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:a"]}"#,
                Some(TakesFrom::These(vec!["arn:a".to_owned()])),
            ),
            ("no JSON", None),
        ] {
            assert_eq!(read(&[("RedriveAllowPolicy", policy)]).takes_from, expected, "{policy}");
        }
    }
}
