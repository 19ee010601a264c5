//! Access to AWS with the user's own credentials.

mod account;

use std::time::Duration;

use dlq_redrive::Queue;
use http::Uri;
use shared::aws::{Aws, Service};
use shared::config::Environment;
use shared::sqs::{self, Failure as SqsFailure, SQS};
use tokio::time::timeout;

use crate::console::printable;
use crate::error::CliError;
pub(crate) use account::Account;

/// Part of the help of each command that calls AWS.
pub(crate) const HELP: &str = "\
Credentials and region are those of the AWS CLI: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN, else a profile (--profile, AWS_PROFILE) with keys, SSO, an assumed role or a
process, else the role of the container or instance. The region in a queue's URL or ARN takes
precedence over --region, AWS_REGION and that of the profile.
AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL set another endpoint, such as http://127.0.0.1:9324,
which needs neither region nor credentials, or a VPC endpoint, which needs both.";

/// Maximum time for a call and its retries. The SDK waits without end for a server that takes a request
/// and does not answer.
const CALL_TIME: Duration = Duration::from_secs(30);

/// Returns the answer to a call.
///
/// # Errors
/// The error of the call, or that no answer came in [`CALL_TIME`].
pub(crate) async fn answered<T, E>(
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, SqsFailure>
where
    SqsFailure: From<E>,
{
    let late =
        |_| SqsFailure::new("NoAnswer", format!("no answer within {} s", CALL_TIME.as_secs()));
    Ok(timeout(CALL_TIME, call).await.map_err(late)??)
}

/// Returns access to these services. The region in `queue`, the URL or ARN of a queue, takes
/// precedence over that of the account.
///
/// # Errors
/// [`CliError::Failed`] if the region or the credentials are missing, and before that those of
/// [`check_queue`].
pub(crate) async fn access(
    account: &Account,
    environment: &Environment,
    services: &[Service],
    queue: Option<&str>,
) -> Result<Aws, CliError> {
    queue.map_or(Ok(()), check_queue)?;
    let environment = account.with_region(environment);
    let mut aws = Aws::from_environment(&environment, services);
    // A server on this machine needs neither region nor credentials, but the SDK does.
    let is_elsewhere = |service| aws.endpoint(service).is_some_and(|url| !is_of_aws(url));
    let is_local = services.iter().copied().all(is_elsewhere);
    if !is_local || account.has_profile() {
        aws = Aws::from_environment(&account.sign_in(&environment).await?, services);
    }
    if let Some(region) = queue.and_then(region_of) {
        aws.region = Some(region.to_owned());
    }
    if is_local {
        let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, "local"));
        let local = Aws::from_environment(&keys.into_iter().collect(), &[]);
        aws.region.get_or_insert_with(|| "us-east-1".to_owned());
        aws.credentials = aws.credentials.or(local.credentials);
    }
    if aws.region.is_none() {
        let message = "the region is not set: set --region or AWS_REGION, or name a queue by its \
                       URL or ARN";
        return Err(CliError::failed(message));
    }
    Ok(aws)
}

/// Whether an endpoint is one of AWS, such as a VPC endpoint.
fn is_of_aws(endpoint: &str) -> bool {
    let endpoint = endpoint.parse::<Uri>().ok();
    let host = endpoint.as_ref().and_then(Uri::host).unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}

/// Returns the region in the URL or the ARN of a queue.
fn region_of(queue: &str) -> Option<&str> {
    if queue.starts_with("arn:") {
        return queue.split(':').nth(3).filter(|region| !region.is_empty());
    }
    let host = queue.strip_prefix("https://")?.split('/').next()?;
    let (region, domain) = host.strip_prefix("sqs.")?.split_once('.')?;
    matches!(domain, "amazonaws.com" | "amazonaws.com.cn").then_some(region)
}

/// Returns the queue with this URL, ARN or name. SQS looks up the URL of a name.
///
/// # Errors
/// [`CliError::Usage`] for any other text, [`CliError::Failed`] if the lookup fails.
pub(crate) async fn queue(aws: &Aws, text: &str) -> Result<Queue, CliError> {
    if let Some(queue) = addressed(text, aws.endpoint(SQS))? {
        return Ok(queue);
    }
    let found = answered(sqs::client(aws).get_queue_url().queue_name(text).send()).await;
    let found = found.map_err(|failure| {
        let reason = explained(&failure);
        CliError::failed(format_args!("failed to find the queue {text}: {reason}"))
    })?;
    let queue = found.queue_url().and_then(Queue::parse_url);
    queue.ok_or_else(|| CliError::failed(format_args!("SQS returned no URL for the queue {text}")))
}

/// Checks the URL, ARN or name of a queue without a call.
///
/// # Errors
/// [`CliError::Usage`] for any other text.
pub(crate) fn check_queue(text: &str) -> Result<(), CliError> {
    addressed(text, None).map(drop)
}

/// Returns the queue with this URL or ARN, or `None` for a name.
fn addressed(text: &str, endpoint: Option<&str>) -> Result<Option<Queue>, CliError> {
    if text.starts_with("arn:") || text.contains("://") {
        let invalid =
            || CliError::usage(format_args!("{text:?} is neither the URL nor the ARN of a queue"));
        return Queue::parse(text, endpoint).map(Some).ok_or_else(invalid);
    }
    if is_name(text) {
        return Ok(None);
    }
    Err(CliError::usage(format_args!("{text:?} is not the URL, ARN or name of a queue")))
}

/// Source: Amazon SQS API reference, `CreateQueue`.
fn is_name(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=80).contains(&text.len()) && !stem.is_empty() && stem.bytes().all(is_allowed)
}

/// Returns the error of a service with advice.
pub(crate) fn explained(failure: &SqsFailure) -> String {
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
            "\nThe credentials are invalid: check them with `aws sts get-caller-identity`."
        }
        "AccessDenied" | "AccessDeniedException" => {
            "\nRequired permissions: functions/dlq-redrive/README.md, for replay \
             functions/object-loader/README.md, and for doctor `cargo sluice doctor --help`."
        }
        "NonExistentQueue" | "QueueDoesNotExist" | "ResourceNotFoundException" => {
            "\nCheck the name, the region and the account."
        }
        "TooManyRequestsException" => "\nTry again in a minute.",
        "NoAnswer" => "\nCheck that the endpoint is correct and can be reached.",
        _ => "",
    };
    let text = match &*failure.message {
        "" => failure.code.clone(),
        _ => failure.to_string(),
    };
    format!("{}{advice}", printable(&text, 500))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: (&str, &str) = ("AWS_REGION", "us-east-1");
    const KEYS: [(&str, &str); 2] =
        [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hush")];

    async fn of(variables: &[(&str, &str)], queue: Option<&str>) -> Result<Aws, String> {
        let environment = variables.iter().copied().collect();
        let account = Account::default();
        access(&account, &environment, &[SQS], queue).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_queue_sets_the_region() {
        for (queue, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq", "eu-west-1"),
            ("arn:aws:sqs:eu-north-1:123456789012:music-dlq", "eu-north-1"),
            ("music-dlq", "us-east-1"),
        ] {
            let aws = of(&[REGION, KEYS[0], KEYS[1]], Some(queue)).await.unwrap();
            assert_eq!(aws.region.as_deref(), Some(region));
        }
    }

    #[tokio::test]
    async fn the_option_is_before_the_variable() {
        let account = Account { region: Some("eu-west-3".to_owned()), ..Account::default() };
        let environment = [REGION, KEYS[0], KEYS[1]].into_iter().collect();
        let aws = access(&account, &environment, &[SQS], Some("music-dlq")).await.unwrap();
        assert_eq!(aws.region.as_deref(), Some("eu-west-3"));
    }

    #[tokio::test]
    async fn another_endpoint_needs_no_credentials_but_uses_them() {
        let endpoint = ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9324");
        let aws = of(&[endpoint], None).await.unwrap();
        assert_eq!(aws.endpoint(SQS), Some("http://127.0.0.1:9324"));
        assert_eq!(aws.region.as_deref(), Some("us-east-1"));
        assert_eq!(aws.credentials.unwrap().access_key_id(), "local");
        let aws = of(&[endpoint, KEYS[0], KEYS[1]], None).await.unwrap();
        assert_eq!(aws.credentials.unwrap().access_key_id(), "AKIDEXAMPLE");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_ends() {
        let call = std::future::pending::<Result<(), SqsFailure>>();
        let failure = answered(call).await.unwrap_err();
        let expected = "NoAnswer: no answer within 30 s\nCheck that the endpoint is correct and can \
                        be reached.";
        assert_eq!(explained(&failure), expected);
        let denied = SqsFailure::new("AccessDenied", "no");
        assert_eq!(answered(async { Err::<(), _>(denied.clone()) }).await, Err(denied));
    }

    #[test]
    fn names_are_those_that_sqs_allows() {
        for name in ["music-dlq", "music_DLQ.fifo", "a", &"a".repeat(80)] {
            assert!(is_name(name), "{name}");
        }
        for text in ["", ".fifo", "music.dlq", "music dlq", "music/dlq", &"a".repeat(81)] {
            assert!(!is_name(text), "{text}");
        }
    }
}
