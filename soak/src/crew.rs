//! A function in two sets of processes: steady ones, whose memory is observed, and mortal ones,
//! which are killed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use local::runtime_api::{Function, FunctionOptions, Invoke, InvokeError};

use crate::growth::STEADY;

/// Percentage of invocations that Lambda throttles, and percentage that run twice concurrently.
const THROTTLED_PERCENT: u32 = 2;
const TWICE_PERCENT: u32 = 3;

/// The settings of a crew.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    pub(crate) name: &'static str,
    pub(crate) binary: &'a Path,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) timeout: Duration,
    /// Maximum number of steady processes, and also of mortal ones.
    pub(crate) concurrency: usize,
    pub(crate) seed: u64,
}

/// A running function; clones are the same function.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    pub(crate) name: &'static str,
    steady: Function,
    mortal: Function,
    chance: Arc<Mutex<Rng>>,
    /// Why steady processes ended.
    endings: Arc<Mutex<Vec<String>>>,
}

impl Crew {
    pub(crate) async fn start(options: Options<'_>) -> Result<Self, InvokeError> {
        let Options { name, binary, environment, timeout, concurrency, seed } = options;
        let start = async |kind: &str| {
            let name = format!("{name}{kind}");
            let environment = environment.clone();
            let options = FunctionOptions::new(name, binary);
            Function::start(FunctionOptions { environment, timeout, concurrency, ..options }).await
        };
        let (steady, mortal) = (start(STEADY).await?, start("-mortal").await?);
        let chance = Arc::new(Mutex::new(Rng::with_seed(seed)));
        Ok(Self { name, steady, mortal, chance, endings: Arc::default() })
    }

    /// Kills the mortal processes, even during an invocation.
    pub(crate) async fn kill(&self) {
        self.mortal.kill().await;
    }

    /// Invokes a steady process, and records why it ended, if it did.
    async fn invoke_steady(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let result = self.steady.invoke(payload).await;
        if let Err(error) = &result
            && !matches!(error, InvokeError::Function { .. } | InvokeError::Stopped)
        {
            let ending = format!("a process of {} ended without being killed: {error}", self.name);
            self.endings.lock().unwrap_or_else(PoisonError::into_inner).push(ending);
        }
        Ok(result?.body)
    }

    /// Why steady processes ended.
    pub(crate) fn endings(&self) -> Vec<String> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn stop(&self) {
        self.steady.stop().await;
        self.mortal.stop().await;
    }
}

impl Invoke for Crew {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let (percent, is_steady) = {
            let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
            (chance.u32(0..100), chance.bool())
        };
        if percent < THROTTLED_PERCENT {
            return Err(InvokeError::Stopped);
        }
        if percent < THROTTLED_PERCENT + TWICE_PERCENT {
            let (answer, _) =
                tokio::join!(self.invoke_steady(payload.clone()), self.mortal.invoke(payload));
            return answer;
        }
        if is_steady {
            return self.invoke_steady(payload).await;
        }
        Ok(self.mortal.invoke(payload).await?.body)
    }
}
