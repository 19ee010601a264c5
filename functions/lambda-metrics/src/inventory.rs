//! The watched functions with their settings: read every ten minutes, and kept if that fails.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::join5;
use futures_util::stream::{self, StreamExt};
use shared::aws::CallFailure;
use tokio::time::Instant;

use crate::failures::{Failures, failure, in_time};
use crate::query::Measure;
use crate::services::{AccountLimits, Measured, Page, Services};
use crate::watch::{Settings, Watch, is_replica};

/// Maximum age of the known values.
const REFRESH_MS: u64 = 600_000;

/// Maximum calls for reserved concurrency in one run: Lambda allows an account 15 such calls per
/// second (source: AWS Lambda Developer Guide, "Lambda quotas").
const MAX_CALLS: usize = 150;
/// Maximum concurrent calls for reserved concurrency.
const CONCURRENT_CALLS: usize = 8;

/// The code for a function that was deleted after it was listed.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// Maximum number of pages of a list.
const MAX_PAGES: usize = 1_000;

/// The watched functions and their limits.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    functions: BTreeMap<String, Settings>,
    reserved: HashMap<String, Reserved>,
    provisioned: BTreeMap<String, BTreeSet<Option<String>>>,
    limits: Option<AccountLimits>,
    read_at_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Reserved {
    concurrency: Option<u32>,
    read_at_ms: u64,
}

impl Inventory {
    /// The watched functions.
    pub(crate) const fn functions(&self) -> &BTreeMap<String, Settings> {
        &self.functions
    }

    /// The account's limits, if known.
    pub(crate) const fn limits(&self) -> Option<AccountLimits> {
        self.limits
    }

    /// The aliases and versions of a function that have provisioned concurrency.
    pub(crate) fn provisioned(&self, function: &str) -> impl Iterator<Item = Option<&str>> {
        let all = self.provisioned.get(function).into_iter().flatten().map(Option::as_deref);
        // If aliases are known, the metric of the whole function counts the same calls again.
        let is_known = all.clone().any(|resource| resource.is_some());
        all.filter(move |resource| resource.is_some() || !is_known)
    }

    /// Maximum concurrent executions of a function: its reserved concurrency, or else the account's
    /// unreserved concurrency. `None` while it is not known.
    pub(crate) fn concurrency(&self, function: &str) -> Option<u32> {
        let limits = self.limits;
        match self.reserved.get(function) {
            Some(Reserved { concurrency: Some(reserved), .. }) => Some(*reserved),
            Some(Reserved { concurrency: None, .. }) => Some(limits?.unreserved),
            None if is_replica(function) => Some(limits?.unreserved),
            // Not read yet; but if nothing is reserved, no function has reserved concurrency.
            None => Some(limits.filter(|limits| limits.unreserved == limits.total)?.total),
        }
    }

    /// Reads values that are too old again, until a time.
    pub(crate) async fn refresh(
        &mut self,
        services: &impl Services,
        watch: &Watch,
        now_ms: u64,
        until: Instant,
        failures: &mut Failures,
    ) {
        if is_due(self.read_at_ms, now_ms) {
            let before = failures.count();
            self.read(services, watch, until, failures).await;
            self.read_at_ms = (failures.count() == before).then_some(now_ms);
        }
        self.read_reserved(services, now_ms, until, failures).await;
    }

    async fn read(
        &mut self,
        services: &impl Services,
        watch: &Watch,
        until: Instant,
        failures: &mut Failures,
    ) {
        let functions = all_pages(until, async |page: Option<String>| {
            services.functions(page.as_deref()).await
        });
        let tagged = async {
            let Some(tag) = &watch.tag else { return Ok(Vec::new()) };
            all_pages(until, async |page: Option<String>| {
                services.tagged(tag, page.as_deref()).await
            })
            .await
        };
        let limits = in_time(until, services.account_limits());
        let measured = async |measure| {
            all_pages(until, async |page: Option<String>| {
                services.measured(measure, page.as_deref()).await
            })
            .await
        };
        let replicas = async {
            let is_needed = watch.has_open_replicas();
            if is_needed { measured(Measure::Invocations).await } else { Ok(Vec::new()) }
        };
        let provisioned = measured(Measure::ProvisionedConcurrencyUtilization);
        let (functions, tagged, limits, replicas, provisioned) =
            join5(functions, tagged, limits, replicas, provisioned).await;
        let unread = "the provisioned concurrency";
        if let Some(provisioned) = failures.check("ListMetrics", unread, provisioned) {
            self.provisioned.clear();
            for Measured { function, resource } in provisioned {
                self.provisioned.entry(function).or_default().insert(resource);
            }
        }
        let limits = failures.check("GetAccountSettings", "the account's limits", limits);
        self.limits = limits.or(self.limits);
        let tagged = failures.check("GetResources", "the functions with the tag", tagged);
        let replicas = failures.check("ListMetrics", "the replicas of Lambda@Edge", replicas);
        let functions = failures.check("ListFunctions", "the functions", functions);
        let Some(mut functions) = functions else { return };
        // Known functions stay watched if tags or replicas cannot be read.
        if tagged.is_some() && replicas.is_some() || self.functions.is_empty() {
            let tagged = tagged.unwrap_or_default().into_iter().collect();
            let replicas = replicas.unwrap_or_default().into_iter();
            let replicas = replicas.map(|it| it.function).filter(|name| is_replica(name));
            let replicas = watch.named_replicas().chain(replicas);
            functions.extend(replicas.map(|name| (name, Settings::default())));
            self.select(watch, functions, &tagged);
        }
    }

    fn select(
        &mut self,
        watch: &Watch,
        functions: Vec<(String, Settings)>,
        tagged: &BTreeSet<String>,
    ) {
        let (functions, missing) = watch.select(functions, tagged);
        for name in missing {
            tracing::warn!(name, "no function has this name");
        }
        for (name, Settings { timeout_ms, memory_mb }) in &functions {
            tracing::debug!(name, timeout_ms, memory_mb, "watched");
        }
        tracing::info!(functions = functions.len(), "watching");
        self.reserved.retain(|name, _| functions.contains_key(name));
        self.functions = functions;
    }

    async fn read_reserved(
        &mut self,
        services: &impl Services,
        now_ms: u64,
        until: Instant,
        failures: &mut Failures,
    ) {
        let read_at_ms = |name: &str| Some(self.reserved.get(name)?.read_at_ms);
        let functions = self.functions.keys().filter(|name| !is_replica(name));
        let due = functions.filter(|name| is_due(read_at_ms(name), now_ms));
        // The oldest first: if there are more than the calls of ten minutes, each has its turn.
        let mut due: Vec<_> = due.collect();
        due.sort_by_key(|name| read_at_ms(name));
        let read = |name: &String| {
            let name = name.clone();
            async move {
                // Not a failure: the next run reads it.
                if Instant::now() >= until {
                    return (name, None);
                }
                let reserved = in_time(until, services.reserved_concurrency(&name)).await;
                (name, Some(reserved))
            }
        };
        let calls: Vec<_> = due.into_iter().take(MAX_CALLS).map(read).collect();
        let mut results = stream::iter(calls).buffer_unordered(CONCURRENT_CALLS);
        while let Some((name, result)) = results.next().await {
            match result {
                Some(Ok(concurrency)) => {
                    self.reserved.insert(name, Reserved { concurrency, read_at_ms: now_ms });
                }
                Some(Err(failure)) if failure.code.as_deref() == Some(NOT_FOUND) => {
                    tracing::warn!(name, "the function was deleted");
                    self.reserved.insert(name, Reserved { concurrency: None, read_at_ms: now_ms });
                }
                Some(Err(failure)) => {
                    let unread = format!("the reserved concurrency of {name}");
                    failures.add("GetFunctionConcurrency", &failure, &unread);
                }
                None => {}
            }
        }
    }
}

/// Also true if the clock was set back.
fn is_due(read_at_ms: Option<u64>, now_ms: u64) -> bool {
    read_at_ms.is_none_or(|read_at_ms| now_ms.abs_diff(read_at_ms) >= REFRESH_MS)
}

async fn all_pages<T>(
    until: Instant,
    read: impl AsyncFn(Option<String>) -> Result<Page<T>, CallFailure>,
) -> Result<Vec<T>, CallFailure> {
    let (mut all, mut next) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = in_time(until, read(next.clone())).await?;
        all.extend(page.items);
        if page.next.is_none() {
            return Ok(all);
        }
        if page.next == next {
            break;
        }
        next = page.next;
    }
    Err(failure("EndlessPages", "the pages do not end"))
}
