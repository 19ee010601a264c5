use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Function, InvokeError};

/// What a service of AWS invokes: a Lambda function, or a test's script.
pub trait Invoke: Send + Sync + 'static {
    /// Hands over an event and gives back the answer, both JSON.
    fn invoke(&self, payload: Bytes) -> impl Future<Output = Result<Bytes, InvokeError>> + Send;
}

impl Invoke for Function {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        Ok(Function::invoke(self, payload).await?.body)
    }
}

type Invocation = Pin<Box<dyn Future<Output = Result<Bytes, InvokeError>> + Send>>;

/// An [`Invoke`] of any type; clones are the same.
#[derive(Clone)]
pub(crate) struct Invoker(Arc<dyn Fn(Bytes) -> Invocation + Send + Sync>);

impl Invoker {
    pub(crate) fn new(invoke: impl Invoke) -> Self {
        let invoke = Arc::new(invoke);
        Self(Arc::new(move |payload| {
            let invoke = Arc::clone(&invoke);
            Box::pin(async move { invoke.invoke(payload).await })
        }))
    }

    /// Invokes it. Its panic is a failed invocation, not a service that hangs.
    pub(crate) async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let mut task = JoinSet::new();
        task.spawn((self.0)(payload));
        match task.join_next().await {
            Some(Ok(result)) => result,
            _ => Err(InvokeError::Exit { status: "panic".to_owned() }),
        }
    }
}

impl fmt::Debug for Invoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invoker")
    }
}
