//! The targets of a replay.

use std::fmt::{self, Display, Formatter};

use dlq_redrive::Queue;
use dlq_redrive::sqs::AwsQueues;
use firehose_transform::reingest::Target as Stream;
use firehose_transform::source::{AwsSource, FIREHOSE, KINESIS};
use shared::aws::Aws;
use shared::config::Environment;
use shared::opensearch::{self, Auth, DEFAULT_INDEX, Place, Settings, Writing};
use shared::sqs::SQS;

use super::plan::Takes;
use super::send::Sender;
use super::source::Source;
use super::{Destination, To};
use crate::aws::{self, Account};
use crate::error::CliError;
use crate::opensearch as option;

/// The target of a replay.
#[derive(Debug)]
pub(super) enum Target {
    /// An OpenSearch, as the loader writes to it.
    OpenSearch { settings: Box<Settings>, aws: Aws, writing: Box<Writing>, index: String },
    /// The loader's queue.
    Loader(Sender),
    /// A queue or a stream of events.
    Records(Sender),
}

impl Display for Target {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenSearch { settings, index, .. } => match &settings.place {
                Place::Endpoint(url) => write!(out, "{}, index {index}", url.as_str()),
                Place::Domain(name) => write!(out, "the domain {name}, index {index}"),
            },
            Self::Loader(sender) => write!(out, "{sender}, as load requests"),
            Self::Records(sender) => sender.fmt(out),
        }
    }
}

impl Target {
    /// Reads the options, and the variables of OpenSearch.
    ///
    /// # Errors
    /// [`CliError::Usage`] for conflicting or invalid options.
    pub(super) async fn new(
        options: &Destination,
        source: &Source,
        from: (&Account, &Environment),
    ) -> Result<Self, CliError> {
        let is_stream = options.stream.is_some() || options.delivery_stream.is_some();
        let default = if is_stream { To::Stream } else { To::OpenSearch };
        let to = options.to.unwrap_or(default);
        for (option, is_set, of) in [
            ("--opensearch", options.opensearch.is_some(), &[To::OpenSearch][..]),
            ("--index", options.index.is_some(), &[To::OpenSearch]),
            ("--queue", options.queue.is_some(), &[To::Queue, To::Loader]),
            ("--stream or --delivery-stream", is_stream, &[To::Stream]),
        ] {
            let is_for = of.contains(&to);
            if is_set && !is_for {
                return Err(CliError::usage(format_args!("{option} is not for this --to")));
            }
            let is_required = is_for && to != To::OpenSearch;
            if is_required && !is_set {
                return Err(CliError::usage(format_args!("this --to needs {option}")));
            }
        }
        match to {
            To::OpenSearch => Self::opensearch(options, from).await,
            To::Loader if matches!(source, Source::Files(_)) => {
                Err(CliError::usage("--to loader: the loader reads S3 only, not files"))
            }
            To::Loader => Ok(Self::Loader(queue(options, from).await?)),
            To::Queue => Ok(Self::Records(queue(options, from).await?)),
            To::Stream => Ok(Self::Records(stream(options, from).await?)),
        }
    }

    async fn opensearch(
        options: &Destination,
        (account, environment): (&Account, &Environment),
    ) -> Result<Self, CliError> {
        let mut environment = environment.clone();
        if let Some(url) = &options.opensearch {
            for (name, value) in option::client(url, account).await?.variables() {
                environment = environment.with(name, value);
            }
        }
        if let Some(index) = &options.index {
            environment = environment.with("INDEX", index);
        }
        let settings = Settings::from_environment(&environment);
        let settings = Box::new(settings.map_err(|error| match &*error.value {
            "" => CliError::usage("set --opensearch URL, or OPENSEARCH_ENDPOINT"),
            _ => CliError::usage(error),
        })?);
        let writing = Box::new(Writing::from_environment(&environment).map_err(CliError::usage)?);
        let needs_aws = matches!(settings.place, Place::Domain(_))
            || matches!(settings.auth, Auth::SigV4(_) | Auth::Secret(_));
        if needs_aws && options.opensearch.is_none() {
            environment = account.sign_in(&environment).await?;
        }
        let aws = Aws::from_environment(&environment, opensearch::SERVICES);
        let index = environment.get("INDEX").unwrap_or(DEFAULT_INDEX).to_owned();
        Ok(Self::OpenSearch { settings, aws, writing, index })
    }

    /// The inputs that the target accepts.
    pub(super) const fn takes(&self) -> Takes {
        match self {
            Self::OpenSearch { .. } => Takes::Documents,
            Self::Loader(_) => Takes::Requests,
            Self::Records(_) => Takes::Events,
        }
    }

    /// Whether only failures are replayed there.
    pub(super) const fn only_failures(&self) -> bool {
        matches!(self, Self::Records(_))
    }
}

async fn queue(
    options: &Destination,
    (account, environment): (&Account, &Environment),
) -> Result<Sender, CliError> {
    let text = options.queue.as_deref().unwrap_or_default();
    let aws = aws::access(account, environment, &[SQS], Some(text)).await?;
    let queue: Queue = aws::queue(&aws, text).await?;
    if queue.is_fifo() {
        return Err(CliError::usage("--queue: a FIFO queue wants a group for each message"));
    }
    Ok(Sender::Queue(AwsQueues::new(aws), queue.url))
}

async fn stream(
    options: &Destination,
    (account, environment): (&Account, &Environment),
) -> Result<Sender, CliError> {
    let (service, stream) = match (&options.stream, &options.delivery_stream) {
        (Some(name), _) => (KINESIS, Stream::KinesisStream(name.clone())),
        (None, name) => (FIREHOSE, Stream::DeliveryStream(name.clone().unwrap_or_default())),
    };
    let aws = aws::access(account, environment, &[service], None).await?;
    Ok(Sender::Stream(AwsSource::new(aws), stream))
}
