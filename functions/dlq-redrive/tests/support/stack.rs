//! Queues, and the real binary that redrives messages between them.

use std::ops::Deref;
use std::time::Duration;

use local::runtime_api::{Function, InvokeError, LogStream};
use local::sqs::embedded::Embedded;
use local::sqs::{Choice, Sqs};
use serde_json::Value;
use testkit::{Binary, Queues};

use crate::BINARY;

/// An SQS with its queues, and the function.
pub(crate) struct Stack<S = Embedded> {
    pub(crate) sqs: S,
    queues: Queues,
    pub(crate) function: Function,
}

impl<S> Deref for Stack<S> {
    type Target = Queues;

    fn deref(&self) -> &Queues {
        &self.queues
    }
}

impl Stack {
    /// Standard queues, and the function with a timeout of a minute.
    pub(crate) async fn new(variables: &[(&str, &str)]) -> Self {
        Self::with("", variables, Duration::from_mins(1)).await
    }

    /// Queues whose names end with `suffix`.
    pub(crate) async fn with(suffix: &str, variables: &[(&str, &str)], timeout: Duration) -> Self {
        let sqs = Embedded::start().await.unwrap();
        let mut attributes = vec![("MessageRetentionPeriod", "1209600")];
        attributes.extend((!suffix.is_empty()).then_some(("FifoQueue", "true")));
        let queues = Queues::create(sqs.url(), suffix, &attributes).await;
        Self::around(sqs, queues, variables, timeout).await
    }
}

impl Stack<Sqs> {
    /// Standard queues in ElasticMQ, if it is available.
    pub(crate) async fn real() -> Self {
        let sqs = Sqs::start(Choice::Auto, |line| println!("{line}")).await.unwrap();
        let queues = Queues::create(sqs.url(), "", &[]).await;
        Self::around(sqs, queues, &[], Duration::from_mins(1)).await
    }
}

impl<S> Stack<S> {
    async fn around(sqs: S, queues: Queues, variables: &[(&str, &str)], timeout: Duration) -> Self {
        let own = [
            ("AWS_ENDPOINT_URL_SQS", queues.client.url()),
            ("DLQ_URL", &queues.dlq),
            ("PARKING_QUEUE_URL", &queues.parking),
        ];
        let variables = [&own, variables].concat();
        let function = Binary::with_timeout(BINARY, &variables, timeout).await.function;
        Self { sqs, queues, function }
    }

    /// Invokes the function.
    pub(crate) async fn invoke(&self, payload: &Value) -> Result<Value, InvokeError> {
        let answer = self.function.invoke(payload.to_string()).await?;
        Ok(serde_json::from_slice(&answer.body).unwrap())
    }

    /// The last line of standard output.
    pub(crate) fn metrics(&self) -> Value {
        let logs = self.function.logs();
        let line = logs.iter().rfind(|line| line.stream == LogStream::Stdout).unwrap();
        serde_json::from_str(&line.text).unwrap()
    }
}
