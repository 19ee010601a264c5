//! Calling AWS as the person who runs the command.

use dlq_redrive::queues::Queue;
use shared::aws::{Aws, Service};
use shared::config::Environment;
use shared::sqs::{self, SQS};

use crate::failure::Failure;

/// What is read of the environment.
const VARIABLES: [&str; 8] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_LAMBDA",
];

/// What the help of each command says about whom it calls.
pub(crate) const HELP: &str = "\
Region and credentials come from AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN; a queue's URL or ARN tells its region, too. From a profile of the AWS CLI:
  eval \"$(aws configure export-credentials --profile NAME --format env)\"
AWS_ENDPOINT_URL_SQS or AWS_ENDPOINT_URL call another endpoint, such as http://127.0.0.1:9324,
which needs neither.";

/// How to call these services. A region that `named`, the URL or ARN of a queue, tells is before
/// that of the environment.
///
/// # Errors
/// [`Failure::Failed`] with what is missing, and how to get it.
pub(crate) fn aws(
    environment: &Environment,
    services: &[Service],
    named: Option<&str>,
) -> Result<Aws, Failure> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let has_endpoint = |service: &Service| {
        get("AWS_ENDPOINT_URL").or_else(|| get(&format!("AWS_ENDPOINT_URL_{service}"))).is_some()
    };
    // A server on this machine asks for neither; the SDK wants some.
    let any = [
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ];
    let any = any.into_iter().filter(|_| services.iter().all(has_endpoint));
    let own = VARIABLES.iter().filter_map(|name| Some((*name, get(name)?)));
    let region = named.and_then(region_of).map(|region| ("AWS_REGION", region));
    let variables: Environment = any.chain(own).chain(region).collect();
    let aws = Aws::from_environment(&variables, services);
    if aws.credentials.is_none() {
        return Err(Failure::failed(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; those of a profile of the \
             AWS CLI are with\n  eval \"$(aws configure export-credentials --format env)\"",
        ));
    }
    if aws.region.is_none() {
        return Err(Failure::failed(
            "AWS_REGION is not set: set it, or name the queue by its URL or ARN",
        ));
    }
    Ok(aws)
}

/// The region in the URL or the ARN of a queue.
fn region_of(queue: &str) -> Option<&str> {
    if queue.starts_with("arn:") {
        return queue.split(':').nth(3).filter(|region| !region.is_empty());
    }
    let host = queue.strip_prefix("https://")?.split('/').next()?;
    let (region, domain) = host.strip_prefix("sqs.")?.split_once('.')?;
    matches!(domain, "amazonaws.com" | "amazonaws.com.cn").then_some(region)
}

/// The queue of a URL, an ARN or a name, of which SQS tells the URL.
///
/// # Errors
/// [`Failure::Usage`] for what is none of them, [`Failure::Failed`] where SQS has no such queue or
/// does not tell.
pub(crate) async fn queue(aws: &Aws, text: &str) -> Result<Queue, Failure> {
    if text.starts_with("arn:") || text.contains("://") {
        let none = || Failure::usage(format_args!("{text:?} is no URL and no ARN of a queue"));
        return Queue::parse(text, aws.endpoint(SQS)).ok_or_else(none);
    }
    if !is_name(text) {
        let message = format_args!("{text:?} is no URL, no ARN and no name of a queue");
        return Err(Failure::usage(message));
    }
    let found = sqs::client(aws).get_queue_url().queue_name(text).send().await;
    let found = found.map_err(|error| {
        let failure = sqs::Failure::from(error);
        Failure::failed(format_args!("the queue {text}: {}", explained(&failure)))
    })?;
    let queue = found.queue_url().and_then(Queue::parse_url);
    queue.ok_or_else(|| Failure::failed(format_args!("SQS does not tell the URL of {text}")))
}

/// Source: Amazon SQS API reference, `CreateQueue`.
fn is_name(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=80).contains(&text.len()) && !stem.is_empty() && stem.bytes().all(is_allowed)
}

/// What SQS says, and what to do about it.
pub(crate) fn explained(failure: &sqs::Failure) -> String {
    let code = failure.code.rsplit('.').next().unwrap_or_default();
    let advice = match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "\nThe credentials have expired: get new ones."
        }
        "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => {
            "\nAWS does not know these credentials: `aws sts get-caller-identity` tells."
        }
        "AccessDenied" | "AccessDeniedException" => {
            "\nThe permissions that it takes are in functions/dlq-redrive/README.md."
        }
        "NonExistentQueue" | "QueueDoesNotExist" => {
            "\nAre the region, the account and the name right?"
        }
        "NoAnswer" => "\nIs the endpoint right, and can it be reached from here?",
        _ => "",
    };
    format!("{failure}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";
    const KEYS: [(&str, &str); 2] =
        [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hush")];

    fn of(variables: &[(&str, &str)], named: Option<&str>) -> Result<Aws, String> {
        let environment = variables.iter().copied().collect();
        aws(&environment, &[SQS], named).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_region_is_the_queues_own() {
        let keys_and = |region| [&KEYS[..], &[("AWS_REGION", region)]].concat();
        let aws = of(&keys_and("us-east-1"), Some(URL)).unwrap();
        assert_eq!(aws.region.as_deref(), Some("eu-west-1"));
        let aws = of(&KEYS, Some("arn:aws:sqs:eu-north-1:123456789012:music-dlq")).unwrap();
        assert_eq!(aws.region.as_deref(), Some("eu-north-1"));
        let aws = of(&keys_and("us-east-1"), Some("music-dlq")).unwrap();
        assert_eq!(aws.region.as_deref(), Some("us-east-1"));
        assert!(of(&KEYS, Some("music-dlq")).unwrap_err().contains("AWS_REGION is not set"));
    }

    #[test]
    fn what_is_missing_is_told_with_a_remedy() {
        let error = of(&[("AWS_REGION", "eu-west-1")], None).unwrap_err();
        assert!(error.contains("aws configure export-credentials --format env"), "{error}");
        // Of the pair, one is none.
        assert!(of(&[KEYS[0], ("AWS_REGION", "eu-west-1")], None).is_err());
    }

    #[test]
    fn another_endpoint_needs_no_credentials_but_takes_them() {
        let endpoint = ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9324");
        let aws = of(&[endpoint], None).unwrap();
        assert_eq!(aws.endpoint(SQS), Some("http://127.0.0.1:9324"));
        assert_eq!(aws.region.as_deref(), Some("us-east-1"));
        assert_eq!(aws.credentials.unwrap().access_key_id(), "local");
        let own = of(&[endpoint, KEYS[0], KEYS[1]], None).unwrap();
        assert_eq!(own.credentials.unwrap().access_key_id(), "AKIDEXAMPLE");
        // AWS's own credentials are not made up because of another service's endpoint.
        let environment: Environment = [endpoint].into_iter().collect();
        assert!(super::aws(&environment, &[SQS, "LAMBDA"], None).is_err());
    }

    #[test]
    fn names_are_those_that_sqs_takes() {
        for name in ["music-dlq", "music_DLQ.fifo", "a", &"a".repeat(80)] {
            assert!(is_name(name), "{name}");
        }
        for text in ["", ".fifo", "music.dlq", "music dlq", "music/dlq", &"a".repeat(81)] {
            assert!(!is_name(text), "{text}");
        }
    }
}
